// SPDX-License-Identifier: MIT
#include "echoprocess.h"
#include "loadbalancerconfiguration.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QSocketNotifier>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <cstdio>
#include <unistd.h>

namespace {

constexpr int StartTime = 20000; // ms

void answer(KcpSocket *socket, const QByteArray &name)
{
    while (socket->canReadLine()) {
        socket->readLine();
        socket->write(name + ' ' + QByteArray::number(socket->peerPort()) + '\n');
    }
}

void takeConnections(KcpServer *server, const QByteArray &name)
{
    while (KcpSocket *socket = server->nextPendingConnection()) {
        QObject::connect(socket, &KcpSocket::readyRead, socket,
                         [socket, name] { answer(socket, name); });
        QObject::connect(socket, &KcpSocket::disconnected, socket, &QObject::deleteLater);
        answer(socket, name);
    }
}

// Ends when the last connection has.
void endConnections(KcpServer *server)
{
    server->close();
    const auto sockets = server->findChildren<KcpSocket *>();
    if (sockets.isEmpty())
        QCoreApplication::quit();
    for (KcpSocket *socket : sockets) {
        QObject::connect(socket, &QObject::destroyed, server, [server] {
            if (server->findChildren<KcpSocket *>().isEmpty())
                QCoreApplication::quit();
        });
        socket->disconnectFromHost();
    }
}

} // namespace

int runServer(const QString &name)
{
    KcpServer server;
    server.setConfiguration(loadBalancerConfiguration());
    QObject::connect(&server, &KcpServer::newConnection, &server,
                     [&] { takeConnections(&server, name.toUtf8()); });
    if (!server.listen(QHostAddress::LocalHost))
        return 1;

    QSocketNotifier input(STDIN_FILENO, QSocketNotifier::Read);
    QObject::connect(&input, &QSocketNotifier::activated, &server, [&] {
        input.setEnabled(false); // nobody writes: this is the end
        endConnections(&server);
    });
    std::printf("%u\n", uint(server.serverPort()));
    std::fflush(stdout);
    return QCoreApplication::exec();
}

EchoProcess::EchoProcess(const QString &name) : m_name(name)
{
    m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
}

EchoProcess::~EchoProcess()
{
    kill();
}

bool EchoProcess::start()
{
    m_process.start(QCoreApplication::applicationFilePath(),
                    { QStringLiteral("--server"), m_name });
    while (!m_process.canReadLine()) {
        if (!m_process.waitForReadyRead(StartTime))
            return false;
    }
    m_port = m_process.readLine().trimmed().toUShort();
    return m_port != 0;
}

void EchoProcess::shutDown()
{
    m_process.closeWriteChannel();
}

void EchoProcess::kill()
{
    if (m_process.state() == QProcess::NotRunning)
        return;
    m_process.kill();
    m_process.waitForFinished();
}
