// SPDX-License-Identifier: MIT
// Datagrams by the batch. One batch each way serves all drivers of a thread, so that a socket does
// not cost megabytes.
#ifndef KCPDATAGRAMBATCH_P_H
#define KCPDATAGRAMBATCH_P_H

#include "address.h"

#include <kcp/bytes.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

// What one receive call brought. The bytes are good until the next receive call of the thread.
class KcpReceiveBatch
{
public:
    // The most that recvmmsg() is asked for; a datagram is at most BufferSize bytes.
    static constexpr int MaximumMessages = 64;
    static constexpr std::size_t BufferSize = 65536;

    // Datagrams of one peer that the kernel has joined (UDP_GRO): all have segmentSize bytes, the
    // last one may be shorter.
    struct Message
    {
        kcpnet::Path path;
        std::uint32_t size = 0;
        std::uint32_t segmentSize = 0;
        std::uint16_t buffer = 0;
    };

    static KcpReceiveBatch &forThread();

    std::uint8_t *buffer(int index) { return m_storage.get() + std::size_t(index) * BufferSize; }
    std::uint8_t *buffer(int index) const
    {
        return m_storage.get() + std::size_t(index) * BufferSize;
    }
    void clear() { m_count = 0; }
    Message &append() { return m_messages[std::size_t(m_count++)]; }
    int count() const { return m_count; }
    bool isFull() const { return m_count == MaximumMessages; }
    bool isEmpty() const { return m_count == 0; }

    // Calls function(path, bytes) for each datagram.
    template <typename Function>
    void forEach(Function &&function) const
    {
        for (int i = 0; i < m_count; ++i) {
            const Message &message = m_messages[std::size_t(i)];
            const kcp::ByteView all(buffer(message.buffer), message.size);
            std::size_t at = 0;
            do {
                const std::size_t size =
                        std::min<std::size_t>(message.segmentSize, all.size() - at);
                function(message.path, all.subspan(at, size));
                at += size;
            } while (at < all.size());
        }
    }

private:
    KcpReceiveBatch();

    std::unique_ptr<std::uint8_t[]> m_storage; // pages that are never used are never backed
    std::array<Message, MaximumMessages> m_messages;
    int m_count = 0;
};

// Datagrams to be sent. Each is written in place behind the one before, so that a run of equal
// ones to one peer is contiguous: what UDP_SEGMENT takes in one call.
class KcpTransmitBatch
{
public:
    // What the kernel takes in one UDP_SEGMENT call.
    static constexpr std::uint32_t MaximumRunCount = 64;
    static constexpr std::uint32_t MaximumRunBytes = 65507;

    static constexpr std::size_t MaximumRuns = 64;
    // Four full runs: large enough to make the system call cheap, small enough for the cache.
    static constexpr std::size_t Capacity = 4 * 65536;

    struct Run
    {
        kcpnet::Path path;
        std::uint32_t offset = 0;
        std::uint32_t bytes = 0;
        std::uint32_t segmentSize = 0; // of all but the last datagram, which may be shorter
        std::uint32_t count = 0;
    };

    static KcpTransmitBatch &forThread();
    // What belongs to the thread is being destroyed, as it is before static objects are.
    static bool threadEnds();

    explicit KcpTransmitBatch(std::size_t capacity = Capacity);

    // Room for a datagram of up to `size` bytes; empty when the batch is full.
    kcp::MutableBytes slot(std::size_t size);
    // The slot's first `size` bytes are a datagram for `path`.
    void commit(std::size_t size, const kcpnet::Path &path);

    bool isEmpty() const { return m_first == m_runs.size(); }
    std::size_t runCount() const { return m_runs.size() - m_first; }
    const Run &run(std::size_t index) const { return m_runs[m_first + index]; }
    const std::uint8_t *data(const Run &run) const { return m_storage.get() + run.offset; }
    kcp::ByteView datagram(const Run &run, std::uint32_t index) const;

    // The first run, or its first datagram, has been sent (or is lost).
    void dropRun() { ++m_first; }
    void dropDatagram();
    void clear();

    // A batch of its own for what is left in this one, which becomes empty.
    std::unique_ptr<KcpTransmitBatch> takeRest();

private:
    std::unique_ptr<std::uint8_t[]> m_storage;
    std::size_t m_capacity;
    std::size_t m_end = 0;
    std::vector<Run> m_runs;
    std::size_t m_first = 0;
};

#endif // KCPDATAGRAMBATCH_P_H
