// SPDX-License-Identifier: MIT
// What the two applications do: write, read, change their minds; and what they may see.
#include "enginepairfuzz.h"

namespace kcpfuzz {

void EnginePairFuzz::stepApplication(Side &side, std::uint8_t what)
{
    switch (what) {
    case 3:
    case 4:
        return readSome(side);
    case 5:
        return readAll(side);
    case 6:
        return look(side);
    default:
        return send(side);
    }
}

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

} // namespace kcpfuzz
