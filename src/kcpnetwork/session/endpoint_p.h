// SPDX-License-Identifier: MIT
#ifndef KCPNET_SESSION_ENDPOINT_P_H
#define KCPNET_SESSION_ENDPOINT_P_H

#include "acceptpolicy.h"
#include "cookie.h"
#include "deadlinequeue.h"
#include "endpoint.h"
#include "frames.h"
#include "session.h"
#include "sessioncontext.h"
#include "sessionprotocol.h"
#include "tombstones.h"

#include <unordered_map>

namespace kcpnet {

struct Endpoint::Private
{
    // Where a session's datagrams are looked up.
    enum class Registration : std::uint8_t {
        None,
        Peer, // by (address, conv): plain sessions, and native clients that know their conv
        Conversation, // by conv alone: native sessions of a server, which may roam
    };

    // Where the handshake's frames without a conv are looked up.
    struct NonceKey
    {
        Address peer;
        std::uint64_t base = 0; // see nonceBase()
        Session::Role role = Session::Role::Client;
        friend bool operator==(const NonceKey &, const NonceKey &) = default;
    };
    struct NonceKeyHash
    {
        std::uint64_t seed;
        std::size_t operator()(const NonceKey &key) const
        {
            return static_cast<std::size_t>(hashAddress(key.peer, seed ^ key.base));
        }
    };

    struct Slot
    {
        std::unique_ptr<Session> session;
        const NonceKey *nonce = nullptr; // the one in byNonce; null: it is not registered there
        std::uint32_t generation = 0;
        std::uint32_t conv = 0; // what it is registered with
        Registration registration = Registration::None;
    };

    // Datagrams of one session in a row before another has its turn: as many full ones as one
    // segmentation-offload call of the kernel takes (65,507 bytes of 1400).
    static constexpr std::uint32_t MaximumBurst = 46;

    // A deadline that is late by so much means that the caller stood still.
    static constexpr kcp::Duration StandstillThreshold = std::chrono::seconds(1);

    // No frame of ours is larger, and no datagram before the peer's MTU is known.
    static constexpr std::size_t SmallestTransmitSize = 1200;

    Private(Crypto *crypto, std::uint64_t seed);
    ~Private();

    // endpoint.cpp
    SessionId connectPlain(kcp::Instant now, const Path &path, SessionConfig config,
                           std::uint32_t conv);
    SessionId connectNative(kcp::Instant now, const Path &path, SessionConfig config);
    std::size_t pollSessions(kcp::Instant now, kcp::MutableBytes buffer, Path &path);
    void handleSegments(kcp::Instant now, const Path &path, kcp::ByteView datagram);
    void handleFrame(kcp::Instant now, const Path &path, const Frame &frame);

    // endpointsessions.cpp
    Session *find(SessionId id) const;
    Session *find(const Address &peer, std::uint32_t conv) const;
    Session *find(const NonceKey &key) const;
    Session &create(Session::Role role, const SharedConfig &config, const Path &path,
                    const kcp::Config &engine);
    void enlist(Session &session, Registration registration);
    void delist(Slot &slot);
    void updateRegistration(Slot &slot);
    void setNonce(Slot &slot, std::uint64_t base);
    void destroy(SessionId id);
    // To be called at the end of whatever may end a session.
    void settle(kcp::Instant now);
    void touch(kcp::Instant now);
    void noteDrained(Session &session);
    void countBusy(Session &session, bool busy);
    void noteTransmitSize(std::size_t size);

    // endpointstrangers.cpp
    void handleStrangeSegments(kcp::Instant now, const Path &path, kcp::ByteView datagram);
    void handleStrangeFrame(kcp::Instant now, const Path &path, const Frame &frame);
    bool acceptPlain(kcp::Instant now, const Path &path, kcp::ByteView datagram);
    void handleHello(kcp::Instant now, const Path &path, const Frame &frame);
    void handleConfirm(kcp::Instant now, const Path &path, const Frame &frame);
    bool isFresh(kcp::Instant now, const Path &path, const ConfirmFrame &frame);
    void acceptNative(kcp::Instant now, const Path &path, const ConfirmFrame &frame);
    void repeatLastWords(kcp::Instant now, const Path &path, const Tombstone &tombstone);
    void refuse(kcp::Instant now, const Path &path, std::uint64_t nonce, Refusal reason);
    void reset(kcp::Instant now, const Path &path, std::uint32_t conv);
    std::uint32_t freshConversation(kcp::Instant now, const Address &peer);

    std::unique_ptr<PathTransform> transform;
    SessionContext context; // holds the pool: is destroyed after the sessions
    std::uint64_t hashSeed;
    std::vector<Slot> slots;
    std::vector<std::uint32_t> freeSlots;
    std::unordered_map<PeerKey, std::uint32_t, PeerKeyHash> byPeer;
    std::unordered_map<std::uint32_t, std::uint32_t> byConversation;
    std::unordered_map<NonceKey, std::uint32_t, NonceKeyHash> byNonce;
    DeadlineQueue deadlines;
    AcceptPolicy policy;
    Tombstones tombstones;
    CookieJar cookies;
    std::size_t transmitSize = SmallestTransmitSize;
    std::uint32_t sessions = 0; // that exist
    std::uint32_t openSessions = 0; // that are not Closed
    std::uint32_t clientSessions = 0; // of the open ones
    std::uint32_t busySessions = 0; // that had something under way when they were drained last
    std::uint32_t burst = 0; // datagrams the front of the dirty queue has sent in a row
    kcp::Instant lastCall{};
};

} // namespace kcpnet

#endif // KCPNET_SESSION_ENDPOINT_P_H
