// SPDX-License-Identifier: MIT
// A SOCKS5 proxy on loopback that knows UDP ASSOCIATE alone (RFC 1928, section 7), for IPv4.
#ifndef SOCKS5RELAY_H
#define SOCKS5RELAY_H

#include <QtCore/qpointer.h>
#include <QtNetwork/qnetworkdatagram.h>
#include <QtNetwork/qnetworkproxy.h>
#include <QtNetwork/qtcpserver.h>
#include <QtNetwork/qtcpsocket.h>
#include <QtNetwork/qudpsocket.h>

#include <memory>

// One association lives as long as its TCP connection.
class Socks5Association : public QObject
{
public:
    Socks5Association(QTcpSocket *control, int *relayed)
        : QObject(control), m_control(control), m_relayed(relayed)
    {
        connect(control, &QTcpSocket::readyRead, this, [this] { readControl(); });
        connect(control, &QTcpSocket::disconnected, control, &QObject::deleteLater);
        connect(&m_inside, &QUdpSocket::readyRead, this, [this] { fromInside(); });
        connect(&m_outside, &QUdpSocket::readyRead, this, [this] { fromOutside(); });
    }

private:
    void readControl()
    {
        m_request += m_control->readAll();
        if (!m_greeted) {
            if (m_request.size() < 2 || m_request.size() < 2 + m_request.at(1))
                return;
            m_request.remove(0, 2 + m_request.at(1));
            m_greeted = true;
            m_control->write(QByteArray("\x05\x00", 2)); // no authentication
        }
        if (m_request.size() < 10)
            return;
        const bool isUdp = m_request.at(1) == 3;
        m_request.clear();
        m_inside.setProxy(QNetworkProxy::NoProxy);
        m_outside.setProxy(QNetworkProxy::NoProxy);
        if (!isUdp || !m_inside.bind(QHostAddress::LocalHost)
            || !m_outside.bind(QHostAddress::LocalHost)) {
            m_control->write(QByteArray("\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00", 10));
            m_control->disconnectFromHost();
            return;
        }
        m_control->write(QByteArray("\x05\x00\x00\x01\x7f\x00\x00\x01", 8)
                         + portBytes(m_inside.localPort()));
    }
    void fromInside()
    {
        while (m_inside.hasPendingDatagrams()) {
            const QNetworkDatagram datagram = m_inside.receiveDatagram();
            const QByteArray data = datagram.data();
            if (data.size() < 10 || data.at(3) != 1) // IPv4, not fragmented
                continue;
            m_client = quint16(datagram.senderPort());
            quint32 address = 0;
            for (int i = 4; i < 8; ++i)
                address = address << 8 | quint8(data.at(i));
            const auto port = quint16(quint8(data.at(8)) << 8 | quint8(data.at(9)));
            m_outside.writeDatagram(data.mid(10), QHostAddress(address), port);
            ++*m_relayed;
        }
    }
    void fromOutside()
    {
        while (m_outside.hasPendingDatagrams()) {
            const QNetworkDatagram datagram = m_outside.receiveDatagram();
            if (m_client == 0)
                continue;
            const quint32 ip = datagram.senderAddress().toIPv4Address();
            QByteArray header("\x00\x00\x00\x01", 4);
            for (int shift = 24; shift >= 0; shift -= 8)
                header += char(ip >> shift);
            header += portBytes(quint16(datagram.senderPort()));
            m_inside.writeDatagram(header + datagram.data(), QHostAddress::LocalHost, m_client);
            ++*m_relayed;
        }
    }
    static QByteArray portBytes(quint16 port)
    {
        const char bytes[] = { char(port >> 8), char(port) };
        return QByteArray(bytes, 2);
    }

    QTcpSocket *m_control;
    QUdpSocket m_inside; // to the client
    QUdpSocket m_outside; // to the world
    QByteArray m_request;
    int *m_relayed;
    quint16 m_client = 0;
    bool m_greeted = false;
};

class Socks5Relay : public QTcpServer
{
public:
    Socks5Relay()
    {
        setProxy(QNetworkProxy::NoProxy);
        connect(this, &QTcpServer::newConnection, this, [this] {
            while (QTcpSocket *control = nextPendingConnection()) {
                new Socks5Association(control, &relayed);
                ++associations;
            }
        });
        listen(QHostAddress::LocalHost);
    }
    QNetworkProxy proxy() const
    {
        return QNetworkProxy(QNetworkProxy::Socks5Proxy, QStringLiteral("127.0.0.1"), serverPort());
    }

    int associations = 0;
    int relayed = 0;
};

#endif // SOCKS5RELAY_H
