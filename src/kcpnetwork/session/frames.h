// SPDX-License-Identifier: MIT
// The control datagrams of the session protocol, version 1, and what tells them from KCP segments.
// No other file knows an offset of a frame. Integers are little-endian; numbers in brackets are
// sizes in bytes.
//
// Every frame starts with
//
//     conv u32 | type u8 | version u8
//
// where conv is in the place of KCP's conv and type in the place of KCP's cmd (81..84), so that
// byte 4 tells a frame (0xA0..0xAF) from a segment. version is 1. Of other versions only HELLO and
// REFUSE are understood, as far as their nonce and, for REFUSE, the reason: these never move.
// Unless a frame says otherwise, bytes after its last field are ignored; frames that are shorter
// than their fields are malformed. A datagram is one frame, or segments, or a CONFIRM or ACCEPT
// followed by segments.
//
// Tags are 8 bytes derived from the cookie, one for each direction: see SessionKeys.
#ifndef KCPNET_SESSION_FRAMES_H
#define KCPNET_SESSION_FRAMES_H

#include "endpoint.h"

#include <kcp/bytes.h>

#include <array>

namespace kcpnet {

enum class FrameType : std::uint8_t {
    Hello = 0xa0,
    Cookie = 0xa1,
    Confirm = 0xa2,
    Accept = 0xa3,
    Refuse = 0xa4,
    Ping = 0xa5,
    Pong = 0xa6,
    Datagram = 0xa7,
    PathChallenge = 0xa8,
    PathResponse = 0xa9,
    Close = 0xaa,
    CloseAck = 0xab,
    Reset = 0xac,
};

inline constexpr std::uint8_t ProtocolVersion = 1;
inline constexpr std::size_t FrameHeaderSize = 6;

using Tag = std::array<std::uint8_t, 8>;
using Cookie = std::array<std::uint8_t, 32>;
using ResetToken = std::array<std::uint8_t, 16>;

// Codes of CLOSE from here on belong to the protocol, smaller ones to the application.
inline constexpr std::uint32_t FirstReservedCloseCode = 0xffffff00;
inline constexpr std::uint32_t CloseCodeAbort = 0xffffffff; // abort(): what was queued is lost
inline constexpr std::uint32_t CloseCodeProtocol = 0xfffffffe; // the receiver broke a rule
inline constexpr std::uint32_t CloseCodeMessageSize = 0xfffffffd; // its message was too large

// What the classifier says; see also Frame.
enum class DatagramKind : std::uint8_t { Malformed, Segments, Frame };

DatagramKind classify(kcp::ByteView datagram);

// A frame whose header is known; the type says which of the structures below parses it.
struct Frame
{
    std::uint32_t conv = 0;
    FrameType type = FrameType::Hello;
    std::uint8_t version = ProtocolVersion;
    kcp::ByteView datagram; // all of it

    // For datagrams that classify() calls frames.
    static Frame header(kcp::ByteView datagram);
};

// The client's nonce has 56 random bits and, in the lowest byte, the number of the attempt: a client
// that starts again from HELLO adds one, modulo 256. So a late COOKIE of an earlier attempt is
// told from the awaited one, while the server still sees the same client.
inline constexpr std::uint64_t nonceBase(std::uint64_t nonce)
{
    return nonce >> 8U;
}

// The nonce of a HELLO, COOKIE or REFUSE, whatever its version.
std::optional<std::uint64_t> handshakeNonce(const Frame &frame);

// HELLO [256 or more]: client to server, conv 0.
//     clientNonce u64 | flags u16 (0) | mode u8 (0 stream, 1 messages) | zeros
// The zeros fill the datagram to 256 bytes, so that no answer is larger. A server ignores flags it
// does not know.
struct HelloFrame
{
    static constexpr std::size_t MinimumSize = 256;

    std::uint64_t nonce = 0;
    std::uint16_t flags = 0;
    std::uint8_t mode = 0;

    std::size_t write(kcp::MutableBytes buffer) const;
    static std::optional<HelloFrame> parse(kcp::ByteView datagram);
};

// COOKIE [54]: server to client, conv 0.
//     clientNonce u64 | conv u32 (not 0) | issued u32 | cookie [32]
// issued is the server's time in milliseconds from an origin of its own; the client only sends it
// back.
struct CookieFrame
{
    static constexpr std::size_t Size = 54;

    std::uint64_t nonce = 0;
    std::uint32_t conv = 0;
    std::uint32_t issued = 0;
    Cookie cookie{};

    std::size_t write(kcp::MutableBytes buffer) const;
    static std::optional<CookieFrame> parse(kcp::ByteView datagram);
};

// What each side tells the other about itself, in CONFIRM and ACCEPT [1 + length]:
//     length u8 (13 or more) | mtu u16 | receive window u16 | mode u8 | maxMessageSize u32 |
//     capabilities u32 (0) | (what later versions add)
// mtu is the largest datagram the sender of the frame will take and send, at least 50; the window
// is in segments. Capabilities are bits that both sides must have; unknown ones are ignored.
struct Parameters
{
    static constexpr std::size_t Length = 13;

    std::uint16_t mtu = 0;
    std::uint16_t window = 0;
    std::uint8_t mode = 0;
    std::uint32_t maximumMessageSize = 0;
    std::uint32_t capabilities = 0;

