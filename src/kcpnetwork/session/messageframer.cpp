// SPDX-License-Identifier: MIT
#include "messageframer.h"

#include <algorithm>

namespace kcpnet {

MessageFramer::MessageFramer(std::size_t maximumSize, std::size_t unreadLimit)
    : m_maximumSize(maximumSize), m_unreadLimit(unreadLimit)
{
}

std::size_t MessageFramer::writePrefix(std::uint32_t size, kcp::MutableBytes buffer)
{
    std::size_t count = 0;
    while (size >= 0x80) {
        buffer[count++] = static_cast<std::uint8_t>(size | 0x80);
        size >>= 7U;
    }
    buffer[count++] = static_cast<std::uint8_t>(size);
    return count;
}

MessageFramer::Prefix MessageFramer::readPrefix(kcp::Engine &engine)
{
    std::array<std::uint8_t, MaximumPrefix> bytes;
    const std::size_t available = engine.peek(0, bytes);
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < available; ++i) {
        size |= std::uint64_t(bytes[i] & 0x7fU) << (7 * i);
        if (bytes[i] & 0x80U)
            continue;
        const bool longer = i > 0 && bytes[i] == 0;
        if (longer || size > m_maximumSize)
            return Prefix::Invalid;
        engine.skip(i + 1);
        m_missing = static_cast<std::size_t>(size);
        m_inMessage = true;
        return Prefix::Complete;
    }
    return available == MaximumPrefix ? Prefix::Invalid : Prefix::Incomplete;
}

bool MessageFramer::isFull() const
{
    return !m_complete.isEmpty() && m_unreadBytes + m_complete.size() * Overhead >= m_unreadLimit;
}

bool MessageFramer::pump(kcp::Engine &engine)
{
    while (!isFull()) {
        if (!m_inMessage) {
            const Prefix prefix = readPrefix(engine);
            if (prefix != Prefix::Complete)
                return prefix == Prefix::Incomplete;
        }
        const std::size_t size = std::min(m_missing, engine.readableBytes());
        if (size > 0) {
            const std::size_t before = m_partial.size();
            m_partial.resize(before + size);
            engine.read(kcp::MutableBytes(m_partial).subspan(before));
            m_missing -= size;
        }
        if (m_missing > 0)
            return true;
        m_unreadBytes += m_partial.size();
        m_complete.push(std::move(m_partial));
        m_partial.clear();
        m_inMessage = false;
    }
    return true;
}

std::optional<std::size_t> MessageFramer::nextSize() const
{
    if (m_complete.isEmpty())
        return std::nullopt;
    return m_complete.front().size();
}

bool MessageFramer::take(std::vector<std::uint8_t> &message)
{
    if (m_complete.isEmpty())
        return false;
    message = m_complete.pop();
    m_unreadBytes -= message.size();
    return true;
}

void MessageFramer::clear()
{
    m_complete = {};
    m_unreadBytes = 0;
}

} // namespace kcpnet
