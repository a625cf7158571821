// SPDX-License-Identifier: MIT
#include <kcp/random.h>

#include <doctest/doctest.h>

#include <array>
#include <cmath>

using namespace kcp;

TEST_SUITE_BEGIN("random");

TEST_CASE("the numbers are those of PCG's own demo")
{
    // pcg32-demo of the reference distribution: seed 42, stream 54.
    Pcg32 random(42, 54);
    for (const std::uint32_t expected :
         { 0xa15c02b7U, 0x7b47f409U, 0xba1d3330U, 0x83d2f293U, 0xbfa4784bU, 0xcbed606eU })
        CHECK(random.next() == expected);
}

TEST_CASE("same seed, same numbers; another seed or stream, others")
{
    Pcg32 a(7, 1);
    Pcg32 b(7, 1);
    Pcg32 otherSeed(8, 1);
    Pcg32 otherStream(7, 2);
    int equalSeed = 0;
    int equalStream = 0;
    for (int i = 0; i < 1000; ++i) {
        const std::uint32_t value = a.next();
        CHECK(value == b.next());
        equalSeed += value == otherSeed.next() ? 1 : 0;
        equalStream += value == otherStream.next() ? 1 : 0;
    }
    CHECK(equalSeed < 5);
    CHECK(equalStream < 5);
}

TEST_CASE("bounded numbers are uniform, chances are kept")
{
    Pcg32 random(1);
    CHECK(random.below(0) == 0);
    CHECK(random.below(1) == 0);
    constexpr int Count = 60000;
    std::array<int, 6> faces{};
    int hits = 0;
    double sum = 0;
    for (int i = 0; i < Count; ++i) {
        const std::uint32_t face = random.below(6);
        REQUIRE(face < 6);
        ++faces[face];
        hits += random.chance(0.1) ? 1 : 0;
        const double unit = random.unit();
        REQUIRE((unit >= 0 && unit < 1));
        sum += unit;
        REQUIRE(!random.chance(0));
        REQUIRE(random.chance(1));
    }
    for (const int face : faces)
        CHECK(std::abs(face - Count / 6) < 5 * std::sqrt(Count * 5 / 36.0));
    CHECK(std::abs(hits - Count / 10) < 5 * std::sqrt(Count * 0.09));
    CHECK(std::abs(sum / Count - 0.5) < 5 / std::sqrt(12.0 * Count));
}

TEST_SUITE_END();
