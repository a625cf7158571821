// SPDX-License-Identifier: MIT
#include "ikcpoperations.h"

#include "ikcpcontrol.h"

#include <algorithm>

namespace kcp {

namespace {

// Of a segment that an ACK with the given ts answers.
IINT32 measuredRtt(const SendQueue::Segment &segment, Instant now, std::uint32_t timestamp)
{
    if (timestamp == segment.lastTimestamp)
        return toMilliseconds(now - segment.lastSent);
    const bool ours = serialDistance(timestamp, segment.firstTimestamp) >= 0
            && serialDistance(segment.lastTimestamp, timestamp) > 0;
    return ours ? std::max(serialDistance(wireTime(now), timestamp), 0) : -1;
}

} // namespace

OperationsControl::OperationsControl(ControlBlock &control, const IKCPOPS &operations)
    : m_control(control),
      m_operations(operations),
      m_fastRetransmissions(control.engine().stats().fastRetransmissions)
{
}

template <typename... Parameters, typename... Arguments>
void OperationsControl::call(void (*operation)(ikcpcb *, Parameters...), Arguments... arguments)
{
    if (!operation)
        return;
    m_control.publish();
    const FlagGuard guard(m_control.inOperation());
    operation(&m_control, arguments...);
}

// --- from the engine ------------------------------------------------------------------------

void OperationsControl::onAck(const Ack &ack)
{
    reportAcked();
    if (ack.rtt >= Duration::zero())
        call(m_operations.on_rtt, toMilliseconds(ack.rtt));
    const std::size_t bytes = m_bytesBefore - m_control.engine().unacknowledgedBytes();
    call(m_operations.on_ack, ack.newlyAcknowledged, static_cast<IUINT32>(bytes), ack.inFlight);
}

void OperationsControl::onFastRetransmit(const Loss &loss)
{
    const std::uint64_t total = m_control.engine().stats().fastRetransmissions;
    const auto count = static_cast<IUINT32>(total - m_fastRetransmissions);
    m_fastRetransmissions = total;
    call(m_operations.on_fast_retransmit, count, loss.inFlight, m_control.cwnd);
}

void OperationsControl::onTimeout(const Loss &)
{
    call(m_operations.on_timeout, m_control.cwnd);
}

std::uint32_t OperationsControl::window() const
{
    return m_control.nocwnd != 0 ? UINT32_MAX : std::max(m_control.cwnd, IUINT32{ 1 });
}

std::uint32_t OperationsControl::slowStartThreshold() const
{
    return m_control.ssthresh;
}

// --- from the control block -----------------------------------------------------------------

// Only the segments that the datagram names, and those that its una passes, are looked at. Which of
// them the engine believed is seen afterwards.
void OperationsControl::beforeInput(Instant now, ByteView datagram)
{
    const SendQueue &queue = m_control.engine().sendQueue();
    m_bytesBefore = m_control.engine().unacknowledgedBytes();
    m_candidates.clear();
    if (!m_operations.on_pkt_acked)
        return;
    std::uint32_t una = queue.una();
    const std::uint32_t conv = m_control.engine().conversation();
    SegmentView segment;
    while (parseSegment(conv, datagram, segment) == ParseError::None) {
        const SegmentHeader &header = segment.header;
        if (serialLess(queue.next(), header.una))
            break;
        if (serialLess(una, header.una))
            una = header.una;
        if (header.command == Command::Ack && queue.isOutstanding(header.sn)) {
            addCandidate(header.sn, measuredRtt(queue.segment(header.sn), now, header.timestamp));
        }
    }
    for (std::uint32_t sn = queue.una(); sn != una; ++sn) {
        if (queue.isOutstanding(sn))
            addCandidate(sn, -1);
    }
    // The first word on a segment counts, and an ACK more than una.
    const std::uint32_t first = queue.una();
    std::stable_sort(m_candidates.begin(), m_candidates.end(),
                     [first](const Candidate &a, const Candidate &b) {
                         return a.sn - first < b.sn - first;
                     });
    const auto repeated =
            std::unique(m_candidates.begin(), m_candidates.end(),
                        [](const Candidate &a, const Candidate &b) { return a.sn == b.sn; });
    m_candidates.erase(repeated, m_candidates.end());
}

void OperationsControl::addCandidate(IUINT32 sn, IINT32 rtt)
{
    const SendQueue::Segment &segment = m_control.engine().sendQueue().segment(sn);
    m_candidates.push_back(
            { sn, segment.lastTimestamp, segment.length, segment.transmissions, rtt });
}

void OperationsControl::reportAcked()
{
    for (const Candidate &packet : m_candidates) {
        if (!m_control.engine().sendQueue().isOutstanding(packet.sn)) {
            call(m_operations.on_pkt_acked, packet.sn, packet.ts, packet.len, packet.rtt,
                 packet.xmit);
        }
    }
}

void OperationsControl::beforeSending()
{
    call(m_operations.on_tick);
}

void OperationsControl::beforeOutput(ByteView datagram)
{
    if (!m_operations.on_pkt_sent)
        return;
    const SendQueue &queue = m_control.engine().sendQueue();
    const std::uint32_t conv = m_control.engine().conversation();
    SegmentView segment;
    while (parseSegment(conv, datagram, segment) == ParseError::None) {
        const SegmentHeader &header = segment.header;
        if (header.command != Command::Push)
            continue;
        call(m_operations.on_pkt_sent, header.sn, header.timestamp,
             static_cast<IUINT32>(segment.data.size()), queue.flightSize(),
             IUINT32{ queue.segment(header.sn).transmissions });
    }
}

void OperationsControl::afterSending()
{
    const SendQueue &queue = m_control.engine().sendQueue();
    if (!queue.hasUnsent() && !queue.hasLost() && queue.flightSize() < window())
        call(m_operations.on_app_limited, queue.flightSize());
}

} // namespace kcp
