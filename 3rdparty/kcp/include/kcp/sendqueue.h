// SPDX-License-Identifier: MIT
// What goes out: bytes waiting to be cut into segments, and the segments that were sent and are
// not acknowledged.
#ifndef KCP_SENDQUEUE_H
#define KCP_SENDQUEUE_H

#include <kcp/bytes.h>
#include <kcp/ring.h>
#include <kcp/time.h>

#include <cstring>
#include <optional>

namespace kcp {

// The application's bytes lie in a chain of chunks and are copied once more, into the datagram.
// They are cut into segments only when the window lets them go: so a new MTU, or another write in
// the same turn, is taken into account.
//
// A segment in flight stands in a ring indexed by sn. Those sent once lie there in the order of
// their transmission already. One that was sent again stands in a list as well, in the order of
// transmission with all that timed out equally often. The deadlines (last transmission + a timeout
// that depends on the number of timeouts and the current rto) are then in that order too: the next
// deadline is at the head, and every operation is O(1).
class SendQueue
{
public:
    // How timeouts grow, and when a segment is not sent early any more.
    struct Policy
    {
        std::uint8_t nodelay = 0;
        std::uint32_t fastLimit = 0;
        std::uint32_t maximumFragments = 127;
    };

    // A piece of the byte chain; the bytes follow the struct.
    struct Chunk
    {
        Chunk *next;
        std::uint32_t capacity;
        std::uint32_t size;

        std::uint8_t *data() { return reinterpret_cast<std::uint8_t *>(this + 1); }
        std::size_t blockSize() const { return sizeof(Chunk) + capacity; }
    };

    struct Segment
    {
        Chunk *chunk; // where its bytes begin
        Instant lastSent;
        std::uint32_t position; // in the chunk
        std::uint32_t transmission; // number of its last transmission among all of them
        std::uint32_t firstTimestamp; // ts of its first transmission
        std::uint32_t lastTimestamp; // and of the last one
        std::uint32_t previous; // sn of its neighbours in the list
        std::uint32_t next;
        std::uint16_t transmissions;
        std::uint16_t length;
        std::uint8_t fragment;
        std::uint8_t list;
        std::uint8_t timeouts;
    };

    struct Expired
    {
        std::uint32_t count = 0;
        std::uint32_t newestTransmission = 0; // of the segments that timed out
        std::uint32_t mostTransmissions = 0; // of one of them
        Instant lastSent{}; // and when it was sent last
    };

    SendQueue(BlockPool *pool, std::uint32_t initialSn, std::uint32_t mss);
    ~SendQueue();
    SendQueue(const SendQueue &) = delete;
    SendQueue &operator=(const SendQueue &) = delete;

    void setPolicy(const Policy &policy)
    {
        m_policy = policy;
        m_exemptFrom = policy.fastLimit > 0 ? policy.fastLimit : UINT32_MAX;
        updateNextLength();
    }

    // --- what waits to be sent ------------------------------------------------------------------

    // The payload of a full segment, for what is cut from now on.
    void setMss(std::uint32_t mss);

    // Appends to the stream, or as one message of at most maximumFragments * mss bytes.
    void append(ByteView data, bool stream);

    bool hasUnsent() const { return m_nextLength != Nothing; }
    std::size_t unsentBytes() const { return m_appendedBytes - m_cutBytes; }
    // How many segments that will be.
    std::size_t unsentSegments() const;
    // The length of the segment that sendNext() would make. hasUnsent() must hold.
    std::uint32_t nextLength() const { return m_nextLength; }
    // Whether another segment can fit into a datagram of `limit` bytes that has `used` already.
    bool mayFit(std::size_t limit, std::size_t used) const
    {
        // Nothing is longer than any limit.
        return used + std::size_t{ m_nextLength } <= limit || (used < limit && hasLost());
    }
    // Makes the next segment out of what waits, with sn next(); it goes out now with the given
    // ts. hasUnsent() must hold, and length be nextLength().
    const Segment &sendNext(std::uint32_t length, Instant now, std::uint32_t timestamp);

    // --- segments -------------------------------------------------------------------------------

    std::uint32_t una() const { return m_una; } // the oldest that is not acknowledged
    std::uint32_t next() const { return m_next; } // snd_nxt: the next to be cut
    std::uint32_t flightSize() const { return m_next - m_una; }
    std::uint32_t pipe() const { return m_pipe; } // sent, and neither acknowledged nor lost
    // Payload under way; where some of it is lost, as if all segments had the same length.
    std::size_t pipeBytes() const
    {
        const std::size_t segments = std::size_t{ m_pipe } + m_lostSegments;
        return segments == 0 ? 0 : unacknowledgedBytes() * m_pipe / segments;
    }
    bool isEmpty() const { return m_una == m_next && !hasUnsent(); }
    std::size_t unacknowledgedBytes() const { return m_cutBytes - m_acknowledgedBytes; }
    std::uint32_t largestLength() const { return m_largestLength; } // of any segment in flight

