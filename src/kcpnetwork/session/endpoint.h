// SPDX-License-Identifier: MIT
// All sessions of one UDP socket: finds the session of a datagram, keeps the deadlines and limits,
// and tells what to send and what happened. A client is an Endpoint that accepts nobody.
#ifndef KCPNET_SESSION_ENDPOINT_H
#define KCPNET_SESSION_ENDPOINT_H

#include "address.h"
#include "crypto.h"
#include "pathtransform.h"

#include <kcp/engine.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kcpnet {

class Session;

// Names a session for ever: an id whose session is gone finds nothing, even when its slot has been
// given to another. A default-constructed id finds nothing.
struct SessionId
{
    std::uint32_t index = UINT32_MAX;
    std::uint32_t generation = 0;
    bool isNull() const { return index == UINT32_MAX; }
    friend bool operator==(const SessionId &, const SessionId &) = default;
};

enum class Profile : std::uint8_t {
    Native = 0x1, // with the session protocol: connect, close, keepalive
    PlainKcp = 0x2, // bare KCP segments, as other implementations speak
};

enum class Mode : std::uint8_t { Stream = 0, Message = 1 };

// What a session is made with. Durations: zero = off.
struct SessionConfig
{
    Profile profile = Profile::Native;
    Mode mode = Mode::Stream;
    kcp::Config engine; // conv, initial sn and stream are set by the session
    kcp::Duration connectTimeout = std::chrono::seconds(10);
    kcp::Duration idleTimeout{ 0 }; // silence that ends the connection
    kcp::Duration keepAliveInterval{ 0 }; // silence after which the peer is probed
    kcp::Duration lingerTime = std::chrono::seconds(10); // a close may take so long
    bool connectWithoutReply = false; // plain: connected at once
    std::uint32_t maximumMessageSize = 16U << 20U; // bytes, of a message we accept
    std::size_t receiveLimit = 0; // bytes that wait for the application; 0 = the receive window
};

// What a server lets in. Everything is bounded.
struct AcceptConfig
{
    std::uint8_t profiles = static_cast<std::uint8_t>(Profile::Native); // Profile flags
    bool accepting = true; // false: strangers are refused (pauseAccepting)
    std::uint32_t maximumConnections = 10000;
    std::uint32_t maximumConnectionsPerAddress = 256; // 0 = no limit
    std::uint32_t maximumPending = 30; // accepted, not yet taken by the application
    SessionConfig session; // for accepted sessions; profile is the peer's
};

// Why a session ended, or never began.
enum class CloseReason : std::uint8_t {
    None,
    LocalClose, // we closed, and the peer has acknowledged all of it (or has nothing to say)
    LocalAbort,
    RemoteClose, // CLOSE with code 0
    RemoteAbort, // CLOSE with the abort code
    Refused, // REFUSE, or the port is unreachable while connecting: see refusal
    ConnectTimeout, // no answer within connectTimeout
    IdleTimeout, // nothing heard within idleTimeout
    DeadLink, // transmissions without an answer
    LingerTimeout, // we closed, and the peer did not take all of it in lingerTime
    Reset, // the server does not know this connection (any more)
    ProtocolError, // the peer broke a rule, or a message is larger than allowed
};

// REFUSE's reason field; Unreachable is local (an ICMP error).
enum class Refusal : std::uint16_t {
    None = 0,
    Full = 1,
    Version = 2,
    NotAccepting = 3,
    Mode = 4,
    CookieExpired = 5,
    AddressLimit = 6,
    Unreachable = 0xffff,
};

struct Event
{
    enum class Type : std::uint8_t {
        Connected, // a client's session may be used
        Accepted, // a new session of a stranger; it wants take() or abort()
        Readable, // new bytes, or messages (for these once until something is read)
        Written, // `bytes` left for the first time since the last such event
        Acknowledged, // something was acknowledged; room below a write limit
        DatagramReceived, // an unreliable datagram waits in the session
        PeerFinished, // no more will come; what came can still be read
        Closed, // the end, the last event of a session: reason, code, text
        PeerAddressChanged,
        PathSilent, // several probes in a row are unanswered: a client may want to rebind()
    };
    Type type = Type::Closed;
    SessionId session;
    std::uint64_t bytes = 0;
    CloseReason reason = CloseReason::None;
    Refusal refusal = Refusal::None;
    std::uint32_t closeCode = 0;
    std::string closeText; // the peer's words, valid UTF-8, at most 256 bytes
};

// Plain counters over all sessions and strangers.
struct EndpointStats
{
    std::uint64_t datagramsIn = 0;
    std::uint64_t bytesIn = 0;
    std::uint64_t datagramsOut = 0;
    std::uint64_t bytesOut = 0;
    std::uint64_t malformedIn = 0; // neither a frame nor a segment, or impossible
    std::uint64_t unknownConversationIn = 0; // well-formed, for nobody here
    std::uint64_t rejectedIn = 0; // frames whose tag, cookie or sequence is not right
    std::uint64_t refused = 0;
    std::uint64_t repliesSuppressed = 0; // by the rate limit for strangers
    std::uint64_t accepted = 0;
};

