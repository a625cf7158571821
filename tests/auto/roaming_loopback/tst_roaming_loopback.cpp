// SPDX-License-Identifier: MIT
// What changes under a connection, on real loopback: the client's UDP socket, the server's process,
// and the address that was asked.
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

#include <QtCore/qcoreapplication.h>
#include <QtCore/qelapsedtimer.h>
#include <QtCore/qprocess.h>
#include <QtNetwork/qudpsocket.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <chrono>
#include <cstdio>
#include <memory>

using namespace std::chrono_literals;

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

QByteArray pattern(qsizetype size, quint32 state)
{
    QByteArray bytes(size, Qt::Uninitialized);
    for (char &byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = char(state >> 24);
    }
    return bytes;
}

// A connection on loopback with both ends in hand.
struct Pair
{
    bool connect()
    {
        if (!server.listen(localHost))
            return false;
        client.connectToHost(localHost, server.serverPort());
        if (!QTest::qWaitFor([&] { return server.hasPendingConnections(); }))
            return false;
        peer.reset(server.nextPendingConnection());
        return true;
    }

    KcpServer server;
    KcpSocket client;
    std::unique_ptr<KcpSocket> peer; // the server's end
};

void echo(KcpSocket *socket)
{
    const auto answer = [socket] { socket->write(socket->readAll()); };
    QObject::connect(socket, &KcpSocket::readyRead, socket, answer);
    answer();
}

} // namespace

class tst_RoamingLoopback : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void rebindWhileDataFlows_data();
    void rebindWhileDataFlows();
    void rebindWhenIdle();
    void restartedServer_data();
    void restartedServer();
    void multiHomedServer_data();
    void multiHomedServer();
};

void tst_RoamingLoopback::rebindWhileDataFlows_data()
{
    QTest::addColumn<bool>("inSlot");
    QTest::newRow("from outside") << false;
    QTest::newRow("in readyRead") << true;
}

// Five times a new UDP socket in the middle of a transfer both ways.
void tst_RoamingLoopback::rebindWhileDataFlows()
{
    QFETCH(bool, inSlot);
    constexpr qsizetype Size = 6000000;
    constexpr int Moves = 5;
    Pair p;
    QVERIFY(p.connect());
    QSignalSpy moved(p.peer.get(), &KcpSocket::peerAddressChanged);
    QSignalSpy clientErrors(&p.client, &KcpSocket::errorOccurred);
    QSignalSpy peerErrors(p.peer.get(), &KcpSocket::errorOccurred);
    const QByteArray up = pattern(Size, 1);
    const QByteArray down = pattern(Size, 2);
    QByteArray atServer;
    QByteArray atClient;
    int moves = 0;
    const auto moveWhenDue = [&] {
        if (moves < Moves && atClient.size() > (moves + 1) * Size / (Moves + 2)) {
            const quint16 before = p.client.localPort();
            QVERIFY(p.client.rebind());
            QVERIFY(p.client.localPort() != before);
            ++moves;
        }
    };
    connect(p.peer.get(), &KcpSocket::readyRead, this, [&] { atServer += p.peer->readAll(); });
    connect(&p.client, &KcpSocket::readyRead, this, [&] {
        atClient += p.client.readAll();
        if (inSlot)
            moveWhenDue();
    });
    p.client.write(up);
    p.peer->write(down);
    while (!inSlot && moves < Moves) {
        const int before = moves;
        QTRY_VERIFY_WITH_TIMEOUT((moveWhenDue(), moves > before), 20000);
    }
    QTRY_COMPARE_WITH_TIMEOUT(atServer.size(), Size, 30000);
    QTRY_COMPARE_WITH_TIMEOUT(atClient.size(), Size, 30000);
    QCOMPARE(moves, Moves);
    QVERIFY(atServer == up);
    QVERIFY(atClient == down);
    QTRY_COMPARE(p.peer->peerPort(), p.client.localPort());
    QVERIFY(moved.count() >= 1 && moved.count() <= Moves);
    QCOMPARE(clientErrors.count() + peerErrors.count(), 0);
    QCOMPARE(p.server.connectionCount(), 1);
}

// With nothing to send the server is told all the same, and can speak first.
void tst_RoamingLoopback::rebindWhenIdle()
{
    Pair p;
    QVERIFY(p.connect());
    p.client.write("before");
    QTRY_COMPARE(p.peer->bytesAvailable(), 6);
    QSignalSpy moved(p.peer.get(), &KcpSocket::peerAddressChanged);
    for (int i = 1; i <= 3; ++i) {
        QVERIFY(p.client.rebind());
        QTRY_COMPARE(moved.count(), i);
        QCOMPARE(p.peer->peerPort(), p.client.localPort());
        p.peer->write("after");
        QTRY_COMPARE(p.client.bytesAvailable(), 5);
        p.client.readAll();
    }
}

namespace {

// A server in a process of its own, to be killed without last words. It echoes.
class ServerProcess
{
public:
    ~ServerProcess() { kill(); }

    quint16 start(quint16 port, const QString &key)
    {
        m_process.start(QCoreApplication::applicationFilePath(),
                        { QStringLiteral("--server"), QString::number(port), key });
        if (!m_process.waitForReadyRead(10000))
            return 0;
        return m_process.readLine().trimmed().toUShort();
    }

