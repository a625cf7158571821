// SPDX-License-Identifier: MIT
#include <kcp/engine.h>

#include <algorithm>
#include <utility>

namespace kcp {

using namespace std::chrono_literals;

namespace {

// A closed window is probed first after one rto, then 1.5 times later each time. The original
// begins with 5 s, and stalls for that long when the one WINS is lost.
constexpr Duration ShortestProbeDelay = 200ms;
constexpr Duration LongestProbeDelay = 5s;

// A WINS that nobody asked for is repeated so often, one rto apart, until data comes.
constexpr std::uint8_t WindowTellRepeats = 3;

// Old duplicates need no ACK of their own, since una covers them: so many may wait.
constexpr std::uint32_t MaximumDuplicateAcks = 128;

// A segment must have been sent this often before silence counts as a dead link: a program that
// was stopped for minutes has not tried.
constexpr std::uint32_t DeadLinkTries = 4;

// Datagrams of a peer whose segments are larger than ours.
constexpr std::uint32_t CommonMss = 1400;

Duration defaultMinimumRto(std::uint8_t nodelay)
{
    return nodelay == 0 ? 100ms : 30ms;
}

} // namespace

const char *Config::invalidField() const
{
    if (nodelay > 2)
        return "nodelay";
    if (interval < 1ms || interval > 5s)
        return "interval";
    if (fastResend > MaximumFastResend)
        return "fastResend";
    if (mtu < MinimumMtu || mtu > MaximumDatagramSize)
        return "mtu";
    if (sendWindow < 1 || sendWindow > MaximumWindow)
        return "sendWindow";
    if (receiveWindow < 1 || receiveWindow > MaximumWindow)
        return "receiveWindow";
    if (minimumRto < Duration::zero() || minimumRto > RttEstimator::MaximumRto)
        return "minimumRto";
    if (deadLinkTime < Duration::zero())
        return "deadLinkTime";
    if (maximumFragments < 1 || maximumFragments > 255)
        return "maximumFragments";
    return nullptr;
}

// What the segments of one datagram add up to; applied once at its end.
struct Engine::InputState
{
    Input input;
    std::uint32_t una;
    std::uint32_t newlyAcknowledged = 0;
    std::uint32_t newestTransmission = 0; // of the segments acknowledged
    bool hasTransmission = false;
    bool implausible = false;
    Duration rtt{-1}; // of the newest of them; one sample a datagram
};

Engine::Engine(const Config &config, BlockPool *pool)
    : m_config(config),
      m_ownPool(pool ? nullptr : std::make_unique<BlockPool>()),
      m_rtt(config.minimumRto > Duration::zero() ? config.minimumRto
                                                 : defaultMinimumRto(config.nodelay),
            config.interval),
      m_congestion(CongestionController::create(config.congestionControl,
                                                config.mtu - HeaderSize, config.fastResend)),
      m_send(pool ? pool : m_ownPool.get(), config.initialSendSn, mss()),
      m_receive(pool ? pool : m_ownPool.get(), config.initialReceiveSn, config.stream),
      m_acks(pool ? pool : m_ownPool.get()),
      m_peerWindow(Config::DefaultMaximumFragments + 1),
      m_peerUna(config.initialSendSn),
      m_fullTransmission(m_send.transmissions())
{
    applyConfig();
}

Engine::~Engine() = default;

// Hands on what the queues need to know of m_config.
void Engine::applyConfig()
{
    m_send.setPolicy({m_config.nodelay, m_config.fastLimit, m_config.maximumFragments});
    const std::size_t segmentBytes = std::max<std::size_t>(mss(), CommonMss);
    m_receive.setLimits(m_config.receiveWindow, m_config.receiveWindow * segmentBytes);
    readCongestionWindow();
}

void Engine::readCongestionWindow()
{
    m_window = m_congestion->window();
    m_windowLimitsAll = m_congestion->limitsRetransmissions();
}

void Engine::trim()
{
    m_send.trim();
    m_receive.trim();
    m_acks.trim();
}

// --- commands -------------------------------------------------------------------------------

std::size_t Engine::read(MutableBytes buffer)
{
    const std::size_t size = m_receive.read(buffer);
    noteReadProgress();
    return size;
}

std::size_t Engine::peek(std::size_t offset, MutableBytes buffer) const
{
    return m_receive.peek(offset, buffer);
}

std::size_t Engine::skip(std::size_t size)
{
    const std::size_t skipped = m_receive.skip(size);
    noteReadProgress();
    return skipped;
}

std::optional<std::size_t> Engine::findByte(std::uint8_t byte, std::size_t limit) const
{
    return m_receive.findByte(byte, limit);
}

std::optional<std::size_t> Engine::nextMessageSize() const
{
    return m_receive.nextMessageSize();
}

// A peer that was told of a closed window is told when it opens again.
void Engine::tellOpenWindow()
{
    if (advertisedWindow() == 0)
        return;
    m_windowWasClosed = false;
    m_control |= TellsWindow;
    m_tellsLeft = WindowTellRepeats;
}

std::optional<std::size_t> Engine::receiveFromClosedWindow(MutableBytes buffer)
{
    const std::optional<std::size_t> size = m_receive.receiveMessage(buffer);
    noteReadProgress();
    return size;
}

void Engine::requestProbe()
{
    m_control |= AsksWindow;
}

void Engine::requestWindowTell()
{
    m_control |= TellsWindow;
}

bool Engine::setMtu(std::uint32_t mtu)
{
    if (mtu < Config::MinimumMtu || mtu > MaximumDatagramSize)
        return false;
    m_config.mtu = mtu;
    m_congestion->setMss(mss());
    m_send.setMss(mss());
    applyConfig();
    return true;
}

bool Engine::setSendWindow(std::uint32_t segments)
{
    if (segments < 1 || segments > Config::MaximumWindow)
        return false;
    m_config.sendWindow = segments;
    return true;
}

bool Engine::setReceiveWindow(std::uint32_t segments)
{
    if (segments < 1 || segments > Config::MaximumWindow)
        return false;
    m_config.receiveWindow = segments;
    applyConfig();
    noteReadProgress();
    return true;
}

void Engine::setStream(bool stream)
{
    m_config.stream = stream;
    m_receive.setStream(stream);
}

void Engine::setNoDelay(std::uint8_t nodelay)
{
    m_config.nodelay = std::min<std::uint8_t>(nodelay, 2);
    m_rtt.setMinimumRto(m_config.minimumRto > Duration::zero()
                                ? m_config.minimumRto
                                : defaultMinimumRto(m_config.nodelay));
    applyConfig();
}

bool Engine::setInterval(Duration interval)
{
    if (interval < 1ms || interval > 5s)
        return false;
    m_config.interval = interval;
    m_rtt.setInterval(interval);
    return true;
}

void Engine::setFastResend(std::uint32_t fastResend)
{
    m_config.fastResend = std::min(fastResend, Config::MaximumFastResend);
    m_passed.fill(m_send.transmissions());
}

void Engine::setFastLimit(std::uint32_t fastLimit)
{
    m_config.fastLimit = fastLimit;
    applyConfig();
}

void Engine::setMinimumRto(Duration minimumRto)
{
    m_config.minimumRto = std::clamp(minimumRto, Duration::zero(), RttEstimator::MaximumRto);
    setNoDelay(m_config.nodelay);
}

void Engine::setDeadLink(std::uint32_t transmissions, Duration time)
{
    m_config.deadLink = transmissions;
    m_config.deadLinkTime = time;
}

void Engine::setCongestionControl(CongestionControl kind)
{
    m_congestion = CongestionController::create(kind, mss(), m_config.fastResend);
    m_config.congestionControl = kind;
    readCongestionWindow();
}

void Engine::setCongestionController(std::unique_ptr<CongestionController> controller)
{
    m_config.congestionControl = CongestionControl::Custom;
    m_congestion = std::move(controller);
    m_congestion->setMss(mss());
    readCongestionWindow();
}

void Engine::setConversation(std::uint32_t conv)
{
    m_config.conv = conv;
}

void Engine::setReceiveLimit(std::size_t bytes)
{
    m_receiveLimit = bytes;
    noteReadProgress();
}

// --- getters --------------------------------------------------------------------------------

// The window while setReceiveLimit() is in force.
std::uint32_t Engine::limitedWindow(std::uint32_t window) const
{
    const std::size_t closed = m_receive.closedBytes();
    const std::size_t room = m_receiveLimit > closed ? m_receiveLimit - closed : 0;
    return static_cast<std::uint32_t>(std::min<std::size_t>(window, (room + mss() - 1) / mss()));
}

std::size_t Engine::waitingSegments() const
{
    return m_send.unsentSegments() + m_send.flightSize();
}

std::size_t Engine::maximumTransmitSize() const
{
    std::uint32_t largest = m_send.largestLength();
    if (m_send.hasUnsent())
        largest = std::max(largest, m_send.nextLength());
    return std::max<std::size_t>(m_config.mtu, HeaderSize + largest);
}

// --- handle ---------------------------------------------------------------------------------

Engine::Input Engine::handleDatagram(Instant now, ByteView datagram)
{
    InputState state;
    Input &input = state.input;
    state.una = m_peerUna;
    const bool readable = isReadable();

    SegmentView segment;
    const std::size_t size = datagram.size();
    ParseError error = ParseError::None;
    while ((error = parseSegment(m_config.conv, datagram, segment)) == ParseError::None) {
        const SegmentHeader &header = segment.header;
        // Nobody can have what was never sent: a forged una must not release anything.
        if (serialLess(m_send.next(), header.una)) [[unlikely]] {
            input.malformed = true;
            break;
        }
        ++input.segments;
        // Only the newest word on the window counts, not one of a datagram that came late.
        if (!serialLess(header.una, state.una)) [[likely]] {
            state.una = header.una;
            m_peerWindow = header.window;
        } else if (serialLess(header.una, m_peerUna)) {
            state.implausible = true;
        }
        if (header.command == Command::Push)
            handlePush(now, segment, state);
        else if (header.command == Command::Ack)
            handleAck(now, header.sn, header.timestamp, state);
        else
            handleProbe(now, header.command, input);
    }
    if (error != ParseError::End) [[unlikely]] {
        if (error == ParseError::WrongConversation && input.segments == 0)
            input.wrongConversation = true;
        else
            input.malformed = true;
    }
    if (input.malformed) [[unlikely]]
        ++m_stats.malformedIn;
    if (input.segments == 0) [[unlikely]]
        return input;

    ++m_stats.datagramsIn;
    m_stats.bytesIn += size;
    if (state.una != m_peerUna || state.newlyAcknowledged > 0)
        finishAcks(now, state);
    input.plausible = !state.implausible && !input.malformed;
    input.becameReadable = !readable && isReadable();
    return input;
}

inline void Engine::handlePush(Instant now, const SegmentView &segment, InputState &state)
{
    ++m_stats.segmentsIn;
    const SegmentHeader &header = segment.header;
    const ReceiveQueue::Result result =
            m_receive.insert(header.sn, header.fragment, segment.data);
    if (result == ReceiveQueue::Result::Stored) [[likely]] {
        state.input.receivedData = true;
        m_probesUnanswered = 0; // a lost WINS must not count against the link for ever
        m_tellsLeft = 0;
        m_tellDeadline = Never;
    } else if (!acceptDuplicate(result, state)) {
        return;
    }
    noteAck(now, header.sn, header.timestamp);
}

// An ACK is sent for everything that came out of order and for the last that came in order; una
// covers the rest. So the last one makes room for the next if una covers it already.
inline void Engine::noteAck(Instant now, std::uint32_t sn, std::uint32_t timestamp)
{
    if ((m_control & SendsAcks) != 0) {
        if (!serialLess(m_lastAck.sn, m_receive.next())) [[unlikely]]
            keepAck(m_lastAck);
    } else {
        m_control |= SendsAcks;
        if (m_config.acksAreDelayed)
            m_ackDeadline = now + m_config.interval;
    }
    m_lastAck = {sn, timestamp};
}

void Engine::keepAck(const PendingAck &ack)
{
    // Empty segments cost no window, so that the window does not bound how many are stored.
    if (m_acks.size() >= m_config.receiveWindow + MaximumDuplicateAcks) [[unlikely]] {
        m_acks.pop();
        ++m_stats.droppedAcks;
    }
    m_acks.push(ack);
}

// A segment that was not stored: whether it is acknowledged all the same.
bool Engine::acceptDuplicate(ReceiveQueue::Result result, InputState &state)
{
    if (result == ReceiveQueue::Result::OutOfWindow) {
        ++m_stats.outOfWindowIn;
        state.implausible = true;
        return false;
    }
    ++m_stats.duplicatesIn;
    if ((m_control & SendsAcks) != 0 && serialLess(m_lastAck.sn, m_receive.next())) {
        ++m_stats.droppedAcks; // the last one
        return true;
    }
    if (m_acks.size() < m_config.receiveWindow + MaximumDuplicateAcks)
        return true;
    ++m_stats.droppedAcks;
    return false;
}

void Engine::handleProbe(Instant now, Command command, Input &input)
{
    if (command == Command::WindowAsk) {
        ++m_stats.probesIn;
        m_control |= TellsWindow;
        return;
    }
    input.answeredProbe |= m_probesUnanswered > 0;
    m_probesUnanswered = 0;
    m_lastProgress = now;
}

inline void Engine::handleAck(Instant now, std::uint32_t sn, std::uint32_t timestamp,
                              InputState &state)
{
    ++m_stats.acksIn;
    if (!m_send.isOutstanding(sn)) [[unlikely]] {
        if (!serialLess(sn, m_send.next())) {
            state.input.malformed = true;
            state.implausible = true;
        }
        return;
    }
    const SendQueue::Segment &segment = m_send.segment(sn);
    if (timestamp == segment.lastTimestamp) [[likely]] {
        if (!state.hasTransmission || serialLess(state.newestTransmission, segment.transmission)) {
            state.newestTransmission = segment.transmission;
            state.rtt = now - segment.lastSent;
        }
        state.hasTransmission = true;
    } else if (serialDistance(timestamp, segment.firstTimestamp) >= 0
               && serialDistance(segment.lastTimestamp, timestamp) > 0) {
        // It answers an earlier transmission, whose time is known to the millisecond only.
        const std::int32_t age = serialDistance(wireTime(now), timestamp);
        if (!state.hasTransmission)
            state.rtt = std::chrono::milliseconds(age);
    } // else the ts was never ours: no measurement
    if (serialLess(sn, state.una))
        return; // acknowledged with all the others before una
    m_send.acknowledge(sn);
    ++state.newlyAcknowledged;
}

// Fast retransmission. Every datagram that acknowledges something counts once against every
// segment sent before what it acknowledges, and a segment counted fastResend times is lost. So it
// is enough to remember the fastResend newest transmissions acknowledged so far: all that was sent
// before the oldest of these is lost, and stands at the head of its list. No segment is visited
// to be counted.
inline void Engine::detectLosses(Instant now, std::uint32_t passed)
{
    std::uint32_t *const begin = m_passed.data();
    std::uint32_t *const end = begin + m_config.fastResend;
    for (std::uint32_t *p = begin; p != end; ++p) {
        const std::uint32_t other = *p;
        if (serialLess(other, passed)) {
            *p = passed;
            passed = other;
        }
    }
    const std::uint32_t threshold = end[-1];
    if (!m_send.hasSentBefore(threshold)) [[likely]]
        return;
    loseSentBefore(now, threshold);
}

// una, congestion control and losses, once per datagram.
void Engine::finishAcks(Instant now, InputState &state)
{
    const std::uint32_t before = m_send.una();
    const std::uint32_t inFlight = m_send.flightSize();
    m_peerUna = state.una;
    state.newlyAcknowledged += m_send.acknowledgeUntil(state.una);
    if (state.newlyAcknowledged == 0)
        return;
    state.input.acknowledged = true;
    m_probesUnanswered = 0;
    m_lastProgress = now;
    m_rtt.addSample(state.rtt);
    if (m_config.congestionControl != CongestionControl::Off) {
        m_congestion->onAck({now, state.newlyAcknowledged, inFlight, m_send.una() != before,
                             m_congestionLimited, m_rtt.srtt(), state.rtt});
        readCongestionWindow();
    }
    if (state.hasTransmission && m_config.fastResend > 0)
        detectLosses(now, state.newestTransmission);
}

void Engine::loseSentBefore(Instant now, std::uint32_t threshold)
{
    const SendQueue::Expired lost = m_send.loseSentBefore(threshold);
    m_stats.fastRetransmissions += lost.count;
    const bool newEpisode = !serialLess(lost.newestTransmission, m_fullTransmission);
    m_congestion->onFastRetransmit({now, m_send.flightSize(), newEpisode});
    if (newEpisode)
        m_fullTransmission = m_send.transmissions();
    readCongestionWindow();
}

void Engine::handleTimeout(Instant now)
{
    const SendQueue::Expired expired = m_send.expire(now, m_rtt.rto());
    if (expired.count > 0) {
        m_stats.timeoutRetransmissions += expired.count;
        const bool newEpisode = !serialLess(expired.newestTransmission, m_fullTransmission);
        m_congestion->onTimeout({now, m_send.flightSize(), newEpisode});
        if (newEpisode)
            m_fullTransmission = m_send.transmissions();
        readCongestionWindow();
        judgeLink(now, expired.mostTransmissions);
    }
    if (now >= m_probeDeadline) {
        m_probeDeadline = Never; // armed again when the WASK leaves
        if (m_peerWindow == 0) {
            m_control |= AsksWindow;
            judgeLink(now, m_probesUnanswered);
        }
    }
    if (now >= m_tellDeadline) {
        m_tellDeadline = Never;
        m_control |= TellsWindow;
    }
}

void Engine::judgeLink(Instant now, std::uint32_t tries)
{
    if (m_config.deadLink > 0 && tries >= m_config.deadLink)
        m_dead = true;
    if (m_config.deadLinkTime > Duration::zero() && tries >= DeadLinkTries
        && now - m_lastProgress >= m_config.deadLinkTime)
        m_dead = true;
}

// --- poll -----------------------------------------------------------------------------------

Instant Engine::pollTimeout() const
{
    Instant deadline = std::min(m_probeDeadline, m_tellDeadline);
    if (m_config.acksAreDelayed && (m_control & SendsAcks) != 0)
        deadline = std::min(deadline, m_ackDeadline);
    return std::min(deadline, m_send.nextDeadline(m_rtt.rto()));
}

// sendsData is hasDataToSend(). First what is to be sent again, then what is new.
std::size_t Engine::transmit(Instant now, MutableBytes buffer, bool sendsData)
{
    const std::uint32_t window = advertisedWindow();
    if (window == 0) [[unlikely]]
        m_windowWasClosed = true;
    const HeaderWriter header(m_config.conv, window, m_receive.next());
    const std::uint32_t timestamp = wireTime(now);
    std::uint8_t *p = buffer.data();
    // What is larger than the MTU (see setMtu()) has a datagram to itself.
    std::size_t limit = buffer.size();
    std::size_t size = 0;
    if (m_control != 0) [[unlikely]] {
        size = writeControl(now, buffer, header, sendsData);
        if (size > 0)
            limit = std::min<std::size_t>(limit, m_config.mtu);
    }
    while (sendsData) {
        const bool lost = m_send.hasLost();
        const std::uint32_t length = lost ? m_send.lostLength() : m_send.nextLength();
        const std::size_t end = size + HeaderSize + length;
        if (end > limit)
            break;
        if (m_send.pipe() == 0) [[unlikely]]
            noteSendingAgain(now);
        const std::uint32_t sn = lost ? m_send.firstLost() : m_send.next();
        const SendQueue::Segment &segment = lost ? m_send.sendAgain(sn, now, timestamp)
                                                 : m_send.sendNext(length, now, timestamp);
        ++m_stats.segmentsOut;
        header.write(p + size, Command::Push, segment.fragment, timestamp, sn, length);
        m_send.copyPayload(segment, p + size + HeaderSize);
        size = end;
        limit = std::min<std::size_t>(limit, m_config.mtu);
        // The length is looked at first: it says sooner that this datagram is full.
        sendsData = m_send.mayFit(limit, size + HeaderSize) && hasDataToSend();
    }
    m_stats.datagramsOut += size > 0;
    m_stats.bytesOut += size;
    return size;
}

// Nothing was under way: the peer's silence counts from now on.
inline void Engine::noteSendingAgain(Instant now)
{
    if (!m_send.hasLost() && m_probesUnanswered == 0)
        m_lastProgress = now;
}

// What stands in front of the data.
std::size_t Engine::writeControl(Instant now, MutableBytes buffer, HeaderWriter header,
                                 bool sendsData)
{
    buffer = buffer.first(std::min<std::size_t>(buffer.size(), m_config.mtu));
    std::size_t size = 0;
    if ((m_control & SendsAcks) != 0
        && (sendsData || !m_config.acksAreDelayed || now >= m_ackDeadline))
        size = writeAcks(buffer, header);
    if ((m_control & (AsksWindow | TellsWindow)) != 0)
        size += writeProbes(now, buffer.subspan(size), header);
    return size;
}

// See noteAck() for which ACKs are left out.
std::size_t Engine::writeAcks(MutableBytes buffer, HeaderWriter header)
{
    std::size_t size = 0;
    for (bool last = false; !last;) {
        last = m_acks.isEmpty();
        const PendingAck ack = last ? m_lastAck : m_acks.front();
        if (last || !serialLess(ack.sn, header.una())) {
            if (buffer.size() - size < HeaderSize)
                return size;
            header.write(buffer.data() + size, Command::Ack, 0, ack.timestamp, ack.sn, 0);
            size += HeaderSize;
            ++m_stats.acksOut;
        }
        if (!last)
            m_acks.pop();
    }
    m_control &= static_cast<std::uint8_t>(~SendsAcks);
    m_ackDeadline = Never;
    return size;
}

std::size_t Engine::writeProbes(Instant now, MutableBytes buffer, HeaderWriter header)
{
    const std::uint32_t timestamp = wireTime(now);
    std::size_t size = 0;
    if ((m_control & AsksWindow) != 0 && buffer.size() >= HeaderSize) {
        header.write(buffer.data(), Command::WindowAsk, 0, timestamp, 0, 0);
        size += HeaderSize;
        m_control &= static_cast<std::uint8_t>(~AsksWindow);
        if (m_probesUnanswered++ == 0 && m_send.flightSize() == 0)
            m_lastProgress = now;
        ++m_stats.probesOut;
    }
    if ((m_control & TellsWindow) != 0 && buffer.size() - size >= HeaderSize) {
        header.write(buffer.data() + size, Command::WindowTell, 0, timestamp, 0, 0);
        size += HeaderSize;
        m_control &= static_cast<std::uint8_t>(~TellsWindow);
        if (m_tellsLeft > 0) {
            --m_tellsLeft;
            m_tellDeadline = now + m_rtt.rto();
        }
    }
    return size;
}

void Engine::updateProbe(Instant now)
{
    if (m_peerWindow > 0 || !m_send.hasUnsent()) {
        m_probeDeadline = Never;
        m_probeDelay = Duration::zero();
        return;
    }
    if (m_probeDeadline != Never)
        return;
    m_probeDelay = m_probeDelay == Duration::zero()
            ? std::clamp(m_rtt.rto(), ShortestProbeDelay, LongestProbeDelay)
            : std::min(m_probeDelay + m_probeDelay / 2, LongestProbeDelay);
    m_probeDeadline = now + m_probeDelay;
}

} // namespace kcp
