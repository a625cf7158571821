// SPDX-License-Identifier: MIT
// Session frames: whatever comes is parsed without harm, what was written is read again, and what is
// read from bytes that we could have written gives these bytes.
#include "fuzzinput.h"

#include "frames.h"

#include <string>

using namespace kcpfuzz;
using namespace kcpnet;

namespace {

// Writes into a buffer of exactly the right size, and into one that is a byte too small.
template <typename T>
Bytes written(const T &frame)
{
    Bytes large(2048);
    const std::size_t size = frame.write(large);
    FUZZ_CHECK(size > 0);
    Bytes exact(size);
    exact.shrink_to_fit();
    FUZZ_CHECK(frame.write(exact) == size);
    Bytes small(size - 1);
    small.shrink_to_fit();
    FUZZ_CHECK(frame.write(small) == 0);
    FUZZ_CHECK(isEqual(exact, ByteView(large).first(size)));
    return exact;
}

bool allZero(ByteView bytes)
{
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// What this version would have sent: its version, nothing set that it does not know, no tail.
bool isCanonical(ByteView datagram)
{
    if (datagram[5] != ProtocolVersion)
        return false;
    const std::size_t size = datagram.size();
    switch (static_cast<FrameType>(datagram[4])) {
    case FrameType::Hello:
        return size == 256 && allZero(datagram.subspan(17));
    case FrameType::Cookie:
        return size == 54;
    case FrameType::Confirm:
        return datagram[50] == Parameters::Length;
    case FrameType::Accept:
        return datagram[22] == Parameters::Length;
    case FrameType::Refuse:
        return datagram[14] == 2 && datagram[15] == 0
                ? size == 18 && datagram[16] == 1 && datagram[17] == ProtocolVersion
                : size == 16;
    case FrameType::Ping:
        return size == 48 && allZero(datagram.subspan(18));
    case FrameType::Pong:
        return size == 18;
    case FrameType::Datagram:
        return true;
    case FrameType::PathChallenge:
    case FrameType::PathResponse:
    case FrameType::CloseAck:
        return size == 14;
    case FrameType::Close:
        return size <= 18 + 256;
    case FrameType::Reset:
        return size == 22;
    }
    return false;
}

template <typename T>
void reparse(ByteView datagram)
{
    const std::optional<T> frame = T::parse(datagram);
    if (!frame)
        return;
    Bytes again = written(*frame);
    if constexpr (requires { frame->segments; }) {
        FUZZ_CHECK(frame->segments.size() <= datagram.size());
        again.insert(again.end(), frame->segments.begin(), frame->segments.end());
    }
    if (isCanonical(datagram))
        FUZZ_CHECK(isEqual(again, datagram));
    FUZZ_CHECK(T::parse(again).has_value());
    FUZZ_CHECK(classify(again) == DatagramKind::Frame);
}

void parseAny(ByteView datagram)
{
    const DatagramKind kind = classify(datagram);
    if (kind == DatagramKind::Segments)
        FUZZ_CHECK(datagram.size() >= 24 && datagram[4] >= 81 && datagram[4] <= 84);
    if (kind != DatagramKind::Frame)
        return;
    FUZZ_CHECK(datagram.size() >= FrameHeaderSize);
    const Frame frame = Frame::header(datagram);
    FUZZ_CHECK(static_cast<std::uint8_t>(frame.type) == datagram[4]);
    FUZZ_CHECK(frame.version == datagram[5]);
    switch (frame.type) {
    case FrameType::Hello:
        return reparse<HelloFrame>(datagram);
    case FrameType::Cookie:
        return reparse<CookieFrame>(datagram);
    case FrameType::Confirm:
        return reparse<ConfirmFrame>(datagram);
    case FrameType::Accept:
        return reparse<AcceptFrame>(datagram);
    case FrameType::Refuse:
        return reparse<RefuseFrame>(datagram);
    case FrameType::Ping:
    case FrameType::Pong:
        return reparse<PingFrame>(datagram);
    case FrameType::Datagram:
        return reparse<DatagramFrame>(datagram);
    case FrameType::PathChallenge:
    case FrameType::PathResponse:
    case FrameType::CloseAck:
        return reparse<ShortFrame>(datagram);
    case FrameType::Close:
        return reparse<CloseFrame>(datagram);
    case FrameType::Reset:
        return reparse<ResetFrame>(datagram);
    }
}

// --- build, then parse --------------------------------------------------------------------------

Parameters takeParameters(FuzzInput &input)
{
    Parameters parameters;
    parameters.mtu = static_cast<std::uint16_t>(std::max<unsigned>(input.u16(), 50));
    parameters.window = input.u16();
    parameters.mode = input.u8();
    parameters.maximumMessageSize = input.u32();
    parameters.capabilities = input.u32();
    return parameters;
}

template <typename T>
T parsed(const Bytes &datagram)
{
    FUZZ_CHECK(classify(datagram) == DatagramKind::Frame);
    const std::optional<T> frame = T::parse(datagram);
    FUZZ_CHECK(frame.has_value());
    return *frame;
}

void buildHandshake(FuzzInput &input)
{
    HelloFrame hello{ input.u64(), input.u16(), input.u8() };
    const auto hello2 = parsed<HelloFrame>(written(hello));
    FUZZ_CHECK(hello2.nonce == hello.nonce && hello2.flags == hello.flags
               && hello2.mode == hello.mode);

    CookieFrame cookie{ input.u64(), input.u32() | 1U, input.u32(), {} };
    input.fill(cookie.cookie);
    const auto cookie2 = parsed<CookieFrame>(written(cookie));
    FUZZ_CHECK(cookie2.nonce == cookie.nonce && cookie2.conv == cookie.conv
               && cookie2.issued == cookie.issued && cookie2.cookie == cookie.cookie);

    ConfirmFrame confirm{ input.u32() | 1U, input.u64(), input.u32(), {}, {}, {} };
    input.fill(confirm.cookie);
    confirm.parameters = takeParameters(input);
    const auto confirm2 = parsed<ConfirmFrame>(written(confirm));
    FUZZ_CHECK(confirm2.conv == confirm.conv && confirm2.nonce == confirm.nonce
               && confirm2.issued == confirm.issued && confirm2.cookie == confirm.cookie
               && confirm2.parameters == confirm.parameters && confirm2.segments.empty());

    AcceptFrame accept;
    accept.conv = input.u32();
    input.fill(accept.tag);
    accept.nonce = input.u64();
    accept.parameters = takeParameters(input);
    input.fill(accept.resetToken);
    const auto accept2 = parsed<AcceptFrame>(written(accept));
    FUZZ_CHECK(accept2.conv == accept.conv && accept2.tag == accept.tag
               && accept2.nonce == accept.nonce && accept2.parameters == accept.parameters
               && accept2.resetToken == accept.resetToken && accept2.segments.empty());

    RefuseFrame refuse{ input.u64(), static_cast<std::uint16_t>(input.u16() | 1U) };
    const auto refuse2 = parsed<RefuseFrame>(written(refuse));
    FUZZ_CHECK(refuse2.nonce == refuse.nonce && refuse2.reason == refuse.reason);
}

void buildLiving(FuzzInput &input)
{
    PingFrame ping;
    ping.conv = input.u32();
    ping.type = input.flag() ? FrameType::Ping : FrameType::Pong;
    input.fill(ping.tag);
    ping.sequence = input.u32();
    const auto ping2 = parsed<PingFrame>(written(ping));
    FUZZ_CHECK(ping2.conv == ping.conv && ping2.type == ping.type && ping2.tag == ping.tag
               && ping2.sequence == ping.sequence);

    ShortFrame brief;
    brief.conv = input.u32();
    brief.type =
            input.oneOf({ FrameType::PathChallenge, FrameType::PathResponse, FrameType::CloseAck });
    input.fill(brief.bytes);
    const auto brief2 = parsed<ShortFrame>(written(brief));
    FUZZ_CHECK(brief2.conv == brief.conv && brief2.type == brief.type
               && brief2.bytes == brief.bytes);

    ResetFrame reset;
    reset.conv = input.u32();
    input.fill(reset.token);
    const auto reset2 = parsed<ResetFrame>(written(reset));
    FUZZ_CHECK(reset2.conv == reset.conv && reset2.token == reset.token);

    DatagramFrame datagram;
    datagram.conv = input.u32();
    input.fill(datagram.tag);
    datagram.sequence = input.u32();
    const Bytes payload = input.bytes(input.below(512));
    datagram.payload = payload;
    const Bytes datagramBytes = written(datagram);
    const auto datagram2 = parsed<DatagramFrame>(datagramBytes);
    FUZZ_CHECK(datagram2.conv == datagram.conv && datagram2.tag == datagram.tag
               && datagram2.sequence == datagram.sequence && isEqual(datagram2.payload, payload));
}

// --- texts --------------------------------------------------------------------------------------

// Decodes by value, where the product looks at byte ranges.
bool isUtf8(const std::string &text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<std::uint8_t>(text[i]);
        const int more = first < 0x80 ? 0 : first >> 5U == 6 ? 1 : first >> 4U == 14 ? 2 : 3;
        if (more == 3 && first >> 3U != 30)
            return false;
        if (text.size() - i <= static_cast<std::size_t>(more))
            return false;
        std::uint32_t value = more == 0 ? first : first & (0x3fU >> more);
        for (int k = 1; k <= more; ++k) {
            const auto byte = static_cast<std::uint8_t>(text[i + static_cast<std::size_t>(k)]);
            if (byte >> 6U != 2)
                return false;
            value = (value << 6U) | (byte & 0x3fU);
        }
        constexpr std::uint32_t Smallest[] = { 0, 0x80, 0x800, 0x10000 };
        if (value < Smallest[more] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
            return false;
        i += static_cast<std::size_t>(more) + 1;
    }
    return true;
}

void checkText(FuzzInput &input)
{
    const std::size_t limit = input.below(300);
    const Bytes bytes = input.rest();
    const std::string text(bytes.begin(), bytes.end());
    const std::string valid = validUtf8(text, limit);
    FUZZ_CHECK(valid.size() <= limit);
    FUZZ_CHECK(isUtf8(valid));
    FUZZ_CHECK(validUtf8(valid, limit) == valid);
    if (isUtf8(text)) {
        FUZZ_CHECK(text.compare(0, valid.size(), valid) == 0);
        FUZZ_CHECK(valid.size() == text.size() || valid.size() + 4 > limit);
    }
    CloseFrame close;
    close.conv = static_cast<std::uint32_t>(limit);
    close.text = valid;
    const Bytes closeBytes = written(close);
    FUZZ_CHECK(parsed<CloseFrame>(closeBytes).text == valid.substr(0, CloseFrame::MaximumText));
}

// Random bytes rarely are frames: the bytes that the classifier looks at are given to some.
void checkAny(FuzzInput &input)
{
    const std::uint8_t type = input.u8();
    const bool grows = input.flag();
    Bytes datagram = input.rest();
    if (grows) // HELLO, with its zeros, without the input's holding all of them
        datagram.resize(std::max<std::size_t>(datagram.size(), 256));
    if (type < 16 && datagram.size() >= FrameHeaderSize) {
        datagram[4] = static_cast<std::uint8_t>(0xa0 + type);
        datagram[5] = ProtocolVersion;
    }
    datagram.shrink_to_fit();
    parseAny(datagram);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    FuzzInput input(data, size);
    switch (input.u8() & 7U) {
    case 0:
        buildHandshake(input);
        break;
    case 1:
        buildLiving(input);
        break;
    case 2:
        checkText(input);
        break;
    default:
        checkAny(input);
    }
    return 0;
}
