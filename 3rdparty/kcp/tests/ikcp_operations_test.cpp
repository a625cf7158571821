// SPDX-License-Identifier: MIT
// A congestion control of the program's own, given to ikcp_setcc: what is called when, and with what.
#include "ikcp_end.h"

#include <cstdint>
#include <map>
#include <set>

namespace {

// Writes down every call.
struct Trace
{
    std::vector<std::string> calls;

    static Trace &of(ikcpcb *kcp) { return *static_cast<Trace *>(kcp->congest); }

    template <typename... Numbers>
    static void add(ikcpcb *kcp, const char *name, Numbers... numbers)
    {
        std::string text = name;
        ((text += ' ' + std::to_string(numbers)), ...);
        of(kcp).calls.push_back(text);
    }

    bool is(const std::vector<std::string> &expected)
    {
        const bool same = calls == expected;
        for (const std::string &call : calls) {
            if (!same)
                std::printf("    %s\n", call.c_str());
        }
        calls.clear();
        return same;
    }
};

IKCPOPS traceOperations()
{
    IKCPOPS ops = {};
    ops.on_ack = [](ikcpcb *kcp, IUINT32 segments, IUINT32 bytes, IUINT32 before) {
        Trace::add(kcp, "ack", segments, bytes, before);
    };
    ops.on_fast_retransmit = [](ikcpcb *kcp, IUINT32 count, IUINT32 inflight, IUINT32 cwnd) {
        Trace::add(kcp, "fast", count, inflight, cwnd);
    };
    ops.on_timeout = [](ikcpcb *kcp, IUINT32 cwnd) { Trace::add(kcp, "timeout", cwnd); };
    ops.on_tick = [](ikcpcb *kcp) { Trace::add(kcp, "tick"); };
    ops.on_app_limited = [](ikcpcb *kcp, IUINT32 inflight) { Trace::add(kcp, "idle", inflight); };
    ops.on_rtt = [](ikcpcb *kcp, IINT32 rtt) { Trace::add(kcp, "rtt", rtt); };
    ops.on_pkt_sent = [](ikcpcb *kcp, IUINT32 sn, IUINT32 ts, IUINT32 len, IUINT32 inflight,
                         IUINT32 xmit) { Trace::add(kcp, "sent", sn, ts, len, inflight, xmit); };
    ops.on_pkt_acked = [](ikcpcb *kcp, IUINT32 sn, IUINT32 ts, IUINT32 len, IINT32 rtt,
                          IUINT32 xmit) { Trace::add(kcp, "acked", sn, ts, len, rtt, xmit); };
    ops.pacing_rate = [](ikcpcb *) -> IUINT32 { std::abort(); };
    ops.get_info = [](ikcpcb *, void *, IUINT32) -> IUINT32 { std::abort(); };
    return ops;
}

void operationsAreCalledInOrder()
{
    End here, there;
    Trace trace;
    const IKCPOPS ops = traceOperations();
    const Control sender = makeControl(1, here);
    const Control receiver = makeControl(1, there);
    ikcp_nodelay(sender.get(), 1, 10, 1, 0);
    CHECK(ikcp_setcc(sender.get(), &ops) == 0);
    sender->congest = &trace;
    sender->cwnd = 2; // a program may do that too
    for (int i = 0; i < 3; ++i)
        ikcp_send(sender.get(), "ab", 2);
    ikcp_update(sender.get(), 1000);
    CHECK(trace.is({ "tick", "sent 0 1000 2 2 1", "sent 1 1000 2 2 1" }));
    ikcp_update(receiver.get(), 1000);
    carry(here, receiver.get(), 1015);
    ikcp_flush(receiver.get());
    carry(there, sender.get(), 1030); // an ACK for the last one, una for both
    CHECK(trace.is({ "acked 0 1000 2 -1 1", "acked 1 1000 2 30 1", "rtt 30", "ack 2 4 2" }));
    CHECK(sender->rx_srtt == 30 && sender->rx_rto == 90);
    ikcp_update(sender.get(), 1030);
    CHECK(trace.is({ "tick", "sent 2 1030 2 1 1", "idle 1" }));

    here.sent.clear(); // lost
    ikcp_update(sender.get(), 1120);
    CHECK(trace.is({ "timeout 2", "tick", "sent 2 1120 2 1 2", "idle 1" }));
    here.sent.clear(); // and again
    ikcp_send(sender.get(), "abc", 3);
    ikcp_flush(sender.get());
    CHECK(trace.is({ "tick", "sent 3 1120 3 2 1" }));
    carry(here, receiver.get(), 1130);
    CHECK(receiver->nrcv_buf == 1 && receiver->nrcv_que == 2 && receiver->rcv_nxt == 2);
    ikcp_flush(receiver.get());
    carry(there, sender.get(), 1140);
    CHECK(trace.is({ "acked 3 1120 3 20 1", "rtt 20", "ack 1 3 2", "fast 1 2 2" }));
    CHECK(sender->nsnd_buf == 2 && sender->snd_una == 2 && sender->snd_nxt == 4);
    ikcp_flush(sender.get());
    CHECK(trace.is({ "tick", "sent 2 1140 2 2 3" }));
    carry(here, receiver.get(), 1150);
    CHECK(receiver->nrcv_buf == 0 && receiver->nrcv_que == 4 && receiver->rcv_nxt == 4);
    CHECK(ikcp_setcc(sender.get(), nullptr) == 0);
    ikcp_flush(sender.get());
    CHECK(trace.calls.empty() && sender->congest == nullptr);
}

// Slow start and halving, kept in incr; and a ledger of every segment.
struct Reno
{
    std::map<IUINT32, IUINT32> transmissions; // by sn, as told
    std::set<IUINT32> acked;
    std::uint64_t ackedBytes = 0, ackedPacketBytes = 0;
    unsigned ackedSegments = 0, fastRetransmits = 0, timeouts = 0;
    bool *released = nullptr;