    void kill()
    {
        m_process.kill();
        m_process.waitForFinished();
    }

private:
    QProcess m_process;
};

int runServer(int argc, char **argv)
{
    const QCoreApplication application(argc, argv);
    KcpServer server;
    if (argv[3][0] != 0)
        server.setResetKey(argv[3]);
    QObject::connect(&server, &KcpServer::newConnection, &server, [&] {
        while (KcpSocket *socket = server.nextPendingConnection())
            echo(socket);
    });
    if (!server.listen(localHost, QByteArray(argv[2]).toUShort()))
        return 1;
    std::printf("%d\n", int(server.serverPort()));
    std::fflush(stdout);
    return QCoreApplication::exec();
}

} // namespace

void tst_RoamingLoopback::restartedServer_data()
{
    QTest::addColumn<QString>("key");
    QTest::newRow("the same reset key") << QStringLiteral("0123456789abcdef");
    QTest::newRow("no reset key") << QString();
}

// With the key the client hears at once that its connection is gone. Without, the new server's word
// is worth nothing, and silence ends the connection.
void tst_RoamingLoopback::restartedServer()
{
    QFETCH(QString, key);
    constexpr auto Idle = 2000ms;
    ServerProcess process;
    const quint16 port = process.start(0, key);
    QVERIFY(port != 0);
    KcpSocket client;
    KcpConfiguration configuration;
    QVERIFY(configuration.setIdleTimeout(Idle));
    QVERIFY(configuration.setKeepAliveInterval(500ms));
    QVERIFY(client.setConfiguration(configuration));
    QSignalSpy errors(&client, &KcpSocket::errorOccurred);
    QSignalSpy disconnected(&client, &KcpSocket::disconnected);
    client.connectToHost(localHost, port);
    client.write("x");
    QTRY_COMPARE(client.bytesAvailable(), 1);

    process.kill();
    QCOMPARE(process.start(port, key), port);
    QElapsedTimer clock;
    clock.start();
    client.write("anybody?");
    QTRY_COMPARE_WITH_TIMEOUT(disconnected.count(), 1, 10000);
    QCOMPARE(errors.count(), 1);
    QCOMPARE(client.state(), QAbstractSocket::UnconnectedState);
    if (key.isEmpty()) {
        QCOMPARE(client.closeReason(), KcpSocket::IdleTimeout);
        QCOMPARE(client.error(), QAbstractSocket::SocketTimeoutError);
        QVERIFY(!client.errorString().isEmpty());
    } else {
        QCOMPARE(client.closeReason(), KcpSocket::ConnectionReset);
        QCOMPARE(client.error(), QAbstractSocket::RemoteHostClosedError);
        QVERIFY2(client.errorString().contains(QLatin1String("restarted")),
                 qPrintable(client.errorString()));
    }
    // And the new server takes it in again.
    client.connectToHost(localHost, port);
    client.write("again");
    QTRY_COMPARE(client.bytesAvailable(), 5);
}

void tst_RoamingLoopback::multiHomedServer_data()
{
    QTest::addColumn<QHostAddress>("listen");
    QTest::newRow("any") << QHostAddress(QHostAddress::Any);
    QTest::newRow("any IPv4") << QHostAddress(QHostAddress::AnyIPv4);
}

// A server with several addresses answers from the one that was asked, also after its client has
// moved: a connected client hears no other.
void tst_RoamingLoopback::multiHomedServer()
{
    QFETCH(QHostAddress, listen);
    const auto canBind = [](const QHostAddress &address) { return QUdpSocket().bind(address); };
    QList<QHostAddress> addresses = { localHost };
    for (const char *more : { "127.0.0.2", "127.0.0.3", "::1" }) {
        const QHostAddress address{ QString::fromLatin1(more) };
        const bool listened = address.protocol() == QAbstractSocket::IPv4Protocol
                || listen == QHostAddress(QHostAddress::Any);
        if (listened && canBind(address))
            addresses << address;
    }
    if (addresses.size() < 2)
        QSKIP("this machine has one loopback address");
    KcpServer server;
    QVERIFY2(server.listen(listen), qPrintable(server.errorString()));
    for (const QHostAddress &address : addresses) {
        KcpSocket client;
        client.connectToHost(address, server.serverPort());
        client.write("where are you?");
        QTRY_VERIFY2(server.hasPendingConnections(), qPrintable(address.toString()));
        const std::unique_ptr<KcpSocket> peer(server.nextPendingConnection());
        QCOMPARE(peer->localAddress(), address);
        QCOMPARE(client.peerAddress(), address);
        echo(peer.get());
        QTRY_COMPARE(client.bytesAvailable(), 14);
        QSignalSpy moved(peer.get(), &KcpSocket::peerAddressChanged);
        QVERIFY(client.rebind());
        client.write("and now?");
        QTRY_COMPARE(client.bytesAvailable(), 22);
        QTRY_COMPARE(moved.count(), 1);
        QCOMPARE(peer->localAddress(), address);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && qstrcmp(argv[1], "--server") == 0)
        return runServer(argc, argv);
    QCoreApplication application(argc, argv);
    tst_RoamingLoopback test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_roaming_loopback.moc"
