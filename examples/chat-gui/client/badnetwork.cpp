// SPDX-License-Identifier: MIT
#include "client/badnetwork.h"

#include <QtCore/QVariant>

using std::chrono::steady_clock;

// Two sessions, and those that they have just replaced.
static constexpr int MaximumClients = 8;
// What a slow network would keep in its own queues; what is more is lost.
static constexpr int MaximumDelayed = 8192;
static constexpr int MaximumReadsPerTurn = 256;
static constexpr int MaximumDatagramSize = 65535;
static constexpr int SocketBufferSize = 2 * 1024 * 1024;

BadNetwork::BadNetwork(QObject *parent)
    : QObject(parent),
      m_random(QRandomGenerator::securelySeeded()),
      m_buffer(MaximumDatagramSize, Qt::Uninitialized)
{
    m_timer.setSingleShot(true);
    m_timer.setTimerType(Qt::PreciseTimer);
    connect(&m_timer, &QTimer::timeout, this, &BadNetwork::sendDue);
    connect(&m_local, &QUdpSocket::readyRead, this, &BadNetwork::readLocal);
}

bool BadNetwork::start(const QHostAddress &host, quint16 port)
{
    m_host = host;
    m_port = port;
    if (m_local.state() == QAbstractSocket::BoundState)
        return true;
    if (!m_local.bind(QHostAddress(QHostAddress::LocalHost), 0))
        return false;
    m_local.setSocketOption(QAbstractSocket::ReceiveBufferSizeSocketOption, SocketBufferSize);
    return true;
}

//! [outgoing]
void BadNetwork::readLocal()
{
    for (int i = 0; i < MaximumReadsPerTurn; ++i) {
        quint16 client = 0;
        const qint64 size =
                m_local.readDatagram(m_buffer.data(), m_buffer.size(), nullptr, &client);
        if (size < 0)
            break;
        const QByteArray datagram(m_buffer.constData(), size);
        if (m_random.bounded(100.0) < m_loss || m_delayed.size() >= MaximumDelayed)
            ++m_lost;
        else if (m_delay.count() == 0 && m_delayed.isEmpty())
            send(client, datagram);
        else
            m_delayed.enqueue({ steady_clock::now() + m_delay, client, datagram });
    }
    sendDue();
}
//! [outgoing]

void BadNetwork::sendDue()
{
    const auto now = steady_clock::now();
    // In the order of arrival also while the delay becomes smaller: nothing overtakes.
    while (!m_delayed.isEmpty() && m_delayed.head().due <= now) {
        const Delayed next = m_delayed.dequeue();
        send(next.client, next.datagram);
    }
    if (!m_delayed.isEmpty()) {
        const auto left = m_delayed.head().due - now;
        m_timer.start(std::chrono::ceil<std::chrono::milliseconds>(left));
    }
}

void BadNetwork::send(quint16 client, const QByteArray &datagram)
{
    if (QUdpSocket *socket = outgoing(client))
        socket->writeDatagram(datagram, m_host, m_port);
}

void BadNetwork::readHost(QUdpSocket *socket, quint16 client)
{
    for (int i = 0; i < MaximumReadsPerTurn; ++i) {
        QHostAddress from;
        quint16 port = 0;
        const qint64 size = socket->readDatagram(m_buffer.data(), m_buffer.size(), &from, &port);
        if (size < 0)
            return;
        if (port == m_port && from.isEqual(m_host))
            m_local.writeDatagram(m_buffer.constData(), size, m_local.localAddress(), client);
    }
}

QUdpSocket *BadNetwork::outgoing(quint16 client)
{
    if (QUdpSocket *known = m_outgoing.value(client))
        return known;
    if (m_clients.size() >= MaximumClients)
        delete m_outgoing.take(m_clients.dequeue());
    auto *socket = new QUdpSocket(this);
    const bool ipv6 = m_host.protocol() == QAbstractSocket::IPv6Protocol;
    if (!socket->bind(QHostAddress(ipv6 ? QHostAddress::AnyIPv6 : QHostAddress::AnyIPv4), 0)) {
        delete socket;
        return nullptr;
    }
    socket->setSocketOption(QAbstractSocket::ReceiveBufferSizeSocketOption, SocketBufferSize);
    connect(socket, &QUdpSocket::readyRead, this,
            [this, socket, client] { readHost(socket, client); });
    m_outgoing.insert(client, socket);
    m_clients.enqueue(client);
    return socket;
}
