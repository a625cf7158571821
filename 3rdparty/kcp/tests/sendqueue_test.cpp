// SPDX-License-Identifier: MIT
#include <kcp/random.h>
#include <kcp/sendqueue.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace kcp;
using namespace std::chrono_literals;

namespace {

struct Fixture
{
    explicit Fixture(std::uint32_t startSn = 0) : start(startSn), queue(&pool, startSn, 1376) { }

    void append(std::string_view text, bool stream)
    {
        queue.append(asBytes(text.data(), text.size()), stream);
    }

    // Cuts and sends one segment; "text/frg".
    std::string send(std::uint32_t mss, Instant now = Instant{})
    {
        queue.setMss(mss);
        const std::uint32_t length = queue.nextLength();
        const std::uint32_t sn = queue.next();
        queue.sendNext(now, wireTime(now));
        CHECK(queue.next() == sn + 1);
        CHECK(queue.segment(sn).length == length);
        return payload(sn) + "/" + std::to_string(queue.segment(sn).fragment);
    }

    void sendAgain(std::uint32_t sn, Instant now) { queue.sendAgain(sn, now, wireTime(now)); }

    std::optional<std::uint32_t> firstLost() const
    {
        return queue.hasLost() ? std::optional(queue.firstLost()) : std::nullopt;
    }

    std::string payload(std::uint32_t sn) const
    {
        const SendQueue::Segment &segment = queue.segment(sn);
        std::string text(segment.length, '?');
        queue.copyPayload(segment, reinterpret_cast<std::uint8_t *>(text.data()));
        return text;
    }

    void acknowledge(std::uint32_t sn)
    {
        queue.acknowledge(start + sn);
        queue.acknowledgeUntil(queue.una());
    }

    BlockPool pool;
    std::uint32_t start;
    SendQueue queue;
};

Instant at(Duration time)
{
    return Instant(time);
}

constexpr std::uint32_t Starts[] = { 0, 0xfffffffeU, 0x7fffffffU };

} // namespace

TEST_SUITE_BEGIN("sendqueue");

TEST_CASE("a stream is joined and cut at will")
{
    for (const std::uint32_t start : Starts) {
        Fixture f(start);
        f.append("abc", true);
        f.append("", true);
        f.append("defgh", true);
        CHECK(f.queue.unsentBytes() == 8);
        f.queue.setMss(4);
        CHECK(f.queue.unsentSegments() == 2);
        CHECK(f.send(4) == "abcd/0");
        CHECK(f.queue.unsentBytes() == 4);
        CHECK(f.queue.unacknowledgedBytes() == 4);
        f.append("ij", true);
        CHECK(f.send(5) == "efghi/0"); // another mss
        CHECK(f.send(5) == "j/0");
        CHECK(!f.queue.hasUnsent());
        CHECK(f.queue.flightSize() == 3);
        CHECK(f.payload(start) == "abcd");
    }
}

TEST_CASE("messages keep their boundaries and count their fragments down")
{
    Fixture f(0xffffffffU);
    f.append("abcdefghij", false);
    f.append("", false);
    f.append("klmn", false);
    f.queue.setMss(4);
    CHECK(f.queue.unsentSegments() == 3 + 1 + 1);
    CHECK(f.send(4) == "abcd/2");
    CHECK(f.send(4) == "efgh/1");
    CHECK(f.send(4) == "ij/0");
    CHECK(f.send(4) == "/0");
    CHECK(f.send(4) == "klmn/0");
    CHECK(!f.queue.hasUnsent());
}

TEST_CASE("a message that was begun keeps its fragment size when the mss changes")
{
    Fixture f;
    f.append("abcdefghijkl", false);
    CHECK(f.send(4) == "abcd/2");
    CHECK(f.send(2) == "efgh/1");
    CHECK(f.send(100) == "ijkl/0");
    CHECK(f.queue.unsentSegments() == 0);
    // One accepted under a larger mss does not get more fragments than allowed.
    f.queue.setPolicy({ .nodelay = 0, .fastLimit = 0, .maximumFragments = 3 });
    f.append("abcdefghijkl", false);
    CHECK(f.send(2) == "abcd/2");
    CHECK(f.send(2) == "efgh/1");
    CHECK(f.send(2) == "ijkl/0");
    CHECK(f.queue.unsentSegments() == 0);
    // Changes in the middle, with another message behind.
    f.append("abcdefghijkl", false);
    f.append("abc", false);
    CHECK(f.send(4) == "abcd/2");
    f.queue.setMss(1);
    CHECK(f.queue.unsentSegments() == 2 + 3);
    CHECK(f.send(1) == "efgh/1");
    CHECK(f.send(1) == "ijkl/0");
    CHECK(f.queue.unsentSegments() == 3);
    CHECK(f.send(1) == "a/2");
    CHECK(f.send(1) == "b/1");
    CHECK(f.send(1) == "c/0");
    CHECK(f.queue.unsentSegments() == 0);
}

