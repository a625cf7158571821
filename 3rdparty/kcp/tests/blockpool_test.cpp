// SPDX-License-Identifier: MIT
#include <kcp/blockpool.h>

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using namespace kcp;

TEST_SUITE_BEGIN("blockpool");

TEST_CASE("a released block is used again; nothing is allocated for it")
{
    BlockPool pool;
    void *first = pool.allocate(1376);
    CHECK(pool.heapAllocations() == 1);
    CHECK(pool.retainedBytes() == 0);
    pool.release(first, 1376);
    CHECK(pool.retainedBytes() >= 1376);
    CHECK(pool.allocate(1370) == first); // of the same size class
    CHECK(pool.heapAllocations() == 1);
    CHECK(pool.retainedBytes() == 0);
    pool.release(first, 1376);
}

TEST_CASE("every size is usable to its last byte, and aligned")
{
    BlockPool pool;
    std::vector<std::pair<void *, std::size_t>> blocks;
    for (int round = 0; round < 2; ++round) {
        for (const std::size_t size : { 1UL, 63UL, 64UL, 65UL, 2047UL, 2048UL, 2049UL, 4096UL,
                                        4097UL, 65507UL, 131072UL, 131073UL, 1000000UL }) {
            void *block = pool.allocate(size);
            CHECK(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t) == 0);
            CHECK(BlockPool::usableSize(size) >= size);
            std::memset(block, 0xab, size);
            blocks.emplace_back(block, size);
        }
        for (const auto &[block, size] : blocks)
            pool.release(block, size);
        blocks.clear();
    }
}

TEST_CASE("what is kept has a limit, and trim() gives all of it back")
{
    BlockPool pool(10000);
    std::vector<void *> blocks;
    for (int i = 0; i < 100; ++i)
        blocks.push_back(pool.allocate(1024));
    for (void *block : blocks)
        pool.release(block, 1024);
    CHECK(pool.retainedBytes() <= 10000);
    CHECK(pool.retainedBytes() > 10000 - 1100);
    pool.trim();
    CHECK(pool.retainedBytes() == 0);

    BlockPool none(0);
    none.release(none.allocate(100), 100);
    CHECK(none.retainedBytes() == 0);
}

TEST_CASE("sizes beyond the largest class go to the heap each time")
{
    BlockPool pool;
    pool.release(pool.allocate(131073), 131073);
    CHECK(pool.retainedBytes() == 0);
    pool.release(pool.allocate(131073), 131073);
    CHECK(pool.heapAllocations() == 2);
}

TEST_SUITE_END();
