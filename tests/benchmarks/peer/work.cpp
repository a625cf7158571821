// SPDX-License-Identifier: MIT
#include "work.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using bench::add;
using bench::counters;

const char *Pattern::at(std::uint64_t position)
{
    static const std::vector<char> bytes = [] {
        std::vector<char> filled(Period + Longest);
        std::uint32_t state = 1;
        for (std::size_t i = 0; i < filled.size(); ++i) {
            state = state * 1664525U + 1013904223U;
            filled[i] = i < Period ? char(state >> 24U) : filled[i - Period];
        }
        return filled;
    }();
    return bytes.data() + position % Period;
}

bool Pattern::matches(std::uint64_t position, const char *data, std::size_t size)
{
    while (size > 0) {
        const std::size_t piece = std::min(size, Longest);
        if (std::memcmp(data, at(position), piece) != 0)
            return false;
        position += piece;
        data += piece;
        size -= piece;
    }
    return true;
}

void announce(std::uint16_t port, std::uint64_t heapBefore)
{
    counters().heap = heapBefore;
    std::printf("port %u\n", unsigned(port));
    std::fflush(stdout);
}

void finish(bool success)
{
    ::_exit(success ? 0 : 1); // a peer that is still connected does not matter
}

void Sink::received(const char *data, std::size_t size)
{
    if (m_check && !Pattern::matches(m_position, data, size))
        add(counters().wrong, size);
    m_position += size;
    add(counters().bytes, size);
}

Source::Source(const Options &options)
    : m_count(options.count),
      m_chunk(std::min(options.chunk, Pattern::Longest)),
      m_check(options.check)
{
}

std::size_t Source::size() const
{
    if (m_count == 0)
        return m_chunk;
    return std::size_t(std::min<std::uint64_t>(m_chunk, m_count - m_position));
}

Echoes::Echoes(const Options &options)
    : m_out(options.message),
      m_expected(options.message),
      m_sentAt(options.inFlight),
      m_count(options.count),
      m_inFlight(options.inFlight)
{
}

std::uint32_t Echoes::wanted() const
{
    const auto room = std::uint32_t(m_inFlight - (m_sent - m_back));
    if (m_count == 0)
        return room;
    return std::uint32_t(std::min<std::uint64_t>(room, m_count - m_sent));
}

const char *Echoes::message()
{
    if (m_inFlight == 1 || m_now == 0)
        startTiming();
    std::memcpy(m_out.data(), &m_sent, sizeof m_sent);
    return m_out.data();
}

void Echoes::sent()
{
    m_sentAt[m_sent % m_inFlight] = m_now;
    ++m_sent;
}

void Echoes::received(const char *data, std::size_t size)
{
    startTiming();
    while (size > 0) {
        const std::size_t piece = std::min(size, m_out.size() - m_partial);
        std::memcpy(m_expected.data() + m_partial, data, piece);
        m_partial += piece;
        data += piece;
        size -= piece;
        if (m_partial == m_out.size())
            completed();
    }
}

void Echoes::completed()
{
    m_partial = 0;
    if (std::memcmp(m_expected.data(), &m_back, sizeof m_back) != 0)
        add(counters().wrong, 1);
    counters().recordLatency(m_now - m_sentAt[m_back % m_inFlight]);
    ++m_back;
    if (m_count > 0 && m_back == m_count)
        finish(counters().wrong == 0);
}
