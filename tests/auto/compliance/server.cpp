// SPDX-License-Identifier: MIT
// Listening, and taking connections.
#include "compliance.h"

#include <QtNetwork/qudpsocket.h>

using namespace compliance;

static constexpr char group[] = "server";

SCENARIO(constructing)
{
    QObject parent;
    auto *server = new typename Net::Server(&parent);
    QCOMPARE(server->parent(), &parent);
    QVERIFY(!server->isListening());
    QCOMPARE(server->serverPort(), quint16(0));
    QVERIFY(server->serverAddress().isNull());
    QCOMPARE(server->maxPendingConnections(), 30);
    QVERIFY(!server->hasPendingConnections());
    QVERIFY(server->nextPendingConnection() == nullptr);
    QCOMPARE(server->serverError(), QAbstractSocket::UnknownSocketError);
    QVERIFY(!server->waitForNewConnection(10));
    server->close();
}

SCENARIO(listen)
{
    typename Net::Server server;
    QVERIFY2(server.listen(localHost), qPrintable(server.errorString()));
    QVERIFY(server.isListening());
    QVERIFY(server.serverPort() != 0);
    QCOMPARE(server.serverAddress(), localHost);
    server.close();
    QVERIFY(!server.isListening());
    QCOMPARE(server.serverPort(), quint16(0));
    QVERIFY(server.serverAddress().isNull());
    const quint16 port = unusedPort();
    QVERIFY(server.listen(localHost, port));
    QCOMPARE(server.serverPort(), port);
}

SCENARIO(listenOnAll)
{
    typename Net::Server server;
    QVERIFY(server.listen());
    QCOMPARE(server.serverAddress(), QHostAddress(QHostAddress::Any));
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(server.hasPendingConnections());
    auto *accepted = server.nextPendingConnection();
    QCOMPARE(accepted->localAddress().toIPv4Address(), localHost.toIPv4Address());
    QCOMPARE(accepted->peerAddress().toIPv4Address(), localHost.toIPv4Address());
}

SCENARIO(listenTwice)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    const quint16 port = server.serverPort();
    const QByteArray warning =
            QByteArray(Net::serverName) + "::listen() called when already listening";
    QTest::ignoreMessage(QtWarningMsg, warning.constData());
    QVERIFY(!server.listen(localHost));
    QCOMPARE(server.serverPort(), port);
}

SCENARIO(listenError)
{
    typename Net::Server server;
    QVERIFY(!server.listen(QHostAddress(QStringLiteral("192.0.2.1"))));
    QCOMPARE(server.serverError(), QAbstractSocket::SocketAddressNotAvailableError);
    QVERIFY(!server.errorString().isEmpty());
    QVERIFY(!server.isListening());
    QCOMPARE(server.serverPort(), quint16(0));
    QVERIFY(server.listen(localHost));
    typename Net::Server second;
    QVERIFY(!second.listen(localHost, server.serverPort()));
    QCOMPARE(second.serverError(), QAbstractSocket::AddressInUseError);
    QVERIFY(!second.isListening());
}

// The port can be used again at once after a server with connections is gone.
SCENARIO(addressReusable)
{
    quint16 port = 0;
    typename Net::Socket client;
    {
        EchoServer<Net> server;
        QVERIFY(server.listen(localHost));
        port = server.serverPort();
        client.connectToHost(localHost, port);
        client.write("x");
        QTRY_COMPARE(client.bytesAvailable(), 1);
    }
    EchoServer<Net> again;
    QVERIFY2(again.listen(localHost, port), qPrintable(again.errorString()));
    QTRY_VERIFY(isUnconnected(client));
    client.connectToHost(localHost, port);
    client.write("y");
    QTRY_COMPARE(client.bytesAvailable(), 1);
}

