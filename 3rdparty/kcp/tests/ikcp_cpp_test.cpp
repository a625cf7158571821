// SPDX-License-Identifier: MIT
// The C interface from C++: fields that programs assign, callbacks as lambdas, the allocator, the
// log, and a bulk transfer paced by ikcp_check.
#include "ikcp.h"

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

int failures = 0;

void check(bool ok, const char *what, int line)
{
    if (ok)
        return;
    std::printf("%s:%d: %s is false\n", __FILE__, line, what);
    ++failures;
}

#define CHECK(condition) check(static_cast<bool>(condition), #condition, __LINE__)

struct Release
{
    void operator()(ikcpcb *kcp) const { ikcp_release(kcp); }
};
using Control = std::unique_ptr<ikcpcb, Release>;

std::mt19937 generator;

// One end of a line: what it sent and the other has not taken yet.
struct End
{
    std::deque<std::string> sent;
    unsigned lossPercent = 0;
    std::size_t largest = 0;
    std::vector<std::string> log;
};

Control makeControl(IUINT32 conv, End &end)
{
    Control kcp(ikcp_create(conv, &end));
    kcp->output = [](const char *buf, int len, ikcpcb *, void *user) {
        auto *end = static_cast<End *>(user);
        end->largest = std::max(end->largest, static_cast<std::size_t>(len));
        if (generator() % 100 >= end->lossPercent)
            end->sent.emplace_back(buf, static_cast<std::size_t>(len));
        return 0;
    };
    kcp->writelog = [](const char *line, ikcpcb *, void *user) {
        static_cast<End *>(user)->log.emplace_back(line);
    };
    return kcp;
}

void carry(End &from, ikcpcb *to, IUINT32 now)
{
    for (; !from.sent.empty(); from.sent.pop_front()) {
        to->current = now;
        CHECK(ikcp_input(to, from.sent.front().data(), static_cast<long>(from.sent.front().size()))
              == 0);
    }
}

std::string randomText(std::size_t size)
{
    std::string text(size, '\0');
    for (char &c : text)
        c = static_cast<char>(generator());
    return text;
}

std::string readAll(ikcpcb *kcp)
{
    std::string text;
    for (int size = ikcp_peeksize(kcp); size >= 0; size = ikcp_peeksize(kcp)) {
        std::string message(static_cast<std::size_t>(size), '\0');
        CHECK(ikcp_recv(kcp, message.data(), size) == size);
        text += message;
    }
    return text;
}

// 1 MB in one stream write, 10 % loss both ways, update only when check says so.
void bulkStream(IUINT32 start)
{
    End here, there;
    here.lossPercent = there.lossPercent = 10;
    const Control sender = makeControl(9, here);
    const Control receiver = makeControl(9, there);
    for (ikcpcb *kcp : { sender.get(), receiver.get() }) {
        ikcp_nodelay(kcp, 1, 10, 2, 1);
        ikcp_wndsize(kcp, 256, 256);
        kcp->stream = 1;
    }
    const std::string text = randomText(1 << 20);
    CHECK(ikcp_send(sender.get(), text.data(), static_cast<int>(text.size()))
          == static_cast<int>(text.size()));

    std::string received;
    IUINT32 now = start;
    int updates = 0;
    while (ikcp_waitsnd(sender.get()) > 0 && now - start < 60000) {
        for (ikcpcb *kcp : { sender.get(), receiver.get() }) {
            if (static_cast<IINT32>(now - ikcp_check(kcp, now)) >= 0) {
                ikcp_update(kcp, now);
                ++updates;
            }
        }
        now += 5;
        carry(here, receiver.get(), now);
        carry(there, sender.get(), now);
        received += readAll(receiver.get());
    }
    CHECK(received == text);
    CHECK(ikcp_waitsnd(sender.get()) == 0);
    CHECK(sender->nsnd_buf == 0 && sender->nsnd_que == 0);
    CHECK(updates > 0 && here.largest == sender->mtu);
    std::printf("bulk from %u: %u ms, %d updates\n", start, now - start, updates);
}

void assignedFieldsTakeEffect()
{
    End here, there;
    const Control sender = makeControl(1, here);
    const Control receiver = makeControl(1, there);
    sender->conv = receiver->conv = 0x04030201;
    sender->mtu = 200;
    sender->nocwnd = 1;
    sender->snd_wnd = 4;
    receiver->rcv_wnd = 64;
    const std::string text = randomText(176);
    for (int i = 0; i < 10; ++i)
        ikcp_send(sender.get(), text.data(), static_cast<int>(text.size()));
    CHECK(sender->mss == 176);
    ikcp_update(sender.get(), 1000);
    CHECK(here.sent.size() == 4 && here.largest == 200);
    CHECK(sender->nsnd_buf == 4 && ikcp_waitsnd(sender.get()) >= 5);
    CHECK(ikcp_getconv(here.sent.front().data()) == 0x04030201);

    carry(here, receiver.get(), 1000);
    ikcp_update(receiver.get(), 1000);
    carry(there, sender.get(), 1025);
    CHECK(sender->nsnd_buf == 0);
    CHECK(sender->rmt_wnd == 60);
    CHECK(sender->rx_srtt == 25);

    sender->mss = 1376;
    sender->interval = 0;
    sender->snd_wnd = 1000000;
    ikcp_flush(sender.get());
    CHECK(sender->mtu == 1400 && sender->interval == 1 && sender->snd_wnd == 65535);
    CHECK(!here.sent.empty());
}

