// SPDX-License-Identifier: MIT
// Bytes, messages and unreliable datagrams. The session's receive queue is the read buffer: nothing
// is copied in between.
#include "kcpsocket.h"
#include "kcpsocket_p.h"
#include "kcpconnector_p.h"
#include "kcplogging_p.h"

#include <algorithm>
#include <optional>
#include <vector>

/*!
    Returns how many bytes may wait to be read; 0 = as many as the receive window holds.

    \sa setReadBufferSize()
*/
qint64 KcpSocket::readBufferSize() const
{
    return d->readBufferSize;
}

/*!
    Lets at most about \a size bytes wait to be read; 0, the default, lets the receive window be the
    bound. A full buffer closes the receive window: the peer stops sending, and nothing is lost. What
    was under way already is still taken. In message mode complete unread messages count, and the first
    one is always taken.
*/
void KcpSocket::setReadBufferSize(qint64 size)
{
    if (size < 0) {
        qCWarning(lcKcp, "KcpSocket::setReadBufferSize(%lld) is refused: it is 0 or more",
                  static_cast<long long>(size));
        return;
    }
    d->readBufferSize = size;
    if (!d->driver || d->id.isNull())
        return;
    d->driver->endpoint().setReceiveLimit(d->id, std::size_t(size));
    d->driver->scheduleFlush();
}

/*!
    Returns how many bytes may wait to be sent and acknowledged; 0 = no limit.

    \sa setWriteBufferLimit()
*/
qint64 KcpSocket::writeBufferLimit() const
{
    return d->writeBufferLimit;
}

/*!
    Sets how many bytes may wait to be sent and acknowledged to \a size; 0, the default, takes
    everything, as QTcpSocket does. With a limit, write() takes what fits and returns its count, which
    may be 0; writeMessage() takes all or nothing, and a message above the limit when nothing waits.

    With a limit, bytesWritten() and waitForBytesWritten() tell what has been acknowledged, because
    that is when there is room; without one, what has been sent.
*/
void KcpSocket::setWriteBufferLimit(qint64 size)
{
    if (size < 0) {
        qCWarning(lcKcp, "KcpSocket::setWriteBufferLimit(%lld) is refused: it is 0 or more",
                  static_cast<long long>(size));
        return;
    }
    d->writeBufferLimit = size;
    d->knownOutstanding = d->connectionBytes();
    if (d->extra && d->extra->writers)
        d->extra->writers->setLimit(size);
}

/*!
    \reimp
    Returns \c true.
*/
bool KcpSocket::isSequential() const
{
    return true;
}

/*!
    \reimp
    Returns how many bytes can be read; in message mode those of complete unread messages.
*/
qint64 KcpSocket::bytesAvailable() const
{
    const kcpnet::Session *session = d->session();
    qint64 size = QIODevice::bytesAvailable();
    if (session) {
        size += qint64(d->isMessageMode() ? session->pendingMessageBytes()
                                          : session->readableBytes());
    }
    return size;
}

/*!
    \reimp
    Returns how many bytes wait to be sent for the first time.

    \sa bytesUnacknowledged()
*/
qint64 KcpSocket::bytesToWrite() const
{
    qint64 size = QIODevice::bytesToWrite();
    if (d->connector)
        size += d->connector->queuedBytes();
    else if (const kcpnet::Session *session = d->session())
        size += qint64(session->unsentBytes());
    if (d->extra && d->extra->writers)
        size += d->extra->writers->bytesQueued();
    return size;
}

/*!
    Returns how many bytes were sent and are not acknowledged by the peer.

    \sa bytesToWrite()
*/
qint64 KcpSocket::bytesUnacknowledged() const
{
    const kcpnet::Session *session = d->session();
    return session ? qint64(session->unacknowledgedBytes()) : 0;
}

/*!
    \reimp
    Returns \c true if a complete line can be read with readLine().
*/
bool KcpSocket::canReadLine() const
{
    if (QIODevice::canReadLine())
        return true;
    const kcpnet::Session *session = d->session();
    return session && !d->isMessageMode()
            && session->findByte('\n', session->readableBytes()).has_value();
}

