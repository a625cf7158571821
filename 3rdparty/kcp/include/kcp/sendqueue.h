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
// The stream, and messages of several segments, are cut only when the window lets them go: so a new
// MTU, or another write in the same turn, is taken into account. A message that fits one segment
// becomes one at once, and is cut again in the rare case that the MTU shrinks.
//
//        una               next (snd_nxt)                end
//    -----|--- in flight ---|--- prepared: to be sent -----|   records: not cut yet
//
// If anything waits, the segment `next` is prepared.
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
        std::uint16_t length;
        std::uint16_t transmissions;
        std::uint8_t fragment;
        std::uint8_t list;
        std::uint8_t timeouts;
        bool scattered; // its bytes lie in several chunks, or there are none
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
        prepareFromRecord();
    }

    // --- what waits to be sent ------------------------------------------------------------------

    // The payload of a full segment, for what is cut from now on.
    void setMss(std::uint32_t mss);

    // Appends to the stream, or as one message of at most maximumFragments * mss bytes.
    void append(ByteView data, bool stream);

    bool hasUnsent() const { return m_next != m_end; }
    std::size_t unsentBytes() const { return m_appendedBytes - m_cutBytes; }
    // How many segments that will be.
    std::size_t unsentSegments() const;
    // The length of the segment that sendNext() would send. hasUnsent() must hold.
    std::uint32_t nextLength() const { return m_segments.at(m_next).length; }
    // The segment next() goes out now with the given ts. hasUnsent() must hold.
    const Segment &sendNext(Instant now, std::uint32_t timestamp)
    {
        Segment &segment = m_segments.at(m_next);
        segment.lastSent = now;
        segment.firstTimestamp = timestamp;
        segment.lastTimestamp = timestamp;
        segment.transmission = m_transmission++;
        m_cutBytes += segment.length;
        ++m_pipe;
        ++m_next;
        if (!m_records.isEmpty()) [[unlikely]]
            return cutRecord();
        return segment;
    }

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
    bool isEmpty() const { return m_una == m_end; }
    std::size_t unacknowledgedBytes() const { return m_cutBytes - m_acknowledgedBytes; }
    std::uint32_t largestLength() const { return m_largestLength; } // of any segment in flight

    const Segment &segment(std::uint32_t sn) const { return m_segments.at(sn); }
    void copyPayload(const Segment &segment, std::uint8_t *to) const
    {
        if (segment.scattered) [[unlikely]]
            copyFromChunks(segment, to);
        else
            std::memcpy(to, segment.chunk->data() + segment.position, segment.length);
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
    // What one or more writes left to be cut: the whole stream so far, or one message.
    struct Record
    {
        std::size_t remaining;
        bool stream;
    };

    static constexpr std::uint32_t LargestKeptChunk = 2U << 10U;
    static constexpr std::uint8_t LostList = 0;
    static constexpr std::uint8_t FirstFlightList = 1;
    static constexpr std::uint8_t Fresh = 254; // sent once and not lost: in no list
    static constexpr std::uint8_t Acknowledged = 255; // in no list

    std::uint32_t messageFragmentSize(std::size_t remaining) const; // of the first record
    std::uint32_t newFragmentSize(std::size_t remaining) const; // of a message not begun
    void countMessageSegments();
    Segment &prepare(Chunk *chunk, std::uint32_t position, std::uint32_t length);
    [[gnu::noinline]] void prepareFromRecord();
    [[gnu::noinline]] const Segment &cutRecord();
    void unprepare();
    void appendBytes(ByteView data);
    void appendToChunk(Chunk *chunk, ByteView data);
    [[gnu::noinline]] void appendRecord(ByteView data, bool stream);
    void growSegments() { m_segments.grow(m_end - m_una + 1, m_una, m_end - m_una); }
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
    [[gnu::noinline]] void releaseChunks();

    BlockPool *m_pool;
    Policy m_policy;
    std::uint32_t m_exemptFrom = UINT32_MAX; // transmissions, from the policy's fast limit
    RingStorage<Segment> m_segments;
    PoolRing<Record> m_records;
    RingStorage<List> m_lists; // [0] lost; [1 + 2 * timeouts + (beyond the fast limit)] sent again

    Chunk *m_firstChunk = nullptr;
    Chunk *m_lastChunk = nullptr;
    Chunk *m_cutChunk = nullptr; // where the first record begins, while there is one
    std::uint32_t m_cutPosition = 0;

    std::uint32_t m_mss;
    std::uint32_t m_una;
    std::uint32_t m_next;
    std::uint32_t m_end;
    bool m_provisional = false; // the segment m_next is the next piece of the first record
    mutable std::uint32_t m_fresh; // no segment before it is Fresh; see firstFresh()
    std::uint32_t m_pipe = 0;
    std::uint32_t m_resentInFlight = 0; // of m_pipe: those that stand in a list
    std::uint32_t m_lostSegments = 0;
    std::uint32_t m_listEnd = 0; // one past the last list in use
    std::uint32_t m_transmission = 0;
    std::uint32_t m_largestLength = 0;
    std::uint32_t m_fragmentSize = 0; // of the message that is being cut; 0 = none
    // Bytes ever; what waits and what is in flight are the differences.
    std::size_t m_appendedBytes = 0;
    std::size_t m_cutBytes = 0;
    std::size_t m_acknowledgedBytes = 0;
    std::size_t m_unsentStreamBytes = 0;
    std::size_t m_streamRecords = 0;
    std::size_t m_moreFragments = 0; // of unsent messages, beyond one for each
};

inline std::uint32_t SendQueue::acknowledgeUntil(std::uint32_t una)
{
    std::uint32_t count = 0;
    std::size_t bytes = 0;
    std::uint32_t sn = m_una;
    for (; sn != m_next; ++sn) {
        Segment &segment = m_segments.at(sn);
        const std::uint8_t list = segment.list;
        if (list == Acknowledged)
            continue;
        if (!serialLess(sn, una))
            break;
        ++count;
        bytes += segment.length;
        if (list != Fresh) [[unlikely]] {
            leaveList(segment, sn);
            ++m_pipe; // counted below with all
        }
    }
    m_pipe -= count;
    m_acknowledgedBytes += bytes;
    if (sn != m_una)
        moveUna(sn);
    return count;
}

inline void SendQueue::moveUna(std::uint32_t una)
{
    m_una = una;
    if (serialLess(m_fresh, una))
        m_fresh = una;
    if (una == m_next) {
        m_largestLength = 0;
        m_listEnd = 0;
    }
    Chunk *first = m_firstChunk;
    if (una != m_end) {
        if (m_segments.at(una).chunk != first)
            releaseChunks();
    } else if (first && first == m_lastChunk && first->capacity < LargestKeptChunk) {
        first->size = 0; // nothing is left: one small chunk waits for the next write
    } else {
        releaseChunks();
    }
}

} // namespace kcp

#endif // KCP_SENDQUEUE_H
