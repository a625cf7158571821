// SPDX-License-Identifier: MIT
#include "testsegment.h"

#include <cctype>

namespace kcptest {

namespace {

constexpr std::size_t HeaderBytes = 24;

void append(Bytes &bytes, std::uint32_t value, int size)
{
    for (int i = 0; i < size; ++i, value >>= 8U)
        bytes.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

std::uint32_t take(std::span<const std::uint8_t> &bytes, int size)
{
    std::uint32_t value = 0;
    for (int i = size - 1; i >= 0; --i)
        value = (value << 8U) | bytes[static_cast<std::size_t>(i)];
    bytes = bytes.subspan(static_cast<std::size_t>(size));
    return value;
}

Segment make(std::uint8_t cmd, std::optional<std::uint32_t> sn)
{
    Segment segment;
    segment.cmd = cmd;
    segment.sn = sn;
    return segment;
}

} // namespace

Bytes bytesOf(std::string_view text)
{
    return { text.begin(), text.end() };
}

Segment Segment::withConv(std::uint32_t value) const
{
    Segment copy = *this;
    copy.convId = value;
    return copy;
}

Segment Segment::withFragment(std::uint8_t value) const
{
    Segment copy = *this;
    copy.frg = value;
    return copy;
}

Segment Segment::withWindow(std::uint16_t value) const
{
    Segment copy = *this;
    copy.wnd = value;
    return copy;
}

Segment Segment::withTs(std::uint32_t value) const
{
    Segment copy = *this;
    copy.ts = value;
    return copy;
}

Segment Segment::withUna(std::uint32_t value) const
{
    Segment copy = *this;
    copy.una = value;
    return copy;
}

Segment Segment::withLength(std::uint32_t value) const
{
    Segment copy = *this;
    copy.len = value;
    return copy;
}

Segment push(std::uint32_t sn, std::string_view data)
{
    return push(sn, bytesOf(data));
}

Segment push(std::uint32_t sn, const Bytes &data)
{
    Segment segment = make(PushCommand, sn);
    segment.data = data;
    return segment;
}

Segment ack(std::uint32_t sn)
{
    return make(AckCommand, sn);
}

Segment wask()
{
    return make(WaskCommand, std::nullopt);
}

Segment wins()
{
    return make(WinsCommand, std::nullopt);
}

void appendEncoded(Bytes &datagram, const Segment &segment)
{
    append(datagram, segment.convId.value_or(0), 4);
    append(datagram, segment.cmd, 1);
    append(datagram, segment.frg, 1);
    append(datagram, segment.wnd.value_or(0), 2);
    append(datagram, segment.ts.value_or(0), 4);
    append(datagram, segment.sn.value_or(0), 4);
    append(datagram, segment.una.value_or(0), 4);
    append(datagram, segment.len.value_or(static_cast<std::uint32_t>(segment.data.size())), 4);
    datagram.insert(datagram.end(), segment.data.begin(), segment.data.end());
}

Bytes encode(const Packet &packet)
{
    Bytes datagram;
    for (const Segment &segment : packet.segments)
        appendEncoded(datagram, segment);
    return datagram;
}

std::optional<std::vector<Segment>> decode(std::span<const std::uint8_t> datagram)
{
    std::vector<Segment> segments;
    while (!datagram.empty()) {
        if (datagram.size() < HeaderBytes)
            return std::nullopt;
        Segment segment;
        segment.convId = take(datagram, 4);
        segment.cmd = static_cast<std::uint8_t>(take(datagram, 1));
        segment.frg = static_cast<std::uint8_t>(take(datagram, 1));
        segment.wnd = static_cast<std::uint16_t>(take(datagram, 2));
        segment.ts = take(datagram, 4);
        segment.sn = take(datagram, 4);
        segment.una = take(datagram, 4);
        const std::uint32_t length = take(datagram, 4);
        segment.len = length;
        if (segment.cmd < PushCommand || segment.cmd > WinsCommand || length > datagram.size())
            return std::nullopt;
        segment.data.assign(datagram.begin(), datagram.begin() + length);
        datagram = datagram.subspan(length);
        segments.push_back(std::move(segment));
    }
    return segments;
}

namespace {

std::string quoted(const Bytes &data)
{
    constexpr std::size_t Shown = 24;
    std::string text = "\"";
    for (std::size_t i = 0; i < data.size() && i < Shown; ++i) {
        const char c = static_cast<char>(data[i]);
        text += std::isprint(data[i]) ? c : '.';
    }
    text += data.size() > Shown ? "...\" (" + std::to_string(data.size()) + " bytes)" : "\"";
    return text;
}

} // namespace

std::string toText(const Segment &segment)
{
    static constexpr const char *Names[] = { "push", "ack", "wask", "wins" };
    std::string text = segment.cmd >= PushCommand && segment.cmd <= WinsCommand
            ? Names[segment.cmd - PushCommand]
            : "cmd" + std::to_string(segment.cmd);
    const auto field = [&text](const char *name, const auto &value) {
        if (value)
            text += std::string(" ") + name + "=" + std::to_string(*value);
    };
    field("conv", segment.convId);
    if (segment.cmd == PushCommand || segment.cmd == AckCommand)
        field("sn", segment.sn);
    if (segment.frg != 0)
        text += " frg=" + std::to_string(segment.frg);
    field("una", segment.una);
    field("wnd", segment.wnd);
    field("ts", segment.ts);
    if (segment.cmd == PushCommand)
        text.append(1, ' ').append(quoted(segment.data));
    return text;
}

std::string toText(const std::vector<Segment> &segments)
{
    if (segments.empty())
        return "nothing";
    std::string text;
    for (const Segment &segment : segments)
        text += (text.empty() ? "{" : ", {") + toText(segment) + "}";
    return text;
}

} // namespace kcptest
