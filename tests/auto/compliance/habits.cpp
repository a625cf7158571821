// SPDX-License-Identifier: MIT
// What programs do that were written for QTcpSocket.
#include "compliance.h"

#include <QtCore/qtimer.h>
#include <QtNetwork/qnetworkproxy.h>

using namespace compliance;

static constexpr char group[] = "habits";

namespace {

// Old programs connect by name.
class OldReceiver : public QObject
{
    Q_OBJECT
public:
    int connectedCount = 0;
    int stateCount = 0;
    int errorCount = 0;
    int readyReadCount = 0;
    qint64 written = 0;
    QObject *lastSender = nullptr;

public Q_SLOTS:
    void handleConnected() { ++connectedCount; }
    void handleState(QAbstractSocket::SocketState) { ++stateCount; }
    void handleError(QAbstractSocket::SocketError) { ++errorCount; }
    void handleReadyRead()
    {
        ++readyReadCount;
        lastSender = sender();
    }
    void handleWritten(qint64 bytes) { written += bytes; }
};

} // namespace

SCENARIO(connectionsByName)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    OldReceiver receiver;
    const auto connectSlot = [&](const char *signal, const char *slot) {
        return bool(QObject::connect(&socket, signal, &receiver, slot));
    };
    QVERIFY(connectSlot(SIGNAL(connected()), SLOT(handleConnected())));
    QVERIFY(connectSlot(SIGNAL(stateChanged(QAbstractSocket::SocketState)),
                        SLOT(handleState(QAbstractSocket::SocketState))));
    QVERIFY(connectSlot(SIGNAL(errorOccurred(QAbstractSocket::SocketError)),
                        SLOT(handleError(QAbstractSocket::SocketError))));
    QVERIFY(connectSlot(SIGNAL(readyRead()), SLOT(handleReadyRead())));
    QVERIFY(connectSlot(SIGNAL(bytesWritten(qint64)), SLOT(handleWritten(qint64))));
    socket.connectToHost(localHost, server.serverPort());
    socket.write("by name");
    QTRY_COMPARE(socket.bytesAvailable(), 7);
    QCOMPARE(receiver.connectedCount, 1);
    QCOMPARE(receiver.stateCount, 3);
    QCOMPARE(receiver.written, 7);
    QVERIFY(receiver.readyReadCount >= 1);
    QCOMPARE(qobject_cast<typename Net::Socket *>(receiver.lastSender), &socket);
    socket.write("close");
    QTRY_COMPARE(receiver.errorCount, 1);
}

// A slot that asks something and opens a dialog, which is an event loop, until the answer is there.
SCENARIO(eventLoopInASlot)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    QByteArray answers;
    const auto ask = [&](const char *question) {
        QEventLoop loop;
        QObject::connect(&socket, &QIODevice::readyRead, &loop, &QEventLoop::quit);
        QTimer::singleShot(10000, &loop, &QEventLoop::quit);
        socket.write(question);
        loop.exec();
        answers += socket.readAll() + ' ';
    };
    QObject::connect(&socket, &Net::Socket::connected, &socket, [&] {
        // Often enough that slots count as quick.
        for (int i = 0; i < 3; ++i)
            ask("first");
    });
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE_WITH_TIMEOUT(answers, QByteArray("first first first "), 30000);
}

// The blocking client that reads to the end.
SCENARIO(readUntilClose)
{
    const QByteArray sent = pattern(700000);
    std::promise<quint16> port;
    std::jthread thread([&] {
        typename Net::Server server;
        server.listen(localHost);
        port.set_value(server.serverPort());
        if (!server.waitForNewConnection(10000))
            return;
        std::unique_ptr<typename Net::Socket> socket(server.nextPendingConnection());
        socket->write(sent);
        socket->disconnectFromHost();
        if (!isUnconnected(*socket))
            socket->waitForDisconnected(20000);
    });
    typename Net::Socket socket;
    socket.connectToHost(localHost, port.get_future().get());
    QByteArray received;
    while (socket.waitForReadyRead(10000))
        received += socket.readAll();
    QCOMPARE(socket.error(), QAbstractSocket::RemoteHostClosedError);
    received += socket.readAll();
    QVERIFY(received == sent);
    thread.join();
}

