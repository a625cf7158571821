// SPDX-License-Identifier: MIT
#include <kcp/wire.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace kcp;

namespace {

// Written by hand from the description of the format, not by writeHeader().
const std::vector<std::uint8_t> Hello{
    0x44, 0x33, 0x22, 0x11, // conv
    81, // cmd
    2, // frg
    0x80, 0x01, // wnd 384
    0x04, 0x03, 0x02, 0x01, // ts
    0x0d, 0x0c, 0x0b, 0x0a, // sn
    0x99, 0x88, 0x77, 0x66, // una
    5,    0,    0,    0, // len
    'h',  'e',  'l',  'l',  'o',
};

} // namespace

TEST_SUITE_BEGIN("wire");

TEST_CASE("a segment of the description is parsed field by field")
{
    ByteView rest = Hello;
    SegmentView segment;
    REQUIRE(parseSegment(0x11223344, rest, segment) == ParseError::None);
    CHECK(segment.header.conv == 0x11223344);
    CHECK(segment.header.command == Command::Push);
    CHECK(segment.header.fragment == 2);
    CHECK(segment.header.window == 384);
    CHECK(segment.header.timestamp == 0x01020304);
    CHECK(segment.header.sn == 0x0a0b0c0d);
    CHECK(segment.header.una == 0x66778899);
    CHECK(std::ranges::equal(segment.data, ByteView(Hello).subspan(24)));
    CHECK(rest.empty());
}

TEST_CASE("writeHeader writes the bytes of the description")
{
    SegmentHeader header;
    header.conv = 0x11223344;
    header.command = Command::Push;
    header.fragment = 2;
    header.window = 384;
    header.timestamp = 0x01020304;
    header.sn = 0x0a0b0c0d;
    header.una = 0x66778899;
    std::vector<std::uint8_t> bytes(HeaderSize);
    writeHeader(bytes.data(), header, 5);
    CHECK(std::ranges::equal(bytes, ByteView(Hello).first(24)));
}

TEST_CASE("several segments share a datagram; a short tail ends it")
{
    std::vector<std::uint8_t> datagram = Hello;
    datagram.insert(datagram.end(), Hello.begin(), Hello.end());
    datagram.resize(datagram.size() + 23);
    ByteView rest = datagram;
    SegmentView segment;
    CHECK(parseSegment(0x11223344, rest, segment) == ParseError::None);
    CHECK(rest.size() == Hello.size() + 23);
    CHECK(parseSegment(0x11223344, rest, segment) == ParseError::None);
    CHECK(parseSegment(0x11223344, rest, segment) == ParseError::End);
    CHECK(rest.size() == 23);
}

TEST_CASE("what is wrong is named, in the order conv, len, cmd, and nothing is taken")
{
    SegmentView segment;
    const auto parse = [&segment](const std::vector<std::uint8_t> &bytes) {
        ByteView rest = bytes;
        const ParseError error = parseSegment(0x11223344, rest, segment);
        CHECK(rest.size() == bytes.size());
        return error;
    };
    std::vector<std::uint8_t> bytes = Hello;
    bytes[4] = 80;
    CHECK(parse(bytes) == ParseError::BadCommand);
    bytes[4] = 85;
    CHECK(parse(bytes) == ParseError::BadCommand);
    bytes[20] = 6;
    CHECK(parse(bytes) == ParseError::BadLength);
    bytes[0] ^= 1;
    CHECK(parse(bytes) == ParseError::WrongConversation);
    CHECK(parse({}) == ParseError::End);
    CHECK(parse(std::vector<std::uint8_t>(23)) == ParseError::End);

    bytes = Hello;
    for (const std::uint32_t length : { 6U, 0x7fffffffU, 0x80000000U, 0xffffffe8U, 0xffffffffU }) {
        storeLittleEndian(bytes.data() + 20, length);
        CHECK(parse(bytes) == ParseError::BadLength);
    }
}

TEST_CASE("the conversation of a datagram")
{
    CHECK(peekConversation(Hello) == 0x11223344);
    CHECK(!peekConversation(ByteView(Hello).first(23)));
    CHECK(startsWithSegment(Hello));
    CHECK(!startsWithSegment(ByteView(Hello).first(28))); // a byte of the data is missing
    std::vector<std::uint8_t> bytes = Hello;
    bytes[4] = 0xa0;
    CHECK(!startsWithSegment(bytes));
}

TEST_SUITE_END();
