/* SPDX-License-Identifier: MIT */
/* The C interface, used as a C program written for the original library uses it: two control
 * blocks joined by a line that delays and loses, in virtual milliseconds. */
#include "ikcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      printf("%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                     \
    }                                                                 \
  } while (0)

#define CHECK_EQUAL(actual, expected)                                                           \
  do {                                                                                          \
    const long long actual_ = (long long)(actual);                                              \
    const long long expected_ = (long long)(expected);                                          \
    if (actual_ != expected_) {                                                                 \
      printf("%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_, expected_); \
      ++failures;                                                                               \
    }                                                                                           \
  } while (0)

/* --- a line ---------------------------------------------------------------------------------- */

enum { LineCapacity = 4096, DatagramCapacity = 1500 };

struct Datagram
{
    char bytes[DatagramCapacity];
    int size;
    IUINT32 due;
};

struct Line
{
    struct Datagram *slots;
    unsigned head, count;
    IUINT32 delay; /* ms */
    unsigned lossPercent;
    IUINT32 now;
    unsigned sent, calls;
    int lastCommand;
};

static IUINT32 randomState;

static IUINT32 nextRandom(void)
{
    randomState = randomState * 1664525U + 1013904223U;
    return randomState >> 8;
}

static struct Line newLine(IUINT32 now, IUINT32 delay, unsigned lossPercent)
{
    struct Line line;
    memset(&line, 0, sizeof line);
    line.slots = (struct Datagram *)malloc(sizeof(struct Datagram) * LineCapacity);
    if (!line.slots)
        abort();
    line.now = now;
    line.delay = delay;
    line.lossPercent = lossPercent;
    return line;
}

static int lineOutput(const char *buf, int len, ikcpcb *kcp, void *user)
{
    struct Line *line = (struct Line *)user;
    struct Datagram *slot;
    CHECK(kcp->user == user);
    ++line->calls;
    line->lastCommand = (unsigned char)buf[4];
    if (len > DatagramCapacity || line->count == LineCapacity
        || nextRandom() % 100 < line->lossPercent)
        return -1;
    slot = &line->slots[(line->head + line->count++) % LineCapacity];
    memcpy(slot->bytes, buf, (size_t)len);
    slot->size = len;
    slot->due = line->now + line->delay;
    ++line->sent;
    return len;
}

static void deliver(struct Line *line, ikcpcb *to, IUINT32 now)
{
    while (line->count > 0 && (IINT32)(now - line->slots[line->head].due) >= 0) {
        const struct Datagram *slot = &line->slots[line->head];
        CHECK_EQUAL(ikcp_input(to, slot->bytes, slot->size), 0);
        line->head = (line->head + 1) % LineCapacity;
        --line->count;
    }
}

/* --- an echo, as the original's test does it -------------------------------------------------- */

static void setMode(ikcpcb *kcp, int mode)
{
    ikcp_wndsize(kcp, 128, 128);
    if (mode == 0) {
        ikcp_nodelay(kcp, 0, 10, 0, 0);
    } else if (mode == 1) {
        ikcp_nodelay(kcp, 0, 10, 0, 1);
    } else {
        ikcp_nodelay(kcp, 2, 10, 2, 1);
        kcp->rx_minrto = 10;
        kcp->fastresend = 1;
    }
}

enum { EchoMessages = 500, EchoSize = 8 };

static void echoBack(ikcpcb *kcp)
{
    char message[2000];
    int size;
    while ((size = ikcp_recv(kcp, message, sizeof message)) > 0)
        CHECK_EQUAL(ikcp_send(kcp, message, size), size);
}

static void readEchoes(ikcpcb *kcp, IUINT32 *expected)
{
    char message[2000];
    int size;
    while ((size = ikcp_recv(kcp, message, sizeof message)) > 0) {
        IUINT32 index;
        CHECK_EQUAL(size, EchoSize);
        memcpy(&index, message, sizeof index);
        CHECK_EQUAL(index, *expected);
        ++*expected;
    }
}

static void echoOverLossyLine(int mode, IUINT32 start)
{
    struct Line there = newLine(start, 60, 10);
    struct Line back = newLine(start, 60, 10);
    ikcpcb *client = ikcp_create(0x11223344, &there);
    ikcpcb *server = ikcp_create(0x11223344, &back);
    IUINT32 elapsed = 0, sent = 0, expected = 0;

    client->output = lineOutput;
    ikcp_setoutput(server, lineOutput);
    setMode(client, mode);
    setMode(server, mode);

    for (; expected < EchoMessages && elapsed < 600000; ++elapsed) {
        const IUINT32 now = start + elapsed;
        there.now = back.now = now;
        ikcp_update(client, now);
        ikcp_update(server, now);
        if (elapsed % 20 == 0 && sent < EchoMessages) {
            char message[EchoSize] = { 0 };
            memcpy(message, &sent, sizeof sent);
            CHECK_EQUAL(ikcp_send(client, message, EchoSize), EchoSize);
            ++sent;
        }
        deliver(&there, server, now);
        deliver(&back, client, now);
        echoBack(server);
        readEchoes(client, &expected);
    }
    CHECK_EQUAL(expected, EchoMessages);
    CHECK_EQUAL(client->state, 0);
    CHECK(client->rx_srtt >= 120 && client->rx_srtt < 1000);
    CHECK(client->rx_rto >= client->rx_srtt);
    printf("mode %d from %u: %u echoes in %u ms, srtt %d ms\n", mode, start, expected, elapsed,
           client->rx_srtt);
    ikcp_release(client);
    ikcp_release(server);
    free(there.slots);
    free(back.slots);
}

/* --- the pace of update and check ------------------------------------------------------------- */

static void nothingLeavesBeforeTheFirstUpdate(void)
{
    struct Line line = newLine(0, 0, 0);
    ikcpcb *kcp = ikcp_create(1, &line);
    kcp->output = lineOutput;
    kcp->nocwnd = 1;
    CHECK_EQUAL(ikcp_send(kcp, "early", 5), 5);
    ikcp_flush(kcp);
    CHECK_EQUAL(line.calls, 0);
    CHECK_EQUAL(ikcp_check(kcp, 77), 77);
    ikcp_update(kcp, 77);
    CHECK_EQUAL(line.calls, 1);
    CHECK_EQUAL(kcp->updated, 1);
    ikcp_send(kcp, "now", 3);
    ikcp_flush(kcp);
    CHECK_EQUAL(line.calls, 2);
    ikcp_release(kcp);
    free(line.slots);
}

static void updateFlushesOncePerInterval(void)
{
    struct Line line = newLine(0, 0, 0);
    ikcpcb *kcp = ikcp_create(1, &line);
    IUINT32 now;
    kcp->output = lineOutput;
    ikcp_nodelay(kcp, 0, 50, 0, 1);
    for (now = 1000; now < 1195; ++now) { /* before the first retransmission */
        if (now % 10 == 0)
            ikcp_send(kcp, "x", 1);
        ikcp_update(kcp, now);
    }
    CHECK_EQUAL(line.calls, 4); /* at 1000, 1050, 1100, 1150 */
    ikcp_release(kcp);
    free(line.slots);
}

/* With nobody there: after each time that check names, update must do something. */
static void checkNamesATimeAtWhichUpdateActs(IUINT32 start)
{
    struct Line line = newLine(start, 0, 100);
    ikcpcb *kcp = ikcp_create(1, &line);
    IUINT32 now = start;
    IUINT32 sentAt[5];
    unsigned sent = 0, rounds = 0;
    kcp->output = lineOutput;
    ikcp_nodelay(kcp, 1, 100, 0, 1);
    ikcp_update(kcp, now);
    ikcp_send(kcp, "x", 1);
    ikcp_flush(kcp);
    sentAt[sent++] = now;
    while (sent < 5 && rounds < 100) {
        const unsigned before = line.calls;
        const IUINT32 next = ikcp_check(kcp, now);
        CHECK((IINT32)(next - now) > 0 && next - now <= kcp->interval);
        now = next;
        CHECK_EQUAL(ikcp_check(kcp, now), now);
        ikcp_update(kcp, now);
        CHECK(ikcp_check(kcp, now) != now);
        if (line.calls > before)
            sentAt[sent++] = now;
        ++rounds;
    }
    CHECK(rounds < 100);
    CHECK_EQUAL(sentAt[1] - start, 200);
    CHECK_EQUAL(sentAt[2] - start, 500);
    CHECK_EQUAL(sentAt[3] - start, 950);
    CHECK_EQUAL(sentAt[4] - start, 1625);
    CHECK_EQUAL(kcp->xmit, 4);
    ikcp_release(kcp);
    free(line.slots);
}

static void deadLinkIsToldInState(void)
{
    struct Line line = newLine(0, 0, 100);
    ikcpcb *kcp = ikcp_create(1, &line);
    IUINT32 now;
    kcp->output = lineOutput;
    kcp->dead_link = 4;
    ikcp_nodelay(kcp, 1, 10, 0, 1);
    ikcp_send(kcp, "x", 1);
    for (now = 0; now < 10000 && kcp->state == 0; ++now)
        ikcp_update(kcp, now);
    CHECK_EQUAL(kcp->state, (IUINT32)-1);
    CHECK(now < 2000);
    ikcp_release(kcp);
    free(line.slots);
}

/* --- return values ---------------------------------------------------------------------------- */

static void returnValues(void)
{
    static const char wrongConversation[24] = { 2, 0, 0, 0, 81 };
    static const char badLength[24] = { 1, 0, 0, 0, 81, 0, 0, 1, 0, 0, 0, 0,
                                        0, 0, 0, 0, 0,  0, 0, 0, 9, 0, 0, 0 };
    static const char badCommand[24] = { 1, 0, 0, 0, 80 };
    static char large[127 * 1376 + 1];
    struct Line line = newLine(0, 0, 0);
    ikcpcb *sender = ikcp_create(1, &line);
    ikcpcb *receiver = ikcp_create(1, &line);
    char buffer[8];

    sender->output = lineOutput;
    CHECK_EQUAL(ikcp_recv(receiver, buffer, sizeof buffer), -1);
    CHECK_EQUAL(ikcp_peeksize(receiver), -1);
    CHECK_EQUAL(ikcp_send(sender, large, -1), -1);
    CHECK_EQUAL(ikcp_send(sender, large, sizeof large), -2);
    CHECK_EQUAL(ikcp_waitsnd(sender), 0);
    CHECK_EQUAL(ikcp_input(receiver, wrongConversation, 24), -1);
    CHECK_EQUAL(ikcp_input(receiver, badLength, 23), -1);
    CHECK_EQUAL(ikcp_input(receiver, badLength, 24), -2);
    CHECK_EQUAL(ikcp_input(receiver, badCommand, 24), -3);
    CHECK_EQUAL(ikcp_setmtu(sender, 49), -1);
    CHECK_EQUAL(ikcp_setmtu(sender, 500), 0);
    CHECK_EQUAL(sender->mss, 476);

    sender->nocwnd = 1;
    ikcp_update(sender, 0);
    ikcp_send(sender, "hello", 5);
    ikcp_send(sender, "", 0);
    ikcp_send(sender, large, 1000);
    CHECK(ikcp_waitsnd(sender) >= 3);
    CHECK_EQUAL(ikcp_getconv(large), 0);
    ikcp_flush(sender);
    deliver(&line, receiver, 0);
    CHECK_EQUAL(ikcp_peeksize(receiver), 5);
    CHECK_EQUAL(ikcp_recv(receiver, buffer, 4), -3);
    CHECK_EQUAL(ikcp_recv(receiver, buffer, -8), 5); /* looks, and leaves it there */
    CHECK(memcmp(buffer, "hello", 5) == 0);
    CHECK_EQUAL(ikcp_recv(receiver, buffer, 8), 5);
    CHECK_EQUAL(ikcp_peeksize(receiver), 0);
    CHECK_EQUAL(ikcp_recv(receiver, buffer, 8), 0);
    CHECK_EQUAL(ikcp_recv(receiver, NULL, 1000), 1000);
    CHECK_EQUAL(ikcp_recv(receiver, buffer, 8), -1);
    ikcp_release(sender);
    ikcp_release(receiver);
    free(line.slots);
}

static void incompleteMessage(void)
{
    struct Line line = newLine(0, 0, 0);
    ikcpcb *sender = ikcp_create(1, &line);
    ikcpcb *receiver = ikcp_create(1, &line);
    char message[3000] = { 0 };
    sender->output = lineOutput;
    ikcp_nodelay(sender, 1, 10, 2, 1);
    ikcp_update(sender, 0);
    ikcp_send(sender, message, sizeof message);
    ikcp_flush(sender);
    CHECK_EQUAL(line.count, 3);
    line.count = 2; /* the last one is lost */
    deliver(&line, receiver, 0);
    CHECK_EQUAL(ikcp_peeksize(receiver), -1);
    CHECK_EQUAL(ikcp_recv(receiver, message, sizeof message), -2);
    ikcp_release(sender);
    ikcp_release(receiver);
    free(line.slots);
}

/* --- congestion control of the program's own -------------------------------------------------- */

struct FixedWindow
{
    IUINT32 window;
    int ticks, acks, released;
};

static struct FixedWindow fixedState;

static int fixedInit(ikcpcb *kcp)
{
    kcp->congest = &fixedState;
    kcp->cwnd = fixedState.window;
    kcp->nocwnd = 0;
    return 0;
}

static void fixedRelease(ikcpcb *kcp)
{
    CHECK(kcp->congest == &fixedState);
    ++((struct FixedWindow *)kcp->congest)->released;
}

static void fixedAck(ikcpcb *kcp, IUINT32 segments, IUINT32 bytes, IUINT32 before)
{
    struct FixedWindow *state = (struct FixedWindow *)kcp->congest;
    CHECK_EQUAL(bytes, segments * 1000);
    CHECK(before <= state->window && before >= segments);
    CHECK_EQUAL(ikcp_send(kcp, "x", 1), -1); /* not from here */
    CHECK_EQUAL(ikcp_setcc(kcp, NULL), -1);
    CHECK(ikcp_waitsnd(kcp) > 0 || kcp->nsnd_buf + kcp->nsnd_que == 0);
    ++state->acks;
}

static void fixedTick(ikcpcb *kcp)
{
    ++((struct FixedWindow *)kcp->congest)->ticks;
}

static IUINT32 fixedInfo(ikcpcb *kcp, void *buf, IUINT32 bufsize)
{
    if (bufsize < sizeof kcp->cwnd)
        return 0;
    memcpy(buf, &kcp->cwnd, sizeof kcp->cwnd);
    return sizeof kcp->cwnd;
}

static const struct IKCPOPS fixedWindow = { "fixed", fixedInit, fixedRelease, fixedAck, NULL,
                                            NULL,    fixedTick, NULL,         NULL,     NULL,
                                            NULL,    fixedInfo, NULL };

static int failingInit(ikcpcb *kcp)
{
    kcp->cwnd = 1000;
    kcp->congest = &fixedState;
    return -7;
}

static struct IKCPOPS failingOperations(void)
{
    struct IKCPOPS operations;
    memset(&operations, 0, sizeof operations);
    operations.init = failingInit;
    operations.release = fixedRelease;
    return operations;
}

static void fixedWindowHolds(void)
{
    struct Line there = newLine(0, 10, 0);
    struct Line back = newLine(0, 10, 0);
    ikcpcb *sender = ikcp_create(5, &there);
    ikcpcb *receiver = ikcp_create(5, &back);
    char message[1000] = { 0 };
    IUINT32 now, window = 0;
    int i;
    sender->output = receiver->output = lineOutput;
    ikcp_nodelay(sender, 1, 10, 0, 1);
    ikcp_nodelay(receiver, 1, 10, 0, 1);
    ikcp_wndsize(sender, 100, 128);
    fixedState.window = 7;
    fixedState.ticks = fixedState.acks = fixedState.released = 0;
    CHECK_EQUAL(ikcp_setcc(sender, &fixedWindow), 0);
    CHECK(sender->ccops == &fixedWindow && sender->cwnd == 7 && sender->nocwnd == 0);
    CHECK_EQUAL(sender->ccops->get_info(sender, &window, sizeof window), sizeof window);
    CHECK_EQUAL(window, 7);
    for (i = 0; i < 60; ++i)
        ikcp_send(sender, message, sizeof message);
    for (now = 0; now < 1000 && ikcp_waitsnd(sender) > 0; ++now) {
        there.now = back.now = now;
        ikcp_update(sender, now);
        ikcp_update(receiver, now);
        CHECK(sender->nsnd_buf <= 7 && sender->nsnd_buf == sender->snd_nxt - sender->snd_una);
        if (now == 0)
            CHECK_EQUAL(there.sent, 7);
        deliver(&there, receiver, now);
        deliver(&back, sender, now);
    }
    CHECK_EQUAL(ikcp_waitsnd(sender), 0);
    CHECK(sender->snd_una == 60 && receiver->rcv_nxt == 60 && receiver->nrcv_que == 60);
    CHECK(fixedState.acks >= 60 / 7 && fixedState.ticks > fixedState.acks);

    sender->nocwnd = 1; /* the operations go on, the window does not limit */
    for (i = 0; i < 20; ++i)
        ikcp_send(sender, message, sizeof message);
    ikcp_flush(sender);
    CHECK(sender->nsnd_buf == 20 && sender->cwnd == 7);
    ikcp_release(sender);
    CHECK_EQUAL(fixedState.released, 1);
    ikcp_release(receiver);
    free(there.slots);
    free(back.slots);
}

static void builtInControlComesBack(void)
{
    const struct IKCPOPS failing = failingOperations();
    ikcpcb *kcp = ikcp_create(5, NULL);
    fixedState.window = 30;
    fixedState.released = 0;
    CHECK_EQUAL(ikcp_setcc(kcp, NULL), 0);
    CHECK_EQUAL(kcp->cwnd, 1);
    CHECK_EQUAL(ikcp_setcc(kcp, &failing), -7);
    CHECK(kcp->ccops == NULL && kcp->congest == NULL);
    CHECK_EQUAL(kcp->cwnd, 1);

    CHECK_EQUAL(ikcp_setcc(kcp, &fixedWindow), 0);
    CHECK_EQUAL(kcp->cwnd, 30);
    CHECK_EQUAL(ikcp_setcc(kcp, NULL), 0);
    CHECK(kcp->ccops == NULL && kcp->congest == NULL);
    CHECK_EQUAL(fixedState.released, 1);
    CHECK_EQUAL(kcp->cwnd, 1);
    CHECK_EQUAL(kcp->incr, kcp->mss);

    CHECK_EQUAL(ikcp_setcc(kcp, &fixedWindow), 0);
    CHECK_EQUAL(ikcp_setcc(kcp, &failing), -7); /* not the fixed window, but the built-in one */
    CHECK_EQUAL(fixedState.released, 2);
    CHECK_EQUAL(kcp->cwnd, 1);
    ikcp_release(kcp);
    CHECK_EQUAL(fixedState.released, 2);
}

int main(void)
{
    const char *seed = getenv("KCP_TEST_SEED");
    randomState = seed ? (IUINT32)strtoul(seed, NULL, 10) : 20240607U;
    printf("KCP_TEST_SEED=%u\n", randomState);

    nothingLeavesBeforeTheFirstUpdate();
    updateFlushesOncePerInterval();
    checkNamesATimeAtWhichUpdateActs(5000);
    checkNamesATimeAtWhichUpdateActs(0xffffffffU - 700U); /* the clock wraps on the way */
    checkNamesATimeAtWhichUpdateActs(0x7fffffffU - 700U);
    deadLinkIsToldInState();
    returnValues();
    incompleteMessage();
    fixedWindowHolds();
    builtInControlComesBack();
    {
        int mode;
        for (mode = 0; mode < 3; ++mode) {
            echoOverLossyLine(mode, 0);
            echoOverLossyLine(mode, 0xffffffffU - 3000U);
            echoOverLossyLine(mode, 0x7fffffffU - 3000U);
        }
    }
    printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
