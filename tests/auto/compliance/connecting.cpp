// SPDX-License-Identifier: MIT
// From UnconnectedState to ConnectedState, and what stops it.
#include "compliance.h"

#include <QtCore/qregularexpression.h>
#include <QtNetwork/qudpsocket.h>

using namespace compliance;

static constexpr char group[] = "connecting";

SCENARIO(constructing)
{
    QObject parent;
    auto *socket = new typename Net::Socket(&parent);
    QCOMPARE(socket->parent(), &parent);
    QCOMPARE(socket->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(socket->error(), QAbstractSocket::UnknownSocketError);
    QVERIFY(!socket->errorString().isEmpty());
    QVERIFY(socket->isSequential());
    QVERIFY(!socket->isOpen());
    QVERIFY(!socket->isValid());
    QVERIFY(!socket->isReadable());
    QVERIFY(!socket->isWritable());
    QVERIFY(!socket->canReadLine());
    QCOMPARE(socket->openMode(), QIODevice::NotOpen);
    QCOMPARE(socket->bytesAvailable(), 0);
    QCOMPARE(socket->bytesToWrite(), 0);
    QCOMPARE(socket->readBufferSize(), 0);
    QCOMPARE(socket->localPort(), quint16(0));
    QVERIFY(socket->localAddress().isNull());
    QCOMPARE(socket->peerPort(), quint16(0));
    QVERIFY(socket->peerAddress().isNull());
    QVERIFY(socket->peerName().isEmpty());
    QVERIFY(!socket->flush());
    // None of these does anything now.
    socket->disconnectFromHost();
    socket->abort();
    socket->close();
    QCOMPARE(socket->state(), QAbstractSocket::UnconnectedState);
}

SCENARIO(bind)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    QSignalSpy states(&socket, &Net::Socket::stateChanged);
    QVERIFY2(socket.bind(localHost), qPrintable(socket.errorString()));
    QCOMPARE(socket.state(), QAbstractSocket::BoundState);
    QCOMPARE(states.count(), 1);
    QVERIFY(socket.isValid());
    QVERIFY(!socket.isOpen());
    const quint16 port = socket.localPort();
    QVERIFY(port != 0);
    QCOMPARE(socket.localAddress(), localHost);
    QCOMPARE(socket.peerPort(), quint16(0));
    socket.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(isConnected(socket));
    QCOMPARE(socket.localPort(), port);
    socket.write("x");
    QTRY_COMPARE(socket.bytesAvailable(), 1);

    typename Net::Socket given;
    const quint16 wanted = unusedPort();
    QVERIFY(given.bind(localHost, wanted));
    QCOMPARE(given.localPort(), wanted);
    given.close();
}

SCENARIO(bindFails)
{
    // The port is taken on both sides: by a TCP listener and a UDP socket.
    QTcpServer tcp;
    QUdpSocket udp;
    do {
        tcp.close();
        QVERIFY(tcp.listen(localHost));
    } while (!udp.bind(localHost, tcp.serverPort()));
    typename Net::Socket socket;
    QVERIFY(!socket.bind(localHost, tcp.serverPort()));
    QCOMPARE(socket.error(), QAbstractSocket::AddressInUseError);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    typename Net::Socket second;
    QVERIFY(!second.bind(QHostAddress(QStringLiteral("192.0.2.1")))); // not one of ours
    QCOMPARE(second.error(), QAbstractSocket::SocketAddressNotAvailableError);
    QVERIFY(second.bind(localHost));
}

SCENARIO(statesOfConnecting)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    SignalLog log(&socket);
    socket.connectToHost(localHost, server.serverPort());
    QVERIFY(socket.isOpen());
    QTRY_VERIFY(isConnected(socket));
    const QStringList expected{ "HostLookupState", "ConnectingState", "hostFound", "ConnectedState",
                                "connected" };
    QTRY_COMPARE(log.names(), expected);
}

