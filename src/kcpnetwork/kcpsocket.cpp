// SPDX-License-Identifier: MIT
#include "kcpsocket.h"
#include "kcpsocket_p.h"
#include "kcpaddressconversion_p.h"
#include "kcpconfiguration_p.h"
#include "kcpconnector_p.h"
#include "kcplogging_p.h"
#include "kcpstatistics_p.h"

/*!
    \class KcpSocket
    \inmodule QtKcpNetwork
    \ingroup kcpnetwork
    \brief The KcpSocket class is a reliable, ordered connection over UDP with the KCP protocol.

    KcpSocket is a QIODevice that is used like QTcpSocket: call connectToHost(), wait for connected(),
    write(), and read in a slot of readyRead(). Data that is written before connected() is queued and
    travels with the handshake. Names, states, signals and their order are QAbstractSocket's.

    What is different:

    \list
    \li Several writes in one turn of the event loop share datagrams; they leave at the end of the
        turn. flush() sends at once.
    \li A connection is closed by both sides: after disconnectFromHost() the state is ClosingState
        until the peer has everything, at most for KcpConfiguration::lingerTime().
    \li A deleted socket delivers what was written in the background, as long as its thread runs an
        event loop. A program that ends should wait for disconnected() first.
    \li A connection survives a change of the client's network; see rebind().
    \li Messages with boundaries (\l{KcpConfiguration::Message}{message mode}) and unreliable
        datagrams, sendDatagram(), use the same connection.
    \endlist

    \section1 Threads

    A socket belongs to one thread. QObject::moveToThread() takes it to another one, at any time, also
    while it is connected and in its own slots; nothing is lost by it. Sockets that a KcpServer has
    accepted share the server's UDP socket and stay with it: moved alone, such a socket loses its
    connection, with a warning and UnsupportedSocketOperationError. Run a server in each thread
    instead, or move the server with its sockets while they are its children.

    From other threads a connection is written to by a KcpWriter; see writer().

    The \c waitFor functions work without an event loop and never run slots of other sockets: these
    hear of their events in the next turn of the event loop.

    \sa KcpServer, KcpConfiguration
*/

/*!
    \enum KcpSocket::CloseReason
    Why a connection has ended, or could not be made.

    \value NotClosed It has not ended, or there was none.
    \value LocalClose disconnectFromHost() or close(): the peer has taken everything.
    \value LocalAbort abort().
    \value RemoteClose The peer has closed; closeCode() and closeText() are its words.
    \value RemoteAbort The peer has aborted.
    \value Refused The server has refused, or nothing listens on the port.
    \value ConnectTimeout No answer within KcpConfiguration::connectTimeout().
    \value IdleTimeout Nothing heard within KcpConfiguration::idleTimeout().
    \value DeadLink Nothing acknowledged after KcpConfiguration::deadLink() transmissions.
    \value LingerTimeout Closing took longer than KcpConfiguration::lingerTime().
    \value ConnectionReset The server does not know the connection: it was restarted.
    \value ProtocolError The peer has broken the protocol, or a message was larger than
        KcpConfiguration::maxMessageSize().
*/

/*!
    \fn void KcpSocket::hostFound()
    Emitted after connectToHost() when the host has been found, before the first attempt to connect.
*/
/*!
    \fn void KcpSocket::connected()
    Emitted when the connection has been made and state() is QAbstractSocket::ConnectedState.
*/
/*!
    \fn void KcpSocket::disconnected()
    Emitted when a connection that had been made has ended. What was received can still be read.
*/
/*!
    \fn void KcpSocket::stateChanged(QAbstractSocket::SocketState state)
    Emitted whenever state() has changed to \a state.
*/
/*!
    \fn void KcpSocket::errorOccurred(QAbstractSocket::SocketError error)
    Emitted when \a error has occurred; errorString() says what, where and why.

    \table
    \header \li Error \li Meaning
    \row \li HostNotFoundError \li The name has no usable address.
    \row \li ConnectionRefusedError \li The server has refused, or nothing listens on the port; the
        text says which.
    \row \li SocketTimeoutError \li No answer while connecting, silence, a dead link, a close that
        took too long, or a \c waitFor function that did.
    \row \li RemoteHostClosedError \li The peer has closed or aborted, or does not know the
        connection any more.
    \row \li NetworkError \li The peer has broken the protocol, or the network cannot be reached.
    \endtable
*/
/*!
    \fn void KcpSocket::datagramReceived(const QByteArray &payload)
    Emitted for each unreliable datagram of the peer, with its \a payload.

    \sa sendDatagram()
*/
/*!
    \fn void KcpSocket::peerAddressChanged()
    Emitted when the peer is reached at another address from now on: it has changed its network. No
    data is lost by it.
*/

