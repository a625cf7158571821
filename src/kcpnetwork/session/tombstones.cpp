// SPDX-License-Identifier: MIT
#include "tombstones.h"

namespace kcpnet {

Tombstones::Tombstones(std::uint64_t seed, std::size_t capacity)
    : m_capacity(capacity)
    , m_byKey(0, PeerKeyHash{ seed })
{
}

void Tombstones::add(kcp::Instant now, const Tombstone &tombstone)
{
    expire(now);
    while (m_order.size() >= m_capacity)
        evictOldest();
    m_byKey.insert_or_assign(tombstone.key, tombstone);
    m_order.push({ tombstone.key, tombstone.expiry });
}

const Tombstone *Tombstones::find(kcp::Instant now, const PeerKey &key)
{
    if (m_order.isEmpty())
        return nullptr;
    expire(now);
    const auto it = m_byKey.find(key);
    return it == m_byKey.end() || it->second.expiry <= now ? nullptr : &it->second;
}

// Lives differ by profile, so one that is over may stand behind one that is not: it is skipped by
// find() and goes when its turn comes.
void Tombstones::expire(kcp::Instant now)
{
    while (!m_order.isEmpty() && m_order.front().expiry <= now) {
        const Order order = m_order.pop();
        const auto it = m_byKey.find(order.key);
        if (it != m_byKey.end() && it->second.expiry == order.expiry)
            m_byKey.erase(it);
    }
}

void Tombstones::evictOldest()
{
    const Order order = m_order.pop();
    const auto it = m_byKey.find(order.key);
    if (it == m_byKey.end() || it->second.expiry != order.expiry)
        return;
    if (it->second.isNative
        && (!m_hasForgotten || kcp::serialLess(m_newestForgotten, it->second.cookieIssued))) {
        m_newestForgotten = it->second.cookieIssued;
        m_hasForgotten = true;
    }
    m_byKey.erase(it);
}

} // namespace kcpnet
