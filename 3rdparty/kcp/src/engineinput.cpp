// SPDX-License-Identifier: MIT
// What arrives, and what time brings.
#include <kcp/engine.h>

#include <algorithm>
#include <utility>

namespace kcp {

namespace {

// Old duplicates need no ACK of their own, since una covers them: so many may wait.
constexpr std::uint32_t MaximumDuplicateAcks = 128;

// A segment must have been sent this often before silence counts as a dead link: a program that
// was stopped for minutes has not tried.
constexpr std::uint32_t DeadLinkTries = 4;

} // namespace

// Fast retransmission. Every datagram that acknowledges something counts once against every
// segment sent before what it acknowledges, and a segment counted fastResend times is lost. So it
// is enough to remember the fastResend newest transmissions acknowledged so far: all that was sent
// before the oldest of these is lost, and stands at the head of its list. No segment is visited
// to be counted.
inline void Engine::detectLosses(Instant now)
{
    std::uint32_t passed = m_acknowledged.newestTransmission;
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

// una, congestion control and losses, once per datagram. Whether something was acknowledged for
// the first time.
inline bool Engine::finishAcks(Instant now)
{
    const std::uint32_t before = m_send.una();
    const std::uint32_t inFlight = m_send.flightSize();
    const std::uint32_t count = m_acknowledged.count + m_send.acknowledgeUntil(m_peerUna);
    m_acknowledged.any = false;
    if (count == 0)
        return false;
    const Duration rtt = m_acknowledged.rtt;
    const bool anyTransmission = m_acknowledged.anyTransmission;
    m_acknowledged.count = 0;
    m_acknowledged.anyTransmission = false;
    m_acknowledged.rtt = Duration(-1);
    m_probesUnanswered = 0;
    m_lastProgress = now;
    m_rtt.addSample(rtt);
    if (m_config.congestionControl != CongestionControl::Off) {
        m_congestion->onAck({ now, count, inFlight, m_send.una() != before, m_congestionLimited,
                              m_rtt.srtt(), rtt });
        readCongestionWindow();
    }
    if (anyTransmission && m_config.fastResend > 0)
        detectLosses(now);
    return true;
}

Engine::Input Engine::handleDatagram(Instant now, ByteView datagram)
{
    Input input;
    input.plausible = true;
    const bool readable = isReadable();

    ByteView rest = datagram;
    RawSegment segment;
    ParseError error = ParseError::None;
    while ((error = parseSegment(m_config.conv, rest, segment)) == ParseError::None) {
        // Most segments repeat what is known.
        if (segment.una() != m_peerUna || segment.window() != m_peerWindow) [[unlikely]] {
            if (!acceptPeerState(segment, input))
                break;
        }
        ++input.segments;
        const Command command = segment.command();
        if (command == Command::Push) [[likely]]
            handlePush(now, segment, input);
        else if (command == Command::Ack)
            handleAck(now, segment.sn(), segment.timestamp(), input);
        else
            handleProbe(now, command, input);
    }
    if (error != ParseError::End) [[unlikely]]
        noteMalformed(error, input);
    if (input.segments == 0) [[unlikely]] {
        input.plausible = false;
        return input;
    }
    ++m_stats.datagramsIn;
    m_stats.bytesIn += datagram.size();
    if (m_acknowledged.any)
        input.acknowledged = finishAcks(now);
    if (!readable && isReadable())
        input.becameReadable = true;
    return input;
}

inline void Engine::noteAcknowledgement()
{
    if (m_acknowledged.any)
        return;
    m_acknowledged.any = true;
    m_acknowledged.unaBefore = m_peerUna;
}

// una and wnd of a segment, if they are news. False when the datagram is to be left there.
inline bool Engine::acceptPeerState(const RawSegment &segment, Input &input)
{
    const std::uint32_t una = segment.una();
    const std::uint32_t window = segment.window();
    // Only the newest word on the window counts, not one of a datagram that came late.
    if (una - m_peerUna <= m_send.next() - m_peerUna) [[likely]] {
        if (una != m_peerUna)
            noteAcknowledgement();
        m_peerUna = una;
        m_peerWindow = window;
        if (serialLess(una + window, m_sendEnd)) [[unlikely]]
            closeSendWindow();
        return true;
    }
    // Nobody can have what was never sent: a forged una must not release anything.
    if (serialLess(m_send.next(), una))
        return false;
    // Older than what the datagram itself told is no sign of a replay.
    if (serialLess(una, m_acknowledged.any ? m_acknowledged.unaBefore : m_peerUna))
        input.plausible = false;
    return true;
}

// What made the reading of a datagram stop before its end; None: its una.
void Engine::noteMalformed(ParseError error, Input &input)
{
    if (error == ParseError::WrongConversation && input.segments == 0) {
        input.wrongConversation = true;
        return;
    }
    m_stats.malformedIn += !input.malformed; // once a datagram
    input.malformed = true;
    input.plausible = false;
}

inline void Engine::handlePush(Instant now, const RawSegment &segment, Input &input)
{
    ++m_stats.segmentsIn;
    const ReceiveQueue::Result result =
            m_receive.insert(segment.sn(), segment.fragment(), segment.data());
    if (result == ReceiveQueue::Result::Stored) [[likely]] {
        input.receivedData = true;
        if (m_awaitsNews) [[unlikely]]
            noteNews();
    } else if (!acceptDuplicate(result, input)) {
        return;
    }
    noteAck(now, segment.sn(), segment.timestamp());
}

// A new data segment: what was asked of the peer, or told it, has arrived. A lost WINS must not
// count against the link for ever.
void Engine::noteNews()
{
    m_awaitsNews = false;
    m_probesUnanswered = 0;
    m_tells = 0;
    m_tellDeadline = Never;
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
    m_lastAck = { sn, timestamp };
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
bool Engine::acceptDuplicate(ReceiveQueue::Result result, Input &input)
{
    if (result == ReceiveQueue::Result::OutOfWindow) {
        ++m_stats.outOfWindowIn;
        input.plausible = false;
        m_control |= TellsWindow; // so that the peer learns that it goes too far
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
    m_lastTold = now;
    if (m_peerWindow == 0) {
        m_peerToldClosed = true;
    } else if (m_peerToldClosed) {
        // What was sent into the closed window was dropped; its timeouts have grown long by now.
        m_peerToldClosed = false;
        m_send.loseAll();
    }
    m_lastProgress = now;
}

inline void Engine::handleAck(Instant now, std::uint32_t sn, std::uint32_t timestamp, Input &input)
{
    ++m_stats.acksIn;
    if (!m_send.isOutstanding(sn)) [[unlikely]] {
        if (!serialLess(sn, m_send.next()))
            noteMalformed(ParseError::None, input);
        return;
    }
    Acknowledged &state = m_acknowledged;
    const SendQueue::Segment &segment = m_send.segment(sn);
    if (timestamp == segment.lastTimestamp) [[likely]] {
        if (!state.anyTransmission || serialLess(state.newestTransmission, segment.transmission)) {
            state.newestTransmission = segment.transmission;
            state.rtt = now - segment.lastSent;
        }
        state.anyTransmission = true;
    } else if (serialDistance(timestamp, segment.firstTimestamp) >= 0
               && serialDistance(segment.lastTimestamp, timestamp) > 0) {
        // It answers an earlier transmission, whose time is known to the millisecond only.
        const std::int32_t age = serialDistance(wireTime(now), timestamp);
        if (!state.anyTransmission)
            state.rtt = std::chrono::milliseconds(age);
    } // else the ts was never ours: no measurement
    if (serialLess(sn, m_peerUna))
        return; // acknowledged with all the others before una
    m_send.acknowledge(sn);
    noteAcknowledgement();
    ++state.count;
}

// Whether the segment was sent after the reaction to the last loss. Counted back from now, so that
// a long time without a loss does not matter.
bool Engine::isNewEpisode(std::uint32_t transmission) const
{
    const std::uint32_t now = m_send.transmissions();
    return now - transmission <= now - m_fullTransmission;
}

void Engine::loseSentBefore(Instant now, std::uint32_t threshold)
{
    const SendQueue::Expired lost = m_send.loseSentBefore(threshold);
    m_stats.fastRetransmissions += lost.count;
    const bool newEpisode = isNewEpisode(lost.newestTransmission);
    m_congestion->onFastRetransmit({ now, m_send.flightSize(), newEpisode });
    if (newEpisode)
        m_fullTransmission = m_send.transmissions();
    readCongestionWindow();
}

void Engine::handleTimeout(Instant now)
{
    const SendQueue::Expired expired = m_send.expire(now, m_rtt.rto());
    if (expired.count > 0) {
        m_stats.timeoutRetransmissions += expired.count;
        const bool newEpisode = isNewEpisode(expired.newestTransmission);
        m_congestion->onTimeout({ now, m_send.flightSize(), newEpisode });
        if (newEpisode)
            m_fullTransmission = m_send.transmissions();
        readCongestionWindow();
        judgeLink(now, expired.mostTransmissions, expired.lastSent);
    }
    if (now >= m_probeDeadline) {
        m_probeDeadline = Never; // armed again when the WASK leaves
        if (m_peerWindow == 0) {
            m_control |= AsksWindow;
            judgeLink(now, m_probesUnanswered, now);
        }
    }
    if (now >= m_tellDeadline) {
        m_tellDeadline = Never;
        m_control |= TellsWindow;
    }
}

// tries: transmissions without an answer, the last of them at lastTry. A peer that has told its
// window since then is there: it only does not take what is sent, since that window is closed.
void Engine::judgeLink(Instant now, std::uint32_t tries, Instant lastTry)
{
    if (m_lastTold >= lastTry)
        return;
    if (m_config.deadLink > 0 && tries >= m_config.deadLink)
        m_dead = true;
    if (m_config.deadLinkTime > Duration::zero() && tries >= DeadLinkTries
        && now - m_lastProgress >= m_config.deadLinkTime)
        m_dead = true;
}

} // namespace kcp
