// SPDX-License-Identifier: MIT
#include "kcpaddressconversion_p.h"

#include <QtNetwork/qnetworkinterface.h>

#include <algorithm>

kcpnet::Address kcpToAddress(const QHostAddress &address, quint16 port)
{
    bool isIPv4 = false;
    const quint32 ipv4 = address.toIPv4Address(&isIPv4); // true for mapped addresses as well
    if (isIPv4 && address.protocol() != QAbstractSocket::AnyIPProtocol)
        return kcpnet::Address::fromIPv4(ipv4, port);

    kcpnet::Address result;
    result.port = port;
    const Q_IPV6ADDR ipv6 = address.toIPv6Address();
    std::copy_n(ipv6.c, result.ip.size(), result.ip.begin());
    const QString scope = address.scopeId();
    if (!scope.isEmpty()) {
        bool isNumber = false;
        result.scope = scope.toUInt(&isNumber);
        if (!isNumber)
            result.scope = quint32(QNetworkInterface::interfaceIndexFromName(scope));
    }
    return result;
}

QHostAddress kcpToHostAddress(const kcpnet::Address &address)
{
    if (address.isNull())
        return QHostAddress();
    const quint8 *ip = address.ip.data();
    if (address.isIPv4()) {
        return QHostAddress(quint32(ip[12]) << 24 | quint32(ip[13]) << 16 | quint32(ip[14]) << 8
                            | quint32(ip[15]));
    }
    QHostAddress result(ip);
    if (address.scope != 0)
        result.setScopeId(QString::number(address.scope));
    return result;
}