    static Reno &of(ikcpcb *kcp) { return *static_cast<Reno *>(kcp->congest); }

    static void onAck(ikcpcb *kcp, IUINT32 segments, IUINT32 bytes, IUINT32)
    {
        of(kcp).ackedSegments += segments;
        of(kcp).ackedBytes += bytes;
        CHECK(of(kcp).acked.size() == of(kcp).ackedSegments); // on_pkt_acked came first
        kcp->incr += kcp->cwnd < kcp->ssthresh ? bytes : bytes / kcp->cwnd;
        kcp->cwnd = std::max(kcp->incr / kcp->mss, 1U);
    }
    static void reduce(ikcpcb *kcp, IUINT32 cwnd)
    {
        kcp->ssthresh = std::max(kcp->cwnd / 2, 2U);
        kcp->cwnd = cwnd > 0 ? cwnd : kcp->ssthresh;
        kcp->incr = kcp->cwnd * kcp->mss;
    }
    static void onPacketSent(ikcpcb *kcp, IUINT32 sn, IUINT32, IUINT32 len, IUINT32 inflight,
                             IUINT32 xmit)
    {
        CHECK(++of(kcp).transmissions[sn] == xmit);
        CHECK(xmit > 1 || inflight <= kcp->cwnd);
        CHECK(len > 0 && len <= kcp->mss && inflight == kcp->nsnd_buf);
    }
    static void onPacketAcked(ikcpcb *kcp, IUINT32 sn, IUINT32, IUINT32 len, IINT32 rtt,
                              IUINT32 xmit)
    {
        CHECK(of(kcp).acked.insert(sn).second);
        CHECK(of(kcp).transmissions[sn] == xmit && (rtt == -1 || rtt >= 40));
        of(kcp).ackedPacketBytes += len;
    }
};

IKCPOPS renoOperations()
{
    IKCPOPS ops = {};
    ops.name = "reno";
    ops.init = [](ikcpcb *kcp) {
        kcp->cwnd = 4;
        kcp->ssthresh = 0x7fffffff;
        kcp->incr = kcp->cwnd * kcp->mss;
        kcp->congest = new Reno;
        return 0;
    };
    ops.release = [](ikcpcb *kcp) {
        *Reno::of(kcp).released = true;
        delete &Reno::of(kcp);
    };
    ops.on_ack = Reno::onAck;
    ops.on_fast_retransmit = [](ikcpcb *kcp, IUINT32 count, IUINT32, IUINT32 prior) {
        CHECK(prior == kcp->cwnd);
        Reno::of(kcp).fastRetransmits += count;
        Reno::reduce(kcp, 0);
    };
    ops.on_timeout = [](ikcpcb *kcp, IUINT32) {
        ++Reno::of(kcp).timeouts;
        Reno::reduce(kcp, 1);
    };
    ops.on_rtt = [](ikcpcb *, IINT32 rtt) { CHECK(rtt >= 40); };
    ops.on_pkt_sent = Reno::onPacketSent;
    ops.on_pkt_acked = Reno::onPacketAcked;
    return ops;
}

// 20 ms each way, 3 % loss: everything arrives, and the ledger is right to the byte.
void renoOverALossyLine(IUINT32 start)
{
    struct Flying
    {
        IUINT32 due;
        std::string bytes;
        ikcpcb *to;
    };
    End here, there;
    here.lossPercent = there.lossPercent = 3;
    bool released = false;
    const IKCPOPS ops = renoOperations();
    Control sender = makeControl(9, here);
    const Control receiver = makeControl(9, there);
    CHECK(ikcp_setcc(sender.get(), &ops) == 0);
    Reno::of(sender.get()).released = &released;
    for (ikcpcb *kcp : { sender.get(), receiver.get() }) {
        ikcp_nodelay(kcp, 1, 10, 2, 0);
        ikcp_wndsize(kcp, 256, 256);
        kcp->stream = 1;
    }
    const std::string text = randomText(600000);
    ikcp_send(sender.get(), text.data(), static_cast<int>(text.size()));
    std::string received;
    std::deque<Flying> line;
    IUINT32 now = start;
    IUINT32 largestWindow = 0;
    for (; ikcp_waitsnd(sender.get()) > 0 && now - start < 600000; ++now) {
        ikcp_update(sender.get(), now);
        ikcp_update(receiver.get(), now);
        for (; !here.sent.empty(); here.sent.pop_front())
            line.push_back({ now + 20, here.sent.front(), receiver.get() });
        for (; !there.sent.empty(); there.sent.pop_front())
            line.push_back({ now + 20, there.sent.front(), sender.get() });
        for (; !line.empty() && line.front().due == now; line.pop_front()) {
            const std::string &bytes = line.front().bytes;
            line.front().to->current = now;
            ikcp_input(line.front().to, bytes.data(), static_cast<long>(bytes.size()));
        }
        received += readAll(receiver.get());
        largestWindow = std::max(largestWindow, sender->cwnd);
    }
    CHECK(received == text);
    const Reno &reno = Reno::of(sender.get());
    CHECK(reno.ackedBytes == text.size() && reno.ackedPacketBytes == text.size());
    CHECK(reno.acked.size() == sender->snd_nxt && sender->snd_una == sender->snd_nxt);
    CHECK(reno.fastRetransmits + reno.timeouts > 0 && largestWindow > 4);
    std::printf("reno from %u: %u ms, %u fast, %u timeouts, window up to %u\n", start, now - start,
                reno.fastRetransmits, reno.timeouts, largestWindow);
    sender.reset();
    CHECK(released);
}

} // namespace

int main()
{
    seedGenerator();
    operationsAreCalledInOrder();
    renoOverALossyLine(0);
    renoOverALossyLine(0xffffffffU - 500U);
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
