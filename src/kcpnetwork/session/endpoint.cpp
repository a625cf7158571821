// SPDX-License-Identifier: MIT
#include "endpoint.h"

#include "endpoint_p.h"
#include "nativeprotocol.h"
#include "plainprotocol.h"

#include <kcp/wire.h>

#include <algorithm>

namespace kcpnet {

PathTransform::~PathTransform() = default;

Endpoint::Endpoint(Crypto *crypto, std::uint64_t seed, std::unique_ptr<PathTransform> transform)
    : d(std::make_unique<Private>(crypto, seed))
{
    d->transform = std::move(transform);
}

Endpoint::~Endpoint() = default;

// --- commands ---------------------------------------------------------------------------------

SessionId Endpoint::connectTo(kcp::Instant now, const Path &path, const SessionConfig &config,
                              std::uint32_t conv)
{
    d->touch(now);
    if (config.engine.invalidField())
        return {};
    return config.profile == Profile::Native ? d->connectNative(now, path, config)
                                             : d->connectPlain(now, path, config, conv);
}

SessionId Endpoint::Private::connectPlain(kcp::Instant now, const Path &path, SessionConfig config,
                                          std::uint32_t conv)
{
    if (conv == 0)
        conv = freshConversation(now, path.peer);
    else if (byPeer.contains({ path.peer, conv }))
        return {};
    config.engine.conv = conv;
    config.engine.stream = config.mode == Mode::Stream;
    Session &session = create(Session::Role::Client, std::make_shared<SessionConfig>(config), path,
                              config.engine);
    session.setProtocol(std::make_unique<PlainProtocol>(session, now));
    enlist(session, Registration::Peer);
    session.setTaken();
    session.protocol().start(now);
    return session.id();
}

SessionId Endpoint::Private::connectNative(kcp::Instant now, const Path &path, SessionConfig config)
{
    config.engine.conv = 0; // the server chooses it
    Session &session = create(Session::Role::Client, std::make_shared<SessionConfig>(config), path,
                              NativeProtocol::handshakeEngine(config, Session::Role::Client));
    session.setProtocol(std::make_unique<NativeProtocol>(session, now));
    if (config.mode == Mode::Message)
        session.useMessageFramer();
    session.setTaken();
    session.protocol().start(now);
    updateRegistration(slots[session.id().index]);
    return session.id();
}

void Endpoint::setAcceptConfig(const AcceptConfig &config)
{
    AcceptConfig adopted = config;
    if (adopted.session.engine.invalidField())
        adopted.accepting = false; // no session can be made of it
    d->policy.setConfig(adopted);
    d->noteTransmitSize(config.session.engine.mtu);
}

void Endpoint::setResetKey(kcp::ByteView key)
{
    d->context.resetKey.assign(key.begin(), key.end());
}

bool Endpoint::write(SessionId id, kcp::ByteView data)
{
    Session *session = d->find(id);
    return session && session->write(data);
}

bool Endpoint::writeMessage(SessionId id, kcp::ByteView message)
{
    Session *session = d->find(id);
    return session && session->writeMessage(message);
}

bool Endpoint::sendDatagram(SessionId id, kcp::ByteView payload)
{
    Session *session = d->find(id);
    return session && session->state() != Session::State::Closed
            && session->protocol().sendDatagram(payload);
}

std::size_t Endpoint::read(SessionId id, kcp::MutableBytes buffer)
{
    Session *session = d->find(id);
    return session ? session->read(buffer) : 0;
}

std::size_t Endpoint::skip(SessionId id, std::size_t size)
{
    Session *session = d->find(id);
    return session ? session->skip(size) : 0;
}

bool Endpoint::readMessage(SessionId id, std::vector<std::uint8_t> &message)
{
    Session *session = d->find(id);
    const bool taken = session && session->readMessage(message);
    d->settle(d->lastCall);
    return taken;
}

bool Endpoint::readDatagram(SessionId id, std::vector<std::uint8_t> &payload)
{
    Session *session = d->find(id);
    return session && session->readDatagram(payload);
}

void Endpoint::setReceiveLimit(SessionId id, std::size_t bytes)
{
    if (Session *session = d->find(id))
        session->setReceiveLimit(bytes);
    d->settle(d->lastCall);
}

bool Endpoint::reconfigure(SessionId id, const SessionConfig &config)
{
    Session *session = d->find(id);
    return session && session->reconfigure(config);
}

void Endpoint::take(SessionId id)
{
    Session *session = d->find(id);
    if (!session || session->isTaken())
        return;
    session->setTaken();
    if (session->state() != Session::State::Closed)
        d->policy.taken();
}

void Endpoint::close(kcp::Instant now, SessionId id, std::uint32_t code, std::string_view text)
{
    d->touch(now);
    if (Session *session = d->find(id))
        session->close(now, code, text);
    d->settle(now);
}

void Endpoint::abort(kcp::Instant now, SessionId id)
{
    d->touch(now);
    if (Session *session = d->find(id))
        session->abort();
    d->settle(now);
}

void Endpoint::release(kcp::Instant now, SessionId id)
{
    d->touch(now);
    Session *session = d->find(id);
    if (!session || session->isReleased())
        return;
    session->release();
    if (session->state() == Session::State::Closed)
        d->destroy(id);
    else
        session->close(now, 0, {});
    d->settle(now);
}

void Endpoint::trim()
{
    if (d->busySessions > 0 || !d->context.dirty.isEmpty())
        return;
    d->context.pool.trim();
    d->context.dirty.trim();
    d->context.eventful.trim();
    d->context.replies.trim();
}

void Endpoint::rebind(kcp::Instant now, SessionId id, const Path &path)
{
    d->touch(now);
    Session *session = d->find(id);
    if (!session || session->state() == Session::State::Closed)
        return;
    session->setPath({ path.local, session->path().peer }); // a server does not move
    session->protocol().rebind(now);
    d->settle(now);
}

// --- handle -----------------------------------------------------------------------------------

void Endpoint::handleDatagram(kcp::Instant now, const Path &path, kcp::ByteView datagram)
{
    d->touch(now);
    ++d->context.stats.datagramsIn;
    d->context.stats.bytesIn += datagram.size();
    if (d->transform) [[unlikely]]
        datagram = d->transform->open(now, path, datagram);
    switch (classify(datagram)) {
    case DatagramKind::Segments:
        d->handleSegments(now, path, datagram);
        break;
    case DatagramKind::Frame:
        d->handleFrame(now, path, Frame::header(datagram));
        break;
    case DatagramKind::Malformed:
        ++d->context.stats.malformedIn;
        break;
    }
    if (!d->context.ended.empty())
        d->settle(now);
}

void Endpoint::Private::handleSegments(kcp::Instant now, const Path &path, kcp::ByteView datagram)
{
    Session *session = find(path.peer, kcp::loadLittleEndian<std::uint32_t>(datagram.data()));
    if (!session) {
        handleStrangeSegments(now, path, datagram);
        return;
    }
    session->protocol().handleSegments(now, path, datagram);
    Slot &slot = slots[session->id().index];
    if (slot.nonce) [[unlikely]]
        updateRegistration(slot);
}

void Endpoint::Private::handleFrame(kcp::Instant now, const Path &path, const Frame &frame)
{
    Session *session = nullptr;
    if (frame.type == FrameType::Cookie || frame.type == FrameType::Refuse) {
        if (const auto nonce = handshakeNonce(frame))
            session = find({ path.peer, nonceBase(*nonce), Session::Role::Client });
        // The server may by chance give a conv that another of our sessions with it has.
        const auto cookie = CookieFrame::parse(frame.datagram);
        const Session *holder = cookie ? find(path.peer, cookie->conv) : nullptr;
        if (frame.type == FrameType::Cookie && holder && holder != session)
            session = nullptr;
    } else if (frame.type != FrameType::Hello) {
        session = find(path.peer, frame.conv);
    }
    if (!session) {
        handleStrangeFrame(now, path, frame);
        return;
    }
    const Address before = session->path().peer;
    session->protocol().handleFrame(now, path, frame);
    if (session->role() == Session::Role::Server && session->path().peer != before)
        policy.move(before, session->path().peer);
    updateRegistration(slots[session->id().index]);
}

void Endpoint::handleUnreachable(kcp::Instant now, const Path &path)
{
    d->touch(now);
    if (d->clientSessions == 0)
        return;
    for (const Private::Slot &slot : d->slots) {
        Session *session = slot.session.get();
        if (session && session->state() != Session::State::Closed
            && session->protocol().isConnecting() && session->path().peer == path.peer)
            session->finish(CloseReason::Refused, Refusal::Unreachable);
    }
    d->settle(now);
}

void Endpoint::handleTimeout(kcp::Instant now)
{
    d->touch(now);
    // Every session leaves the heap until pollTransmit() has drained it, so this ends.
    while (d->deadlines.earliest() <= now) {
        const std::uint32_t index = d->deadlines.earliestSlot();
        d->deadlines.remove(index);
        Session &session = *d->slots[index].session;
        session.protocol().handleTimeout(now);
        session.markDirty();
    }
    d->settle(now);
}

// --- poll -------------------------------------------------------------------------------------

std::size_t Endpoint::pollTransmit(kcp::Instant now, kcp::MutableBytes buffer, Path &path)
{
    d->touch(now);
    std::size_t size = 0;
    if (!d->context.replies.isEmpty()) {
        const Reply reply = d->context.replies.pop();
        path = reply.path;
        size = reply.size;
        std::copy_n(reply.data.begin(), size, buffer.begin());
    } else {
        size = d->pollSessions(now, buffer, path);
    }
    if (size > 0) {
        if (d->transform) [[unlikely]]
            size = d->transform->seal(now, path, buffer, size);
        ++d->context.stats.datagramsOut;
        d->context.stats.bytesOut += size;
    }
    return size;
}

std::size_t Endpoint::Private::pollSessions(kcp::Instant now, kcp::MutableBytes buffer, Path &path)
{
    while (!context.dirty.isEmpty()) {
        const SessionId id = context.dirty.front();
        Session *session = find(id);
        std::size_t size = 0;
        if (session && session->state() != Session::State::Closed) {
            size = session->protocol().pollTransmit(now, buffer);
            if (size > 0) {
                path = session->path();
                if (++burst >= MaximumBurst && context.dirty.size() > 1) {
                    context.dirty.push(context.dirty.pop());
                    burst = 0;
                }
                return size;
            }
        }
        burst = 0;
        context.dirty.pop();
        if (session)
            session->clearDirty();
        if (!context.ended.empty())
            settle(now);
        else if (session && session->state() != Session::State::Closed)
            noteDrained(*session);
    }
    return 0;
}

void Endpoint::Private::noteDrained(Session &session)
{
    deadlines.set(session.id().index, session.protocol().deadline());
    countBusy(session, session.isBusyElseTrim());
}

bool Endpoint::pollEvent(Event &event)
{
    while (!d->context.eventful.isEmpty()) {
        Session *session = d->find(d->context.eventful.front());
        if (session && session->takeEvent(event))
            return true;
        d->context.eventful.pop();
    }
    return false;
}

kcp::Instant Endpoint::pollTimeout() const
{
    return d->deadlines.earliest();
}

// --- getters ----------------------------------------------------------------------------------

const Session *Endpoint::session(SessionId id) const
{
    return d->find(id);
}

std::uint32_t Endpoint::sessionCount() const
{
    return d->openSessions;
}

std::uint32_t Endpoint::pendingCount() const
{
    return d->policy.pending();
}

bool Endpoint::isIdle() const
{
    return d->openSessions == 0 && d->context.replies.isEmpty();
}

std::size_t Endpoint::maximumTransmitSize() const
{
    return d->transmitSize + (d->transform ? d->transform->overhead() : 0);
}

const EndpointStats &Endpoint::stats() const
{
    return d->context.stats;
}

} // namespace kcpnet
