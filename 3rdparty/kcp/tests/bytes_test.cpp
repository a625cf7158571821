// SPDX-License-Identifier: MIT
#include <kcp/bytes.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <vector>

using namespace kcp;

TEST_SUITE_BEGIN("bytes");

TEST_CASE("integers are little-endian, at any alignment")
{
    std::array<std::uint8_t, 16> buffer{};
    storeLittleEndian<std::uint32_t>(buffer.data() + 1, 0x01020304U);
    CHECK(buffer == std::array<std::uint8_t, 16>{ 0, 4, 3, 2, 1 });
    CHECK(loadLittleEndian<std::uint32_t>(buffer.data() + 1) == 0x01020304U);

    storeLittleEndian<std::uint64_t>(buffer.data() + 3, 0xfedcba9876543210ULL);
    CHECK(buffer[3] == 0x10);
    CHECK(buffer[10] == 0xfe);
    CHECK(loadLittleEndian<std::uint64_t>(buffer.data() + 3) == 0xfedcba9876543210ULL);
    CHECK(loadLittleEndian<std::uint16_t>(buffer.data() + 9) == 0xfedcU);
}

TEST_CASE("a Reader returns what a Writer wrote")
{
    std::vector<std::uint8_t> buffer(32, 0xee);
    const std::array<std::uint8_t, 3> text{ 'a', 'b', 'c' };
    Writer writer(buffer);
    writer.u8(0xab);
    writer.u16(0x1234);
    writer.u32(0x89abcdef);
    writer.u64(0x0123456789abcdefULL);
    writer.bytes(text);
    writer.bytes({});
    writer.zeros(2);
    CHECK(writer.ok());
    CHECK(writer.size() == 20);
    CHECK(writer.remaining() == 12);
    CHECK(buffer[20] == 0xee);

    Reader reader(ByteView(buffer).first(writer.size()));
    CHECK(reader.u8() == 0xab);
    CHECK(reader.u16() == 0x1234);
    CHECK(reader.u32() == 0x89abcdef);
    CHECK(reader.u64() == 0x0123456789abcdefULL);
    CHECK(std::ranges::equal(reader.bytes(3), text));
    CHECK(reader.remaining() == 2);
    CHECK(reader.u16() == 0);
    CHECK(reader.ok());
    CHECK(reader.rest().empty());
}

TEST_CASE("a read beyond the end spoils the reader for good")
{
    const std::vector<std::uint8_t> buffer{ 1, 2, 3, 4, 5 };
    Reader reader(buffer);
    CHECK(reader.u32() == 0x04030201U);
    CHECK(reader.u16() == 0);
    CHECK(!reader.ok());
    CHECK(reader.u8() == 0); // the fifth byte is there, but it is too late
    CHECK(reader.bytes(0).empty());
    CHECK(reader.remaining() == 0);

    Reader views(buffer);
    CHECK(views.bytes(6).empty());
    CHECK(!views.ok());
    Reader huge(buffer);
    CHECK(huge.bytes(SIZE_MAX).empty());
    CHECK(!huge.ok());
}

TEST_CASE("a write that does not fit writes nothing, and nothing comes after it")
{
    std::vector<std::uint8_t> buffer(5, 0xee);
    Writer writer(buffer);
    writer.u32(0);
    writer.u16(0xffff);
    CHECK(!writer.ok());
    writer.u8(7);
    writer.zeros(1);
    writer.bytes(ByteView(buffer).first(1));
    CHECK(!writer.ok());
    CHECK(writer.size() == 4);
    CHECK(buffer[4] == 0xee);
}

TEST_SUITE_END();
