// SPDX-License-Identifier: MIT
#include "server/hostedserver.h"

#include "server/chatserver.h"

HostedServer::HostedServer(QObject *parent) : QObject(parent) { }

HostedServer::~HostedServer()
{
    stop();
}

bool HostedServer::start(quint16 port)
{
    stop();
    m_server = new ChatServer;
    m_server->moveToThread(&m_thread);
    connect(&m_thread, &QThread::finished, m_server, &QObject::deleteLater);
    connect(m_server, &ChatServer::finished, &m_thread, &QThread::quit,
            Qt::DirectConnection); // our own thread waits in stop()
    m_thread.start();

    bool listens = false;
    QMetaObject::invokeMethod(
            m_server,
            [&] {
                listens = m_server->listen(QHostAddress(QHostAddress::Any), port);
                m_port = m_server->port();
                m_errorString = m_server->errorString();
            },
            Qt::BlockingQueuedConnection);
    if (!listens)
        stop();
    return listens;
}

void HostedServer::stop()
{
    if (!m_server)
        return;
    QMetaObject::invokeMethod(m_server, &ChatServer::finish);
    m_thread.wait();
    m_server = nullptr;
    m_port = 0;
}
