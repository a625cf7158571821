// SPDX-License-Identifier: MIT
// The endpoint's table of sessions: making, finding, ending and forgetting them.
#include "endpoint_p.h"

#include "liveness.h"

#include <utility>

namespace kcpnet {

Endpoint::Private::Private(Crypto *crypto, std::uint64_t seed)
    : context(crypto, seed),
      hashSeed((std::uint64_t(context.random.next()) << 32U) | context.random.next()),
      byPeer(0, PeerKeyHash{ hashSeed }),
      byNonce(0, NonceKeyHash{ hashSeed }),
      policy(hashSeed),
      tombstones(hashSeed),
      cookies(crypto)
{
    context.resetKey.resize(32);
    crypto->entropy(context.resetKey);
    crypto->entropy(context.pathSecret);
}

Endpoint::Private::~Private() = default;

Session *Endpoint::Private::find(SessionId id) const
{
    if (id.index >= slots.size() || slots[id.index].generation != id.generation)
        return nullptr;
    return slots[id.index].session.get();
}

Session *Endpoint::Private::find(const Address &peer, std::uint32_t conv) const
{
    if (!byPeer.empty()) {
        const auto it = byPeer.find({ peer, conv });
        if (it != byPeer.end())
            return slots[it->second].session.get();
    }
    const auto it = byConversation.find(conv);
    return it != byConversation.end() ? slots[it->second].session.get() : nullptr;
}

Session *Endpoint::Private::find(const NonceKey &key) const
{
    const auto it = byNonce.find(key);
    return it != byNonce.end() ? slots[it->second].session.get() : nullptr;
}

Session &Endpoint::Private::create(Session::Role role, const SharedConfig &config, const Path &path,
                                   const kcp::Config &engine)
{
    std::uint32_t index;
    if (freeSlots.empty()) {
        index = static_cast<std::uint32_t>(slots.size());
        slots.emplace_back();
    } else {
        index = freeSlots.back();
        freeSlots.pop_back();
    }
    Slot &slot = slots[index];
    slot.session = std::make_unique<Session>(context, SessionId{ index, slot.generation }, role,
                                             config, path, engine);
    ++sessions;
    ++openSessions;
    if (role == Session::Role::Client)
        ++clientSessions;
    noteTransmitSize(config->engine.mtu);
    return *slot.session;
}

void Endpoint::Private::enlist(Session &session, Registration registration)
{
    Slot &slot = slots[session.id().index];
    slot.registration = registration;
    slot.conv = session.conversation();
    if (registration == Registration::Peer)
        byPeer.emplace(PeerKey{ session.path().peer, slot.conv }, session.id().index);
    else if (registration == Registration::Conversation)
        byConversation.emplace(slot.conv, session.id().index);
}

void Endpoint::Private::delist(Slot &slot)
{
    // Only sessions that are registered by conv alone get another peer.
    if (slot.registration == Registration::Peer)
        byPeer.erase({ slot.session->path().peer, slot.conv });
    else if (slot.registration == Registration::Conversation)
        byConversation.erase(slot.conv);
    slot.registration = Registration::None;
}

void Endpoint::Private::setNonce(Slot &slot, std::uint64_t base)
{
    // The address counts: a session may move before its client has heard ACCEPT.
    const Session &session = *slot.session;
    const NonceKey key{ session.path().peer, base, session.role() };
    if (slot.nonce && *slot.nonce == key)
        return;
    if (slot.nonce)
        byNonce.erase(byNonce.find(*std::exchange(slot.nonce, nullptr)));
    if (base == 0)
        return;
    const auto [it, inserted] = byNonce.emplace(key, session.id().index);
    if (inserted)
        slot.nonce = &it->first;
}

// After a handshake's frame: a client may have got its conv, and either side may be through.
void Endpoint::Private::updateRegistration(Slot &slot)
{
    Session &session = *slot.session;
    setNonce(slot, session.protocol().handshakeNonce());
    const std::uint32_t conv = session.conversation();
    if (session.role() == Session::Role::Client && conv != 0
        && (slot.registration == Registration::None || slot.conv != conv)) {
        delist(slot);
        enlist(session, Registration::Peer);
    }
}

void Endpoint::Private::destroy(SessionId id)
{
    Slot &slot = slots[id.index];
    slot.session.reset();
    // Ids repeat after 2^32 sessions in one slot.
    ++slot.generation;
    freeSlots.push_back(id.index);
    --sessions;
}

void Endpoint::Private::settle(kcp::Instant now)
{
    // Nothing in here ends another session, so the list does not grow.
    for (const SessionId id : context.ended) {
        Session &session = *find(id);
        Slot &slot = slots[id.index];
        Tombstone tombstone;
        if (session.protocol().epitaph(now, tombstone))
            tombstones.add(now, tombstone);
        delist(slot);
        setNonce(slot, 0);
        deadlines.remove(id.index);
        countBusy(session, false);
        if (session.role() == Session::Role::Server)
            policy.remove(session.path().peer, session.isTaken());
        else
            --clientSessions;
        --openSessions;
        if (session.isReleased())
            destroy(id);
    }
    context.ended.clear();
}

// Called first with every `now`: notices when the caller has not run for long although something
// was due.
void Endpoint::Private::touch(kcp::Instant now)
{
    if (now - lastCall > StandstillThreshold
        && (!context.dirty.isEmpty() || deadlines.earliest() < now - StandstillThreshold))
        context.thaw = now;
    lastCall = now;
}

void Endpoint::Private::countBusy(Session &session, bool busy)
{
    if (session.isBusy() == busy)
        return;
    session.setBusy(busy);
    busySessions += busy ? 1 : -1;
}

void Endpoint::Private::noteTransmitSize(std::size_t size)
{
    transmitSize = std::max(transmitSize, size);
}

} // namespace kcpnet
