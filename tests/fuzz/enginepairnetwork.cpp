// SPDX-License-Identifier: MIT
// What happens to datagrams on their way, and what others put among them.
#include "enginepairfuzz.h"

namespace kcpfuzz {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t MostFlood = 96U << 10U; // bytes in one go

void putU32(Bytes &bytes, std::uint32_t value)
{
    for (unsigned shift = 0; shift < 32; shift += 8)
        bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

struct Forged
{
    std::uint32_t conv = 0;
    std::uint8_t cmd = 81;
    std::uint8_t frg = 0;
    std::uint16_t wnd = 0;
    std::uint32_t ts = 0;
    std::uint32_t sn = 0;
    std::uint32_t una = 0;
    std::size_t length = 0;
};

void appendSegment(Bytes &datagram, const Forged &segment)
{
    putU32(datagram, segment.conv);
    datagram.push_back(segment.cmd);
    datagram.push_back(segment.frg);
    datagram.push_back(static_cast<std::uint8_t>(segment.wnd));
    datagram.push_back(static_cast<std::uint8_t>(segment.wnd >> 8U));
    putU32(datagram, segment.ts);
    putU32(datagram, segment.sn);
    putU32(datagram, segment.una);
    putU32(datagram, static_cast<std::uint32_t>(segment.length));
    datagram.resize(datagram.size() + segment.length, 0x5a);
}

} // namespace

void EnginePairFuzz::stepNetwork(Side &side, std::uint8_t what)
{
    switch (what) {
    case 14:
        return disturb(side);
    case 15:
        return replay(side);
    case 16:
        return corrupt(side);
    case 17:
        return forge(side);
    case 18:
        return flood(side);
    case 19:
        return forgeUna(side);
    case 20:
        return forgeConversation(side);
    default:
        return deliver(side);
    }
}

void EnginePairFuzz::deliver(Side &side)
{
    if (side.arriving.empty())
        return;
    const Bytes datagram = std::move(side.arriving.front());
    side.arriving.pop_front();
    handGenuine(side, datagram);
}

// Loss, duplication and reordering.
void EnginePairFuzz::disturb(Side &side)
{
    const std::uint8_t what = m_input.u8();
    if (side.arriving.empty())
        return;
    const auto at = side.arriving.begin()
            + static_cast<std::ptrdiff_t>((what >> 2U) % side.arriving.size());
    const Bytes datagram = *at;
    if ((what & 3U) != 1)
        side.arriving.erase(at);
    if ((what & 3U) == 1 || (what & 3U) == 2)
        side.arriving.push_back(datagram);
    else if ((what & 3U) == 3)
        side.arriving.push_front(datagram);
}

// The same datagram twice in a row: the second is no sign of life, unless the first found no room.
void EnginePairFuzz::replay(Side &side)
{
    if (side.arriving.empty())
        return;
    const Bytes datagram = std::move(side.arriving.front());
    side.arriving.pop_front();
    const std::uint64_t outOfWindow = side.engine->stats().outOfWindowIn;
    handGenuine(side, datagram);
    if (side.engine->stats().outOfWindowIn != outOfWindow)
        return;
    const kcp::Engine::Input again = hand(side, datagram);
    FUZZ_CHECK(!again.alive() && !again.receivedData && !again.acknowledged);
}

void EnginePairFuzz::corrupt(Side &side)
{
    if (side.arriving.empty())
        return;
    Bytes datagram = std::move(side.arriving.front());
    side.arriving.pop_front();
    const std::size_t position = m_input.u16() % datagram.size();
    const std::uint8_t mask = m_input.u8();
    datagram[position] ^= mask;
    if (mask == 0) {
        datagram.resize(position);
        datagram.shrink_to_fit();
    }
    if (mask == 0 || position >= 4) // else the conversation is another one
        m_forged = true;
    hand(side, datagram);
}

void EnginePairFuzz::forge(Side &side)
{
    m_forged = true;
    const Side &sender = other(side);
    Bytes datagram;
    for (int count = 1 + static_cast<int>(m_input.below(4)); count > 0; --count) {
        Forged segment;
        segment.conv = m_conv;
        segment.cmd = static_cast<std::uint8_t>(80 + m_input.below(6));
        segment.frg = m_input.u8();
        segment.wnd = m_input.u16();
        segment.ts = m_input.flag() ? m_input.u32() : side.timestamp + m_input.u8();
        segment.sn = m_input.flag()
                ? m_input.u32()
                : (segment.cmd == 82 ? side.nextSn : side.una) + m_input.u8() - 128U;
        segment.una = m_input.flag() ? m_input.u32() : sender.una + m_input.u8();
        segment.length = m_input.u8();
        appendSegment(datagram, segment);
    }
    datagram.resize(datagram.size() - m_input.below(2)); // a lie about the last length
    datagram.shrink_to_fit();
    hand(side, datagram);
}

// A run of equal segments, each for the next place: what fills queues.
void EnginePairFuzz::flood(Side &side)
{
    m_forged = true;
    Forged segment;
    segment.conv = m_conv;
    segment.cmd = static_cast<std::uint8_t>(81 + m_input.below(4));
    segment.frg = m_input.u8();
    segment.wnd = m_input.u16();
    segment.una = other(side).una;
    segment.length = m_input.u16() >> 2U;
    segment.sn = side.una + m_input.u8();
    const std::uint32_t step = m_input.below(4);
    std::uint32_t count = std::min<std::uint32_t>(
            16U * m_input.u8(), static_cast<std::uint32_t>(MostFlood / (24 + segment.length)));
    while (count > 0) {
        Bytes datagram;
        for (; count > 0 && datagram.size() + 24 + segment.length <= LargestSegment; --count) {
            appendSegment(datagram, segment);
            segment.sn += step;
        }
        datagram.shrink_to_fit();
        hand(side, datagram);
        checkBounds(side);
    }
}

// Nobody can have what was never sent: such a segment is dropped, and nothing happens.
void EnginePairFuzz::forgeUna(Side &side)
{
    Forged segment;
    segment.conv = m_conv;
    segment.cmd = static_cast<std::uint8_t>(81 + m_input.below(4));
    segment.frg = m_input.u8();
    segment.wnd = m_input.u16();
    segment.sn = side.una;
    segment.una = side.nextSn + 1 + (m_input.u32() & 0x3fffffffU);
    segment.length = m_input.u8();
    Bytes datagram;
    appendSegment(datagram, segment);
    datagram.shrink_to_fit();
    const kcp::Engine::Input input = hand(side, datagram);
    FUZZ_CHECK(input.segments == 0 && input.malformed && !input.alive());
}

void EnginePairFuzz::forgeConversation(Side &side)
{
    Bytes datagram = m_input.bytes(m_input.u8());
    if (datagram.size() >= 4)
        datagram[0] = static_cast<std::uint8_t>(~m_conv);
    const kcp::Engine::Input input = hand(side, datagram);
    FUZZ_CHECK(input.segments == 0 && !input.alive());
    FUZZ_CHECK(input.wrongConversation == (datagram.size() >= 24));
}

void EnginePairFuzz::passTime()
{
    const std::uint32_t amount = m_input.u16();
    switch (amount & 3U) {
    case 0:
        m_now += kcp::Duration(amount);
        break;
    case 1:
        m_now += std::chrono::milliseconds(amount >> 6U);
        break;
    case 2:
        m_now += std::chrono::milliseconds(amount);
        break;
    default: // up to 45 days, beyond half of what ts can tell apart
        m_now += std::chrono::minutes(amount);
    }
}

} // namespace kcpfuzz
