// SPDX-License-Identifier: MIT
// One KCP conversation as a pure state machine: no I/O, no clock, no threads.
#ifndef KCP_ENGINE_H
#define KCP_ENGINE_H

#include <kcp/blockpool.h>
#include <kcp/bytes.h>
#include <kcp/congestion.h>
#include <kcp/receivequeue.h>
#include <kcp/rtt.h>
#include <kcp/sendqueue.h>
#include <kcp/stats.h>
#include <kcp/time.h>
#include <kcp/wire.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace kcp {

struct Config
{
    std::uint32_t conv = 0;

    // 0: timeouts double and start an eighth late; 1: they grow by half of the segment's own
    // timeout; 2: by half of the conversation's rto.
    std::uint8_t nodelay = 0;
    // The granularity term of the rto, and the longest ACK delay when acksAreDelayed. 1 ms .. 5 s.
    Duration interval = std::chrono::milliseconds(100);
    // 0 = off; else a segment passed this often is sent again. 0 .. MaximumFastResend.
    std::uint32_t fastResend = 0;
    std::uint32_t fastLimit =
            5; // no fast retransmission from this many transmissions on; 0 = no limit
    CongestionControl congestionControl = CongestionControl::Classic;

    std::uint32_t mtu = 1400; // bytes of a datagram, 50 .. 65507
    std::uint32_t sendWindow = 32; // segments, 1 .. MaximumWindow
    std::uint32_t receiveWindow = 128; // segments, 1 .. MaximumWindow

    Duration minimumRto = Duration::zero(); // zero: 100 ms with nodelay 0, else 30 ms
    std::uint32_t deadLink = 20; // transmissions of one segment; 0 = never
    // Nothing acknowledged for so long although data is under way: the link is dead. Zero = never.
    Duration deadLinkTime = std::chrono::seconds(60);

    bool stream = false; // writes are joined and cut at will; else each send() is a message
    bool acksAreDelayed = false; // ACKs wait up to interval for data to ride with

    // Where the serial numbers start; both ends must agree. KCP starts at 0.
    std::uint32_t initialSendSn = 0;
    std::uint32_t initialReceiveSn = 0;

    static constexpr std::uint32_t MaximumFastResend = 16;
    static constexpr std::uint32_t MinimumMtu = 50;
    static constexpr std::uint32_t MaximumWindow = 65535;
    // The original refuses messages of 128 fragments or more, since its receive window is 128.
    static constexpr std::uint32_t DefaultMaximumFragments = 127;
    std::uint32_t maximumFragments = DefaultMaximumFragments; // of a message, 1 .. 255

    // The name of the first field that is out of its range, or nullptr.
    const char *invalidField() const;
};

// The calling order, for any user:
//
//   - Give it what happened: handleDatagram() for each datagram, handleTimeout() when the time of
//     pollTimeout() has come, send(), read() and the other commands at any time.
//   - Then call pollTransmit() until it returns 0, then arm one timer for pollTimeout().
//
// handle*() never transmit and pollTransmit() never reads; nothing ever calls out. `now` must not
// go back from one call to the next.
class Engine
{
public:
    // What one datagram did. All false when it was garbage.
    struct Input
    {
        std::uint32_t segments = 0; // valid ones
        bool malformed = false; // something in it was impossible and was dropped
        bool wrongConversation = false; // the first segment belongs to another conversation
        bool receivedData = false; // a data segment that was new
        bool becameReadable = false; // something to read that was not there before
        bool acknowledged = false; // something of ours was acknowledged for the first time
        bool answeredProbe = false; // WINS while a WASK was unanswered
        bool plausible = false; // every segment fits the state of the conversation

        // A sign of life: plausible, and it advances, acknowledges or answers something.
        // A replayed datagram is none.
        bool alive() const { return plausible && (receivedData || acknowledged || answeredProbe); }
    };

    // config must be valid (Config::invalidField() == nullptr). Without a pool the engine makes
    // one of its own; a given pool must outlive it.
    explicit Engine(const Config &config, BlockPool *pool = nullptr);
    ~Engine();
    Engine(const Engine &) = delete;
    Engine &operator=(const Engine &) = delete;

    // --- commands ---------------------------------------------------------------------------

