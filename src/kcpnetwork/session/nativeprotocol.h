// SPDX-License-Identifier: MIT
// A session with a peer that speaks the session protocol: see frames.h for what goes over the
// wire and cookie.h for the keys.
//
// nativehandshake.cpp: the client until ACCEPT. nativeprotocol.cpp: living and moving.
// nativeclosing.cpp: the end. nativetransmit.cpp: what leaves, and when.
#ifndef KCPNET_SESSION_NATIVEPROTOCOL_H
#define KCPNET_SESSION_NATIVEPROTOCOL_H

#include "cookie.h"
#include "frames.h"
#include "liveness.h"
#include "session.h"
#include "sessionprotocol.h"

namespace kcpnet {

class NativeProtocol final : public SessionProtocol
{
public:
    // HELLO and CONFIRM are repeated after this time, doubling up to the longest.
    static constexpr kcp::Duration FirstRetry = std::chrono::milliseconds(250);
    static constexpr kcp::Duration LongestRetry = std::chrono::seconds(2);
    // After so many CONFIRMs without an answer, or when the cookie is so old, a client starts
    // again from HELLO: the server may have lost its secret.
    static constexpr std::uint8_t MaximumConfirms = 3;
    static constexpr kcp::Duration CookieUse = std::chrono::seconds(8);
    // Until the peer's MTU and window are known, datagrams and the first flight are so large.
    static constexpr std::uint32_t HandshakeMtu = 1200;
    static constexpr std::uint32_t FirstFlight = 10; // segments
    // Datagrams that overtake ACCEPT are held, so many.
    static constexpr std::size_t MaximumEarly = 64;
    // A client that moved is sent ACCEPT so often, since it cannot tell that one is missing.
    static constexpr std::uint8_t AcceptRepeats = 3;
    // CLOSE is repeated after twice the rto within these limits, doubling.
    static constexpr kcp::Duration ShortestCloseRetry = std::chrono::milliseconds(100);
    static constexpr kcp::Duration LongestCloseRetry = std::chrono::seconds(1);
    // A session that has ended is remembered until no cookie of it can be valid.
    static constexpr kcp::Duration TombstoneLife = CookieJar::Life + std::chrono::seconds(2);

    // What a server knows of a client when it lets it in.
    struct Accepted
    {
        SessionKeys keys;
        std::uint64_t nonce = 0;
        std::uint32_t issued = 0;
        Parameters peer;
    };

    // What the engine of a session that is not accepted yet may do. The mode does not matter to
    // it: messages are framed inside the stream.
    static kcp::Config handshakeEngine(const SessionConfig &config, Session::Role role);

    NativeProtocol(Session &session, kcp::Instant now); // a client
    NativeProtocol(Session &session, kcp::Instant now, const Accepted &accepted); // a server
    ~NativeProtocol() override;

    void start(kcp::Instant now) override;
    void close(kcp::Instant now, std::uint32_t code, std::string_view text) override;
    void sendAbort() override;
    void breakOff() override;
    void rebind(kcp::Instant now) override;
    bool sendDatagram(kcp::ByteView payload) override;
    void handleSegments(kcp::Instant now, const Path &path, kcp::ByteView datagram) override;
    void handleFrame(kcp::Instant now, const Path &path, const Frame &frame) override;
    void handleTimeout(kcp::Instant now) override;
    std::size_t pollTransmit(kcp::Instant now, kcp::MutableBytes buffer) override;
    kcp::Instant deadline() const override;
    bool isConnecting() const override;
    void repeatAccept() override;
    std::uint64_t handshakeNonce() const override;
    bool epitaph(kcp::Instant now, Tombstone &tombstone) const override;
    std::size_t maximumDatagramSize() const override;
    std::size_t maximumMessageSize() const override;

private:
    struct Handshake; // a client's, until ACCEPT
    struct Closing; // from close() on
    struct Mobility; // of a client, and of a server whose client has moved

    // Frames that are to leave with the next flush; bits of m_due.
    enum Due : std::uint8_t {
        DueHello = 0x01,
        DueConfirm = 0x02,
        DueAccept = 0x04,
        DuePing = 0x08,
        DuePong = 0x10,
        DueResponse = 0x20,
    };

