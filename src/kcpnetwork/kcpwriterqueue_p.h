// SPDX-License-Identifier: MIT
// What the KcpWriters of one connection share with its socket: bytes on their way to the socket's
// thread, and how many may be under way. Nothing else of a socket is seen by two threads.
#ifndef KCPWRITERQUEUE_P_H
#define KCPWRITERQUEUE_P_H

#include "kcpwakeup_p.h"
#include "kcpwriter.h"

#include <QtCore/qcoreevent.h>
#include <QtCore/qobject.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

class KcpWriterQueue
{
public:
    // What was written since the last time, in order. Kept by the socket, so that two buffers
    // serve for all that is ever written.
    struct Batch
    {
        std::vector<std::uint8_t> bytes;
        std::vector<std::size_t> messages; // their sizes, in message mode
    };

    static QEvent::Type wakeEvent(); // comes to the receiver when take() has something

    KcpWriterQueue(QObject *receiver, bool messageMode);

    // Any thread. msecs: how long to wait for room; negative = without limit.
    KcpWriter::Error append(const char *data, std::size_t size, bool isMessage, int msecs);
    bool isOpen() const;
    QString reason() const; // why it ended; empty while it is open
    qint64 bytesQueued() const; // that the socket has not taken; nor has it what take() just gave

    // The socket's thread.
    void setWakeup(std::shared_ptr<KcpWakeup> wakeup); // of the driver
    void setLimit(qint64 bytes); // 0 = none
    void setMaximumMessageSize(qint64 bytes);
    bool take(Batch &batch); // false: nothing there. settle() follows
    // So many bytes wait in the connection: what take() gave is among them now.
    void settle(qint64 connectionBytes);
    // Nothing more is accepted; what waits may still be taken.
    void refuse(const QString &reason);
    void end(const QString &reason); // and what waits is dropped

private:
    bool fits(std::size_t size) const;
    bool waitForRoom(std::unique_lock<std::mutex> &lock, std::size_t size, int msecs);
    void wakeSocket();

    // A standard mutex: ThreadSanitizer does not see into those of a Qt that was built without it.
    mutable std::mutex m_mutex;
    std::condition_variable m_room;
    std::deque<const void *> m_line; // of those who wait for room: first come, first served
    QObject *m_receiver; // nullptr once it has ended
    std::shared_ptr<KcpWakeup> m_wakeup;
    Batch m_batch;
    QString m_reason;
    qint64 m_taken = 0; // by take(), not settled
    qint64 m_connectionBytes = 0;
    qint64 m_limit = 0;
    qint64 m_maximumMessageSize = 0;
    bool m_messageMode;
    bool m_wakePosted = false;
};

#endif // KCPWRITERQUEUE_P_H
