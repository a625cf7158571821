// SPDX-License-Identifier: MIT
#include <kcp/ring.h>

#include <doctest/doctest.h>

#include <deque>

using namespace kcp;

TEST_SUITE_BEGIN("ring");

TEST_CASE("a queue in any order of pushing and popping")
{
    BlockPool pool;
    PoolRing<std::uint32_t> ring(&pool);
    std::deque<std::uint32_t> model;
    std::uint32_t value = 0;
    // Grows through several capacities, wraps at each, and is emptied in between.
    for (const int growth : { 3, 20, 100, 1000 }) {
        for (int i = 0; i < growth; ++i) {
            for (int k = 0; k < 3; ++k) {
                ring.push(value);
                model.push_back(value++);
            }
            ring.pop();
            model.pop_front();
            REQUIRE(ring.front() == model.front());
            REQUIRE(ring.back() == model.back());
            REQUIRE(ring.size() == model.size());
        }
        for (std::uint32_t i = 0; i < ring.size(); ++i)
            REQUIRE(ring[i] == model[i]);
        while (!model.empty()) {
            REQUIRE(ring.front() == model.front());
            ring.pop();
            model.pop_front();
        }
        CHECK(ring.isEmpty());
    }
}

TEST_CASE("an empty ring gives its memory back with trim()")
{
    BlockPool pool(64U << 20U);
    PoolRing<std::uint64_t> ring(&pool);
    for (std::uint32_t i = 0; i < 10000; ++i)
        ring.push(i);
    const std::size_t before = pool.retainedBytes(); // what growing left behind
    ring.trim(); // not empty: nothing happens
    CHECK(ring.size() == 10000);
    CHECK(pool.retainedBytes() == before);
    while (!ring.isEmpty())
        ring.pop();
    ring.trim();
    CHECK(pool.retainedBytes() >= before + 10000 * sizeof(std::uint64_t));
    ring.push(5);
    CHECK(ring.front() == 5);
}

TEST_CASE("a window grows in place, also across the wrap of sn")
{
    BlockPool pool;
    for (const std::uint32_t start : { 0U, 0xfffffff8U, 0x7ffffff0U }) {
        RingStorage<std::uint32_t> window(&pool);
        CHECK(window.capacity() == 0);
        window.grow(8, start, 0);
        for (std::uint32_t i = 0; i < 8; ++i)
            window.at(start + i) = i + 1;
        window.grow(9, start, 8);
        CHECK(window.capacity() >= 9);
        for (std::uint32_t i = 0; i < 8; ++i)
            CHECK(window.at(start + i) == i + 1);
        window.grow(4000, start, 8);
        CHECK(window.capacity() >= 4000);
        for (std::uint32_t i = 0; i < 8; ++i)
            CHECK(window.at(start + i) == i + 1);
        window.release();
        CHECK(window.capacity() == 0);
    }
}

TEST_SUITE_END();
