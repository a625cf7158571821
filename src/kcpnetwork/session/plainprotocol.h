// SPDX-License-Identifier: MIT
// A session with a peer that speaks bare KCP: no handshake, no close, no keepalive of its own.
// What KCP has is WASK, which every implementation answers with WINS; it serves to connect and to
// ask whether the peer is alive.
#ifndef KCPNET_SESSION_PLAINPROTOCOL_H
#define KCPNET_SESSION_PLAINPROTOCOL_H

#include "liveness.h"
#include "session.h"
#include "sessionprotocol.h"

namespace kcpnet {

class PlainProtocol final : public SessionProtocol
{
public:
    // While connecting WASK is repeated after this time, doubling up to the longest.
    static constexpr kcp::Duration FirstRetry = std::chrono::milliseconds(250);
    static constexpr kcp::Duration LongestRetry = std::chrono::seconds(2);
    // A stranger's address may be forged: until it acknowledges something of ours, it is sent at
    // most so many times the bytes that came from it.
    static constexpr std::uint64_t Amplification = 3;

    // So long late segments of a session that was accepted cannot open a new one.
    static constexpr kcp::Duration TombstoneLife = std::chrono::seconds(30);

    PlainProtocol(Session &session, kcp::Instant now);

    void start(kcp::Instant now) override;
    void close(kcp::Instant now, std::uint32_t code, std::string_view text) override;
    void sendAbort() override { }
    void breakOff() override { }
    void rebind(kcp::Instant now) override;
    bool sendDatagram(kcp::ByteView payload) override;
    void handleSegments(kcp::Instant now, const Path &path, kcp::ByteView datagram) override;
    void handleFrame(kcp::Instant now, const Path &path, const Frame &frame) override;
    void handleTimeout(kcp::Instant now) override;
    std::size_t pollTransmit(kcp::Instant now, kcp::MutableBytes buffer) override;
    kcp::Instant deadline() const override;
    bool isConnecting() const override { return m_connecting; }
    void repeatAccept() override { }
    std::uint64_t handshakeNonce() const override { return 0; }
    bool epitaph(kcp::Instant now, Tombstone &tombstone) const override;
    std::size_t maximumDatagramSize() const override { return 0; }
    std::size_t maximumMessageSize() const override;

private:
    std::size_t pollWithCredit(kcp::Instant now, kcp::MutableBytes buffer);
    void probe(kcp::Instant now);
    void connected(kcp::Instant now);
    void handleConnectTimeout(kcp::Instant now);
    void handleLiveness(kcp::Instant now);
    Liveness::Limits limits() const;
    kcp::Instant starvedDeadline() const;

    Session &m_session;
    Liveness m_liveness;
    kcp::Instant m_connectDeadline = kcp::Never;
    kcp::Instant m_retryDeadline = kcp::Never;
    kcp::Duration m_retryDelay{ 0 };
    kcp::Instant m_lingerDeadline = kcp::Never;
    kcp::Instant m_creditDeadline{}; // while starved: when the peer is asked again
    std::uint64_t m_credit = 0; // bytes that may be sent to an address that is not proven
    bool m_proven; // the peer has acknowledged something, or we called it
    bool m_connecting = false;
    bool m_starved = false; // something to send was held back for want of credit
};

} // namespace kcpnet

#endif // KCPNET_SESSION_PLAINPROTOCOL_H