/*!
    \fn void KcpSocket::statisticsChanged()
    Emitted when statistics() have changed, at most once in statisticsInterval(). While nothing is
    connected to it, it costs nothing.
*/

/*!
    \property KcpSocket::state
    \brief the state of the socket
*/
/*!
    \property KcpSocket::error
    \brief the error that occurred last
*/
/*!
    \property KcpSocket::errorString
    \brief the error that occurred last, for people
*/
/*!
    \property KcpSocket::closeReason
    \brief why the last connection has ended
*/
/*!
    \property KcpSocket::closeCode
    \brief the code that the peer gave for closing
*/
/*!
    \property KcpSocket::closeText
    \brief the text that the peer gave for closing
*/
/*!
    \property KcpSocket::peerName
    \brief the name or address that was given to connectToHost()
*/
/*!
    \property KcpSocket::configuration
    \brief how the connection works
*/
/*!
    \property KcpSocket::readBufferSize
    \brief how many bytes may wait to be read; 0 = what the receive window holds
*/
/*!
    \property KcpSocket::writeBufferLimit
    \brief how many bytes may wait to be sent and acknowledged; 0 = no limit
*/
/*!
    \property KcpSocket::statistics
    \brief the counters of the connection
*/
/*!
    \property KcpSocket::statisticsInterval
    \brief the least time between two statisticsChanged() in milliseconds
*/

/*!
    Constructs a socket in state QAbstractSocket::UnconnectedState with the given \a parent.
*/
KcpSocket::KcpSocket(QObject *parent)
    : QIODevice(parent), d(std::make_unique<KcpSocketPrivate>(this))
{
}

/*!
    Destroys the socket. An open connection is closed in the background: what was written is
    delivered while the thread runs its event loop. No signals are emitted.
*/
KcpSocket::~KcpSocket() = default;

/*!
    Binds the socket to \a address and \a port before connecting, with the given \a mode; port 0 lets
    the system choose. Returns \c true and enters QAbstractSocket::BoundState on success; else error()
    and errorString() say why. Possible in UnconnectedState only.

    Without it connectToHost() chooses.
*/
bool KcpSocket::bind(const QHostAddress &address, quint16 port, QAbstractSocket::BindMode mode)
{
    if (d->state != QAbstractSocket::UnconnectedState) {
        qCWarning(lcKcp, "KcpSocket::bind() is possible in UnconnectedState only");
        return false;
    }
    d->releaseSession();
    QNetworkProxy proxy;
    if (!d->chooseProxy(address.toString(), port, proxy))
        return false;
    KcpDriver *driver = KcpDriver::create(this);
    if (proxy.type() != QNetworkProxy::NoProxy)
        driver->useProxy(proxy);
    const bool bound = driver->bind(address, port, mode);
    if (bound) {
        KcpSocketPrivate::Rare &rare = d->rare();
        rare.boundAddress = address;
        rare.boundPort = port;
        rare.bindMode = mode;
    }
    return d->enterBound(driver, bound);
}

// Takes over the reference to the driver.
bool KcpSocketPrivate::enterBound(KcpDriver *newDriver, bool isBound)
{
    if (!isBound) {
        setError(newDriver->channel()->error(), newDriver->channel()->errorString());
        newDriver->release();
        emitError();
        return false;
    }
    driver = newDriver;
    changeState(QAbstractSocket::BoundState);
    return true;
}

/*!
    \overload
    Binds to QHostAddress::Any, \a port and \a mode.
*/
bool KcpSocket::bind(quint16 port, QAbstractSocket::BindMode mode)
{
    return bind(QHostAddress(QHostAddress::Any), port, mode);
}

/*!
    Connects to \a hostName on \a port and opens the device with \a openMode. \a hostName may be a
    name or an address; with \a protocol other than QAbstractSocket::AnyIPProtocol only addresses of
    that protocol are used.

    The socket enters HostLookupState, then emits hostFound() and enters ConnectingState. All
    addresses are tried, 250 ms apart; the first that answers wins, and connected() is emitted. On
    failure the socket returns to UnconnectedState and emits errorOccurred().

    With KcpConfiguration::Native a server answers in one round trip. A plain KCP peer is connected
    when its first valid segment arrives.

    \sa waitForConnected(), disconnectFromHost(), abort()
*/
void KcpSocket::connectToHost(const QString &hostName, quint16 port, OpenMode openMode,
                              QAbstractSocket::NetworkLayerProtocol protocol)
{
    QNetworkProxy proxy;
    if (!d->beginConnect(openMode) || !d->chooseProxy(hostName, port, proxy))
        return;
    d->rare().peerName = hostName;
    d->connector = std::make_unique<KcpConnector>(d.get(), port, protocol);
    d->connector->setProxy(proxy);
    QHostAddress address;
    if (address.setAddress(hostName))
        d->connector->setAddresses({ address });
    d->proceed(KcpSocketPrivate::Step::EnterHostLookup);
}

