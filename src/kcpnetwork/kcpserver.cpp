// SPDX-License-Identifier: MIT
#include "kcpserver.h"
#include "kcpserver_p.h"
#include "kcpconfiguration_p.h"
#include "kcplogging_p.h"
#include "kcpsocket.h"
#include "kcpsocket_p.h"

#include <algorithm>
#include <utility>

/*!
    \class KcpServer
    \inmodule QtKcpNetwork
    \ingroup kcpnetwork
    \brief The KcpServer class accepts KCP connections on one UDP port.

    KcpServer is used like QTcpServer: call listen(), and take connections with
    nextPendingConnection() in a slot of newConnection().

    All connections of a server share its UDP socket. Therefore there is no descriptor for each
    connection, and accepted sockets stay in the server's thread. close() only stops accepting: open
    connections live on, also when the server is deleted, if they have another parent by then.

    With the native protocol a stranger costs nothing: until it has proven its address, the server
    keeps no state for it and never answers with more than it received. Every count is limited; see
    setMaxPendingConnections(), setMaxConnections() and setMaxConnectionsPerAddress(). A client that is
    refused learns why.

    \sa KcpSocket, KcpConfiguration
*/

/*!
    \fn void KcpServer::newConnection()
    Emitted each time a connection has been accepted.

    \sa nextPendingConnection()
*/
/*!
    \fn void KcpServer::pendingConnectionAvailable()
    Emitted when a connection has been added to the queue that nextPendingConnection() takes from.
*/
/*!
    \fn void KcpServer::acceptError(QAbstractSocket::SocketError socketError)
    Emitted when accepting a connection has failed with \a socketError: createSocket() has returned
    \nullptr.
*/

/*!
    \fn void KcpServer::statisticsChanged()
    Emitted when statistics() or connectionCount() have changed, at most once in statisticsInterval().
    While nothing is connected to it, it costs nothing.
*/
/*!
    \property KcpServer::listening
    \brief whether the server listens
*/
/*!
    \property KcpServer::serverPort
    \brief the UDP port; 0 when not listening
*/
/*!
    \property KcpServer::maxPendingConnections
    \brief how many connections may wait for nextPendingConnection()
*/
/*!
    \property KcpServer::maxConnections
    \brief how many connections may be open at a time
*/
/*!
    \property KcpServer::maxConnectionsPerAddress
    \brief how many connections from one IP address may be open at a time; 0 = no limit
*/
/*!
    \property KcpServer::configuration
    \brief how connections are accepted
*/
/*!
    \property KcpServer::connectionCount
    \brief how many connections are open
*/
/*!
    \property KcpServer::statistics
    \brief the counters of the server's UDP socket
*/
/*!
    \property KcpServer::statisticsInterval
    \brief the least time between two statisticsChanged() in milliseconds
*/

namespace {

void refuse(const char *function, int value, int minimum)
{
    qCWarning(lcKcp, "KcpServer::%s(%d) is refused: it is %d or more", function, value, minimum);
}

} // namespace

void KcpServerPrivate::setError(QAbstractSocket::SocketError code, const QString &text)
{
    error = code;
    errorString = text;
}

void KcpServerPrivate::applyAcceptConfig()
{
    if (!driver)
        return;
    kcpnet::AcceptConfig config;
    config.profiles = static_cast<std::uint8_t>(profiles.toInt());
    config.accepting = !paused;
    config.maximumConnections = std::uint32_t(maximumConnections);
    config.maximumConnectionsPerAddress = std::uint32_t(maximumPerAddress);
    config.maximumPending = std::uint32_t(maximumPending);
    config.session = KcpConfigurationPrivate::toSessionConfig(configuration);
    driver->endpoint().setAcceptConfig(config);
}

void KcpServerPrivate::handleSessionEvent(const kcpnet::Event &event)
{
    // Slots may close or delete the server, and the driver with it.
    const KcpPresence::Guard guard(presence);
    const QPointer<KcpDriver> accepting(driver);
    KcpSocket *socket = q->createSocket(q);
    if (!guard.isHere())
        return;
    if (!socket || !accepting || driver != accepting) {
        delete socket;
        if (accepting)
            accepting->releaseSession(event.session);
        if (!socket) {
            setError(QAbstractSocket::SocketResourceError,
                     KcpServer::tr("createSocket() has returned no socket"));
            Q_EMIT q->acceptError(error);
        }
        return;
    }
    KcpSocketPrivate::of(socket)->adoptAccepted(accepting, event.session, configuration);
    const QPointer<KcpSocket> accepted(socket);
    q->incomingConnection(socket);
    if (!guard.isHere())
        return;
    // An override that keeps the socket for itself has taken it.
    if (accepted && accepting && !pending.contains(accepted))
        accepting->endpoint().take(event.session);
    Q_EMIT q->newConnection();
}

