// SPDX-License-Identifier: MIT
// KCP segments for tests, with an encoder and a decoder of their own: nothing here uses the
// product's wire code, so that an error there cannot hide.
#ifndef KCPTEST_TESTSEGMENT_H
#define KCPTEST_TESTSEGMENT_H

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kcptest {

using Bytes = std::vector<std::uint8_t>;

Bytes bytesOf(std::string_view text);

// Fields without a value mean: take what fits (when sending), do not look (when comparing).
struct Segment
{
    std::uint8_t cmd = 0;
    std::optional<std::uint32_t> convId;
    std::uint8_t frg = 0;
    std::optional<std::uint16_t> wnd;
    std::optional<std::uint32_t> ts;
    std::optional<std::uint32_t> sn;
    std::optional<std::uint32_t> una;
    std::optional<std::uint32_t> len; // a lie about the length of data
    Bytes data;

    Segment withConv(std::uint32_t value) const;
    Segment withFragment(std::uint8_t value) const;
    Segment withWindow(std::uint16_t value) const;
    Segment withTs(std::uint32_t value) const;
    Segment withUna(std::uint32_t value) const;
    Segment withLength(std::uint32_t value) const;
};

// The segments of one datagram.
struct Packet
{
    Packet() = default;
    Packet(const Segment &segment) : segments{ segment } { }
    Packet(std::initializer_list<Segment> list) : segments(list) { }
    std::vector<Segment> segments;
};

inline constexpr std::uint8_t PushCommand = 81;
inline constexpr std::uint8_t AckCommand = 82;
inline constexpr std::uint8_t WaskCommand = 83;
inline constexpr std::uint8_t WinsCommand = 84;

Segment push(std::uint32_t sn, std::string_view data = {});
Segment push(std::uint32_t sn, const Bytes &data);
Segment ack(std::uint32_t sn);
Segment wask();
Segment wins();

// Absent fields are written as zero.
void appendEncoded(Bytes &datagram, const Segment &segment);
Bytes encode(const Packet &packet);

// Every field has a value in the result. Nothing when the datagram is not a run of complete
// segments.
std::optional<std::vector<Segment>> decode(std::span<const std::uint8_t> datagram);

std::string toText(const Segment &segment);
std::string toText(const std::vector<Segment> &segments);

} // namespace kcptest

#endif // KCPTEST_TESTSEGMENT_H
