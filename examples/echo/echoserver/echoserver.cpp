// SPDX-License-Identifier: MIT
#include "echoserver.h"
#include "echoconnection.h"

#include <QtKcpNetwork/KcpSocket>

using namespace Qt::StringLiterals;

QString endpointName(const QHostAddress &address, quint16 port)
{
    const bool ipv6 = address.protocol() == QAbstractSocket::IPv6Protocol;
    return (ipv6 ? u"[%1]:%2"_s : u"%1:%2"_s).arg(address.toString()).arg(port);
}

//! [constructor]
EchoServer::EchoServer(const KcpConfiguration &configuration, QObject *parent) : QObject(parent)
{
    m_server.setConfiguration(configuration);
    if (configuration.profile() == KcpConfiguration::PlainKcp)
        m_server.setAcceptedProfiles(KcpConfiguration::PlainKcp);
    connect(&m_server, &KcpServer::newConnection, this, &EchoServer::acceptConnections);
}
//! [constructor]

bool EchoServer::listen(const QHostAddress &address, quint16 port)
{
    return m_server.listen(address, port);
}

QString EchoServer::name() const
{
    return endpointName(m_server.serverAddress(), m_server.serverPort());
}

QString EchoServer::errorString() const
{
    return m_server.errorString();
}

//! [accept]
void EchoServer::acceptConnections()
{
    while (KcpSocket *socket = m_server.nextPendingConnection()) {
        ++m_connections;
        connect(socket, &KcpSocket::disconnected, this, &EchoServer::countDown);
        new EchoConnection(socket);
    }
}
//! [accept]

//! [finish]
void EchoServer::finish()
{
    if (m_finishing)
        return;
    m_finishing = true;
    m_server.close();
    if (m_connections == 0) {
        emit finished();
        return;
    }
    // Each says goodbye when its client has what was sent, at the latest after lingerTime().
    const auto sockets = m_server.findChildren<KcpSocket *>(Qt::FindDirectChildrenOnly);
    for (KcpSocket *socket : sockets)
        socket->disconnectFromHost();
}
//! [finish]

void EchoServer::countDown()
{
    --m_connections;
    if (m_finishing && m_connections == 0)
        emit finished();
}
