// SPDX-License-Identifier: MIT
#include "qmlkcpserver_p.h"

#include <QtCore/qmetaobject.h>
#include <QtCore/qpointer.h>
#include <QtNetwork/qhostaddress.h>
#include <QtQml/qqmlengine.h>

#include <optional>
#include <utility>

namespace {

// No look-up of names: it would block, or listen later than told.
std::optional<QHostAddress> addressToListenOn(const QString &host)
{
    if (host.isEmpty())
        return QHostAddress(QHostAddress::Any);
    if (host == QLatin1String("localhost"))
        return QHostAddress(QHostAddress::LocalHost);
    QHostAddress address;
    if (!address.setAddress(host))
        return std::nullopt;
    return address;
}

} // namespace

QmlKcpServer::QmlKcpServer(QObject *parent) : QObject(parent)
{
    connect(this, &QmlKcpServer::activeChanged, this, &QmlKcpServer::scheduleUpdate);
    connect(this, &QmlKcpServer::hostChanged, this, &QmlKcpServer::scheduleUpdate);
    connect(this, &QmlKcpServer::portChanged, this, &QmlKcpServer::scheduleUpdate);
    connect(this, &QmlKcpServer::presetChanged, this, &QmlKcpServer::applyPreset);
    connect(&m_server, &KcpServer::newConnection, this, &QmlKcpServer::handleConnections);
    connect(&m_server, &KcpServer::acceptError, this,
            [this] { Q_EMIT errorOccurred(m_server.errorString()); });
    connect(&m_server, &KcpServer::statisticsChanged, this, &QmlKcpServer::statisticsChanged);
    // Connections are taken at once; that more of them come in one batch is no reason to refuse any.
    m_server.setMaxPendingConnections(m_server.maxConnections());
    applyPreset();
}

QmlKcpServer::~QmlKcpServer() = default;

void QmlKcpServer::componentComplete()
{
    m_complete = true;
    if (m_active)
        scheduleUpdate();
}

void QmlKcpServer::applyPreset()
{
    m_server.setConfiguration(QmlKcpSocket::toConfiguration(m_preset));
}

// Stops now, and listens once for all properties that change in this turn of the event loop.
void QmlKcpServer::scheduleUpdate()
{
    if (!m_complete)
        return;
    const QPointer<QmlKcpServer> alive(this);
    m_server.close();
    m_serverPort = 0;
    if (alive)
        m_listening = false;
    if (alive)
        Q_EMIT statisticsChanged();
    if (!alive || !m_active || std::exchange(m_updateScheduled, true))
        return;
    QMetaObject::invokeMethod(this, &QmlKcpServer::update, Qt::QueuedConnection);
}

void QmlKcpServer::update()
{
    m_updateScheduled = false;
    if (m_active && !m_server.isListening())
        listen();
}

void QmlKcpServer::listen()
{
    const std::optional<QHostAddress> address = addressToListenOn(m_host);
    if (!address) {
        fail(tr("Cannot listen on \"%1\": it is not an IP address").arg(m_host.value()));
        return;
    }
    if (m_port < 0 || m_port > 65535) {
        fail(tr("Cannot listen on port %1: the range is 0 .. 65535").arg(m_port.value()));
        return;
    }
    if (!m_server.listen(*address, quint16(m_port))) {
        fail(m_server.errorString());
        return;
    }
    const QPointer<QmlKcpServer> alive(this);
    m_errorString = QString();
    if (alive)
        m_serverPort = m_server.serverPort();
    if (alive)
        m_listening = m_server.isListening();
}

void QmlKcpServer::fail(const QString &message)
{
    const QPointer<QmlKcpServer> alive(this);
    m_errorString = message;
    if (alive)
        Q_EMIT errorOccurred(message);
}

void QmlKcpServer::handleConnections()
{
    const QPointer<QmlKcpServer> alive(this);
    while (alive && m_server.hasPendingConnections()) {
        KcpSocket *accepted = m_server.nextPendingConnection();
        const QPointer<QmlKcpSocket> client = new QmlKcpSocket(accepted, m_preset, this);
        // its end destroys it, not the garbage collector
        QQmlEngine::setObjectOwnership(client, QQmlEngine::CppOwnership);
        Q_EMIT clientConnected(client);
        if (client)
            client->deliverMessages();
    }
}

#include "moc_qmlkcpserver_p.cpp"
