// SPDX-License-Identifier: MIT
// What goes out: bytes waiting to be cut into segments, and the segments that were sent and are
// not acknowledged.
#ifndef KCP_SENDQUEUE_H
#define KCP_SENDQUEUE_H

#include <kcp/bytes.h>
#include <kcp/ring.h>
#include <kcp/time.h>

#include <optional>
#include <vector>

namespace kcp {

// The application's bytes lie in a chain of chunks and are copied once more, into the datagram.
// They are cut into segments only when the window lets them go: so a new MTU, or another write in
// the same turn, is taken into account.
//
// A segment in flight stands in a ring indexed by sn, and in one list in the order of transmission
// with all segments that timed out equally often. Their deadlines (last transmission + a timeout
// that depends on the number of timeouts and the current rto) are then in the order of the list:
// the next deadline is at the head, and every list operation is O(1).
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

    struct Segment
    {
        struct Chunk *chunk; // where its bytes begin
        Instant lastSent;
        std::uint32_t position; // in the chunk
        std::uint32_t transmission; // number of its last transmission among all of them
        std::uint32_t firstTimestamp; // ts of its first transmission
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
        std::uint32_t mostTransmissions = 0;
    };

    SendQueue(BlockPool *pool, std::uint32_t initialSn);
    ~SendQueue();
    SendQueue(const SendQueue &) = delete;
    SendQueue &operator=(const SendQueue &) = delete;

    void setPolicy(const Policy &policy) { m_policy = policy; }

    // --- what waits to be sent ------------------------------------------------------------------

    // Appends to the stream, or as one message of at most maximumFragments * mss bytes.
    void append(ByteView data, bool stream);

    bool hasUnsent() const { return !m_records.isEmpty(); }
    std::size_t unsentBytes() const { return m_unsentBytes; }
    std::size_t unsentSegments(std::uint32_t mss) const;
    // The length of the segment that cut() would make.
    std::uint32_t nextLength(std::uint32_t mss) const;
    // Makes the next segment out of what waits; returns its sn. hasUnsent() must hold.
    std::uint32_t cut(std::uint32_t mss);

    // --- segments -------------------------------------------------------------------------------

    std::uint32_t una() const { return m_una; } // the oldest that is not acknowledged
    std::uint32_t next() const { return m_next; } // snd_nxt: the next to be cut
    std::uint32_t flightSize() const { return m_next - m_una; }
    std::uint32_t pipe() const { return m_pipe; } // sent, and neither acknowledged nor lost
    bool isEmpty() const { return m_una == m_next && m_records.isEmpty(); }
    std::size_t unacknowledgedBytes() const { return m_unacknowledgedBytes; }
    std::uint32_t largestLength() const { return m_largestLength; } // of any segment in flight

    const Segment &segment(std::uint32_t sn) const { return m_segments.at(sn); }
    void copyPayload(const Segment &segment, std::uint8_t *to) const;

    // The first of the segments that are to be sent again.
    std::optional<std::uint32_t> firstLost() const;
    // The segment goes out now.
    void markSent(std::uint32_t sn, Instant now);
    std::uint32_t transmissions() const { return m_transmission; } // of all segments, ever

    bool isOutstanding(std::uint32_t sn) const; // in [una, next) and not acknowledged
    void acknowledge(std::uint32_t sn); // isOutstanding(sn) must hold
    // Acknowledges everything before una; returns how many had not been yet.
    std::uint32_t acknowledgeUntil(std::uint32_t una);
    // Moves una over what is acknowledged and gives its memory back.
    void releaseAcknowledged();

    // Segments sent before the given transmission and within the fast limit become lost; returns
    // the number, and the newest of their transmissions.
    Expired loseSentBefore(std::uint32_t transmission);
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
    };
    // What one or more writes left: the whole stream so far, or one message.
    struct Record
    {
        std::size_t remaining;
        bool stream;
    };

    void appendBytes(ByteView data);
    void link(std::uint32_t sn, std::uint8_t list);
    void unlink(std::uint32_t sn);
    void lose(std::uint32_t sn, std::uint8_t timeouts, Expired &expired);
    void releaseChunks();

    BlockPool *m_pool;
    Policy m_policy;
    RingStorage<Segment> m_segments;
    PoolRing<Record> m_records;
    std::vector<List> m_lists; // [0] lost; [1 + 2 * timeouts + (beyond the fast limit)] in flight

    Chunk *m_firstChunk = nullptr;
    Chunk *m_lastChunk = nullptr;
    Chunk *m_cutChunk = nullptr; // where the next cut begins
    std::uint32_t m_cutPosition = 0;

    std::uint32_t m_una;
    std::uint32_t m_next;
    std::uint32_t m_pipe = 0;
    std::uint32_t m_transmission = 0;
    std::uint32_t m_largestLength = 0;
    std::uint32_t m_fragmentSize = 0; // of the message that is being cut; 0 = none
    std::size_t m_unsentBytes = 0;
    std::size_t m_unacknowledgedBytes = 0;
};

} // namespace kcp

#endif // KCP_SENDQUEUE_H
