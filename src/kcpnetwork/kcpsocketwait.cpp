// SPDX-License-Identifier: MIT
// The functions that block: they run the socket's driver and nothing else, no event loop.
#include "kcpsocket.h"
#include "kcpsocket_p.h"
#include "kcpconnector_p.h"
#include "kcplogging_p.h"

namespace {

void warnNotAllowed(const char *function, QAbstractSocket::SocketState state)
{
    qCWarning(lcKcp, "KcpSocket::%s() is not allowed in %s", function,
              state == QAbstractSocket::BoundState ? "BoundState" : "UnconnectedState");
}

} // namespace

kcp::Instant KcpSocketPrivate::deadlineIn(int msecs) const
{
    if (msecs < 0)
        return kcp::Never;
    return KcpRuntime::current()->now() + std::chrono::milliseconds(msecs);
}

bool KcpSocketPrivate::step(kcp::Instant deadline)
{
    takeFromWriters();
    if (connector)
        return connector->wait(deadline);
    return driver && driver->wait(this, deadline);
}

template <typename Done>
KcpSocketPrivate::Wait KcpSocketPrivate::waitUntil(kcp::Instant deadline, Done done)
{
    const Guard guard(this);
    if (resumeAt != Step::None) // in a slot in the middle of something
        proceed(resumeAt);
    if (!guard.isHere())
        return Wait::Gone;
    while (!done()) {
        const bool inTime = step(deadline);
        if (!guard.isHere())
            return Wait::Gone;
        if (!inTime)
            return done() ? Wait::Done : Wait::TimedOut;
    }
    return Wait::Done;
}

void KcpSocketPrivate::reportWaitTimeout()
{
    setError(QAbstractSocket::SocketTimeoutError, KcpSocket::tr("Socket operation timed out"));
    emitError();
}

// Brings the result of a lookup. False when that has ended the connection, or the socket.
bool KcpSocketPrivate::waitForLookup()
{
    if (state != QAbstractSocket::HostLookupState || !connector)
        return true;
    const Guard guard(this);
    connector->finishLookUp();
    return guard.isHere() && !isEnded();
}

bool KcpSocketPrivate::waitForEstablished(kcp::Instant deadline)
{
    if (!waitForLookup())
        return false;
    const Wait result =
            waitUntil(deadline, [this] { return state != QAbstractSocket::ConnectingState; });
    if (result == Wait::TimedOut)
        reportWaitTimeout();
    return result == Wait::Done && !isEnded();
}

/*!
    Blocks until the socket is connected, at most for \a msecs milliseconds (-1 = without limit).
    Returns \c false when it is not; then errorOccurred() has been emitted, and after a timeout the
    attempt is over. A host name is looked up in a blocking way.
*/
bool KcpSocket::waitForConnected(int msecs)
{
    if (state() == QAbstractSocket::ConnectedState)
        return true;
    if (d->isEnded() || state() == QAbstractSocket::ClosingState)
        return false;
    const kcp::Instant deadline = d->deadlineIn(msecs);
    if (!d->waitForLookup())
        return false;
    const KcpSocketPrivate::Wait result =
            d->waitUntil(deadline, [this] { return state() != QAbstractSocket::ConnectingState; });
    if (result == KcpSocketPrivate::Wait::Gone)
        return false;
    if (result == KcpSocketPrivate::Wait::TimedOut) {
        // As with QAbstractSocket, the attempt is over.
        d->abortSession();
        d->failConnecting(QAbstractSocket::SocketTimeoutError, tr("Socket operation timed out"));
        return false;
    }
    // A close may have followed at once.
    return state() == QAbstractSocket::ConnectedState || state() == QAbstractSocket::ClosingState;
}

/*!
    \reimp
    Blocks until new data has arrived and readyRead() has been emitted, at most for \a msecs
    milliseconds (-1 = without limit). Returns \c false after a timeout, which is an error but does not
    end the connection, and when the connection has ended.
*/
bool KcpSocket::waitForReadyRead(int msecs)
{
    if (d->isEnded()) // no warning: whoever has a QIODevice cannot know
        return false;
    const KcpSocketPrivate::Guard guard(d.get());
    const kcp::Instant deadline = d->deadlineIn(msecs);
    const quint32 before = d->readableEvents;
    if (!d->waitForEstablished(deadline) || !guard.isHere())
        return false;
    const KcpSocketPrivate::Wait result = d->waitUntil(
            deadline, [this, before] { return d->readableEvents != before || d->isEnded(); });
    if (result == KcpSocketPrivate::Wait::TimedOut)
        d->reportWaitTimeout();
    return result == KcpSocketPrivate::Wait::Done && d->readableEvents != before;
}

/*!
    \reimp
    Sends what was written and blocks until some of it has left (with a writeBufferLimit(): has been
    acknowledged) and bytesWritten() has been emitted, at most for \a msecs milliseconds (-1 = without
    limit). Returns \c false when nothing waits to be sent, after a timeout, and when the connection
    has ended.
*/
bool KcpSocket::waitForBytesWritten(int msecs)
{
    if (d->isEnded()) {
        warnNotAllowed("waitForBytesWritten", state());
        return false;
    }
    if (d->writeBufferLimit > 0 ? d->outstandingBytes() == 0 : bytesToWrite() == 0)
        return false;
    const KcpSocketPrivate::Guard guard(d.get());
    const kcp::Instant deadline = d->deadlineIn(msecs);
    const quint32 before = d->writtenEvents;
    if (!d->waitForEstablished(deadline) || !guard.isHere())
        return false;
    const KcpSocketPrivate::Wait result = d->waitUntil(
            deadline, [this, before] { return d->writtenEvents != before || d->isEnded(); });
    if (result == KcpSocketPrivate::Wait::TimedOut)
        d->reportWaitTimeout();
    return result == KcpSocketPrivate::Wait::Done && d->writtenEvents != before;
}

/*!
    Blocks until the connection has ended, at most for \a msecs milliseconds (-1 = without limit).
    Returns \c false after a timeout, and when there is no connection.
*/
bool KcpSocket::waitForDisconnected(int msecs)
{
    if (d->isEnded()) {
        warnNotAllowed("waitForDisconnected", state());
        return false;
    }
    const KcpSocketPrivate::Guard guard(d.get());
    const kcp::Instant deadline = d->deadlineIn(msecs);
    if (!d->waitForEstablished(deadline))
        return guard.isHere() && d->isEnded() && d->error != QAbstractSocket::SocketTimeoutError;
    if (!guard.isHere())
        return false;
    const KcpSocketPrivate::Wait result = d->waitUntil(deadline, [this] { return d->isEnded(); });
    if (result == KcpSocketPrivate::Wait::TimedOut)
        d->reportWaitTimeout();
    return result == KcpSocketPrivate::Wait::Done;
}
