// SPDX-License-Identifier: MIT
#include "enginepairfuzz.h"

namespace kcpfuzz {

using namespace std::chrono_literals;

namespace {

std::uint32_t u32At(ByteView bytes, std::size_t offset)
{
    return bytes[offset] | static_cast<std::uint32_t>(bytes[offset + 1]) << 8U
            | static_cast<std::uint32_t>(bytes[offset + 2]) << 16U
            | static_cast<std::uint32_t>(bytes[offset + 3]) << 24U;
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
    const std::uint8_t what = op & 0x1fU;
    if (what <= 6)
        stepApplication(side, what);
    else if (what >= 11 && what <= 20)
        stepNetwork(side, what);
    else
        stepCaller(side, what);
    checkBounds(m_sides[0]);
    checkBounds(m_sides[1]);
}

// Whoever drives the engine.
void EnginePairFuzz::stepCaller(Side &side, std::uint8_t what)
{
    switch (what) {
    case 7:
    case 8:
        return service(side);
    case 9:
        return transmitAll(side);
    case 10:
        transmitOne(side, m_input.u16());
        return;
    case 21:
    case 22:
        return passTime();
    case 23:
        return reconfigure(side);
    case 24:
        return reconfigureTimes(side);
    case 25:
        return side.engine->requestProbe();
    case 26:
        return side.engine->requestWindowTell();
    case 27:
        return side.engine->trim();
    default: // what it does in each turn
        while (!side.arriving.empty())
            deliver(side);
        service(side);
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
