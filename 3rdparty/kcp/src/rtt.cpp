// SPDX-License-Identifier: MIT
#include <kcp/rtt.h>

#include <algorithm>

namespace kcp {

void RttEstimator::addSample(Duration rtt)
{
    if (rtt < Duration::zero())
        return;
    // A loopback answer within the same microsecond is still an answer.
    rtt = std::max(rtt, Duration(1));
    m_latest = rtt;
    if (!hasSample()) {
        m_srtt = rtt;
        m_rttvar = rtt / 2;
        m_minimum = rtt;
    } else {
        const Duration error = rtt > m_srtt ? rtt - m_srtt : m_srtt - rtt;
        // Shifts: no term is negative.
        m_rttvar = Duration((3 * m_rttvar.count() + error.count()) >> 2);
        m_srtt = std::max(Duration((7 * m_srtt.count() + rtt.count()) >> 3), Duration(1));
        m_minimum = std::min(m_minimum, rtt);
    }
    updateRto();
}

void RttEstimator::setMinimumRto(Duration minimumRto)
{
    m_minimumRto = minimumRto;
    if (hasSample())
        updateRto();
}

void RttEstimator::setInterval(Duration interval)
{
    m_interval = interval;
    if (hasSample())
        updateRto();
}

void RttEstimator::updateRto()
{
    m_rto = std::clamp(m_srtt + std::max(m_interval, 4 * m_rttvar), m_minimumRto, MaximumRto);
}

} // namespace kcp
