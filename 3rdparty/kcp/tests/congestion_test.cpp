// SPDX-License-Identifier: MIT
// The controllers by themselves: the original's numbers, and RFC 9438 with RFC 5681.
#include <kcp/congestion.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

using namespace kcp;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t Mss = 1376;
constexpr double C = 0.4;
constexpr double Beta = 0.7;

Instant at(Duration time)
{
    return Instant(time);
}

CongestionController::Ack ackOf(Instant now, std::uint32_t segments, std::uint32_t inFlight,
                                Duration srtt)
{
    return { .now = now,
             .newlyAcknowledged = segments,
             .inFlight = inFlight,
             .cumulative = true,
             .windowLimited = true,
             .srtt = srtt };
}

// A window's worth of acknowledgements, two segments each, spread over one round trip.
Instant roundTrip(CongestionController &control, Instant start, Duration rtt)
{
    const std::uint32_t window = control.window();
    const std::uint32_t acks = std::max(1U, window / 2);
    for (std::uint32_t i = 1; i <= acks; ++i) {
        const Duration offset = rtt * i / acks;
        const std::uint32_t segments = window / acks + (i <= window % acks ? 1 : 0);
        control.onAck(ackOf(start + offset, segments, window, rtt));
    }
    return start + rtt;
}

// Slow start to about 200 segments, then one loss: the curve has its W_max.
std::uint32_t growAndLose(CongestionController &control, Instant &now, Duration rtt)
{
    while (control.window() < 160)
        now = roundTrip(control, now, rtt);
    const std::uint32_t before = control.window();
    control.onFastRetransmit({ .now = now, .inFlight = before, .newEpisode = true });
    return before;
}

} // namespace

TEST_SUITE_BEGIN("congestion");

TEST_CASE("off: nothing limits, nothing reacts")
{
    const auto control = CongestionController::create(CongestionControl::Off, Mss, 2);
    control->onTimeout({ .now = at(1s), .inFlight = 10, .newEpisode = true });
    control->onFastRetransmit({ .now = at(1s), .inFlight = 10, .newEpisode = true });
    CHECK(control->window() == UINT32_MAX);
    CHECK(!control->limitsRetransmissions());
}

TEST_CASE("classic: the original's arithmetic")
{
    const auto control = CongestionController::create(CongestionControl::Classic, Mss, 3);
    CHECK(!control->limitsRetransmissions());
    CHECK(control->window() == 1);
    CHECK(control->slowStartThreshold() == 2);

    // A model in the words of the description: incr counts bytes.
    std::uint32_t window = 1;
    std::uint32_t increment = Mss;
    for (int i = 0; i < 500; ++i) {
        control->onAck(ackOf(at(i * 10ms), 1, window, 10ms));
        if (window < 2) {
            ++window;
            increment += Mss;
        } else {
            increment += Mss * Mss / increment + Mss / 16;
            if ((window + 1) * Mss <= increment)
                window = (increment + Mss - 1) / Mss;
        }
        REQUIRE(control->window() == window);
    }
    CHECK(window > 30);

    auto selective = ackOf(at(9s), 3, window, 10ms);
    selective.cumulative = false;
    control->onAck(selective); // una did not move: no growth
    CHECK(control->window() == window);

    control->onFastRetransmit({ .now = at(9s), .inFlight = 31, .newEpisode = false });
    CHECK(control->slowStartThreshold() == 15);
    CHECK(control->window() == 15 + 3);
    control->onTimeout({ .now = at(9s), .inFlight = 31, .newEpisode = false });
    CHECK(control->slowStartThreshold() == 9);
    CHECK(control->window() == 1);
    control->onTimeout({ .now = at(9s), .inFlight = 31, .newEpisode = false });
    CHECK(control->slowStartThreshold() == 2);
    control->onFastRetransmit({ .now = at(9s), .inFlight = 1, .newEpisode = true });
    CHECK(control->slowStartThreshold() == 2);
}

TEST_CASE("CUBIC: slow start doubles, counts segments, and ends at the threshold")
{
    const auto control = CongestionController::create(CongestionControl::Cubic, Mss, 2);
    CHECK(control->limitsRetransmissions());
    const std::uint32_t initial = control->window();
    CHECK(initial >= 2);
    CHECK(initial <= 10); // RFC 6928
    Instant now = at(0ms);
    now = roundTrip(*control, now, 50ms);
    CHECK(control->window() == 2 * initial);
    now = roundTrip(*control, now, 50ms);
    CHECK(control->window() == 4 * initial);

    // One acknowledgement of many segments counts as many: no stretch ACK penalty.
    control->onAck(ackOf(now, 8, 4 * initial, 50ms));
    CHECK(control->window() == 4 * initial + 8);

    // What the application does not fill does not grow.
    auto idle = ackOf(now, 8, 3, 50ms);
    idle.windowLimited = false;
    control->onAck(idle);
    CHECK(control->window() == 4 * initial + 8);
}

TEST_CASE("CUBIC: multiplicative decrease by beta, once per episode")
{
    const auto control = CongestionController::create(CongestionControl::Cubic, Mss, 2);
    Instant now = at(0ms);
    const std::uint32_t before = growAndLose(*control, now, 50ms);
    const auto expected = static_cast<std::uint32_t>(before * Beta);
    CHECK(control->window() == expected);
    CHECK(control->slowStartThreshold() == expected);
    for (int i = 0; i < 10; ++i)
        control->onFastRetransmit({ .now = now, .inFlight = before, .newEpisode = false });
    CHECK(control->window() == expected);
    control->onFastRetransmit({ .now = now, .inFlight = before, .newEpisode = true });
    CHECK(control->window() == static_cast<std::uint32_t>(expected * Beta));
}

