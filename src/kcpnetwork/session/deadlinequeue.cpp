// SPDX-License-Identifier: MIT
#include "deadlinequeue.h"

namespace kcpnet {

void DeadlineQueue::set(std::uint32_t slot, kcp::Instant deadline)
{
    if (slot >= m_positions.size()) {
        if (deadline == kcp::Never)
            return;
        m_positions.resize(std::size_t(slot) + 1, Absent);
    }
    const std::uint32_t position = m_positions[slot];
    if (position == Absent) {
        if (deadline == kcp::Never)
            return;
        m_heap.push_back({ deadline, slot });
        siftUp(m_heap.size() - 1, { deadline, slot });
    } else if (deadline == kcp::Never) {
        removeAt(position);
    } else if (deadline < m_heap[position].deadline) {
        siftUp(position, { deadline, slot });
    } else if (deadline > m_heap[position].deadline) {
        siftDown(position, { deadline, slot });
    }
}

void DeadlineQueue::place(std::size_t position, const Entry &entry)
{
    m_heap[position] = entry;
    m_positions[entry.slot] = static_cast<std::uint32_t>(position);
}

void DeadlineQueue::siftUp(std::size_t position, const Entry &entry)
{
    while (position > 0) {
        const std::size_t parent = (position - 1) / 2;
        if (m_heap[parent].deadline <= entry.deadline)
            break;
        place(position, m_heap[parent]);
        position = parent;
    }
    place(position, entry);
}

void DeadlineQueue::siftDown(std::size_t position, const Entry &entry)
{
    for (;;) {
        std::size_t child = 2 * position + 1;
        if (child >= m_heap.size())
            break;
        if (child + 1 < m_heap.size() && m_heap[child + 1].deadline < m_heap[child].deadline)
            ++child;
        if (m_heap[child].deadline >= entry.deadline)
            break;
        place(position, m_heap[child]);
        position = child;
    }
    place(position, entry);
}

void DeadlineQueue::removeAt(std::size_t position)
{
    m_positions[m_heap[position].slot] = Absent;
    const Entry last = m_heap.back();
    m_heap.pop_back();
    if (position == m_heap.size())
        return;
    if (position > 0 && last.deadline < m_heap[(position - 1) / 2].deadline)
        siftUp(position, last);
    else
        siftDown(position, last);
}

} // namespace kcpnet
