// SPDX-License-Identifier: MIT
#include <kcp/random.h>
#include <kcp/receivequeue.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

using namespace kcp;
using Result = ReceiveQueue::Result;

namespace {

struct Fixture
{
    explicit Fixture(bool stream, std::uint32_t startSn = 0, std::uint32_t window = 128)
        : start(startSn), queue(&pool, startSn, stream)
    {
        queue.setLimits(window, SIZE_MAX);
    }

    Result insert(std::uint32_t sn, std::string_view text, std::uint8_t fragment = 0)
    {
        return queue.insert(start + sn, fragment, asBytes(text.data(), text.size()));
    }

    std::string read(std::size_t size)
    {
        std::string text(size, '?');
        text.resize(queue.read({ reinterpret_cast<std::uint8_t *>(text.data()), size }));
        return text;
    }

    std::string message()
    {
        const std::optional<std::size_t> size = queue.nextMessageSize();
        if (!size)
            return "none";
        std::string text(*size, '?');
        const auto taken =
                queue.receiveMessage({ reinterpret_cast<std::uint8_t *>(text.data()), *size });
        return taken == size ? text : "error";
    }

    BlockPool pool;
    std::uint32_t start;
    ReceiveQueue queue;
};

constexpr std::uint32_t Starts[] = { 0, 0xfffffffeU, 0x7fffffffU };

} // namespace

TEST_SUITE_BEGIN("receivequeue");

TEST_CASE("segments in any order become one stream")
{
    for (const std::uint32_t start : Starts) {
        Fixture f(true, start);
        CHECK(f.insert(2, "ef") == Result::Stored);
        CHECK(f.queue.readableBytes() == 0);
        CHECK(f.queue.next() == start);
        CHECK(f.insert(0, "ab") == Result::Stored);
        CHECK(f.queue.next() == start + 1);
        CHECK(f.insert(1, "cd") == Result::Stored);
        CHECK(f.queue.next() == start + 3);
        CHECK(f.queue.readableBytes() == 6);
        CHECK(f.read(3) == "abc");
        CHECK(f.read(100) == "def");
        CHECK(f.read(1).empty());
        CHECK(f.queue.heldBytes() == 0);
    }
}

TEST_CASE("duplicates are told apart from what is beyond the window")
{
    for (const std::uint32_t start : Starts) {
        Fixture f(true, start, 4);
        CHECK(f.insert(1, "b") == Result::Stored);
        CHECK(f.insert(1, "x") == Result::Duplicate);
        CHECK(f.insert(4, "x") == Result::OutOfWindow);
        CHECK(f.insert(0x7fffffff, "x") == Result::OutOfWindow);
        CHECK(f.insert(3, "d") == Result::Stored);
        CHECK(f.insert(0, "a") == Result::Stored);
        CHECK(f.insert(0, "x") == Result::Duplicate);
        CHECK(f.insert(1, "x") == Result::Duplicate);
        CHECK(f.insert(0xffffffffU, "x") == Result::Duplicate); // sn before the start
        CHECK(f.insert(2, "c") == Result::Stored);
        CHECK(f.read(10) == "abcd");
    }
}

TEST_CASE("the window counts what waits for the application, not the reorder ring")
{
    Fixture f(true, 0, 4);
    CHECK(f.queue.freeWindow() == 4);
    f.insert(1, "b");
    f.insert(2, "c");
    CHECK(f.queue.freeWindow() == 4);
    f.insert(0, "a");
    CHECK(f.queue.freeWindow() == 1);
    f.insert(3, "d");
    CHECK(f.queue.freeWindow() == 0);
    CHECK(f.read(2) == "ab");
    CHECK(f.queue.freeWindow() == 2);
}

