// SPDX-License-Identifier: MIT
#include "link/recordlink.h"

#include <QtCore/QPointer>

using namespace std::chrono_literals;

// Records of one session before the others have their turn.
static constexpr int MaximumRecordsPerTurn = 64;
// Unread bytes of one session; then its window closes.
static constexpr qint64 MaximumUnread = 256 * 1024;
// Bytes that one session may owe; files keep far below it.
static constexpr qint64 MaximumUnacknowledged = 4 * 1024 * 1024;

//! [configuration]
KcpConfiguration chatConfiguration()
{
    KcpConfiguration configuration(KcpConfiguration::Adaptive);
    configuration.setMode(KcpConfiguration::Message);
    configuration.setMaxMessageSize(Chat::MaxRecordSize);
    configuration.setReceiveWindow(512); // segments: what one session can make the other keep
    configuration.setSendWindow(512);
    configuration.setConnectTimeout(5s);
    configuration.setKeepAliveInterval(2s);
    configuration.setIdleTimeout(8s); // a person wants to know soon that nobody hears
    configuration.setLingerTime(3s);
    return configuration;
}
//! [configuration]

RecordLink::RecordLink(KcpSocket *socket, QObject *parent) : QObject(parent), m_socket(socket)
{
    socket->setParent(this);
    socket->setReadBufferSize(MaximumUnread);
    socket->setWriteBufferLimit(MaximumUnacknowledged);
    connect(socket, &KcpSocket::readyRead, this, &RecordLink::read);
    connect(socket, &KcpSocket::datagramReceived, this, &RecordLink::readDatagram);
    connect(socket, &KcpSocket::bytesWritten, this, &RecordLink::acknowledged);
    connect(socket, &KcpSocket::stateChanged, this, [this](QAbstractSocket::SocketState state) {
        if (state == QAbstractSocket::UnconnectedState)
            emit ended();
    });
    if (socket->hasPendingMessages()) // came before we were there
        readLater();
}

RecordLink::~RecordLink() = default;

bool RecordLink::send(const Chat::Record &record)
{
    return m_socket->writeMessage(Chat::encode(record));
}

void RecordLink::sendDatagram(const Chat::Record &record)
{
    if (m_socket->state() == QAbstractSocket::ConnectedState)
        m_socket->sendDatagram(Chat::encode(record));
}

qint64 RecordLink::queuedBytes() const
{
    return m_socket->bytesToWrite() + m_socket->bytesUnacknowledged();
}

void RecordLink::setPaused(bool paused)
{
    m_paused = paused;
    if (!paused)
        readLater();
}

void RecordLink::close(Chat::Reason reason, const QString &text)
{
    if (m_closing)
        return;
    m_closing = true;
    m_socket->disconnectFromHost(quint32(reason), text);
}

void RecordLink::abort()
{
    m_closing = true;
    m_socket->abort();
}

//! [read]
void RecordLink::read()
{
    const QPointer<RecordLink> alive(this); // a slot may delete us
    for (int i = 0; i < MaximumRecordsPerTurn; ++i) {
        if (m_paused || m_closing || !m_socket->hasPendingMessages())
            return;
        const auto record = Chat::decode(m_socket->readMessage());
        if (!record) {
            emit malformed();
            return;
        }
        emit received(*record);
        if (!alive)
            return;
    }
    readLater();
}
//! [read]

void RecordLink::readLater()
{
    if (std::exchange(m_scheduled, true))
        return;
    QMetaObject::invokeMethod(
            this,
            [this] {
                m_scheduled = false;
                read();
            },
            Qt::QueuedConnection);
}

void RecordLink::readDatagram(const QByteArray &payload)
{
    if (m_closing)
        return;
    if (const auto record = Chat::decode(payload)) // who forges a datagram must not end a session
        emit datagramReceived(*record);
}
