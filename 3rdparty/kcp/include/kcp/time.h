// SPDX-License-Identifier: MIT
// Time and serial numbers. The engine never asks a clock: an Instant is handed to it.
#ifndef KCP_TIME_H
#define KCP_TIME_H

#include <chrono>
#include <cstdint>

namespace kcp {

// Microseconds. Literals of std::chrono (10ms, 5s) convert to it without loss.
using Duration = std::chrono::duration<std::int64_t, std::micro>;

// Tag only: there is no now(), so that no code here can ask for the time.
struct VirtualClock
{
    using duration = Duration;
    using rep = Duration::rep;
    using period = Duration::period;
    static constexpr bool is_steady = true;
};

// A point of a monotone clock whose origin is the caller's choice.
using Instant = std::chrono::time_point<VirtualClock, Duration>;

// The sentinel of every deadline: no timer is running.
inline constexpr Instant Never = Instant::max();

inline constexpr Instant instantFromMicroseconds(std::int64_t us)
{
    return Instant(Duration(us));
}

// The 32-bit millisecond time that goes into a segment's ts field. It wraps every 49.7 days.
inline constexpr std::uint32_t wireTime(Instant t)
{
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(t.time_since_epoch().count())
                                      / 1000U);
}

// Serial number arithmetic on 32 bits (RFC 1982): the distance from b to a, negative when a is
// before b. Right as long as the two are less than 2^31 apart.
inline constexpr std::int32_t serialDistance(std::uint32_t a, std::uint32_t b)
{
    return static_cast<std::int32_t>(a - b);
}

inline constexpr bool serialLess(std::uint32_t a, std::uint32_t b)
{
    return serialDistance(a, b) < 0;
}

} // namespace kcp

#endif // KCP_TIME_H
