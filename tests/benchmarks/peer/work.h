// SPDX-License-Identifier: MIT
// What a program does with its bytes, whatever carries them.
#ifndef BENCH_PEER_WORK_H
#define BENCH_PEER_WORK_H

#include "counters.h"
#include "options.h"

#include <vector>

// Bytes of a stream by their position. The period is a prime, so that a lost or doubled block of
// any usual size shows.
class Pattern
{
public:
    static constexpr std::size_t Period = 1000003;
    static constexpr std::size_t Longest = 1 << 20; // of one piece

    static const char *at(std::uint64_t position);
    static bool matches(std::uint64_t position, const char *data, std::size_t size);
};

// Tells the observer that a server is there, on which port, and how large its heap was before.
void announce(std::uint16_t port, std::uint64_t heapBefore = bench::heapInUse());
// Ends the process: a client has done what it was told to.
[[noreturn]] void finish(bool success);

// Counts what arrives.
class Sink
{
public:
    explicit Sink(const Options &options) : m_check(options.check) { }
    void received(const char *data, std::size_t size);

private:
    std::uint64_t m_position = 0;
    bool m_check;
};

// The bytes that a source writes next.
class Source
{
public:
    explicit Source(const Options &options);
    const char *data() const { return m_check ? Pattern::at(m_position) : Pattern::at(0); }
    std::size_t size() const; // 0: all is written
    void written(std::size_t size) { m_position += size; }

private:
    std::uint64_t m_position = 0;
    std::uint64_t m_count;
    std::size_t m_chunk;
    bool m_check;
};

// The messages of an echo client, and their times.
class Echoes
{
public:
    explicit Echoes(const Options &options);

    // How many messages are to be sent now; the caller sends each of them and says so.
    std::uint32_t wanted() const;
    const char *message(); // the next one; numbered. Its time begins here
    void sent();
    // Bytes that came back, of which a part of a message may be missing.
    void received(const char *data, std::size_t size);

private:
    void startTiming() { m_now = bench::monotonicNanoseconds(); }
    void completed();

    std::vector<char> m_out;
    std::vector<char> m_expected;
    std::vector<std::uint64_t> m_sentAt; // ring by number
    std::uint64_t m_sent = 0;
    std::uint64_t m_back = 0;
    std::uint64_t m_now = 0;
    std::uint64_t m_count;
    std::size_t m_partial = 0; // bytes of the next message that are back
    std::uint32_t m_inFlight;
};

#endif // BENCH_PEER_WORK_H