TEST_CASE("peek, skip and find see what read would return, from any offset")
{
    Fixture f(true, 0xffffffffU);
    f.insert(0, "abc");
    f.insert(1, "");
    f.insert(2, "d\nf");
    f.insert(4, "xx"); // beyond a gap: not there yet
    CHECK(f.read(1) == "a");
    CHECK(f.queue.readableBytes() == 5);
    for (std::size_t offset = 0; offset <= 6; ++offset) {
        std::string text(10, '?');
        text.resize(f.queue.peek(offset, { reinterpret_cast<std::uint8_t *>(text.data()), 10 }));
        CHECK(text == std::string("bcd\nf").substr(std::min<std::size_t>(offset, 5)));
    }
    CHECK(f.queue.findByte('\n', 100) == 4);
    CHECK(f.queue.findByte('\n', 4) == 4);
    CHECK(!f.queue.findByte('\n', 3));
    CHECK(!f.queue.findByte('a', 100));
    CHECK(!f.queue.findByte('x', 100));
    CHECK(f.queue.skip(2) == 2);
    CHECK(f.queue.findByte('\n', 100) == 2);
    CHECK(f.queue.skip(100) == 3);
    CHECK(f.queue.readableBytes() == 0);
    f.insert(3, "yy");
    CHECK(f.read(9) == "yyxx");
}

TEST_CASE("messages are complete or not there")
{
    for (const std::uint32_t start : Starts) {
        Fixture f(false, start);
        f.insert(0, "one ", 2);
        f.insert(2, "three", 0);
        CHECK(!f.queue.nextMessageSize());
        f.insert(1, "two ", 1);
        CHECK(f.queue.nextMessageSize() == 13);
        std::uint8_t small[12];
        CHECK(!f.queue.receiveMessage(small));
        CHECK(f.message() == "one two three"); // a small buffer took nothing
        CHECK(f.message() == "none");
        CHECK(f.queue.heldBytes() == 0);
    }
}

TEST_CASE("an empty message is a message")
{
    Fixture f(false, 0xfffffffeU);
    f.insert(0, "");
    f.insert(1, "");
    f.insert(2, "a");
    f.insert(3, "");
    CHECK(f.queue.nextMessageSize() == 0);
    CHECK(f.message().empty());
    CHECK(f.message().empty());
    CHECK(f.message() == "a");
    CHECK(f.message().empty());
    CHECK(f.message() == "none");
}

TEST_CASE("empty segments in a stream mean nothing and hold nothing up")
{
    Fixture f(true, 0, 4);
    for (std::uint32_t sn = 0; sn < 20; ++sn) // nobody reads, and nobody has to
        CHECK(f.insert(sn, "") == Result::Stored);
    CHECK(f.queue.readableBytes() == 0);
    CHECK(f.queue.freeWindow() == 4);
    CHECK(f.queue.next() == 20);
    f.insert(20, "a");
    f.insert(21, "");
    f.insert(23, "b");
    f.insert(22, "");
    CHECK(f.queue.freeWindow() == 0);
    CHECK(f.read(10) == "ab");
    CHECK(f.queue.freeWindow() == 4);
}

TEST_CASE("a message of more fragments than the window completes")
{
    for (const std::uint32_t window : { 1U, 2U, 16U }) {
        Fixture f(false, 0xffffff80U, window);
        for (std::uint32_t sn = 0; sn < 256; ++sn) {
            CHECK(f.queue.freeWindow() == window);
            REQUIRE(f.insert(sn, "x", static_cast<std::uint8_t>(255 - sn)) == Result::Stored);
        }
        CHECK(f.queue.freeWindow() < window);
        CHECK(f.message() == std::string(256, 'x'));
        CHECK(f.queue.freeWindow() == window);
    }
}

TEST_CASE("fragment numbers that do not continue cost their message, not the conversation")
{
    Fixture f(false);
    f.insert(0, "lost", 200);
    f.insert(1, "lost", 199);
    f.insert(2, "whole", 0);
    CHECK(f.queue.brokenMessages() == 1);
    CHECK(f.message() == "whole");
    f.insert(3, "lost", 1);
    f.insert(4, "lost", 1);
    f.insert(5, "a", 1);
    f.insert(6, "b", 0);
    CHECK(f.message() == "ab");
    CHECK(f.message() == "none");
    CHECK(f.queue.brokenMessages() == 3);
    CHECK(f.queue.heldBytes() == 0);
    CHECK(f.queue.freeWindow() == 128);
}

