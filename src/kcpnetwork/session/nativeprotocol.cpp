// SPDX-License-Identifier: MIT
#include "nativeprotocol_p.h"
#include "tombstones.h"

#include <algorithm>

namespace kcpnet {

using State = Session::State;

NativeProtocol::NativeProtocol(Session &session, kcp::Instant now)
    : m_session(session), m_liveness(now)
{
}

NativeProtocol::~NativeProtocol() = default;

Liveness::Limits NativeProtocol::limits() const
{
    const SessionConfig &config = m_session.config();
    return { config.idleTimeout, config.keepAliveInterval, m_session.context().thaw };
}

void NativeProtocol::request(Due frame)
{
    m_due |= frame;
    m_session.markDirty();
}

void NativeProtocol::heard(kcp::Instant now)
{
    m_liveness.heard(now);
    if (m_mobility)
        m_mobility->rebindDeadline = kcp::Never;
}

void NativeProtocol::reject()
{
    ++m_session.context().stats.rejectedIn;
}

bool NativeProtocol::epitaph(kcp::Instant now, Tombstone &tombstone) const
{
    if (!hasKeys())
        return false;
    // A server's conv names the session wherever the client is.
    tombstone.key = { isClient() ? m_session.path().peer : Address(), m_session.conversation() };
    tombstone.peer = m_session.path().peer;
    tombstone.expiry = now + TombstoneLife;
    tombstone.ownTag = ownTag();
    tombstone.peerTag = peerTag();
    tombstone.cookieIssued = m_issued;
    tombstone.closeCode = m_lastWords;
    tombstone.isNative = !isClient();
    if (!isClient())
        tombstone.nonce = handshakeNonce();
    return true;
}

std::size_t NativeProtocol::maximumDatagramSize() const
{
    const std::uint32_t mtu = m_session.config().engine.mtu;
    const std::uint32_t peer = m_handshake ? HandshakeMtu : m_peer.mtu;
    return std::max<std::size_t>(std::min(mtu, peer), DatagramFrame::HeadSize)
            - DatagramFrame::HeadSize;
}

std::size_t NativeProtocol::maximumMessageSize() const
{
    return m_handshake ? m_session.config().maximumMessageSize : m_peer.maximumMessageSize;
}

bool NativeProtocol::sendDatagram(kcp::ByteView payload)
{
    if (m_session.state() == State::Closing || payload.size() > maximumDatagramSize())
        return false;
    return m_session.queueDatagram(payload);
}

// --- handle -----------------------------------------------------------------------------------

void NativeProtocol::handleSegments(kcp::Instant now, const Path &path, kcp::ByteView datagram)
{
    if (m_handshake) [[unlikely]] {
        holdEarly(datagram);
        return;
    }
    if (path.peer != m_session.path().peer) [[unlikely]] {
        challenge(now, path);
        return;
    }
    const kcp::Engine::Input input = m_session.handleSegments(now, datagram);
    if (input.segments == 0)
        return;
    if (m_unconfirmed) [[unlikely]]
        noteConfirmed();
    if (input.alive())
        heard(now);
}

void NativeProtocol::handleFrame(kcp::Instant now, const Path &path, const Frame &frame)
{
    const auto with = [this](auto parsed, auto handle) {
        if (parsed)
            handle(*parsed);
        else
            ++m_session.context().stats.malformedIn;
    };
    switch (frame.type) {
    case FrameType::Cookie:
        return with(CookieFrame::parse(frame.datagram),
                    [&](const CookieFrame &f) { handleCookie(now, f); });
    case FrameType::Accept:
        return with(AcceptFrame::parse(frame.datagram),
                    [&](const AcceptFrame &f) { handleAccept(now, path, f); });
    case FrameType::Refuse:
        return with(RefuseFrame::parse(frame.datagram),
                    [&](const RefuseFrame &f) { handleRefuse(now, f); });
    case FrameType::Confirm:
        return with(ConfirmFrame::parse(frame.datagram),
                    [&](const ConfirmFrame &f) { handleConfirm(now, path, f); });
    case FrameType::Ping:
        return with(PingFrame::parse(frame.datagram),
                    [&](const PingFrame &f) { handlePing(now, path, f); });
    case FrameType::Pong:
        return with(PingFrame::parse(frame.datagram),
                    [&](const PingFrame &f) { handlePong(now, path, f); });
    case FrameType::Datagram:
        return with(DatagramFrame::parse(frame.datagram),
                    [&](const DatagramFrame &f) { handleDatagramFrame(now, path, f); });
    case FrameType::PathChallenge:
        return with(ShortFrame::parse(frame.datagram),
                    [&](const ShortFrame &f) { handleChallenge(f.bytes); });
    case FrameType::PathResponse:
        return with(ShortFrame::parse(frame.datagram),
                    [&](const ShortFrame &f) { handlePathResponse(now, path, f.bytes); });
    case FrameType::Close:
        return with(CloseFrame::parse(frame.datagram),
                    [&](const CloseFrame &f) { handleClose(now, path, f); });
    case FrameType::CloseAck:
        return with(ShortFrame::parse(frame.datagram),
                    [&](const ShortFrame &f) { handleCloseAck(now, path, f.bytes); });
    case FrameType::Reset:
        return with(ResetFrame::parse(frame.datagram),
                    [&](const ResetFrame &f) { handleReset(f); });
    case FrameType::Hello:
        return reject();
    }
}

// Whether a frame with this tag is the peer's and comes from where the peer is. The right tag from
// elsewhere is a peer that moved, or a replay: a challenge finds out.
bool NativeProtocol::isAuthentic(kcp::Instant now, const Path &path, const Tag &tag)
{
    if (!hasKeys() || !Crypto::equal(tag, peerTag())) {
        reject();
        return false;
    }
    if (path.peer == m_session.path().peer)
        return true;
    challenge(now, path);
    return false;
}

void NativeProtocol::handlePing(kcp::Instant now, const Path &path, const PingFrame &frame)
{
    if (!isAuthentic(now, path, frame.tag) || !isEstablished())
        return;
    if (!kcp::serialLess(m_pingHeard, frame.sequence))
        return reject();
    m_pingHeard = frame.sequence;
    if (m_unconfirmed)
        noteConfirmed();
    heard(now);
    request(DuePong);
}

void NativeProtocol::handlePong(kcp::Instant now, const Path &path, const PingFrame &frame)
{
    if (!isAuthentic(now, path, frame.tag) || !isEstablished())
        return;
    if (!kcp::serialLess(m_pongHeard, frame.sequence)
        || kcp::serialLess(m_pingSequence, frame.sequence))
        return reject();
    m_pongHeard = frame.sequence;
    if (m_unconfirmed)
        noteConfirmed();
    heard(now);
}

void NativeProtocol::handleDatagramFrame(kcp::Instant now, const Path &path,
                                         const DatagramFrame &frame)
{
    if (!isAuthentic(now, path, frame.tag) || !isEstablished())
        return;
    if (!isNewDatagram(frame.sequence))
        return reject();
    if (m_unconfirmed)
        noteConfirmed();
    heard(now);
    m_session.deliverDatagram(frame.payload);
}

// A window of 64 sequences behind the newest: each is delivered once.
bool NativeProtocol::isNewDatagram(std::uint32_t sequence)
{
    const std::int32_t ahead = kcp::serialDistance(sequence, m_newestDatagram);
    if (ahead > 0) {
        m_datagramsSeen = ahead < 64 ? m_datagramsSeen << static_cast<unsigned>(ahead) : 0;
        m_datagramsSeen |= 1U;
        m_newestDatagram = sequence;
        return true;
    }
    if (ahead <= -64)
        return false;
    const std::uint64_t seen = std::uint64_t(1) << static_cast<unsigned>(-ahead);
    if (m_datagramsSeen & seen)
        return false;
    m_datagramsSeen |= seen;
    return true;
}

void NativeProtocol::handleReset(const ResetFrame &frame)
{
    if (!isClient() || !isEstablished() || !Crypto::equal(frame.token, mobility().resetToken))
        return reject();
    finishUnanswered(CloseReason::Reset);
}

NativeProtocol::Mobility &NativeProtocol::mobility()
{
    if (!m_mobility)
        m_mobility = std::make_unique<Mobility>();
    return *m_mobility;
}

std::uint32_t NativeProtocol::moves() const
{
    return m_mobility ? m_mobility->moves : 0;
}

// --- moving -----------------------------------------------------------------------------------

void NativeProtocol::rebind(kcp::Instant now)
{
    if (m_handshake) {
        request(isSayingHello() ? DueHello : DueConfirm);
        return;
    }
    mobility().rebindDelay = FirstRetry;
    mobility().rebindDeadline = now + FirstRetry;
    m_session.engine().retransmitNow();
    request(DuePing);
}

void NativeProtocol::challenge(kcp::Instant now, const Path &path)
{
    SessionContext &context = m_session.context();
    if (isClient() || !context.mayReply(now, context.acquaintances))
        return;
    ShortFrame frame;
    frame.conv = m_session.conversation();
    frame.type = FrameType::PathChallenge;
    frame.bytes = makePathChallenge(context.crypto, context.pathSecret,
                                    { m_session.conversation(), moves(), path.peer,
                                      now.time_since_epoch() / ChallengePeriod });
    context.reply(path, frame);
}

// A client's answer to a challenge goes where the server is, and nowhere else. It tells nothing
// but that this client hears what is sent to its address.
void NativeProtocol::handleChallenge(const Tag &challenge)
{
    if (!isClient() || !hasKeys())
        return reject();
    mobility().challenge = challenge;
    request(DueResponse);
}

void NativeProtocol::handlePathResponse(kcp::Instant now, const Path &path, const Tag &response)
{
    if (isClient() || path.peer == m_session.path().peer)
        return reject();
    SessionContext &context = m_session.context();
    const std::int64_t period = now.time_since_epoch() / ChallengePeriod;
    for (const std::int64_t issued : { period, period - 1 }) {
        const Tag challenge =
                makePathChallenge(context.crypto, context.pathSecret,
                                  { m_session.conversation(), moves(), path.peer, issued });
        if (Crypto::equal(response, makePathResponse(context.crypto, m_keys.pathKey, challenge))) {
            moveTo(now, path);
            return;
        }
    }
    reject();
}

void NativeProtocol::moveTo(kcp::Instant now, const Path &path)
{
    m_session.setPath(path);
    m_session.engine().retransmitNow();
    heard(now);
    Mobility &mobility = this->mobility();
    ++mobility.moves;
    mobility.acceptsLeft = AcceptRepeats - 1;
    mobility.acceptDeadline = now + FirstRetry;
    request(DueAccept);
    m_session.raise(Event::Type::PeerAddressChanged);
}

// --- time -------------------------------------------------------------------------------------

void NativeProtocol::handleTimeout(kcp::Instant now)
{
    if (m_handshake)
        handleHandshakeTimeout(now);
    if (m_session.state() != State::Closed && !isSayingHello()
        && !m_session.handleEngineTimeout(now))
        finishUnanswered(CloseReason::DeadLink);
    if (m_session.state() != State::Closed && m_closing)
        handleClosingTimeout(now);
    if (m_session.state() == State::Closed || m_handshake)
        return;
    if (m_mobility)
        handleMobility(now);
    handleLiveness(now);
}

void NativeProtocol::handleMobility(kcp::Instant now)
{
    Mobility &mobility = *m_mobility;
    if (now >= mobility.acceptDeadline) {
        mobility.acceptDeadline = --mobility.acceptsLeft > 0 ? now + 2 * FirstRetry : kcp::Never;
        request(DueAccept);
    }
    if (now >= mobility.rebindDeadline) {
        mobility.rebindDelay = std::min(mobility.rebindDelay * 2, LongestRetry);
        mobility.rebindDeadline = now + mobility.rebindDelay;
        request(DuePing);
    }
}

void NativeProtocol::handleLiveness(kcp::Instant now)
{
    if (now >= m_liveness.idleDeadline(limits())) {
        finishUnanswered(CloseReason::IdleTimeout);
    } else if (now >= m_liveness.probeDeadline(limits())) {
        m_liveness.probed(now);
        request(DuePing);
        if (m_liveness.unansweredProbes() == Liveness::SuspectProbes)
            m_session.raise(Event::Type::PathSilent);
    }
}

} // namespace kcpnet
