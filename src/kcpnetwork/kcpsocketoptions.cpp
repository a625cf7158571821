// SPDX-License-Identifier: MIT
// The UDP socket below: its options.
#include "kcpsocket.h"
#include "kcpsocket_p.h"
#include "kcplogging_p.h"

#include <QtCore/qvariant.h>

/*!
    Sets \a option to \a value.

    \list
    \li LowDelayOption: 1 (the default) acknowledges at once, 0 lets acknowledgements wait for data;
        the same as KcpConfiguration::setAckNoDelay().
    \li KeepAliveOption: 0 switches keepalive off; 1 sets the interval to 10 s if it was off.
    \li TypeOfServiceOption, SendBufferSizeSocketOption, ReceiveBufferSizeSocketOption: those of the UDP
        socket, which all connections of a server share. The socket must be bound, connecting or
        connected.
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
        if (isValid()) {
            d->driver->channel()->setSocketOption(option, value);
            return;
        }
        qCWarning(lcKcp,
                  "KcpSocket::setSocketOption(): option %d needs a socket that is bound, "
                  "connecting or connected",
                  int(option));
        return;
    default:
        qCWarning(lcKcp, "KcpSocket::setSocketOption(): option %d is not supported", int(option));
    }
}

/*!
    Returns the value of \a option; an invalid variant when it is not supported or there is no UDP
    socket.

    \sa setSocketOption()
*/
QVariant KcpSocket::socketOption(QAbstractSocket::SocketOption option)
{
    switch (option) {
    case QAbstractSocket::LowDelayOption:
        return d->configuration.ackNoDelay() ? 1 : 0;
    case QAbstractSocket::KeepAliveOption:
        return d->configuration.keepAliveInterval().count() > 0 ? 1 : 0;
    case QAbstractSocket::TypeOfServiceOption:
    case QAbstractSocket::SendBufferSizeSocketOption:
    case QAbstractSocket::ReceiveBufferSizeSocketOption:
        return isValid() ? d->driver->channel()->socketOption(option) : QVariant();
    default:
        return QVariant();
    }
}
