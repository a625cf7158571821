// SPDX-License-Identifier: MIT
// An indexed heap of deadlines, one per slot: the earliest in O(1), a change in O(log n).
#ifndef KCPNET_SESSION_DEADLINEQUEUE_H
#define KCPNET_SESSION_DEADLINEQUEUE_H

#include <kcp/time.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kcpnet {

class DeadlineQueue
{
public:
    bool isEmpty() const { return m_heap.empty(); }
    std::size_t size() const { return m_heap.size(); }

    // kcp::Never when nothing is queued.
    kcp::Instant earliest() const { return m_heap.empty() ? kcp::Never : m_heap.front().deadline; }
    std::uint32_t earliestSlot() const { return m_heap.front().slot; } // not when empty

    // Sets or changes the deadline of a slot; kcp::Never takes it out.
    void set(std::uint32_t slot, kcp::Instant deadline);
    void remove(std::uint32_t slot) { set(slot, kcp::Never); }

private:
    struct Entry
    {
        kcp::Instant deadline;
        std::uint32_t slot;
    };
    static constexpr std::uint32_t Absent = UINT32_MAX;

    void place(std::size_t position, const Entry &entry);
    void siftUp(std::size_t position, const Entry &entry);
    void siftDown(std::size_t position, const Entry &entry);
    void removeAt(std::size_t position);

    std::vector<Entry> m_heap;
    std::vector<std::uint32_t> m_positions; // by slot
};

} // namespace kcpnet

#endif // KCPNET_SESSION_DEADLINEQUEUE_H
