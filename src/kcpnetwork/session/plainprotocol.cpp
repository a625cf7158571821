// SPDX-License-Identifier: MIT
#include "plainprotocol.h"

#include "sessioncontext.h"
#include "tombstones.h"

#include <algorithm>

namespace kcpnet {

using State = Session::State;

namespace {

// How long the engine's timers rest, and the peer is not asked again, when segments are held back
// for want of credit.
constexpr kcp::Duration StarvedDelay = std::chrono::milliseconds(250);

} // namespace

PlainProtocol::PlainProtocol(Session &session, kcp::Instant now)
    : m_session(session), m_liveness(now), m_proven(session.role() == Session::Role::Client)
{
}

void PlainProtocol::start(kcp::Instant now)
{
    if (m_session.config().connectWithoutReply) {
        m_session.setState(State::Connected);
        m_session.raise(Event::Type::Connected);
        return;
    }
    m_connecting = true;
    m_session.setDeadLinkCounts(false);
    const kcp::Duration timeout = m_session.config().connectTimeout;
    m_connectDeadline = timeout > kcp::Duration::zero() ? now + timeout : kcp::Never;
    m_retryDelay = FirstRetry;
    m_retryDeadline = now + m_retryDelay;
    m_session.engine().requestProbe();
    m_session.markDirty();
}

void PlainProtocol::connected(kcp::Instant now)
{
    m_connecting = false;
    m_connectDeadline = kcp::Never;
    m_retryDeadline = kcp::Never;
    m_liveness.heard(now);
    m_session.setDeadLinkCounts(true);
    if (m_session.state() == State::Connecting)
        m_session.setState(State::Connected);
    m_session.raise(Event::Type::Connected);
}

// Nothing goes over the wire: KCP has no word for it. The end comes in pollTransmit(), when all is
// acknowledged and our own ACKs have left.
void PlainProtocol::close(kcp::Instant now, std::uint32_t, std::string_view)
{
    const kcp::Duration linger = m_session.config().lingerTime;
    const bool delivered = m_session.engine().isSendIdle();
    if (linger <= kcp::Duration::zero() || (m_connecting && delivered))
        m_session.finish(delivered ? CloseReason::LocalClose : CloseReason::LingerTimeout);
    else
        m_lingerDeadline = now + linger;
}

void PlainProtocol::rebind(kcp::Instant now)
{
    probe(now);
}

bool PlainProtocol::sendDatagram(kcp::ByteView)
{
    return false;
}

void PlainProtocol::probe(kcp::Instant now)
{
    m_liveness.probed(now);
    m_session.engine().requestProbe();
    m_session.markDirty();
    if (m_liveness.unansweredProbes() == Liveness::SuspectProbes)
        m_session.raise(Event::Type::PathSilent);
}

bool PlainProtocol::epitaph(kcp::Instant now, Tombstone &tombstone) const
{
    if (m_session.role() != Session::Role::Server)
        return false;
    tombstone.key = { m_session.path().peer, m_session.conversation() };
    tombstone.expiry = now + TombstoneLife;
    return true;
}

std::size_t PlainProtocol::maximumMessageSize() const
{
    const kcp::Engine &engine = m_session.engine();
    return std::size_t(engine.mss()) * engine.config().maximumFragments;
}

// --- handle -----------------------------------------------------------------------------------

void PlainProtocol::handleSegments(kcp::Instant now, const Path &, kcp::ByteView datagram)
{
    const kcp::Engine::Input input = m_session.handleSegments(now, datagram);
    if (input.segments == 0)
        return;
    if (!m_proven) {
        m_credit += Amplification * datagram.size();
        m_proven = input.acknowledged || input.answeredProbe;
        m_starved = false;
    }
    if (m_connecting && input.plausible)
        connected(now);
    if (input.alive())
        m_liveness.heard(now);
}

void PlainProtocol::handleFrame(kcp::Instant, const Path &, const Frame &)
{
    ++m_session.context().stats.unknownConversationIn;
}

void PlainProtocol::handleTimeout(kcp::Instant now)
{
    if (m_connecting)
        handleConnectTimeout(now);
    if (m_session.state() != State::Closed && !m_session.handleEngineTimeout(now))
        m_session.finish(CloseReason::DeadLink);
    if (now >= starvedDeadline())
        m_session.finish(CloseReason::DeadLink);
    if (now >= lenient(m_lingerDeadline, m_session.context().thaw))
        m_session.finish(CloseReason::LingerTimeout);
    if (m_session.state() != State::Closed && !m_connecting)
        handleLiveness(now);
}

void PlainProtocol::handleConnectTimeout(kcp::Instant now)
{
    if (now >= lenient(m_connectDeadline, m_session.context().thaw)) {
        m_session.finish(CloseReason::ConnectTimeout);
    } else if (now >= m_retryDeadline) {
        m_retryDelay = std::min(m_retryDelay * 2, LongestRetry);
        m_retryDeadline = now + m_retryDelay;
        m_session.engine().requestProbe();
        m_session.markDirty();
    }
}

void PlainProtocol::handleLiveness(kcp::Instant now)
{
    if (now >= m_liveness.idleDeadline(limits()))
        m_session.finish(CloseReason::IdleTimeout);
    else if (now >= m_liveness.probeDeadline(limits()))
        probe(now);
}

// An address that takes nothing and proves nothing is given up like one that does not answer.
kcp::Instant PlainProtocol::starvedDeadline() const
{
    const kcp::Duration timeout = m_session.config().connectTimeout;
    if (!m_starved || timeout <= kcp::Duration::zero())
        return kcp::Never;
    return lenient(m_liveness.lastHeard() + timeout, m_session.context().thaw);
}

Liveness::Limits PlainProtocol::limits() const
{
    const SessionConfig &config = m_session.config();
    return { config.idleTimeout, config.keepAliveInterval, m_session.context().thaw };
}

// --- poll -------------------------------------------------------------------------------------

std::size_t PlainProtocol::pollTransmit(kcp::Instant now, kcp::MutableBytes buffer)
{
    const std::size_t size =
            m_proven ? m_session.pollEngine(now, buffer) : pollWithCredit(now, buffer);
    if (size == 0 && m_session.state() == State::Closing && m_session.engine().isSendIdle())
        m_session.finish(CloseReason::LocalClose);
    return size;
}

// A segment larger than the credit waits; WASK is small enough, and its answer proves the address.
std::size_t PlainProtocol::pollWithCredit(kcp::Instant now, kcp::MutableBytes buffer)
{
    buffer = buffer.first(
            static_cast<std::size_t>(std::min<std::uint64_t>(m_credit, buffer.size())));
    std::size_t size = m_session.pollEngine(now, buffer);
    kcp::Engine &engine = m_session.engine();
    const bool starved = size == 0 && engine.waitingSegments() > 0
            && buffer.size() < engine.maximumTransmitSize();
    if (starved && (!m_starved || now >= m_creditDeadline)) {
        m_creditDeadline = now + StarvedDelay;
        engine.requestProbe();
        size = m_session.pollEngine(now, buffer);
    }
    m_starved = starved;
    m_credit -= size;
    return size;
}

kcp::Instant PlainProtocol::deadline() const
{
    const kcp::Instant thaw = m_session.context().thaw;
    kcp::Instant result = m_session.engine().pollTimeout();
    // What is held back looks overdue to the engine; more credit comes only with a datagram.
    if (m_starved)
        result = std::min(m_creditDeadline, starvedDeadline());
    if (m_connecting)
        return std::min({ result, m_retryDeadline, lenient(m_connectDeadline, thaw),
                          lenient(m_lingerDeadline, thaw) });
    return std::min({ result, lenient(m_lingerDeadline, thaw), m_liveness.deadline(limits()) });
}

} // namespace kcpnet
