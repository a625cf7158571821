// SPDX-License-Identifier: MIT
// What is remembered of sessions that have ended: that they did.
#ifndef KCPNET_SESSION_TOMBSTONES_H
#define KCPNET_SESSION_TOMBSTONES_H

#include "address.h"
#include "ringqueue.h"

#include <kcp/time.h>

#include <array>
#include <cstdint>
#include <unordered_map>

namespace kcpnet {

struct PeerKey
{
    Address peer;
    std::uint32_t conv = 0;
    friend bool operator==(const PeerKey &, const PeerKey &) = default;
};

struct PeerKeyHash
{
    std::uint64_t seed;
    std::size_t operator()(const PeerKey &key) const
    {
        return static_cast<std::size_t>(hashAddress(key.peer, seed ^ key.conv));
    }
};

struct Tombstone
{
    PeerKey key;
    kcp::Instant expiry;
    std::array<std::uint8_t, 8> ownTag{}; // of CLOSE_ACK
    std::array<std::uint8_t, 8> peerTag{}; // of the peer's CLOSE
    std::uint32_t cookieIssued = 0;
    bool isNative = false;
};

// Found by (address, conv). Bounded: the oldest give way.
class Tombstones
{
public:
    static constexpr std::size_t DefaultCapacity = 16384; // 2 MB when full

    explicit Tombstones(std::uint64_t seed, std::size_t capacity = DefaultCapacity);

    void add(kcp::Instant now, const Tombstone &tombstone);
    const Tombstone *find(kcp::Instant now, const PeerKey &key);

    std::size_t size() const { return m_byKey.size(); }

    // Cookies issued at this time or before may belong to sessions that were forgotten too early.
    bool hasForgotten() const { return m_hasForgotten; }
    std::uint32_t newestForgotten() const { return m_newestForgotten; }

private:
    struct Order
    {
        PeerKey key;
        kcp::Instant expiry;
    };

    void expire(kcp::Instant now);
    void evictOldest();

    std::size_t m_capacity;
    std::unordered_map<PeerKey, Tombstone, PeerKeyHash> m_byKey;
    RingQueue<Order> m_order; // as added; an entry whose expiry differs from the map's is stale
    std::uint32_t m_newestForgotten = 0;
    bool m_hasForgotten = false;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_TOMBSTONES_H
