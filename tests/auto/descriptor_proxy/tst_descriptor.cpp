// SPDX-License-Identifier: MIT
// setSocketDescriptor() of KcpSocket and KcpServer.
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

class tst_Descriptor : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void client_data();
    void client();
    void server_data();
    void server();
    void refused_data();
    void refused();
    void wrongState();
    void closedWithTheSocket();
};

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

enum class Kind {
    Unbound,
    Bound,
    BoundToAll,
    BoundIPv6,
    Connected,
    Tcp,
    Unix,
    Pipe,
    Closed,
    Negative,
};

bool isOpen(int fd)
{
    return ::fcntl(fd, F_GETFD) >= 0;
}

quint16 portOf(int fd)
{
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    ::getsockname(fd, reinterpret_cast<sockaddr *>(&name), &size);
    return ntohs(reinterpret_cast<sockaddr_in &>(name).sin_port); // the same place in IPv6
}

void bindTo(int fd, quint32 address)
{
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(address);
    ::bind(fd, reinterpret_cast<sockaddr *>(&name), sizeof name);
}

int make(Kind kind)
{
    int pipes[2];
    switch (kind) {
    case Kind::Tcp:
        return ::socket(AF_INET, SOCK_STREAM, 0);
    case Kind::Unix:
        return ::socket(AF_UNIX, SOCK_DGRAM, 0);
    case Kind::Pipe:
        if (::pipe(pipes) != 0)
            return -1;
        ::close(pipes[1]);
        return pipes[0];
    case Kind::Negative:
        return -1;
    case Kind::BoundIPv6: {
        const int fd = ::socket(AF_INET6, SOCK_DGRAM, 0);
        sockaddr_in6 name{};
        name.sin6_family = AF_INET6;
        name.sin6_addr = in6addr_any;
        ::bind(fd, reinterpret_cast<sockaddr *>(&name), sizeof name);
        return fd;
    }
    default:
        break;
    }
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    if (kind == Kind::Closed)
        ::close(fd);
    else if (kind == Kind::BoundToAll)
        bindTo(fd, INADDR_ANY);
    else if (kind != Kind::Unbound)
        bindTo(fd, INADDR_LOOPBACK);
    return fd;
}

void connectTo(int fd, quint16 port)
{
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(port);
    ::connect(fd, reinterpret_cast<sockaddr *>(&name), sizeof name);
}

bool echoes(KcpServer &server, KcpSocket &client)
{
    client.write("hello");
    if (!QTest::qWaitFor([&] { return server.hasPendingConnections(); }))
        return false;
    KcpSocket *peer = server.nextPendingConnection();
    if (!QTest::qWaitFor([&] { return peer->bytesAvailable() == 5; }))
        return false;
    peer->write(peer->readAll());
    return QTest::qWaitFor([&] { return client.bytesAvailable() == 5; });
}

} // namespace

Q_DECLARE_METATYPE(Kind)

void tst_Descriptor::client_data()
{
    QTest::addColumn<Kind>("kind");
    QTest::newRow("unbound") << Kind::Unbound;
    QTest::newRow("bound") << Kind::Bound;
    QTest::newRow("bound to all addresses") << Kind::BoundToAll;
    QTest::newRow("connected") << Kind::Connected;
}

void tst_Descriptor::client()
{
    QFETCH(Kind, kind);
    KcpServer server;
    QVERIFY(server.listen(localHost));
    const int fd = make(kind);
    if (kind == Kind::Connected)
        connectTo(fd, server.serverPort());
    const quint16 port = portOf(fd);
    KcpSocket socket;
    QSignalSpy states(&socket, &KcpSocket::stateChanged);
    QCOMPARE(socket.socketDescriptor(), -1);
    QVERIFY2(socket.setSocketDescriptor(fd), qPrintable(socket.errorString()));
    QCOMPARE(socket.state(), QAbstractSocket::BoundState);
    QCOMPARE(states.count(), 1);
    QCOMPARE(socket.socketDescriptor(), fd);
    QCOMPARE(socket.localPort(), port);
    socket.connectToHost(localHost, server.serverPort());
    QVERIFY(echoes(server, socket));
    QCOMPARE(socket.socketDescriptor(), fd);
    if (kind != Kind::Unbound)
        QCOMPARE(socket.localPort(), port);
}

