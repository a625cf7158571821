// SPDX-License-Identifier: MIT
// The operations that a C program gave to ikcp_setcc, as a congestion controller of the engine.
#ifndef KCP_IKCPOPERATIONS_H
#define KCP_IKCPOPERATIONS_H

#include <kcp/congestion.h>
#include <kcp/engine.h>
#include <kcp/ikcp.h>

#include <vector>

namespace kcp {

class ControlBlock;

// The window is not kept here but in the fields of the control block, which the operations assign.
class OperationsControl final : public CongestionController
{
public:
    OperationsControl(ControlBlock &control, const IKCPOPS &operations);

    const IKCPOPS &operations() const { return m_operations; }

    // From the engine.
    void onAck(const Ack &ack) override;
    void onFastRetransmit(const Loss &loss) override;
    void onTimeout(const Loss &loss) override;
    void setMss(std::uint32_t) override { } // the operations read it in the block
    std::uint32_t window() const override;
    std::uint32_t slowStartThreshold() const override;
    bool limitsRetransmissions() const override { return false; }

    // From the control block: what the engine does not tell a controller.
    void beforeInput(Instant now, ByteView datagram);
    void beforeSending(); // of a flush
    void beforeOutput(ByteView datagram);
    void afterSending();

private:
    // A segment that the datagram at hand may acknowledge.
    struct Candidate
    {
        IUINT32 sn, ts, len, xmit;
        IINT32 rtt; // ms, -1 = not measured
    };

    template <typename... Parameters, typename... Arguments>
    void call(void (*operation)(ikcpcb *, Parameters...), Arguments... arguments);
    void addCandidate(IUINT32 sn, IINT32 rtt);
    void reportAcked();

    ControlBlock &m_control;
    const IKCPOPS &m_operations;
    std::vector<Candidate> m_candidates;
    std::size_t m_bytesBefore = 0; // unacknowledged before the datagram
    std::uint64_t m_fastRetransmissions; // of the statistics, as last reported
};

} // namespace kcp

#endif // KCP_IKCPOPERATIONS_H
