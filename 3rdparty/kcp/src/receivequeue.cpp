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
      m_fragmentMask(stream ? 0 : UINT32_MAX),
      m_stream(stream)
{
}

ReceiveQueue::~ReceiveQueue()
{
    for (std::uint32_t sn = m_read; sn != m_end; ++sn) {
        if (m_slots.at(sn).data)
            freeData(m_slots.at(sn));
    }
}

void ReceiveQueue::setLimits(std::uint32_t window, std::size_t bytes)
{
    const auto limit = static_cast<std::int64_t>(std::min<std::size_t>(bytes, INT64_MAX));
    m_room += limit - m_byteLimit;
    m_byteLimit = limit;
    m_window = window;
    updateStraight();
    advance();
}

void ReceiveQueue::setStream(bool stream)
{
    if (stream == m_stream)
        return;
    m_stream = stream;
    m_fragmentMask = stream ? 0 : UINT32_MAX;
    m_completeEnd = m_read;
    m_room = m_byteLimit;
    m_incompleteBytes = 0;
    // What is ready is looked at again, the other way.
    const std::uint32_t end = m_next;
    for (m_next = m_read; m_next != end; ++m_next)
        countReady(m_next, unreadSize(m_next), m_slots.at(m_next).fragment);
}

// What does not come in order, is there already, finds the window closed, or is a part or empty.
ReceiveQueue::Result ReceiveQueue::insertEarly(std::uint32_t sn, std::uint8_t fragment,
                                               ByteView data)
{
    const std::uint32_t distance = sn - m_next;
    if (distance >= m_window) [[unlikely]]
        return serialLess(sn, m_next) ? Result::Duplicate : Result::OutOfWindow;
    // What is ready and what came early have the same budget each; the next one in order may pass
    // it once, so that a peer with larger segments than ours cannot stall.
    const std::size_t earlyBytes = m_earlyBytes + data.size();
    const std::size_t held = distance == 0 ? closedBytes() : earlyBytes;
    if (held > static_cast<std::size_t>(m_byteLimit)) [[unlikely]]
        return Result::OutOfWindow;

    const std::uint32_t needed = sn - m_read + 1;
    if (needed > m_slots.capacity()) [[unlikely]]
        growSlots(needed);
    Slot &slot = m_slots.at(sn);
    if (slot.data) // outside of [read, end) there never is
        return Result::Duplicate;
    if (!serialLess(sn, m_end))
        m_end = sn + 1;
    m_earlyBytes = earlyBytes;
    ++m_earlySegments;
    std::uint8_t *bytes = store(slot, fragment, data.size());
    if (!data.empty()) [[likely]]
        std::memcpy(bytes, data.data(), data.size());
    if (distance == 0)
        advance();
    return Result::Stored;
}

void ReceiveQueue::growSlots(std::uint32_t needed)
{
    m_slots.grow(needed, m_read, m_end - m_read);
    for (std::uint32_t sn = m_end; sn != m_read + m_slots.capacity(); ++sn)
        m_slots.at(sn).data = nullptr;
    updateStraight();
}

void ReceiveQueue::updateStraight()
{
    m_straight = std::min(m_window, m_slots.capacity());
}

// Moves what has become gapless from the reorder window to the ready part.
void ReceiveQueue::advance()
{
    bool blocked = false;
    while (m_next != m_end) {
        advanceRun();
        if (m_next == m_end || !m_slots.at(m_next).data)
            break;
        blocked = closedSegments() >= m_window;
        if (blocked)
            break;
        const Slot &slot = m_slots.at(m_next);
        m_earlyBytes -= slot.size;
        --m_earlySegments;
        const std::uint32_t sn = m_next++;
        countReady(sn, slot.size, slot.fragment);
    }
    m_irregular = blocked || m_offset > 0 || m_brokenMessages > 0;
}