SCENARIO(addresses)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QCOMPARE(pair.client.peerAddress(), localHost);
    QCOMPARE(pair.client.peerPort(), pair.server.serverPort());
    QCOMPARE(pair.client.peerName(), localHost.toString());
    QCOMPARE(pair.client.localAddress(), localHost);
    QCOMPARE(pair.peer->peerAddress(), localHost);
    QCOMPARE(pair.peer->peerPort(), pair.client.localPort());
    QCOMPARE(pair.peer->localPort(), pair.server.serverPort());
    QCOMPARE(pair.peer->localAddress(), localHost);
    QVERIFY(pair.peer->peerName().isEmpty());
    QVERIFY(pair.peer->isOpen());
    QCOMPARE(pair.peer->openMode() & QIODevice::ReadWrite, QIODevice::ReadWrite);
    QVERIFY(pair.client.isValid());
    pair.client.disconnectFromHost();
    QTRY_VERIFY(isUnconnected(pair.client));
    if (differs<Net>("isValid() means that there is a UDP socket"))
        QVERIFY(!pair.client.isValid());
    else
        QVERIFY(pair.client.isValid());
    QCOMPARE(pair.client.localPort(), quint16(0));
    QVERIFY(pair.client.localAddress().isNull());
    QCOMPARE(pair.client.peerPort(), quint16(0));
    QVERIFY(pair.client.peerAddress().isNull());
    QCOMPARE(pair.client.peerName(), localHost.toString()); // of the last connection
}

// Whose connection it was can be asked until the last slot of its end.
SCENARIO(addressesInSlotsOfTheEnd)
{
    for (const bool aborted : { false, true }) {
        Pair<Net> pair;
        QVERIFY(pair.connect());
        auto &client = pair.client;
        const quint16 localPort = client.localPort();
        int complete = 0;
        const auto look = [&] {
            if (client.peerAddress() == localHost && client.peerPort() == pair.server.serverPort()
                && client.localAddress() == localHost && client.localPort() == localPort
                && client.peerName() == localHost.toString())
                ++complete;
        };
        QObject::connect(&client, &Net::Socket::errorOccurred, &client, look);
        QObject::connect(&client, &Net::Socket::stateChanged, &client, look);
        QObject::connect(&client, &QIODevice::aboutToClose, &client, look);
        QObject::connect(&client, &QIODevice::readChannelFinished, &client, look);
        QObject::connect(&client, &Net::Socket::disconnected, &client, look);
        if (aborted)
            client.abort();
        else
            pair.peer->disconnectFromHost();
        QTRY_VERIFY(isUnconnected(client));
        QCOMPARE(complete, aborted ? 4 : 5);
        QVERIFY(client.peerAddress().isNull());
        QCOMPARE(client.localPort(), quint16(0));
        QCOMPARE(client.peerName(), localHost.toString());
    }
}

SCENARIO(portZero)
{
    typename Net::Socket socket;
    QSignalSpy errors(&socket, &Net::Socket::errorOccurred);
    socket.connectToHost(localHost, 0);
    QTRY_COMPARE(errors.count(), 1);
    QCOMPARE(socket.error(), QAbstractSocket::ConnectionRefusedError);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
}

SCENARIO(errorOfTheLastConnection)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    socket.connectToHost(localHost, unusedPort());
    QTRY_COMPARE(socket.error(), QAbstractSocket::ConnectionRefusedError);
    QTRY_VERIFY(isUnconnected(socket));
    QVERIFY(socket.isOpen());
    socket.connectToHost(localHost, server.serverPort());
    QCOMPARE(socket.error(), QAbstractSocket::UnknownSocketError);
    QTRY_VERIFY(isConnected(socket));
    QCOMPARE(socket.error(), QAbstractSocket::UnknownSocketError);
}

SCENARIO(connectByName)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    QSignalSpy found(&socket, &Net::Socket::hostFound);
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort(), QIODevice::ReadWrite,
                         QAbstractSocket::IPv4Protocol);
    QVERIFY(!isConnected(socket) && !isUnconnected(socket));
    QCOMPARE(socket.write("early"), 5);
    QTRY_COMPARE(socket.bytesAvailable(), 5);
    QCOMPARE(found.count(), 1);
    QCOMPARE(socket.peerName(), QStringLiteral("localhost"));
    QCOMPARE(socket.peerAddress(), localHost);
}

