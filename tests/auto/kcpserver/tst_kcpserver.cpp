// SPDX-License-Identifier: MIT
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

#include <QtCore/qcoreapplication.h>
#include <QtCore/qpointer.h>
#include <QtCore/qprocess.h>
#include <QtCore/qset.h>
#include <QtCore/qthread.h>
#include <QtNetwork/qudpsocket.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

using namespace std::chrono_literals;

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

bool isConnected(const KcpSocket &socket)
{
    return socket.state() == QAbstractSocket::ConnectedState;
}

} // namespace

class tst_KcpServer : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void constructing();
    void listen();
    void listenTwice();
    void addressInUse();
    void closeFreesThePort();
    void closeInSlotThenListen();
    void newConnectionSignals();
    void pendingConnections();
    void maxPendingConnections();
    void maxConnections();
    void maxConnectionsPerAddress();
    void pauseAndResume();
    void acceptedSocketsAreChildren();
    void closeDeletesPending();
    void derivedSockets();
    void keptByIncomingConnection();
    void createSocketReturnsNothing();
    void deletedInNewConnection();
    void waitForNewConnection();
    void manyConnections();
    void plainIsNotAcceptedByDefault();
    void bothProfiles();
    void statistics();
    void refusedValues();
    void restartWithResetKey();
};

void tst_KcpServer::constructing()
{
    KcpServer server;
    QVERIFY(!server.isListening());
    QCOMPARE(server.serverPort(), quint16(0));
    QVERIFY(server.serverAddress().isNull());
    QCOMPARE(server.maxPendingConnections(), 30);
    QCOMPARE(server.connectionCount(), 0);
    QVERIFY(!server.hasPendingConnections());
    QCOMPARE(server.nextPendingConnection(), nullptr);
    QCOMPARE(server.acceptedProfiles(), KcpConfiguration::Profiles(KcpConfiguration::Native));
    QCOMPARE(server.configuration(), KcpConfiguration());
    QCOMPARE(server.serverError(), QAbstractSocket::UnknownSocketError);
    QVERIFY(!server.waitForNewConnection(0));
    server.close();
}

void tst_KcpServer::listen()
{
    for (const auto special :
         { QHostAddress::LocalHost, QHostAddress::Any, QHostAddress::AnyIPv4 }) {
        KcpServer server;
        QVERIFY2(server.listen(QHostAddress(special)), qPrintable(server.errorString()));
        QVERIFY(server.isListening());
        QVERIFY(server.serverPort() != 0);
        QCOMPARE(server.serverAddress(), QHostAddress(special));
        KcpSocket client;
        client.connectToHost(localHost, server.serverPort());
        QTRY_VERIFY(isConnected(client));
        QTRY_VERIFY(server.hasPendingConnections());
        KcpSocket *peer = server.nextPendingConnection();
        QCOMPARE(peer->localAddress(), localHost);
        QCOMPARE(peer->localPort(), server.serverPort());
        QCOMPARE(peer->peerAddress(), localHost);
        QCOMPARE(peer->peerPort(), client.localPort());
        QCOMPARE(client.peerPort(), server.serverPort());
        QCOMPARE(client.localAddress(), localHost);
    }
}

void tst_KcpServer::listenTwice()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    QTest::ignoreMessage(QtWarningMsg, "KcpServer::listen() called when already listening");
    QVERIFY(!server.listen(localHost));
    QVERIFY(server.isListening());
}

void tst_KcpServer::addressInUse()
{
    KcpServer first;
    QVERIFY(first.listen(localHost));
    KcpServer second;
    QVERIFY(!second.listen(localHost, first.serverPort()));
    QCOMPARE(second.serverError(), QAbstractSocket::AddressInUseError);
    QVERIFY(!second.errorString().isEmpty());
    QVERIFY(!second.isListening());
}

void tst_KcpServer::closeFreesThePort()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    const quint16 port = server.serverPort();
    server.close();
    QUdpSocket other;
    QVERIFY(other.bind(localHost, port));
}

