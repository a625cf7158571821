// SPDX-License-Identifier: MIT
// What the processes of a benchmark tell the one that observes them: plain counters in a file that
// all of them map. Counting costs an addition, so that measuring does not disturb what is measured.
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace bench {

// Each counter is written by one process only. kcpgo/counters.go knows the same layout.
struct Counters
{
    static constexpr std::size_t LatencyBuckets = 2048;

    std::atomic<std::uint64_t> bytes; // payload that a sink has received
    std::atomic<std::uint64_t> messages; // echoes that have come back
    std::atomic<std::uint64_t> connections; // open on the server
    std::atomic<std::uint64_t> heap; // of the server, in bytes; see heapReports
    std::atomic<std::uint64_t> heapReports; // how often the server has answered SIGUSR1
    std::atomic<std::uint64_t> wrong; // bytes or messages that are not what was sent
    std::atomic<std::uint64_t> ready; // the client is connected, or all of its connections are
    std::atomic<std::uint64_t> latency[LatencyBuckets]; // of echoes

    void recordLatency(std::uint64_t nanoseconds);
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// One writer: no locked instruction is needed.
inline void add(std::atomic<std::uint64_t> &counter, std::uint64_t value)
{
    counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

inline constexpr const char *CountersVariable = "KCPNETWORK_BENCH_COUNTERS";

// Maps the file that the environment names; without one, memory that nobody else sees.
Counters &counters();
// As counters(), with this file.
Counters &openCounters(const char *file);

// Buckets are 1/64 of a power of two wide: 1.6 %.
std::size_t latencyBucket(std::uint64_t nanoseconds);
double latencyOfBucket(std::size_t bucket); // nanoseconds, the middle

std::uint64_t monotonicNanoseconds();

// Bytes of this process's heap that are in use.
std::uint64_t heapInUse();

} // namespace bench

#endif // BENCH_COUNTERS_H