SCENARIO(clientServer)
{
    typename Net::Server server;
    QSignalSpy newConnection(&server, &Net::Server::newConnection);
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(newConnection.count(), 1);
    QVERIFY(server.hasPendingConnections());
    auto *accepted = server.nextPendingConnection();
    QVERIFY(accepted);
    QVERIFY(!server.hasPendingConnections());
    QVERIFY(server.nextPendingConnection() == nullptr);
    QCOMPARE(accepted->parent(), &server);
    QVERIFY(isConnected(*accepted));
    QVERIFY(accepted->isOpen());
    accepted->write("greeting");
    QTRY_COMPARE(socket.bytesAvailable(), 8);
    QCOMPARE(socket.readAll(), QByteArray("greeting"));
}

SCENARIO(waitForConnectionTest)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    bool timedOut = false;
    QVERIFY(!server.waitForNewConnection(30, &timedOut));
    QVERIFY(timedOut);
    QCOMPARE(server.serverError(), QAbstractSocket::SocketTimeoutError);
    const quint16 port = server.serverPort();
    std::jthread client([port] {
        typename Net::Socket socket;
        socket.connectToHost(localHost, port);
        socket.write("x");
        socket.waitForReadyRead(10000);
    });
    QVERIFY(server.waitForNewConnection(10000, &timedOut));
    QVERIFY(!timedOut);
    QVERIFY(server.hasPendingConnections());
    std::unique_ptr<typename Net::Socket> accepted(server.nextPendingConnection());
    if (accepted->bytesAvailable() == 0)
        QVERIFY(accepted->waitForReadyRead(5000));
    accepted->write("y");
    QVERIFY(accepted->waitForBytesWritten(5000));
    client.join();
}

SCENARIO(signalsOfAccepting)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    QStringList log;
    bool pendingThen = false;
    QObject::connect(&server, &Net::Server::pendingConnectionAvailable, &server, [&] {
        log += "pendingConnectionAvailable";
        pendingThen = server.hasPendingConnections();
    });
    QObject::connect(&server, &Net::Server::newConnection, &server,
                     [&] { log += "newConnection"; });
    typename Net::Socket sockets[2];
    for (auto &socket : sockets) {
        socket.connectToHost(localHost, server.serverPort());
        QTRY_VERIFY(isConnected(socket));
    }
    QTRY_COMPARE(log.size(), 4);
    QVERIFY(pendingThen);
    // Both orders are possible for several connections at once; a single one has this.
    QCOMPARE(log.mid(0, 2), QStringList({ "pendingConnectionAvailable", "newConnection" }));
}

SCENARIO(dataBeforeAccept)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.serverPort());
    socket.write("early");
    QTRY_VERIFY(server.hasPendingConnections());
    QTRY_COMPARE(socket.bytesToWrite(), 0);
    auto *accepted = server.nextPendingConnection();
    QTRY_COMPARE(accepted->bytesAvailable(), 5);
    QCOMPARE(accepted->readAll(), QByteArray("early"));
}

// The connection is over before anybody has taken it; it is there all the same.
SCENARIO(closedBeforeAccept)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(server.hasPendingConnections());
    socket.write("short visit");
    socket.disconnectFromHost();
    QTRY_VERIFY(isUnconnected(socket));
    std::unique_ptr<typename Net::Socket> accepted(server.nextPendingConnection());
    QVERIFY(accepted);
    QTRY_VERIFY(isUnconnected(*accepted));
    QCOMPARE(accepted->error(), QAbstractSocket::RemoteHostClosedError);
    QCOMPARE(accepted->readAll(), QByteArray("short visit"));
}

SCENARIO(deletedBeforeAccept)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    for (int i = 0; i < 3; ++i) {
        auto socket = std::make_unique<typename Net::Socket>();
        socket->connectToHost(localHost, server.serverPort());
        QTRY_VERIFY(isConnected(*socket));
    }
    QTRY_VERIFY(server.hasPendingConnections());
    typename Net::Socket last;
    last.connectToHost(localHost, server.serverPort());
    last.write("x");
    QByteArray received;
    QObject::connect(&last, &QIODevice::readyRead, &last, [&] { received += last.readAll(); });
    QTRY_COMPARE(
            [&] {
                while (auto *accepted = server.nextPendingConnection()) {
                    QObject::connect(accepted, &QIODevice::readyRead, accepted,
                                     [accepted] { accepted->write(accepted->readAll()); });
                    accepted->write(accepted->readAll());
                }
                return received;
            }(),
            QByteArray("x"));
}