    // Queues data. In stream mode it is appended to the stream; else it is one message, possibly
    // empty. False, and nothing queued, when a message needs more than maximumFragments fragments.
    bool send(ByteView data)
    {
        if (data.size() > mss() && !m_config.stream
            && data.size() > static_cast<std::size_t>(mss()) * m_config.maximumFragments)
            return false;
        m_send.append(data, m_config.stream);
        return true;
    }

    // Takes up to buffer.size() bytes from the stream. Message boundaries are ignored.
    std::size_t read(MutableBytes buffer);

    // Copies bytes that read() would return from offset on, without taking them.
    std::size_t peek(std::size_t offset, MutableBytes buffer) const;
    // Drops up to size bytes; returns how many there were.
    std::size_t skip(std::size_t size);
    // How many bytes lie before and including the first occurrence of the byte among the first
    // `limit` readable bytes; nothing when it is not there.
    std::optional<std::size_t> findByte(std::uint8_t byte, std::size_t limit) const;

    // The size of the next complete message; nothing when there is none.
    std::optional<std::size_t> nextMessageSize() const;
    // Takes the next complete message; nothing when there is none or the buffer is too small.
    std::optional<std::size_t> receiveMessage(MutableBytes buffer)
    {
        if (m_windowWasClosed) [[unlikely]]
            return receiveFromClosedWindow(buffer);
        return m_receive.receiveMessage(buffer);
    }

    // Sends everything that is under way again at the next flush, whatever its timeouts have grown
    // to: the path has changed.
    void retransmitNow() { m_send.loseAll(); }
    // Puts a WASK into the next flush; every KCP answers with WINS.
    void requestProbe();
    // Puts a WINS into the next flush.
    void requestWindowTell();

    // Fails (false) outside MinimumMtu .. MaximumDatagramSize. What was sent before, and the rest
    // of a message that was begun, keep their size: see maximumTransmitSize().
    bool setMtu(std::uint32_t mtu);
    bool setSendWindow(std::uint32_t segments);
    bool setReceiveWindow(std::uint32_t segments);
    void setStream(bool stream); // for what is sent and read from now on
    // The sending side alone: KCP's segments do not tell the receiver which mode they come from.
    void setSendStream(bool stream) { m_config.stream = stream; }
    void setNoDelay(std::uint8_t nodelay);
    bool setInterval(Duration interval);
    void setFastResend(std::uint32_t fastResend);
    void setFastLimit(std::uint32_t fastLimit);
    void setMinimumRto(Duration minimumRto);
    void setDeadLink(std::uint32_t transmissions, Duration time);
    void setCongestionControl(CongestionControl kind);
    // A controller of the caller's own. readCongestionWindow() makes known that its window changed
    // outside of its own calls.
    void setCongestionController(std::unique_ptr<CongestionController> controller);
    void readCongestionWindow();
    void setConversation(std::uint32_t conv);
    // Bytes that may wait for the application before the advertised window closes; 0 = only the
    // receive window limits.
    void setReceiveLimit(std::size_t bytes);
    void setAcksAreDelayed(bool delayed)
    {
        m_config.acksAreDelayed = delayed;
        if ((m_control & SendsAcks) != 0)
            m_ackDeadline = Instant::min(); // those that wait already have no other deadline
    }

    // Gives back the rings of queues that are empty, as a conversation that has been busy and is
    // idle now should. They grow again when needed.
    void trim();

    // --- handle -----------------------------------------------------------------------------

    Input handleDatagram(Instant now, ByteView datagram);
    void handleTimeout(Instant now);

    // --- poll -------------------------------------------------------------------------------

    // Writes one datagram of at most mtu bytes into the buffer and returns its size, or 0 when
    // nothing is to be sent now. A segment that does not fit into the buffer waits for a larger
    // one: offer maximumTransmitSize() bytes.
    std::size_t pollTransmit(Instant now, MutableBytes buffer)
    {
        if (m_control != 0 || m_send.hasUnsent() || m_send.hasLost())
            return transmit(now, buffer);
        m_congestionLimited = false;
        if (m_probeDelay > Duration::zero()) [[unlikely]]
            updateProbe(now);
        return 0;
    }

    // When handleTimeout() wants to be called; Never when no timer is running. It takes for
    // granted that pollTransmit() has returned 0.
    Instant pollTimeout() const;

    // --- getters ----------------------------------------------------------------------------

    const Config &config() const { return m_config; }
    const Stats &stats() const { return m_stats; }
    const RttEstimator &rtt() const { return m_rtt; }
    std::uint32_t conversation() const { return m_config.conv; }
    std::uint32_t mss() const { return m_config.mtu - static_cast<std::uint32_t>(HeaderSize); }
    std::size_t maximumTransmitSize() const;

