// SPDX-License-Identifier: MIT
#include <kcp/rtt.h>

#include <doctest/doctest.h>

using namespace kcp;
using namespace std::chrono_literals;

TEST_SUITE_BEGIN("rtt");

TEST_CASE("before the first sample")
{
    const RttEstimator rtt(100ms, 100ms);
    CHECK(!rtt.hasSample());
    CHECK(rtt.srtt() == 0ms);
    CHECK(rtt.minimum() == 0ms);
    CHECK(rtt.rto() == 200ms);
}

TEST_CASE("the filter")
{
    RttEstimator rtt(30ms, 10ms);
    rtt.addSample(100ms);
    CHECK(rtt.srtt() == 100ms);
    CHECK(rtt.rttvar() == 50ms);
    CHECK(rtt.rto() == 300ms); // 100 + max(10, 4 * 50)

    rtt.addSample(180ms);
    CHECK(rtt.rttvar() == 57500us); // (3 * 50 + 80) / 4: with the old srtt
    CHECK(rtt.srtt() == 110ms); // (7 * 100 + 180) / 8
    CHECK(rtt.rto() == 340ms);
    CHECK(rtt.latest() == 180ms);
    CHECK(rtt.minimum() == 100ms);

    rtt.addSample(30ms);
    CHECK(rtt.minimum() == 30ms);
    CHECK(rtt.rttvar() == 63125us);
    CHECK(rtt.srtt() == 100ms);
}

TEST_CASE("rto has the interval as its granularity, a minimum and a maximum")
{
    RttEstimator rtt(30ms, 10ms);
    for (int i = 0; i < 100; ++i)
        rtt.addSample(1ms);
    CHECK(rtt.srtt() == 1ms);
    CHECK(rtt.rto() == 30ms); // 1 + max(10, ~0) is below the minimum
    rtt.setMinimumRto(1ms);
    CHECK(rtt.rto() == 11ms);
    rtt.setInterval(40ms);
    CHECK(rtt.rto() == 41ms);
    rtt.setMinimumRto(100ms);
    CHECK(rtt.rto() == 100ms);

    RttEstimator slow(30ms, 10ms);
    slow.addSample(50s);
    CHECK(slow.rto() == 60s);
}

TEST_CASE("samples that cannot be, and samples below the resolution")
{
    RttEstimator rtt(30ms, 10ms);
    rtt.addSample(-1us);
    CHECK(!rtt.hasSample());
    rtt.addSample(0us);
    CHECK(rtt.hasSample()); // a first sample of zero is a sample
    CHECK(rtt.srtt() > 0us);
    rtt.addSample(0us);
    CHECK(rtt.srtt() > 0us);
    CHECK(rtt.rto() == 30ms);
}

TEST_CASE("a changed limit does not touch the initial rto")
{
    RttEstimator rtt(100ms, 100ms);
    rtt.setMinimumRto(30ms);
    rtt.setInterval(10ms);
    CHECK(rtt.rto() == 200ms);
}

TEST_SUITE_END();
