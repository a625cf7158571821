// SPDX-License-Identifier: MIT
// The 24-byte segment header of KCP, everything little-endian. No other file knows an offset.
//
//   conv u32 | cmd u8 | frg u8 | wnd u16 | ts u32 | sn u32 | una u32 | len u32 | data
#ifndef KCP_WIRE_H
#define KCP_WIRE_H

#include <kcp/bytes.h>

#include <optional>

namespace kcp {

enum class Command : std::uint8_t {
    Push = 81, // data
    Ack = 82, // acknowledges sn, echoes its ts
    WindowAsk = 83, // WASK: asks for the receive window
    WindowTell = 84, // WINS: tells the receive window
};

inline constexpr std::size_t HeaderSize = 24;

// The largest payload of one IPv4 UDP datagram: the largest MTU that makes sense.
inline constexpr std::size_t MaximumDatagramSize = 65507;

struct SegmentHeader
{
    std::uint32_t conv = 0;
    Command command = Command::Push;
    std::uint8_t fragment = 0; // frg: fragments of the message still to come
    std::uint16_t window = 0; // wnd: free receive window in segments
    std::uint32_t timestamp = 0; // ts
    std::uint32_t sn = 0;
    std::uint32_t una = 0;
};

// A segment whose header and length have been checked against the datagram that holds it.
struct SegmentView
{
    SegmentHeader header;
    ByteView data;
};

// A segment in its datagram, whose length and command have been checked. Reads a field when it is
// asked for.
class RawSegment
{
public:
    RawSegment() = default;
    RawSegment(const std::uint8_t *p, std::uint32_t length) : m_p(p), m_length(length) { }

    Command command() const { return static_cast<Command>(m_p[4]); }
    std::uint8_t fragment() const { return m_p[5]; }
    std::uint16_t window() const { return loadLittleEndian<std::uint16_t>(m_p + 6); }
    std::uint32_t timestamp() const { return loadLittleEndian<std::uint32_t>(m_p + 8); }
    std::uint32_t sn() const { return loadLittleEndian<std::uint32_t>(m_p + 12); }
    std::uint32_t una() const { return loadLittleEndian<std::uint32_t>(m_p + 16); }
    ByteView data() const { return { m_p + HeaderSize, m_length }; }

private:
    const std::uint8_t *m_p = nullptr;
    std::uint32_t m_length = 0;
};

enum class ParseError : std::uint8_t {
    None,
    End, // fewer than HeaderSize bytes are left: the datagram's regular end
    WrongConversation,
    BadLength, // len goes beyond the datagram
    BadCommand,
};

// Takes one segment from the front of rest. The checks come in the order conv, len, cmd, as every
// implementation makes them. On anything but ParseError::None rest and segment are left alone.
inline ParseError parseSegment(std::uint32_t conv, ByteView &rest, RawSegment &segment)
{
    if (rest.size() < HeaderSize)
        return ParseError::End;
    const std::uint8_t *p = rest.data();
    if (loadLittleEndian<std::uint32_t>(p) != conv)
        return ParseError::WrongConversation;
    const auto length = loadLittleEndian<std::uint32_t>(p + 20);
    if (length > rest.size() - HeaderSize)
        return ParseError::BadLength;
    const std::uint8_t command = p[4];
    if (command != static_cast<std::uint8_t>(Command::Push)
        && (command < static_cast<std::uint8_t>(Command::Push)
            || command > static_cast<std::uint8_t>(Command::WindowTell)))
        return ParseError::BadCommand;
    segment = RawSegment(p, length);
    rest = rest.subspan(HeaderSize + length);
    return ParseError::None;
}

inline ParseError parseSegment(std::uint32_t conv, ByteView &rest, SegmentView &segment)
{
    RawSegment raw;
    const ParseError error = parseSegment(conv, rest, raw);
    if (error == ParseError::None)
        segment = { { conv, raw.command(), raw.fragment(), raw.window(), raw.timestamp(), raw.sn(),
                      raw.una() },
                    raw.data() };
    return error;
}

// Writes the headers of one datagram, which have conv, wnd and una in common. Three words rather
// than seven fields: this is in everybody's way.
class HeaderWriter
{
public:
    HeaderWriter(std::uint32_t conv, std::uint32_t window, std::uint32_t una)
        : m_first(std::uint64_t{ conv } | std::uint64_t{ window } << 48U), m_una(una)
    {
    }

    std::uint32_t una() const { return static_cast<std::uint32_t>(m_una); }

    // Writes the HeaderSize bytes in front of a segment of the given length. The caller has
    // checked that they fit.
    void write(std::uint8_t *p, Command command, std::uint8_t fragment, std::uint32_t timestamp,
               std::uint32_t sn, std::uint32_t length) const
    {
        storeLittleEndian(p,
                          m_first | std::uint64_t{ static_cast<std::uint8_t>(command) } << 32U
                                  | std::uint64_t{ fragment } << 40U);
        storeLittleEndian(p + 8, std::uint64_t{ timestamp } | std::uint64_t{ sn } << 32U);
        storeLittleEndian(p + 16, m_una | std::uint64_t{ length } << 32U);
    }

private:
    std::uint64_t m_first;
    std::uint64_t m_una;
};

// One segment's header.
inline void writeHeader(std::uint8_t *p, const SegmentHeader &header, std::uint32_t length)
{
    HeaderWriter(header.conv, header.window, header.una)
            .write(p, header.command, header.fragment, header.timestamp, header.sn, length);
}

// The conversation id of a datagram, if it is long enough to hold a segment.
inline std::optional<std::uint32_t> peekConversation(ByteView datagram)
{
    if (datagram.size() < HeaderSize)
        return std::nullopt;
    return loadLittleEndian<std::uint32_t>(datagram.data());
}

// Whether the datagram starts with a complete segment of any conversation.
bool startsWithSegment(ByteView datagram);

} // namespace kcp

#endif // KCP_WIRE_H
