// SPDX-License-Identifier: MIT
// Messages inside the reliable stream of a native session: the length as unsigned LEB128 (at most
// 5 bytes, shortest form), then the message. Small messages share segments, and a large one is not
// limited by the number of fragments KCP can count.
#ifndef KCPNET_SESSION_MESSAGEFRAMER_H
#define KCPNET_SESSION_MESSAGEFRAMER_H

#include "ringqueue.h"

#include <kcp/engine.h>

#include <array>
#include <optional>
#include <vector>

namespace kcpnet {

class MessageFramer
{
public:
    static constexpr std::size_t MaximumPrefix = 5; // bytes: 7 bits each hold 32
    // What a complete message counts beyond its bytes, so that empty ones are bounded as well.
    static constexpr std::size_t Overhead = 64;

    // The most bytes of a message that is accepted, and of complete unread messages that are taken
    // from the stream; the first message is never held back.
    MessageFramer(std::size_t maximumSize, std::size_t unreadLimit);

    void setUnreadLimit(std::size_t bytes) { m_unreadLimit = bytes; }

    static std::size_t writePrefix(std::uint32_t size, kcp::MutableBytes buffer);

    // Moves what has arrived from the stream into messages. False when the peer broke the rules:
    // a length above the limit, or one that is not in its shortest form.
    bool pump(kcp::Engine &engine);

    bool hasMessage() const { return !m_complete.isEmpty(); }
    std::optional<std::size_t> nextSize() const;
    std::size_t unreadBytes() const { return m_unreadBytes; }
    std::size_t count() const { return m_complete.size(); }
    bool take(std::vector<std::uint8_t> &message);
    void clear();
    // Gives memory back that is not in use.
    void trim();

private:
    enum class Prefix { Complete, Incomplete, Invalid };

    Prefix readPrefix(kcp::Engine &engine);
    bool isFull() const;

    std::size_t m_maximumSize;
    std::size_t m_unreadLimit;
    RingQueue<std::vector<std::uint8_t>> m_complete;
    std::size_t m_unreadBytes = 0; // of complete messages
    std::vector<std::uint8_t> m_partial; // grows with what arrives, not with what is announced
    std::size_t m_missing = 0; // bytes of m_partial's message still to come
    std::uint64_t m_length = 0; // of the next message, as far as its prefix has come
    std::size_t m_lengthBytes = 0; // that have come
    bool m_inMessage = false;
    bool m_broken = false; // a rule was broken: nothing behind it can be understood
};

} // namespace kcpnet

#endif // KCPNET_SESSION_MESSAGEFRAMER_H
