// SPDX-License-Identifier: MIT
#include "qmlkcpsocket_p.h"
#include "qmlkcpmessage_p.h"

#include <QtCore/qmetaobject.h>
#include <QtNetwork/qhostaddress.h>
#include <QtQml/qqmlinfo.h>

#include <optional>
#include <utility>

namespace {

const char *statusName(QmlKcpSocket::Status status)
{
    return QMetaEnum::fromType<QmlKcpSocket::Status>().valueToKey(status);
}

} // namespace

QmlKcpSocket::QmlKcpSocket(QObject *parent) : QObject(parent)
{
    watchProperties();
}

QmlKcpSocket::QmlKcpSocket(KcpSocket *accepted, Preset preset, QObject *parent)
    : QObject(parent), m_accepted(true), m_wasConnected(true)
{
    m_host = accepted->peerAddress().toString();
    m_port = accepted->peerPort();
    m_preset = preset;
    m_active = true;
    m_status = Open;
    watchProperties();
    accepted->setParent(this);
    adopt(accepted);
}

QmlKcpSocket::~QmlKcpSocket() = default;

KcpConfiguration QmlKcpSocket::toConfiguration(Preset preset)
{
    static_assert(int(Default) == int(KcpConfiguration::Default)
                  && int(Normal) == int(KcpConfiguration::Normal)
                  && int(Fast) == int(KcpConfiguration::Fast)
                  && int(Adaptive) == int(KcpConfiguration::Adaptive));
    KcpConfiguration configuration(static_cast<KcpConfiguration::Preset>(preset));
    configuration.setMode(KcpConfiguration::Message);
    return configuration;
}

void QmlKcpSocket::watchProperties()
{
    connect(this, &QmlKcpSocket::activeChanged, this, &QmlKcpSocket::applyActive);
    connect(this, &QmlKcpSocket::hostChanged, this, &QmlKcpSocket::applyAddress);
    connect(this, &QmlKcpSocket::portChanged, this, &QmlKcpSocket::applyAddress);
    connect(this, &QmlKcpSocket::presetChanged, this, &QmlKcpSocket::applyPreset);
}

void QmlKcpSocket::componentComplete()
{
    m_complete = true;
    if (m_active)
        scheduleOpen();
}

QmlKcpStatistics QmlKcpSocket::statistics() const
{
    return QmlKcpStatistics(m_socket ? m_socket->statistics() : m_lastStatistics);
}

// --- opening and closing ----------------------------------------------------------------------

void QmlKcpSocket::open()
{
    if (!m_active)
        m_active = true;
    else if (m_complete && (m_status == Closed || m_status == Error))
        scheduleOpen();
}

void QmlKcpSocket::applyActive()
{
    if (!m_complete)
        return;
    if (m_active)
        scheduleOpen();
    else
        closeConnection();
}

void QmlKcpSocket::applyAddress()
{
    if (m_complete && m_active)
        scheduleOpen();
}

void QmlKcpSocket::applyPreset()
{
    if (m_socket)
        m_socket->setConfiguration(toConfiguration(m_preset));
}

// Once for all properties that change in this turn of the event loop.
void QmlKcpSocket::scheduleOpen()
{
    if (m_accepted) {
        qmlWarning(this) << "A socket that was accepted by a server cannot connect anew";
        return;
    }
    const QPointer<QmlKcpSocket> alive(this);
    if (m_socket)
        end(Closed, QString());
    if (!alive || !m_active) // a handler of disconnected() has changed its mind
        return;
    m_errorString = QString();
    m_status = Connecting;
    if (!alive || std::exchange(m_openScheduled, true))
        return;
    QMetaObject::invokeMethod(this, &QmlKcpSocket::openNow, Qt::QueuedConnection);
}

void QmlKcpSocket::openNow()
{
    m_openScheduled = false;
    if (m_status != Connecting || m_socket)
        return;
    m_lastStatistics = KcpStatistics();
    if (m_host.value().isEmpty()) {
        fail(tr("Cannot connect: host is not set"));
        return;
    }
    if (m_port < 1 || m_port > 65535) {
        fail(tr("Cannot connect to port %1: the range is 1 .. 65535").arg(m_port.value()));
        return;
    }
    auto *socket = new KcpSocket(this);
    socket->setConfiguration(toConfiguration(m_preset));
    adopt(socket);
    socket->connectToHost(m_host, quint16(m_port));
}

void QmlKcpSocket::adopt(KcpSocket *socket)
{
    m_socket = socket;
    connect(socket, &KcpSocket::connected, this, &QmlKcpSocket::handleConnected);
    connect(socket, &KcpSocket::errorOccurred, this, &QmlKcpSocket::handleError);
    connect(socket, &KcpSocket::disconnected, this, &QmlKcpSocket::handleDisconnected);
    connect(socket, &KcpSocket::readyRead, this, &QmlKcpSocket::deliverMessages);
    connect(socket, &KcpSocket::datagramReceived, this, &QmlKcpSocket::handleDatagram);
    connect(socket, &KcpSocket::statisticsChanged, this, &QmlKcpSocket::statisticsChanged);
}

