// SPDX-License-Identifier: MIT
// Defect 18: deleting a socket in one of its own slots is a use after free. Memory that was freed
// is best seen with a sanitizer; without one the test still sees slots that run too often, and a
// server that does not go on.
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QPointer>
#include <QTest>

class tst_SocketDefects : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void defect18_deletedInItsOwnSlot_data();
    void defect18_deletedInItsOwnSlot();
};

namespace {

// An echo server; each socket is its child.
class EchoServer : public KcpServer
{
public:
    EchoServer()
    {
        connect(this, &KcpServer::newConnection, this, [this] {
            while (KcpSocket *socket = nextPendingConnection()) {
                connect(socket, &KcpSocket::readyRead, socket,
                        [socket] { socket->write(socket->readAll()); });
            }
        });
    }
};

bool echoes(quint16 port)
{
    KcpSocket socket;
    QByteArray answer;
    QObject::connect(&socket, &KcpSocket::readyRead, &socket, [&] { answer += socket.readAll(); });
    socket.connectToHost(QHostAddress::LocalHost, port);
    socket.write("still there?");
    return QTest::qWaitFor([&] { return answer == "still there?"; }, 10000);
}

} // namespace

void tst_SocketDefects::defect18_deletedInItsOwnSlot_data()
{
    QTest::addColumn<QString>("slot");
    QTest::addColumn<bool>("atTheServer");
    for (const char *slot :
         { "readyRead", "bytesWritten", "disconnected", "stateChanged", "readChannelFinished" })
        QTest::addRow("client, %s", slot) << QString::fromLatin1(slot) << false;
    QTest::newRow("client, connected") << QStringLiteral("connected") << false;
    QTest::newRow("server, readyRead") << QStringLiteral("readyRead") << true;
    QTest::newRow("server, bytesWritten") << QStringLiteral("bytesWritten") << true;
    QTest::newRow("server, disconnected") << QStringLiteral("disconnected") << true;
    QTest::newRow("server, itself in readyRead") << QStringLiteral("server") << true;
}

void tst_SocketDefects::defect18_deletedInItsOwnSlot()
{
    QFETCH(QString, slot);
    QFETCH(bool, atTheServer);
    auto *server = new EchoServer;
    QPointer<EchoServer> serverGuard(server);
    QVERIFY2(server->listen(QHostAddress::LocalHost), qPrintable(server->errorString()));

    int calls = 0;
    QPointer<KcpSocket> victim;
    const auto dieIn = [&](KcpSocket *socket) {
        victim = socket;
        const auto die = [&calls, socket] {
            ++calls;
            delete socket;
        };
        if (slot == QLatin1String("readyRead"))
            connect(socket, &KcpSocket::readyRead, this, die);
        else if (slot == QLatin1String("bytesWritten"))
            connect(socket, &KcpSocket::bytesWritten, this, die);
        else if (slot == QLatin1String("disconnected"))
            connect(socket, &KcpSocket::disconnected, this, die);
        else if (slot == QLatin1String("stateChanged"))
            connect(socket, &KcpSocket::stateChanged, this, die);
        else if (slot == QLatin1String("readChannelFinished"))
            connect(socket, &KcpSocket::readChannelFinished, this, die);
        else if (slot == QLatin1String("connected"))
            connect(socket, &KcpSocket::connected, this, die);
        else
            connect(socket, &KcpSocket::readyRead, this, [&calls, server] {
                ++calls;
                delete server; // and all its sockets with it
            });
    };

    QPointer<KcpSocket> client(new KcpSocket);
    if (atTheServer) {
        connect(server, &KcpServer::pendingConnectionAvailable, this, [&] {
            if (victim || calls > 0)
                return;
            const QList<KcpSocket *> sockets = server->findChildren<KcpSocket *>();
            QVERIFY(!sockets.isEmpty());
            dieIn(sockets.first());
        });
    } else {
        dieIn(client);
    }
    connect(client, &KcpSocket::readyRead, client, [&client] {
        if (client)
            client->readAll();
    });
    client->connectToHost(QHostAddress::LocalHost, server->serverPort());
    if (client) {
        client->write(QByteArray(100000, 'x')); // many segments each way
        const bool closes = slot == QLatin1String("disconnected")
                || slot == QLatin1String("readChannelFinished");
        if (closes) {
            QTRY_VERIFY_WITH_TIMEOUT(client->state() == QAbstractSocket::ConnectedState, 10000);
            QTRY_VERIFY_WITH_TIMEOUT(client->bytesToWrite() == 0, 10000);
            client->disconnectFromHost();
        }
    }
    QTRY_VERIFY_WITH_TIMEOUT(calls > 0, 15000);
    QVERIFY(!victim);
    for (int i = 0; i < 20; ++i)
        QCoreApplication::processEvents(); // what was queued for the dead one
    QCOMPARE(calls, 1);
    if (serverGuard) {
        QVERIFY(echoes(server->serverPort()));
        delete server;
    }
    QCOMPARE(calls, 1);
    delete client;
}

QTEST_GUILESS_MAIN(tst_SocketDefects)

#include "tst_socket_defects.moc"
