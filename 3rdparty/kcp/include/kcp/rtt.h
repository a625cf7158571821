// SPDX-License-Identifier: MIT
// Round-trip time and retransmission timeout (rto) from samples. Pure: no clock, no state but its own.
#ifndef KCP_RTT_H
#define KCP_RTT_H

#include <kcp/time.h>

#include <algorithm>

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

inline void RttEstimator::addSample(Duration rtt)
{
    if (rtt < Duration::zero())
        return;
    // A loopback answer within the same microsecond is still an answer.
    const std::int64_t sample = rtt.count() > 0 ? rtt.count() : 1;
    m_latest = Duration(sample);
    if (!hasSample()) [[unlikely]] {
        m_srtt = m_minimum = m_latest;
        m_rttvar = m_latest / 2;
    } else {
        const std::int64_t error = sample - m_srtt.count();
        // Shifts: no term is negative.
        m_rttvar = Duration((3 * m_rttvar.count() + (error < 0 ? -error : error)) >> 2);
        const std::int64_t mean = (7 * m_srtt.count() + sample) >> 3;
        m_srtt = Duration(mean > 0 ? mean : 1);
        if (m_latest < m_minimum) [[unlikely]]
            m_minimum = m_latest;
    }
    updateRto();
}

inline void RttEstimator::updateRto()
{
    m_rto = std::clamp(m_srtt + std::max(m_interval, 4 * m_rttvar), m_minimumRto, MaximumRto);
}

} // namespace kcp

#endif // KCP_RTT_H