void tst_KcpServer::closeInSlotThenListen()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    const quint16 port = server.serverPort();
    bool again = false;
    QObject::connect(&server, &KcpServer::newConnection, &server, [&] {
        delete server.nextPendingConnection();
        server.close();
        again = server.listen(localHost, port);
    });
    KcpSocket client;
    client.connectToHost(localHost, port);
    QTRY_VERIFY(again);
    QCOMPARE(server.serverPort(), port);
}

void tst_KcpServer::newConnectionSignals()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    QStringList log;
    connect(&server, &KcpServer::newConnection, this, [&] { log << "newConnection"; });
    connect(&server, &KcpServer::pendingConnectionAvailable, this, [&] { log << "pending"; });
    KcpSocket client;
    client.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(log, QStringList({ "pending", "newConnection" }));
}

void tst_KcpServer::pendingConnections()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    KcpSocket clients[3];
    for (KcpSocket &client : clients) {
        client.connectToHost(localHost, server.serverPort());
        client.write("early");
    }
    QTRY_COMPARE(server.connectionCount(), 3);
    for (int i = 0; i < 3; ++i) {
        QTRY_VERIFY(server.hasPendingConnections());
        KcpSocket *socket = server.nextPendingConnection();
        QVERIFY(socket);
        QVERIFY(isConnected(*socket));
        QVERIFY(socket->isOpen());
        QTRY_COMPARE(socket->bytesAvailable(), 5);
    }
    QVERIFY(!server.hasPendingConnections());
    QCOMPARE(server.nextPendingConnection(), nullptr);
}

void tst_KcpServer::maxPendingConnections()
{
    KcpServer server;
    server.setMaxPendingConnections(2);
    QVERIFY(server.listen(localHost));
    KcpSocket clients[3];
    for (int i = 0; i < 2; ++i) {
        clients[i].connectToHost(localHost, server.serverPort());
        QTRY_COMPARE(server.connectionCount(), i + 1);
    }
    QSignalSpy errors(&clients[2], &KcpSocket::errorOccurred);
    clients[2].connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(errors.count(), 1);
    QCOMPARE(clients[2].error(), QAbstractSocket::ConnectionRefusedError);
    QVERIFY2(clients[2].errorString().contains("full"), qPrintable(clients[2].errorString()));
    QVERIFY(server.nextPendingConnection()); // makes room
    clients[2].connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(server.connectionCount(), 3);
}

void tst_KcpServer::maxConnections()
{
    KcpServer server;
    server.setMaxConnections(1);
    QVERIFY(server.listen(localHost));
    KcpSocket first;
    first.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(server.connectionCount(), 1);
    QVERIFY(server.nextPendingConnection());
    KcpSocket second;
    QSignalSpy errors(&second, &KcpSocket::errorOccurred);
    second.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(errors.count(), 1);
    QCOMPARE(second.error(), QAbstractSocket::ConnectionRefusedError);
    QVERIFY(second.errorString().contains("full"));
}

void tst_KcpServer::maxConnectionsPerAddress()
{
    KcpServer server;
    server.setMaxConnectionsPerAddress(1);
    QVERIFY(server.listen(localHost));
    KcpSocket first;
    first.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(server.connectionCount(), 1);
    KcpSocket second;
    QSignalSpy errors(&second, &KcpSocket::errorOccurred);
    second.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(errors.count(), 1);
    QCOMPARE(second.error(), QAbstractSocket::ConnectionRefusedError);
    QVERIFY2(second.errorString().contains("address"), qPrintable(second.errorString()));
}

void tst_KcpServer::pauseAndResume()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    server.pauseAccepting();
    KcpSocket client;
    QSignalSpy errors(&client, &KcpSocket::errorOccurred);
    client.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(errors.count(), 1);
    QCOMPARE(client.error(), QAbstractSocket::ConnectionRefusedError);
    server.resumeAccepting();
    client.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(isConnected(client));
}

