// SPDX-License-Identifier: MIT
// What happens to a socket: the session's events, and the state changes and signals they cause, in
// QAbstractSocket's order. After each signal the socket may be gone, or busy with something new.
#include "kcpsocket_p.h"
#include "kcpaddressconversion_p.h"
#include "kcpconfiguration_p.h"
#include "kcpconnector_p.h"
#include "kcplogging_p.h"
#include "kcpstatistics_p.h"

#include <QtCore/qobject.h>

#include <utility>
#include <vector>

namespace {

// Unreliable datagrams that are told in one go.
constexpr int MaximumDatagramsPerEvent = 64;

KcpSocket::CloseReason toCloseReason(kcpnet::CloseReason reason)
{
    switch (reason) {
    case kcpnet::CloseReason::None:
        break;
    case kcpnet::CloseReason::LocalClose:
        return KcpSocket::LocalClose;
    case kcpnet::CloseReason::LocalAbort:
        return KcpSocket::LocalAbort;
    case kcpnet::CloseReason::RemoteClose:
        return KcpSocket::RemoteClose;
    case kcpnet::CloseReason::RemoteAbort:
        return KcpSocket::RemoteAbort;
    case kcpnet::CloseReason::Refused:
        return KcpSocket::Refused;
    case kcpnet::CloseReason::ConnectTimeout:
        return KcpSocket::ConnectTimeout;
    case kcpnet::CloseReason::IdleTimeout:
        return KcpSocket::IdleTimeout;
    case kcpnet::CloseReason::DeadLink:
        return KcpSocket::DeadLink;
    case kcpnet::CloseReason::LingerTimeout:
        return KcpSocket::LingerTimeout;
    case kcpnet::CloseReason::Reset:
        return KcpSocket::ConnectionReset;
    case kcpnet::CloseReason::ProtocolError:
        return KcpSocket::ProtocolError;
    }
    return KcpSocket::NotClosed;
}

} // namespace

KcpSocketPrivate::KcpSocketPrivate(KcpSocket *q)
    : q(q), configuration(KcpConfigurationPrivate::adaptive())
{
}

KcpSocketPrivate::~KcpSocketPrivate()
{
    closeWriters(KcpSocket::tr("The socket has been deleted"));
    connector.reset();
    releaseSession();
}

KcpSocketPrivate::Rare &KcpSocketPrivate::rare()
{
    if (!extra)
        extra = std::make_unique<Rare>();
    return *extra;
}

bool KcpSocketPrivate::isEnded() const
{
    return state == QAbstractSocket::UnconnectedState || state == QAbstractSocket::BoundState;
}

bool KcpSocketPrivate::hasPeer() const
{
    return keepsAddresses || (q->isValid() && state != QAbstractSocket::BoundState);
}

void KcpSocketPrivate::setError(QAbstractSocket::SocketError code, const QString &text)
{
    error = code;
    q->setErrorString(text);
}

bool KcpSocketPrivate::changeState(QAbstractSocket::SocketState newState)
{
    if (state == newState)
        return true;
    state = newState;
    const Guard guard(this);
    Q_EMIT q->stateChanged(newState);
    return guard.isUnchanged();
}

bool KcpSocketPrivate::emitError()
{
    const Guard guard(this);
    Q_EMIT q->errorOccurred(error);
    return guard.isUnchanged();
}

void KcpSocketPrivate::adoptAccepted(KcpDriver *server, kcpnet::SessionId session,
                                     const KcpConfiguration &serverConfiguration)
{
    server->ref();
    configuration = serverConfiguration;
    state = QAbstractSocket::ConnectedState;
    q->setOpenMode(QIODevice::ReadWrite | QIODevice::Unbuffered);
    adoptSession(server, session);
}

void KcpSocketPrivate::adoptSession(KcpDriver *client, kcpnet::SessionId newId)
{
    driver = client;
    id = newId;
    if (const kcpnet::Session *made = session())
        peer = made->path().peer;
    knownOutstanding = connectionBytes();
    driver->setHandler(id, this);
    connectWriters();
}

