// SPDX-License-Identifier: MIT
// The UDP socket below: its options, its descriptor, and the proxy it goes through.
#include "kcpsocket.h"
#include "kcpsocket_p.h"
#include "kcplogging_p.h"

#include <QtCore/qvariant.h>

#include <algorithm>

// --- options ----------------------------------------------------------------------------------

/*!
    Sets \a option to \a value.

    \list
    \li LowDelayOption: 1 (the default) acknowledges at once, 0 lets acknowledgements wait for data;
        the same as KcpConfiguration::setAckNoDelay().
    \li KeepAliveOption: 0 switches keepalive off; 1 sets the interval to 10 s if it was off.
    \li TypeOfServiceOption, SendBufferSizeSocketOption, ReceiveBufferSizeSocketOption: those of the UDP
        socket, which all connections of a server share. A client keeps them for all its connections;
        they may be set before there is one.
    \li MulticastTtlOption, MulticastLoopbackOption: the same, but without effect: the datagrams of a
        connection go to one peer.
    \endlist

    Other options are ignored with a warning.
*/
void KcpSocket::setSocketOption(QAbstractSocket::SocketOption option, const QVariant &value)
{
    switch (option) {
    case QAbstractSocket::LowDelayOption:
        d->configuration.setAckNoDelay(value.toInt() != 0);
        d->applyLiveConfiguration();
        return;
    case QAbstractSocket::KeepAliveOption: {
        using namespace std::chrono_literals;
        if (value.toInt() == 0)
            d->configuration.setKeepAliveInterval(0ms);
        else if (d->configuration.keepAliveInterval() == 0ms)
            d->configuration.setKeepAliveInterval(10s);
        d->applyLiveConfiguration();
        return;
    }
    case QAbstractSocket::TypeOfServiceOption:
    case QAbstractSocket::SendBufferSizeSocketOption:
    case QAbstractSocket::ReceiveBufferSizeSocketOption:
    case QAbstractSocket::MulticastTtlOption:
    case QAbstractSocket::MulticastLoopbackOption: {
        auto &options = d->rare().options;
        std::erase_if(options, [option](const auto &held) { return held.first == option; });
        options.emplace_back(option, value);
        if (isValid())
            d->driver->setSocketOption(option, value);
        return;
    }
    default:
        qCWarning(lcKcp, "KcpSocket::setSocketOption(): option %d is not supported", int(option));
    }
}

void KcpSocketPrivate::applySocketOptions(KcpDriver *newDriver)
{
    if (!extra)
        return;
    for (const auto &[option, value] : extra->options)
        newDriver->setSocketOption(option, value);
}

/*!
    Returns the value of \a option, as the system has it while there is a UDP socket, else as it was
    set; an invalid variant when it is neither supported nor set. PathMtuSocketOption can be asked for,
    not set.

    \sa setSocketOption()
*/
QVariant KcpSocket::socketOption(QAbstractSocket::SocketOption option)
{
    switch (option) {
    case QAbstractSocket::LowDelayOption:
        return d->configuration.ackNoDelay() ? 1 : 0;
    case QAbstractSocket::KeepAliveOption:
        return d->configuration.keepAliveInterval().count() > 0 ? 1 : 0;
    default:
        break;
    }
    if (isValid())
        return d->driver->channel()->socketOption(option);
    if (d->extra) {
        for (const auto &[held, value] : d->extra->options) {
            if (held == option)
                return value;
        }
    }
    return QVariant();
}

// --- descriptor -------------------------------------------------------------------------------

