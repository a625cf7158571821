// SPDX-License-Identifier: MIT
#include <kcp/rtt.h>
#include <kcp/sendqueue.h>

#include <algorithm>
#include <cstring>

namespace kcp {

// A piece of the byte chain; the bytes follow the struct.
struct Chunk
{
    Chunk *next;
    std::uint32_t capacity;
    std::uint32_t size;

    std::uint8_t *data() { return reinterpret_cast<std::uint8_t *>(this + 1); }
    std::size_t blockSize() const { return sizeof(Chunk) + capacity; }
};

namespace {

constexpr std::uint8_t LostList = 0;
constexpr std::uint8_t FirstFlightList = 1;
constexpr std::uint8_t Acknowledged = 255; // in no list
constexpr std::uint8_t NotSent = 254; // cut, in no list yet

// Timeouts reach 60 s long before this many doublings of 1 ms.
constexpr std::uint8_t MostTimeouts = 30;

constexpr std::size_t SmallestChunk = 512;
constexpr std::size_t LargestChunk = 64U << 10U;

} // namespace

SendQueue::SendQueue(BlockPool *pool, std::uint32_t initialSn)
    : m_pool(pool), m_segments(pool), m_records(pool), m_una(initialSn), m_next(initialSn)
{
}

SendQueue::~SendQueue()
{
    while (m_firstChunk) {
        Chunk *chunk = m_firstChunk;
        m_firstChunk = chunk->next;
        m_pool->release(chunk, chunk->blockSize());
    }
}

void SendQueue::append(ByteView data, bool stream)
{
    if (stream && data.empty())
        return;
    appendBytes(data);
    m_unsentBytes += data.size();
    if (stream && !m_records.isEmpty() && m_records.back().stream)
        m_records.back().remaining += data.size();
    else
        m_records.push({data.size(), stream});
}

void SendQueue::appendBytes(ByteView data)
{
    while (!data.empty()) {
        Chunk *chunk = m_lastChunk;
        if (!chunk || chunk->size == chunk->capacity) {
            // Small for a small write, doubling for a queue that grows.
            const std::size_t wanted = std::max(data.size() + sizeof(Chunk),
                                                chunk ? 2 * chunk->blockSize() : SmallestChunk);
            const std::size_t block =
                    BlockPool::usableSize(std::clamp(wanted, SmallestChunk, LargestChunk));
            Chunk *added = static_cast<Chunk *>(m_pool->allocate(block));
            added->next = nullptr;
            added->capacity = static_cast<std::uint32_t>(block - sizeof(Chunk));
            added->size = 0;
            (chunk ? chunk->next : m_firstChunk) = added;
            m_lastChunk = added;
            chunk = added;
        }
        if (!m_cutChunk) {
            m_cutChunk = chunk;
            m_cutPosition = chunk->size;
        }
        const std::size_t part = std::min<std::size_t>(data.size(), chunk->capacity - chunk->size);
        std::memcpy(chunk->data() + chunk->size, data.data(), part);
        chunk->size += static_cast<std::uint32_t>(part);
        data = data.subspan(part);
    }
}

std::size_t SendQueue::unsentSegments(std::uint32_t mss) const
{
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < m_records.size(); ++i)
        count += std::max<std::size_t>(1, (m_records[i].remaining + mss - 1) / mss);
    return count;
}

std::uint32_t SendQueue::nextLength(std::uint32_t mss) const
{
    const Record &record = m_records.front();
    std::size_t size = mss;
    if (!record.stream) {
        // A message keeps the fragment size it began with, since the first fragment said how many
        // there are. One that was accepted under a larger MTU may need larger fragments.
        if (m_fragmentSize > 0)
            size = m_fragmentSize;
        else if (record.remaining > static_cast<std::size_t>(mss) * m_policy.maximumFragments)
            size = (record.remaining + m_policy.maximumFragments - 1) / m_policy.maximumFragments;
    }
    return static_cast<std::uint32_t>(std::min(record.remaining, size));
}

