// SPDX-License-Identifier: MIT
// What came in: a window of segments indexed by sn, from the next one to be read to the farthest
// one that arrived early.
#ifndef KCP_RECEIVEQUEUE_H
#define KCP_RECEIVEQUEUE_H

#include <kcp/bytes.h>
#include <kcp/ring.h>
#include <kcp/time.h>

#include <cstring>
#include <optional>

namespace kcp {

//        read                 next (rcv_nxt)                      end
//    -----|--- ready ----------|--- reorder: holes and segments ---|
//
// Segments in [read, next) are there without a gap. In message mode the fragments of a message
// that is not complete yet do not count against the window, or a message larger than the window
// could never be completed; frg has 8 bits, so that is 256 segments at most.
class ReceiveQueue
{
public:
    enum class Result : std::uint8_t {
        Stored,
        Duplicate, // was there before: to be acknowledged all the same
        OutOfWindow, // beyond the window or the byte budget: dropped, not to be acknowledged
    };

    ReceiveQueue(BlockPool *pool, std::uint32_t initialSn, bool stream);
    ~ReceiveQueue();
    ReceiveQueue(const ReceiveQueue &) = delete;
    ReceiveQueue &operator=(const ReceiveQueue &) = delete;

    // The window in segments, and the most bytes that the ready part and the reorder part may hold
    // each.
    void setLimits(std::uint32_t window, std::size_t bytes);
    void setStream(bool stream);
    bool isStream() const { return m_stream; }

    Result insert(std::uint32_t sn, std::uint8_t fragment, ByteView data);

    std::uint32_t next() const { return m_next; } // rcv_nxt: everything before has arrived
    std::uint32_t freeWindow() const // segments; what may be advertised
    {
        return hasRoom() ? m_window - closedSegments() : 0;
    }
    std::size_t readableBytes() const // stream: all that is ready
    {
        return closedBytes() + m_incompleteBytes;
    }
    // That wait for the application: complete messages only.
    std::size_t closedBytes() const { return static_cast<std::size_t>(m_byteLimit - m_room); }
    std::size_t heldBytes() const { return readableBytes() + m_earlyBytes; }
    std::uint64_t brokenMessages() const { return m_brokenMessages; }
    std::uint32_t readySegments() const { return m_next - m_read; }
    std::uint32_t earlySegments() const { return m_earlySegments; } // in the reorder window

    std::size_t read(MutableBytes buffer);
    std::size_t peek(std::size_t offset, MutableBytes buffer) const;
    std::size_t skip(std::size_t size);
    std::optional<std::size_t> findByte(std::uint8_t byte, std::size_t limit) const;

    bool hasMessage() const { return m_completeEnd != m_read; }
    bool isReadable() const // a message is there, or bytes of a stream
    {
        return hasMessage() && (!m_stream || closedBytes() > 0);
    }
    std::optional<std::size_t> nextMessageSize() const;
    std::optional<std::size_t> receiveMessage(MutableBytes buffer);

    // Gives memory back that an empty queue does not need.
    void trim();

private:
    struct Slot
    {
        std::uint8_t *data; // nullptr: nothing is here. Of an empty segment: anything else
        std::uint32_t size; // a caller of handleDatagram() need not be a UDP socket
        std::uint32_t fragment;
    };

    std::uint32_t closedSegments() const // that count against the window
    {
        return m_completeEnd - m_read;
    }
    bool hasRoom() const { return closedSegments() < m_window && m_room > 0; }
    // Whether a ready segment is, or continues as, a message of its own.
    bool standsAlone(std::uint32_t fragment) const { return (fragment & m_fragmentMask) == 0; }
    std::uint8_t *store(Slot &slot, std::uint8_t fragment, std::size_t size);
    Result insertEarly(std::uint32_t sn, std::uint8_t fragment, ByteView data);
    void advance();
    void advanceRun();
    void countReady(std::uint32_t sn, std::size_t size, std::uint32_t fragment);
    [[gnu::cold, gnu::noinline]] void growSlots(std::uint32_t needed);
    std::size_t unreadSize(std::uint32_t sn) const // read() may have taken a part
    {
        return m_slots.at(sn).size - (sn == m_read ? m_offset : 0);
    }
    std::optional<std::size_t> receiveFragments(MutableBytes buffer);
    void endMessages(std::uint32_t sn);
    void dropBrokenMessage(std::uint32_t end);
    void countTaken(std::size_t size);
    void popFront();
    void freeData(Slot &slot);
    void updateStraight();

    BlockPool *m_pool;
    RingStorage<Slot> m_slots;
    std::uint32_t m_read;
    std::uint32_t m_next;
    std::uint32_t m_end; // one past the farthest segment that is there
    std::uint32_t m_completeEnd; // one past the last complete message; in a stream, m_next
    std::uint32_t m_window = 128;
    std::uint32_t m_straight = 0; // segments from m_read on that insert() takes without a thought
    std::int64_t m_room = INT64_MAX; // m_byteLimit less the bytes of complete messages
    std::int64_t m_byteLimit = INT64_MAX;
    std::size_t m_incompleteBytes = 0; // ready, of a message that is not complete
    std::size_t m_earlyBytes = 0; // in the reorder window
    std::uint64_t m_brokenMessages = 0;
    std::uint32_t m_earlySegments = 0;
    std::uint32_t m_offset = 0; // bytes of the first segment that were read already
    std::uint32_t m_fragmentMask; // of frg: 0 in a stream, where it means nothing
    bool m_stream;
    // The first message was read in part, one is broken, or the closed window alone keeps
    // a segment from being ready.
    bool m_irregular = false;
};

// Everything but the bytes, for which it returns the place.
inline std::uint8_t *ReceiveQueue::store(Slot &slot, std::uint8_t fragment, std::size_t size)
{
    slot.size = static_cast<std::uint32_t>(size);
    slot.fragment = fragment;
    slot.data = size > 0 ? static_cast<std::uint8_t *>(m_pool->allocate(size))
                         : reinterpret_cast<std::uint8_t *>(this);
    return slot.data;
}

inline ReceiveQueue::Result ReceiveQueue::insert(std::uint32_t sn, std::uint8_t fragment,
                                                 ByteView data)
{
    // Nearly always it is the next one, nothing came early, and it is a message, or of a stream.
    if (sn != m_next || sn != m_end || sn != m_completeEnd || sn - m_read >= m_straight
        || m_room <= 0 || !standsAlone(fragment) || data.empty()) [[unlikely]]
        return insertEarly(sn, fragment, data);
    std::uint8_t *bytes = store(m_slots.at(sn), fragment, data.size());
    m_next = m_end = m_completeEnd = sn + 1;
    m_room -= static_cast<std::int64_t>(data.size());
    std::memcpy(bytes, data.data(), data.size());
    return Result::Stored;
}

inline std::optional<std::size_t> ReceiveQueue::receiveMessage(MutableBytes buffer)
{
    const std::uint32_t sn = m_read;
    if (sn == m_completeEnd)
        return std::nullopt;
    Slot &slot = m_slots.at(sn);
    const std::size_t size = slot.size;
    // The size less one: an empty message is not taken here.
    if (m_irregular || slot.fragment != 0 || size - 1 >= buffer.size()) [[unlikely]]
        return receiveFragments(buffer);
    std::uint8_t *data = slot.data;
    slot.data = nullptr;
    m_read = sn + 1;
    m_room += static_cast<std::int64_t>(size);
    std::memcpy(buffer.data(), data, size);
    m_pool->release(data, size);
    return size;
}

} // namespace kcp

#endif // KCP_RECEIVEQUEUE_H