// "localhost" has an IPv6 address, too, where nobody listens: the next one is tried.
SCENARIO(connectToNextAddress)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort());
    QTRY_VERIFY(isConnected(socket));
    QCOMPARE(socket.peerAddress(), localHost);
}

SCENARIO(ipv6)
{
    typename Net::Server server;
    if (!server.listen(QHostAddress(QHostAddress::LocalHostIPv6)))
        QSKIP("this machine has no IPv6 loopback");
    typename Net::Socket socket;
    socket.connectToHost(QHostAddress(QHostAddress::LocalHostIPv6), server.serverPort());
    QTRY_VERIFY(isConnected(socket));
    QCOMPARE(socket.peerAddress(), QHostAddress(QHostAddress::LocalHostIPv6));
    QTRY_VERIFY(server.hasPendingConnections());
    QCOMPARE(server.nextPendingConnection()->peerPort(), socket.localPort());
}

SCENARIO(hostNotFound)
{
    typename Net::Socket socket;
    SignalLog log(&socket);
    socket.connectToHost(QStringLiteral("no-such-host.invalid"), 7000);
    QCOMPARE(socket.state(), QAbstractSocket::HostLookupState);
    QTRY_VERIFY_WITH_TIMEOUT(isUnconnected(socket), 30000);
    QCOMPARE(socket.error(), QAbstractSocket::HostNotFoundError);
    const QStringList expected{ "HostLookupState", "UnconnectedState", "HostNotFoundError" };
    QTRY_COMPARE(log.names(), expected);
}

SCENARIO(refused)
{
    typename Net::Socket socket;
    SignalLog log(&socket);
    socket.connectToHost(localHost, unusedPort());
    QTRY_VERIFY(log.names().contains(QStringLiteral("ConnectionRefusedError")));
    QCOMPARE(socket.error(), QAbstractSocket::ConnectionRefusedError);
    const QStringList expected{ "HostLookupState", "ConnectingState", "hostFound",
                                "UnconnectedState", "ConnectionRefusedError" };
    QCOMPARE(log.names(), expected);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(!socket.errorString().isEmpty());
}

// The slot of an error tries again, as a program does that waits for its server.
SCENARIO(reconnectInErrorOccurred)
{
    const quint16 port = unusedPort();
    EchoServer<Net> server;
    typename Net::Socket socket;
    int errors = 0;
    QObject::connect(
            &socket, &Net::Socket::errorOccurred, &socket,
            [&] {
                if (++errors == 2)
                    server.listen(localHost, port);
                if (errors <= 2)
                    socket.connectToHost(localHost, port);
            },
            Qt::QueuedConnection);
    socket.connectToHost(localHost, port);
    QTRY_VERIFY(isConnected(socket));
    QCOMPARE(errors, 2);
}

SCENARIO(connectTwice)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    const QByteArray warning = QByteArray(Net::socketName)
            + "::connectToHost() called when already looking up or connecting/connected to "
              "\"127.0.0.1\"";
    QTest::ignoreMessage(QtWarningMsg, warning.constData());
    pair.client.connectToHost(localHost, pair.server.serverPort());
    QVERIFY(isConnected(pair.client));
    pair.client.write("x");
    QTRY_COMPARE(pair.peer->bytesAvailable(), 1);
}

SCENARIO(openCloseOpenClose)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    for (int i = 0; i < 3; ++i) {
        QVERIFY(!socket.isOpen());
        QCOMPARE(socket.openMode(), QIODevice::NotOpen);
        socket.connectToHost(localHost, server.serverPort());
        QVERIFY(socket.isOpen());
        QVERIFY(socket.isReadable() && socket.isWritable());
        QTRY_VERIFY(isConnected(socket));
        socket.close();
        QVERIFY(!socket.isOpen());
        QCOMPARE(socket.openMode(), QIODevice::NotOpen);
        QTRY_VERIFY(isUnconnected(socket));
    }
}