// The server is always the root of its driver while it listens, or has the same root.
void KcpServerPrivate::handleParting()
{
    q->close();
}

/*!
    \reimp
*/
bool KcpServer::event(QEvent *event)
{
    if (event->type() == QEvent::ThreadChange) {
        d->presence.leave();
        if (d->notifier)
            d->notifier->stop(); // the driver's activity starts it again
    } else if (event->type() == KcpStatisticsNotifier::listenerEvent()) {
        d->handleStatisticsListener();
        return true;
    }
    return QObject::event(event);
}

/*!
    Constructs a server that does not listen yet, with the given \a parent.
*/
KcpServer::KcpServer(QObject *parent) : QObject(parent), d(std::make_unique<KcpServerPrivate>(this))
{
}

/*!
    Destroys the server. It stops listening; accepted sockets that are still its children are deleted
    with it, which closes their connections.
*/
KcpServer::~KcpServer()
{
    close();
}

/*!
    Listens on \a address and \a port; with port 0 the system chooses one, see serverPort(). Returns
    \c false when that is not possible or the server listens already; serverError() and errorString()
    say why:

    \table
    \header \li serverError() \li Meaning
    \row \li AddressInUseError \li Another socket is bound to the port.
    \row \li SocketAccessError \li The port is one for privileged programs.
    \row \li SocketAddressNotAvailableError \li The address is none of this machine.
    \row \li SocketResourceError \li No descriptors are left.
    \row \li UnsupportedSocketOperationError \li The proxy does not carry UDP.
    \endtable

    When connections of an earlier server on the same address and port live on in this thread, their
    UDP socket is taken up again.

    There is no setListenBacklogSize() as with QTcpServer: no queue of the system holds connections
    before the server sees them. setMaxPendingConnections() is the limit.
*/
bool KcpServer::listen(const QHostAddress &address, quint16 port)
{
    if (isListening()) {
        qCWarning(lcKcp, "KcpServer::listen() called when already listening");
        return false;
    }
    KcpDriver *driver = KcpDriver::findAbandonedServer(address, port);
    if (driver) {
        driver->ref();
        driver->setParent(this);
        d->startListening(driver);
        return true;
    }
    QNetworkProxy proxy;
    if (!kcpChooseProxy(d->proxy, address.toString(), port, proxy)) {
        d->setError(QAbstractSocket::UnsupportedSocketOperationError, kcpUnusableProxyText());
        return false;
    }
    driver = KcpDriver::create(this);
    if (proxy.type() != QNetworkProxy::NoProxy)
        driver->useProxy(proxy);
    // Never shared: another program could take our datagrams.
    if (!driver->bind(address, port, QAbstractSocket::DontShareAddress)) {
        d->setError(driver->channel()->error(), driver->channel()->errorString());
        driver->release();
        return false;
    }
    d->startListening(driver);
    return true;
}

void KcpServerPrivate::startListening(KcpDriver *newDriver)
{
    driver = newDriver;
    paused = false;
    driver->setAcceptor(this);
    driver->setReportsActivity(notifier != nullptr);
    if (!resetKey.isEmpty())
        q->setResetKey(resetKey);
    applyAcceptConfig();
}

/*!
    Listens on the UDP socket \a socketDescriptor, which must be bound to a port and not connected, and
    takes it over. Returns \c false, and leaves the descriptor to the caller, when it is something else
    or the server listens already; serverError() and errorString() say why.

    So a socket may come from a supervisor, or have options that Qt does not know.
*/
bool KcpServer::setSocketDescriptor(qintptr socketDescriptor)
{
    if (isListening()) {
        qCWarning(lcKcp, "KcpServer::setSocketDescriptor() called when already listening");
        return false;
    }
    KcpDriver *driver = KcpDriver::create(this);
    if (!driver->adopt(socketDescriptor, KcpUdpChannel::Use::Server)) {
        d->setError(driver->channel()->error(), driver->channel()->errorString());
        driver->release();
        return false;
    }
    d->startListening(driver);
    return true;
}

/*!
    Returns the descriptor of the UDP socket, which is that of all connections; -1 when not listening.
*/
qintptr KcpServer::socketDescriptor() const
{
    return d->driver ? d->driver->channel()->descriptor() : -1;
}

