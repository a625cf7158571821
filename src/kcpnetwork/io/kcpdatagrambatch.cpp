// SPDX-License-Identifier: MIT
#include "kcpdatagrambatch_p.h"

#include <algorithm>
#include <cstring>

KcpReceiveBatch::KcpReceiveBatch()
    : m_storage(std::make_unique_for_overwrite<std::uint8_t[]>(MaximumMessages * BufferSize))
{
}

KcpReceiveBatch &KcpReceiveBatch::forThread()
{
    thread_local KcpReceiveBatch batch;
    return batch;
}

KcpTransmitBatch::KcpTransmitBatch(std::size_t capacity)
    : m_storage(std::make_unique_for_overwrite<std::uint8_t[]>(capacity)), m_capacity(capacity)
{
}

namespace {

thread_local bool batchIsGone = false; // without a destructor: valid to the very end

struct ThreadBatch
{
    ~ThreadBatch() { batchIsGone = true; }
    KcpTransmitBatch batch;
};

} // namespace

KcpTransmitBatch &KcpTransmitBatch::forThread()
{
    thread_local ThreadBatch holder;
    return holder.batch;
}

bool KcpTransmitBatch::threadEnds()
{
    return batchIsGone;
}

kcp::MutableBytes KcpTransmitBatch::slot(std::size_t size)
{
    if (m_runs.size() >= MaximumRuns || m_capacity - m_end < size)
        return {};
    return { m_storage.get() + m_end, size };
}

void KcpTransmitBatch::commit(std::size_t size, const kcpnet::Path &path)
{
    const auto bytes = static_cast<std::uint32_t>(size);
    if (!isEmpty()) {
        Run &last = m_runs.back();
        const bool open = last.bytes == last.segmentSize * last.count;
        if (open && bytes <= last.segmentSize && last.count < MaximumRunCount
            && last.bytes + bytes <= MaximumRunBytes && last.path == path) {
            last.bytes += bytes;
            ++last.count;
            m_end += size;
            return;
        }
    }
    m_runs.push_back({ path, static_cast<std::uint32_t>(m_end), bytes, bytes, 1 });
    m_end += size;
}

kcp::ByteView KcpTransmitBatch::datagram(const Run &run, std::uint32_t index) const
{
    const std::uint32_t at = run.segmentSize * index;
    return { data(run) + at, std::min(run.segmentSize, run.bytes - at) };
}

void KcpTransmitBatch::dropDatagram()
{
    Run &run = m_runs[m_first];
    if (run.count == 1) {
        dropRun();
        return;
    }
    run.offset += run.segmentSize;
    run.bytes -= run.segmentSize;
    --run.count;
}

void KcpTransmitBatch::clear()
{
    m_runs.clear();
    m_first = 0;
    m_end = 0;
}

std::unique_ptr<KcpTransmitBatch> KcpTransmitBatch::takeRest()
{
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < runCount(); ++i)
        bytes += run(i).bytes;
    auto rest = std::make_unique<KcpTransmitBatch>(bytes);
    for (std::size_t i = 0; i < runCount(); ++i) {
        Run copy = run(i);
        std::memcpy(rest->m_storage.get() + rest->m_end, data(copy), copy.bytes);
        copy.offset = static_cast<std::uint32_t>(rest->m_end);
        rest->m_end += copy.bytes;
        rest->m_runs.push_back(copy);
    }
    clear();
    return rest;
}
