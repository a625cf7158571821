// SPDX-License-Identifier: MIT
#include "session.h"

#include "datagramqueues.h"
#include "liveness.h"
#include "messageframer.h"
#include "sessioncontext.h"
#include "sessionprotocol.h"

#include <algorithm>
#include <bit>

namespace kcpnet {

SessionProtocol::~SessionProtocol() = default;

struct Session::Ending
{
    CloseReason reason;
    Refusal refusal;
    std::uint32_t code;
    std::string text;
};

namespace {

constexpr std::uint16_t bit(Event::Type type)
{
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(type));
}

// The order in which several events of one session are told: what may be read comes before the
// news that there will be no more.
constexpr Event::Type EventOrder[] = {
    Event::Type::Connected,  Event::Type::Accepted,         Event::Type::PeerAddressChanged,
    Event::Type::PathSilent, Event::Type::DatagramReceived, Event::Type::Readable,
    Event::Type::Written,    Event::Type::Acknowledged,     Event::Type::PeerFinished,
    Event::Type::Closed,
};

} // namespace

Session::Session(SessionContext &context, SessionId id, Role role, SharedConfig config,
                 const Path &path, const kcp::Config &engine)
    : m_context(context),
      m_config(std::move(config)),
      m_path(path),
      m_engine(engine, &context.pool),
      m_id(id),
      m_state(role == Role::Client ? State::Connecting : State::Connected),
      m_role(role)
{
    m_engine.setReceiveLimit(m_config->receiveLimit);
}

Session::~Session() = default;

void Session::setProtocol(std::unique_ptr<SessionProtocol> protocol)
{
    m_protocol = std::move(protocol);
}

bool Session::reconfigure(const SessionConfig &config)
{
    if (config.engine.invalidField())
        return false;
    const kcp::Config &engine = config.engine;
    auto changed = std::make_shared<SessionConfig>(*m_config);
    changed->engine.nodelay = engine.nodelay;
    changed->engine.deadLink = engine.deadLink;
    changed->engine.deadLinkTime = engine.deadLinkTime;
    changed->connectTimeout = config.connectTimeout;
    changed->idleTimeout = config.idleTimeout;
    changed->keepAliveInterval = config.keepAliveInterval;
    changed->lingerTime = config.lingerTime;
    m_config = std::move(changed);
    m_engine.setNoDelay(engine.nodelay);
    m_engine.setInterval(engine.interval);
    m_engine.setFastResend(engine.fastResend);
    m_engine.setFastLimit(engine.fastLimit);
    m_engine.setMinimumRto(engine.minimumRto);
    if (engine.congestionControl != m_engine.config().congestionControl)
        m_engine.setCongestionControl(engine.congestionControl);
    m_engine.setAcksAreDelayed(engine.acksAreDelayed);
    setDeadLinkCounts(m_deadLinkCounts);
    markDirty();
    return true;
}

void Session::useMessageFramer()
{
    m_framer = std::make_unique<MessageFramer>(m_config->maximumMessageSize, 0);
    setReceiveLimit(m_config->receiveLimit);
}

// --- reading ----------------------------------------------------------------------------------

std::size_t Session::readableBytes() const
{
    return m_framer ? 0 : m_engine.readableBytes();
}

std::size_t Session::peek(std::size_t offset, kcp::MutableBytes buffer) const
{
    return m_framer ? 0 : m_engine.peek(offset, buffer);
}

std::optional<std::size_t> Session::findByte(std::uint8_t byte, std::size_t limit) const
{
    return m_framer ? std::nullopt : m_engine.findByte(byte, limit);
}

std::optional<std::size_t> Session::nextMessageSize() const
{
    if (m_framer)
        return m_framer->nextSize();
    return m_config->mode == Mode::Message ? m_engine.nextMessageSize() : std::nullopt;
}

std::size_t Session::pendingMessageBytes() const
{
    if (m_framer)
        return m_framer->unreadBytes();
    return m_config->mode == Mode::Message ? m_engine.completeBytes() : 0;
}

bool Session::isReadable() const
{
    return m_framer ? m_framer->hasMessage() : m_engine.isReadable();
}

std::size_t Session::read(kcp::MutableBytes buffer)
{
    if (m_framer || buffer.empty()) // nothing may go, an empty message neither
        return 0;
    const std::size_t size = m_engine.read(buffer);
    if (size > 0)
        afterRead();
    return size;
}

std::size_t Session::skip(std::size_t size)
{
    if (m_framer || size == 0)
        return 0;
    const std::size_t skipped = m_engine.skip(size);
    if (skipped > 0)
        afterRead();
    return skipped;
}