/*!
    \overload
    Connects to \a address on \a port and opens the device with \a openMode.
*/
void KcpSocket::connectToHost(const QHostAddress &address, quint16 port, OpenMode openMode)
{
    QNetworkProxy proxy;
    if (!d->beginConnect(openMode) || !d->chooseProxy(address.toString(), port, proxy))
        return;
    d->rare().peerName = address.toString();
    d->connector = std::make_unique<KcpConnector>(d.get(), port, QAbstractSocket::AnyIPProtocol);
    d->connector->setProxy(proxy);
    d->connector->setAddresses({ address });
    d->proceed(KcpSocketPrivate::Step::EnterHostLookup);
}

/*!
    Closes the connection when everything that was written has been delivered; until then the socket
    is in QAbstractSocket::ClosingState. Then it enters UnconnectedState, and readChannelFinished() and
    disconnected() are emitted. If the peer does not take everything within
    KcpConfiguration::lingerTime(), errorOccurred() is emitted with SocketTimeoutError.

    What the peer still sends is discarded from now on. A socket that is still connecting connects
    first.

    \sa waitForDisconnected(), abort()
*/
void KcpSocket::disconnectFromHost()
{
    disconnectFromHost(0);
}

/*!
    \overload
    Tells the peer \a code and \a text, at most 256 bytes of UTF-8, as the reason: its closeCode() and
    closeText(). A plain KCP peer learns nothing of a close.
*/
void KcpSocket::disconnectFromHost(quint32 code, const QString &text)
{
    switch (d->state) {
    case QAbstractSocket::UnconnectedState:
    case QAbstractSocket::ClosingState:
    case QAbstractSocket::ListeningState:
        return;
    case QAbstractSocket::BoundState:
        d->releaseSession();
        d->changeState(QAbstractSocket::UnconnectedState);
        return;
    case QAbstractSocket::HostLookupState:
    case QAbstractSocket::ConnectingState:
        d->pendingClose = true;
        d->rare().pendingCloseCode = code;
        d->rare().pendingCloseText = text;
        return;
    case QAbstractSocket::ConnectedState:
        d->closeSession(code, text);
        return;
    }
}

/*!
    Ends the connection at once: what was not delivered is lost, and one datagram tells the peer. The
    device is closed.

    \sa disconnectFromHost(), close()
*/
void KcpSocket::abort()
{
    if (d->state == QAbstractSocket::UnconnectedState)
        return;
    d->abortSession();
    if (d->closeDevice())
        d->proceed(KcpSocketPrivate::Step::EnterClosing);
}

/*!
    Closes the device: what was received and not read is dropped, what was written is still
    delivered, as by disconnectFromHost().
*/
void KcpSocket::close()
{
    if (!isOpen() && d->isEnded())
        return;
    if (!d->closeDevice())
        return;
    if (const kcpnet::Session *session = d->session()) {
        if (d->state == QAbstractSocket::UnconnectedState)
            d->releaseSession();
        else
            d->driver->endpoint().skip(d->id, session->readableBytes());
    }
    disconnectFromHost();
}

/*!
    Sends now what the congestion control and the windows allow, instead of at the end of this turn of
    the event loop. Returns \c true if data left for the first time by it.
*/
bool KcpSocket::flush()
{
    const kcpnet::Session *session = d->session();
    if (!session)
        return false;
    const std::size_t before = session->unsentBytes();
    d->driver->flush();
    session = d->session();
    return session && session->unsentBytes() < before;
}

/*!
    Binds a new UDP socket under the connection, which goes on over it. A client does so by itself
    when its local address is gone or the peer stays silent; call it when you know better, for example
    that another network should be used. Returns \c false, and changes nothing, when the socket is not
    connected, was accepted by a server, or no new UDP socket can be had.
*/
bool KcpSocket::rebind()
{
    const kcpnet::Session *session = d->session();
    if (!session || d->state != QAbstractSocket::ConnectedState
        || session->role() != kcpnet::Session::Role::Client) {
        qCWarning(lcKcp, "KcpSocket::rebind() is possible for connected clients only");
        return false;
    }
    return d->driver->rebind();
}