SCENARIO(readInDisconnected)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QByteArray received;
    QObject::connect(&pair.client, &Net::Socket::disconnected, &pair.client,
                     [&] { received = pair.client.readAll(); });
    pair.peer->write("all of it, at the end");
    pair.peer->disconnectFromHost();
    QTRY_COMPARE(received, QByteArray("all of it, at the end"));
}

SCENARIO(remoteCloseWhileWriting)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QSignalSpy errors(&pair.client, &Net::Socket::errorOccurred);
    QSignalSpy disconnectedSpy(&pair.client, &Net::Socket::disconnected);
    pair.client.write(QByteArray(30000000, 'x')); // more than any buffer of the system takes
    QTRY_VERIFY(pair.peer->bytesAvailable() > 0);
    pair.peer->abort();
    QTRY_COMPARE(disconnectedSpy.count(), 1);
    QCOMPARE(errors.count(), 1);
    QCOMPARE(pair.client.bytesToWrite(), 0);
}

SCENARIO(reconnectAtOnceInErrorOccurred)
{
    const quint16 port = unusedPort();
    EchoServer<Net> server;
    typename Net::Socket socket;
    int errors = 0;
    QObject::connect(&socket, &Net::Socket::errorOccurred, &socket, [&] {
        if (++errors == 1) {
            server.listen(localHost, port);
            socket.connectToHost(localHost, port);
        }
    });
    socket.connectToHost(localHost, port);
    QTRY_VERIFY(isConnected(socket));
    QCOMPARE(errors, 1);
    socket.write("x");
    QTRY_COMPARE(socket.bytesAvailable(), 1);
}

SCENARIO(bindAgain)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    for (int i = 0; i < 2; ++i) {
        QVERIFY2(socket.bind(localHost), qPrintable(socket.errorString()));
        const quint16 port = socket.localPort();
        socket.connectToHost(localHost, server.serverPort());
        QTRY_VERIFY(isConnected(socket));
        QCOMPARE(socket.localPort(), port);
        socket.disconnectFromHost();
        QTRY_VERIFY(isUnconnected(socket));
    }
    QTRY_COMPARE(server.accepted, 2);
}

// A chat: each line of one goes to all others.
SCENARIO(broadcast)
{
    QList<typename Net::Socket *> members; // outlives the server, whose children have slots
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    QObject::connect(&server, &Net::Server::newConnection, &server, [&] {
        auto *member = server.nextPendingConnection();
        members += member;
        QObject::connect(member, &QIODevice::readyRead, member, [&members, member] {
            while (member->canReadLine()) {
                const QByteArray line = member->readLine();
                for (auto *other : std::as_const(members))
                    other->write(line);
            }
        });
        QObject::connect(member, &Net::Socket::disconnected, member, [&members, member] {
            members.removeOne(member);
            member->deleteLater();
        });
    });
    typename Net::Socket clients[4];
    for (auto &client : clients)
        client.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(members.size(), 4);
    clients[0].write("hello\n");
    for (auto &client : clients) {
        QTRY_VERIFY(client.canReadLine());
        QCOMPARE(client.readLine(), QByteArray("hello\n"));
    }
    clients[1].abort();
    QTRY_COMPARE(members.size(), 3);
    clients[2].write("bye\n");
    QTRY_VERIFY(clients[3].canReadLine());
    QVERIFY(isConnected(clients[0]));
}

// One signal for each connection, so that a slot may take one at a time.
SCENARIO(oneSignalPerConnection)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    int empty = 0;
    int taken = 0;
    QObject::connect(&server, &Net::Server::newConnection, &server, [&] {
        if (server.nextPendingConnection())
            ++taken;
        else
            ++empty;
    });
    std::vector<std::unique_ptr<typename Net::Socket>> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(std::make_unique<typename Net::Socket>());
        clients.back()->connectToHost(localHost, server.serverPort());
    }
    QTRY_COMPARE(taken, 20);
    QCOMPARE(empty, 0);
}

