// SPDX-License-Identifier: MIT
// A server and a client that speak the session protocol.
#ifndef KCPNET_TEST_NATIVEPAIR_H
#define KCPNET_TEST_NATIVEPAIR_H

#include "testnetwork.h"

// Frame types by their numbers: the tests do not ask the product.
constexpr std::uint8_t Hello = 0xa0;
constexpr std::uint8_t CookieType = 0xa1;
constexpr std::uint8_t Confirm = 0xa2;
constexpr std::uint8_t Accept = 0xa3;
constexpr std::uint8_t Refuse = 0xa4;
constexpr std::uint8_t Ping = 0xa5;
constexpr std::uint8_t Pong = 0xa6;
constexpr std::uint8_t DatagramType = 0xa7;
constexpr std::uint8_t PathChallenge = 0xa8;
constexpr std::uint8_t PathResponse = 0xa9;
constexpr std::uint8_t Close = 0xaa;
constexpr std::uint8_t CloseAck = 0xab;
constexpr std::uint8_t Reset = 0xac;

inline kcpnet::SessionConfig nativeConfig()
{
    kcpnet::SessionConfig config;
    config.engine.nodelay = 1;
    config.engine.interval = 10ms;
    config.engine.fastResend = 2;
    config.engine.congestionControl = kcp::CongestionControl::Cubic;
    config.engine.sendWindow = 1024;
    config.engine.receiveWindow = 1024;
    config.idleTimeout = 30s;
    config.keepAliveInterval = 10s;
    return config;
}

inline kcpnet::AcceptConfig nativeServer()
{
    kcpnet::AcceptConfig config;
    config.session = nativeConfig();
    return config;
}

struct NativePair
{
    explicit NativePair(kcp::Instant start = kcp::instantFromMicroseconds(1000000)) : network(start)
    {
        server->setAcceptConfig(nativeServer());
    }

    // A session on both sides, with nothing left under way.
    void connect(const kcpnet::SessionConfig &config = nativeConfig())
    {
        id = client.connectTo(server, config);
        network.run(500ms);
        peer = server.accepted();
    }

    std::function<bool(TestNetwork::Packet &)> dropAll() const
    {
        return [](TestNetwork::Packet &) { return false; };
    }

    TestNetwork network;
    Node &server = network.add(address(1, 7000));
    Node &client = network.add(address(2, 40000));
    kcpnet::SessionId id; // the client's
    kcpnet::SessionId peer; // the server's
};

#endif // KCPNET_TEST_NATIVEPAIR_H