void tst_KcpServer::acceptedSocketsAreChildren()
{
    auto server = std::make_unique<KcpServer>();
    QVERIFY(server->listen(localHost));
    KcpSocket clients[2];
    QPointer<KcpSocket> accepted[2];
    for (int i = 0; i < 2; ++i) {
        clients[i].connectToHost(localHost, server->serverPort());
        QTRY_VERIFY(server->hasPendingConnections());
        accepted[i] = server->nextPendingConnection();
        QCOMPARE(accepted[i]->parent(), server.get());
    }
    accepted[1]->setParent(this);
    server.reset();
    QVERIFY(!accepted[0]);
    QVERIFY(accepted[1]);
    QTRY_COMPARE(clients[0].state(), QAbstractSocket::UnconnectedState);
    clients[1].write("alive");
    QTRY_COMPARE(accepted[1]->bytesAvailable(), 5);
    delete accepted[1];
    QTRY_COMPARE(clients[1].state(), QAbstractSocket::UnconnectedState);
}

void tst_KcpServer::closeDeletesPending()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    KcpSocket client;
    client.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(server.hasPendingConnections());
    server.close();
    QVERIFY(!server.hasPendingConnections());
    QTRY_COMPARE(client.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(client.error(), QAbstractSocket::RemoteHostClosedError);
}

namespace {

class CountingSocket : public KcpSocket
{
public:
    using KcpSocket::KcpSocket;
    int tag = 7;
};

class CustomServer : public KcpServer
{
public:
    bool keep = false;
    bool refuse = false;
    std::vector<QPointer<KcpSocket>> kept;

protected:
    KcpSocket *createSocket(QObject *parent) override
    {
        return refuse ? nullptr : new CountingSocket(parent);
    }
    void incomingConnection(KcpSocket *socket) override
    {
        if (keep)
            kept.push_back(socket);
        else
            addPendingConnection(socket);
    }
};

} // namespace

void tst_KcpServer::derivedSockets()
{
    CustomServer server;
    QVERIFY(server.listen(localHost));
    KcpSocket client;
    client.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(server.hasPendingConnections());
    const auto *socket = dynamic_cast<CountingSocket *>(server.nextPendingConnection());
    QVERIFY(socket);
    QCOMPARE(socket->tag, 7);
}

void tst_KcpServer::keptByIncomingConnection()
{
    CustomServer server;
    server.keep = true;
    server.setMaxPendingConnections(1); // what is kept does not wait
    QVERIFY(server.listen(localHost));
    KcpSocket clients[3];
    for (std::size_t i = 0; i < 3; ++i) {
        clients[i].connectToHost(localHost, server.serverPort());
        QTRY_COMPARE(server.kept.size(), i + 1);
    }
    QVERIFY(!server.hasPendingConnections());
}

void tst_KcpServer::createSocketReturnsNothing()
{
    CustomServer server;
    server.refuse = true;
    QVERIFY(server.listen(localHost));
    QSignalSpy errors(&server, &KcpServer::acceptError);
    KcpSocket client;
    client.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(errors.count(), 1);
    QCOMPARE(server.serverError(), QAbstractSocket::SocketResourceError);
    QTRY_COMPARE(client.state(), QAbstractSocket::UnconnectedState);
    QTRY_COMPARE(server.connectionCount(), 0);
}

void tst_KcpServer::deletedInNewConnection()
{
    auto *server = new KcpServer;
    QVERIFY(server->listen(localHost));
    const quint16 port = server->serverPort();
    bool done = false;
    connect(server, &KcpServer::newConnection, this, [&] {
        delete server;
        done = true;
    });
    KcpSocket clients[3];
    for (KcpSocket &client : clients)
        client.connectToHost(localHost, port);
    QTRY_VERIFY(done);
    for (KcpSocket &client : clients)
        QTRY_COMPARE_WITH_TIMEOUT(client.state(), QAbstractSocket::UnconnectedState, 12000);
}