TEST_CASE("large writes and small ones in one chain")
{
    Fixture f(0xffffff00U);
    std::string all;
    for (int i = 0; i < 300; ++i) {
        std::string data(static_cast<std::size_t>(i * i % 5000), static_cast<char>('a' + i % 26));
        all += data;
        f.append(data, true);
    }
    std::string sent;
    while (f.queue.hasUnsent()) {
        std::string segment = f.send(1376);
        segment.resize(segment.size() - 2);
        sent += segment;
    }
    CHECK(sent == all);
    CHECK(f.queue.unacknowledgedBytes() == all.size());
    const std::uint32_t segments = f.queue.flightSize();
    std::string again;
    for (std::uint32_t sn = f.start; sn != f.start + segments; ++sn)
        again += f.payload(sn);
    CHECK(again == all);
    CHECK(f.queue.acknowledgeUntil(f.start + segments) == segments);
    CHECK(f.queue.isEmpty());
    CHECK(f.queue.unacknowledgedBytes() == 0);
}

TEST_CASE("acknowledgements in any order; una moves over what is complete")
{
    for (const std::uint32_t start : Starts) {
        Fixture f(start);
        f.append("abcde", true);
        for (int i = 0; i < 5; ++i)
            f.send(1);
        CHECK(f.queue.pipe() == 5);
        CHECK(!f.queue.isOutstanding(start - 1));
        CHECK(!f.queue.isOutstanding(start + 5));
        f.acknowledge(1);
        f.acknowledge(3);
        CHECK(f.queue.una() == start);
        CHECK(!f.queue.isOutstanding(start + 1));
        CHECK(f.queue.unacknowledgedBytes() == 3);
        CHECK(f.queue.pipe() == 3);
        f.acknowledge(0);
        CHECK(f.queue.una() == start + 2);
        CHECK(f.queue.acknowledgeUntil(start + 4) == 1); // 3 had been acknowledged
        CHECK(f.queue.una() == start + 4);
        CHECK(f.payload(start + 4) == "e");
        CHECK(f.queue.acknowledgeUntil(start + 2) == 0); // older than una
        f.acknowledge(4);
        CHECK(f.queue.isEmpty());
    }
}

TEST_CASE("timeouts grow as nodelay says, to 60 s at most")
{
    Fixture f;
    const auto series = [&f](std::uint8_t nodelay) {
        f.queue.setPolicy({ .nodelay = nodelay, .fastLimit = 0, .maximumFragments = 127 });
        std::vector<std::int64_t> milliseconds;
        for (std::uint8_t timeouts = 0; timeouts < 4; ++timeouts)
            milliseconds.push_back(f.queue.timeoutAfter(timeouts, 200ms).count() / 1000);
        CHECK(f.queue.timeoutAfter(29, 10s) == 60s);
        CHECK(f.queue.timeoutAfter(0, 60s) == 60s);
        return milliseconds;
    };
    CHECK(series(0) == std::vector<std::int64_t>{ 225, 400, 800, 1600 });
    CHECK(series(1) == std::vector<std::int64_t>{ 200, 300, 450, 675 });
    CHECK(series(2) == std::vector<std::int64_t>{ 200, 300, 400, 500 });
}

TEST_CASE("the next deadline is the earliest of all, whatever happened before")
{
    Fixture f;
    f.queue.setPolicy({ .nodelay = 1, .fastLimit = 0, .maximumFragments = 127 });
    CHECK(f.queue.nextDeadline(100ms) == Never);
    f.append("abc", true);
    f.send(1, at(0ms));
    f.send(1, at(10ms));
    f.send(1, at(20ms));
    CHECK(f.queue.nextDeadline(100ms) == at(100ms));
    CHECK(f.queue.nextDeadline(50ms) == at(50ms)); // the rto of the moment counts
    CHECK(f.queue.expire(at(99ms), 100ms).count == 0);
    const SendQueue::Expired expired = f.queue.expire(at(110ms), 100ms);
    CHECK(expired.count == 2);
    CHECK(expired.newestTransmission == 1);
    CHECK(expired.mostTransmissions == 1);
    CHECK(f.queue.pipe() == 1);
    CHECK(f.queue.nextDeadline(100ms) == at(120ms));
    CHECK(f.firstLost() == 0U);
    f.sendAgain(0, at(110ms));
    CHECK(f.firstLost() == 1U);
    f.sendAgain(1, at(115ms));
    CHECK(!f.firstLost());
    CHECK(f.queue.nextDeadline(100ms) == at(120ms));
    f.acknowledge(2);
    CHECK(f.queue.nextDeadline(100ms) == at(260ms)); // 110 + 150
    f.acknowledge(0);
    CHECK(f.queue.nextDeadline(100ms) == at(265ms));
    CHECK(f.queue.segment(1).transmissions == 2);
}