// The calling order is the Engine's, one level up: say what happened (handle*, commands), then
// pollTransmit() until it returns 0, pollEvent() until it returns false, and arm one timer for
// pollTimeout(). `now` never goes back. No call ever calls out, so a caller may do anything
// between two calls, commands included.
class Endpoint
{
public:
    // crypto must outlive the endpoint. seed is for jitter and hashing, never for secrets. Without
    // a transform datagrams go as they are.
    Endpoint(Crypto *crypto, std::uint64_t seed,
             std::unique_ptr<PathTransform> transform = nullptr);
    ~Endpoint();
    Endpoint(const Endpoint &) = delete;
    Endpoint &operator=(const Endpoint &) = delete;

    // --- commands -----------------------------------------------------------------------------

    // Begins a session to a peer. conv: for the plain profile; 0 = choose one at random.
    // A null id when the configuration is invalid or (address, conv) is in use.
    SessionId connectTo(kcp::Instant now, const Path &path, const SessionConfig &config,
                        std::uint32_t conv = 0);

    // Lets strangers in from now on (listen), changes what is let in, or (accepting = false)
    // lets nobody in, as does an invalid configuration. An endpoint accepts nobody until the first
    // call.
    void setAcceptConfig(const AcceptConfig &config);
    // A server's resetKey: survives restarts when set, else random.
    void setResetKey(kcp::ByteView key);

    // Queues for sending; returns false when it cannot be (closing, message too large).
    // In stream mode write() always takes all: limits are the caller's, by unsentBytes() and
    // unacknowledgedBytes() of session().
    bool write(SessionId id, kcp::ByteView data);
    bool writeMessage(SessionId id, kcp::ByteView message);
    // An unreliable datagram: false when it is too large or the session cannot.
    bool sendDatagram(SessionId id, kcp::ByteView payload);

    std::size_t read(SessionId id, kcp::MutableBytes buffer);
    std::size_t skip(SessionId id, std::size_t size);
    // Takes the next complete message into `message` (replacing its content); false if none.
    bool readMessage(SessionId id, std::vector<std::uint8_t> &message);
    bool readDatagram(SessionId id, std::vector<std::uint8_t> &payload);
    void setReceiveLimit(SessionId id, std::size_t bytes);
    // Changes what can change while a session lives: nodelay, interval, resend, congestion control,
    // rto, dead link and the durations. False when the configuration is invalid.
    bool reconfigure(SessionId id, const SessionConfig &config);

    // The application has taken an accepted session: it does not count as pending any more.
    void take(SessionId id);

    // Delivers what was written, then closes; Closed follows, at the latest after lingerTime.
    // text is cut to 256 bytes.
    void close(kcp::Instant now, SessionId id, std::uint32_t code = 0, std::string_view text = {});
    // Ends at once; one datagram tells the peer. Closed follows.
    void abort(kcp::Instant now, SessionId id);
    // The caller will not use the id again (its Closed event has come, or it does not care):
    // what was received and not read is dropped. A session that is still open is closed first, in
    // the background.
    void release(kcp::Instant now, SessionId id);
    // Gives memory back that no session needs now: for moments when little happens.
    void trim();
    // The client's socket was bound anew: the session goes on over another path.
    void rebind(kcp::Instant now, SessionId id, const Path &path);

    // --- handle -------------------------------------------------------------------------------

    void handleDatagram(kcp::Instant now, const Path &path, kcp::ByteView datagram);
    // ICMP says that nobody listens there. Ends sessions that are still connecting.
    void handleUnreachable(kcp::Instant now, const Path &path);
    // Timeouts are judged here only: read what has arrived before calling it.
    void handleTimeout(kcp::Instant now);

    // --- poll ---------------------------------------------------------------------------------

    // Writes one datagram into the buffer, which must hold maximumTransmitSize() bytes; returns
    // its size, 0 when nothing is to be sent, and the path in `path`. Datagrams of one session
    // come in a row, at most a bounded number before another session has its turn.
    std::size_t pollTransmit(kcp::Instant now, kcp::MutableBytes buffer, Path &path);
    bool pollEvent(Event &event);
    kcp::Instant pollTimeout() const; // kcp::Never when no timer is running

    // --- getters ------------------------------------------------------------------------------

    // nullptr when it is gone. The pointer is good until the next non-const call.
    const Session *session(SessionId id) const;
    std::uint32_t sessionCount() const;
    std::uint32_t pendingCount() const;
    bool isIdle() const; // no session at all, closing ones included: the socket may be closed
    std::size_t maximumTransmitSize() const;
    const EndpointStats &stats() const;

private:
    struct Private;
    std::unique_ptr<Private> d;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_ENDPOINT_H
