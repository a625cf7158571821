// SPDX-License-Identifier: MIT
#include <kcp/rtt.h>

#include <algorithm>

namespace kcp {

void RttEstimator::addSample(Duration rtt)
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
