// SPDX-License-Identifier: MIT
// What the fuzzers share: decisions taken from the input, and invariants.
#ifndef KCPFUZZ_FUZZINPUT_H
#define KCPFUZZ_FUZZINPUT_H

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

// An invariant. Unlike assert() it is checked in every build.
#define FUZZ_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : kcpfuzz::fail(#condition, __FILE__, __LINE__))

namespace kcpfuzz {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

[[noreturn]] inline void fail(const char *condition, const char *file, int line)
{
    std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    std::abort();
}

// Hands out the input from the front. At its end all numbers are 0.
class FuzzInput
{
public:
    FuzzInput(const std::uint8_t *data, std::size_t size) : m_rest(data, size) { }

    bool isEmpty() const { return m_rest.empty(); }
    std::size_t remaining() const { return m_rest.size(); }

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    bool flag() { return (u8() & 1U) != 0; }

    // In [0, bound); 0 when bound is 0. Takes no more bytes than the bound needs.
    std::uint32_t below(std::uint32_t bound)
    {
        if (bound <= 1)
            return 0;
        return static_cast<std::uint32_t>(number(bound <= 0x100             ? 1
                                                         : bound <= 0x10000 ? 2
                                                                            : 4))
                % bound;
    }

    // One of the given values.
    template <typename T, std::size_t N>
    T oneOf(const T (&values)[N])
    {
        return values[below(N)];
    }

    // At most size bytes, in memory of their own, so that an overrun of one byte is seen.
    Bytes bytes(std::size_t size)
    {
        const ByteView part = m_rest.first(std::min(size, m_rest.size()));
        m_rest = m_rest.subspan(part.size());
        Bytes result(part.begin(), part.end());
        result.shrink_to_fit();
        return result;
    }
    Bytes rest() { return bytes(m_rest.size()); }

    template <std::size_t N>
    void fill(std::array<std::uint8_t, N> &array)
    {
        for (std::uint8_t &byte : array)
            byte = u8();
    }

private:
    std::uint64_t number(std::size_t size)
    {
        std::uint64_t value = 0;
        const std::size_t part = std::min(size, m_rest.size());
        for (std::size_t i = 0; i < part; ++i)
            value |= static_cast<std::uint64_t>(m_rest[i]) << (8 * i);
        m_rest = m_rest.subspan(part);
        return value;
    }

    ByteView m_rest;
};

inline bool isEqual(ByteView a, ByteView b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// Memory of exactly this size, so that an overrun of one byte is seen.
inline Bytes exactly(std::size_t size)
{
    Bytes bytes(size);
    bytes.shrink_to_fit();
    return bytes;
}

// The byte at a position of what the sender of this number sends.
inline std::uint8_t contentAt(int sender, std::uint64_t position)
{
    const std::uint64_t mixed = (position + 1) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::uint8_t>((mixed >> 56U) + static_cast<std::uint64_t>(sender));
}

} // namespace kcpfuzz

#endif // KCPFUZZ_FUZZINPUT_H
