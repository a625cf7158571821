// SPDX-License-Identifier: MIT
#include "address.h"

#include <kcp/bytes.h>

#include <algorithm>

namespace kcpnet {

namespace {

constexpr std::array<std::uint8_t, 12> MappedPrefix = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

// The finalizer of SplitMix64: every input bit reaches every output bit.
std::uint64_t scramble(std::uint64_t x)
{
    x ^= x >> 30U;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27U;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
}

} // namespace

Address Address::fromIPv4(std::uint32_t ip, std::uint16_t port)
{
    Address address;
    std::copy(MappedPrefix.begin(), MappedPrefix.end(), address.ip.begin());
    for (std::size_t i = 0; i < 4; ++i)
        address.ip[12 + i] = static_cast<std::uint8_t>(ip >> (24 - 8 * i));
    address.port = port;
    return address;
}

bool Address::isIPv4() const
{
    return std::equal(MappedPrefix.begin(), MappedPrefix.end(), ip.begin());
}

bool Address::isNull() const
{
    return *this == Address();
}

std::uint64_t hashAddress(const Address &address, std::uint64_t seed)
{
    std::uint64_t hash = scramble(seed ^ 0x9e3779b97f4a7c15ULL);
    hash = scramble(hash ^ kcp::loadLittleEndian<std::uint64_t>(address.ip.data()));
    hash = scramble(hash ^ kcp::loadLittleEndian<std::uint64_t>(address.ip.data() + 8));
    return scramble(hash ^ (std::uint64_t(address.scope) << 16U) ^ address.port);
}

} // namespace kcpnet