    // True once a segment was sent deadLink times, or deadLinkTime passed without a word.
    bool isDead() const { return m_dead; }

    std::uint32_t congestionWindow() const { return m_window; }
    std::uint32_t slowStartThreshold() const { return m_congestion->slowStartThreshold(); }
    std::uint32_t peerWindow() const { return m_peerWindow; } // as last advertised, segments
    std::uint32_t advertisedWindow() const // what our segments carry now
    {
        const std::uint32_t window = m_receive.freeWindow();
        return m_receiveLimit == 0 ? window : limitedWindow(window);
    }

    std::size_t readableBytes() const { return m_receive.readableBytes(); }
    // Of complete messages; in a stream, of all that can be read.
    std::size_t completeBytes() const { return m_receive.closedBytes(); }
    // Everything received that was not read, early segments too.
    std::size_t heldBytes() const { return m_receive.heldBytes(); }
    std::size_t pendingAcks() const
    {
        return m_acks.size() + ((m_control & SendsAcks) != 0 ? 1 : 0);
    }
    bool isReadable() const // read() or receiveMessage() would return something
    {
        return m_receive.isReadable();
    }
    std::size_t unsentBytes() const { return m_send.unsentBytes(); }
    std::size_t unacknowledgedBytes() const { return m_send.unacknowledgedBytes(); } // sent ones
    std::uint32_t unacknowledgedSegments() const { return m_send.flightSize(); }
    // Unsent messages (or segments' worth of stream) and unacknowledged segments.
    std::size_t waitingSegments() const;
    bool isSendIdle() const { return m_send.isEmpty(); } // all that was sent is acknowledged
    bool isProbing() const { return m_probesUnanswered > 0; }
    Duration probeDelay() const { return m_probeDelay; } // zero: the peer's window is open
    Instant probeDeadline() const { return m_probeDeadline; } // Never: no WASK is planned
    const SendQueue &sendQueue() const { return m_send; }
    const ReceiveQueue &receiveQueue() const { return m_receive; }

private:
    struct PendingAck
    {
        std::uint32_t sn;
        std::uint32_t timestamp;
    };
    // What the ACKs of one datagram add up to; applied once at its end.
    struct Acknowledged
    {
        std::uint32_t count = 0; // selectively
        std::uint32_t unaBefore = 0; // if any
        std::uint32_t newestTransmission = 0; // of the segments, if anyTransmission
        bool any = false; // selectively or with una
        bool anyTransmission = false;
        Duration rtt{ -1 }; // of the newest of them; one sample a datagram
    };

    // What stands in front of the data of the next datagram.
    enum Control : std::uint8_t {
        SendsAcks = 1,
        AsksWindow = 2, // WASK
        TellsWindow = 4, // WINS
    };

