// SPDX-License-Identifier: MIT
//! [server]
#include <QtCore/QCoreApplication>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);
    KcpServer server;
    QObject::connect(&server, &KcpServer::newConnection, &app, [&server] {
        while (KcpSocket *socket = server.nextPendingConnection()) {
            QObject::connect(socket, &KcpSocket::readyRead, socket,
                             [socket] { socket->write(socket->readAll()); });
            QObject::connect(socket, &KcpSocket::disconnected, socket, &QObject::deleteLater);
        }
    });
    if (!server.listen(QHostAddress::Any, app.arguments().value(1, "7788").toUShort()))
        qFatal("%s", qPrintable(server.errorString()));
    qInfo("Listening on port %d", server.serverPort());
    return app.exec();
}
//! [server]
