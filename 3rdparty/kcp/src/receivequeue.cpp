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
    m_stream = stream;
}

std::uint32_t ReceiveQueue::closedSegments() const
{
    return m_stream ? readySegments() : m_completeEnd - m_read;
}

std::size_t ReceiveQueue::closedBytes() const
{
    return m_stream ? m_readableBytes : m_completeBytes;
}

std::uint32_t ReceiveQueue::freeWindow() const
{
    const std::uint32_t closed = closedSegments();
    return closed >= m_window || closedBytes() >= m_byteLimit ? 0 : m_window - closed;
}

ReceiveQueue::Result ReceiveQueue::insert(std::uint32_t sn, std::uint8_t fragment, ByteView data)
{
    const std::int32_t distance = serialDistance(sn, m_next);
    if (distance < 0)
        return Result::Duplicate;
    if (static_cast<std::uint32_t>(distance) >= m_window)
        return Result::OutOfWindow;
    // What is ready and what came early have the same budget each; the next one in order may pass
    // it once, so that a peer with larger segments than ours cannot stall.
    const std::size_t held =
            distance == 0 ? closedBytes() : m_heldBytes - m_readableBytes + data.size();
    if (held > m_byteLimit) [[unlikely]]
        return Result::OutOfWindow;

    const std::uint32_t needed = sn - m_read + 1;
    if (needed > m_slots.capacity()) [[unlikely]]
        m_slots.grow(needed, m_read, m_end - m_read);
    Slot &slot = m_slots.at(sn);
    if (slot.present) // a slot outside of [read, end) never is
        return Result::Duplicate;
    if (!serialLess(sn, m_end))
        m_end = sn + 1;
    slot.data = data.empty() ? nullptr : static_cast<std::uint8_t *>(m_pool->allocate(data.size()));
    slot.size = static_cast<std::uint16_t>(data.size());
    slot.fragment = fragment;
    slot.present = true;
    if (!data.empty())
        std::memcpy(slot.data, data.data(), data.size());
    m_heldBytes += data.size();
    if (distance == 0)
        advance();
    return Result::Stored;
}

// Moves what has become gapless from the reorder window to the ready part.
void ReceiveQueue::advance()
{
    while (m_next != m_end && closedSegments() < m_window) {
        const Slot &slot = m_slots.at(m_next);
        if (!slot.present)
            return;
        const std::uint32_t sn = m_next++;
        m_readableBytes += slot.size;
        if (!m_stream)
            endMessages(sn);
        else if (slot.size == 0 && sn == m_read)
            popFront(); // an empty segment means nothing in a stream
    }
}

// Message mode: sn has become ready; a message may be complete with it.
void ReceiveQueue::endMessages(std::uint32_t sn)
{
    const Slot &slot = m_slots.at(sn);
    if (sn != m_completeEnd && m_slots.at(sn - 1).fragment != slot.fragment + 1)
        dropBrokenMessage(sn);
    if (slot.fragment != 0)
        return;
    for (std::uint32_t i = m_completeEnd; i != sn + 1; ++i)
        m_completeBytes += m_slots.at(i).size;
    m_completeEnd = sn + 1;
}

// The fragments from m_completeEnd to end do not continue with end: only a broken peer sends
// that. They are dropped; the slots stay until they are at the front.
void ReceiveQueue::dropBrokenMessage(std::uint32_t end)
{
    ++m_brokenMessages;
    for (std::uint32_t sn = m_completeEnd; sn != end; ++sn) {
        Slot &slot = m_slots.at(sn);
        m_readableBytes -= slot.size;
        freeData(slot);
    }
    m_completeEnd = end;
    while (m_read != end && !m_slots.at(m_read).present)
        popFront();
}

void ReceiveQueue::freeData(Slot &slot)
{
    m_heldBytes -= slot.size;
    if (slot.data)
        m_pool->release(slot.data, slot.size);
    slot.data = nullptr;
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

void ReceiveQueue::releaseIfEmpty()
{
    if (m_read == m_end)
        m_slots.releaseIfLarge();
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
    advance();
    releaseIfEmpty();
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
    advance();
    releaseIfEmpty();
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
    std::size_t size = 0;
    for (std::uint32_t sn = m_read; sn != m_completeEnd; ++sn) {
        const Slot &slot = m_slots.at(sn);
        if (!slot.present)
            continue; // of a broken message
        size += slot.size;
        if (slot.fragment == 0)
            return size;
    }
    return std::nullopt;
}

std::optional<std::size_t> ReceiveQueue::receiveMessage(MutableBytes buffer)
{
    const std::optional<std::size_t> size = nextMessageSize();
    if (!size || *size > buffer.size())
        return std::nullopt;
    std::size_t done = 0;
    for (bool last = false; !last;) {
        const Slot &slot = m_slots.at(m_read);
        if (slot.present) {
            if (slot.size > 0)
                std::memcpy(buffer.data() + done, slot.data, slot.size);
            done += slot.size;
            last = slot.fragment == 0;
        }
        popFront();
    }
    m_readableBytes -= done;
    m_completeBytes -= done;
    while (m_read != m_completeEnd && !m_slots.at(m_read).present)
        popFront();
    advance();
    releaseIfEmpty();
    return size;
}

} // namespace kcp
