// SPDX-License-Identifier: MIT
// What an attacker sends that knows the protocol and no secret.
#ifndef KCPNET_TEST_FORGERY_H
#define KCPNET_TEST_FORGERY_H

#include "nativepair.h"

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint8_t Push = 81;

inline Bytes randomBytes(kcp::Pcg32 &random, std::size_t size)
{
    Bytes bytes(size);
    for (std::uint8_t &byte : bytes)
        byte = static_cast<std::uint8_t>(random.next() >> 24U);
    return bytes;
}

template <typename Int>
void put(Bytes &bytes, std::size_t offset, Int value)
{
    kcp::storeLittleEndian(bytes.data() + offset, value);
}

// A frame or segment whose shape is right and whose secrets are guessed.
inline Bytes forgery(kcp::Pcg32 &random, std::uint8_t type, std::uint32_t conv)
{
    static constexpr std::size_t sizes[] = { 256, 54, 80, 80, 18, 48, 18, 40, 14, 14, 30, 14, 22 };
    const bool isFrame = type >= Hello;
    Bytes bytes = randomBytes(random, isFrame ? sizes[type - Hello] : 24 + random.below(40));
    const bool withoutConv = type == Hello || type == CookieType || type == Refuse;
    put<std::uint32_t>(bytes, 0, withoutConv ? 0 : conv);
    bytes[4] = type;
    bytes[5] = isFrame ? 1 : 0;
    if (!isFrame)
        put<std::uint32_t>(bytes, 20, static_cast<std::uint32_t>(bytes.size() - 24));
    if (type == Hello)
        bytes[16] = 0; // the mode
    if (type == Confirm || type == Accept) { // parameters that a peer could have
        const std::size_t at = type == Confirm ? 50 : 22;
        bytes[at] = 13;
        put<std::uint16_t>(bytes, at + 1, 1400);
        put<std::uint16_t>(bytes, at + 3, 1024);
        bytes[at + 5] = 0;
    }
    return bytes;
}

inline constexpr std::uint8_t AllTypes[] = { Hello,         CookieType,   Confirm, Accept,
                                             Refuse,        Ping,         Pong,    DatagramType,
                                             PathChallenge, PathResponse, Close,   CloseAck,
                                             Reset };

inline kcpnet::Address randomAddress(kcp::Pcg32 &random)
{
    return kcpnet::Address::fromIPv4(0xc0000000U | random.next(),
                                     static_cast<std::uint16_t>(random.next()));
}

#endif // KCPNET_TEST_FORGERY_H
