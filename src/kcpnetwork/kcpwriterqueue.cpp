// SPDX-License-Identifier: MIT
#include "kcpwriterqueue_p.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace {

// A larger buffer is given back after a burst.
constexpr std::size_t MaximumKeptBytes = 256 * 1024;

} // namespace

QEvent::Type KcpWriterQueue::wakeEvent()
{
    static const auto type = static_cast<QEvent::Type>(QEvent::registerEventType());
    return type;
}

KcpWriterQueue::KcpWriterQueue(QObject *receiver, bool messageMode)
    : m_receiver(receiver), m_messageMode(messageMode)
{
}

bool KcpWriterQueue::fits(std::size_t size) const
{
    const qint64 waiting = m_connectionBytes + m_taken + qint64(m_batch.bytes.size());
    // What is larger than the limit goes alone.
    return m_limit == 0 || waiting == 0 || waiting + qint64(size) <= m_limit;
}

KcpWriter::Error KcpWriterQueue::append(const char *data, std::size_t size, bool isMessage,
                                        int msecs)
{
    std::unique_lock lock(m_mutex);
    if (!m_receiver)
        return KcpWriter::Ended;
    if (isMessage != m_messageMode)
        return KcpWriter::WrongMode;
    if (isMessage && qint64(size) > m_maximumMessageSize)
        return KcpWriter::MessageTooLarge;
    if (!m_line.empty() || !fits(size)) {
        if (!waitForRoom(lock, size, msecs))
            return m_receiver ? KcpWriter::LimitReached : KcpWriter::Ended;
    }
    m_batch.bytes.insert(m_batch.bytes.end(), data, data + size);
    if (isMessage)
        m_batch.messages.push_back(size);
    wakeSocket();
    return KcpWriter::NoError;
}

// True when there is room and the queue is open.
bool KcpWriterQueue::waitForRoom(std::unique_lock<std::mutex> &lock, std::size_t size, int msecs)
{
    // Only the socket's thread makes room.
    if (msecs == 0 || m_receiver->thread() == QThread::currentThread())
        return false;
    m_line.push_back(&lock);
    const auto mayGo = [&] { return !m_receiver || (m_line.front() == &lock && fits(size)); };
    if (msecs < 0)
        m_room.wait(lock, mayGo);
    else
        m_room.wait_for(lock, std::chrono::milliseconds(msecs), mayGo);
    const bool go = mayGo();
    std::erase(m_line, &lock);
    m_room.notify_all(); // another one is the first now
    return go && m_receiver;
}

// One event for all that is written until the socket takes it.
void KcpWriterQueue::wakeSocket()
{
    if (std::exchange(m_wakePosted, true))
        return;
    QCoreApplication::postEvent(m_receiver, new QEvent(wakeEvent()));
    if (m_wakeup)
        m_wakeup->wake();
}

bool KcpWriterQueue::isOpen() const
{
    const std::lock_guard lock(m_mutex);
    return m_receiver;
}

QString KcpWriterQueue::reason() const
{
    const std::lock_guard lock(m_mutex);
    return m_reason;
}

qint64 KcpWriterQueue::bytesQueued() const
{
    const std::lock_guard lock(m_mutex);
    return m_taken + qint64(m_batch.bytes.size());
}

void KcpWriterQueue::setWakeup(std::shared_ptr<KcpWakeup> wakeup)
{
    const std::lock_guard lock(m_mutex);
    m_wakeup = std::move(wakeup);
}

void KcpWriterQueue::setLimit(qint64 bytes)
{
    const std::lock_guard lock(m_mutex);
    m_limit = bytes;
    m_room.notify_all();
}

void KcpWriterQueue::setMaximumMessageSize(qint64 bytes)
{
    const std::lock_guard lock(m_mutex);
    m_maximumMessageSize = bytes;
}

bool KcpWriterQueue::take(Batch &batch)
{
    batch.bytes.clear();
    batch.messages.clear();
    if (batch.bytes.capacity() > MaximumKeptBytes)
        batch.bytes = {};
    const std::lock_guard lock(m_mutex);
    m_wakePosted = false;
    std::swap(batch, m_batch);
    m_taken += qint64(batch.bytes.size());
    return !batch.bytes.empty() || !batch.messages.empty();
}

void KcpWriterQueue::settle(qint64 connectionBytes)
{
    const std::lock_guard lock(m_mutex);
    m_taken = 0;
    m_connectionBytes = connectionBytes;
    if (!m_line.empty())
        m_room.notify_all();
}

void KcpWriterQueue::refuse(const QString &reason)
{
    const std::lock_guard lock(m_mutex);
    m_receiver = nullptr;
    m_wakeup.reset();
    m_reason = reason;
    m_room.notify_all();
}

void KcpWriterQueue::end(const QString &reason)
{
    refuse(reason);
    const std::lock_guard lock(m_mutex);
    m_batch = {};
}
