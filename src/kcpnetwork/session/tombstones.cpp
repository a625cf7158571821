// SPDX-License-Identifier: MIT
#include "tombstones.h"

#include <algorithm>

namespace kcpnet {

Tombstones::Tombstones(std::uint64_t seed, std::size_t capacity)
    : m_capacity(capacity), m_byKey(0, PeerKeyHash{ seed }), m_byNonce(0, NonceHash{ seed })
{
}

void Tombstones::add(kcp::Instant now, const Tombstone &tombstone)
{
    expire(now);
    while (m_order.size() >= m_capacity)
        evictOldest(now);
    if (const auto it = m_byKey.find(tombstone.key); it != m_byKey.end())
        erase(it);
    m_byKey.emplace(tombstone.key, tombstone);
    if (tombstone.nonce != 0)
        m_byNonce.insert_or_assign(tombstone.nonce, tombstone.key);
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

const Tombstone *Tombstones::findByNonce(kcp::Instant now, const Address &peer, std::uint64_t nonce)
{
    const auto it = m_byNonce.find(nonce);
    if (nonce == 0 || it == m_byNonce.end())
        return nullptr;
    const PeerKey key = it->second; // find() may erase it
    const Tombstone *tombstone = find(now, key);
    return tombstone && tombstone->nonce == nonce && tombstone->peer == peer ? tombstone : nullptr;
}

void Tombstones::erase(std::unordered_map<PeerKey, Tombstone, PeerKeyHash>::iterator it)
{
    const auto named = m_byNonce.find(it->second.nonce);
    if (named != m_byNonce.end() && named->second == it->first)
        m_byNonce.erase(named);
    m_byKey.erase(it);
}

// Lives differ by profile, so one that is over may stand behind one that is not: it is skipped by
// find() and goes when its turn comes.
void Tombstones::expire(kcp::Instant now)
{
    while (!m_order.isEmpty() && m_order.front().expiry <= now) {
        const Order order = m_order.pop();
        const auto it = m_byKey.find(order.key);
        if (it != m_byKey.end() && it->second.expiry == order.expiry)
            erase(it);
    }
}

void Tombstones::evictOldest(kcp::Instant now)
{
    const Order order = m_order.pop();
    const auto it = m_byKey.find(order.key);
    if (it == m_byKey.end() || it->second.expiry != order.expiry)
        return;
    if (it->second.isNative) {
        if (!hasForgotten(now) || kcp::serialLess(m_newestForgotten, it->second.cookieIssued))
            m_newestForgotten = it->second.cookieIssued;
        m_forgottenUntil = std::max(m_forgottenUntil, it->second.expiry);
    }
    erase(it);
}

} // namespace kcpnet