// The server speaks first, in the slot of newConnection().
SCENARIO(greeting)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    QObject::connect(&server, &Net::Server::newConnection, &server, [&] {
        auto *socket = server.nextPendingConnection();
        QObject::connect(socket, &Net::Socket::disconnected, socket, &QObject::deleteLater);
        socket->write("220 ready\r\n");
        socket->disconnectFromHost();
    });
    typename Net::Socket socket;
    QSignalSpy disconnectedSpy(&socket, &Net::Socket::disconnected);
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(disconnectedSpy.count(), 1);
    QCOMPARE(socket.readAll(), QByteArray("220 ready\r\n"));
}

// The functions that both have, called in the way of QTcpSocket.
SCENARIO(functions)
{
    Pair<Net> pair;
    pair.server.setMaxPendingConnections(5);
    QVERIFY(pair.connect());
    typename Net::Socket &socket = pair.client;
    QIODevice &device = socket;
    QVERIFY(device.isOpen() && device.isSequential());
    socket.setReadBufferSize(65536);
    QCOMPARE(socket.readBufferSize(), 65536);
    socket.setSocketOption(QAbstractSocket::LowDelayOption, 1);
    QVERIFY(socket.socketOption(QAbstractSocket::LowDelayOption).isValid());
    QVERIFY(socket.waitForConnected());
    QCOMPARE(device.write("abc", 3), 3);
    QVERIFY(socket.waitForBytesWritten());
    QTRY_COMPARE(pair.peer->bytesAvailable(), 3);
    QVERIFY(!pair.peer->canReadLine());
    pair.peer->write("d");
    QVERIFY(pair.peer->flush());
    QVERIFY(device.waitForReadyRead(5000));
    QCOMPARE(device.getChar(nullptr), true);
    QVERIFY(!pair.server.hasPendingConnections());
    pair.server.pauseAccepting();
    pair.server.resumeAccepting();
    QVERIFY(pair.server.errorString().isEmpty() || pair.server.isListening());
    socket.close();
    QTRY_VERIFY(isUnconnected(socket));
    socket.connectToHost(QStringLiteral("127.0.0.1"), pair.server.serverPort(),
                         QIODevice::ReadWrite, QAbstractSocket::IPv4Protocol);
    QTRY_VERIFY(isConnected(socket));
    socket.abort();
}

template <typename Socket>
constexpr bool takesProxy = requires(Socket &socket)
{
    socket.setProxy(QNetworkProxy());
};

SCENARIO(proxy)
{
    if constexpr (takesProxy<KcpSocket>) {
        const QNetworkProxy http(QNetworkProxy::HttpProxy, localHost.toString(), unusedPort());
        typename Net::Socket socket;
        socket.setProxy(http);
        QCOMPARE(socket.proxy(), http);
        QSignalSpy errors(&socket, &Net::Socket::errorOccurred);
        socket.connectToHost(QHostAddress(QStringLiteral("192.0.2.1")), 7000);
        QTRY_COMPARE(errors.count(), 1);
        if (differs<Net>("Only SOCKS5 proxies carry UDP"))
            QCOMPARE(socket.error(), QAbstractSocket::UnsupportedSocketOperationError);
        else
            QCOMPARE(socket.error(), QAbstractSocket::ProxyConnectionRefusedError);
        QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
        // Without it the same socket connects.
        socket.setProxy(QNetworkProxy::NoProxy);
        EchoServer<Net> server;
        QVERIFY(server.listen(localHost));
        socket.connectToHost(localHost, server.serverPort());
        QTRY_VERIFY(isConnected(socket));
    }
}

// Of a connection to a server of the same thread, the system does TCP's part while that thread
// blocks.
SCENARIO(waitForServerOfTheSameThread)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.serverPort());
    if (differs<Net>("A server must run for its clients"))
        QVERIFY(!socket.waitForConnected(200));
    else
        QVERIFY(socket.waitForConnected(200));
}

#include "habits.moc"
