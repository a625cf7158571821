// SPDX-License-Identifier: MIT
#include "frames.h"

#include <kcp/wire.h>

#include <algorithm>

namespace kcpnet {

using kcp::ByteView;
using kcp::MutableBytes;
using kcp::Reader;
using kcp::Writer;

namespace {

void writeFrameHeader(Writer &writer, std::uint32_t conv, FrameType type)
{
    writer.u32(conv);
    writer.u8(static_cast<std::uint8_t>(type));
    writer.u8(ProtocolVersion);
}

// A reader behind the header.
Reader body(ByteView datagram)
{
    return Reader(datagram.subspan(FrameHeaderSize));
}

std::uint32_t conversation(ByteView datagram)
{
    return kcp::loadLittleEndian<std::uint32_t>(datagram.data());
}

FrameType typeOf(ByteView datagram)
{
    return static_cast<FrameType>(datagram[4]);
}

template <std::size_t N>
void readArray(Reader &reader, std::array<std::uint8_t, N> &array)
{
    const ByteView bytes = reader.bytes(N);
    std::copy(bytes.begin(), bytes.end(), array.begin());
}

void writeParameters(Writer &writer, const Parameters &parameters)
{
    writer.u8(Parameters::Length);
    writer.u16(parameters.mtu);
    writer.u16(parameters.window);
    writer.u8(parameters.mode);
    writer.u32(parameters.maximumMessageSize);
    writer.u32(parameters.capabilities);
}

bool readParameters(Reader &reader, Parameters &parameters)
{
    const ByteView bytes = reader.bytes(reader.u8());
    if (!reader.ok() || bytes.size() < Parameters::Length)
        return false;
    Reader fields(bytes);
    parameters.mtu = fields.u16();
    parameters.window = fields.u16();
    parameters.mode = fields.u8();
    parameters.maximumMessageSize = fields.u32();
    parameters.capabilities = fields.u32();
    return parameters.mtu >= kcp::Config::MinimumMtu;
}

std::size_t finished(const Writer &writer)
{
    return writer.ok() ? writer.size() : 0;
}

// How many bytes the character at the front takes; 0 when it is not UTF-8 (RFC 3629).
std::size_t characterLength(std::string_view text)
{
    const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80)
        return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length)
        return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80)
            return 0;
    }
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    const bool beyond = first == 0xf4 && byte(1) >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

} // namespace

DatagramKind classify(ByteView datagram)
{
    if (datagram.size() < FrameHeaderSize)
        return DatagramKind::Malformed;
    const std::uint8_t type = datagram[4];
    if (type >= static_cast<std::uint8_t>(kcp::Command::Push)
        && type <= static_cast<std::uint8_t>(kcp::Command::WindowTell))
        return datagram.size() >= kcp::HeaderSize ? DatagramKind::Segments
                                                  : DatagramKind::Malformed;
    if (type < static_cast<std::uint8_t>(FrameType::Hello)
        || type > static_cast<std::uint8_t>(FrameType::Reset))
        return DatagramKind::Malformed;
    const bool anyVersion =
            typeOf(datagram) == FrameType::Hello || typeOf(datagram) == FrameType::Refuse;
    return anyVersion || datagram[5] == ProtocolVersion ? DatagramKind::Frame
                                                        : DatagramKind::Malformed;
}

Frame Frame::header(ByteView datagram)
{
    return { conversation(datagram), typeOf(datagram), datagram[5], datagram };
}

std::optional<std::uint64_t> handshakeNonce(const Frame &frame)
{
    Reader reader = body(frame.datagram);
    const std::uint64_t nonce = reader.u64();
    return reader.ok() ? std::optional(nonce) : std::nullopt;
}

// --- connecting -------------------------------------------------------------------------------

std::size_t HelloFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, 0, FrameType::Hello);
    writer.u64(nonce);
    writer.u16(flags);
    writer.u8(mode);
    writer.zeros(MinimumSize - writer.size());
    return finished(writer);
}

std::optional<HelloFrame> HelloFrame::parse(ByteView datagram)
{
    if (datagram.size() < MinimumSize || conversation(datagram) != 0)
        return std::nullopt;
    Reader reader = body(datagram);
    HelloFrame frame;
    frame.nonce = reader.u64();
    frame.flags = reader.u16();
    frame.mode = reader.u8();
    return frame;
}

std::size_t CookieFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, 0, FrameType::Cookie);
    writer.u64(nonce);
    writer.u32(conv);
    writer.u32(issued);
    writer.bytes(cookie);
    return finished(writer);
}

std::optional<CookieFrame> CookieFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    CookieFrame frame;
    frame.nonce = reader.u64();
    frame.conv = reader.u32();
    frame.issued = reader.u32();
    readArray(reader, frame.cookie);
    if (!reader.ok() || conversation(datagram) != 0 || frame.conv == 0)
        return std::nullopt;
    return frame;
}

