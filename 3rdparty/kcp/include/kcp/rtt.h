// SPDX-License-Identifier: MIT
// Round-trip time and retransmission timeout (rto) from samples. Pure: no clock, no state but its own.
#ifndef KCP_RTT_H
#define KCP_RTT_H

#include <kcp/time.h>

namespace kcp {

// The filter of RFC 6298 with KCP's granularity term: rto = srtt + max(interval, 4 rttvar), kept
// in [minimumRto, MaximumRto]. Times are microseconds where the original counts milliseconds.
class RttEstimator
{
public:
    static constexpr Duration InitialRto = std::chrono::milliseconds(200);
    static constexpr Duration MaximumRto = std::chrono::seconds(60);

    RttEstimator(Duration minimumRto, Duration interval)
        : m_minimumRto(minimumRto), m_interval(interval)
    {
    }

    // A negative sample is not a measurement and is ignored.
    void addSample(Duration rtt);

    void setMinimumRto(Duration minimumRto);
    void setInterval(Duration interval);

    bool hasSample() const { return m_srtt > Duration::zero(); }
    Duration srtt() const { return m_srtt; } // zero before the first sample
    Duration rttvar() const { return m_rttvar; }
    Duration latest() const { return m_latest; }
    Duration minimum() const { return m_minimum; } // the smallest sample, zero before the first
    Duration rto() const { return m_rto; }

private:
    void updateRto();

    Duration m_minimumRto;
    Duration m_interval;
    Duration m_srtt{ 0 };
    Duration m_rttvar{ 0 };
    Duration m_latest{ 0 };
    Duration m_minimum{ 0 };
    Duration m_rto = InitialRto;
};

} // namespace kcp

#endif // KCP_RTT_H