    bool controlIsDue(Instant now) const
    {
        return m_control != 0
                && (m_control != SendsAcks || !m_config.acksAreDelayed || now >= m_ackDeadline);
    }
    bool acksRideBehind() const;
    [[gnu::noinline]] void finishTransmit(Instant now);
    void applyConfig();
    bool acceptPeerState(const RawSegment &segment, Input &input);
    void noteAcknowledgement();
    [[gnu::cold]] void noteMalformed(ParseError error, Input &input);
    void handlePush(Instant now, const RawSegment &segment, Input &input);
    void handleAck(Instant now, std::uint32_t sn, std::uint32_t timestamp, Input &input);
    void noteAck(Instant now, std::uint32_t sn, std::uint32_t timestamp);
    void keepAck(const PendingAck &ack);
    [[gnu::noinline]] bool acceptDuplicate(ReceiveQueue::Result result, Input &input);
    [[gnu::noinline]] void handleProbe(Instant now, Command command, Input &input);
    [[gnu::noinline]] void noteNews();
    bool finishAcks(Instant now);
    void detectLosses(Instant now);
    [[gnu::noinline]] void loseSentBefore(Instant now, std::uint32_t threshold);
    bool isNewEpisode(std::uint32_t transmission) const;
    void judgeLink(Instant now, std::uint32_t tries, Instant lastTry);
    std::size_t transmit(Instant now, MutableBytes buffer);
    void scheduleNextTell(Instant now);
    void updateProbe(Instant now);
    void noteReadProgress()
    {
        if (m_windowWasClosed) [[unlikely]]
            tellOpenWindow();
    }
    void tellOpenWindow();
    std::optional<std::size_t> receiveFromClosedWindow(MutableBytes buffer);
    std::uint32_t limitedWindow(std::uint32_t window) const;
    bool hasDataToSend()
    {
        if (m_send.hasLost()) [[unlikely]]
            return maySendAgain();
        return m_send.hasUnsent() && mayStartSegment();
    }
    bool maySendAgain() const { return !m_windowLimitsAll || isPipeOpen(m_send.lostLength()); }
    // Whether the windows let a new segment go. How far they do is found out once, and holds until
    // one of them shrinks.
    bool mayStartSegment() { return m_send.next() != m_sendEnd || openSendWindow(); }
    [[gnu::noinline]] bool openSendWindow();
    void closeSendWindow() { m_sendEnd = m_send.next(); }
    // A congestion window counts full segments' worth of bytes (as in RFC 9002): one that has
    // shrunk to a few segments still lets the small messages of a game through.
    bool isPipeOpen(std::uint32_t length) const
    {
        return m_send.pipe() < m_window || fitsIntoWindow(length);
    }
    bool fitsIntoWindow(std::uint32_t length) const;
    void noteSendingAgain(Instant now);
    std::size_t writeLastAck(std::uint8_t *p, HeaderWriter header);
    // Whether the next segment, if there is one, fits into a datagram behind `size` bytes.
    bool nextFits(std::size_t size, std::size_t room) const
    {
        return m_send.hasUnsent()
                && size + HeaderSize + m_send.nextLength()
                <= std::min<std::size_t>(room, m_config.mtu);
    }
    std::size_t writeNext(Instant now, std::uint32_t timestamp, std::uint8_t *p,
                          HeaderWriter header);
    [[gnu::noinline]] std::size_t writeMore(Instant now, MutableBytes buffer, HeaderWriter header,
                                            std::size_t size);
    [[gnu::noinline]] std::size_t writeLost(Instant now, MutableBytes buffer, HeaderWriter header,
                                            std::size_t size);
    std::size_t writeControl(Instant now, MutableBytes buffer, HeaderWriter header, bool sendsData);
    std::size_t writeAcks(MutableBytes buffer, HeaderWriter header);
    std::size_t writeProbes(Instant now, MutableBytes buffer, HeaderWriter header);

    Config m_config;
    std::unique_ptr<BlockPool> m_ownPool;
    RttEstimator m_rtt;
    std::unique_ptr<CongestionController> m_congestion;
    SendQueue m_send;
    ReceiveQueue m_receive;
    PoolRing<PendingAck> m_acks; // before m_lastAck; see noteAck()
    Stats m_stats;

    PendingAck m_lastAck{}; // while m_control has SendsAcks
    std::size_t m_receiveLimit = 0;
    std::uint32_t m_window = UINT32_MAX; // cwnd, as the controller said last
    bool m_windowLimitsAll = false; // limitsRetransmissions() of the controller
    std::uint32_t m_peerWindow;
    std::uint32_t m_peerUna; // the newest una of the peer, the one m_peerWindow came with
    std::uint32_t m_sendEnd; // new segments before this sn may go; at it, openSendWindow() says
    Acknowledged m_acknowledged;
    std::uint32_t m_fullTransmission; // first transmission after the last reaction to a loss
    Instant m_lastTold = Instant::min(); // when the last WINS came
    std::array<std::uint32_t, Config::MaximumFastResend> m_passed{}; // see detectLosses()
    Instant m_ackDeadline = Never;
    Instant m_probeDeadline = Never; // next WASK to a closed window
    Duration m_probeDelay{ 0 };
    Instant m_tellDeadline = Never; // next repetition of an unasked WINS
    Instant m_lastProgress{}; // for deadLinkTime: since when nothing was heard of what is under way
    std::uint32_t m_probesUnanswered = 0;
    std::uint8_t m_tells = 0; // 1 = of an opened window, then its repetitions; 0 = none are due
    std::uint8_t m_control = 0; // flags of Control
    bool m_peerToldClosed = false; // by WINS
    bool m_windowWasClosed = false; // we have told the peer of a window of 0
    bool m_awaitsNews = false; // see noteNews()
    bool m_congestionLimited = false; // not the application was what kept data back
    bool m_dead = false;
};

} // namespace kcp

#endif // KCP_ENGINE_H
