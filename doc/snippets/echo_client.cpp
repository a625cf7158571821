// SPDX-License-Identifier: MIT
//! [client]
#include <QtCore/QCoreApplication>
#include <QtKcpNetwork/KcpSocket>

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);
    KcpSocket socket;
    QObject::connect(&socket, &KcpSocket::connected, [&] { socket.write("Hello, KCP\n"); });
    QObject::connect(&socket, &KcpSocket::readyRead, [&] {
        if (!socket.canReadLine())
            return;
        qInfo("%s", socket.readLine().trimmed().constData());
        socket.disconnectFromHost();
    });
    QObject::connect(&socket, &KcpSocket::disconnected, &app, &QCoreApplication::quit);
    QObject::connect(&socket, &KcpSocket::errorOccurred, &app, [&] {
        qWarning("%s", qPrintable(socket.errorString()));
        app.exit(1);
    });
    socket.connectToHost("localhost", app.arguments().value(1, "7788").toUShort());
    return app.exec();
}
//! [client]
