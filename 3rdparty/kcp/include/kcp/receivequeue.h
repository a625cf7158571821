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
    std::size_t readableBytes() const { return m_readableBytes; } // stream: all that is ready
    // That wait for the application: complete messages only.
    std::size_t closedBytes() const { return m_completeBytes; }
    std::size_t heldBytes() const { return m_readableBytes + m_earlyBytes; }
    std::uint64_t brokenMessages() const { return m_brokenMessages; }
    std::uint32_t readySegments() const { return m_next - m_read; }
    std::uint32_t earlySegments() const { return m_earlySegments; } // in the reorder window

    std::size_t read(MutableBytes buffer);
    std::size_t peek(std::size_t offset, MutableBytes buffer) const;
    std::size_t skip(std::size_t size);
    std::optional<std::size_t> findByte(std::uint8_t byte, std::size_t limit) const;

    bool hasMessage() const { return m_completeEnd != m_read; }
    std::optional<std::size_t> nextMessageSize() const;
    std::optional<std::size_t> receiveMessage(MutableBytes buffer);

    // Gives memory back that an empty queue does not need.
    void trim();

private:
    struct Slot
    {
        std::uint8_t *data;
        std::uint32_t size; // a caller of handleDatagram() need not be a UDP socket
        std::uint8_t fragment;
        bool present;
    };

    std::uint32_t closedSegments() const // that count against the window
    {
        return m_completeEnd - m_read;
    }
    bool hasRoom() const { return closedSegments() < m_window && closedBytes() < m_byteLimit; }
    std::uint8_t *store(Slot &slot, std::uint8_t fragment, std::size_t size);
    Result insertEarly(std::uint32_t sn, std::uint8_t fragment, ByteView data);
    void advance();
    void countReady(std::uint32_t sn, std::size_t size, std::uint8_t fragment);
    [[gnu::cold, gnu::noinline]] void growSlots(std::uint32_t needed);
    std::size_t unreadSize(std::uint32_t sn) const // read() may have taken a part
    {
        return m_slots.at(sn).size - (sn == m_read ? m_offset : 0);
    }
    std::optional<std::size_t> receiveFragments(MutableBytes buffer);
    void endMessages(std::uint32_t sn);
    void dropBrokenMessage(std::uint32_t end);
    void moveUp();
    void popFront();
    void freeData(Slot &slot);

    BlockPool *m_pool;
    RingStorage<Slot> m_slots;
    std::uint32_t m_read;
    std::uint32_t m_next;
    std::uint32_t m_end; // one past the farthest segment that is there
    std::uint32_t m_completeEnd; // one past the last complete message; in a stream, m_next
    std::uint32_t m_earlySegments = 0;
    std::uint32_t m_window = 128;
    std::uint32_t m_offset = 0; // bytes of the first segment that were read already
    std::size_t m_byteLimit = SIZE_MAX;
    std::size_t m_readableBytes = 0;
    std::size_t m_earlyBytes = 0; // in the reorder window
    std::size_t m_completeBytes = 0; // of complete messages; in a stream, of all that is ready
    std::uint64_t m_brokenMessages = 0;
    bool m_stream;
};

// Everything but the bytes, for which it returns the place.
inline std::uint8_t *ReceiveQueue::store(Slot &slot, std::uint8_t fragment, std::size_t size)
{
    slot.size = static_cast<std::uint32_t>(size);
    slot.fragment = fragment;
    slot.present = true;
    if (size > 0) [[likely]]
        slot.data = static_cast<std::uint8_t *>(m_pool->allocate(size));
    return slot.data;
}

inline void ReceiveQueue::countReady(std::uint32_t sn, std::size_t size, std::uint8_t fragment)
{
    m_readableBytes += size;
    if (m_stream || (fragment == 0 && sn == m_completeEnd)) [[likely]] {
        m_completeBytes += size;
        m_completeEnd = sn + 1;
        if (size == 0 && sn == m_read && m_stream) [[unlikely]]
            popFront(); // an empty segment means nothing in a stream
    } else {
        endMessages(sn);
    }
}

inline ReceiveQueue::Result ReceiveQueue::insert(std::uint32_t sn, std::uint8_t fragment,
                                                 ByteView data)
{
    // Nearly always it is the next one, and nothing came early.
    if (sn != m_next || m_next != m_end || !hasRoom()) [[unlikely]]
        return insertEarly(sn, fragment, data);
    if (sn - m_read >= m_slots.capacity()) [[unlikely]]
        growSlots(sn - m_read + 1);
    std::uint8_t *bytes = store(m_slots.at(sn), fragment, data.size());
    m_next = m_end = sn + 1;
    countReady(sn, data.size(), fragment);
    if (!data.empty()) [[likely]]
        std::memcpy(bytes, data.data(), data.size());
    return Result::Stored;
}

} // namespace kcp

#endif // KCP_RECEIVEQUEUE_H
