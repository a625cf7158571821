// SPDX-License-Identifier: MIT
// A token bucket: how many replies strangers may cause.
#ifndef KCPNET_SESSION_RATELIMIT_H
#define KCPNET_SESSION_RATELIMIT_H

#include <kcp/time.h>

#include <algorithm>
#include <cstdint>

namespace kcpnet {

class RateLimit
{
public:
    RateLimit(std::uint32_t perSecond, std::uint32_t burst)
        : m_cost(1000000 / perSecond), m_capacity(m_cost * burst), m_saved(m_capacity)
    {
    }

    bool take(kcp::Instant now)
    {
        if (now > m_last) {
            m_saved = now - m_last > kcp::Duration(m_capacity)
                    ? m_capacity
                    : std::min(m_capacity, m_saved + (now - m_last).count());
            m_last = now;
        }
        if (m_saved < m_cost)
            return false;
        m_saved -= m_cost;
        return true;
    }

private:
    // One reply costs so many microseconds of saved time.
    std::int64_t m_cost;
    std::int64_t m_capacity;
    std::int64_t m_saved;
    kcp::Instant m_last{};
};

} // namespace kcpnet

#endif // KCPNET_SESSION_RATELIMIT_H
