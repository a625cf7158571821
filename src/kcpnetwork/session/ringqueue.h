// SPDX-License-Identifier: MIT
// A FIFO in one ring buffer that grows with use: in steady state it allocates nothing, which
// std::deque does not promise.
#ifndef KCPNET_SESSION_RINGQUEUE_H
#define KCPNET_SESSION_RINGQUEUE_H

#include <cstddef>
#include <utility>
#include <vector>

namespace kcpnet {

template <typename T>
class RingQueue
{
public:
    bool isEmpty() const { return m_size == 0; }
    std::size_t size() const { return m_size; }
    T &front() { return m_ring[m_head]; }
    const T &front() const { return m_ring[m_head]; }

    void push(T value)
    {
        if (m_size == m_ring.size())
            grow();
        m_ring[(m_head + m_size) & (m_ring.size() - 1)] = std::move(value);
        ++m_size;
    }

    T pop()
    {
        T value = std::move(m_ring[m_head]);
        m_head = (m_head + 1) & (m_ring.size() - 1);
        --m_size;
        return value;
    }

    // Gives the memory of an empty queue back.
    void trim()
    {
        if (m_size > 0)
            return;
        m_ring = {};
        m_head = 0;
    }

private:
    void grow()
    {
        std::vector<T> ring(m_ring.empty() ? 8 : m_ring.size() * 2);
        for (std::size_t i = 0; i < m_size; ++i)
            ring[i] = std::move(m_ring[(m_head + i) & (m_ring.size() - 1)]);
        m_ring = std::move(ring);
        m_head = 0;
    }

    std::vector<T> m_ring; // the size is zero or a power of two
    std::size_t m_head = 0;
    std::size_t m_size = 0;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_RINGQUEUE_H