// --- connecting -------------------------------------------------------------------------------

// Everything up to the first signal of a connection.
bool KcpSocketPrivate::beginConnect(QIODevice::OpenMode mode)
{
    if (!isEnded()) {
        qCWarning(lcKcp,
                  "KcpSocket::connectToHost() called when already looking up or "
                  "connecting/connected to \"%s\"",
                  qPrintable(q->peerName()));
        return false;
    }
    if (state == QAbstractSocket::UnconnectedState)
        releaseSession(); // what was not read of the last one
    ++epoch;
    resumeAt = Step::None;
    if (extra) {
        extra->closeText.clear();
        extra->lastStatistics.reset();
    }
    closeReason = KcpSocket::NotClosed;
    closeCode = 0;
    pendingClose = false;
    keepsAddresses = false;
    if (!closeDevice())
        return false;
    q->QIODevice::open(mode | QIODevice::Unbuffered);
    error = QAbstractSocket::UnknownSocketError;
    return true;
}

// QIODevice::close() goes on with a device that was deleted in a slot of aboutToClose().
bool KcpSocketPrivate::closeDevice()
{
    if (!q->isOpen())
        return true;
    const Guard guard(this);
    Q_EMIT q->aboutToClose();
    if (!guard.isUnchanged())
        return false;
    const QSignalBlocker blocker(q);
    q->QIODevice::close();
    return true;
}

void KcpSocketPrivate::startConnecting(const QList<QHostAddress> &addresses)
{
    if (connector->port() == 0) {
        failConnecting(QAbstractSocket::ConnectionRefusedError,
                       KcpSocket::tr("Connection refused: port 0 is none"));
        return;
    }
    const QList<QHostAddress> usable = connector->usable(addresses);
    if (usable.isEmpty()) {
        failConnecting(QAbstractSocket::HostNotFoundError,
                       KcpSocket::tr("Host not found: %1").arg(q->peerName()));
        return;
    }
    connector->setAddresses(usable);
    proceed(Step::EnterConnecting);
}

void KcpSocketPrivate::failConnecting(QAbstractSocket::SocketError code, const QString &text)
{
    setError(code, text);
    endWriters(text);
    connector.reset(); // and perhaps the text with it
    releaseSession();
    pendingClose = false;
    keepsAddresses = false;
    qCDebug(lcKcp) << q << "could not connect:" << q->errorString();
    proceed(Step::TellFailure);
}

void KcpSocketPrivate::handleConnected()
{
    if (extra && extra->writers) // the peer has told its limit by now
        extra->writers->setMaximumMessageSize(q->maximumMessageSize());
    proceed(Step::EnterConnected);
}

void KcpSocketPrivate::closeIfWanted()
{
    if (!std::exchange(pendingClose, false) || state != QAbstractSocket::ConnectedState)
        return;
    closeSession(rare().pendingCloseCode, rare().pendingCloseText);
}

// --- events -----------------------------------------------------------------------------------

void KcpSocketPrivate::handleSessionEvent(const kcpnet::Event &event)
{
    if (extra && extra->notifier)
        extra->notifier->noteActivity();
    using Type = kcpnet::Event::Type;
    switch (event.type) {
    case Type::Connected:
        if (state != QAbstractSocket::ConnectedState)
            handleConnected();
        break;
    case Type::Readable:
        handleReadable();
        break;
    case Type::Written:
        if (writeBufferLimit == 0)
            handleWritten(qint64(event.bytes));
        break;
    case Type::Acknowledged:
        settleWriters();
        // With a limit there is room only now, and room is what a writer waits for.
        if (writeBufferLimit > 0) {
            const qint64 outstanding = connectionBytes();
            handleWritten(std::exchange(knownOutstanding, outstanding) - outstanding);
        }
        break;
    case Type::DatagramReceived:
        handleDatagrams();
        break;
    case Type::PeerAddressChanged:
        if (const kcpnet::Session *moved = session())
            peer = moved->path().peer;
        Q_EMIT q->peerAddressChanged();
        break;
    case Type::Closed:
        handleClosed(event);
        break;
    case Type::Accepted:
    case Type::PeerFinished: // Closed follows
    case Type::PathSilent: // the driver's business
        break;
    }
}

