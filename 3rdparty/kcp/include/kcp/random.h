// SPDX-License-Identifier: MIT
// A small seeded generator for jitter and simulation: the same seed gives the same numbers on
// every machine. Not for secrets: those come from injected entropy.
#ifndef KCP_RANDOM_H
#define KCP_RANDOM_H

#include <cstdint>

namespace kcp {

// PCG-XSH-RR 64/32 (M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically
// Good Algorithms for Random Number Generation", 2014).
class Pcg32
{
public:
    using result_type = std::uint32_t;

    explicit Pcg32(std::uint64_t seed, std::uint64_t stream = 0) : m_increment((stream << 1U) | 1U)
    {
        next();
        m_state += seed;
        next();
    }

    std::uint32_t next()
    {
        const std::uint64_t old = m_state;
        m_state = old * 6364136223846793005ULL + m_increment;
        const auto shifted = static_cast<std::uint32_t>(((old >> 18U) ^ old) >> 27U);
        const auto rotation = static_cast<std::uint32_t>(old >> 59U);
        return (shifted >> rotation) | (shifted << ((32U - rotation) & 31U));
    }

    // Uniform in [0, bound); 0 when bound is 0. Multiply-shift (D. Lemire, 2019): the bias is
    // below bound / 2^32, which does not matter for jitter.
    std::uint32_t below(std::uint32_t bound)
    {
        return static_cast<std::uint32_t>((static_cast<std::uint64_t>(next()) * bound) >> 32U);
    }

    // True with the given probability in [0, 1].
    bool chance(double probability) { return next() < probability * 4294967296.0; }

    // Uniform in [0, 1).
    double unit() { return next() / 4294967296.0; }

    // What the standard library's algorithms ask of a generator.
    std::uint32_t operator()() { return next(); }
    static constexpr std::uint32_t min() { return 0; }
    static constexpr std::uint32_t max() { return UINT32_MAX; }

private:
    std::uint64_t m_state = 0;
    std::uint64_t m_increment;
};

} // namespace kcp

#endif // KCP_RANDOM_H
