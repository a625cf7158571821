// SPDX-License-Identifier: MIT
// Connecting: HELLO, COOKIE, CONFIRM, ACCEPT, as the client and as the server that has accepted.
#include "nativeprotocol_p.h"

#include <kcp/wire.h>

#include <algorithm>

namespace kcpnet {

using State = Session::State;

kcp::Config NativeProtocol::handshakeEngine(const SessionConfig &config, Session::Role role)
{
    // A path that cannot carry HELLO carries no session, so there is room for the larger head.
    const bool client = role == Session::Role::Client;
    const std::size_t head = client ? ConfirmFrame::Size : AcceptFrame::Size;
    const auto floor = static_cast<std::uint32_t>(HelloFrame::MinimumSize);
    const std::uint32_t room = std::clamp(config.engine.mtu, floor, HandshakeMtu);
    kcp::Config engine = config.engine;
    engine.mtu = std::min(engine.mtu, static_cast<std::uint32_t>(room - head));
    if (client)
        engine.sendWindow = std::min(engine.sendWindow, FirstFlight);
    engine.stream = true;
    return engine;
}

bool NativeProtocol::isSayingHello() const
{
    return m_handshake && m_handshake->stage == Handshake::Stage::Hello;
}

bool NativeProtocol::hasKeys() const
{
    return !m_handshake || m_handshake->hasKeys;
}

bool NativeProtocol::isConnecting() const
{
    return !hasKeys();
}

std::uint64_t NativeProtocol::handshakeNonce() const
{
    return m_handshake || m_unconfirmed ? nonceBase(m_nonce) : 0;
}

void NativeProtocol::start(kcp::Instant now)
{
    m_handshake = std::make_unique<Handshake>();
    const kcp::Duration timeout = m_session.config().connectTimeout;
    if (timeout > kcp::Duration::zero())
        m_handshake->deadline = now + timeout;
    while (nonceBase(m_nonce) == 0) {
        std::array<std::uint8_t, 8> nonce;
        m_session.context().crypto.entropy(nonce);
        m_nonce = kcp::loadLittleEndian<std::uint64_t>(nonce.data());
    }
    m_session.setDeadLinkCounts(false); // connectTimeout decides
    sayHello(now);
}

// From the beginning, or again: then an ACCEPT of the last attempt is still welcome.
void NativeProtocol::sayHello(kcp::Instant now)
{
    m_nonce = (nonceBase(m_nonce) << 8U) | static_cast<std::uint8_t>(m_nonce + 1);
    m_handshake->stage = Handshake::Stage::Hello;
    m_handshake->delay = FirstRetry;
    m_handshake->retry = now + FirstRetry;
    m_due &= static_cast<std::uint8_t>(~DueConfirm);
    request(DueHello);
}

void NativeProtocol::handleCookie(kcp::Instant now, const CookieFrame &frame)
{
    if (!isSayingHello() || frame.nonce != m_nonce)
        return reject();
    m_handshake->stage = Handshake::Stage::Confirm;
    m_handshake->cookie = frame.cookie;
    m_handshake->hasKeys = true;
    m_handshake->cookieArrival = now;
    m_handshake->confirms = 1;
    m_handshake->delay = FirstRetry;
    m_handshake->retry = now + FirstRetry;
    m_handshake->early.clear();
    m_issued = frame.issued;
    m_keys = deriveKeys(m_session.context().crypto, frame.cookie);
    m_session.engine().setConversation(frame.conv);
    m_due &= static_cast<std::uint8_t>(~DueHello);
    request(DueConfirm);
    if (m_session.state() == State::Connecting)
        m_session.setState(State::Connected);
    if (!m_connectedTold)
        m_session.raise(Event::Type::Connected);
    m_connectedTold = true;
}

void NativeProtocol::handleAccept(kcp::Instant now, const Path &path, const AcceptFrame &frame)
{
    if (!isClient() || !hasKeys() || nonceBase(frame.nonce) != nonceBase(m_nonce)
        || !Crypto::equal(frame.tag, m_keys.serverTag))
        return reject();
    if (m_handshake)
        completeHandshake(now, path, frame);
    else
        mobility().resetToken = frame.resetToken; // of the new address after a move
    if (!frame.segments.empty() && m_session.state() != State::Closed)
        handleSegments(now, path, frame.segments);
}

void NativeProtocol::completeHandshake(kcp::Instant now, const Path &path, const AcceptFrame &frame)
{
    if (frame.parameters.mode != static_cast<std::uint8_t>(m_session.config().mode)) {
        sendLastWords(CloseCodeProtocol);
        m_session.finish(CloseReason::ProtocolError, Refusal::Mode, CloseCodeProtocol);
        return;
    }
    const std::unique_ptr<Handshake> handshake = std::move(m_handshake);
    mobility().resetToken = frame.resetToken;
    m_due &= static_cast<std::uint8_t>(~(DueHello | DueConfirm));
    adoptPeer(now, frame.parameters);
    kcp::Engine &engine = m_session.engine();
    engine.setMtu(std::min<std::uint32_t>(m_session.config().engine.mtu, m_peer.mtu));
    engine.setSendWindow(m_session.config().engine.sendWindow);
    m_session.setDeadLinkCounts(true);
    heard(now);
    m_session.markDirty();
    for (const std::vector<std::uint8_t> &datagram : handshake->early) {
        if (m_session.state() != State::Closed)
            handleSegments(now, path, datagram);
    }
}

void NativeProtocol::handleRefuse(kcp::Instant now, const RefuseFrame &frame)
{
    if (!m_handshake || frame.nonce != m_nonce)
        return reject();
    const auto refusal = static_cast<Refusal>(frame.reason);
    if (refusal != Refusal::CookieExpired)
        m_session.finish(CloseReason::Refused, refusal);
    else if (!isSayingHello())
        sayHello(now);
}

void NativeProtocol::handleHandshakeTimeout(kcp::Instant now)
{
    Handshake &handshake = *m_handshake;
    if (now >= lenient(handshake.deadline, m_session.context().thaw)) {
        m_session.finish(CloseReason::ConnectTimeout);
        return;
    }
    if (now < handshake.retry)
        return;
    handshake.delay = std::min(handshake.delay * 2, LongestRetry);
    handshake.retry = now + handshake.delay;
    if (isSayingHello()) {
        request(DueHello);
    } else if (handshake.confirms >= MaximumConfirms
               || now - handshake.cookieArrival >= CookieUse) {
        sayHello(now);
    } else {
        ++handshake.confirms;
        request(DueConfirm);
    }
}

void NativeProtocol::holdEarly(kcp::ByteView datagram)
{
    if (m_handshake->hasKeys && m_handshake->early.size() < MaximumEarly)
        m_handshake->early.emplace_back(datagram.begin(), datagram.end());
}

// --- the server that has accepted -------------------------------------------------------------

NativeProtocol::NativeProtocol(Session &session, kcp::Instant now, const Accepted &accepted)
    : m_session(session),
      m_liveness(now),
      m_keys(accepted.keys),
      m_nonce(accepted.nonce),
      m_issued(accepted.issued),
      m_unconfirmed(true)
{
    adoptPeer(now, accepted.peer);
    request(DueAccept);
}

// The engine takes the peer's window from segments; before the first one it supposes KCP's usual
// window, which is too much only for a smaller one.
void NativeProtocol::adoptPeer(kcp::Instant now, const Parameters &peer)
{
    m_peer = peer;
    kcp::Engine &engine = m_session.engine();
    // While segments ride behind ACCEPT, the peer's MTU holds for both together.
    const std::uint32_t head = m_unconfirmed ? AcceptFrame::Size : 0;
    const std::uint32_t room = std::max(kcp::Config::MinimumMtu + head, std::uint32_t(peer.mtu));
    engine.setMtu(std::min(engine.config().mtu, room - head));
    if (peer.window >= engine.peerWindow())
        return;
    kcp::SegmentHeader header;
    header.conv = engine.conversation();
    header.command = kcp::Command::WindowTell;
    header.window = peer.window;
    std::array<std::uint8_t, kcp::HeaderSize> segment;
    kcp::writeHeader(segment.data(), header, 0);
    engine.handleDatagram(now, segment);
}

// CONFIRM of a live session: its ACCEPT was lost, or it carries more segments.
void NativeProtocol::handleConfirm(kcp::Instant now, const Path &path, const ConfirmFrame &frame)
{
    if (isClient() || frame.nonce != m_nonce)
        return reject();
    if (path.peer != m_session.path().peer) {
        challenge(now, path);
        return;
    }
    request(DueAccept);
    if (frame.segments.empty())
        return;
    if (m_session.handleSegments(now, frame.segments).alive())
        heard(now);
}

void NativeProtocol::repeatAccept()
{
    request(DueAccept);
}

// The client has heard ACCEPT: from now on datagrams are as large as both sides allow.
void NativeProtocol::noteConfirmed()
{
    m_unconfirmed = false;
    m_session.engine().setMtu(std::min<std::uint32_t>(m_session.config().engine.mtu, m_peer.mtu));
}

} // namespace kcpnet