bool Session::readMessage(std::vector<std::uint8_t> &message)
{
    if (m_framer) {
        if (!m_framer->take(message))
            return false;
        if (!m_framer->pump(m_engine) && m_state != State::Closed)
            m_protocol->breakOff();
    } else {
        const std::optional<std::size_t> size = nextMessageSize();
        if (!size)
            return false;
        message.resize(*size);
        m_engine.receiveMessage(message);
    }
    afterRead();
    return true;
}

// A window that was closed may have opened: the engine may want to tell.
void Session::afterRead()
{
    m_readableTold = false;
    markDirty();
}

void Session::setReceiveLimit(std::size_t bytes)
{
    if (!m_framer) {
        m_engine.setReceiveLimit(bytes);
    } else {
        const kcp::Config &engine = m_engine.config();
        m_framer->setUnreadLimit(bytes > 0 ? bytes
                                           : std::size_t(engine.receiveWindow) * engine.mtu);
        if (!m_framer->pump(m_engine) && m_state != State::Closed)
            m_protocol->breakOff();
        raiseReadable();
    }
    markDirty();
}

void Session::raiseReadable()
{
    if (m_readableTold || !isReadable())
        return;
    m_readableTold = true;
    raise(Event::Type::Readable);
}

void Session::discardReceived()
{
    if (m_framer) {
        m_framer->clear();
        m_framer->pump(m_engine); // broken or not: nobody listens any more
        m_framer->clear();
    }
    m_engine.skip(m_engine.readableBytes());
    if (m_datagrams)
        m_datagrams->in = {};
}

// --- writing ----------------------------------------------------------------------------------

bool Session::write(kcp::ByteView data)
{
    if (m_config->mode != Mode::Stream || m_state == State::Closing || m_state == State::Closed)
        return false;
    if (!data.empty())
        m_engine.send(data);
    markDirty();
    return true;
}

bool Session::writeMessage(kcp::ByteView message)
{
    if (m_config->mode != Mode::Message || m_state == State::Closing || m_state == State::Closed
        || message.size() > maximumMessageSize())
        return false;
    if (m_framer) {
        std::array<std::uint8_t, MessageFramer::MaximumPrefix> prefix;
        const std::size_t size =
                MessageFramer::writePrefix(static_cast<std::uint32_t>(message.size()), prefix);
        m_engine.send(kcp::ByteView(prefix).first(size));
        if (!message.empty())
            m_engine.send(message);
    } else if (!m_engine.send(message)) {
        return false;
    }
    markDirty();
    return true;
}

std::size_t Session::maximumMessageSize() const
{
    return m_config->mode == Mode::Message ? m_protocol->maximumMessageSize() : 0;
}

// --- unreliable datagrams ---------------------------------------------------------------------

std::size_t Session::maximumDatagramSize() const
{
    return m_protocol->maximumDatagramSize();
}

bool Session::queueDatagram(kcp::ByteView payload)
{
    if (!m_datagrams)
        m_datagrams = std::make_unique<DatagramQueues>();
    if (m_datagrams->out.size() >= DatagramQueues::MaximumCount) {
        ++m_datagrams->dropped;
        return false;
    }
    m_datagrams->out.push({ payload.begin(), payload.end() });
    markDirty();
    return true;
}

const std::vector<std::uint8_t> *Session::nextDatagram() const
{
    return m_datagrams && !m_datagrams->out.isEmpty() ? &m_datagrams->out.front() : nullptr;
}

void Session::dropDatagram(bool wasSent)
{
    m_datagrams->dropped += wasSent ? 0 : 1;
    m_datagrams->out.pop();
}

void Session::deliverDatagram(kcp::ByteView payload)
{
    if (m_released)
        return;
    if (!m_datagrams)
        m_datagrams = std::make_unique<DatagramQueues>();
    if (m_datagrams->in.size() >= DatagramQueues::MaximumCount) {
        ++m_datagrams->dropped;
        m_datagrams->in.pop(); // the oldest is worth the least
    }
    const bool told = !m_datagrams->in.isEmpty();
    m_datagrams->in.push({ payload.begin(), payload.end() });
    if (!told)
        raise(Event::Type::DatagramReceived);
}

bool Session::readDatagram(std::vector<std::uint8_t> &payload)
{
    if (!hasDatagram())
        return false;
    payload = m_datagrams->in.pop();
    return true;
}

bool Session::hasDatagram() const
{
    return m_datagrams && !m_datagrams->in.isEmpty();
}

std::uint64_t Session::datagramsDropped() const
{
    return m_datagrams ? m_datagrams->dropped : 0;
}

// --- the end ----------------------------------------------------------------------------------

