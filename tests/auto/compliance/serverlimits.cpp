// SPDX-License-Identifier: MIT
// Many connections, connections that are not wanted, and what classes derived from a server do.
#include "compliance.h"

#ifdef Q_OS_UNIX
#  include <sys/resource.h>

#  include <fcntl.h>
#  include <unistd.h>
#endif

using namespace compliance;

static constexpr char group[] = "server";

SCENARIO(manyClients)
{
    EchoServer<Net> server;
    server.setMaxPendingConnections(100);
    QVERIFY(server.listen(localHost));
    constexpr int Count = 50;
    std::vector<std::unique_ptr<typename Net::Socket>> clients;
    int answered = 0;
    int ended = 0;
    for (int i = 0; i < Count; ++i) {
        auto client = std::make_unique<typename Net::Socket>();
        auto *socket = client.get();
        const QByteArray words = "client " + QByteArray::number(i);
        QObject::connect(socket, &QIODevice::readyRead, socket, [&answered, socket, words] {
            if (socket->bytesAvailable() < words.size())
                return;
            if (socket->readAll() == words)
                ++answered;
            socket->disconnectFromHost();
        });
        QObject::connect(socket, &Net::Socket::disconnected, socket, [&ended] { ++ended; });
        socket->connectToHost(localHost, server.serverPort());
        socket->write(words);
        clients.push_back(std::move(client));
    }
    QTRY_COMPARE(answered, Count);
    QTRY_COMPARE(ended, Count);
    QCOMPARE(server.accepted, Count);
}

SCENARIO(maxPendingConnections)
{
    typename Net::Server server;
    server.setMaxPendingConnections(2);
    QCOMPARE(server.maxPendingConnections(), 2);
    QVERIFY(server.listen(localHost));
    typename Net::Socket clients[4];
    for (auto &client : clients)
        client.connectToHost(localHost, server.serverPort());
    const auto hasAnswer = [](const auto &client) {
        return isConnected(client) || client.error() != QAbstractSocket::UnknownSocketError;
    };
    QTRY_VERIFY(std::all_of(std::begin(clients), std::end(clients), hasAnswer));
    const auto connectedCount =
            std::count_if(std::begin(clients), std::end(clients),
                          [](const auto &client) { return isConnected(client); });
    const auto takePending = [&server] {
        int count = 0;
        while (server.nextPendingConnection())
            ++count;
        return count;
    };
    if (differs<Net>("There is no backlog")) {
        QCOMPARE(connectedCount, 2);
        QCOMPARE(takePending(), 2);
        const auto refused = std::find_if(std::begin(clients), std::end(clients),
                                          [](const auto &client) { return isUnconnected(client); });
        QCOMPARE(refused->error(), QAbstractSocket::ConnectionRefusedError);
        // There is room again.
        refused->connectToHost(localHost, server.serverPort());
        QTRY_VERIFY(isConnected(*refused));
    } else {
        QCOMPARE(connectedCount, 4);
        int taken = 0;
        QTRY_COMPARE(taken += takePending(), 4);
    }
}

SCENARIO(pauseAccepting)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    QSignalSpy newConnection(&server, &Net::Server::newConnection);
    server.pauseAccepting();
    QVERIFY(server.isListening());
    typename Net::Socket client;
    client.connectToHost(localHost, server.serverPort());
    if (differs<Net>("There is no backlog"))
        QTRY_COMPARE(client.error(), QAbstractSocket::ConnectionRefusedError);
    else
        QTRY_VERIFY(isConnected(client));
    QCOMPARE(newConnection.count(), 0);
    server.resumeAccepting();
    if (Net::isKcp)
        client.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(newConnection.count(), 1);
    QVERIFY(isConnected(client));
}

namespace {

class DerivedTcpSocket : public QTcpSocket
{
public:
    explicit DerivedTcpSocket(QObject *parent = nullptr) : QTcpSocket(parent) { }
};

class DerivedKcpSocket : public KcpSocket
{
public:
    explicit DerivedKcpSocket(QObject *parent = nullptr) : KcpSocket(parent) { }
};

// The usual ways to sockets of one's own class: TCP makes one from the descriptor, KCP is asked
// for one.
class DerivedTcpServer : public QTcpServer
{
protected:
    void incomingConnection(qintptr descriptor) override
    {
        auto *socket = new DerivedTcpSocket(this);
        socket->setSocketDescriptor(descriptor);
        addPendingConnection(socket);
    }
};

class DerivedKcpServer : public KcpServer
{
protected:
    KcpSocket *createSocket(QObject *parent) override { return new DerivedKcpSocket(parent); }
};

// Keeps each connection for itself.
class KeepingTcpServer : public QTcpServer
{
public:
    QList<QTcpSocket *> kept;

protected:
    void incomingConnection(qintptr descriptor) override
    {
        kept += new QTcpSocket(this);
        kept.last()->setSocketDescriptor(descriptor);
    }
};

class KeepingKcpServer : public KcpServer
{
public:
    QList<KcpSocket *> kept;

protected:
    void incomingConnection(KcpSocket *socket) override { kept += socket; }
};

template <typename Net>
using DerivedServer = std::conditional_t<Net::isKcp, DerivedKcpServer, DerivedTcpServer>;
template <typename Net>
using DerivedSocket = std::conditional_t<Net::isKcp, DerivedKcpSocket, DerivedTcpSocket>;
template <typename Net>
using KeepingServer = std::conditional_t<Net::isKcp, KeepingKcpServer, KeepingTcpServer>;

} // namespace

