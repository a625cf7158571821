// SPDX-License-Identifier: MIT
// One thread reads, another one writes: what was written comes back from an echo server.
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpWriter>

#include <QtCore/qcoreapplication.h>
#include <QtCore/qthread.h>

#include <cstdio>
#include <memory>

static void serve(KcpServer &server)
{
    QObject::connect(&server, &KcpServer::newConnection, &server, [&server] {
        KcpSocket *peer = server.nextPendingConnection();
        QObject::connect(peer, &KcpSocket::readyRead, peer,
                         [peer] { peer->write(peer->readAll()); });
        peer->write(peer->readAll());
    });
    server.listen(QHostAddress::LocalHost);
}

int main(int argc, char **argv)
{
    QCoreApplication application(argc, argv);
    KcpServer server;
    serve(server);

    KcpSocket socket;
    qint64 received = 0;
    QObject::connect(&socket, &KcpSocket::readyRead, &socket, [&] {
        received += socket.readAll().size();
        if (received == 1000 * 4096)
            socket.disconnectFromHost();
    });
    QObject::connect(&socket, &KcpSocket::disconnected, &application, &QCoreApplication::quit);
    socket.connectToHost(QHostAddress::LocalHost, server.serverPort());

    //! [writer]
    socket.setWriteBufferLimit(1024 * 1024);
    const KcpWriter writer = socket.writer();
    const std::unique_ptr<QThread> producer(QThread::create([writer] {
        for (int i = 0; i < 1000; ++i) {
            const QByteArray block(4096, char(i)); // what takes long to make
            if (!writer.write(block)) // waits while a megabyte is under way
                return; // the connection has ended: writer.errorString()
        }
    }));
    producer->start();
    //! [writer]

    const int status = application.exec();
    producer->wait();
    std::printf("%lld bytes came back\n", static_cast<long long>(received));
    return received == 1000 * 4096 ? status : 1;
}
