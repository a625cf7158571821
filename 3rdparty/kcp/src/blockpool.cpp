// SPDX-License-Identifier: MIT
#include <kcp/blockpool.h>

#include <new>

namespace kcp {

BlockPool::~BlockPool()
{
    trim();
}

void BlockPool::trim()
{
    for (FreeBlock *&head : m_free) {
        while (head) {
            FreeBlock *next = head->next;
            ::operator delete(head);
            head = next;
        }
    }
    m_room = m_retention;
}

void *BlockPool::allocateFromHeap(std::size_t size)
{
    ++m_heapAllocations;
    return ::operator new(usableSize(size));
}

void BlockPool::releaseToHeap(void *storage)
{
    ::operator delete(storage);
}

} // namespace kcp
