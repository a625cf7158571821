// SPDX-License-Identifier: MIT
#include "qtpeer.h"

#include <QtNetwork/qnetworkproxy.h>
#include <QtNetwork/qtcpserver.h>
#include <QtNetwork/qtcpsocket.h>

int tcpMain(const Options &options)
{
    QtPeer<QTcpSocket> peer(options);
    QTcpServer server;
    QTcpSocket client;
    if (options.role == Role::Sink || options.role == Role::EchoServer) {
        answerHeapRequests(&server);
        server.setProxy(QNetworkProxy::NoProxy);
        server.setListenBacklogSize(4096);
        QObject::connect(&server, &QTcpServer::newConnection, &peer, [&] {
            while (QTcpSocket *socket = server.nextPendingConnection()) {
                socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
                peer.addConnection(socket);
            }
        });
        if (!server.listen(QHostAddress::LocalHost))
            return 1;
        announce(server.serverPort());
    } else {
        client.setProxy(QNetworkProxy::NoProxy);
        QObject::connect(&client, &QTcpSocket::errorOccurred, &peer,
                         [&] { peer.failWith(&client); });
        QObject::connect(&client, &QTcpSocket::connected, &peer, [&] {
            client.setSocketOption(QAbstractSocket::LowDelayOption, 1);
            peer.startClient(&client);
        });
        client.connectToHost(QHostAddress(QHostAddress::LocalHost), options.port);
    }
    return QCoreApplication::exec();
}
