// SPDX-License-Identifier: MIT
// The reader, the writer and the segment parser against plain models of them.
#include "fuzzinput.h"

#include <kcp/bytes.h>
#include <kcp/time.h>
#include <kcp/wire.h>

#include <memory>

using namespace kcpfuzz;

namespace {

std::uint64_t littleEndian(ByteView bytes)
{
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        value = (value << 8U) | bytes[i];
    return value;
}

// A script of read calls, one byte each, on the given bytes.
void checkReader(FuzzInput &script, ByteView bytes)
{
    kcp::Reader reader(bytes);
    ByteView rest = bytes;
    bool ok = true;
    for (int calls = script.below(32); calls > 0; --calls) {
        const std::uint8_t call = script.u8();
        const std::size_t size = (call & 0x80U) ? call & 0x7fU : std::size_t(1) << (call & 3U);
        ok = ok && rest.size() >= size;
        const ByteView expected = ok ? rest.first(size) : ByteView();
        rest = ok ? rest.subspan(size) : ByteView();
        if (call & 0x80U) {
            FUZZ_CHECK(isEqual(reader.bytes(size), expected));
        } else {
            const std::uint64_t value = size == 1 ? reader.u8()
                    : size == 2                   ? reader.u16()
                    : size == 4                   ? reader.u32()
                                                  : reader.u64();
            FUZZ_CHECK(value == littleEndian(expected));
        }
        FUZZ_CHECK(reader.ok() == ok);
        FUZZ_CHECK(reader.remaining() == rest.size());
        FUZZ_CHECK(isEqual(reader.rest(), rest));
    }
}

void checkWriter(FuzzInput &script)
{
    const std::size_t capacity = script.below(128);
    // Exactly so large, so that an overrun of one byte is seen.
    const auto buffer = std::make_unique<std::uint8_t[]>(capacity);
    kcp::Writer writer({ buffer.get(), capacity });
    Bytes expected;
    bool ok = true;
    for (int calls = script.below(32); calls > 0; --calls) {
        const std::uint8_t call = script.u8();
        Bytes part;
        if (call & 0x80U) {
            part = (call & 0x40U) ? script.bytes(call & 0x3fU) : Bytes(call & 0x3fU);
            (call & 0x40U) ? writer.bytes(part) : writer.zeros(part.size());
        } else {
            const std::size_t size = std::size_t(1) << (call & 3U);
            part = script.bytes(size);
            part.resize(size);
            const std::uint64_t value = littleEndian(part);
            size == 1           ? writer.u8(static_cast<std::uint8_t>(value))
                    : size == 2 ? writer.u16(static_cast<std::uint16_t>(value))
                    : size == 4 ? writer.u32(static_cast<std::uint32_t>(value))
                                : writer.u64(value);
        }
        ok = ok && expected.size() + part.size() <= capacity;
        if (ok)
            expected.insert(expected.end(), part.begin(), part.end());
        FUZZ_CHECK(writer.ok() == ok);
        FUZZ_CHECK(writer.size() == expected.size());
        FUZZ_CHECK(writer.remaining() == capacity - expected.size());
    }
    FUZZ_CHECK(isEqual({ buffer.get(), expected.size() }, expected));
}

kcp::ParseError expectedError(std::uint32_t conv, ByteView rest)
{
    if (rest.size() < 24)
        return kcp::ParseError::End;
    if (littleEndian(rest.first(4)) != conv)
        return kcp::ParseError::WrongConversation;
    if (littleEndian(rest.subspan(20, 4)) > rest.size() - 24)
        return kcp::ParseError::BadLength;
    return rest[4] < 81 || rest[4] > 84 ? kcp::ParseError::BadCommand : kcp::ParseError::None;
}

// Every segment, written again, gives the bytes it was read from.
void checkSegments(std::uint32_t conv, ByteView datagram)
{
    ByteView rest = datagram;
    for (;;) {
        const ByteView before = rest;
        const kcp::ParseError expected = expectedError(conv, before);
        kcp::SegmentView segment;
        FUZZ_CHECK(kcp::parseSegment(conv, rest, segment) == expected);
        if (expected != kcp::ParseError::None) {
            FUZZ_CHECK(rest.data() == before.data() && rest.size() == before.size());
            return;
        }
        const std::size_t size = 24 + segment.data.size();
        FUZZ_CHECK(rest.data() == before.data() + size && rest.size() == before.size() - size);
        FUZZ_CHECK(segment.data.data() == before.data() + 24);
        FUZZ_CHECK(segment.header.conv == conv);
        std::array<std::uint8_t, 24> header;
        kcp::writeHeader(header.data(), segment.header,
                         static_cast<std::uint32_t>(segment.data.size()));
        FUZZ_CHECK(isEqual(header, before.first(24)));
    }
}

void checkDatagram(FuzzInput &input)
{
    const std::uint8_t repairs = input.u8();
    Bytes datagram = input.rest();
    // Most random bytes would fail the first check: a plausible start is given to some.
    if ((repairs & 1U) && datagram.size() >= 24)
        datagram[4] = static_cast<std::uint8_t>(81 + (repairs >> 1U) % 4);
    if ((repairs & 8U) && datagram.size() >= 24)
        std::fill_n(datagram.begin() + 21, 3, std::uint8_t(0));
    const std::optional<std::uint32_t> conv = kcp::peekConversation(datagram);
    FUZZ_CHECK(conv.has_value() == (datagram.size() >= 24));
    const bool starts = conv && expectedError(*conv, datagram) == kcp::ParseError::None;
    FUZZ_CHECK(kcp::startsWithSegment(datagram) == starts);
    checkSegments(conv.value_or(0), datagram);
    checkSegments(0x01020304, datagram);
}

void checkSerial(std::uint32_t a, std::uint32_t b)
{
    FUZZ_CHECK(!(kcp::serialLess(a, b) && kcp::serialLess(b, a)) || a - b == 0x80000000U);
    FUZZ_CHECK(b + static_cast<std::uint32_t>(kcp::serialDistance(a, b)) == a);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    FuzzInput input(data, size);
    const std::uint8_t part = input.u8() & 3U;
    if (part == 0) {
        const Bytes bytes = input.bytes(input.below(256));
        checkReader(input, bytes);
    } else if (part == 1) {
        checkWriter(input);
    } else {
        const std::uint32_t a = input.u32();
        checkSerial(a, input.u32());
        checkDatagram(input);
    }
    return 0;
}