void tst_KcpServer::waitForNewConnection()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    bool timedOut = false;
    QVERIFY(!server.waitForNewConnection(5, &timedOut));
    QVERIFY(timedOut);
    QCOMPARE(server.serverError(), QAbstractSocket::SocketTimeoutError);

    // Neither side has an event loop.
    const quint16 port = server.serverPort();
    const std::unique_ptr<QThread> thread(QThread::create([port] {
        KcpSocket client;
        client.connectToHost(localHost, port);
        if (!client.waitForConnected(5000))
            return;
        client.write("hello");
        client.disconnectFromHost();
        client.waitForDisconnected(5000);
    }));
    thread->start();
    QVERIFY(server.waitForNewConnection(10000, &timedOut));
    QVERIFY(!timedOut);
    KcpSocket *socket = server.nextPendingConnection();
    QVERIFY(socket);
    while (socket->bytesAvailable() < 5)
        QVERIFY(socket->waitForReadyRead(5000));
    QCOMPARE(socket->readAll(), QByteArray("hello"));
    if (socket->state() != QAbstractSocket::UnconnectedState)
        QVERIFY(socket->waitForDisconnected(5000));
    QVERIFY(thread->wait(10000));
}

void tst_KcpServer::manyConnections()
{
    constexpr int Count = 100;
    KcpServer server;
    server.setMaxPendingConnections(Count);
    QVERIFY(server.listen(localHost));
    connect(&server, &KcpServer::newConnection, this, [&] {
        while (KcpSocket *socket = server.nextPendingConnection()) {
            const auto echo = [socket] { socket->write(socket->readAll()); };
            connect(socket, &KcpSocket::readyRead, socket, echo);
            echo();
        }
    });
    std::vector<std::unique_ptr<KcpSocket>> clients;
    for (int i = 0; i < Count; ++i) {
        clients.push_back(std::make_unique<KcpSocket>());
        clients.back()->connectToHost(localHost, server.serverPort());
        clients.back()->write("client " + QByteArray::number(i));
    }
    for (int i = 0; i < Count; ++i) {
        const QByteArray expected = "client " + QByteArray::number(i);
        KcpSocket *client = clients[std::size_t(i)].get();
        QTRY_COMPARE_WITH_TIMEOUT(client->bytesAvailable(), expected.size(), 20000);
        QCOMPARE(client->readAll(), expected);
    }
    QCOMPARE(server.connectionCount(), Count);
    clients.clear();
    for (KcpSocket *socket : server.findChildren<KcpSocket *>())
        delete socket;
    QTRY_COMPARE(server.connectionCount(), 0);
}

void tst_KcpServer::plainIsNotAcceptedByDefault()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    KcpConfiguration plain;
    plain.setProfile(KcpConfiguration::PlainKcp);
    plain.setConnectTimeout(400ms);
    KcpSocket client;
    client.setConfiguration(plain);
    QSignalSpy errors(&client, &KcpSocket::errorOccurred);
    client.connectToHost(localHost, server.serverPort());
    client.write("let me in");
    QTRY_COMPARE(errors.count(), 1);
    QCOMPARE(client.error(), QAbstractSocket::SocketTimeoutError);
    QCOMPARE(server.connectionCount(), 0);
}

void tst_KcpServer::bothProfiles()
{
    KcpServer server;
    server.setAcceptedProfiles(KcpConfiguration::Native | KcpConfiguration::PlainKcp);
    QVERIFY(server.listen(localHost));
    KcpSocket native;
    native.connectToHost(localHost, server.serverPort());
    native.write("native");
    KcpSocket plain;
    KcpConfiguration configuration;
    configuration.setProfile(KcpConfiguration::PlainKcp);
    plain.setConfiguration(configuration);
    QVERIFY(plain.setConversationId(4711));
    plain.connectToHost(localHost, server.serverPort());
    plain.write("plain!");
    QSet<QByteArray> received;
    for (int i = 0; i < 2; ++i) {
        QTRY_VERIFY(server.hasPendingConnections());
        KcpSocket *socket = server.nextPendingConnection();
        QTRY_COMPARE(socket->bytesAvailable(), 6);
        const QByteArray bytes = socket->readAll();
        received << bytes;
        QCOMPARE(socket->conversationId(), bytes == "plain!" ? 4711U : native.conversationId());
    }
    QCOMPARE(received, QSet<QByteArray>({ "native", "plain!" }));
    QTRY_VERIFY(isConnected(plain));
}