void QmlKcpSocket::closeConnection()
{
    if (!m_wasConnected) {
        if (m_status == Connecting)
            end(Closed, QString());
        return;
    }
    if (m_status == Closing)
        return;
    const QPointer<KcpSocket> socket = m_socket;
    m_status = Closing;
    if (socket)
        socket->disconnectFromHost();
}

// Its destructor delivers in the background what was written.
void QmlKcpSocket::releaseSocket()
{
    if (!m_socket)
        return;
    m_lastStatistics = m_socket->statistics();
    m_socket->disconnect(this);
    m_socket->deleteLater();
    m_socket = nullptr;
}

void QmlKcpSocket::fail(const QString &message)
{
    end(Error, message);
}

// After each signal this object may be gone, or busy with the next connection.
void QmlKcpSocket::end(Status status, const QString &message)
{
    const QPointer<QmlKcpSocket> alive(this);
    const bool wasConnected = std::exchange(m_wasConnected, false);
    releaseSocket();
    if (m_accepted)
        deleteLater();
    m_errorString = message;
    if (alive)
        m_status = status;
    if (alive)
        Q_EMIT statisticsChanged();
    if (alive && status == Error)
        Q_EMIT errorOccurred(message);
    if (alive && wasConnected)
        Q_EMIT disconnected();
}

// --- what the socket tells --------------------------------------------------------------------

void QmlKcpSocket::handleConnected()
{
    const QPointer<KcpSocket> socket = m_socket;
    m_wasConnected = true;
    m_status = Open;
    if (socket && socket == m_socket && m_status == Open)
        Q_EMIT connected();
}

// An attempt to connect has failed. The end of a connection is told by disconnected().
void QmlKcpSocket::handleError()
{
    if (!m_wasConnected && m_socket->state() == QAbstractSocket::UnconnectedState)
        fail(m_socket->errorString());
}

void QmlKcpSocket::handleDisconnected()
{
    switch (m_socket->closeReason()) {
    case KcpSocket::LocalClose:
        end(Closed, QString());
        return;
    case KcpSocket::RemoteClose:
        end(Closed, m_socket->errorString());
        return;
    default:
        fail(m_socket->errorString());
    }
}

void QmlKcpSocket::deliverMessages()
{
    const QPointer<QmlKcpSocket> alive(this);
    const QPointer<KcpSocket> socket = m_socket;
    // bounded by the receive window: nothing arrives while we are here
    while (alive && socket && socket == m_socket && m_status == Open) {
        bool ok = false;
        const QByteArray message = socket->readMessage(&ok);
        if (!ok)
            return;
        Q_EMIT messageReceived(toVariant(message));
    }
}

void QmlKcpSocket::handleDatagram(const QByteArray &payload)
{
    if (m_status == Open)
        Q_EMIT datagramReceived(toVariant(payload));
}

// --- messages ---------------------------------------------------------------------------------

QVariant QmlKcpSocket::toVariant(const QByteArray &bytes) const
{
    if (m_messageType == Text)
        return QString::fromUtf8(bytes);
    // QML would take an ArrayBuffer without memory for a detached one.
    QByteArray owned = bytes;
    if (owned.isEmpty())
        owned.reserve(1);
    return owned;
}

std::optional<QByteArray> QmlKcpSocket::bytesToSend(const QJSValue &value, const char *function)
{
    if (m_status != Open || !m_socket) {
        qmlWarning(this) << function << "(): the socket is not open, its status is "
                         << statusName(m_status);
        return std::nullopt;
    }
    std::optional<QByteArray> bytes = qmlKcpToBytes(value);
    if (!bytes)
        qmlWarning(this) << function << "() takes a string or an ArrayBuffer";
    return bytes;
}

bool QmlKcpSocket::sendMessage(const QJSValue &message)
{
    const std::optional<QByteArray> bytes = bytesToSend(message, "sendMessage");
    if (!bytes)
        return false;
    if (!m_socket->writeMessage(*bytes)) {
        qmlWarning(this) << "sendMessage(): " << m_socket->errorString();
        return false;
    }
    return true;
}

bool QmlKcpSocket::sendDatagram(const QJSValue &payload)
{
    const std::optional<QByteArray> bytes = bytesToSend(payload, "sendDatagram");
    if (!bytes)
        return false;
    if (!m_socket->sendDatagram(*bytes)) {
        qmlWarning(this) << "sendDatagram(): " << m_socket->errorString();
        return false;
    }
    return true;
}

#include "moc_qmlkcpsocket_p.cpp"
