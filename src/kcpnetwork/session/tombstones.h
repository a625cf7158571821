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
    Address peer; // where the peer was: its CLOSE is answered there and nowhere else
    kcp::Instant expiry;
    std::array<std::uint8_t, 8> ownTag{}; // of CLOSE_ACK
    std::array<std::uint8_t, 8> peerTag{}; // of the peer's CLOSE
    std::uint64_t nonce = 0; // base of the handshake's, if the client may not know of its success
    std::uint32_t cookieIssued = 0;
    std::uint32_t closeCode = 0; // of our last words, which may have been lost
    bool isNative = false;
};

// Found by (address, conv). Bounded: the oldest give way.
class Tombstones
{
public:
    static constexpr std::size_t DefaultCapacity = 16384; // 3 MB when full

    explicit Tombstones(std::uint64_t seed, std::size_t capacity = DefaultCapacity);

    void add(kcp::Instant now, const Tombstone &tombstone);
    const Tombstone *find(kcp::Instant now, const PeerKey &key);
    const Tombstone *findByNonce(kcp::Instant now, const Address &peer, std::uint64_t nonce);

    std::size_t size() const { return m_byKey.size(); }

    // Cookies issued at this time or before may belong to sessions that were forgotten too early.
    // Not for longer than these would have been remembered: then such cookies are too old anyway,
    // and in the end the time of issue comes round to the same numbers.
    bool hasForgotten(kcp::Instant now) const { return now < m_forgottenUntil; }
    std::uint32_t newestForgotten() const { return m_newestForgotten; }

private:
    struct NonceHash
    {
        std::uint64_t seed;
        std::size_t operator()(std::uint64_t nonce) const
        {
            return static_cast<std::size_t>(hashAddress({}, seed ^ nonce));
        }
    };
    struct Order
    {
        PeerKey key;
        kcp::Instant expiry;
    };

    void expire(kcp::Instant now);
    void evictOldest(kcp::Instant now);
    void erase(std::unordered_map<PeerKey, Tombstone, PeerKeyHash>::iterator it);

    std::size_t m_capacity;
    std::unordered_map<PeerKey, Tombstone, PeerKeyHash> m_byKey;
    std::unordered_map<std::uint64_t, PeerKey, NonceHash> m_byNonce; // of those that have one
    RingQueue<Order> m_order; // as added; an entry whose expiry differs from the map's is stale
    kcp::Instant m_forgottenUntil{ kcp::Duration::min() };
    std::uint32_t m_newestForgotten = 0;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_TOMBSTONES_H