    bool isClient() const { return m_session.role() == Session::Role::Client; }
    bool isEstablished() const { return !m_handshake; }
    bool isSayingHello() const;
    bool hasKeys() const;
    const Tag &ownTag() const { return isClient() ? m_keys.clientTag : m_keys.serverTag; }
    const Tag &peerTag() const { return isClient() ? m_keys.serverTag : m_keys.clientTag; }
    Liveness::Limits limits() const;
    void request(Due frame);
    void heard(kcp::Instant now);
    void reject();

    // nativehandshake.cpp
    void sayHello(kcp::Instant now);
    void handleCookie(kcp::Instant now, const CookieFrame &frame);
    void handleAccept(kcp::Instant now, const Path &path, const AcceptFrame &frame);
    void handleRefuse(kcp::Instant now, const RefuseFrame &frame);
    void completeHandshake(kcp::Instant now, const Path &path, const AcceptFrame &frame);
    void handleHandshakeTimeout(kcp::Instant now);
    void holdEarly(kcp::ByteView datagram);
    void adoptPeer(kcp::Instant now, const Parameters &peer);
    void handleConfirm(kcp::Instant now, const Path &path, const ConfirmFrame &frame);
    void noteConfirmed();

    // nativeprotocol.cpp
    Mobility &mobility();
    std::uint32_t moves() const;
    bool isAuthentic(kcp::Instant now, const Path &path, const Tag &tag);
    void handlePing(kcp::Instant now, const Path &path, const PingFrame &frame);
    void handlePong(kcp::Instant now, const Path &path, const PingFrame &frame);
    void handleDatagramFrame(kcp::Instant now, const Path &path, const DatagramFrame &frame);
    void handleReset(const ResetFrame &frame);
    bool isNewDatagram(std::uint32_t sequence);
    void challenge(kcp::Instant now, const Path &path);
    void handleChallenge(const Tag &challenge);
    void handlePathResponse(kcp::Instant now, const Path &path, const Tag &response);
    void moveTo(kcp::Instant now, const Path &path);
    void handleMobility(kcp::Instant now);
    void handleLiveness(kcp::Instant now);

    // nativeclosing.cpp
    void handleClose(kcp::Instant now, const Path &path, const CloseFrame &frame);
    void handleCloseAck(kcp::Instant now, const Path &path, const Tag &tag);
    void handleClosingTimeout(kcp::Instant now);
    void finishUnanswered(CloseReason reason);
    bool isDelivered() const;
    void sendLastWords(std::uint32_t code);
    void sendCloseAck();

    // nativetransmit.cpp
    std::size_t pollControl(kcp::MutableBytes buffer);
    std::size_t pollSegments(kcp::Instant now, kcp::MutableBytes buffer);
    std::size_t pollDatagram(kcp::MutableBytes buffer);
    std::size_t pollClosing(kcp::Instant now, kcp::MutableBytes buffer);
    std::size_t writeConfirm(kcp::MutableBytes buffer);
    std::size_t writeAccept(kcp::MutableBytes buffer);
    std::size_t writePing(kcp::MutableBytes buffer, FrameType type, std::uint32_t sequence) const;
    Parameters ownParameters() const;

    Session &m_session;
    Liveness m_liveness;
    std::unique_ptr<Handshake> m_handshake;
    std::unique_ptr<Closing> m_closing;
    std::unique_ptr<Mobility> m_mobility;
    SessionKeys m_keys;
    Parameters m_peer;
    std::uint64_t m_nonce = 0;
    std::uint64_t m_datagramsSeen = 0; // bit n: the one n before m_newestDatagram
    std::uint32_t m_issued = 0; // the cookie's
    std::uint32_t m_pingSequence = 0; // of our newest PING
    std::uint32_t m_pongHeard = 0; // the newest PONG's
    std::uint32_t m_pingHeard = 0; // the peer's newest PING's
    std::uint32_t m_datagramSequence = 0;
    std::uint32_t m_newestDatagram = 0;
    std::uint32_t m_lastWords = CloseCodeAbort; // the code of our CLOSE that is not repeated
    std::uint8_t m_due = 0;
    bool m_unconfirmed = false; // a server that has not heard a datagram without CONFIRM
    bool m_connectedTold = false;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_NATIVEPROTOCOL_H