    const Segment &segment(std::uint32_t sn) const { return m_segments.at(sn); }
    void copyPayload(const Segment &segment, std::uint8_t *to) const
    {
        const std::uint32_t length = segment.length;
        if (length == 0)
            return;
        if (length > segment.chunk->size - segment.position) [[unlikely]]
            copyFromChunks(segment, to);
        else
            std::memcpy(to, segment.chunk->data() + segment.position, length);
    }

    // The first of the segments that are to be sent again; hasLost() must hold. With nothing else
    // under way it is the oldest: a peer with a small window may have room for no other.
    std::uint32_t firstLost() const { return m_pipe == 0 ? m_una : m_lists.at(LostList).first; }
    std::uint32_t lostLength() const { return m_segments.at(firstLost()).length; }
    bool hasLost() const { return m_lostSegments > 0; }
    // The lost segment goes out again now.
    const Segment &sendAgain(std::uint32_t sn, Instant now, std::uint32_t timestamp);
    std::uint32_t transmissions() const { return m_transmission; } // of all segments, ever

    bool isOutstanding(std::uint32_t sn) const // in [una, next) and not acknowledged
    {
        return sn - m_una < flightSize() && m_segments.at(sn).list != Acknowledged;
    }
    void acknowledge(std::uint32_t sn) // isOutstanding(sn) must hold
    {
        Segment &segment = m_segments.at(sn);
        m_acknowledgedBytes += segment.length;
        if (segment.list == Fresh) [[likely]]
            --m_pipe;
        else
            leaveList(segment, sn);
        segment.list = Acknowledged;
    }
    // Acknowledges everything before una, moves una over all that is acknowledged, and gives its
    // memory back. Returns how many had not been acknowledged yet.
    std::uint32_t acknowledgeUntil(std::uint32_t una);
    // Gives memory back that an empty queue does not need.
    void trim();

    // Segments sent before the given transmission and within the fast limit become lost; returns
    // the number, and the newest of their transmissions.
    bool hasSentBefore(std::uint32_t transmission) const
    {
        const std::uint32_t fresh = firstFresh();
        if (fresh != m_next && mayLoseFresh()
            && serialLess(m_segments.at(fresh).transmission, transmission))
            return true;
        return m_resentInFlight > 0 && hasResentBefore(transmission);
    }
    Expired loseSentBefore(std::uint32_t transmission);
    // All segments in flight become lost.
    void loseAll();
    // Segments whose time has come become lost.
    Expired expire(Instant now, Duration rto);
    Instant nextDeadline(Duration rto) const;

    // rto, growing with the number of timeouts as nodelay says; at most 60 s.
    Duration timeoutAfter(std::uint8_t timeouts, Duration rto) const;

private:
    struct List
    {
        std::uint32_t first;
        std::uint32_t last;
        std::uint32_t size;
        std::uint32_t unused; // a power of two is indexed with a shift
    };
    // What one or more writes left: the whole stream so far, or one message.
    struct Record
    {
        std::size_t remaining;
        bool stream;
    };

    static constexpr std::uint32_t Nothing = UINT32_MAX; // as m_nextLength
    static constexpr std::uint8_t LostList = 0;
    static constexpr std::uint8_t FirstFlightList = 1;
    static constexpr std::uint8_t Fresh = 254; // sent once and not lost: in no list
    static constexpr std::uint8_t Acknowledged = 255; // in no list

    std::uint32_t messageFragmentSize(std::size_t remaining) const; // of the first record
    std::uint32_t newFragmentSize(std::size_t remaining) const; // of a message not begun
    void updateNextLength();
    void countMessageSegments();
    std::uint8_t cutRecord(Record &record, std::uint32_t length);
    void cutChunks();
    void appendBytes(ByteView data);
    void appendToChunk(Chunk *chunk, ByteView data);
    void appendRecord(std::size_t size, bool stream);
    [[gnu::cold, gnu::noinline]] Chunk *addChunk(std::size_t wanted);
    [[gnu::cold, gnu::noinline]] void addLists(std::uint32_t end);
    void copyFromChunks(const Segment &segment, std::uint8_t *to) const;
    void link(Segment &segment, std::uint32_t sn, std::uint8_t list);
    void unlink(Segment &segment, std::uint32_t sn);
    bool hasResentBefore(std::uint32_t transmission) const;
    void leaveList(Segment &segment, std::uint32_t sn);
    void lose(std::uint32_t sn, std::uint8_t timeouts, Expired &expired);
    std::uint32_t firstFresh() const
    {
        while (m_fresh != m_next && m_segments.at(m_fresh).list != Fresh)
            ++m_fresh;
        return m_fresh;
    }
    bool mayLoseFresh() const { return m_exemptFrom > 1; } // before they time out
    void moveUna(std::uint32_t una);
    void releaseChunks();

