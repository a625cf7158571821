// SPDX-License-Identifier: MIT
// Two endpoints that speak bare KCP, and a stranger.
#ifndef PLAINPAIR_H
#define PLAINPAIR_H

#include "testnetwork.h"

inline kcpnet::SessionConfig plainConfig()
{
    kcpnet::SessionConfig config;
    config.profile = kcpnet::Profile::PlainKcp;
    config.engine.nodelay = 1;
    config.engine.interval = 10ms;
    config.engine.fastResend = 2;
    config.engine.congestionControl = kcp::CongestionControl::Off;
    return config;
}

inline kcpnet::AcceptConfig plainServer()
{
    kcpnet::AcceptConfig config;
    config.profiles = static_cast<std::uint8_t>(kcpnet::Profile::PlainKcp);
    config.session = plainConfig();
    return config;
}

// Written by hand: the product's encoder is not asked.
inline std::vector<std::uint8_t> segment(std::uint32_t conv, std::uint8_t cmd, std::uint32_t sn,
                                         std::uint32_t una, std::string_view data = {})
{
    std::vector<std::uint8_t> bytes;
    const auto u32 = [&bytes](std::size_t value) {
        for (int i = 0; i < 4; ++i)
            bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    };
    u32(conv);
    bytes.push_back(cmd);
    bytes.push_back(0); // frg
    bytes.push_back(128); // wnd
    bytes.push_back(0);
    u32(5); // ts
    u32(sn);
    u32(una);
    u32(data.size());
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

inline constexpr std::uint8_t Push = 81;
inline constexpr std::uint8_t Wask = 83;
inline constexpr std::uint8_t Wins = 84;

struct PlainPair
{
    explicit PlainPair(kcp::Instant start = kcp::instantFromMicroseconds(1000000)) : network(start)
    {
        (*server).setAcceptConfig(plainServer());
    }

    TestNetwork network;
    Node &server = network.add(address(1, 7000));
    Node &client = network.add(address(2, 40000));
    Node &stranger = network.add(address(3, 50000)); // raw datagrams only
};

#endif // PLAINPAIR_H