/*!
    \reimp
    Reads up to \a maxSize bytes into \a data. Returns 0 when there is nothing now, -1 when there will
    be nothing any more, or in message mode.
*/
qint64 KcpSocket::readData(char *data, qint64 maxSize)
{
    if (d->refuseInMode(false, "read()"))
        return -1;
    if (!d->session())
        return d->isEnded() ? -1 : 0;
    const bool windowWasClosed = d->isWindowClosed();
    const std::size_t size = d->driver->endpoint().read(
            d->id, { reinterpret_cast<std::uint8_t *>(data), std::size_t(maxSize) });
    if (size == 0 && maxSize > 0)
        return d->isEnded() ? -1 : 0;
    d->noteRead(windowWasClosed);
    return qint64(size);
}

/*!
    \reimp
    Reads up to \a maxSize bytes into \a data, not beyond the end of a line.
*/
qint64 KcpSocket::readLineData(char *data, qint64 maxSize)
{
    const kcpnet::Session *session = d->session();
    if (!session || d->isMessageMode())
        return readData(data, maxSize);
    const std::size_t limit = std::min(std::size_t(maxSize), session->readableBytes());
    const std::optional<std::size_t> end = session->findByte('\n', limit);
    return readData(data, qint64(end.value_or(limit ? limit : std::size_t(maxSize))));
}

/*!
    \reimp
    Drops up to \a maxSize bytes and returns how many there were.
*/
qint64 KcpSocket::skipData(qint64 maxSize)
{
    if (d->refuseInMode(false, "skip()"))
        return -1;
    if (!d->session())
        return d->isEnded() ? -1 : 0;
    const bool windowWasClosed = d->isWindowClosed();
    const std::size_t size = d->driver->endpoint().skip(d->id, std::size_t(maxSize));
    if (size == 0 && maxSize > 0)
        return d->isEnded() ? -1 : 0;
    d->noteRead(windowWasClosed);
    return qint64(size);
}

/*!
    \reimp
    Queues \a size bytes of \a data for sending. Returns how many were taken: all without a
    writeBufferLimit(); -1 when the socket is not connected or connecting, or in message mode.
*/
qint64 KcpSocket::writeData(const char *data, qint64 size)
{
    if (d->refuseInMode(false, "write()"))
        return -1;
    if (d->isEnded() || d->state == QAbstractSocket::ClosingState) {
        d->setError(QAbstractSocket::UnknownSocketError,
                    d->isEnded() ? tr("Socket is not connected")
                                 : tr("The connection is being closed"));
        return -1;
    }
    d->takeFromWriters(); // what this thread wrote by one goes first
    const qint64 accepted = d->acceptableBytes(size);
    if (accepted == 0)
        return 0;
    if (!d->send(data, accepted)) {
        d->setError(QAbstractSocket::UnknownSocketError, tr("The connection has ended"));
        return -1;
    }
    d->knownOutstanding += accepted;
    d->settleWriters();
    return accepted;
}

/*!
    Queues \a message, which may be empty, for sending. Possible with KcpConfiguration::Message only.
    Returns \c false, and sends nothing, when

    \list
    \li it is larger than maximumMessageSize(): error() is DatagramTooLargeError;
    \li it does not fit below writeBufferLimit() and other data waits: error() is TemporaryError,
        bytesWritten() tells when there is room;
    \li the socket is not connected or connecting, or carries a stream.
    \endlist

    \sa readMessage()
*/
bool KcpSocket::writeMessage(const QByteArray &message)
{
    if (d->refuseInMode(true, "writeMessage()"))
        return false;
    if (!isWritable() || d->isEnded() || d->state == QAbstractSocket::ClosingState) {
        d->setError(QAbstractSocket::UnknownSocketError, tr("Socket is not connected"));
        return false;
    }
    if (message.size() > maximumMessageSize()) {
        d->setError(QAbstractSocket::DatagramTooLargeError,
                    tr("A message of %1 bytes is larger than this connection takes, %2")
                            .arg(message.size())
                            .arg(maximumMessageSize()));
        return false;
    }
    d->takeFromWriters();
    const qint64 before = d->connectionBytes();
    if (before > 0 && d->acceptableBytes(message.size()) < message.size()) {
        d->setError(QAbstractSocket::TemporaryError,
                    tr("The message does not fit below the write buffer limit now"));
        return false;
    }
    if (!d->sendMessage(message)) {
        d->setError(QAbstractSocket::UnknownSocketError, tr("The message cannot be sent"));
        return false;
    }
    d->knownOutstanding += d->connectionBytes() - before;
    d->settleWriters();
    return true;
}

