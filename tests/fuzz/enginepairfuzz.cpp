// SPDX-License-Identifier: MIT
#include "enginepairfuzz.h"

#include <cstring>

namespace kcpfuzz {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t MostOnTheWay = 64; // datagrams to one side; the oldest are lost
constexpr std::uint64_t MostBytes = 20U << 10U; // sent by one side in a run
constexpr std::size_t MostFlood = 96U << 10U; // bytes in one go
constexpr std::size_t LargestSegment = kcp::MaximumDatagramSize;
constexpr std::size_t MostFragments = 256; // that frg can announce

// The byte at a position of what one side sends.
std::uint8_t contentAt(int side, std::uint64_t position)
{
    const std::uint64_t mixed = (position + 1) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::uint8_t>((mixed >> 56U) + static_cast<std::uint64_t>(side));
}

Bytes exactly(std::size_t size)
{
    Bytes bytes(size);
    bytes.shrink_to_fit();
    return bytes;
}

std::uint32_t u32At(ByteView bytes, std::size_t offset)
{
    return bytes[offset] | static_cast<std::uint32_t>(bytes[offset + 1]) << 8U
            | static_cast<std::uint32_t>(bytes[offset + 2]) << 16U
            | static_cast<std::uint32_t>(bytes[offset + 3]) << 24U;
}

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

// --- the beginning --------------------------------------------------------------------------

EnginePairFuzz::EnginePairFuzz(FuzzInput &input)
    : m_input(input), m_buffer(kcp::MaximumDatagramSize)
{
    // Milliseconds around the wraps of ts and of its sign.
    constexpr std::int64_t Origins[] = { 0, 0xffffffffLL - 500, 0x7fffffffLL - 500, 1LL << 40U };
    m_now = kcp::instantFromMicroseconds(m_input.oneOf(Origins) * 1000 + m_input.below(1000));
    m_conv = m_input.u8() * 0x01010101U;
    constexpr std::uint32_t Serials[] = { 0, 0xfffffff0U, 0x7ffffff0U, 0xffffffffU };
    const std::uint32_t serials[] = { m_input.oneOf(Serials), m_input.oneOf(Serials) };
    const std::uint8_t choices = m_input.u8();
    for (std::size_t i = 0; i < 2; ++i) {
        Side &side = m_sides[i];
        kcp::Config config = takeConfig(m_conv);
        config.initialSendSn = serials[i];
        config.initialReceiveSn = serials[1 - i];
        const std::uint8_t content = (choices >> (2 * i)) & 3U;
        side.content = content == 3 ? Content::Stream : static_cast<Content>(content);
        m_sides[1 - i].una = config.initialSendSn;
        side.nextSn = config.initialSendSn;
        side.sendWindow = config.sendWindow;
        side.receiveWindow = config.receiveWindow;
        side.mss = config.mtu - 24;
        FUZZ_CHECK(config.invalidField() == nullptr);
        side.engine = std::make_unique<kcp::Engine>(config, (choices & 16U) ? &m_pool : nullptr);
    }
    for (Side &side : m_sides) {
        side.engine->setStream(other(side).content != Content::Messages);
        side.engine->setSendStream(side.content != Content::Messages);
    }
}

kcp::Config EnginePairFuzz::takeConfig(std::uint32_t conv)
{
    kcp::Config config;
    config.conv = conv;
    const std::uint8_t bits = m_input.u8();
    config.nodelay = bits % 3;
    config.acksAreDelayed = (bits & 16U) != 0;
    config.congestionControl =
            m_input.oneOf({ kcp::CongestionControl::Off, kcp::CongestionControl::Classic,
                            kcp::CongestionControl::Cubic });
    config.fastResend = m_input.below(4);
    config.fastLimit = m_input.below(7);
    config.interval = m_input.oneOf<kcp::Duration>({ 1ms, 10ms, 100ms, 5000ms });
    config.mtu = m_input.oneOf<std::uint32_t>({ 50, 51, 100, 576, 1400, 65507 });
    config.sendWindow = m_input.oneOf<std::uint32_t>({ 1, 2, 8, 32, 1024, 65535 });
    config.receiveWindow = m_input.oneOf<std::uint32_t>({ 1, 2, 8, 128, 1024, 65535 });
    config.maximumFragments = m_input.oneOf<std::uint32_t>({ 127, 1, 2, 255 });
    return config;
}

void EnginePairFuzz::run()
{
    while (!m_input.isEmpty())
        step();
    drain();
}

void EnginePairFuzz::step()
{
    const std::uint8_t op = m_input.u8();
    Side &side = m_sides[op >> 7U];
    switch (op & 0x1fU) {
    case 0:
    case 1:
    case 2:
        send(side);
        break;
    case 3:
    case 4:
        readSome(side);
        break;
    case 5:
        readAll(side);
        break;
    case 6:
        look(side);
        break;
    case 7:
    case 8:
        service(side);
        break;
    case 9:
        transmitAll(side);
        break;
    case 10:
        transmitOne(side, m_input.u16());
        break;
    case 11:
    case 12:
    case 13:
        deliver(side);
        break;
    case 14:
        disturb(side);
        break;
    case 15:
        replay(side);
        break;
    case 16:
        corrupt(side);
        break;
    case 17:
        forge(side);
        break;
    case 18:
        flood(side);
        break;
    case 19:
        forgeUna(side);
        break;
    case 20:
        forgeConversation(side);
        break;
    case 21:
    case 22:
        passTime();
        break;
    case 23:
        reconfigure(side);
        break;
    case 24:
        reconfigureTimes(side);
        break;
    case 25:
        side.engine->requestProbe();
        break;
    case 26:
        side.engine->requestWindowTell();
        break;
    case 27:
        side.engine->trim();
        break;
    default: // what a caller does in each turn
        while (!side.arriving.empty())
            deliver(side);
        service(side);
    }
    checkBounds(m_sides[0]);
    checkBounds(m_sides[1]);
}

// --- what the application does --------------------------------------------------------------

void EnginePairFuzz::send(Side &side)
{
    std::size_t size = m_input.u8();
    if (size >= 250) // some large ones
        size = m_input.u16();
    if (side.sent + size > MostBytes)
        return;
    Bytes data = exactly(size);
    const int index = static_cast<int>(&side - m_sides.data());
    for (std::size_t i = 0; i < size; ++i)
        data[i] = contentAt(index, side.sent + i);
    const kcp::Engine &engine = *side.engine;
    const std::size_t waiting = engine.unsentBytes();
    const bool taken = side.engine->send(data);
    FUZZ_CHECK(taken || !engine.config().stream);
    FUZZ_CHECK(engine.unsentBytes() == waiting + (taken ? size : 0));
    if (!taken) {
        FUZZ_CHECK(size > std::size_t(engine.mss()) * engine.config().maximumFragments);
        return;
    }
    side.sent += size;
    if (side.content == Content::Messages)
        side.messages.push_back(size);
}

void EnginePairFuzz::readSome(Side &side)
{
    const std::size_t size = m_input.u8();
    if (other(side).content == Content::Messages && !m_forged)
        readMessage(side, size < 128 ? size : LargestSegment);
    else if (other(side).content == Content::Mixed && (size & 1U))
        readMixed(side);
    else
        readBytes(side, size < 128 ? size : size * 64);
}

// Segments of a stream look like messages; what read() has begun to take goes on here.
void EnginePairFuzz::readMixed(Side &side)
{
    kcp::Engine &engine = *side.engine;
    const std::optional<std::size_t> size = engine.nextMessageSize();
    if (!size)
        return;
    Bytes buffer = exactly(*size);
    FUZZ_CHECK(engine.receiveMessage(buffer) == size);
    checkContent(side, buffer);
}

void EnginePairFuzz::readAll(Side &side)
{
    if (other(side).content == Content::Messages) {
        while (readMessage(side, MostBytes + MostFragments * LargestSegment)) { }
        FUZZ_CHECK(!side.engine->isReadable());
    } else {
        // What came early moves up behind what is read.
        while (side.engine->readableBytes() > 0)
            readBytes(side, side.engine->readableBytes());
    }
}

bool EnginePairFuzz::readMessage(Side &side, std::size_t room)
{
    kcp::Engine &engine = *side.engine;
    const std::optional<std::size_t> size = engine.nextMessageSize();
    FUZZ_CHECK(size.has_value() == engine.isReadable());
    Bytes buffer = exactly(std::min(room, size.value_or(0)));
    const std::optional<std::size_t> taken = engine.receiveMessage(buffer);
    if (!size || *size > room) {
        FUZZ_CHECK(!taken);
        return false;
    }
    FUZZ_CHECK(taken == size);
    if (m_forged)
        return true;
    Side &sender = other(side);
    FUZZ_CHECK(!sender.messages.empty());
    FUZZ_CHECK(sender.messages.front() == *size);
    sender.messages.pop_front();
    checkContent(side, buffer);
    return true;
}

void EnginePairFuzz::readBytes(Side &side, std::size_t size)
{
    kcp::Engine &engine = *side.engine;
    const std::size_t readable = engine.readableBytes();
    Bytes buffer = exactly(size);
    const std::size_t done = engine.read(buffer);
    FUZZ_CHECK(done == std::min(size, readable));
    checkContent(side, ByteView(buffer).first(done));
}

// What was read is what comes next of what was sent.
void EnginePairFuzz::checkContent(Side &side, ByteView bytes)
{
    if (m_forged)
        return;
    const Side &sender = other(side);
    FUZZ_CHECK(side.read + bytes.size() <= sender.sent);
    const int index = static_cast<int>(&sender - m_sides.data());
    for (std::size_t i = 0; i < bytes.size(); ++i)
        FUZZ_CHECK(bytes[i] == contentAt(index, side.read + i));
    side.read += bytes.size();
}

// peek() and findByte() see what read() would give.
void EnginePairFuzz::look(const Side &side)
{
    const kcp::Engine &engine = *side.engine;
    const std::size_t readable = engine.readableBytes();
    Bytes whole = exactly(readable);
    FUZZ_CHECK(engine.peek(0, whole) == readable);
    const std::size_t offset = m_input.u8();
    const std::size_t size = m_input.u8();
    Bytes part = exactly(size);
    const std::size_t done = engine.peek(offset, part);
    const std::size_t expected = offset < readable ? std::min(size, readable - offset) : 0;
    FUZZ_CHECK(done == expected);
    FUZZ_CHECK(done == 0
               || isEqual(ByteView(part).first(done), ByteView(whole).subspan(offset, done)));

    const std::size_t limit = std::min<std::size_t>(m_input.u16(), readable);
    const std::uint8_t byte = m_input.u8();
    const auto end = whole.begin() + static_cast<std::ptrdiff_t>(limit);
    const auto hit = std::find(whole.begin(), end, byte);
    const std::optional<std::size_t> found = engine.findByte(byte, limit);
    FUZZ_CHECK(found.has_value() == (hit != end));
    FUZZ_CHECK(!found || *found == static_cast<std::size_t>(hit - whole.begin()) + 1);
}

void EnginePairFuzz::reconfigure(Side &side)
{
    kcp::Engine &engine = *side.engine;
    const std::uint8_t what = m_input.u8();
    switch (what & 7U) {
    case 0: {
        const std::uint32_t mtu = m_input.u16();
        FUZZ_CHECK(engine.setMtu(mtu) == (mtu >= 50 && mtu <= 65507));
        side.mss = std::max(side.mss, engine.mss());
        break;
    }
    case 1: {
        const std::uint32_t window = m_input.u16();
        FUZZ_CHECK(engine.setSendWindow(window) == (window > 0));
        side.sendWindow = std::max(side.sendWindow, window);
        break;
    }
    case 2: {
        const std::uint32_t window = m_input.u16();
        FUZZ_CHECK(engine.setReceiveWindow(window) == (window > 0));
        side.receiveWindow = std::max(side.receiveWindow, window);
        break;
    }
    case 3:
        engine.setReceiveLimit(m_input.u16());
        break;
    case 4:
        if (side.content == Content::Mixed)
            engine.setSendStream((what & 8U) != 0);
        break;
    case 5:
        if (other(side).content == Content::Mixed) {
            const bool sends = engine.config().stream;
            engine.setStream((what & 8U) != 0);
            engine.setSendStream(sends);
        }
        break;
    case 6:
        engine.setCongestionControl(
                m_input.oneOf({ kcp::CongestionControl::Off, kcp::CongestionControl::Classic,
                                kcp::CongestionControl::Cubic }));
        break;
    default:
        engine.setAcksAreDelayed((what & 8U) != 0);
    }
}

void EnginePairFuzz::reconfigureTimes(Side &side)
{
    kcp::Engine &engine = *side.engine;
    const std::uint8_t what = m_input.u8();
    switch (what & 7U) {
    case 0:
        engine.setNoDelay(what >> 5U);
        break;
    case 1:
        engine.setInterval(std::chrono::milliseconds(m_input.u16()));
        break;
    case 2:
        engine.setFastResend(what >> 3U);
        break;
    case 3:
        engine.setFastLimit(what >> 3U);
        break;
    case 4:
        engine.setMinimumRto(std::chrono::milliseconds(m_input.u16()));
        break;
    default:
        engine.setDeadLink(what >> 3U, std::chrono::milliseconds(m_input.u16()));
    }
}

// --- what the network does ------------------------------------------------------------------

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

// --- the engines ----------------------------------------------------------------------------

kcp::Engine::Input EnginePairFuzz::hand(Side &side, const Bytes &datagram)
{
    return side.engine->handleDatagram(m_now, datagram);
}

void EnginePairFuzz::handGenuine(Side &side, const Bytes &datagram)
{
    const kcp::Engine::Input input = hand(side, datagram);
    if (!m_forged)
        FUZZ_CHECK(input.segments > 0 && !input.malformed && !input.wrongConversation);
}

bool EnginePairFuzz::transmitOne(Side &side, std::size_t bufferSize)
{
    kcp::Engine &engine = *side.engine;
    const std::uint32_t flight = engine.unacknowledgedSegments();
    const std::size_t largest = engine.maximumTransmitSize();
    // At the end of the memory, so that an overrun is seen.
    bufferSize = std::min(bufferSize, m_buffer.size());
    const kcp::MutableBytes buffer = kcp::MutableBytes(m_buffer).last(bufferSize);
    const std::size_t size = engine.pollTransmit(m_now, buffer);
    FUZZ_CHECK(size <= std::min(bufferSize, largest));
    FUZZ_CHECK(engine.unacknowledgedSegments() <= std::max(flight, engine.config().sendWindow));
    if (size == 0)
        return false;
    noteWire(side, buffer.first(size));
    std::deque<Bytes> &arriving = other(side).arriving;
    arriving.emplace_back(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
    if (arriving.size() > MostOnTheWay && !m_clean)
        arriving.pop_front();
    return true;
}

void EnginePairFuzz::transmitAll(Side &side)
{
    // A datagram has one segment at least, and each leaves once.
    std::size_t bound = side.engine->waitingSegments() + 3 * std::size_t(side.receiveWindow) + 512;
    while (transmitOne(side, side.engine->maximumTransmitSize()))
        FUZZ_CHECK(bound-- > 0);
}

// What a caller does when its timer fires. Afterwards nothing may be due, or it would spin.
void EnginePairFuzz::service(Side &side)
{
    side.engine->handleTimeout(m_now);
    transmitAll(side);
    FUZZ_CHECK(side.engine->pollTimeout() > m_now);
}

// A datagram is a run of complete segments of this conversation, within the MTU unless a segment
// that was cut for a larger one has it for itself.
void EnginePairFuzz::noteWire(Side &side, ByteView datagram)
{
    std::size_t segments = 0;
    for (ByteView rest = datagram; !rest.empty(); ++segments) {
        FUZZ_CHECK(rest.size() >= 24);
        FUZZ_CHECK(u32At(rest, 0) == m_conv);
        FUZZ_CHECK(rest[4] >= 81 && rest[4] <= 84);
        const std::uint32_t sn = u32At(rest, 12);
        const std::uint32_t length = u32At(rest, 20);
        FUZZ_CHECK(length <= rest.size() - 24 && (rest[4] == 81 || length == 0));
        side.timestamp = u32At(rest, 8);
        side.una = u32At(rest, 16);
        FUZZ_CHECK(side.timestamp == kcp::wireTime(m_now) || rest[4] != 81);
        if (rest[4] == 81 && !kcp::serialLess(sn, side.nextSn)) {
            FUZZ_CHECK(sn == side.nextSn);
            ++side.nextSn;
        }
        rest = rest.subspan(24 + length);
    }
    FUZZ_CHECK(datagram.size() <= side.engine->config().mtu || segments == 1);
}

void EnginePairFuzz::checkBounds(const Side &side) const
{
    const kcp::Engine &engine = *side.engine;
    FUZZ_CHECK(engine.unacknowledgedSegments() <= side.sendWindow);
    FUZZ_CHECK(engine.advertisedWindow() <= engine.config().receiveWindow);
    FUZZ_CHECK(engine.isSendIdle() == (engine.unsentBytes() == 0 && engine.waitingSegments() == 0));
    // Ready and early part have a budget each, which one segment may pass; a message that is not
    // complete is bounded by what frg can say.
    const std::size_t budget = std::size_t(side.receiveWindow) * std::max(side.mss, 1400U);
    FUZZ_CHECK(engine.heldBytes() <= 2 * budget + (2 + MostFragments) * LargestSegment);
    FUZZ_CHECK(engine.pendingAcks() <= 2 * std::size_t(side.receiveWindow) + 1024);
}

// --- the end --------------------------------------------------------------------------------

bool EnginePairFuzz::isDone() const
{
    for (const Side &side : m_sides) {
        if (!side.engine->isSendIdle() || !side.arriving.empty())
            return false;
    }
    return true;
}

// The link is clean and the readers read: everything arrives.
void EnginePairFuzz::drain()
{
    // At 26 bytes a segment and one segment a round trip; the rest is for timeouts.
    constexpr int MostRounds = 20000;
    m_clean = true;
    for (int round = 0; !isDone(); ++round) {
        if (round == (m_forged ? 50 : MostRounds)) {
            FUZZ_CHECK(m_forged);
            return;
        }
        bool moved = false;
        for (Side &side : m_sides) {
            moved = moved || !side.arriving.empty();
            while (!side.arriving.empty())
                deliver(side);
            readAll(side);
            service(side);
            checkBounds(side);
        }
        if (moved || isDone())
            continue;
        const kcp::Instant next =
                std::min(m_sides[0].engine->pollTimeout(), m_sides[1].engine->pollTimeout());
        const bool arrives = !m_sides[0].arriving.empty() || !m_sides[1].arriving.empty();
        FUZZ_CHECK(arrives || next != kcp::Never || m_forged);
        if (!arrives && next == kcp::Never)
            return;
        m_now = arrives ? m_now + 5ms : next;
    }
    if (m_forged)
        return;
    for (Side &side : m_sides) {
        readAll(side);
        FUZZ_CHECK(side.read == other(side).sent);
        FUZZ_CHECK(other(side).messages.empty());
        FUZZ_CHECK(side.engine->unacknowledgedBytes() == 0 && side.engine->heldBytes() == 0);
    }
}

} // namespace kcpfuzz