    BlockPool *m_pool;
    Policy m_policy;
    std::uint32_t m_exemptFrom = UINT32_MAX; // transmissions, from the policy's fast limit
    RingStorage<Segment> m_segments;
    PoolRing<Record> m_records;
    RingStorage<List> m_lists; // [0] lost; [1 + 2 * timeouts + (beyond the fast limit)] sent again

    Chunk *m_firstChunk = nullptr;
    Chunk *m_lastChunk = nullptr;
    Chunk *m_cutChunk = nullptr; // where the next cut begins
    std::uint32_t m_cutPosition = 0;

    std::uint32_t m_mss;
    std::uint32_t m_una;
    std::uint32_t m_next;
    mutable std::uint32_t m_fresh; // no segment before it is Fresh; see firstFresh()
    std::uint32_t m_pipe = 0;
    std::uint32_t m_resentInFlight = 0; // of m_pipe: those that stand in a list
    std::uint32_t m_lostSegments = 0;
    std::uint32_t m_listEnd = 0; // one past the last list in use
    std::uint32_t m_transmission = 0;
    std::uint32_t m_largestLength = 0;
    std::uint32_t m_nextLength = Nothing; // see nextLength()
    std::uint32_t m_fragmentSize = 0; // of the message that is being cut; 0 = none
    // Bytes ever; what waits and what is in flight are the differences.
    std::size_t m_appendedBytes = 0;
    std::size_t m_cutBytes = 0;
    std::size_t m_acknowledgedBytes = 0;
    std::size_t m_unsentStreamBytes = 0;
    std::size_t m_streamRecords = 0;
    std::size_t m_moreFragments = 0; // of unsent messages, beyond one for each
};

inline void SendQueue::updateNextLength()
{
    if (m_records.isEmpty()) {
        m_nextLength = Nothing;
        return;
    }
    const Record &record = m_records.front();
    std::size_t size = m_mss;
    if (!record.stream && (record.remaining > size || m_fragmentSize > 0)) [[unlikely]]
        size = messageFragmentSize(record.remaining);
    m_nextLength = static_cast<std::uint32_t>(record.remaining < size ? record.remaining : size);
}

inline const SendQueue::Segment &SendQueue::sendNext(std::uint32_t length, Instant now,
                                                     std::uint32_t timestamp)
{
    const std::uint32_t sn = m_next;
    if (sn - m_una >= m_segments.capacity()) [[unlikely]]
        m_segments.grow(flightSize() + 1, m_una, flightSize());

    std::uint8_t fragment = 0;
    Record &record = m_records.front();
    if (record.remaining == length && !record.stream) [[likely]] {
        m_fragmentSize = 0;
        m_records.pop();
        updateNextLength();
    } else {
        fragment = cutRecord(record, length);
    }

    // An empty message has a chunk too, so that the chunks are released in order.
    Chunk *chunk = m_cutChunk;
    std::uint32_t position = m_cutPosition;
    if (length > 0) [[likely]] {
        if (position == chunk->size && chunk->next) [[unlikely]] {
            chunk = chunk->next;
            position = 0;
            m_cutChunk = chunk;
        }
        m_cutPosition = position + length;
        if (position + length > chunk->size) [[unlikely]]
            cutChunks();
    }
    m_cutBytes += length;
    if (length > m_largestLength) [[unlikely]]
        m_largestLength = length;
    ++m_pipe;
    m_next = sn + 1;
    Segment &segment = m_segments.at(sn);
    segment.chunk = chunk;
    segment.lastSent = now;
    segment.position = position;
    segment.transmission = m_transmission++;
    segment.firstTimestamp = timestamp;
    segment.lastTimestamp = timestamp;
    segment.transmissions = 1;
    segment.length = static_cast<std::uint16_t>(length);
    segment.fragment = fragment;
    segment.list = Fresh;
    segment.timeouts = 0;
    return segment;
}

} // namespace kcp

#endif // KCP_SENDQUEUE_H