void tst_KcpServer::statistics()
{
    KcpServer server;
    QCOMPARE(server.statistics().datagramsReceived(), quint64(0));
    QVERIFY(server.listen(localHost));
    QUdpSocket stranger;
    for (int i = 0; i < 3; ++i)
        stranger.writeDatagram(QByteArray(100, char(0xee)), localHost, server.serverPort());
    QTRY_COMPARE(server.statistics().malformedDropped(), quint64(3));
    KcpSocket client;
    client.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(server.statistics().connectionsAccepted(), quint64(1));
    QVERIFY(server.statistics().bytesReceived() > 300);
}

void tst_KcpServer::refusedValues()
{
    KcpServer server;
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpServer::setMaxPendingConnections(0) is refused: it is 1 or more");
    server.setMaxPendingConnections(0);
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpServer::setMaxConnections(-1) is refused: it is 1 or more");
    server.setMaxConnections(-1);
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpServer::setMaxConnectionsPerAddress(-1) is refused: it is 0 or more");
    server.setMaxConnectionsPerAddress(-1);
    QTest::ignoreMessage(
            QtWarningMsg,
            "KcpServer::setResetKey(): a key of 3 bytes is refused; it has 16 or more");
    server.setResetKey("abc");
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpServer::setAcceptedProfiles(0x0) is refused: Native, PlainKcp or "
                         "both");
    server.setAcceptedProfiles({});
    QCOMPARE(server.maxPendingConnections(), 30);
    QCOMPARE(server.maxConnections(), 10000);
    QCOMPARE(server.maxConnectionsPerAddress(), 256);
    QCOMPARE(server.acceptedProfiles(), KcpConfiguration::Profiles(KcpConfiguration::Native));
}

void tst_KcpServer::restartWithResetKey()
{
    QProcess process;
    const auto start = [&](quint16 port) {
        process.start(QCoreApplication::applicationFilePath(),
                      { "--server", QString::number(port) });
        if (!process.waitForReadyRead(10000))
            return quint16(0);
        return process.readLine().trimmed().toUShort();
    };
    const quint16 port = start(0);
    QVERIFY(port != 0);
    KcpSocket client;
    client.connectToHost(localHost, port);
    client.write("x");
    QTRY_COMPARE(client.bytesAvailable(), 1);

    process.kill(); // no last words
    QVERIFY(process.waitForFinished());
    // Nobody is there: an ICMP error is a lost datagram once a connection has been made.
    client.write("anybody?");
    QTRY_VERIFY(client.statistics().timeoutRetransmissions() > 0);
    QCOMPARE(client.state(), QAbstractSocket::ConnectedState);

    QCOMPARE(start(port), port);
    QTRY_COMPARE(client.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(client.closeReason(), KcpSocket::ConnectionReset);
    QCOMPARE(client.error(), QAbstractSocket::RemoteHostClosedError);
    QVERIFY2(client.errorString().contains("restarted"), qPrintable(client.errorString()));
    process.kill();
    process.waitForFinished();
}

// The server that restartWithResetKey() kills: echoes, and prints its port.
static int runServer(int argc, char **argv)
{
    const QCoreApplication application(argc, argv);
    KcpServer server;
    server.setResetKey("sixteen bytes or more");
    QObject::connect(&server, &KcpServer::newConnection, &server, [&] {
        KcpSocket *socket = server.nextPendingConnection();
        const auto echo = [socket] { socket->write(socket->readAll()); };
        QObject::connect(socket, &KcpSocket::readyRead, socket, echo);
        echo();
    });
    if (!server.listen(localHost, QByteArray(argv[2]).toUShort()))
        return 1;
    printf("%d\n", int(server.serverPort()));
    fflush(stdout);
    return QCoreApplication::exec();
}

int main(int argc, char **argv)
{
    if (argc == 3 && qstrcmp(argv[1], "--server") == 0)
        return runServer(argc, argv);
    QCoreApplication application(argc, argv);
    tst_KcpServer test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_kcpserver.moc"