// Only the sender's mode matters: a receiver in stream mode still gets whole messages.
void streamIsTheSendersBusiness()
{
    End here, there;
    const Control sender = makeControl(1, here);
    const Control receiver = makeControl(1, there);
    sender->nocwnd = 1;
    receiver->stream = 1;
    const std::string message = randomText(3000);
    ikcp_send(sender.get(), message.data(), 3000);
    ikcp_send(sender.get(), "short", 5);
    ikcp_update(sender.get(), 0);
    carry(here, receiver.get(), 0);
    CHECK(ikcp_peeksize(receiver.get()) == 3000);
    CHECK(readAll(receiver.get()) == message + "short");

    sender->stream = 1;
    ikcp_send(sender.get(), message.data(), 1000);
    ikcp_send(sender.get(), "short", 5);
    ikcp_flush(sender.get());
    carry(here, receiver.get(), 0);
    CHECK(ikcp_peeksize(receiver.get()) == 1005);
}

void minimumRtoIsTheAssignedOne()
{
    End here, there;
    const Control sender = makeControl(1, here);
    const Control receiver = makeControl(1, there);
    ikcp_nodelay(sender.get(), 1, 10, 0, 1);
    CHECK(sender->rx_minrto == 30);
    sender->rx_minrto = 15;
    IUINT32 now = 0;
    for (int i = 0; i < 100; ++i, ++now) { // a line without delay: rto = 1 + interval
        ikcp_send(sender.get(), "x", 1);
        ikcp_update(sender.get(), now);
        carry(here, receiver.get(), now);
        ikcp_update(receiver.get(), now);
        ikcp_flush(receiver.get());
        carry(there, sender.get(), now);
    }
    CHECK(sender->rx_rto == 15);
    ikcp_nodelay(sender.get(), 0, -1, -1, -1);
    CHECK(sender->rx_minrto == 100 && sender->interval == 10 && sender->nocwnd == 1);
}

void windowsHaveTheirFloor()
{
    End here;
    const Control kcp = makeControl(1, here);
    CHECK(ikcp_wndsize(kcp.get(), 64, 32) == 0);
    CHECK(kcp->snd_wnd == 64 && kcp->rcv_wnd == 128);
    CHECK(ikcp_wndsize(kcp.get(), -1, 65536) == 0);
    CHECK(kcp->snd_wnd == 64 && kcp->rcv_wnd == 65535);
    CHECK(ikcp_setcc(kcp.get(), IKCP_CC_OFF) == 0 && kcp->nocwnd == 1 && kcp->cwnd == 64);
    CHECK(ikcp_setcc(kcp.get(), IKCP_CC_CUBIC) == 0 && kcp->nocwnd == 0);
    const IUINT32 cubicWindow = kcp->cwnd;
    CHECK(ikcp_setcc(kcp.get(), IKCP_CC_CLASSIC) == 0 && kcp->nocwnd == 0);
    CHECK(cubicWindow > kcp->cwnd); // RFC 5681 starts with more than the classic one
    CHECK(ikcp_setcc(kcp.get(), 3) == -1);
}

void logObeysItsMask()
{
    End here, there;
    const Control sender = makeControl(1, here);
    const Control receiver = makeControl(1, there);
    sender->logmask = IKCP_LOG_OUT_DATA | IKCP_LOG_IN_ACK | 0x10000;
    ikcp_send(sender.get(), "x", 1);
    ikcp_update(sender.get(), 0);
    carry(here, receiver.get(), 0);
    ikcp_update(receiver.get(), 0);
    carry(there, sender.get(), 0);
    ikcp_log(sender.get(), 0x10000, "mine %d", 42);
    ikcp_log(sender.get(), 0x20000, "not mine");
    CHECK(here.log.size() == 3);
    CHECK(here.log.front().find("data") != std::string::npos);
    CHECK(here.log.back() == "mine 42");
    CHECK(there.log.empty());
}

int allocations = 0;

void *countingAllocate(std::size_t size)
{
    ++allocations;
    return std::malloc(size);
}

void countingFree(void *memory)
{
    --allocations;
    std::free(memory);
}

void allocatorServesTheControlBlock()
{
    End here;
    ikcp_allocator(countingAllocate, countingFree);
    Control kcp = makeControl(1, here);
    CHECK(allocations == 1);
    ikcp_allocator(nullptr, nullptr);
    kcp.reset(); // goes back to where it came from
    CHECK(allocations == 0);
    ikcp_allocator([](std::size_t) -> void * { return nullptr; }, countingFree);
    CHECK(ikcp_create(1, nullptr) == nullptr);
    ikcp_allocator(nullptr, nullptr);
}

// A clock that is set back must not stop the conversation.
void clockSetBack()
{
    End here;
    const Control kcp = makeControl(1, here);
    ikcp_nodelay(kcp.get(), 1, 10, 0, 1);
    ikcp_update(kcp.get(), 5000000);
    ikcp_update(kcp.get(), 1000);
    ikcp_send(kcp.get(), "x", 1);
    for (IUINT32 now = 1000; now < 1012; ++now)
        ikcp_update(kcp.get(), now);
    CHECK(here.sent.size() == 1);
}

} // namespace

int main()
{
    const char *seed = std::getenv("KCP_TEST_SEED");
    const unsigned long value = seed ? std::strtoul(seed, nullptr, 10) : std::random_device{}();
    std::printf("KCP_TEST_SEED=%lu\n", value);
    generator.seed(static_cast<std::mt19937::result_type>(value));

    bulkStream(0);
    bulkStream(0xffffffffU - 500U);
    bulkStream(0x7fffffffU - 500U);
    assignedFieldsTakeEffect();
    streamIsTheSendersBusiness();
    minimumRtoIsTheAssignedOne();
    windowsHaveTheirFloor();
    logObeysItsMask();
    allocatorServesTheControlBlock();
    clockSetBack();
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
