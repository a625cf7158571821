// SPDX-License-Identifier: MIT
#include "kcpwriter.h"
#include "kcpwriterqueue_p.h"

#include <QtCore/qcoreapplication.h>

#include <utility>

/*!
    \class KcpWriter
    \inmodule QtKcpNetwork
    \ingroup kcpnetwork
    \brief The KcpWriter class writes to a KcpSocket from any thread.

    A KcpSocket belongs to one thread, and its write() may be called there only. A KcpWriter, from
    KcpSocket::writer(), may be called from every thread, also while the socket's own thread reads:

    \snippet writer.cpp writer

    It is a small handle: copies write to the same connection. All its functions are thread-safe.

    What one thread writes stays in order, also relative to what the socket's thread writes directly
    after it has used a writer itself. The bytes of one call stay together. Many writes wake the
    socket's thread once. That thread must run its event loop, or one of the socket's \c waitFor
    functions: it is what sends.

    The limit is KcpSocket::writeBufferLimit(): bytes that wait in writers, to be sent, and to be
    acknowledged count together. Without a limit every write is taken at once, and a writer that is
    faster than the network fills the memory: set one. At the limit a call waits for room, as long as
    its \c msecs argument says; those who wait get it in the order in which they came. In the socket's
    own thread, where waiting could never end, a call never waits.

    A writer serves one connection. When that ends, or the socket is deleted, every call that waits
    returns \c false, and so does every later one; errorString() tells why. For the next connection
    ask the socket for a new writer.

    The socket may be moved to another thread meanwhile.

    \sa KcpSocket::writer(), KcpSocket::setWriteBufferLimit()
*/

/*!
    \enum KcpWriter::Error
    Why nothing was written.

    \value NoError It was.
    \value LimitReached KcpSocket::writeBufferLimit() left no room in time; try again later.
    \value MessageTooLarge The message is larger than KcpSocket::maximumMessageSize().
    \value WrongMode write() for a connection that carries messages, or writeMessage() for one that
        carries a stream.
    \value Ended The connection has ended, or is being closed; errorString() tells why.
*/

/*!
    Constructs a writer that has no connection: isOpen() is \c false.
*/
KcpWriter::KcpWriter() = default;

KcpWriter::KcpWriter(std::shared_ptr<KcpWriterQueue> queue) : d(std::move(queue)) { }

/*! Constructs a writer for the same connection as \a other. */
KcpWriter::KcpWriter(const KcpWriter &other) = default;

/*! Moves \a other into this writer; \a other has no connection then. */
KcpWriter::KcpWriter(KcpWriter &&other) noexcept = default;

/*! Destroys the handle. What was written is sent all the same. */
KcpWriter::~KcpWriter() = default;

/*! Makes this a writer for the same connection as \a other. */
KcpWriter &KcpWriter::operator=(const KcpWriter &other) = default;

/*! Moves \a other into this writer; \a other has no connection then. */
KcpWriter &KcpWriter::operator=(KcpWriter &&other) noexcept = default;

namespace {

bool finish(KcpWriter::Error result, KcpWriter::Error *error)
{
    if (error)
        *error = result;
    return result == KcpWriter::NoError;
}

} // namespace

/*!
    Writes \a data to the connection: all of it, then it returns \c true, or nothing, then it returns
    \c false and \a error, if it is not null, tells why.

    When KcpSocket::writeBufferLimit() leaves no room for it, the call waits for up to \a msecs
    milliseconds; 0 refuses at once, -1 waits until there is room or the connection ends. Data above
    the limit are taken when nothing else waits. The data are copied: QByteArray::fromRawData() will do.
*/
bool KcpWriter::write(const QByteArray &data, int msecs, Error *error) const
{
    if (!d)
        return finish(Ended, error);
    if (data.isEmpty())
        return finish(d->isOpen() ? NoError : Ended, error);
    return finish(d->append(data.constData(), std::size_t(data.size()), false, msecs), error);
}

/*!
    Writes \a message, which may be empty, to a connection with KcpConfiguration::Message, and returns
    true if it was taken. Waits for up to \a msecs milliseconds, and tells by \a error why nothing was
    written, as write() does.
*/
bool KcpWriter::writeMessage(const QByteArray &message, int msecs, Error *error) const
{
    if (!d)
        return finish(Ended, error);
    return finish(d->append(message.constData(), std::size_t(message.size()), true, msecs), error);
}

/*!
    Returns \c true while the connection takes data. It may end right after the call: write() tells.
*/
bool KcpWriter::isOpen() const
{
    return d && d->isOpen();
}

/*!
    Returns why the connection does not take data any more; empty while isOpen().
*/
QString KcpWriter::errorString() const
{
    return d ? d->reason()
             : QCoreApplication::translate("KcpWriter", "The socket was not connected");
}

/*!
    Returns how many bytes of all writers of the connection wait for the socket's thread.
*/
qint64 KcpWriter::bytesQueued() const
{
    return d ? d->bytesQueued() : 0;
}

#include "moc_kcpwriter.cpp"