/*!
    Sets the proxy for the next listen() to \a networkProxy: a SOCKS5 proxy that carries UDP, and that
    lets in datagrams from addresses to which none was sent. serverAddress() and serverPort() are the
    relay's. Everything else is as with KcpSocket::setProxy().
*/
void KcpServer::setProxy(const QNetworkProxy &networkProxy)
{
    d->proxy = networkProxy;
}

/*!
    Returns the proxy that was set.
*/
QNetworkProxy KcpServer::proxy() const
{
    return d->proxy;
}

/*!
    Stops accepting. Connections that nobody has taken are closed; the others live on. The UDP port is
    free when the last of them has ended.

    \sa pauseAccepting()
*/
void KcpServer::close()
{
    if (!d->driver)
        return;
    KcpDriver *driver = std::exchange(d->driver, nullptr).data();
    driver->setAcceptor(nullptr);
    kcpnet::AcceptConfig nobody;
    nobody.accepting = false;
    driver->endpoint().setAcceptConfig(nobody);
    const QList<QPointer<KcpSocket>> pending = std::exchange(d->pending, {});
    for (const QPointer<KcpSocket> &socket : pending)
        delete socket;
    driver->adoptByThread();
    driver->release();
}

/*!
    Returns \c true if the server listens.
*/
bool KcpServer::isListening() const
{
    return !d->driver.isNull();
}

/*!
    Lets at most \a count connections, 1 or more, wait for nextPendingConnection(); clients beyond are
    refused. The default is 30.
*/
void KcpServer::setMaxPendingConnections(int count)
{
    if (count < 1) {
        refuse("setMaxPendingConnections", count, 1);
        return;
    }
    d->maximumPending = count;
    d->applyAcceptConfig();
}

/*!
    Returns how many connections may wait for nextPendingConnection().
*/
int KcpServer::maxPendingConnections() const
{
    return d->maximumPending;
}

/*!
    Lets at most \a count connections, 1 or more, be open at a time; clients beyond are refused. The
    default is 10000.
*/
void KcpServer::setMaxConnections(int count)
{
    if (count < 1) {
        refuse("setMaxConnections", count, 1);
        return;
    }
    d->maximumConnections = count;
    d->applyAcceptConfig();
}

/*!
    Returns how many connections may be open at a time.
*/
int KcpServer::maxConnections() const
{
    return d->maximumConnections;
}

/*!
    Lets at most \a count connections from one IP address be open at a time; 0 = no limit. Clients
    beyond are refused. The default is 256.
*/
void KcpServer::setMaxConnectionsPerAddress(int count)
{
    if (count < 0) {
        refuse("setMaxConnectionsPerAddress", count, 0);
        return;
    }
    d->maximumPerAddress = count;
    d->applyAcceptConfig();
}

/*!
    Returns how many connections from one IP address may be open at a time; 0 = no limit.
*/
int KcpServer::maxConnectionsPerAddress() const
{
    return d->maximumPerAddress;
}

/*!
    Returns how many connections are open, those that are being closed included; 0 when not listening.
*/
int KcpServer::connectionCount() const
{
    return d->driver ? int(d->driver->endpoint().sessionCount()) : 0;
}

/*!
    Returns the UDP port; 0 when not listening.
*/
quint16 KcpServer::serverPort() const
{
    return d->driver ? d->driver->channel()->localPort() : quint16(0);
}

/*!
    Returns the address that the server listens on; null when not listening.
*/
QHostAddress KcpServer::serverAddress() const
{
    return d->driver ? d->driver->channel()->localAddress() : QHostAddress();
}

/*!
    Accepts connections with \a configuration from now on. Its profile means nothing here, see
    setAcceptedProfiles().
*/
void KcpServer::setConfiguration(const KcpConfiguration &configuration)
{
    d->configuration = configuration;
    d->applyAcceptConfig();
}

/*!
    Returns the configuration that connections are accepted with.
*/
KcpConfiguration KcpServer::configuration() const
{
    return d->configuration;
}

/*!
    Accepts clients of the given \a profiles. The default is KcpConfiguration::Native. Plain KCP has no
    handshake, so that anyone who can forge an address can make the server keep a connection: accept
    it only where you need it. An empty set is refused with a warning.
*/
void KcpServer::setAcceptedProfiles(KcpConfiguration::Profiles profiles)
{
    const KcpConfiguration::Profiles all = KcpConfiguration::Native | KcpConfiguration::PlainKcp;
    if ((profiles & all) != profiles || !profiles) {
        qCWarning(lcKcp,
                  "KcpServer::setAcceptedProfiles(0x%x) is refused: Native, PlainKcp or both",
                  uint(profiles.toInt()));
        return;
    }
    d->profiles = profiles;
    d->applyAcceptConfig();
}

