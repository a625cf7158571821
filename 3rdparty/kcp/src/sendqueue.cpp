// SPDX-License-Identifier: MIT
#include <kcp/rtt.h>
#include <kcp/sendqueue.h>

#include <algorithm>
#include <cstring>

namespace kcp {

namespace {

std::size_t segmentsOf(std::size_t message, std::uint32_t mss)
{
    return message <= mss ? 1 : (message + mss - 1) / mss;
}

// Timeouts reach 60 s long before this many doublings of 1 ms.
constexpr std::uint8_t MostTimeouts = 30;

constexpr std::size_t SmallestChunk = 512;
constexpr std::size_t LargestChunk = 64U << 10U;

} // namespace

SendQueue::SendQueue(BlockPool *pool, std::uint32_t initialSn, std::uint32_t mss)
    : m_pool(pool),
      m_segments(pool),
      m_records(pool),
      m_lists(pool),
      m_mss(mss),
      m_una(initialSn),
      m_next(initialSn),
      m_end(initialSn),
      m_fresh(initialSn)
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

void SendQueue::setMss(std::uint32_t mss)
{
    if (mss < m_mss) {
        for (std::uint32_t sn = m_una; sn != m_next; ++sn)
            m_largestLength = std::max<std::uint32_t>(m_largestLength, m_segments.at(sn).length);
        unprepare();
    }
    m_mss = mss;
    countMessageSegments();
    prepareFromRecord();
}

// What was prepared is to be cut again.
void SendQueue::unprepare()
{
    if (m_provisional)
        m_end = m_next;
    m_provisional = false;
    if (m_next == m_end)
        return;
    m_cutChunk = m_segments.at(m_next).chunk;
    m_cutPosition = m_segments.at(m_next).position;
    const std::uint32_t behind = m_records.size();
    for (std::uint32_t sn = m_next; sn != m_end; ++sn)
        m_records.push({ m_segments.at(sn).length, false });
    for (std::uint32_t i = 0; i < behind; ++i) {
        const Record record = m_records.front();
        m_records.pop();
        m_records.push(record);
    }
    m_end = m_next;
}

void SendQueue::countMessageSegments()
{
    m_moreFragments = 0;
    for (std::uint32_t i = 0; i < m_records.size(); ++i) {
        const std::size_t remaining = m_records[i].remaining;
        if (m_records[i].stream)
            continue;
        const std::uint32_t size =
                i == 0 ? messageFragmentSize(remaining) : newFragmentSize(remaining);
        m_moreFragments += segmentsOf(remaining, size) - 1;
    }
}

void SendQueue::append(ByteView data, bool stream)
{
    const std::size_t size = data.size();
    m_appendedBytes += size;
    // Nearly always it is a message of one segment.
    if (stream || size > m_mss || size == 0 || !m_records.isEmpty()) [[unlikely]]
        return appendRecord(data, stream);
    Chunk *chunk = m_lastChunk;
    if (!chunk || chunk->capacity - chunk->size < size) [[unlikely]]
        chunk = addChunk(size);
    const std::uint32_t position = chunk->size;
    prepare(chunk, position, static_cast<std::uint32_t>(size));
    chunk->size = position + static_cast<std::uint32_t>(size);
    std::memcpy(chunk->data() + position, data.data(), size);
}

// The segment m_end begins here, and lies in one chunk.
inline SendQueue::Segment &SendQueue::prepare(Chunk *chunk, std::uint32_t position,
                                              std::uint32_t length)
{
    if (m_end - m_una >= m_segments.capacity()) [[unlikely]]
        growSegments();
    Segment &segment = m_segments.at(m_end++);
    segment.chunk = chunk;
    segment.position = position;
    segment.length = static_cast<std::uint16_t>(length);
    segment.transmissions = 1;
    segment.fragment = 0;
    segment.list = Fresh;
    segment.timeouts = 0;
    segment.scattered = false;
    return segment;
}

// Anything but a short message with nothing but such before it.
void SendQueue::appendRecord(ByteView data, bool stream)
{
    const std::size_t size = data.size();
    if (stream && size == 0)
        return;
    Chunk *last = m_lastChunk;
    const std::uint32_t position = last ? last->size : 0;
    appendBytes(data);
    if (m_records.isEmpty()) {
        m_cutChunk = last; // without one, the first that there will be
        m_cutPosition = position;
    }
    if (stream) {
        m_unsentStreamBytes += size;
        if (!m_records.isEmpty() && m_records.back().stream) {
            m_records.back().remaining += size;
            prepareFromRecord();
            return;
        }
        ++m_streamRecords;
    } else {
        m_moreFragments += segmentsOf(size, m_mss) - 1;
    }
    m_records.push({ size, stream });
    prepareFromRecord();
}

// Makes the next piece of the first record the segment m_next, if nothing stands before it. It is
// made again whenever something changes before it leaves.
void SendQueue::prepareFromRecord()
{
    if (m_provisional)
        --m_end;
    m_provisional = false;
    if (m_next != m_end || m_records.isEmpty())
        return;
    if (!m_cutChunk)
        m_cutChunk = m_firstChunk;
    while (m_cutChunk && m_cutPosition == m_cutChunk->size && m_cutChunk->next) {
        m_cutChunk = m_cutChunk->next;
        m_cutPosition = 0;
    }
    const Record &record = m_records.front();
    std::size_t size = m_mss;
    std::uint8_t fragment = 0;
    if (!record.stream && (record.remaining > size || m_fragmentSize > 0)) {
        size = messageFragmentSize(record.remaining);
        // The first fragment says how many follow: they must be as long.
        if (record.remaining > size)
            fragment = static_cast<std::uint8_t>((record.remaining - 1) / size);
    }
    const auto length = static_cast<std::uint32_t>(std::min(record.remaining, size));
    Segment &segment = prepare(m_cutChunk, m_cutPosition, length);
    segment.fragment = fragment;
    segment.scattered = length == 0 || length > m_cutChunk->size - m_cutPosition;
    m_provisional = true;
}

// A segment was sent while there are records: it may be the first one's. Returns it, since it may
// lie elsewhere now.
const SendQueue::Segment &SendQueue::cutRecord()
{
    const std::uint32_t sn = m_next - 1;
    if (m_provisional) {
        m_provisional = false;
        const std::uint32_t length = m_segments.at(sn).length;
        Record &record = m_records.front();
        record.remaining -= length;
        const bool ended = record.remaining == 0;
        if (record.stream) {
            m_unsentStreamBytes -= length;
            m_streamRecords -= ended;
        } else {
            m_moreFragments -= !ended;
            m_fragmentSize = ended ? 0 : length;
        }
        if (length > m_mss)
            m_largestLength = std::max(m_largestLength, length);
        m_cutPosition += length;
        while (length > 0 && m_cutPosition > m_cutChunk->size) {
            m_cutPosition -= m_cutChunk->size;
            m_cutChunk = m_cutChunk->next;
        }
        if (ended)
            m_records.pop();
    }
    prepareFromRecord();
    return m_segments.at(sn);
}

void SendQueue::appendBytes(ByteView data)
{
    while (!data.empty()) {
        Chunk *chunk = m_lastChunk;
        if (!chunk || chunk->size == chunk->capacity)
            chunk = addChunk(data.size());
        const std::size_t part = std::min<std::size_t>(data.size(), chunk->capacity - chunk->size);
        std::memcpy(chunk->data() + chunk->size, data.data(), part);
        chunk->size += static_cast<std::uint32_t>(part);
        data = data.subspan(part);
    }
}

// Small for a small write, doubling for a queue that grows.
SendQueue::Chunk *SendQueue::addChunk(std::size_t wanted)
{
    Chunk *last = m_lastChunk;
    const std::size_t size =
            std::clamp(std::max(wanted + sizeof(Chunk), last ? 2 * last->blockSize() : 0),
                       SmallestChunk, LargestChunk);
    const std::size_t block = BlockPool::usableSize(size);
    auto *chunk = static_cast<Chunk *>(m_pool->allocate(block));
    chunk->next = nullptr;
    chunk->capacity = static_cast<std::uint32_t>(block - sizeof(Chunk));
    chunk->size = 0;
    (last ? last->next : m_firstChunk) = chunk;
    m_lastChunk = chunk;
    return chunk;
}

std::size_t SendQueue::unsentSegments() const
{
    return m_end - m_next - m_provisional + m_records.size() - m_streamRecords + m_moreFragments
            + (m_unsentStreamBytes + m_mss - 1) / m_mss;
}

// A message keeps the fragment size it began with, since the first fragment said how many there
// are. One that was accepted under a larger MTU may need larger fragments.
std::uint32_t SendQueue::messageFragmentSize(std::size_t remaining) const
{
    return m_fragmentSize > 0 ? m_fragmentSize : newFragmentSize(remaining);
}

std::uint32_t SendQueue::newFragmentSize(std::size_t remaining) const
{
    const std::uint32_t most = m_policy.maximumFragments;
    if (remaining <= static_cast<std::size_t>(m_mss) * most)
        return m_mss;
    return static_cast<std::uint32_t>((remaining + most - 1) / most);
}

void SendQueue::copyFromChunks(const Segment &segment, std::uint8_t *to) const
{
    Chunk *chunk = segment.chunk;
    std::uint32_t position = segment.position;
    std::uint32_t left = segment.length;
    if (left == 0)
        return;
    while (left > chunk->size - position) {
        const std::uint32_t part = chunk->size - position;
        std::memcpy(to, chunk->data() + position, part);
        to += part;
        left -= part;
        chunk = chunk->next;
        position = 0;
    }
    std::memcpy(to, chunk->data() + position, left);
}

void SendQueue::addLists(std::uint32_t end)
{
    if (end > m_lists.capacity())
        m_lists.grow(end, 0, m_listEnd);
    for (; m_listEnd < end; ++m_listEnd)
        m_lists.at(m_listEnd) = {};
}

void SendQueue::link(Segment &segment, std::uint32_t sn, std::uint8_t index)
{
    if (index >= m_listEnd) [[unlikely]]
        addLists(index + 1U);
    List &list = m_lists.at(index);
    segment.list = index;
    segment.previous = list.last;
    if (list.size++ == 0)
        list.first = sn;
    else
        m_segments.at(list.last).next = sn;
    list.last = sn;
}

void SendQueue::unlink(Segment &segment, std::uint32_t sn)
{
    List &list = m_lists.at(segment.list);
    if (--list.size == 0)
        return;
    if (list.first == sn) {
        list.first = segment.next;
    } else if (list.last == sn) {
        list.last = segment.previous;
    } else {
        m_segments.at(segment.previous).next = segment.next;
        m_segments.at(segment.next).previous = segment.previous;
    }
}

const SendQueue::Segment &SendQueue::sendAgain(std::uint32_t sn, Instant now,
                                               std::uint32_t timestamp)
{
    Segment &segment = m_segments.at(sn);
    unlink(segment, sn);
    --m_lostSegments;
    if (segment.transmissions != UINT16_MAX)
        ++segment.transmissions;
    segment.lastSent = now;
    segment.lastTimestamp = timestamp;
    segment.transmission = m_transmission++;
    ++m_pipe;
    ++m_resentInFlight;
    const bool exempt = segment.transmissions >= m_exemptFrom;
    link(segment, sn, static_cast<std::uint8_t>(FirstFlightList + 2U * segment.timeouts + exempt));
    return segment;
}

// A segment that stands in a list is acknowledged.
void SendQueue::leaveList(Segment &segment, std::uint32_t sn)
{
    if (segment.list == LostList) {
        --m_lostSegments;
    } else {
        --m_pipe;
        --m_resentInFlight;
    }
    unlink(segment, sn);
}

void SendQueue::trim()
{
    if (m_pipe == 0 && m_lostSegments == 0)
        m_lists.release();
    m_records.trim();
    if (!isEmpty())
        return;
    m_segments.release();
    if (m_firstChunk)
        m_pool->release(m_firstChunk, m_firstChunk->blockSize());
    m_firstChunk = m_lastChunk = nullptr;
}

// Releases what stands before the chunk of the first segment, or all.
void SendQueue::releaseChunks()
{
    const Chunk *keep = isEmpty() ? nullptr : m_segments.at(m_una).chunk;
    // An empty message may stand before the first chunk of all.
    if (!keep && !isEmpty())
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
    if (segment.list != Fresh) {
        unlink(segment, sn);
        --m_resentInFlight;
    }
    --m_pipe;
    ++m_lostSegments;
    segment.timeouts = timeouts;
    link(segment, sn, LostList);
    if (expired.count++ == 0 || serialLess(expired.newestTransmission, segment.transmission))
        expired.newestTransmission = segment.transmission;
    if (segment.transmissions > expired.mostTransmissions) {
        expired.mostTransmissions = segment.transmissions;
        expired.lastSent = segment.lastSent;
    }
}

bool SendQueue::hasResentBefore(std::uint32_t transmission) const
{
    for (std::uint32_t i = FirstFlightList; i < m_listEnd; i += 2) {
        const List &list = m_lists.at(i);
        if (list.size > 0 && serialLess(m_segments.at(list.first).transmission, transmission))
            return true;
    }
    return false;
}

SendQueue::Expired SendQueue::loseSentBefore(std::uint32_t transmission)
{
    Expired expired;
    // What was sent again is older: the receiver waits for it.
    for (std::uint32_t i = FirstFlightList; i < m_listEnd && m_resentInFlight > 0; i += 2) {
        while (m_lists.at(i).size > 0) {
            const std::uint32_t sn = m_lists.at(i).first;
            const Segment &segment = m_segments.at(sn);
            if (!serialLess(segment.transmission, transmission))
                break;
            lose(sn, segment.timeouts, expired);
        }
    }
    for (std::uint32_t sn = firstFresh(); sn != m_next && mayLoseFresh(); sn = firstFresh()) {
        if (!serialLess(m_segments.at(sn).transmission, transmission))
            break;
        lose(sn, 0, expired);
    }
    return expired;
}

void SendQueue::loseAll()
{
    Expired ignored;
    for (std::uint32_t i = FirstFlightList; i < m_listEnd; ++i) {
        while (m_lists.at(i).size > 0) {
            const std::uint32_t sn = m_lists.at(i).first;
            lose(sn, 0, ignored);
        }
    }
    for (std::uint32_t sn = firstFresh(); sn != m_next; sn = firstFresh())
        lose(sn, 0, ignored);
}

SendQueue::Expired SendQueue::expire(Instant now, Duration rto)
{
    Expired expired;
    for (std::uint32_t i = FirstFlightList; i < m_listEnd && m_resentInFlight > 0; ++i) {
        if (m_lists.at(i).size == 0)
            continue;
        const auto timeouts = static_cast<std::uint8_t>((i - FirstFlightList) / 2);
        const Duration timeout = timeoutAfter(timeouts, rto);
        const std::uint8_t more = timeouts < MostTimeouts ? timeouts + 1 : timeouts;
        while (m_lists.at(i).size > 0) {
            const std::uint32_t sn = m_lists.at(i).first;
            if (m_segments.at(sn).lastSent + timeout > now)
                break;
            lose(sn, more, expired);
        }
    }
    for (std::uint32_t sn = firstFresh(); sn != m_next; sn = firstFresh()) {
        if (m_segments.at(sn).lastSent + timeoutAfter(0, rto) > now)
            break;
        lose(sn, 1, expired);
    }
    return expired;
}

Instant SendQueue::nextDeadline(Duration rto) const
{
    Instant deadline = Never;
    const std::uint32_t fresh = firstFresh();
    if (fresh != m_next)
        deadline = m_segments.at(fresh).lastSent + timeoutAfter(0, rto);
    if (m_resentInFlight == 0)
        return deadline;
    for (std::uint32_t i = FirstFlightList; i < m_listEnd; ++i) {
        const List &list = m_lists.at(i);
        if (list.size == 0)
            continue;
        const auto timeouts = static_cast<std::uint8_t>((i - FirstFlightList) / 2);
        deadline = std::min(deadline,
                            m_segments.at(list.first).lastSent + timeoutAfter(timeouts, rto));
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