TEST_CASE("CUBIC: the window follows W_cubic(t), concave and convex")
{
    constexpr Duration Rtt = 100ms;
    const auto control = CongestionController::create(CongestionControl::Cubic, Mss, 2);
    Instant now = at(0ms);
    // Large enough that the Reno-friendly region does not hide the curve (section 4.3).
    while (control->window() < 1000)
        now = roundTrip(*control, now, Rtt);
    const double maximum = control->window();
    control->onFastRetransmit({ .now = now, .inFlight = 1000, .newEpisode = true });
    const double k = std::cbrt(maximum * (1 - Beta) / C);
    const Instant start = now;
    bool sawConvex = false;
    while (now - start < 20s) {
        now = roundTrip(*control, now, Rtt);
        const double t = static_cast<double>((now - start).count()) / 1e6;
        // Section 4.2: each acknowledgement moves by (W_cubic(t + RTT) - cwnd) / cwnd, so that the
        // window is near the curve, at most one round trip ahead and a little behind.
        const double behind = C * std::pow(t - 0.15 - k, 3) + maximum;
        const double ahead = C * std::pow(t + 0.1 - k, 3) + maximum;
        CAPTURE(t);
        CHECK(control->window() >= behind * 0.99 - 1);
        CHECK(control->window() <= ahead * 1.01 + 1);
        sawConvex |= control->window() > maximum * 1.1;
    }
    CHECK(sawConvex);
}

TEST_CASE("CUBIC: in the Reno-friendly region it grows as Reno with alpha")
{
    // Small window, short round trips: the cubic curve is slower than Reno there.
    constexpr Duration Rtt = 5ms;
    const auto control = CongestionController::create(CongestionControl::Cubic, Mss, 2);
    Instant now = at(0ms);
    const double maximum = growAndLose(*control, now, Rtt);
    const double start = control->window();
    const double alpha = 3 * (1 - Beta) / (1 + Beta);
    const double k = std::cbrt(maximum * (1 - Beta) / C);
    for (int i = 1; i <= 80; ++i) {
        now = roundTrip(*control, now, Rtt);
        // Section 4.3: alpha segments a round trip, until the window before the loss is reached.
        const double reno = start + alpha * i;
        if (reno > maximum)
            break;
        const double t = i * 0.005;
        CAPTURE(i);
        REQUIRE(C * std::pow(t + 0.005 - k, 3) + maximum < std::max(reno, start + 25.0));
        const double cubic = C * std::pow(t + 0.005 - k, 3) + maximum;
        CHECK(control->window() >= std::floor(std::max(reno * 0.98, start) - 1));
        CHECK(control->window() <= std::max(reno, cubic) * 1.02 + 1);
    }
}

TEST_CASE("CUBIC: fast convergence remembers less of a window that shrank")
{
    constexpr Duration Rtt = 100ms;
    const auto control = CongestionController::create(CongestionControl::Cubic, Mss, 2);
    Instant now = at(0ms);
    while (control->window() < 1000)
        now = roundTrip(*control, now, Rtt);
    const double first = control->window();
    control->onFastRetransmit({ .now = now, .inFlight = 1000, .newEpisode = true });
    now = roundTrip(*control, now, Rtt);
    const double second = control->window(); // below W_max: the share of the link has shrunk
    REQUIRE(second < first);
    control->onFastRetransmit({ .now = now, .inFlight = 1000, .newEpisode = true });
    // Section 4.7: W_max = cwnd (1 + beta) / 2; the plateau lies there.
    const double maximum = second * (1 + Beta) / 2;
    const double k = std::cbrt((maximum - second * Beta) / C);
    const Instant start = now;
    while (now - start < Duration(static_cast<std::int64_t>(k * 1e6)))
        now = roundTrip(*control, now, Rtt);
    CHECK(control->window() == doctest::Approx(maximum).epsilon(0.01));
}

TEST_CASE("CUBIC: a timeout starts again from one segment and slow start ends at beta")
{
    constexpr Duration Rtt = 50ms;
    const auto control = CongestionController::create(CongestionControl::Cubic, Mss, 2);
    Instant now = at(0ms);
    while (control->window() < 160)
        now = roundTrip(*control, now, Rtt);
    const std::uint32_t before = control->window();
    control->onTimeout({ .now = now, .inFlight = before, .newEpisode = true });
    CHECK(control->window() == 1);
    const auto threshold = static_cast<std::uint32_t>(before * Beta);
    CHECK(control->slowStartThreshold() == threshold);
    // The timeouts of the same flight do not lower the threshold again.
    control->onTimeout({ .now = now, .inFlight = before, .newEpisode = false });
    CHECK(control->slowStartThreshold() == threshold);
    for (std::uint32_t expected = 2; expected < threshold; expected *= 2) {
        now = roundTrip(*control, now, Rtt);
        CHECK(control->window() == expected);
    }
    now = roundTrip(*control, now, Rtt);
    CHECK(control->window() >= threshold);
    CHECK(control->window() <= threshold + 10);
}

TEST_CASE("CUBIC: the window never falls below one segment and has a bound above")
{
    const auto control = CongestionController::create(CongestionControl::Cubic, Mss, 2);
    for (int i = 0; i < 50; ++i) {
        control->onFastRetransmit({ .now = at(i * 1ms), .inFlight = 2, .newEpisode = true });
        CHECK(control->window() >= 1);
        control->onTimeout({ .now = at(i * 1ms), .inFlight = 2, .newEpisode = true });
        CHECK(control->window() >= 1);
        CHECK(control->slowStartThreshold() >= 2);
    }
    for (int i = 0; i < 100; ++i)
        control->onAck(ackOf(at(24h * 365 * (i + 1)), 1U << 30U, 1U << 20U, 1s));
    CHECK(control->window() < 0x80000000U);
}

TEST_SUITE_END();