/*!
    Returns the profiles of clients that are accepted.
*/
KcpConfiguration::Profiles KcpServer::acceptedProfiles() const
{
    return d->profiles;
}

/*!
    Sets the secret \a key, 16 bytes or more of good randomness, that lets the server tell clients of
    an earlier run that their connection is gone: they end at once instead of after their idle timeout.
    Without it the key is random for each listen(). A shorter key is refused with a warning.
*/
void KcpServer::setResetKey(const QByteArray &key)
{
    if (key.size() < 16) {
        qCWarning(lcKcp,
                  "KcpServer::setResetKey(): a key of %d bytes is refused; it has 16 or more",
                  int(key.size()));
        return;
    }
    d->resetKey = key;
    if (d->driver) {
        d->driver->endpoint().setResetKey(kcp::asBytes(key.constData(), std::size_t(key.size())));
    }
}

/*!
    Blocks until a connection waits to be taken, at most for \a msecs milliseconds (-1 = without limit).
    Returns \c true then; else \c false, and if \a timedOut is not null, it tells whether the time was
    over.
*/
bool KcpServer::waitForNewConnection(int msecs, bool *timedOut)
{
    if (timedOut)
        *timedOut = false;
    if (!d->driver)
        return false;
    const kcp::Instant deadline =
            msecs < 0 ? kcp::Never : d->driver->now() + std::chrono::milliseconds(msecs);
    const KcpPresence::Guard guard(d->presence);
    while (!hasPendingConnections()) {
        const bool inTime = d->driver->wait(d.get(), deadline);
        if (!guard.isHere() || !d->driver)
            return false;
        if (!inTime && !hasPendingConnections()) {
            if (timedOut)
                *timedOut = true;
            d->setError(QAbstractSocket::SocketTimeoutError, tr("Network operation timed out"));
            return false;
        }
    }
    return true;
}

/*!
    Returns \c true if nextPendingConnection() has a connection.
*/
bool KcpServer::hasPendingConnections() const
{
    return std::any_of(d->pending.begin(), d->pending.end(),
                       [](const QPointer<KcpSocket> &socket) { return !socket.isNull(); });
}

/*!
    Returns the connection that has waited longest, or \nullptr. It is a child of the server; give it
    another parent, or delete it, when you do not need it any more. It may have been closed by the peer
    already, and may hold data whose readyRead() is over: look at bytesAvailable().
*/
KcpSocket *KcpServer::nextPendingConnection()
{
    while (!d->pending.isEmpty()) {
        const QPointer<KcpSocket> socket = d->pending.takeFirst();
        if (!socket)
            continue;
        const KcpSocketPrivate *taken = KcpSocketPrivate::of(socket);
        if (d->driver && taken->driver == d->driver)
            d->driver->endpoint().take(taken->id);
        return socket;
    }
    return nullptr;
}

/*!
    Returns the error that occurred last.
*/
QAbstractSocket::SocketError KcpServer::serverError() const
{
    return d->error;
}

/*!
    Returns a description of the error that occurred last.
*/
QString KcpServer::errorString() const
{
    return d->errorString;
}

/*!
    Refuses new connections until resumeAccepting(). The server keeps its port.
*/
void KcpServer::pauseAccepting()
{
    d->paused = true;
    d->applyAcceptConfig();
}

/*!
    Accepts new connections again after pauseAccepting().
*/
void KcpServer::resumeAccepting()
{
    d->paused = false;
    d->applyAcceptConfig();
}

/*!
    Makes the socket of a new connection, with the given \a parent. Override it to use a class derived
    from KcpSocket. When it returns \nullptr, the connection is closed and acceptError() is emitted.
*/
KcpSocket *KcpServer::createSocket(QObject *parent)
{
    return new KcpSocket(parent);
}

/*!
    Called with the connected \a socket of each new connection. This implementation calls
    addPendingConnection(); an override that does not has taken the socket for itself.
*/
void KcpServer::incomingConnection(KcpSocket *socket)
{
    addPendingConnection(socket);
}

/*!
    Adds \a socket to the queue of nextPendingConnection(), and emits pendingConnectionAvailable().
*/
void KcpServer::addPendingConnection(KcpSocket *socket)
{
    d->pending.append(socket);
    Q_EMIT pendingConnectionAvailable();
}

#include "moc_kcpserver.cpp"