SCENARIO(connectDisconnectConnectDisconnect)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    for (int i = 0; i < 3; ++i) {
        socket.connectToHost(localHost, server.serverPort());
        QTRY_VERIFY(isConnected(socket));
        socket.write("round " + QByteArray::number(i));
        QTRY_COMPARE(socket.bytesAvailable(), 7);
        QCOMPARE(socket.readAll(), "round " + QByteArray::number(i));
        socket.disconnectFromHost();
        QTRY_VERIFY(isUnconnected(socket));
        QVERIFY(socket.isOpen()); // disconnectFromHost() does not close the device
    }
    QCOMPARE(server.accepted, 3);
}

SCENARIO(disconnectWhileConnecting)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    QSignalSpy connectedSpy(&socket, &Net::Socket::connected);
    QSignalSpy disconnectedSpy(&socket, &Net::Socket::disconnected);
    QSignalSpy errors(&socket, &Net::Socket::errorOccurred);
    socket.connectToHost(localHost, server.serverPort());
    QCOMPARE(socket.state(), QAbstractSocket::ConnectingState);
    socket.write("delivered");
    socket.disconnectFromHost();
    QVERIFY(!isUnconnected(socket)); // it connects first
    QTRY_VERIFY(isUnconnected(socket));
    QCOMPARE(connectedSpy.count(), 1);
    QCOMPARE(disconnectedSpy.count(), 1);
    QCOMPARE(errors.count(), 0);
    QTRY_COMPARE(server.accepted, 1);
}

SCENARIO(disconnectWhileLookingUp)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    QSignalSpy connectedSpy(&socket, &Net::Socket::connected);
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort());
    QVERIFY(!isConnected(socket) && !isUnconnected(socket)); // Qt may know the name by now
    socket.disconnectFromHost();
    QTRY_VERIFY(isUnconnected(socket));
    QCOMPARE(connectedSpy.count(), 1);
    // close() instead
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort());
    QVERIFY(!isConnected(socket) && !isUnconnected(socket));
    socket.close();
    QVERIFY(!socket.isOpen());
    QTRY_VERIFY(isUnconnected(socket));
}

SCENARIO(abortWhileLookingUp)
{
    typename Net::Socket socket;
    QSignalSpy errors(&socket, &Net::Socket::errorOccurred);
    QSignalSpy disconnectedSpy(&socket, &Net::Socket::disconnected);
    socket.connectToHost(QStringLiteral("no-such-host.invalid"), 7000);
    QCOMPARE(socket.state(), QAbstractSocket::HostLookupState);
    socket.abort();
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(!socket.isOpen());
    QCOMPARE(disconnectedSpy.count(), 0);
    // The late answer of the lookup means nothing to the next connection.
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    socket.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(isConnected(socket));
    QCOMPARE(errors.count(), 0);
}

SCENARIO(abortWhileConnecting)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    QSignalSpy connectedSpy(&socket, &Net::Socket::connected);
    socket.connectToHost(localHost, server.serverPort());
    socket.write("never delivered");
    socket.abort();
    QVERIFY(isUnconnected(socket));
    QCOMPARE(socket.bytesToWrite(), 0);
    socket.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(isConnected(socket));
    QCOMPARE(connectedSpy.count(), 1);
}

SCENARIO(disconnectInConnected)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    QObject::connect(&socket, &Net::Socket::connected, &socket,
                     [&] { socket.disconnectFromHost(); });
    QSignalSpy disconnectedSpy(&socket, &Net::Socket::disconnected);
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(disconnectedSpy.count(), 1);
    QVERIFY(isUnconnected(socket));
}

SCENARIO(socketOptions)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    for (const auto option :
         { QAbstractSocket::LowDelayOption, QAbstractSocket::KeepAliveOption }) {
        for (const int value : { 1, 0, 1 }) {
            pair.client.setSocketOption(option, value);
            QCOMPARE(pair.client.socketOption(option).toInt(), value);
        }
    }
    for (const auto option : { QAbstractSocket::SendBufferSizeSocketOption,
                               QAbstractSocket::ReceiveBufferSizeSocketOption }) {
        pair.client.setSocketOption(option, 100000);
        QVERIFY(pair.client.socketOption(option).toInt() >= 100000);
    }
    pair.client.setSocketOption(QAbstractSocket::TypeOfServiceOption, 0x10);
    QCOMPARE(pair.client.socketOption(QAbstractSocket::TypeOfServiceOption).toInt(), 0x10);
}
