// SPDX-License-Identifier: MIT
#include <kcp/time.h>

#include <doctest/doctest.h>

using namespace kcp;
using namespace std::chrono_literals;

TEST_SUITE_BEGIN("time");

TEST_CASE("the wire's time is milliseconds, and wraps after 2^32 of them")
{
    CHECK(wireTime(Instant(999us)) == 0);
    CHECK(wireTime(Instant(1ms)) == 1);
    CHECK(wireTime(Instant(5s)) == 5000);
    const Instant wrap = Instant(Duration((std::int64_t(1) << 32) * 1000));
    CHECK(wireTime(wrap - 1us) == 0xffffffffU);
    CHECK(wireTime(wrap) == 0);
    CHECK(wireTime(wrap + 7ms) == 7);
    // A thousand years of microseconds still fit.
    CHECK(Instant(24h * 365 * 1000) < Never);
}

TEST_CASE("serial numbers are compared across the wrap")
{
    CHECK(serialDistance(5, 3) == 2);
    CHECK(serialDistance(3, 5) == -2);
    CHECK(serialDistance(2, 0xfffffffeU) == 4);
    CHECK(serialDistance(0xfffffffeU, 2) == -4);
    CHECK(serialLess(0xffffffffU, 0));
    CHECK(!serialLess(0, 0xffffffffU));
    CHECK(!serialLess(7, 7));
    CHECK(serialLess(0, 0x7fffffffU));
    CHECK(serialLess(0x80000001U, 0));
}

TEST_SUITE_END();