/*!
    Returns \c true while the socket has a UDP socket: when it is bound, connecting or connected.
*/
bool KcpSocket::isValid() const
{
    return !d->driver.isNull() && d->state != QAbstractSocket::UnconnectedState;
}

/*!
    Returns the state of the socket.
*/
QAbstractSocket::SocketState KcpSocket::state() const
{
    return d->state;
}

/*!
    Returns the error that occurred last; errorString() describes it.
*/
QAbstractSocket::SocketError KcpSocket::error() const
{
    return d->error;
}

/*!
    Returns why the last connection has ended; NotClosed while it lives.
*/
KcpSocket::CloseReason KcpSocket::closeReason() const
{
    return d->closeReason;
}

/*!
    Returns the code that the peer gave to disconnectFromHost(), if closeReason() is RemoteClose or
    RemoteAbort; else 0.
*/
quint32 KcpSocket::closeCode() const
{
    return d->closeCode;
}

/*!
    Returns the text that the peer gave to disconnectFromHost(), if any. It comes from the network:
    do not trust it.
*/
QString KcpSocket::closeText() const
{
    return d->extra ? d->extra->closeText : QString();
}

/*!
    Returns the local UDP port; 0 when there is none.
*/
quint16 KcpSocket::localPort() const
{
    if (d->keepsAddresses)
        return d->extra->localPort;
    return isValid() ? d->driver->channel()->localPort() : quint16(0);
}

/*!
    Returns the local address; null when there is none. For an accepted socket of a server that
    listens on all addresses it is the one that the client has asked.
*/
QHostAddress KcpSocket::localAddress() const
{
    if (d->keepsAddresses)
        return d->extra->localAddress;
    if (!isValid())
        return QHostAddress();
    const kcpnet::Session *session = d->session();
    if (session && !session->path().local.isNull())
        return kcpToHostAddress(session->path().local);
    return d->driver->channel()->localAddress();
}

/*!
    Returns the port of the peer; 0 when not connected. It is there until the slots of disconnected()
    have been called.
*/
quint16 KcpSocket::peerPort() const
{
    return d->hasPeer() ? d->peer.port : quint16(0);
}

/*!
    Returns the address of the peer; null when not connected. It is there until the slots of
    disconnected() have been called.
*/
QHostAddress KcpSocket::peerAddress() const
{
    return d->hasPeer() ? kcpToHostAddress(d->peer) : QHostAddress();
}

/*!
    Returns the name or address that was given to connectToHost(); empty for accepted sockets.
*/
QString KcpSocket::peerName() const
{
    return d->extra ? d->extra->peerName : QString();
}

/*!
    Returns KCP's conversation id, which is the same at both ends; 0 while it is not known.
*/
quint32 KcpSocket::conversationId() const
{
    if (const kcpnet::Session *session = d->session())
        return session->conversation();
    return d->extra ? d->extra->conversationId : 0;
}

/*!
    Sets the conversation id of the next connection with the PlainKcp profile to \a id; with 0 a random
    one is taken. Native connections get theirs from the server. Returns \c false when the socket is
    connecting or connected.
*/
bool KcpSocket::setConversationId(quint32 id)
{
    if (!d->isEnded()) {
        qCWarning(lcKcp, "KcpSocket::setConversationId(%u) is possible before connecting only", id);
        return false;
    }
    d->rare().conversationId = id;
    return true;
}

/*!
    Returns the configuration of the socket. The default is KcpConfiguration::Adaptive; an accepted
    socket has its server's.
*/
KcpConfiguration KcpSocket::configuration() const
{
    return d->configuration;
}

/*!
    Sets the configuration to \a configuration. While connected, noDelay, interval, fastResend,
    congestionControl, minimumRto, deadLink, ackNoDelay and the times change at once, the rest with the
    next connection; then a change of mode or profile is refused with a warning.

    Returns \c true when the configuration was taken, \c false when it was refused and the old one
    stays.
*/
bool KcpSocket::setConfiguration(const KcpConfiguration &configuration)
{
    if (!d->isEnded()
        && (configuration.mode() != d->configuration.mode()
            || configuration.profile() != d->configuration.profile())) {
        qCWarning(lcKcp,
                  "KcpSocket::setConfiguration(): mode and profile cannot change while "
                  "connecting or connected");
        return false;
    }
    d->configuration = configuration;
    d->applyLiveConfiguration();
    return true;
}

#include "moc_kcpsocket.cpp"
