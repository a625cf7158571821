// SPDX-License-Identifier: MIT
#include "liveness.h"

#include <algorithm>

namespace kcpnet {

void Liveness::probed(kcp::Instant now)
{
    m_lastProbe = now;
    if (m_probes < UINT8_MAX)
        ++m_probes;
}

kcp::Instant Liveness::probeDeadline(const Limits &limits) const
{
    kcp::Instant result = kcp::Never;
    if (limits.keepAliveInterval > kcp::Duration::zero()) {
        if (m_probes == 0)
            result = m_lastHeard + limits.keepAliveInterval;
        else if (m_probes > PatientProbes)
            result = m_lastProbe + limits.keepAliveInterval;
        else
            result = m_lastProbe + std::min(limits.keepAliveInterval, ProbeRetry);
    }
    // After a standstill an overdue peer is asked once, also without keepalive.
    if (limits.idleTimeout > kcp::Duration::zero() && m_lastProbe < limits.thaw
        && m_lastHeard + limits.idleTimeout < limits.thaw + ThawGrace)
        result = std::min(result, std::max(m_lastHeard + limits.idleTimeout, limits.thaw));
    return result;
}

kcp::Instant Liveness::idleDeadline(const Limits &limits) const
{
    if (limits.idleTimeout <= kcp::Duration::zero())
        return kcp::Never;
    return lenient(m_lastHeard + limits.idleTimeout, limits.thaw);
}

kcp::Instant Liveness::deadline(const Limits &limits) const
{
    return std::min(probeDeadline(limits), idleDeadline(limits));
}

} // namespace kcpnet