void tst_Descriptor::server_data()
{
    QTest::addColumn<Kind>("kind");
    QTest::newRow("bound") << Kind::Bound;
    QTest::newRow("bound to all addresses") << Kind::BoundToAll;
    QTest::newRow("IPv6") << Kind::BoundIPv6;
}

void tst_Descriptor::server()
{
    QFETCH(Kind, kind);
    const int fd = make(kind);
    const quint16 port = portOf(fd);
    KcpServer server;
    QCOMPARE(server.socketDescriptor(), -1);
    QVERIFY2(server.setSocketDescriptor(fd), qPrintable(server.errorString()));
    QVERIFY(server.isListening());
    QCOMPARE(server.serverPort(), port);
    QCOMPARE(server.socketDescriptor(), fd);
    KcpSocket client;
    client.connectToHost(localHost, port);
    QVERIFY(echoes(server, client));
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpServer::setSocketDescriptor() called when already listening");
    QVERIFY(!server.setSocketDescriptor(fd));
    client.abort();
    server.close();
    QTRY_VERIFY(!isOpen(fd)); // it was taken over
}

void tst_Descriptor::refused_data()
{
    QTest::addColumn<Kind>("kind");
    QTest::addColumn<bool>("isServer");
    QTest::addColumn<QString>("text");
    for (const bool isServer : { false, true }) {
        const QByteArray who = isServer ? "server, " : "client, ";
        QTest::newRow(who + "TCP") << Kind::Tcp << isServer << "Descriptor %1 is not a UDP socket";
        QTest::newRow(who + "Unix")
                << Kind::Unix << isServer << "Descriptor %1 is not a UDP socket";
        QTest::newRow(who + "pipe") << Kind::Pipe << isServer << "Descriptor %1 is not a socket";
        QTest::newRow(who + "closed") << Kind::Closed << isServer << "Descriptor %1 is not open";
        QTest::newRow(who + "-1") << Kind::Negative << isServer << "Descriptor %1 is not open";
    }
    QTest::newRow("server, unbound")
            << Kind::Unbound << true << "The UDP socket %1 is not bound to a port";
    QTest::newRow("server, connected")
            << Kind::Connected << true << "The UDP socket %1 is connected: it hears one peer only";
}

void tst_Descriptor::refused()
{
    QFETCH(Kind, kind);
    QFETCH(bool, isServer);
    QFETCH(QString, text);
    const int fd = make(kind);
    if (kind == Kind::Connected)
        connectTo(fd, 9);
    KcpServer server;
    KcpSocket socket;
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    if (isServer) {
        QVERIFY(!server.setSocketDescriptor(fd));
        QVERIFY(!server.isListening());
        QCOMPARE(server.serverError(), QAbstractSocket::UnsupportedSocketOperationError);
        QCOMPARE(server.errorString(), text.arg(fd));
        QVERIFY(server.listen(localHost)); // it is as good as before
    } else {
        QVERIFY(!socket.setSocketDescriptor(fd));
        QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
        QCOMPARE(socket.error(), QAbstractSocket::UnsupportedSocketOperationError);
        QCOMPARE(socket.errorString(), text.arg(fd));
        QCOMPARE(errors.count(), 1);
        QVERIFY(socket.bind(localHost));
    }
    if (kind != Kind::Closed && kind != Kind::Negative) {
        QVERIFY(isOpen(fd)); // still the caller's
        ::close(fd);
    }
}

void tst_Descriptor::wrongState()
{
    KcpSocket socket;
    QVERIFY(socket.bind(localHost));
    const int fd = make(Kind::Bound);
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::setSocketDescriptor() is possible in UnconnectedState only");
    QVERIFY(!socket.setSocketDescriptor(fd));
    QVERIFY(isOpen(fd));
    ::close(fd);
}

void tst_Descriptor::closedWithTheSocket()
{
    const int fd = make(Kind::Bound);
    {
        KcpSocket socket;
        QVERIFY(socket.setSocketDescriptor(fd));
        socket.disconnectFromHost();
        QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
        QTRY_VERIFY(!isOpen(fd));
        QCOMPARE(socket.socketDescriptor(), -1);
    }
}

QTEST_GUILESS_MAIN(tst_Descriptor)
#include "tst_descriptor.moc"
