// SPDX-License-Identifier: MIT
#include <kcp/rtt.h>

namespace kcp {

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

} // namespace kcp
