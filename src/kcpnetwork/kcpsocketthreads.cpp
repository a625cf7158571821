// SPDX-License-Identifier: MIT
// What other threads have to do with a socket: it moves to one, or is written to from there.
#include "kcpsocket.h"
#include "kcpsocket_p.h"
#include "kcpconnector_p.h"
#include "kcplogging_p.h"
#include "kcpwriter.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qcoreevent.h>

namespace {

const QEvent::Type movedEvent = static_cast<QEvent::Type>(QEvent::registerEventType());
const QEvent::Type partedEvent = static_cast<QEvent::Type>(QEvent::registerEventType());

} // namespace

/*!
    \reimp
*/
bool KcpSocket::event(QEvent *event)
{
    if (event->type() == QEvent::ThreadChange)
        d->handleThreadChange();
    else if (event->type() == movedEvent)
        d->handleMoved();
    else if (event->type() == partedEvent)
        d->reportParting();
    else if (event->type() == KcpStatisticsNotifier::listenerEvent())
        d->handleStatisticsListener();
    else if (event->type() == KcpWriterQueue::wakeEvent())
        d->takeFromWriters();
    else
        return QIODevice::event(event);
    return true;
}

// --- moving -----------------------------------------------------------------------------------

// Still in the old thread; what is posted from here arrives in the new one. Of what is on the stack
// nothing may touch this socket any more.
void KcpSocketPrivate::handleThreadChange()
{
    if (driver && !driver->movesWith(q))
        handleParting();
    presence.leave();
    emittingReadyRead = false;
    emittingBytesWritten = false;
    if (connector)
        connector->pauseTimer();
    if (extra && extra->notifier)
        extra->notifier->stop();
    QCoreApplication::postEvent(q, new QEvent(movedEvent));
}

void KcpSocketPrivate::handleMoved()
{
    if (connector)
        connector->resumeTimer();
    if (extra && extra->notifier)
        extra->notifier->noteActivity();
    takeFromWriters();
    const Guard guard(this);
    if (resumeAt != Step::None)
        proceed(resumeAt);
    if (guard.isUnchanged())
        handleDatagrams();
    if (!guard.isUnchanged())
        return;
    if (unreportedBytes > 0) // the slot that moved the socket was one of bytesWritten()
        handleWritten(std::exchange(unreportedBytes, 0));
}

// The socket and its server's driver are about to be in different threads.
void KcpSocketPrivate::handleParting()
{
    if (isEnded()) { // there is only what was not read
        releaseSession();
        return;
    }
    qCWarning(lcKcp,
              "KcpSocket: an accepted socket shares its server's UDP socket and cannot be in "
              "another thread; its connection is closed. Run a server in each thread, or use "
              "KcpSocket::writer() to write from other threads");
    closeWriters(KcpSocket::tr("An accepted socket cannot be in another thread than its server"));
    releaseSession(); // delivers what was written
    QCoreApplication::postEvent(q, new QEvent(partedEvent));
}

void KcpSocketPrivate::reportParting()
{
    if (driver || connector || isEnded())
        return;
    closeReason = KcpSocket::LocalClose;
    setError(QAbstractSocket::UnsupportedSocketOperationError,
             KcpSocket::tr("An accepted socket cannot be in another thread than its server"));
    proceed(Step::TellEnd);
}

// --- writers ----------------------------------------------------------------------------------

/*!
    Returns a handle by which any thread may write to the current connection. It serves the connection
    that exists, or is being made, now: ask again after the next connectToHost(). When there is none,
    the handle is not open.

    Call it in the socket's thread; the handle may be given to any other.

    \sa KcpWriter, setWriteBufferLimit()
*/
KcpWriter KcpSocket::writer()
{
    if (d->isEnded() || d->state == QAbstractSocket::ClosingState || !isWritable())
        return KcpWriter();
    KcpSocketPrivate::Rare &rare = d->rare();
    if (!rare.writers) {
        rare.writers = std::make_shared<KcpWriterQueue>(this, d->isMessageMode());
        rare.writers->setLimit(d->writeBufferLimit);
        d->connectWriters();
    }
    return KcpWriter(rare.writers);
}

void KcpSocketPrivate::connectWriters()
{
    if (!extra || !extra->writers)
        return;
    KcpWriterQueue &writers = *extra->writers;
    if (driver)
        writers.setWakeup(driver->wakeup());
    writers.setMaximumMessageSize(q->maximumMessageSize());
    writers.settle(connectionBytes());
}

void KcpSocketPrivate::takeFromWriters()
{
    if (!extra || !extra->writers)
        return;
    KcpWriterQueue &writers = *extra->writers;
    KcpWriterQueue::Batch &batch = extra->written;
    if (!writers.take(batch))
        return;
    const char *data = reinterpret_cast<const char *>(batch.bytes.data());
    const qint64 before = connectionBytes();
    bool taken = true;
    if (isMessageMode()) {
        for (const std::size_t size : batch.messages) {
            taken = sendMessage(QByteArray(data, qsizetype(size))) && taken;
            data += size;
        }
    } else {
        taken = send(data, qint64(batch.bytes.size()));
    }
    if (!taken) // a message that the peer does not take, written before it could tell
        qCWarning(lcKcp, "KcpSocket: what a KcpWriter has written cannot be sent");
    knownOutstanding += connectionBytes() - before;
    settleWriters();
}

void KcpSocketPrivate::settleWriters()
{
    if (extra && extra->writers)
        extra->writers->settle(connectionBytes());
}

// For an orderly end: what a writer has accepted is sent, and what comes now is refused.
void KcpSocketPrivate::closeWriters(const QString &reason)
{
    if (extra && extra->writers)
        extra->writers->refuse(reason);
    takeFromWriters();
    endWriters(reason);
}

void KcpSocketPrivate::endWriters(const QString &reason)
{
    if (!extra || !extra->writers)
        return;
    extra->writers->end(reason);
    extra->writers.reset();
    extra->written = {};
}
