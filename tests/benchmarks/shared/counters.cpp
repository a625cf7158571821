// SPDX-License-Identifier: MIT
#include "counters.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>

namespace bench {

namespace {

constexpr unsigned SubBits = 6; // 64 buckets a power of two
constexpr unsigned LowestBits = 8; // below 256 ns all is one

} // namespace

Counters &openCounters(const char *file)
{
    int descriptor = -1;
    int flags = MAP_SHARED;
    if (file) {
        descriptor = ::open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0 || ::ftruncate(descriptor, sizeof(Counters)) != 0) {
            std::perror(file);
            std::exit(1);
        }
    } else {
        flags |= MAP_ANONYMOUS;
    }
    void *memory = ::mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, flags, descriptor, 0);
    if (memory == MAP_FAILED) {
        std::perror("mmap");
        std::exit(1);
    }
    if (descriptor >= 0)
        ::close(descriptor);
    return *static_cast<Counters *>(memory);
}

Counters &counters()
{
    static Counters &mapped = openCounters(std::getenv(CountersVariable));
    return mapped;
}

std::size_t latencyBucket(std::uint64_t nanoseconds)
{
    const auto bits = unsigned(std::bit_width(nanoseconds));
    if (bits <= LowestBits)
        return 0;
    const std::uint64_t sub = (nanoseconds >> (bits - 1 - SubBits)) & ((1U << SubBits) - 1);
    const std::size_t bucket = ((bits - 1 - LowestBits) << SubBits) + sub;
    return std::min(bucket, Counters::LatencyBuckets - 1);
}

double latencyOfBucket(std::size_t bucket)
{
    const unsigned exponent = unsigned(bucket >> SubBits) + LowestBits;
    const double sub = double(bucket & ((1U << SubBits) - 1)) + 0.5;
    return double(std::uint64_t{ 1 } << exponent) * (1 + sub / (1U << SubBits));
}

void Counters::recordLatency(std::uint64_t nanoseconds)
{
    add(latency[latencyBucket(nanoseconds)], 1);
    add(messages, 1);
}

std::uint64_t monotonicNanoseconds()
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::uint64_t(now.tv_sec) * 1000000000U + std::uint64_t(now.tv_nsec);
}

std::uint64_t heapInUse()
{
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

} // namespace bench
