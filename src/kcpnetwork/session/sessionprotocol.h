// SPDX-License-Identifier: MIT
// What differs between native and plain peers: an object per session, chosen when it is made.
#ifndef KCPNET_SESSION_SESSIONPROTOCOL_H
#define KCPNET_SESSION_SESSIONPROTOCOL_H

#include "endpoint.h"

namespace kcpnet {

struct Frame;
struct Tombstone;

// The same four kinds of method as Endpoint's; every call is about the one session it was made
// for. A protocol ends its session with Session::finish() and is not called afterwards.
class SessionProtocol
{
public:
    virtual ~SessionProtocol();

    // A client begins.
    virtual void start(kcp::Instant now) = 0;
    // What was written is to be delivered, then the session is to end. The session's state is
    // Closing already.
    virtual void close(kcp::Instant now, std::uint32_t code, std::string_view text) = 0;
    // Last words of an abort; the session is finished by the caller.
    virtual void sendAbort() = 0;
    // The peer broke a rule of the messages inside the stream: ends the session.
    virtual void breakOff() = 0;
    virtual void rebind(kcp::Instant now) = 0;
    virtual bool sendDatagram(kcp::ByteView payload) = 0;

    virtual void handleSegments(kcp::Instant now, const Path &path, kcp::ByteView datagram) = 0;
    virtual void handleFrame(kcp::Instant now, const Path &path, const Frame &frame) = 0;
    virtual void handleTimeout(kcp::Instant now) = 0;

    virtual std::size_t pollTransmit(kcp::Instant now, kcp::MutableBytes buffer) = 0;
    // Takes for granted that pollTransmit() has returned 0.
    virtual kcp::Instant deadline() const = 0;

    // No sign of the peer so far: an ICMP error counts.
    virtual bool isConnecting() const = 0;
    // A server's client has not heard that it was accepted.
    virtual void repeatAccept() = 0;
    // The nonceBase() under which handshake frames find the session; 0 when none are expected.
    virtual std::uint64_t handshakeNonce() const = 0;
    // What is to be remembered of the session; false when nothing is.
    virtual bool epitaph(kcp::Instant now, Tombstone &tombstone) const = 0;
    virtual std::size_t maximumDatagramSize() const = 0;
    virtual std::size_t maximumMessageSize() const = 0;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_SESSIONPROTOCOL_H