void KcpSocketPrivate::handleReadable()
{
    // A slot that was called before this one may have read all of it.
    if (q->bytesAvailable() == 0 && !q->hasPendingMessages())
        return;
    ++readableEvents;
    if (emittingReadyRead || !q->isReadable())
        return;
    const Guard guard(this);
    emittingReadyRead = true;
    Q_EMIT q->readyRead();
    if (guard.isHere())
        emittingReadyRead = false;
}

// Never recursive: a slot that writes and waits adds to what is still to be told.
void KcpSocketPrivate::handleWritten(qint64 bytes)
{
    if (bytes <= 0)
        return;
    ++writtenEvents;
    unreportedBytes += bytes;
    if (emittingBytesWritten)
        return;
    const Guard guard(this);
    emittingBytesWritten = true;
    while (unreportedBytes > 0) {
        Q_EMIT q->bytesWritten(std::exchange(unreportedBytes, 0));
        if (!guard.isHere())
            return;
    }
    emittingBytesWritten = false;
}

void KcpSocketPrivate::handleDatagrams()
{
    const Guard guard(this);
    std::vector<std::uint8_t> payload;
    for (int i = 0; i < MaximumDatagramsPerEvent; ++i) {
        if (!driver || !driver->endpoint().readDatagram(id, payload))
            return;
        Q_EMIT q->datagramReceived(QByteArray(reinterpret_cast<const char *>(payload.data()),
                                              qsizetype(payload.size())));
        if (!guard.isUnchanged())
            return;
    }
}

void KcpSocketPrivate::handleClosed(const kcpnet::Event &event)
{
    closeReason = toCloseReason(event.reason);
    closeCode = event.closeCode;
    const KcpEndDescription end = kcpDescribeEnd(event, kcpToHostAddress(peer), peer.port);
    rare().closeText = QString::fromUtf8(event.closeText.data(), qsizetype(event.closeText.size()));
    if (const kcpnet::Session *ended = session())
        rare().lastStatistics = KcpStatisticsPrivate::fromSession(*ended);
    keepAddresses();
    driver->setHandler(id, nullptr);
    endWriters(end.text.isEmpty() ? KcpSocket::tr("The connection is closed") : end.text);
    releaseIfReadOut();
    qCDebug(lcKcp) << q << "ended:" << closeReason << end.text;

    if (state != QAbstractSocket::ConnectedState && state != QAbstractSocket::ClosingState) {
        failConnecting(end.error, end.text);
        return;
    }
    if (!end.text.isEmpty())
        setError(end.error, end.text);
    proceed(end.text.isEmpty() ? Step::EnterClosing : Step::TellEnd);
}

// The slots of the end may still ask whose connection it was.
void KcpSocketPrivate::keepAddresses()
{
    if (!driver || !driver->channel())
        return;
    Rare &kept = rare();
    kept.localAddress = q->localAddress();
    kept.localPort = q->localPort();
    keepsAddresses = true;
}

void KcpSocketPrivate::forgetAddresses()
{
    keepsAddresses = false;
    if (extra)
        extra->localAddress.clear();
}

// --- closing ----------------------------------------------------------------------------------

void KcpSocketPrivate::closeSession(quint32 code, const QString &text)
{
    closeWriters(KcpSocket::tr("The connection is being closed"));
    if (driver) {
        driver->endpoint().close(driver->now(), id, code, text.toUtf8().toStdString());
        driver->scheduleFlush();
    }
    changeState(QAbstractSocket::ClosingState);
}