void Session::close(kcp::Instant now, std::uint32_t code, std::string_view text)
{
    if (m_state == State::Closing || m_state == State::Closed)
        return;
    m_state = State::Closing;
    markDirty();
    m_protocol->close(now, code, text);
}

void Session::abort()
{
    if (m_state == State::Closed)
        return;
    m_protocol->sendAbort();
    finish(CloseReason::LocalAbort);
}

void Session::release()
{
    m_released = true;
    m_events = 0;
    discardReceived();
    if (m_state != State::Closed)
        markDirty();
}

void Session::finish(CloseReason reason, Refusal refusal, std::uint32_t code, std::string text)
{
    if (m_state == State::Closed)
        return;
    m_state = State::Closed;
    m_ending = std::make_unique<Ending>(Ending{ reason, refusal, code, std::move(text) });
    m_context.ended.push_back(m_id);
    raise(Event::Type::Closed);
}

// --- the engine -------------------------------------------------------------------------------

kcp::Engine::Input Session::handleSegments(kcp::Instant now, kcp::ByteView datagram)
{
    const std::size_t readable = m_engine.readableBytes();
    const kcp::Engine::Input input = m_engine.handleDatagram(now, datagram);
    if (input.malformed)
        ++m_context.stats.malformedIn;
    if (input.segments == 0)
        return input;
    markDirty();
    if (input.acknowledged)
        raise(Event::Type::Acknowledged);
    if (!input.receivedData)
        return input;
    if (m_released)
        discardReceived();
    else if (m_framer && !m_framer->pump(m_engine))
        m_protocol->breakOff();
    else if (m_config->mode == Mode::Message)
        raiseReadable();
    else if (m_engine.readableBytes() > readable)
        raise(Event::Type::Readable); // also when the last news was not read: a reader may wait
                // for more
    return input;
}

bool Session::handleEngineTimeout(kcp::Instant now)
{
    // A program that stood still has not listened: the time does not count against the peer.
    const bool relaxed = now < m_context.thaw + ThawGrace;
    if (relaxed != m_deadLinkTimeRelaxed) {
        m_deadLinkTimeRelaxed = relaxed;
        setDeadLinkCounts(m_deadLinkCounts);
    }
    if (m_engine.pollTimeout() <= now) {
        m_engine.handleTimeout(now);
        markDirty();
    }
    return !(m_deadLinkCounts && m_engine.isDead());
}

void Session::setDeadLinkCounts(bool counts)
{
    m_deadLinkCounts = counts;
    const kcp::Config &config = m_config->engine;
    m_engine.setDeadLink(counts ? config.deadLink : 0,
                         counts && !m_deadLinkTimeRelaxed ? config.deadLinkTime
                                                          : kcp::Duration::zero());
}

std::size_t Session::pollEngine(kcp::Instant now, kcp::MutableBytes buffer)
{
    const std::size_t unsent = m_engine.unsentBytes();
    const std::size_t size = m_engine.pollTransmit(now, buffer);
    const std::size_t left = m_engine.unsentBytes();
    if (left < unsent) {
        m_writtenBytes += unsent - left;
        raise(Event::Type::Written);
    }
    return size;
}

bool Session::isBusyElseTrim()
{
    if (!m_engine.isSendIdle() || m_engine.heldBytes() > 0 || m_engine.pendingAcks() > 0)
        return true;
    m_engine.trim();
    if (m_framer)
        m_framer->trim();
    if (m_datagrams) {
        m_datagrams->in.trim();
        m_datagrams->out.trim();
    }
    return false;
}

// --- dirt and events --------------------------------------------------------------------------

void Session::markDirty()
{
    if (m_dirty || m_state == State::Closed)
        return;
    m_dirty = true;
    m_context.dirty.push(m_id);
}

void Session::raise(Event::Type type)
{
    if (m_released)
        return;
    m_events |= bit(type);
    if (m_eventful)
        return;
    m_eventful = true;
    m_context.eventful.push(m_id);
}

bool Session::takeEvent(Event &event)
{
    for (const Event::Type type : EventOrder) {
        if (!(m_events & bit(type)))
            continue;
        m_events &= static_cast<std::uint16_t>(~bit(type));
        event = Event{};
        event.type = type;
        event.session = m_id;
        if (type == Event::Type::Written) {
            event.bytes = m_writtenBytes;
            m_writtenBytes = 0;
        } else if (type == Event::Type::Closed) {
            event.reason = m_ending->reason;
            event.refusal = m_ending->refusal;
            event.closeCode = m_ending->code;
            event.closeText = m_ending->text;
        }
        return true;
    }
    m_eventful = false;
    return false;
}

} // namespace kcpnet