// As advance(), but only over what is a message of its own: counted in one go.
void ReceiveQueue::advanceRun()
{
    std::uint32_t sn = m_next;
    if (sn != m_completeEnd)
        return;
    const std::uint32_t end = m_read + std::min(m_end - m_read, m_window);
    std::size_t bytes = 0;
    for (; serialLess(sn, end); ++sn) {
        const Slot &slot = m_slots.at(sn);
        if (!slot.data || !standsAlone(slot.fragment) || slot.size == 0)
            break;
        bytes += slot.size;
    }
    m_earlyBytes -= bytes;
    m_earlySegments -= sn - m_next;
    m_room -= static_cast<std::int64_t>(bytes);
    m_next = m_completeEnd = sn;
}

// sn, the one before m_next, has become ready.
void ReceiveQueue::countReady(std::uint32_t sn, std::size_t size, std::uint32_t fragment)
{
    if (sn == m_completeEnd && standsAlone(fragment)) {
        m_room -= static_cast<std::int64_t>(size);
        m_completeEnd = sn + 1;
        if (size == 0 && sn == m_read && m_stream)
            popFront(); // an empty segment means nothing in a stream
    } else {
        m_incompleteBytes += size;
        endMessages(sn);
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
    std::size_t size = 0;
    for (std::uint32_t i = m_completeEnd; i != sn + 1; ++i)
        size += unreadSize(i);
    m_incompleteBytes -= size;
    m_room -= static_cast<std::int64_t>(size);
    m_completeEnd = sn + 1;
}

// The fragments from m_completeEnd to end do not continue with end: only a broken peer sends
// that. They are dropped; the slots stay until they are at the front.
void ReceiveQueue::dropBrokenMessage(std::uint32_t end)
{
    ++m_brokenMessages;
    m_irregular = true;
    for (std::uint32_t sn = m_completeEnd; sn != end; ++sn) {
        Slot &slot = m_slots.at(sn);
        m_incompleteBytes -= unreadSize(sn);
        freeData(slot);
    }
    m_completeEnd = end;
    while (m_read != end && !m_slots.at(m_read).data)
        popFront();
}

void ReceiveQueue::freeData(Slot &slot)
{
    if (slot.size > 0)
        m_pool->release(slot.data, slot.size);
    slot.size = 0;
    slot.data = nullptr;
}

void ReceiveQueue::popFront()
{
    Slot &slot = m_slots.at(m_read);
    if (slot.data)
        freeData(slot);
    ++m_read;
    m_offset = 0;
    if (serialLess(m_completeEnd, m_read))
        m_completeEnd = m_read;
}

void ReceiveQueue::trim()
{
    if (m_read == m_end) {
        m_slots.release();
        updateStraight();
    }
}

// So many bytes were taken from the front, which may be of a message that is not complete.
void ReceiveQueue::countTaken(std::size_t size)
{
    const std::size_t closed = std::min(closedBytes(), size);
    m_room += static_cast<std::int64_t>(closed);
    m_incompleteBytes -= size - closed;
    advance();
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
    countTaken(done);
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
    countTaken(done);
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
        if (slot.data && slot.fragment == 0)
            return unreadSize(m_read);
    }
    std::size_t size = 0;
    for (std::uint32_t sn = m_read; sn != m_completeEnd; ++sn) {
        const Slot &slot = m_slots.at(sn);
        if (!slot.data)
            continue; // of a broken message
        size += unreadSize(sn);
        if (slot.fragment == 0)
            return size;
    }
    return std::nullopt;
}

std::optional<std::size_t> ReceiveQueue::receiveFragments(MutableBytes buffer)
{
    const std::optional<std::size_t> size = nextMessageSize();
    if (!size || *size > buffer.size())
        return std::nullopt;
    std::size_t done = 0;
    for (bool last = false; !last;) {
        const Slot &slot = m_slots.at(m_read);
        if (slot.data) {
            const std::size_t part = unreadSize(m_read);
            if (part > 0)
                std::memcpy(buffer.data() + done, slot.data + m_offset, part);
            done += part;
            last = slot.fragment == 0;
        }
        popFront();
    }
    m_room += static_cast<std::int64_t>(done);
    while (m_read != m_completeEnd && !m_slots.at(m_read).data)
        popFront(); // of a broken message
    advance();
    return size;
}

} // namespace kcp
