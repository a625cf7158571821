// SPDX-License-Identifier: MIT
#include "lossyrelay.h"

#include <QtCore/QVariant>

using namespace std::chrono_literals;

namespace {

constexpr int MaximumDatagramSize = 65535;
// More clients than any test has: a loop that opens sockets for strangers needs an end.
constexpr std::size_t MaximumClients = 256;
// Datagrams read before the other sockets have their turn; the notifier comes back for the rest.
constexpr int MaximumReadsPerTurn = 256;
// What a burst of a large window needs; the kernel grants less where it must.
constexpr int SocketBufferSize = 4 * 1024 * 1024;

// Written out because std::bernoulli_distribution draws differently in each standard library.
bool happens(std::mt19937 &random, double percent)
{
    return percent > 0 && double(random()) < percent / 100 * 4294967296.0;
}

void enlargeBuffers(QUdpSocket *socket)
{
    socket->setSocketOption(QAbstractSocket::ReceiveBufferSizeSocketOption, SocketBufferSize);
    socket->setSocketOption(QAbstractSocket::SendBufferSizeSocketOption, SocketBufferSize);
}

} // namespace

LossyRelay::LossyRelay(const Options &options, QObject *parent)
    : QObject(parent),
      m_options(options),
      m_toServer(options.seed),
      m_toClient(~options.seed),
      m_buffer(MaximumDatagramSize, Qt::Uninitialized)
{
    m_timer.setSingleShot(true);
    m_timer.setTimerType(Qt::PreciseTimer);
    connect(&m_timer, &QTimer::timeout, this, &LossyRelay::sendDue);
    connect(&m_listener, &QUdpSocket::readyRead, this, &LossyRelay::readListener);
}

bool LossyRelay::listen()
{
    const bool ipv6 = m_options.serverAddress.protocol() == QAbstractSocket::IPv6Protocol;
    const auto loopback = ipv6 ? QHostAddress::LocalHostIPv6 : QHostAddress::LocalHost;
    if (!m_listener.bind(QHostAddress(loopback), m_options.port)) {
        m_errorString = m_listener.errorString();
        return false;
    }
    enlargeBuffers(&m_listener);
    if (m_options.pcapFile.isEmpty())
        return true;
    if (ipv6) {
        m_errorString = QStringLiteral("captures hold IPv4 only");
        return false;
    }
    if (!m_pcap.open(m_options.pcapFile)) {
        m_errorString = m_pcap.errorString();
        return false;
    }
    return true;
}

void LossyRelay::readListener()
{
    for (int i = 0; i < MaximumReadsPerTurn; ++i) {
        Client client;
        const qint64 size = m_listener.readDatagram(m_buffer.data(), m_buffer.size(), &client.first,
                                                    &client.second);
        if (size < 0)
            return;
        if (m_pcap.isOpen()) {
            m_pcap.write({ client.first, client.second },
                         { m_options.serverAddress, m_options.serverPort }, m_buffer.first(size));
        }
        if (QUdpSocket *upstream = upstreamOf(client)) {
            relay(m_toServer,
                  { upstream, m_options.serverAddress, m_options.serverPort,
                    m_buffer.first(size) });
        }
    }
}

void LossyRelay::readUpstream(QUdpSocket *upstream, const Client &client)
{
    for (int i = 0; i < MaximumReadsPerTurn; ++i) {
        const qint64 size = upstream->readDatagram(m_buffer.data(), m_buffer.size());
        if (size < 0)
            return;
        if (m_pcap.isOpen()) {
            m_pcap.write({ m_options.serverAddress, m_options.serverPort },
                         { client.first, client.second }, m_buffer.first(size));
        }
        relay(m_toClient, { &m_listener, client.first, client.second, m_buffer.first(size) });
    }
}

QUdpSocket *LossyRelay::upstreamOf(const Client &client)
{
    const auto key = std::pair(client.first.toString(), client.second);
    if (const auto it = m_upstreams.find(key); it != m_upstreams.end())
        return it->second.get();
    if (m_upstreams.size() >= MaximumClients)
        return nullptr;

    auto upstream = std::make_unique<QUdpSocket>();
    if (!upstream->bind(m_listener.localAddress(), 0))
        return nullptr;
    enlargeBuffers(upstream.get());
    connect(upstream.get(), &QUdpSocket::readyRead, this,
            [this, socket = upstream.get(), client] { readUpstream(socket, client); });
    return m_upstreams.emplace(key, std::move(upstream)).first->second.get();
}

void LossyRelay::relay(std::mt19937 &random, const Transmit &transmit)
{
    ++m_counters.received;
    if (happens(random, m_options.loss)) {
        ++m_counters.lost;
        return;
    }
    int copies = 1;
    if (happens(random, m_options.duplicate)) {
        ++m_counters.duplicated;
        copies = 2;
    }
    for (int i = 0; i < copies; ++i) {
        auto delay = m_options.delay;
        if (happens(random, m_options.reorder)) {
            ++m_counters.reordered;
            delay += 1ms + std::chrono::milliseconds(random() % 10);
        }
        if (delay > 0ms)
            sendAt(Clock::now() + delay, transmit);
        else
            send(transmit);
    }
}

void LossyRelay::sendAt(Clock::time_point due, const Transmit &transmit)
{
    m_delayed.emplace(due, transmit);
    if (!m_timer.isActive() || m_delayed.begin()->first == due)
        sendDue();
}

void LossyRelay::send(const Transmit &transmit)
{
    // A datagram that the kernel does not take is one more that is lost.
    if (transmit.socket->writeDatagram(transmit.datagram, transmit.address, transmit.port) >= 0)
        ++m_counters.sent;
}

void LossyRelay::sendDue()
{
    const auto now = Clock::now();
    while (!m_delayed.empty() && m_delayed.begin()->first <= now) {
        send(m_delayed.begin()->second);
        m_delayed.erase(m_delayed.begin());
    }
    if (!m_delayed.empty())
        m_timer.start(std::chrono::ceil<std::chrono::milliseconds>(m_delayed.begin()->first - now));
}