std::uint32_t SendQueue::cut(std::uint32_t mss)
{
    const std::uint32_t length = nextLength(mss);
    const std::uint32_t sn = m_next;
    if (flightSize() + 1 > m_segments.capacity()) [[unlikely]]
        m_segments.grow(flightSize() + 1, m_una, flightSize());
    ++m_next;

    while (m_cutChunk && m_cutPosition == m_cutChunk->size && m_cutChunk->next) {
        m_cutChunk = m_cutChunk->next;
        m_cutPosition = 0;
    }
    Segment &segment = m_segments.at(sn);
    segment.chunk = m_cutChunk;
    segment.position = m_cutPosition;
    segment.length = static_cast<std::uint16_t>(length);
    segment.transmissions = 0;
    segment.timeouts = 0;
    segment.list = NotSent;
    segment.fragment = 0;

    Record &record = m_records.front();
    if (!record.stream) {
        if (record.remaining > length) {
            m_fragmentSize = length;
            segment.fragment = static_cast<std::uint8_t>((record.remaining - 1) / length);
        } else {
            m_fragmentSize = 0;
        }
    }
    record.remaining -= length;
    if (record.remaining == 0)
        m_records.pop();

    std::uint32_t left = length;
    while (left > 0 && left > m_cutChunk->size - m_cutPosition) {
        left -= m_cutChunk->size - m_cutPosition;
        m_cutChunk = m_cutChunk->next;
        m_cutPosition = 0;
    }
    m_cutPosition += left;
    m_unsentBytes -= length;
    m_unacknowledgedBytes += length;
    m_largestLength = std::max(m_largestLength, length);
    return sn;
}

void SendQueue::copyPayload(const Segment &segment, std::uint8_t *to) const
{
    if (segment.length == 0)
        return;
    Chunk *chunk = segment.chunk;
    std::uint32_t position = segment.position;
    std::uint32_t left = segment.length;
    while (left > chunk->size - position) [[unlikely]] {
        const std::uint32_t part = chunk->size - position;
        std::memcpy(to, chunk->data() + position, part);
        to += part;
        left -= part;
        chunk = chunk->next;
        position = 0;
    }
    std::memcpy(to, chunk->data() + position, left);
}

std::optional<std::uint32_t> SendQueue::firstLost() const
{
    if (m_lists.empty() || m_lists[LostList].size == 0)
        return std::nullopt;
    return m_lists[LostList].first;
}

void SendQueue::markSent(std::uint32_t sn, Instant now)
{
    Segment &segment = m_segments.at(sn);
    if (segment.list == LostList)
        unlink(sn);
    if (segment.transmissions == 0)
        segment.firstTimestamp = wireTime(now);
    if (segment.transmissions < UINT16_MAX)
        ++segment.transmissions;
    segment.lastSent = now;
    segment.transmission = m_transmission++;
    const bool exempt = m_policy.fastLimit > 0 && segment.transmissions >= m_policy.fastLimit;
    ++m_pipe;
    link(sn, static_cast<std::uint8_t>(FirstFlightList + 2 * segment.timeouts + (exempt ? 1 : 0)));
}

void SendQueue::link(std::uint32_t sn, std::uint8_t index)
{
    if (index >= m_lists.size()) [[unlikely]]
        m_lists.resize(index + 1U);
    List &list = m_lists[index];
    Segment &segment = m_segments.at(sn);
    segment.list = index;
    segment.previous = list.last;
    if (list.size++ == 0)
        list.first = sn;
    else
        m_segments.at(list.last).next = sn;
    list.last = sn;
}

void SendQueue::unlink(std::uint32_t sn)
{
    Segment &segment = m_segments.at(sn);
    List &list = m_lists[segment.list];
    if (--list.size == 0)
        return;
    if (list.first == sn)
        list.first = segment.next;
    else if (list.last == sn)
        list.last = segment.previous;
    else {
        m_segments.at(segment.previous).next = segment.next;
        m_segments.at(segment.next).previous = segment.previous;
    }
}

bool SendQueue::isOutstanding(std::uint32_t sn) const
{
    return sn - m_una < flightSize() && m_segments.at(sn).list != Acknowledged;
}

void SendQueue::acknowledge(std::uint32_t sn)
{
    Segment &segment = m_segments.at(sn);
    if (segment.list != LostList)
        --m_pipe;
    unlink(sn);
    segment.list = Acknowledged;
    m_unacknowledgedBytes -= segment.length;
}

