// SPDX-License-Identifier: MIT
// The parts of a native session that live only while it connects or closes.
#ifndef KCPNET_SESSION_NATIVEPROTOCOL_P_H
#define KCPNET_SESSION_NATIVEPROTOCOL_P_H

#include "nativeprotocol.h"
#include "sessioncontext.h"

#include <vector>

namespace kcpnet {

struct NativeProtocol::Handshake
{
    enum class Stage : std::uint8_t {
        Hello, // a COOKIE is awaited; after a restart also the ACCEPT of the CONFIRM before it
        Confirm, // ACCEPT is awaited
    };

    kcp::Instant deadline = kcp::Never; // connectTimeout
    kcp::Instant retry = kcp::Never;
    kcp::Duration delay{ 0 };
    kcp::Instant cookieArrival{};
    Cookie cookie{};
    std::vector<std::vector<std::uint8_t>> early; // segments that overtook ACCEPT
    Stage stage = Stage::Hello;
    std::uint8_t confirms = 0; // sent by the timer since the cookie came
    bool hasKeys = false; // there was a cookie
};

struct NativeProtocol::Closing
{
    std::uint32_t code = 0;
    std::string text;
    kcp::Instant lingerDeadline = kcp::Never;
    kcp::Instant retry = kcp::Never; // of CLOSE, from the first one on
    kcp::Duration delay{ 0 };
    bool sent = false; // all is delivered, and CLOSE has left
    bool due = true; // CLOSE is to leave (again) when all is delivered
    bool peerClosed = false; // its CLOSE has come and is answered when all is delivered
};

struct NativeProtocol::Mobility
{
    kcp::Instant acceptDeadline = kcp::Never; // of the next repetition after a move
    kcp::Instant rebindDeadline = kcp::Never; // of the next PING after rebind()
    kcp::Duration rebindDelay{ 0 };
    ResetToken resetToken{}; // a client's: what RESET must carry
    Tag challenge{}; // to be answered
    std::uint32_t moves = 0;
    std::uint8_t acceptsLeft = 0;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_NATIVEPROTOCOL_P_H
