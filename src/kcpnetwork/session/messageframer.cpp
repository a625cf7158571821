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

// Takes what is there of it: a part that stayed in the engine could close a small window for ever.
MessageFramer::Prefix MessageFramer::readPrefix(kcp::Engine &engine)
{
    std::uint8_t byte = 0;
    while (engine.read({ &byte, 1 }) == 1) {
        m_length |= std::uint64_t(byte & 0x7fU) << (7 * m_lengthBytes++);
        if (byte & 0x80U) {
            if (m_lengthBytes == MaximumPrefix)
                return Prefix::Invalid;
            continue;
        }
        const bool longer = m_lengthBytes > 1 && byte == 0;
        if (longer || m_length > m_maximumSize)
            return Prefix::Invalid;
        m_missing = static_cast<std::size_t>(m_length);
        m_inMessage = true;
        m_length = 0;
        m_lengthBytes = 0;
        return Prefix::Complete;
    }
    return Prefix::Incomplete;
}

bool MessageFramer::isFull() const
{
    return !m_complete.isEmpty() && m_unreadBytes + m_complete.size() * Overhead >= m_unreadLimit;
}

bool MessageFramer::pump(kcp::Engine &engine)
{
    while (!m_broken && !isFull()) {
        if (!m_inMessage) {
            const Prefix prefix = readPrefix(engine);
            m_broken = prefix == Prefix::Invalid;
            if (prefix != Prefix::Complete)
                break;
        }
        // Reading makes room for what came early, so there may be more than there was.
        while (const std::size_t size = std::min(m_missing, engine.readableBytes())) {
            const std::size_t before = m_partial.size();
            m_partial.resize(before + size);
            engine.read(kcp::MutableBytes(m_partial).subspan(before));
            m_missing -= size;
        }
        if (m_missing > 0)
            break;
        m_unreadBytes += m_partial.size();
        m_complete.push(std::move(m_partial));
        m_partial.clear();
        m_inMessage = false;
    }
    return !m_broken;
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

void MessageFramer::trim()
{
    m_complete.trim();
    if (!m_inMessage)
        m_partial = {};
}

void MessageFramer::clear()
{
    m_complete = {};
    m_unreadBytes = 0;
}

} // namespace kcpnet