/*!
    \overload
    Queues a message of \a size bytes at \a data.
*/
bool KcpSocket::writeMessage(const char *data, qint64 size)
{
    return writeMessage(QByteArray::fromRawData(data, qsizetype(size)));
}

/*!
    Takes the next complete message and returns it; an empty array when there is none. If \a ok is not
    null, it tells an empty message (\c true) from none (\c false). readyRead() tells of new messages.

    \sa hasPendingMessages(), nextMessageSize()
*/
QByteArray KcpSocket::readMessage(bool *ok)
{
    if (ok)
        *ok = false;
    if (d->refuseInMode(true, "readMessage()") || !isReadable() || !d->session())
        return QByteArray();
    const bool windowWasClosed = d->isWindowClosed();
    std::vector<std::uint8_t> message;
    if (!d->driver->endpoint().readMessage(d->id, message))
        return QByteArray();
    if (ok)
        *ok = true;
    d->noteRead(windowWasClosed);
    return QByteArray(reinterpret_cast<const char *>(message.data()), qsizetype(message.size()));
}

/*!
    Returns \c true if a complete message can be read.
*/
bool KcpSocket::hasPendingMessages() const
{
    return nextMessageSize() >= 0;
}

/*!
    Returns the size of the next complete message in bytes; -1 when there is none.
*/
qint64 KcpSocket::nextMessageSize() const
{
    const kcpnet::Session *session = d->session();
    if (!session || !d->isMessageMode())
        return -1;
    const std::optional<std::size_t> size = session->nextMessageSize();
    return size ? qint64(*size) : -1;
}

/*!
    Returns the size in bytes of the largest message that writeMessage() takes. A native peer tells its
    KcpConfiguration::maxMessageSize() when it connects; until then our own counts. With plain KCP it
    is what the peer's receive window holds.
*/
qint64 KcpSocket::maximumMessageSize() const
{
    const kcpnet::Session *session = d->session();
    return session ? qint64(session->maximumMessageSize()) : d->configuration.maxMessageSize();
}

/*!
    Sends \a payload unreliably beside the connection's data: it may be lost, come twice or out of
    order. It leaves at the end of this turn of the event loop, or is dropped. Returns \c false when it
    is larger than maximumDatagramSize() or the socket is not connected. Plain KCP peers take none.

    \sa datagramReceived()
*/
bool KcpSocket::sendDatagram(const QByteArray &payload)
{
    if (d->state != QAbstractSocket::ConnectedState || !d->driver) {
        d->setError(QAbstractSocket::UnknownSocketError, tr("Socket is not connected"));
        return false;
    }
    const auto bytes = kcp::asBytes(payload.constData(), std::size_t(payload.size()));
    if (!d->driver->endpoint().sendDatagram(d->id, bytes)) {
        d->setError(QAbstractSocket::DatagramTooLargeError,
                    tr("A datagram of %1 bytes is larger than this connection takes, %2")
                            .arg(payload.size())
                            .arg(maximumDatagramSize()));
        return false;
    }
    d->driver->scheduleFlush();
    return true;
}

/*!
    Returns the size in bytes of the largest datagram that sendDatagram() takes; 0 when not connected
    or when the peer takes none.
*/
qint64 KcpSocket::maximumDatagramSize() const
{
    const kcpnet::Session *session = d->session();
    return session ? qint64(session->maximumDatagramSize()) : 0;
}