SCENARIO(connectionsOutliveClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.server.close();
    QVERIFY(isConnected(pair.client));
    pair.client.write("still there");
    QTRY_COMPARE(pair.peer->bytesAvailable(), 11);
    pair.peer->write(pair.peer->readAll());
    QTRY_COMPARE(pair.client.bytesAvailable(), 11);
    // Nobody new comes in.
    typename Net::Socket late;
    late.connectToHost(localHost, pair.client.peerPort());
    QTRY_COMPARE(late.error(), QAbstractSocket::ConnectionRefusedError);
}

SCENARIO(connectionsOutliveServer)
{
    auto server = std::make_unique<typename Net::Server>();
    QVERIFY(server->listen(localHost));
    typename Net::Socket client;
    client.connectToHost(localHost, server->serverPort());
    QTRY_VERIFY(server->hasPendingConnections());
    QTRY_VERIFY(isConnected(client));
    const std::unique_ptr<typename Net::Socket> peer(server->nextPendingConnection());
    peer->setParent(nullptr);
    server.reset();
    client.write("still there");
    QTRY_COMPARE(peer->bytesAvailable(), 11);
    peer->disconnectFromHost();
    QTRY_VERIFY(isUnconnected(client));
}

SCENARIO(childrenDieWithServer)
{
    auto server = std::make_unique<typename Net::Server>();
    QVERIFY(server->listen(localHost));
    typename Net::Socket client;
    client.connectToHost(localHost, server->serverPort());
    QTRY_VERIFY(server->hasPendingConnections());
    QTRY_VERIFY(isConnected(client));
    const QPointer<typename Net::Socket> peer(server->nextPendingConnection());
    server.reset();
    QVERIFY(!peer);
    QTRY_VERIFY(isUnconnected(client));
    QCOMPARE(client.error(), QAbstractSocket::RemoteHostClosedError);
}

SCENARIO(closeEndsPending)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket client;
    client.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(server.hasPendingConnections());
    server.close();
    QVERIFY(!server.hasPendingConnections());
    QTRY_VERIFY(isUnconnected(client));
}

SCENARIO(serverInSlotOfItsSignal)
{
    for (const bool deleted : { false, true }) {
        const QPointer<typename Net::Server> server = new typename Net::Server;
        QVERIFY(server->listen(localHost));
        int signalCount = 0;
        QObject::connect(server.data(), &Net::Server::newConnection, server.data(), [&] {
            ++signalCount;
            if (deleted)
                server->deleteLater();
            else
                server->close();
        });
        typename Net::Socket client;
        client.connectToHost(localHost, server->serverPort());
        QTRY_COMPARE(signalCount, 1);
        QTRY_VERIFY(isUnconnected(client));
        QCOMPARE(server.isNull(), deleted);
        delete server.data();
    }
}

SCENARIO(closeAndListenInSlot)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    const quint16 port = server.serverPort();
    std::vector<std::unique_ptr<typename Net::Socket>> accepted;
    bool listening = true;
    QObject::connect(&server, &Net::Server::newConnection, &server, [&] {
        accepted.emplace_back(server.nextPendingConnection());
        server.close();
        listening = listening && server.listen(localHost, port);
    });
    typename Net::Socket clients[3];
    for (auto &client : clients) {
        client.connectToHost(localHost, port);
        QTRY_VERIFY(isConnected(client));
        client.write("x");
        QTRY_VERIFY(!accepted.empty() && accepted.back()->bytesAvailable() == 1);
        accepted.back()->readAll();
    }
    QVERIFY(listening);
    QCOMPARE(accepted.size(), std::size_t(3));
    QVERIFY(isConnected(clients[0]));
}