TEST_CASE("the byte budget closes the window and drops what comes early")
{
    Fixture f(true, 0, 100);
    f.queue.setLimits(100, 10);
    CHECK(f.insert(1, "123456") == Result::Stored);
    CHECK(f.insert(2, "123456") == Result::OutOfWindow); // 12 > 10
    CHECK(f.insert(0, "12345678901234567890") == Result::Stored); // the next one may pass it once
    CHECK(f.queue.freeWindow() == 0);
    CHECK(f.insert(2, "x") == Result::OutOfWindow);
    CHECK(f.read(17) == "12345678901234567");
    CHECK(f.queue.freeWindow() > 0);
    CHECK(f.insert(2, "x") == Result::Stored);
    CHECK(f.read(100) == "890123456x");
}

TEST_CASE("a smaller window loses nothing that is there")
{
    Fixture f(true, 0, 100);
    for (std::uint32_t sn = 0; sn < 50; ++sn)
        f.insert(sn, "x");
    f.queue.setLimits(10, SIZE_MAX);
    CHECK(f.queue.freeWindow() == 0);
    CHECK(f.read(45).size() == 45);
    CHECK(f.queue.freeWindow() == 5);
    CHECK(f.read(45).size() == 5);
}

TEST_CASE("an idle queue holds no memory after trim()")
{
    BlockPool pool(64U << 20U);
    const auto use = [](ReceiveQueue &queue) {
        const std::uint8_t byte = 1;
        const std::uint32_t start = queue.next();
        for (std::uint32_t sn = 4000; sn-- > 0;)
            REQUIRE(queue.insert(start + sn, 0, { &byte, 1 }) == Result::Stored);
        CHECK(queue.skip(SIZE_MAX) == 4000);
        CHECK(queue.heldBytes() == 0);
    };
    ReceiveQueue first(&pool, 0, true);
    first.setLimits(4096, SIZE_MAX);
    use(first);
    first.trim();
    const std::uint64_t allocations = pool.heapAllocations();
    ReceiveQueue second(&pool, 0, true);
    second.setLimits(4096, SIZE_MAX);
    use(second); // finds in the pool all that the first one had
    CHECK(pool.heapAllocations() == allocations);
    use(first); // which is as good as new
}

TEST_CASE("random arrival in both modes: exactly what was sent, in order")
{
    const char *text = std::getenv("KCP_TEST_SEED");
    const std::uint64_t seed = text ? std::strtoull(text, nullptr, 0) : 77;
    CAPTURE(seed);
    for (std::uint32_t round = 0; round < 40; ++round) {
        Pcg32 random(seed, round);
        const bool stream = round % 2 == 0;
        Fixture f(stream, Starts[round % 3], 64);
        std::vector<std::string> segments;
        std::vector<std::uint8_t> fragments;
        std::string sent;
        while (segments.size() < 2000) {
            const std::uint32_t count = stream ? 1 : 1 + random.below(70);
            for (std::uint32_t i = 0; i < count; ++i) {
                std::string data(random.below(20), ' ');
                for (char &c : data)
                    c = static_cast<char>('a' + random.below(26));
                sent += data;
                segments.push_back(std::move(data));
                fragments.push_back(static_cast<std::uint8_t>(count - 1 - i));
            }
            sent += stream ? "" : "|";
        }
        std::string received;
        std::uint32_t base = 0; // the oldest that has not arrived
        while (base < segments.size()) {
            const std::uint32_t sn = base + random.below(40);
            if (sn < segments.size())
                f.insert(sn, segments[sn], fragments[sn]);
            base = f.queue.next() - f.start;
            while (!stream && f.queue.nextMessageSize())
                received += f.message() + "|";
            if (stream)
                received += f.read(random.below(100));
        }
        received += f.read(SIZE_MAX >> 40U);
        REQUIRE(received == sent);
        CHECK(f.queue.heldBytes() == 0);
    }
}

TEST_SUITE_END();