/*!
    Takes over the UDP socket \a socketDescriptor, which may be bound and may be connected, and enters
    QAbstractSocket::BoundState: connectToHost() goes through it. It is closed with the connection.

    Returns \c false, and leaves the descriptor to the caller, when the socket is not in
    UnconnectedState or the descriptor is not an open UDP socket; then error() is
    UnsupportedSocketOperationError and errorString() says what it is.

    Unlike with QTcpSocket there is no connection in a descriptor, and so no state to be given.
*/
bool KcpSocket::setSocketDescriptor(qintptr socketDescriptor)
{
    if (d->state != QAbstractSocket::UnconnectedState) {
        qCWarning(lcKcp, "KcpSocket::setSocketDescriptor() is possible in UnconnectedState only");
        return false;
    }
    d->releaseSession();
    KcpDriver *driver = KcpDriver::create(this);
    const bool bound = driver->adopt(socketDescriptor, KcpUdpChannel::Use::Client);
    if (bound && driver->channel()->localPort() != 0) {
        // For the second address of a host, when the first does not answer.
        KcpSocketPrivate::Rare &rare = d->rare();
        rare.boundAddress = driver->channel()->localAddress();
        rare.boundPort = driver->channel()->localPort();
        rare.bindMode = QAbstractSocket::DefaultForPlatform;
    }
    return d->enterBound(driver, bound);
}

/*!
    Returns the descriptor of the UDP socket, which all connections of a server share; -1 when there is
    none. It may be used for options; who reads from it takes what belongs to the connection.
*/
qintptr KcpSocket::socketDescriptor() const
{
    return isValid() ? d->driver->channel()->descriptor() : -1;
}

// --- proxy ------------------------------------------------------------------------------------

bool kcpChooseProxy(const QNetworkProxy &wanted, const QString &hostName, quint16 port,
                    QNetworkProxy &chosen)
{
    chosen = QNetworkProxy::NoProxy;
    QList<QNetworkProxy> proxies;
    if (wanted.type() != QNetworkProxy::DefaultProxy) {
        proxies.append(wanted);
    } else {
        QHostAddress address;
        if (hostName == QLatin1String("localhost")
            || (address.setAddress(hostName) && address.isLoopback()))
            return true;
        proxies = QNetworkProxyFactory::proxyForQuery(
                QNetworkProxyQuery(hostName, port, QString(), QNetworkProxyQuery::UdpSocket));
    }
    for (const QNetworkProxy &proxy : std::as_const(proxies)) {
        if (proxy.type() == QNetworkProxy::NoProxy)
            return true;
        if (proxy.type() == QNetworkProxy::Socks5Proxy
            && proxy.capabilities() & QNetworkProxy::UdpTunnelingCapability) {
            chosen = proxy;
            return true;
        }
    }
    return proxies.isEmpty();
}

QString kcpUnusableProxyText()
{
    return KcpSocket::tr("The proxy does not carry UDP: only SOCKS5 proxies do");
}

bool KcpSocketPrivate::chooseProxy(const QString &hostName, quint16 port, QNetworkProxy &chosen)
{
    if (kcpChooseProxy(extra ? extra->proxy : QNetworkProxy(), hostName, port, chosen))
        return true;
    setError(QAbstractSocket::UnsupportedSocketOperationError, kcpUnusableProxyText());
    emitError();
    return false;
}

/*!
    Sets the proxy for the connections to come to \a networkProxy. With the default,
    QNetworkProxy::DefaultProxy, the application's proxy is used, see
    QNetworkProxy::setApplicationProxy() and QNetworkProxyFactory, except for hosts on this machine.

    KCP needs a proxy that carries UDP: QNetworkProxy::Socks5Proxy with UDP ASSOCIATE. With any other,
    connectToHost() and bind() fail with UnsupportedSocketOperationError. The negotiation with the
    proxy blocks for up to 5 seconds, as with QUdpSocket. A proxy that goes away is silence: the
    connection ends at its idle timeout. Names are looked up here, not by the proxy.
    localAddress() is that of the relay, and rebind() is not possible.

    \sa proxy()
*/
void KcpSocket::setProxy(const QNetworkProxy &networkProxy)
{
    d->rare().proxy = networkProxy;
}

/*!
    Returns the proxy that was set.

    \sa setProxy()
*/
QNetworkProxy KcpSocket::proxy() const
{
    return d->extra ? d->extra->proxy : QNetworkProxy();
}
