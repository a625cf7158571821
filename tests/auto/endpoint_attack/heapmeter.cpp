// SPDX-License-Identifier: MIT
#include "heapmeter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

// QtTest's watchdog is a thread of its own.
std::atomic<std::size_t> current;
std::atomic<std::size_t> highest;

// In front of each block, with the alignment that operator new owes: its size.
constexpr std::size_t HeadSize = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(HeadSize >= sizeof(std::size_t));

} // namespace

void *operator new(std::size_t size)
{
    void *block = std::malloc(HeadSize + size);
    if (!block)
        throw std::bad_alloc();
    *static_cast<std::size_t *>(block) = size;
    const std::size_t now = current += size;
    if (now > highest)
        highest = now;
    return static_cast<char *>(block) + HeadSize;
}

void operator delete(void *storage) noexcept
{
    if (!storage)
        return;
    void *block = static_cast<char *>(storage) - HeadSize;
    current -= *static_cast<std::size_t *>(block);
    std::free(block);
}

void operator delete(void *storage, std::size_t) noexcept
{
    operator delete(storage);
}

namespace heapmeter {

std::size_t bytes()
{
    return current;
}

std::size_t peak()
{
    return highest;
}

void startPeak()
{
    highest = current.load();
}

} // namespace heapmeter
