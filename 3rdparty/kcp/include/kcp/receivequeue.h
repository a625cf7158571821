// SPDX-License-Identifier: MIT
// What came in: a window of segments indexed by sn, from the next one to be read to the farthest
// one that arrived early.
#ifndef KCP_RECEIVEQUEUE_H
#define KCP_RECEIVEQUEUE_H

#include <kcp/bytes.h>
#include <kcp/ring.h>
#include <kcp/time.h>

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

    Result insert(std::uint32_t sn, std::uint8_t fragment, ByteView data);

    std::uint32_t next() const { return m_next; } // rcv_nxt: everything before has arrived
    std::uint32_t freeWindow() const; // segments; what may be advertised
    std::size_t readableBytes() const { return m_readableBytes; } // stream: all that is ready
    std::size_t closedBytes() const; // that wait for the application: complete messages only
    std::size_t heldBytes() const { return m_heldBytes; } // reorder window included
    std::uint64_t brokenMessages() const { return m_brokenMessages; }

    std::size_t read(MutableBytes buffer);
    std::size_t peek(std::size_t offset, MutableBytes buffer) const;
    std::size_t skip(std::size_t size);
    std::optional<std::size_t> findByte(std::uint8_t byte, std::size_t limit) const;

    std::optional<std::size_t> nextMessageSize() const;
    std::optional<std::size_t> receiveMessage(MutableBytes buffer);

private:
    struct Slot
    {
        std::uint8_t *data;
        std::uint16_t size;
        std::uint8_t fragment;
        bool present;
    };

    std::uint32_t readySegments() const { return m_next - m_read; }
    std::uint32_t closedSegments() const; // that count against the window
    void advance();
    void endMessages(std::uint32_t sn);
    void dropBrokenMessage(std::uint32_t end);
    void popFront();
    void freeData(Slot &slot);
    void releaseIfEmpty();

    BlockPool *m_pool;
    RingStorage<Slot> m_slots;
    std::uint32_t m_read;
    std::uint32_t m_next;
    std::uint32_t m_end; // one past the farthest segment that is there
    std::uint32_t m_completeEnd; // one past the last complete message; message mode
    std::uint32_t m_window = 128;
    std::uint32_t m_offset = 0; // bytes of the first segment that were read already
    std::size_t m_byteLimit = SIZE_MAX;
    std::size_t m_heldBytes = 0;
    std::size_t m_readableBytes = 0;
    std::size_t m_completeBytes = 0; // of complete messages
    std::uint64_t m_brokenMessages = 0;
    bool m_stream;
};

} // namespace kcp

#endif // KCP_RECEIVEQUEUE_H