SCENARIO(derivedSockets)
{
    noteDifference("There is no descriptor for each connection");
    DerivedServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket client;
    client.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(server.hasPendingConnections());
    auto *accepted = server.nextPendingConnection();
    QVERIFY(dynamic_cast<DerivedSocket<Net> *>(accepted));
    client.write("x");
    QTRY_COMPARE(accepted->bytesAvailable(), 1);
}

SCENARIO(keptByIncomingConnection)
{
    KeepingServer<Net> server;
    QSignalSpy newConnection(&server, &Net::Server::newConnection);
    QSignalSpy available(&server, &Net::Server::pendingConnectionAvailable);
    QVERIFY(server.listen(localHost));
    typename Net::Socket client;
    client.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(server.kept.size(), 1);
    QTRY_COMPARE(newConnection.count(), 1);
    QCOMPARE(available.count(), 0);
    QVERIFY(!server.hasPendingConnections());
    client.write("x");
    QTRY_COMPARE(server.kept.first()->bytesAvailable(), 1);
}

namespace {

// A queue of pending connections of its own.
template <typename Net>
class QueueingServer : public Net::Server
{
public:
    bool hasPendingConnections() const override
    {
        return !hidden && Net::Server::hasPendingConnections();
    }
    typename Net::Socket *nextPendingConnection() override
    {
        ++asked;
        return Net::Server::nextPendingConnection();
    }
    bool hidden = false;
    int asked = 0;
};

} // namespace

SCENARIO(overriddenQueue)
{
    QueueingServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket client;
    client.connectToHost(localHost, server.serverPort());
    typename Net::Server &base = server;
    QTRY_VERIFY(base.hasPendingConnections());
    QVERIFY(base.nextPendingConnection());
    QCOMPARE(server.asked, 1);
    server.hidden = true;
    typename Net::Socket second;
    second.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(isConnected(second));
    QVERIFY(!base.hasPendingConnections());
}

#ifdef Q_OS_UNIX
namespace {

// While it lives, the process cannot open descriptors.
class NoDescriptors
{
public:
    NoDescriptors()
    {
        ::getrlimit(RLIMIT_NOFILE, &m_before);
        const int next = ::open("/dev/null", O_RDONLY);
        ::close(next);
        rlimit none = m_before;
        none.rlim_cur = rlim_t(next);
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &m_before); }
    Q_DISABLE_COPY_MOVE(NoDescriptors)

private:
    rlimit m_before{};
};

class RefusingKcpServer : public KcpServer
{
protected:
    KcpSocket *createSocket(QObject *) override { return nullptr; }
};

} // namespace

// Accepting takes a descriptor for each TCP connection, and may fail for want of one.
SCENARIO(acceptError)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    QSignalSpy errors(&server, &Net::Server::acceptError);
    QSignalSpy newConnection(&server, &Net::Server::newConnection);
    typename Net::Socket client;
    client.connectToHost(localHost, server.serverPort());
    {
        const NoDescriptors noDescriptors;
        if (differs<Net>("There is no descriptor for each connection")) {
            QTRY_COMPARE(newConnection.count(), 1);
            QCOMPARE(errors.count(), 0);
        } else {
            QTRY_COMPARE(errors.count(), 1);
            QCOMPARE(newConnection.count(), 0);
        }
    }
    if constexpr (Net::isKcp) {
        RefusingKcpServer refusing;
        QSignalSpy refusals(&refusing, &KcpServer::acceptError);
        QVERIFY(refusing.listen(localHost));
        KcpSocket refused;
        refused.connectToHost(localHost, refusing.serverPort());
        QTRY_COMPARE(refusals.count(), 1);
        QTRY_VERIFY(isUnconnected(refused));
        errors.swap(refusals);
    }
    QCOMPARE(errors.at(0).at(0).template value<QAbstractSocket::SocketError>(),
             QAbstractSocket::SocketResourceError);
}
#endif

// One server per thread is the way to use several cores.
SCENARIO(severalServers)
{
    EchoServer<Net> servers[3];
    typename Net::Socket clients[3];
    for (int i = 0; i < 3; ++i) {
        QVERIFY(servers[i].listen(localHost));
        clients[i].connectToHost(localHost, servers[i].serverPort());
        clients[i].write("server " + QByteArray::number(i));
    }
    for (int i = 0; i < 3; ++i) {
        QTRY_COMPARE(clients[i].bytesAvailable(), 8);
        QCOMPARE(clients[i].readAll(), "server " + QByteArray::number(i));
        QCOMPARE(servers[i].accepted, 1);
    }
}
