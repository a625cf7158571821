// SPDX-License-Identifier: MIT
// Rings of plain values in memory of a BlockPool: a queue, and a window indexed by serial number.
#ifndef KCP_RING_H
#define KCP_RING_H

#include <kcp/blockpool.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace kcp {

// A growing array of a power of two of values; index and capacity arithmetic shared by both rings.
template <typename T>
class RingStorage
{
    static_assert(std::is_trivially_copyable_v<T>);

public:
    explicit RingStorage(BlockPool *pool) : m_pool(pool) { }
    ~RingStorage() { release(); }
    RingStorage(const RingStorage &) = delete;
    RingStorage &operator=(const RingStorage &) = delete;

    T &at(std::uint32_t position) { return m_values[position & m_mask]; }
    const T &at(std::uint32_t position) const { return m_values[position & m_mask]; }
    std::uint32_t capacity() const { return m_capacity; }

    // Makes room for `needed` values and moves the `count` values from position `first` on to
    // where at() looks for them then. All other values are undefined.
    [[gnu::cold, gnu::noinline]] void grow(std::uint32_t needed, std::uint32_t first,
                                           std::uint32_t count)
    {
        std::uint32_t capacity = Minimum;
        while (capacity < needed)
            capacity *= 2;
        auto *values = static_cast<T *>(m_pool->allocate(capacity * sizeof(T)));
        // Runs that wrap around neither here nor there: three at most.
        for (std::uint32_t done = 0; done != count;) {
            const std::uint32_t from = (first + done) & m_mask;
            const std::uint32_t to = (first + done) & (capacity - 1);
            const std::uint32_t run = std::min({ count - done, m_capacity - from, capacity - to });
            std::memcpy(values + to, m_values + from, run * sizeof(T));
            done += run;
        }
        release();
        m_values = values;
        m_capacity = capacity;
        m_mask = capacity - 1;
    }

    void release()
    {
        if (m_values)
            m_pool->release(m_values, m_capacity * sizeof(T));
        m_values = nullptr;
        m_capacity = 0;
        m_mask = 0;
    }

private:
    static constexpr std::uint32_t Minimum = 8;

    T *m_values = nullptr;
    std::uint32_t m_capacity = 0;
    std::uint32_t m_mask = 0;
    BlockPool *m_pool;
};

// First in, first out.
template <typename T>
class PoolRing
{
public:
    explicit PoolRing(BlockPool *pool) : m_storage(pool) { }

    bool isEmpty() const { return m_size == 0; }
    std::uint32_t size() const { return m_size; }
    T &front() { return m_storage.at(m_first); }
    const T &front() const { return m_storage.at(m_first); }
    T &back() { return m_storage.at(m_first + m_size - 1); }
    const T &operator[](std::uint32_t index) const { return m_storage.at(m_first + index); }

    void push(const T &value)
    {
        if (m_size == m_storage.capacity()) [[unlikely]]
            m_storage.grow(m_size + 1, m_first, m_size);
        m_storage.at(m_first + m_size++) = value;
    }

    void pop()
    {
        ++m_first;
        --m_size;
    }

    void trim()
    {
        if (m_size == 0)
            m_storage.release();
    }

private:
    RingStorage<T> m_storage;
    std::uint32_t m_first = 0;
    std::uint32_t m_size = 0;
};

} // namespace kcp

#endif // KCP_RING_H