std::size_t ConfirmFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, conv, FrameType::Confirm);
    writer.u64(nonce);
    writer.u32(issued);
    writer.bytes(cookie);
    writeParameters(writer, parameters);
    return finished(writer);
}

std::optional<ConfirmFrame> ConfirmFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    ConfirmFrame frame;
    frame.conv = conversation(datagram);
    frame.nonce = reader.u64();
    frame.issued = reader.u32();
    readArray(reader, frame.cookie);
    if (!readParameters(reader, frame.parameters) || frame.conv == 0)
        return std::nullopt;
    frame.segments = reader.rest();
    return frame;
}

std::size_t AcceptFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, conv, FrameType::Accept);
    writer.bytes(tag);
    writer.u64(nonce);
    writeParameters(writer, parameters);
    writer.bytes(resetToken);
    return finished(writer);
}

std::optional<AcceptFrame> AcceptFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    AcceptFrame frame;
    frame.conv = conversation(datagram);
    readArray(reader, frame.tag);
    frame.nonce = reader.u64();
    if (!readParameters(reader, frame.parameters))
        return std::nullopt;
    readArray(reader, frame.resetToken);
    if (!reader.ok())
        return std::nullopt;
    frame.segments = reader.rest();
    return frame;
}

std::size_t RefuseFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, 0, FrameType::Refuse);
    writer.u64(nonce);
    writer.u16(reason);
    if (reason == static_cast<std::uint16_t>(Refusal::Version)) {
        writer.u8(1);
        writer.u8(ProtocolVersion);
    }
    return finished(writer);
}

std::optional<RefuseFrame> RefuseFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    RefuseFrame frame;
    frame.nonce = reader.u64();
    frame.reason = reader.u16();
    if (!reader.ok() || conversation(datagram) != 0 || frame.reason == 0)
        return std::nullopt;
    return frame;
}

// --- living -----------------------------------------------------------------------------------

std::size_t PingFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, conv, type);
    writer.bytes(tag);
    writer.u32(sequence);
    if (type == FrameType::Ping)
        writer.zeros(PingSize - writer.size());
    return finished(writer);
}

std::optional<PingFrame> PingFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    PingFrame frame;
    frame.conv = conversation(datagram);
    frame.type = typeOf(datagram);
    readArray(reader, frame.tag);
    frame.sequence = reader.u32();
    if (!reader.ok() || (frame.type == FrameType::Ping && datagram.size() < PingSize))
        return std::nullopt;
    return frame;
}

std::size_t DatagramFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, conv, FrameType::Datagram);
    writer.bytes(tag);
    writer.u32(sequence);
    writer.bytes(payload);
    return finished(writer);
}

std::optional<DatagramFrame> DatagramFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    DatagramFrame frame;
    frame.conv = conversation(datagram);
    readArray(reader, frame.tag);
    frame.sequence = reader.u32();
    if (!reader.ok())
        return std::nullopt;
    frame.payload = reader.rest();
    return frame;
}

std::size_t ShortFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, conv, type);
    writer.bytes(bytes);
    return finished(writer);
}

std::optional<ShortFrame> ShortFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    ShortFrame frame;
    frame.conv = conversation(datagram);
    frame.type = typeOf(datagram);
    readArray(reader, frame.bytes);
    if (!reader.ok())
        return std::nullopt;
    return frame;
}

std::size_t CloseFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, conv, FrameType::Close);
    writer.bytes(tag);
    writer.u32(code);
    writer.bytes(kcp::asBytes(text.data(), text.size()));
    return finished(writer);
}

std::optional<CloseFrame> CloseFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    CloseFrame frame;
    frame.conv = conversation(datagram);
    readArray(reader, frame.tag);
    frame.code = reader.u32();
    if (!reader.ok())
        return std::nullopt;
    const ByteView rest = reader.rest().first(std::min(MaximumText, reader.remaining()));
    frame.text = { reinterpret_cast<const char *>(rest.data()), rest.size() };
    return frame;
}

std::size_t ResetFrame::write(MutableBytes buffer) const
{
    Writer writer(buffer);
    writeFrameHeader(writer, conv, FrameType::Reset);
    writer.bytes(token);
    return finished(writer);
}

std::optional<ResetFrame> ResetFrame::parse(ByteView datagram)
{
    Reader reader = body(datagram);
    ResetFrame frame;
    frame.conv = conversation(datagram);
    readArray(reader, frame.token);
    if (!reader.ok())
        return std::nullopt;
    return frame;
}

std::string validUtf8(std::string_view text, std::size_t limit)
{
    std::string result;
    while (!text.empty()) {
        const std::size_t length = characterLength(text);
        const std::string_view character = length > 0 ? text.substr(0, length) : "?";
        if (result.size() + character.size() > limit)
            break;
        result += character;
        text.remove_prefix(length > 0 ? length : 1);
    }
    return result;
}

} // namespace kcpnet