void KcpSocketPrivate::abortSession()
{
    ++epoch;
    resumeAt = Step::None;
    endWriters(KcpSocket::tr("The connection was aborted"));
    connector.reset();
    pendingClose = false;
    if (driver) {
        if (const kcpnet::Session *ended = session())
            rare().lastStatistics = KcpStatisticsPrivate::fromSession(*ended);
        keepAddresses();
        driver->setHandler(id, nullptr);
        driver->endpoint().abort(driver->now(), id);
        driver->flush();
        releaseSession();
    }
    closeReason = KcpSocket::LocalAbort;
    closeCode = 0;
}

void KcpSocketPrivate::releaseSession()
{
    if (!driver)
        return;
    KcpDriver *released = std::exchange(driver, nullptr).data();
    if (!id.isNull())
        released->releaseSession(std::exchange(id, kcpnet::SessionId()));
    released->release();
}

void KcpSocketPrivate::releaseIfReadOut()
{
    const kcpnet::Session *ended = session();
    if (!ended || !q->isOpen()
        || (ended->readableBytes() == 0 && !ended->nextMessageSize() && !ended->hasDatagram()))
        releaseSession();
}

// --- reading and writing ----------------------------------------------------------------------

qint64 KcpSocketPrivate::outstandingBytes() const
{
    const qint64 bytes = connectionBytes();
    return extra && extra->writers ? bytes + extra->writers->bytesQueued() : bytes;
}

qint64 KcpSocketPrivate::connectionBytes() const
{
    if (connector)
        return connector->queuedBytes();
    const kcpnet::Session *open = session();
    return open ? qint64(open->unsentBytes() + open->unacknowledgedBytes()) : 0;
}

qint64 KcpSocketPrivate::acceptableBytes(qint64 size) const
{
    if (writeBufferLimit == 0)
        return size;
    return qBound(qint64(0), writeBufferLimit - outstandingBytes(), size);
}

bool KcpSocketPrivate::send(const char *data, qint64 size)
{
    if (connector) {
        connector->queue(data, size);
        return true;
    }
    if (!driver || !driver->endpoint().write(id, kcp::asBytes(data, std::size_t(size))))
        return false;
    driver->scheduleFlush();
    return true;
}

bool KcpSocketPrivate::sendMessage(const QByteArray &message)
{
    if (connector) {
        connector->queueMessage(message);
        return true;
    }
    const kcp::ByteView bytes = kcp::asBytes(message.constData(), std::size_t(message.size()));
    if (!driver || !driver->endpoint().writeMessage(id, bytes))
        return false;
    driver->scheduleFlush();
    return true;
}

bool KcpSocketPrivate::refuseInMode(bool messageFunction, const char *function)
{
    if (isMessageMode() == messageFunction)
        return false;
    setError(QAbstractSocket::UnsupportedSocketOperationError,
             messageFunction ? KcpSocket::tr("Messages need KcpConfiguration::Message")
                             : KcpSocket::tr("This connection carries messages: use "
                                             "readMessage() and writeMessage()"));
    if (!warnedAboutMode) {
        warnedAboutMode = true;
        qCWarning(lcKcp, "KcpSocket::%s is not possible in %s mode", function,
                  isMessageMode() ? "message" : "stream");
    }
    return true;
}

bool KcpSocketPrivate::isWindowClosed() const
{
    const kcpnet::Session *open = session();
    return open && open->engine().advertisedWindow() == 0;
}

void KcpSocketPrivate::noteRead(bool windowWasClosed)
{
    if (state == QAbstractSocket::UnconnectedState)
        releaseIfReadOut();
    else if (windowWasClosed && driver)
        driver->scheduleFlush(); // the peer waits for the news
}

void KcpSocketPrivate::applyLiveConfiguration()
{
    if (!driver || id.isNull())
        return;
    driver->endpoint().reconfigure(id, KcpConfigurationPrivate::toSessionConfig(configuration));
    driver->scheduleFlush();
}
