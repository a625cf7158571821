// SPDX-License-Identifier: MIT
#include "cpppeer.h"

#include <QtKcpNetwork/KcpConfiguration>

#include <QtCore/qmetaobject.h>
#include <QtNetwork/qhostaddress.h>

CppPeer::CppPeer(QObject *parent) : QObject(parent)
{
    KcpConfiguration configuration;
    configuration.setMode(KcpConfiguration::Message);
    m_server.setConfiguration(configuration);
    m_server.listen(QHostAddress::LocalHost);
    connect(&m_server, &KcpServer::newConnection, this, [this] {
        m_connection = m_server.nextPendingConnection();
        ++m_connectionCount;
        connect(m_connection, &KcpSocket::readyRead, this, [this] {
            bool ok = true;
            while (true) {
                const QByteArray message = m_connection->readMessage(&ok);
                if (!ok)
                    return;
                m_received = message;
                Q_EMIT receivedChanged();
            }
        });
        Q_EMIT connectionCountChanged();
    });
}

void CppPeer::send(const QString &hex)
{
    m_connection->writeMessage(QByteArray::fromHex(hex.toLatin1()));
}

void CppPeer::closeConnection(int code, const QString &text)
{
    m_connection->disconnectFromHost(quint32(code), text);
}

void CppPeer::abortConnection()
{
    m_connection->abort();
}

void CppPeer::deleteInSignal(QObject *object, const QString &signal)
{
    const QMetaObject *meta = object->metaObject();
    for (int i = 0; i < meta->methodCount(); ++i) {
        if (meta->method(i).name() == signal.toLatin1()) {
            const int slot = metaObject()->indexOfSlot("deleteSender()");
            QMetaObject::connect(object, i, this, slot, Qt::DirectConnection);
            return;
        }
    }
    qFatal("there is no signal %s", qPrintable(signal));
}

void CppPeer::deleteSender()
{
    delete sender();
    Q_EMIT deleted();
}

int CppPeer::freePort()
{
    QUdpSocket socket;
    socket.bind(QHostAddress::LocalHost);
    return socket.localPort();
}

int CppPeer::silentPort()
{
    m_silent.bind(QHostAddress::LocalHost);
    return m_silent.localPort();
}

#include "moc_cpppeer.cpp"
