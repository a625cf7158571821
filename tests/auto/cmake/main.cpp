// SPDX-License-Identifier: MIT
// The program of every consumer project: it finds the headers in both forms, it links, it runs,
// and a client reaches a server in it.
#include <KcpSocket> // include/QtKcpNetwork is in the include path
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/QtKcpNetwork>
#include <QtKcpNetwork/qtkcpnetworkversion.h>

#include <QtCore/QCoreApplication>
#include <QtCore/QTimer>

#ifndef QT_KCPNETWORK_LIB
#  error the definitions of the module are missing
#endif

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);

    KcpServer server;
    if (!server.listen(QHostAddress(QHostAddress::LocalHost)))
        return 2;

    KcpSocket socket;
    QObject::connect(&socket, &KcpSocket::connected, &app, &QCoreApplication::quit);
    QTimer::singleShot(10000, &app, [] { QCoreApplication::exit(1); });
    socket.connectToHost(QHostAddress(QHostAddress::LocalHost), server.serverPort());

    qInfo("QtKcpNetwork %s on Qt %s", QTKCPNETWORK_VERSION_STR, qVersion());
    return app.exec();
}