std::uint32_t SendQueue::acknowledgeUntil(std::uint32_t una)
{
    std::uint32_t count = 0;
    for (std::uint32_t sn = m_una; serialLess(sn, una); ++sn) {
        if (m_segments.at(sn).list != Acknowledged) {
            acknowledge(sn);
            ++count;
        }
    }
    return count;
}

void SendQueue::releaseAcknowledged()
{
    const std::uint32_t before = m_una;
    while (m_una != m_next && m_segments.at(m_una).list == Acknowledged)
        ++m_una;
    if (m_una == before)
        return;
    releaseChunks();
    if (m_una == m_next) {
        m_segments.releaseIfLarge();
        m_largestLength = 0;
    }
}

void SendQueue::releaseChunks()
{
    const Chunk *keep = nullptr;
    if (m_una != m_next)
        keep = m_segments.at(m_una).chunk;
    else if (m_unsentBytes > 0)
        keep = m_cutChunk;
    else
        m_cutChunk = nullptr;
    // An empty message may stand before the first chunk of all.
    if (!keep && m_cutChunk)
        return;
    while (m_firstChunk != keep) {
        Chunk *chunk = m_firstChunk;
        m_firstChunk = chunk->next;
        m_pool->release(chunk, chunk->blockSize());
    }
    if (!m_firstChunk)
        m_lastChunk = nullptr;
}

void SendQueue::lose(std::uint32_t sn, std::uint8_t timeouts, Expired &expired)
{
    Segment &segment = m_segments.at(sn);
    unlink(sn);
    --m_pipe;
    segment.timeouts = timeouts;
    link(sn, LostList);
    if (expired.count++ == 0 || serialLess(expired.newestTransmission, segment.transmission))
        expired.newestTransmission = segment.transmission;
    expired.mostTransmissions = std::max<std::uint32_t>(expired.mostTransmissions,
                                                        segment.transmissions);
}

SendQueue::Expired SendQueue::loseSentBefore(std::uint32_t transmission)
{
    Expired expired;
    for (std::size_t i = FirstFlightList; i < m_lists.size(); i += 2) {
        while (m_lists[i].size > 0) {
            const std::uint32_t sn = m_lists[i].first;
            const Segment &segment = m_segments.at(sn);
            if (!serialLess(segment.transmission, transmission))
                break;
            lose(sn, segment.timeouts, expired);
        }
    }
    return expired;
}

SendQueue::Expired SendQueue::expire(Instant now, Duration rto)
{
    Expired expired;
    for (std::size_t i = FirstFlightList; i < m_lists.size(); ++i) {
        if (m_lists[i].size == 0)
            continue;
        const auto timeouts = static_cast<std::uint8_t>((i - FirstFlightList) / 2);
        const Duration timeout = timeoutAfter(timeouts, rto);
        const std::uint8_t more = timeouts < MostTimeouts ? timeouts + 1 : timeouts;
        while (m_lists[i].size > 0) {
            const std::uint32_t sn = m_lists[i].first;
            if (m_segments.at(sn).lastSent + timeout > now)
                break;
            lose(sn, more, expired);
        }
    }
    return expired;
}

Instant SendQueue::nextDeadline(Duration rto) const
{
    Instant deadline = Never;
    if (m_pipe == 0)
        return deadline;
    for (std::size_t i = FirstFlightList; i < m_lists.size(); ++i) {
        if (m_lists[i].size == 0)
            continue;
        const auto timeouts = static_cast<std::uint8_t>((i - FirstFlightList) / 2);
        deadline = std::min(deadline, m_segments.at(m_lists[i].first).lastSent
                                    + timeoutAfter(timeouts, rto));
    }
    return deadline;
}

Duration SendQueue::timeoutAfter(std::uint8_t timeouts, Duration rto) const
{
    Duration timeout = rto;
    if (m_policy.nodelay == 0) {
        if (timeouts == 0)
            timeout += rto / 8;
        for (std::uint8_t i = 0; i < timeouts && timeout < RttEstimator::MaximumRto; ++i)
            timeout *= 2;
    } else if (m_policy.nodelay == 1) {
        for (std::uint8_t i = 0; i < timeouts && timeout < RttEstimator::MaximumRto; ++i)
            timeout += timeout / 2;
    } else {
        timeout += timeouts * (rto / 2);
    }
    return std::min(timeout, RttEstimator::MaximumRto);
}

} // namespace kcp
