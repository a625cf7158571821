// SPDX-License-Identifier: MIT
#include <QtCore/QCoreApplication>
#include <QtCore/QTimer>
#include <QtKcpNetwork/KcpSocket>

using namespace std::chrono_literals;

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);
    const QString host = app.arguments().value(1, QStringLiteral("localhost"));
    const quint16 port = app.arguments().value(2).toUShort();

    auto *socket = new KcpSocket(&app);
    //! [reconnect]
    QObject::connect(
            socket, &KcpSocket::stateChanged, socket, [=](QAbstractSocket::SocketState state) {
                if (state == QAbstractSocket::UnconnectedState)
                    QTimer::singleShot(1s, socket, [=] { socket->connectToHost(host, port); });
            });
    //! [reconnect]
    socket->connectToHost(host, port);
    return app.exec();
}
