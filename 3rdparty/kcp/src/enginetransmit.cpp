// SPDX-License-Identifier: MIT
// What leaves, and when time is to be asked again.
#include <kcp/engine.h>

#include <algorithm>

namespace kcp {

using namespace std::chrono_literals;

namespace {

// A closed window is probed first after one rto, then 1.5 times later each time. The original
// begins with 5 s, and stalls for that long when the one WINS is lost.
constexpr Duration ShortestProbeDelay = 200ms;
constexpr Duration LongestProbeDelay = 5s;
// Data that may leave before ACKs do: what a system call or two carry.
constexpr std::size_t MaximumBytesBeforeAcks = 32 * 1024;
// The news of an opened window is repeated with twice the time each; then the peer's probes do.
constexpr Duration LongestTellDelay = LongestProbeDelay;

} // namespace

Instant Engine::pollTimeout() const
{
    Instant deadline = std::min(m_probeDeadline, m_tellDeadline);
    if (m_config.acksAreDelayed && (m_control & SendsAcks) != 0)
        deadline = std::min(deadline, m_ackDeadline);
    return std::min(deadline, m_send.nextDeadline(m_rtt.rto()));
}

// Nothing was under way: the peer's silence counts from now on.
inline void Engine::noteSendingAgain(Instant now)
{
    if (m_probesUnanswered == 0)
        m_lastProgress = now;
}

// Nearly always there is only one.
inline std::size_t Engine::writeLastAck(std::uint8_t *p, HeaderWriter header)
{
    header.write(p, Command::Ack, 0, m_lastAck.timestamp, m_lastAck.sn, 0);
    ++m_stats.acksOut;
    m_control &= static_cast<std::uint8_t>(~SendsAcks);
    return HeaderSize;
}

// The caller has looked whether there is a next segment, whether it may go and whether it fits.
inline std::size_t Engine::writeNext(Instant now, std::uint32_t timestamp, std::uint8_t *p,
                                     HeaderWriter header)
{
    if (m_send.pipe() == 0) [[unlikely]]
        noteSendingAgain(now);
    const std::uint32_t sn = m_send.next();
    const SendQueue::Segment &segment = m_send.sendNext(now, timestamp);
    const std::uint32_t length = segment.length;
    ++m_stats.segmentsOut;
    header.write(p, Command::Push, segment.fragment, timestamp, sn, length);
    m_send.copyPayload(segment, p + HeaderSize);
    return HeaderSize + length;
}

// First what is to be sent again, then what is new.
std::size_t Engine::transmit(Instant now, MutableBytes buffer)
{
    const bool sendsData = hasDataToSend();
    if (!sendsData && !controlIsDue(now)) {
        finishTransmit(now);
        return 0;
    }
    const std::uint32_t window = advertisedWindow();
    if (window == 0) [[unlikely]]
        m_windowWasClosed = true;
    const HeaderWriter header(m_config.conv, window, m_receive.next());
    std::uint8_t *p = buffer.data();
    // What is larger than the MTU (see setMtu()) has a datagram to itself.
    std::size_t limit = buffer.size();
    std::size_t size = 0;
    if (m_control != 0 && !(sendsData && acksRideBehind())) {
        size = m_control == SendsAcks && m_acks.isEmpty() && limit >= HeaderSize
                ? writeLastAck(p, header)
                : writeControl(now, buffer, header, sendsData);
        if (size > 0)
            limit = std::min<std::size_t>(limit, m_config.mtu);
    }
    if (sendsData) {
        if (m_send.hasLost()) [[unlikely]] {
            size = writeLost(now, buffer.first(limit), header, size);
        } else if (size + HeaderSize + m_send.nextLength() <= limit) [[likely]] {
            size += writeNext(now, wireTime(now), p + size, header);
            if (nextFits(size, buffer.size()))
                size = writeMore(now, buffer, header, size);
        } else if (m_sendEnd == m_send.next() + 1) {
            closeSendWindow(); // for a segment of another length there may be no room
        }
    }
    m_stats.datagramsOut += size > 0;
    m_stats.bytesOut += size;
    return size;
}

// A full segment leaves no room for an ACK. When a shorter one follows soon, the ACK goes with that:
// alone in front it would be a datagram more, and end the batch of equal ones.
bool Engine::acksRideBehind() const
{
    return m_control == SendsAcks && !m_send.hasLost()
            && 2 * HeaderSize + m_send.nextLength() > m_config.mtu
            && m_send.unsentBytes() <= MaximumBytesBeforeAcks;
}

// As many new segments as fit behind what is there already.
std::size_t Engine::writeMore(Instant now, MutableBytes buffer, HeaderWriter header,
                              std::size_t size)
{
    const std::uint32_t timestamp = wireTime(now);
    while (nextFits(size, buffer.size()) && mayStartSegment())
        size += writeNext(now, timestamp, buffer.data() + size, header);
    return size;
}

bool Engine::fitsIntoWindow(std::uint32_t length) const
{
    const std::uint64_t bytes =
            m_send.pipeBytes() + length + (std::uint64_t{ m_send.pipe() } + 1) * HeaderSize;
    return bytes <= std::uint64_t{ m_window } * m_config.mtu;
}

// As many of the lost segments as fit behind what is there already, then new ones.
std::size_t Engine::writeLost(Instant now, MutableBytes buffer, HeaderWriter header,
                              std::size_t size)
{
    const std::uint32_t timestamp = wireTime(now);
    std::uint8_t *p = buffer.data();
    std::size_t limit = buffer.size();
    while (m_send.hasLost() && maySendAgain()) {
        const std::uint32_t length = m_send.lostLength();
        const std::size_t end = size + HeaderSize + length;
        if (end > limit)
            break;
        const std::uint32_t sn = m_send.firstLost();
        const SendQueue::Segment &segment = m_send.sendAgain(sn, now, timestamp);
        ++m_stats.segmentsOut;
        header.write(p + size, Command::Push, segment.fragment, timestamp, sn, length);
        m_send.copyPayload(segment, p + size + HeaderSize);
        size = end;
        limit = std::min<std::size_t>(limit, m_config.mtu);
    }
    closeSendWindow();
    return m_send.hasLost() ? size : writeMore(now, buffer, header, size);
}

bool Engine::openSendWindow()
{
    const std::uint32_t next = m_send.next();
    const std::uint32_t flight = next - m_send.una();
    const std::uint32_t unheard = next - m_peerUna;
    const std::uint32_t counted = m_windowLimitsAll ? m_send.pipe() : flight;
    if (flight >= m_config.sendWindow || unheard >= m_peerWindow)
        return false;
    if (counted >= m_window) { // room for this one, or for none
        const bool fits = m_windowLimitsAll && fitsIntoWindow(m_send.nextLength());
        m_sendEnd = next + fits;
        return fits;
    }
    m_sendEnd = next
            + std::min({ m_config.sendWindow - flight, m_peerWindow - unheard,
                         m_window - counted });
    return true;
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
    const std::uint32_t waiting = m_acks.size();
    const std::size_t room = buffer.size();
    std::uint8_t *p = buffer.data();
    std::size_t size = 0;
    for (std::uint32_t i = 0; i != waiting; ++i) {
        const PendingAck ack = m_acks.front();
        if (!serialLess(ack.sn, header.una())) {
            if (room - size < HeaderSize) {
                m_stats.acksOut += size / HeaderSize;
                return size;
            }
            header.write(p + size, Command::Ack, 0, ack.timestamp, ack.sn, 0);
            size += HeaderSize;
        }
        m_acks.pop();
    }
    m_stats.acksOut += size / HeaderSize;
    if (room - size < HeaderSize)
        return size;
    size += writeLastAck(p + size, header);
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
        m_awaitsNews = true;
        if (m_probesUnanswered++ == 0 && m_send.flightSize() == 0)
            m_lastProgress = now;
        ++m_stats.probesOut;
    }
    if ((m_control & TellsWindow) != 0 && buffer.size() - size >= HeaderSize) {
        header.write(buffer.data() + size, Command::WindowTell, 0, timestamp, 0, 0);
        size += HeaderSize;
        m_control &= static_cast<std::uint8_t>(~TellsWindow);
        if (m_tells > 0)
            scheduleNextTell(now);
    }
    return size;
}

// A WINS that nobody asked for is repeated until data comes: after an outage that has swallowed it the
// flow goes on no later than the outage was long. A peer with nothing to say is left alone in the end.
void Engine::scheduleNextTell(Instant now)
{
    const Duration delay = m_rtt.rto() * (1U << (m_tells - 1U));
    if (delay > LongestTellDelay) {
        m_tells = 0; // the peer's own probes are as frequent
        return;
    }
    m_awaitsNews = true;
    m_tellDeadline = now + delay;
    ++m_tells;
}

// Nothing more may leave now: notes what holds the rest back, and arms the probe while that is the
// peer's closed window.
void Engine::finishTransmit(Instant now)
{
    const bool lost = m_send.hasLost();
    const bool waits = lost || m_send.hasUnsent();
    m_congestionLimited = waits && !isPipeOpen(lost ? m_send.lostLength() : m_send.nextLength());
    if (m_probeDelay > Duration::zero() || (waits && m_peerWindow == 0))
        updateProbe(now);
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
