// SPDX-License-Identifier: MIT
#include "echoclient.h"

#include <QtKcpNetwork/KcpStatistics>

#include <algorithm>
#include <cstdio>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

// How much may wait in the socket to be sent: the rest stays in the file until there is room.
static constexpr qint64 MaximumQueue = 1024 * 1024;
// A server that is there, but sends nothing back for so long, is no echo server.
static constexpr auto MaximumSilence = 30s;

//! [constructor]
EchoClient::EchoClient(const Options &options, std::unique_ptr<QIODevice> outgoing,
                       std::unique_ptr<QIODevice> expected, QObject *parent)
    : QObject(parent),
      m_options(options),
      m_outgoing(std::move(outgoing)),
      m_expected(std::move(expected)),
      m_total(m_outgoing->size())
{
    m_socket.setConfiguration(options.configuration);
    connect(&m_socket, &KcpSocket::connected, this, &EchoClient::handleConnected);
    connect(&m_socket, &KcpSocket::bytesWritten, this, &EchoClient::send);
    connect(&m_socket, &KcpSocket::readyRead, this, &EchoClient::receive);
    connect(&m_socket, &KcpSocket::errorOccurred, this, &EchoClient::handleError);

    m_silence.setSingleShot(true);
    m_silence.setInterval(MaximumSilence);
    connect(&m_silence, &QTimer::timeout, this, &EchoClient::handleSilence);
}

void EchoClient::start(const QString &host, quint16 port)
{
    m_socket.connectToHost(host, port);
}
//! [constructor]

void EchoClient::handleConnected()
{
    m_clock.start();
    m_silence.start();
    if (m_total == 0)
        succeed();
    else
        send();
}

//! [send]
void EchoClient::send()
{
    const bool messages = m_options.configuration.mode() == KcpConfiguration::Message;
    while (!m_done && !m_outgoing->atEnd() && m_socket.bytesToWrite() < MaximumQueue) {
        const QByteArray chunk = m_outgoing->read(m_options.chunkSize);
        if (chunk.isEmpty()) {
            fail(u"Cannot read: %1"_s.arg(m_outgoing->errorString()));
        } else if (messages ? !m_socket.writeMessage(chunk)
                            : m_socket.write(chunk) != chunk.size()) {
            fail(u"Cannot write: %1"_s.arg(m_socket.errorString()));
        }
    }
}
//! [send]

//! [receive]
void EchoClient::receive()
{
    m_silence.start();
    if (m_options.configuration.mode() == KcpConfiguration::Message) {
        while (m_socket.hasPendingMessages() && compare(m_socket.readMessage())) { }
    } else {
        while (m_socket.bytesAvailable() > 0 && compare(m_socket.read(64 * 1024))) { }
    }
    if (m_done)
        return;
    m_progress.show(m_received, m_total);
    if (m_received == m_total)
        succeed();
}

// Returns whether to go on.
bool EchoClient::compare(const QByteArray &data)
{
    const QByteArray expected = m_expected->read(data.size());
    const auto [ours, theirs] = std::mismatch(expected.begin(), expected.end(), data.begin());
    if (ours != expected.end()) {
        fail(u"What came back differs at offset %1"_s.arg(m_received + (ours - expected.begin())));
        return false;
    }
    if (expected.size() < data.size()) {
        fail(u"More than the %1 bytes that were sent came back"_s.arg(m_total));
        return false;
    }
    if (m_options.printDigest)
        m_digest.addData(data);
    m_received += data.size();
    return true;
}
//! [receive]

void EchoClient::handleError()
{
    // Once everything is back it does not matter how the connection ends.
    if (m_done)
        return;
    QString text = m_socket.errorString();
    if (m_clock.isValid()) // the connection was there
        text += u", after %1 of %2 bytes"_s.arg(m_received).arg(m_total);
    fail(text);
}

void EchoClient::handleSilence()
{
    fail(u"Nothing came back for %1 s, after %2 of %3 bytes"_s.arg(MaximumSilence.count())
                 .arg(m_received)
                 .arg(m_total));
}

//! [succeed]
void EchoClient::succeed()
{
    m_done = true;
    m_silence.stop();
    const double seconds = double(m_clock.nsecsElapsed()) / 1e9;
    const KcpStatistics statistics = m_socket.statistics();
    m_progress.clear();
    std::printf("%lld bytes there and back in %.3f s, %.1f MB/s each way, srtt %.2f ms, "
                "%llu retransmissions\n",
                m_total, seconds, double(m_total) / 1e6 / seconds,
                double(statistics.smoothedRtt().count()) / 1000.0, statistics.retransmissions());
    if (m_options.printDigest)
        std::printf("sha256 %s\n", m_digest.result().toHex().constData());
    std::printf("identical\n");

    // The socket tells the server that this is the end; disconnected() comes when it knows.
    connect(&m_socket, &KcpSocket::disconnected, this, [this] { emit finished(0); });
    m_socket.disconnectFromHost();
}
//! [succeed]

void EchoClient::fail(const QString &text)
{
    m_done = true;
    m_silence.stop();
    m_progress.clear();
    std::fflush(stdout);
    std::fprintf(stderr, "echoclient: %s\n", qPrintable(text));
    m_socket.disconnect(this);
    m_socket.abort();
    emit finished(1);
}
