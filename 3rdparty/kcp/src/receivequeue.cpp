// SPDX-License-Identifier: MIT
#include <kcp/receivequeue.h>

#include <algorithm>
#include <cstring>

namespace kcp {

ReceiveQueue::ReceiveQueue(BlockPool *pool, std::uint32_t initialSn, bool stream)
    : m_pool(pool),
      m_slots(pool),
      m_read(initialSn),
      m_next(initialSn),
      m_end(initialSn),
      m_completeEnd(initialSn),
      m_stream(stream)
{
}

ReceiveQueue::~ReceiveQueue()
{
    for (std::uint32_t sn = m_read; sn != m_end; ++sn) {
        if (m_slots.at(sn).present)
            freeData(m_slots.at(sn));
    }
}

void ReceiveQueue::setLimits(std::uint32_t window, std::size_t bytes)
{
    m_window = window;
    m_byteLimit = bytes;
    advance();
}

void ReceiveQueue::setStream(bool stream)
{
    if (stream == m_stream)
        return;
    m_stream = stream;
    m_completeEnd = m_read;
    m_completeBytes = 0;
    // What is ready is looked at again, the other way.
    const std::uint32_t end = m_next;
    m_readableBytes = 0;
    for (m_next = m_read; m_next != end; ++m_next)
        countReady(m_next, unreadSize(m_next), m_slots.at(m_next).fragment);
}

// What does not come in order, is there already, or finds the window closed.
ReceiveQueue::Result ReceiveQueue::insertEarly(std::uint32_t sn, std::uint8_t fragment,
                                               ByteView data)
{
    const std::int32_t distance = serialDistance(sn, m_next);
    if (distance < 0)
        return Result::Duplicate;
    if (static_cast<std::uint32_t>(distance) >= m_window)
        return Result::OutOfWindow;
    // What is ready and what came early have the same budget each; the next one in order may pass
    // it once, so that a peer with larger segments than ours cannot stall.
    const std::size_t held = distance == 0 ? closedBytes() : m_earlyBytes + data.size();
    if (held > m_byteLimit)
        return Result::OutOfWindow;

    const std::uint32_t needed = sn - m_read + 1;
    if (needed > m_slots.capacity())
        growSlots(needed);
    Slot &slot = m_slots.at(sn);
    if (slot.present) // a slot outside of [read, end) never is
        return Result::Duplicate;
    if (!serialLess(sn, m_end))
        m_end = sn + 1;
    std::uint8_t *bytes = store(slot, fragment, data.size());
    if (!data.empty())
        std::memcpy(bytes, data.data(), data.size());
    m_earlyBytes += data.size();
    ++m_earlySegments;
    if (distance == 0)
        advance();
    return Result::Stored;
}

void ReceiveQueue::growSlots(std::uint32_t needed)
{
    m_slots.grow(needed, m_read, m_end - m_read);
    for (std::uint32_t sn = m_end; sn != m_read + m_slots.capacity(); ++sn)
        m_slots.at(sn).present = false;
}

// Moves what has become gapless from the reorder window to the ready part.
void ReceiveQueue::advance()
{
    while (m_next != m_end && closedSegments() < m_window) {
        const Slot &slot = m_slots.at(m_next);
        if (!slot.present)
            return;
        m_earlyBytes -= slot.size;
        --m_earlySegments;
        const std::uint32_t sn = m_next++;
        countReady(sn, slot.size, slot.fragment);
    }
}

// Message mode: sn, of a message of several fragments, has become ready.
void ReceiveQueue::endMessages(std::uint32_t sn)
{
    const Slot &slot = m_slots.at(sn);
    if (sn != m_completeEnd && m_slots.at(sn - 1).fragment != slot.fragment + 1)
        dropBrokenMessage(sn);
    if (slot.fragment != 0)
        return;
    for (std::uint32_t i = m_completeEnd; i != sn + 1; ++i)
        m_completeBytes += unreadSize(i);
    m_completeEnd = sn + 1;
}

// The fragments from m_completeEnd to end do not continue with end: only a broken peer sends
// that. They are dropped; the slots stay until they are at the front.
void ReceiveQueue::dropBrokenMessage(std::uint32_t end)
{
    ++m_brokenMessages;
    for (std::uint32_t sn = m_completeEnd; sn != end; ++sn) {
        Slot &slot = m_slots.at(sn);
        m_readableBytes -= unreadSize(sn);
        freeData(slot);
    }
    m_completeEnd = end;
    while (m_read != end && !m_slots.at(m_read).present)
        popFront();
}

void ReceiveQueue::freeData(Slot &slot)
{
    if (slot.size > 0)
        m_pool->release(slot.data, slot.size);
    slot.size = 0;
    slot.present = false;
}

void ReceiveQueue::popFront()
{
    Slot &slot = m_slots.at(m_read);
    if (slot.present)
        freeData(slot);
    ++m_read;
    m_offset = 0;
    if (serialLess(m_completeEnd, m_read))
        m_completeEnd = m_read;
}

void ReceiveQueue::trim()
{
    if (m_read == m_end)
        m_slots.release();
}

std::size_t ReceiveQueue::read(MutableBytes buffer)
{
    std::size_t done = 0;
    while (m_read != m_next) {
        const Slot &slot = m_slots.at(m_read);
        const std::size_t part = std::min<std::size_t>(slot.size - m_offset, buffer.size() - done);
        if (part > 0)
            std::memcpy(buffer.data() + done, slot.data + m_offset, part);
        done += part;
        m_offset += static_cast<std::uint32_t>(part);
        if (m_offset < slot.size)
            break;
        popFront();
    }
    m_readableBytes -= done;
    m_completeBytes -= std::min(m_completeBytes, done);
    if (m_next != m_end)
        advance();
    return done;
}

std::size_t ReceiveQueue::peek(std::size_t offset, MutableBytes buffer) const
{
    std::size_t done = 0;
    std::size_t skipped = offset + m_offset;
    for (std::uint32_t sn = m_read; sn != m_next && done < buffer.size(); ++sn) {
        const Slot &slot = m_slots.at(sn);
        if (skipped >= slot.size) {
            skipped -= slot.size;
            continue;
        }
        const std::size_t part = std::min<std::size_t>(slot.size - skipped, buffer.size() - done);
        std::memcpy(buffer.data() + done, slot.data + skipped, part);
        done += part;
        skipped = 0;
    }
    return done;
}

std::size_t ReceiveQueue::skip(std::size_t size)
{
    std::size_t done = 0;
    while (m_read != m_next) {
        const Slot &slot = m_slots.at(m_read);
        const std::size_t part = std::min<std::size_t>(slot.size - m_offset, size - done);
        done += part;
        m_offset += static_cast<std::uint32_t>(part);
        if (m_offset < slot.size)
            break;
        popFront();
    }
    m_readableBytes -= done;
    m_completeBytes -= std::min(m_completeBytes, done);
    if (m_next != m_end)
        advance();
    return done;
}

std::optional<std::size_t> ReceiveQueue::findByte(std::uint8_t byte, std::size_t limit) const
{
    std::size_t before = 0;
    std::size_t start = m_offset;
    for (std::uint32_t sn = m_read; sn != m_next && before < limit; ++sn) {
        const Slot &slot = m_slots.at(sn);
        const std::size_t part = std::min<std::size_t>(slot.size - start, limit - before);
        if (part > 0) {
            if (const void *hit = std::memchr(slot.data + start, byte, part))
                return before
                        + static_cast<std::size_t>(static_cast<const std::uint8_t *>(hit)
                                                   - (slot.data + start))
                        + 1;
        }
        before += part;
        start = 0;
    }
    return std::nullopt;
}

std::optional<std::size_t> ReceiveQueue::nextMessageSize() const
{
    if (m_read != m_completeEnd) [[likely]] {
        const Slot &slot = m_slots.at(m_read);
        if (slot.present && slot.fragment == 0)
            return unreadSize(m_read);
    }
    std::size_t size = 0;
    for (std::uint32_t sn = m_read; sn != m_completeEnd; ++sn) {
        const Slot &slot = m_slots.at(sn);
        if (!slot.present)
            continue; // of a broken message
        size += unreadSize(sn);
        if (slot.fragment == 0)
            return size;
    }
    return std::nullopt;
}

std::optional<std::size_t> ReceiveQueue::receiveMessage(MutableBytes buffer)
{
    if (m_read == m_completeEnd)
        return std::nullopt;
    Slot &slot = m_slots.at(m_read);
    const std::size_t size = slot.size;
    if (!slot.present || slot.fragment != 0 || size == 0 || size > buffer.size() || m_offset > 0)
            [[unlikely]]
        return receiveFragments(buffer);
    std::uint8_t *data = slot.data;
    slot.present = false;
    m_readableBytes -= size;
    m_completeBytes -= size;
    ++m_read;
    std::memcpy(buffer.data(), data, size);
    m_pool->release(data, size);
    if (m_next != m_end || m_brokenMessages > 0) [[unlikely]]
        moveUp();
    return size;
}

std::optional<std::size_t> ReceiveQueue::receiveFragments(MutableBytes buffer)
{
    const std::optional<std::size_t> size = nextMessageSize();
    if (!size || *size > buffer.size())
        return std::nullopt;
    std::size_t done = 0;
    for (bool last = false; !last;) {
        const Slot &slot = m_slots.at(m_read);
        if (slot.present) {
            const std::size_t part = unreadSize(m_read);
            if (part > 0)
                std::memcpy(buffer.data() + done, slot.data + m_offset, part);
            done += part;
            last = slot.fragment == 0;
        }
        popFront();
    }
    m_readableBytes -= done;
    m_completeBytes -= done;
    moveUp();
    return size;
}

// A message was taken: what stands behind it comes to the front.
void ReceiveQueue::moveUp()
{
    while (m_read != m_completeEnd && !m_slots.at(m_read).present)
        popFront(); // of a broken message
    if (m_next != m_end)
        advance();
}

} // namespace kcp
