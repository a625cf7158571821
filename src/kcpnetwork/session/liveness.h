// SPDX-License-Identifier: MIT
// When a silent peer is probed, and when it is given up.
#ifndef KCPNET_SESSION_LIVENESS_H
#define KCPNET_SESSION_LIVENESS_H

#include <kcp/time.h>

#include <cstdint>

namespace kcpnet {

// When the process itself stood still (a debugger, a modal dialog, a suspended machine), all
// deadlines are overdue at once although the peers may be well. The endpoint notices and notes the
// time; until ThawGrace later nobody is given up, so that what arrived meanwhile is read and one
// probe can be answered.
inline constexpr kcp::Duration ThawGrace = std::chrono::seconds(5);

// A deadline as it counts after a standstill that ended at `thaw`.
inline kcp::Instant lenient(kcp::Instant deadline, kcp::Instant thaw)
{
    return deadline < thaw + ThawGrace ? thaw + ThawGrace : deadline;
}

class Liveness
{
public:
    struct Limits
    {
        kcp::Duration idleTimeout; // zero = never given up
        kcp::Duration keepAliveInterval; // zero = not probed
        kcp::Instant thaw; // when the last standstill ended
    };

    // The first probe follows keepAliveInterval of silence; unanswered ones are repeated every
    // second (but not faster than the interval), so that lost ones do not cost the connection: with
    // a fifth of all datagrams lost, twenty probes fail once in 10^9 silences. After PatientProbes
    // the interval alone counts: without an idle timeout a peer may stay away for days.
    static constexpr kcp::Duration ProbeRetry = std::chrono::seconds(1);
    static constexpr std::uint8_t PatientProbes = 32;
    // So many unanswered probes in a row make the path suspect.
    static constexpr std::uint8_t SuspectProbes = 3;

    explicit Liveness(kcp::Instant now) : m_lastHeard(now) { }

    void heard(kcp::Instant now)
    {
        m_lastHeard = now;
        m_probes = 0;
    }
    void probed(kcp::Instant now);

    kcp::Instant lastHeard() const { return m_lastHeard; }
    std::uint8_t unansweredProbes() const { return m_probes; }

    kcp::Instant probeDeadline(const Limits &limits) const;
    kcp::Instant idleDeadline(const Limits &limits) const;
    kcp::Instant deadline(const Limits &limits) const;

private:
    kcp::Instant m_lastHeard;
    kcp::Instant m_lastProbe{ kcp::Duration::min() };
    std::uint8_t m_probes = 0;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_LIVENESS_H
