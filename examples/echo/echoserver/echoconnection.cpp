// SPDX-License-Identifier: MIT
#include "echoconnection.h"
#include "echoserver.h"

#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpSocket>

#include <cstdio>

// How much may wait to be sent, and as much to be read: what one connection costs at most.
static constexpr qint64 MaximumQueue = 1024 * 1024;

//! [constructor]
EchoConnection::EchoConnection(KcpSocket *socket)
    : QObject(socket),
      m_socket(socket),
      m_name(endpointName(socket->peerAddress(), socket->peerPort()))
{
    std::printf("%s connected\n", qPrintable(m_name));

    socket->setReadBufferSize(MaximumQueue);
    const bool messages = socket->configuration().mode() == KcpConfiguration::Message;
    const auto work = messages ? &EchoConnection::echoMessages : &EchoConnection::echo;
    connect(socket, &KcpSocket::readyRead, this, work);
    connect(socket, &KcpSocket::bytesWritten, this, work);
    connect(socket, &KcpSocket::disconnected, this, &EchoConnection::logEnd);
    (this->*work)(); // what came together with the connection
}
//! [constructor]

//! [echo]
void EchoConnection::echo()
{
    while (m_socket->bytesAvailable() > 0) {
        const qint64 room = MaximumQueue - m_socket->bytesToWrite();
        if (room <= 0)
            return; // bytesWritten() comes back here
        const QByteArray data = m_socket->read(qMin<qint64>(room, 64 * 1024));
        if (m_socket->write(data) != data.size())
            return; // the connection is closing: nobody waits for the rest
        m_echoed += data.size();
    }
}
//! [echo]

//! [messages]
void EchoConnection::echoMessages()
{
    while (m_socket->hasPendingMessages() && m_socket->bytesToWrite() < MaximumQueue) {
        const QByteArray message = m_socket->readMessage();
        if (!m_socket->writeMessage(message))
            return;
        m_echoed += message.size();
    }
}
//! [messages]

void EchoConnection::logEnd()
{
    std::printf("%s closed after %lld bytes\n", qPrintable(m_name), m_echoed);
    m_socket->deleteLater();
}