TEST_CASE("what was sent before a transmission is lost, within the fast limit")
{
    Fixture f(0xfffffffeU);
    f.queue.setPolicy({ .nodelay = 1, .fastLimit = 2, .maximumFragments = 127 });
    f.append("abcd", true);
    for (int i = 0; i < 4; ++i)
        f.send(1, at(i * 1ms));
    CHECK(f.queue.loseSentBefore(2).count == 2);
    CHECK(f.queue.pipe() == 2);
    CHECK(f.firstLost() == f.start);
    f.sendAgain(f.start, at(5ms));
    CHECK(f.firstLost() == f.start + 1);
    f.sendAgain(f.start + 1, at(5ms));
    // Both were sent twice now: the limit; only the other two can be lost.
    CHECK(f.queue.loseSentBefore(100).count == 2);
    CHECK(f.queue.segment(f.start).timeouts == 0);
    CHECK(f.queue.expire(at(300ms), 100ms).count == 2);
    CHECK(f.queue.segment(f.start).timeouts == 1);
}

TEST_CASE("an acknowledged segment that was lost is not sent again")
{
    Fixture f;
    f.append("ab", true);
    f.send(1);
    f.send(1);
    CHECK(f.queue.loseSentBefore(2).count == 2);
    f.acknowledge(0);
    CHECK(f.firstLost() == 1U);
    f.acknowledge(1);
    CHECK(!f.firstLost());
    CHECK(f.queue.pipe() == 0);
    CHECK(f.queue.isEmpty());
}

TEST_CASE("an idle queue holds no memory after trim()")
{
    BlockPool pool(64U << 20U);
    const std::vector<std::uint8_t> data(2000000);
    const auto use = [&data](SendQueue &queue) {
        queue.append(data, true);
        while (queue.hasUnsent())
            queue.sendNext(Instant{}, 0);
        CHECK(queue.acknowledgeUntil(queue.next()) == (data.size() + 1375) / 1376);
        CHECK(queue.isEmpty());
    };
    SendQueue first(&pool, 0, 1376);
    use(first);
    first.trim();
    const std::uint64_t allocations = pool.heapAllocations();
    SendQueue second(&pool, 0, 1376);
    use(second); // finds in the pool all that the first one had
    CHECK(pool.heapAllocations() == allocations);
    use(first); // which is as good as new
}

TEST_CASE("random use against a simple model")
{
    const char *text = std::getenv("KCP_TEST_SEED");
    const std::uint64_t seed = text ? std::strtoull(text, nullptr, 0) : 5;
    CAPTURE(seed);
    for (std::uint32_t round = 0; round < 30; ++round) {
        Pcg32 random(seed, round);
        Fixture f(Starts[round % 3]);
        std::vector<std::string> payloads; // by sn
        std::set<std::uint32_t> open; // relative sn, not acknowledged
        std::set<std::uint32_t> lost;
        Instant now;
        for (int i = 0; i < 3000; ++i) {
            now += 1ms;
            const std::uint32_t action = random.below(10);
            if (action < 3) {
                f.append(std::string(random.below(3000), static_cast<char>('a' + i % 26)),
                         random.chance(0.5));
            } else if (action < 6 && f.queue.hasUnsent()) {
                const auto sn = static_cast<std::uint32_t>(payloads.size());
                f.send(1 + random.below(1400), now);
                payloads.push_back(f.payload(f.start + sn));
                open.insert(sn);
            } else if (action < 8 && !open.empty()) {
                auto it = open.lower_bound(*open.begin() + random.below(20));
                it = it == open.end() ? open.begin() : it;
                lost.erase(*it);
                f.acknowledge(*it);
                open.erase(it);
            } else if (action == 8) {
                f.queue.expire(now, 50ms);
                lost.clear();
                for (const std::uint32_t sn : open) {
                    const SendQueue::Segment &s = f.queue.segment(f.start + sn);
                    if (s.list == 0)
                        lost.insert(sn);
                }
            } else if (const auto sn = f.firstLost()) {
                REQUIRE(lost.count(*sn - f.start) == 1);
                lost.erase(*sn - f.start);
                f.sendAgain(*sn, now);
            }
            REQUIRE(f.queue.pipe() == open.size() - lost.size());
            const std::uint32_t una =
                    open.empty() ? static_cast<std::uint32_t>(payloads.size()) : *open.begin();
            REQUIRE(f.queue.una() == f.start + una);
            std::size_t bytes = 0;
            for (const std::uint32_t sn : open) {
                bytes += payloads[sn].size();
                REQUIRE(f.queue.isOutstanding(f.start + sn));
                if (i % 16 == 0)
                    REQUIRE(f.payload(f.start + sn) == payloads[sn]);
            }
            REQUIRE(f.queue.unacknowledgedBytes() == bytes);
        }
    }
}

TEST_SUITE_END();
