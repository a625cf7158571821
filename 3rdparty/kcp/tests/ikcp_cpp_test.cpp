// SPDX-License-Identifier: MIT
// The C interface from C++: fields that programs assign, callbacks as lambdas, the allocator, the
// log, and a bulk transfer paced by ikcp_check.
#include "ikcp_end.h"

#include <cstdlib>

namespace {

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

void aClosedWindowIsSeenInTheBlock()
{
    End here, there;
    const Control sender = makeControl(1, here);
    const Control receiver = makeControl(1, there);
    sender->nocwnd = receiver->nocwnd = 1;
    receiver->rcv_wnd = 2;
    for (int i = 0; i < 2; ++i)
        ikcp_send(sender.get(), "x", 1);
    ikcp_update(sender.get(), 1000);
    ikcp_update(receiver.get(), 1000);
    carry(here, receiver.get(), 1000);
    CHECK(receiver->nrcv_que == 2);
    ikcp_flush(receiver.get());
    carry(there, sender.get(), 1010);
    ikcp_send(sender.get(), "x", 1);
    ikcp_flush(sender.get());
    CHECK(sender->rmt_wnd == 0 && sender->nsnd_que == 1 && here.sent.empty());
    CHECK(sender->probe_wait > 0 && sender->ts_probe == 1010 + sender->probe_wait);

    CHECK(readAll(receiver.get()) == "xx" && receiver->nrcv_que == 0);
    ikcp_flush(receiver.get());
    carry(there, sender.get(), 1020);
    ikcp_flush(sender.get());
    CHECK(sender->rmt_wnd == 2 && sender->probe_wait == 0 && sender->ts_probe == 0);
    CHECK(here.sent.size() == 1);
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
    kcp->nocwnd = 1;
    ikcp_flush(kcp.get());
    CHECK(kcp->cwnd == 64);
    ikcp_nodelay(kcp.get(), -1, -1, -1, 0);
    CHECK(kcp->cwnd == 1);
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
    seedGenerator();
    bulkStream(0);
    bulkStream(0xffffffffU - 500U);
    bulkStream(0x7fffffffU - 500U);
    assignedFieldsTakeEffect();
    aClosedWindowIsSeenInTheBlock();
    streamIsTheSendersBusiness();
    minimumRtoIsTheAssignedOne();
    windowsHaveTheirFloor();
    logObeysItsMask();
    allocatorServesTheControlBlock();
    clockSetBack();
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
