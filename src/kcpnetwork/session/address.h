// SPDX-License-Identifier: MIT
// Network addresses as plain values, without any socket header.
#ifndef KCPNET_SESSION_ADDRESS_H
#define KCPNET_SESSION_ADDRESS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace kcpnet {

// An IP address and UDP port. IPv4 is stored mapped (::ffff:a.b.c.d), so that an IPv4 peer of a
// dual-stack socket and of an IPv4 socket is the same key.
struct Address
{
    std::array<std::uint8_t, 16> ip{}; // network order
    std::uint32_t scope = 0; // IPv6 zone index, 0 = none
    std::uint16_t port = 0; // host order

    static Address fromIPv4(std::uint32_t ip, std::uint16_t port); // host order

    bool isIPv4() const;
    bool isNull() const; // all zero: nothing is known
    friend bool operator==(const Address &, const Address &) = default;
};

// Where datagrams of a session come from and go to. `local` is the address the peer asked for,
// so that a server with several addresses answers from the right one; null when it is not known
// or does not matter (a client's socket).
struct Path
{
    Address local;
    Address peer;
    friend bool operator==(const Path &, const Path &) = default;
};

// Hashes are keyed with a random seed where strangers choose the input.
std::uint64_t hashAddress(const Address &address, std::uint64_t seed);

} // namespace kcpnet

#endif // KCPNET_SESSION_ADDRESS_H
