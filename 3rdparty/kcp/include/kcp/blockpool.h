// SPDX-License-Identifier: MIT
// Memory for payloads and rings: free lists by size, so that a busy conversation allocates nothing
// and an idle one holds nothing. One pool may serve many engines of one thread.
#ifndef KCP_BLOCKPOOL_H
#define KCP_BLOCKPOOL_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace kcp {

// Not thread-safe. Every engine that uses a pool must die before it.
class BlockPool
{
public:
    // Free blocks are kept up to this many bytes; what comes back beyond it goes to the heap.
    static constexpr std::size_t DefaultRetention = 64U << 20U;

    explicit BlockPool(std::size_t retention = DefaultRetention)
        : m_retention(static_cast<std::int64_t>(retention)), m_room(m_retention)
    {
    }
    ~BlockPool();
    BlockPool(const BlockPool &) = delete;
    BlockPool &operator=(const BlockPool &) = delete;

    // Storage for at least size bytes, aligned for any object. Throws std::bad_alloc when the heap
    // is exhausted. size is at least 1.
    void *allocate(std::size_t size)
    {
        const std::size_t index = classIndex(size);
        if (index < ClassCount && m_free[index]) [[likely]] {
            FreeBlock *block = m_free[index];
            m_free[index] = block->next;
            m_room += static_cast<std::int64_t>(classSize(index));
            return block;
        }
        return allocateFromHeap(size);
    }

    // Gives back what allocate() returned for the same size.
    void release(void *storage, std::size_t size)
    {
        const std::size_t index = classIndex(size);
        if (index < ClassCount) [[likely]] {
            const auto bytes = static_cast<std::int64_t>(classSize(index));
            m_room -= bytes;
            if (m_room >= 0) [[likely]] {
                auto *block = static_cast<FreeBlock *>(storage);
                block->next = m_free[index];
                m_free[index] = block;
                return;
            }
            m_room += bytes;
        }
        releaseToHeap(storage);
    }

    // How many bytes a block of the given size really holds.
    static std::size_t usableSize(std::size_t size)
    {
        const std::size_t index = classIndex(size);
        return index < ClassCount ? classSize(index) : size;
    }

    // Gives all free blocks back to the heap.
    void trim();

    std::size_t retainedBytes() const { return static_cast<std::size_t>(m_retention - m_room); }
    std::uint64_t heapAllocations() const { return m_heapAllocations; }

private:
    struct FreeBlock
    {
        FreeBlock *next;
    };

    // 64 bytes to 2 KiB in steps of 64 (what datagrams carry), then powers of two up to 128 KiB.
    static constexpr std::size_t Step = 64;
    static constexpr std::size_t FineClasses = 32;
    static constexpr std::size_t ClassCount = FineClasses + 1 + 6;

    static std::size_t classIndex(std::size_t size)
    {
        if (size <= Step * FineClasses) [[likely]]
            return (size + Step - 1) / Step;
        std::size_t index = FineClasses + 1;
        for (std::size_t limit = Step * FineClasses * 2; limit < size; limit *= 2)
            ++index;
        return index;
    }

    static std::size_t classSize(std::size_t index)
    {
        if (index <= FineClasses) [[likely]]
            return index * Step;
        return (Step * FineClasses) << (index - FineClasses);
    }

    [[gnu::cold, gnu::noinline]] void *allocateFromHeap(std::size_t size);
    [[gnu::cold, gnu::noinline]] static void releaseToHeap(void *storage);

    std::array<FreeBlock *, ClassCount> m_free{};
    std::int64_t m_retention;
    std::int64_t m_room; // how much more may be kept
    std::uint64_t m_heapAllocations = 0;
};

} // namespace kcp

#endif // KCP_BLOCKPOOL_H