    friend bool operator==(const Parameters &, const Parameters &) = default;
};

// CONFIRM [64]: client to server.
//     clientNonce u64 | issued u32 | cookie [32] | parameters [14] | segments
struct ConfirmFrame
{
    static constexpr std::size_t Size = 64; // with the parameters of this version

    std::uint32_t conv = 0;
    std::uint64_t nonce = 0;
    std::uint32_t issued = 0;
    Cookie cookie{};
    Parameters parameters;
    kcp::ByteView segments; // parsed only

    std::size_t write(kcp::MutableBytes buffer) const; // without segments
    static std::optional<ConfirmFrame> parse(kcp::ByteView datagram);
};

// ACCEPT [52]: server to client.
//     tag [8] | clientNonce u64 | parameters [14] | resetToken [16] | segments
// The nonce is that of the CONFIRM which made the session.
struct AcceptFrame
{
    static constexpr std::size_t Size = 52; // with the parameters of this version

    std::uint32_t conv = 0;
    Tag tag{};
    std::uint64_t nonce = 0;
    Parameters parameters;
    ResetToken resetToken{};
    kcp::ByteView segments; // parsed only

    std::size_t write(kcp::MutableBytes buffer) const; // without segments
    static std::optional<AcceptFrame> parse(kcp::ByteView datagram);
};

// REFUSE [16 or more]: server to client, conv 0.
//     clientNonce u64 | reason u16 | with reason 2: count u8 | count versions u8 each
// Reasons are the values of Refusal.
struct RefuseFrame
{
    static constexpr std::size_t MaximumSize = 18; // as written here: one version

    std::uint64_t nonce = 0;
    std::uint16_t reason = 0;

    std::size_t write(kcp::MutableBytes buffer) const;
    static std::optional<RefuseFrame> parse(kcp::ByteView datagram);
};

// PING [48 or more]: both ways.
//     tag [8] | sequence u32 | zeros
// The zeros fill the datagram to 48 bytes, so that RESET and PATH_CHALLENGE may answer it.
// PONG [18]: both ways. The sequence is that of the PING it answers.
//     tag [8] | sequence u32
// Each side counts its PINGs from 1. A PING that is not newer (by serial arithmetic) than the newest
// one seen is a replay or late: it is not answered.
struct PingFrame
{
    static constexpr std::size_t PingSize = 48;
    static constexpr std::size_t PongSize = 18;

    std::uint32_t conv = 0;
    FrameType type = FrameType::Ping; // or Pong
    Tag tag{};
    std::uint32_t sequence = 0;

    std::size_t write(kcp::MutableBytes buffer) const;
    static std::optional<PingFrame> parse(kcp::ByteView datagram);
};

// DATAGRAM [18 + payload]: both ways.
//     tag [8] | sequence u32 | payload, to the end of the datagram
// Each side counts its DATAGRAMs from 1. A receiver delivers a sequence once, and drops what is more
// than 63 behind the newest.
struct DatagramFrame
{
    static constexpr std::size_t HeadSize = 18;

    std::uint32_t conv = 0;
    Tag tag{};
    std::uint32_t sequence = 0;
    kcp::ByteView payload;

    std::size_t write(kcp::MutableBytes buffer) const;
    static std::optional<DatagramFrame> parse(kcp::ByteView datagram);
};

// PATH_CHALLENGE [14]: server to client, to an address that is not the session's.
//     challenge [8]
// PATH_RESPONSE [14]: client to server, from the address that was challenged.
//     response [8] = mac(pathKey, "kcp1 response", challenge)
// CLOSE_ACK [14]: both ways; answers CLOSE, except one with the abort code or another reserved one.
//     tag [8]
struct ShortFrame
{
    static constexpr std::size_t Size = 14;

    std::uint32_t conv = 0;
    FrameType type = FrameType::CloseAck; // or PathChallenge, PathResponse
    Tag bytes{};

    std::size_t write(kcp::MutableBytes buffer) const;
    static std::optional<ShortFrame> parse(kcp::ByteView datagram);
};

// CLOSE [18 + text]: both ways.
//     tag [8] | code u32 | text, UTF-8, to the end of the datagram, at most 256 bytes
// What comes after 256 bytes is ignored; bytes that are not UTF-8 are shown as '?'.
struct CloseFrame
{
    static constexpr std::size_t HeadSize = 18;
    static constexpr std::size_t MaximumText = 256;

    std::uint32_t conv = 0;
    Tag tag{};
    std::uint32_t code = 0;
    std::string_view text;

    std::size_t write(kcp::MutableBytes buffer) const;
    static std::optional<CloseFrame> parse(kcp::ByteView datagram);
};

// RESET [22]: server to client; answers a segment or PING of a conversation it does not have.
//     resetToken [16]
struct ResetFrame
{
    static constexpr std::size_t Size = 22;

    std::uint32_t conv = 0;
    ResetToken token{};

    std::size_t write(kcp::MutableBytes buffer) const;
    static std::optional<ResetFrame> parse(kcp::ByteView datagram);
};

// The text as far as it is UTF-8, cut at a character's border to at most `limit` bytes.
std::string validUtf8(std::string_view text, std::size_t limit);

} // namespace kcpnet

#endif // KCPNET_SESSION_FRAMES_H
