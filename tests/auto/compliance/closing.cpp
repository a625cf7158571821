// SPDX-License-Identifier: MIT
// The end of a connection, from either side, and what may happen in the slots of it.
#include "compliance.h"

#include <QtCore/qregularexpression.h>

using namespace compliance;

static constexpr char group[] = "closing";

// What was written before a close is delivered, however much it is.
SCENARIO(delayedClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    const QByteArray sent = pattern(3000000);
    pair.client.write(sent);
    pair.client.disconnectFromHost();
    QCOMPARE(pair.client.state(), QAbstractSocket::ClosingState);
    QVERIFY(pair.client.isOpen());
    QByteArray received;
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(),
                     [&] { received += pair.peer->readAll(); });
    QTRY_VERIFY_WITH_TIMEOUT(isUnconnected(*pair.peer), 20000);
    QTRY_VERIFY(isUnconnected(pair.client));
    received += pair.peer->readAll();
    QVERIFY(received == sent);
}

// The same with close(): the device is closed, the data still travel.
SCENARIO(closeDelivers)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    const QByteArray sent = pattern(2000000);
    pair.client.write(sent);
    pair.client.close();
    QVERIFY(!pair.client.isOpen());
    QCOMPARE(pair.client.state(), QAbstractSocket::ClosingState);
    QByteArray received;
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(),
                     [&] { received += pair.peer->readAll(); });
    QTRY_VERIFY_WITH_TIMEOUT(isUnconnected(*pair.peer), 20000);
    received += pair.peer->readAll();
    QVERIFY(received == sent);
}

SCENARIO(localClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    SignalLog log(&pair.client);
    pair.client.disconnectFromHost();
    const QStringList closing{ "ClosingState" };
    const QStringList all{ "ClosingState", "UnconnectedState", "readChannelFinished",
                           "disconnected" };
    if (differs<Net>("A close is confirmed by the peer"))
        QCOMPARE(log.names(), closing);
    else
        QCOMPARE(log.names(), all);
    QTRY_COMPARE(log.names(), all);
    QCOMPARE(pair.client.error(), QAbstractSocket::UnknownSocketError);
    QVERIFY(pair.client.isOpen());
}

SCENARIO(remoteClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    SignalLog log(&pair.client);
    pair.peer->write("last words");
    pair.peer->disconnectFromHost();
    QTRY_VERIFY(log.names().contains(QStringLiteral("disconnected")));
    const QStringList expected{ "readyRead",        "RemoteHostClosedError", "ClosingState",
                                "UnconnectedState", "readChannelFinished",   "disconnected" };
    QCOMPARE(log.names(), expected);
    QCOMPARE(pair.client.error(), QAbstractSocket::RemoteHostClosedError);
    QVERIFY(pair.client.isOpen());
    QCOMPARE(pair.client.bytesAvailable(), 10);
    QCOMPARE(pair.client.readAll(), QByteArray("last words"));
}

SCENARIO(statesInSlotsOfRemoteClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QAbstractSocket::SocketState inError{};
    QAbstractSocket::SocketState inFinished{};
    QAbstractSocket::SocketState inDisconnected{};
    bool valid = true;
    auto &client = pair.client;
    QObject::connect(&client, &Net::Socket::errorOccurred, &client, [&] {
        inError = client.state();
        valid = client.isValid();
    });
    QObject::connect(&client, &QIODevice::readChannelFinished, &client,
                     [&] { inFinished = client.state(); });
    QObject::connect(&client, &Net::Socket::disconnected, &client,
                     [&] { inDisconnected = client.state(); });
    pair.peer->disconnectFromHost();
    QTRY_VERIFY(isUnconnected(client));
    QCOMPARE(inError, QAbstractSocket::ConnectedState);
    QCOMPARE(inFinished, QAbstractSocket::UnconnectedState);
    QCOMPARE(inDisconnected, QAbstractSocket::UnconnectedState);
    QVERIFY(!valid);
}

SCENARIO(closeSignals)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    SignalLog log(&pair.client);
    pair.client.close();
    QCOMPARE(log.names().mid(0, 2), QStringList({ "aboutToClose", "ClosingState" }));
    QTRY_COMPARE(log.names(),
                 QStringList({ "aboutToClose", "ClosingState", "UnconnectedState",
                               "readChannelFinished", "disconnected" }));
}

SCENARIO(abortiveClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    SignalLog log(&pair.client);
    pair.client.write(QByteArray(1000, 'x'));
    pair.client.abort();
    QCOMPARE(log.names(),
             QStringList({ "aboutToClose", "UnconnectedState", "readChannelFinished",
                           "disconnected" }));
    QVERIFY(!pair.client.isOpen());
    QCOMPARE(pair.client.bytesToWrite(), 0);
    QCOMPARE(pair.client.localPort(), quint16(0));
    QTRY_VERIFY(isUnconnected(*pair.peer));
    QCOMPARE(pair.peer->error(), QAbstractSocket::RemoteHostClosedError);
    QCOMPARE(pair.peer->bytesAvailable(), 0);
}

SCENARIO(abortWhileClosing)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.client.write(QByteArray(20000000, 'x'));
    pair.client.disconnectFromHost();
    QCOMPARE(pair.client.state(), QAbstractSocket::ClosingState);
    QSignalSpy disconnectedSpy(&pair.client, &Net::Socket::disconnected);
    pair.client.abort();
    QVERIFY(isUnconnected(pair.client));
    QCOMPARE(disconnectedSpy.count(), 1);
    QCOMPARE(pair.client.bytesToWrite(), 0);
    QTRY_VERIFY(isUnconnected(*pair.peer));
}

// A peer that vanishes without reading what it was sent.
SCENARIO(suddenRemoteDisconnect)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QSignalSpy disconnectedSpy(&pair.client, &Net::Socket::disconnected);
    pair.client.write("unread");
    QTRY_COMPARE(pair.peer->bytesAvailable(), 6);
    pair.peer->abort();
    QTRY_COMPARE(disconnectedSpy.count(), 1);
    QCOMPARE(pair.client.error(), QAbstractSocket::RemoteHostClosedError);
    QCOMPARE(pair.client.write("x"), -1);
}

SCENARIO(peerIsDeleted)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QSignalSpy disconnectedSpy(&pair.client, &Net::Socket::disconnected);
    pair.peer->write("the end");
    pair.peer->flush();
    pair.peer.reset();
    QTRY_COMPARE(disconnectedSpy.count(), 1);
    QCOMPARE(pair.client.error(), QAbstractSocket::RemoteHostClosedError);
    QCOMPARE(pair.client.readAll(), QByteArray("the end"));
}

SCENARIO(bothSidesClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QSignalSpy client(&pair.client, &Net::Socket::disconnected);
    QSignalSpy peer(pair.peer.get(), &Net::Socket::disconnected);
    pair.client.write("from the client");
    pair.peer->write("from the peer");
    pair.client.disconnectFromHost();
    pair.peer->disconnectFromHost();
    QTRY_COMPARE(client.count(), 1);
    QTRY_COMPARE(peer.count(), 1);
    QVERIFY(isUnconnected(pair.client));
    QVERIFY(isUnconnected(*pair.peer));
}

SCENARIO(writeAfterDisconnectFromHost)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.client.write(QByteArray(3000000, 'x'));
    pair.client.disconnectFromHost();
    QCOMPARE(pair.client.state(), QAbstractSocket::ClosingState);
    if (differs<Net>("Nothing can be written after disconnectFromHost()"))
        QCOMPARE(pair.client.write("y"), -1);
    else
        QCOMPARE(pair.client.write("y"), 1);
}

// A connection that was closed by the peer in every slot is closed by us.
SCENARIO(closeInReadyRead)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    int readyReads = 0;
    QByteArray received;
    QObject::connect(&pair.client, &QIODevice::readyRead, &pair.client, [&] {
        ++readyReads;
        received = pair.client.readAll();
        pair.client.close();
    });
    pair.peer->write("one");
    QTRY_VERIFY(isUnconnected(pair.client));
    QTRY_VERIFY(isUnconnected(*pair.peer));
    QCOMPARE(readyReads, 1);
    QCOMPARE(received, QByteArray("one"));
}

SCENARIO(reconnectInDisconnected)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    int rounds = 0;
    QObject::connect(&socket, &Net::Socket::connected, &socket,
                     [&] { socket.write(rounds < 3 ? "close" : "stay"); });
    QObject::connect(&socket, &Net::Socket::disconnected, &socket, [&] {
        ++rounds;
        socket.connectToHost(localHost, server.serverPort());
    });
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(rounds, 3);
    QTRY_COMPARE(socket.bytesAvailable(), 4);
    QCOMPARE(socket.readAll(), QByteArray("stay"));
    QCOMPARE(server.accepted, 4);
}

namespace {

enum class Moment {
    StateChanged,
    Connected,
    ReadyRead,
    BytesWritten,
    Error,
    Finished,
    Disconnected
};

template <typename Net, typename Slot>
void connectAt(Moment moment, typename Net::Socket *socket, Slot slot)
{
    using Socket = typename Net::Socket;
    switch (moment) {
    case Moment::StateChanged:
        QObject::connect(socket, &Socket::stateChanged, socket, slot);
        break;
    case Moment::Connected:
        QObject::connect(socket, &Socket::connected, socket, slot);
        break;
    case Moment::ReadyRead:
        QObject::connect(socket, &QIODevice::readyRead, socket, slot);
        break;
    case Moment::BytesWritten:
        QObject::connect(socket, &QIODevice::bytesWritten, socket, slot);
        break;
    case Moment::Error:
        QObject::connect(socket, &Socket::errorOccurred, socket, slot);
        break;
    case Moment::Finished:
        QObject::connect(socket, &QIODevice::readChannelFinished, socket, slot);
        break;
    case Moment::Disconnected:
        QObject::connect(socket, &Socket::disconnected, socket, slot);
        break;
    }
}

constexpr Moment AllMoments[] = { Moment::StateChanged, Moment::Connected, Moment::ReadyRead,
                                  Moment::BytesWritten, Moment::Error,     Moment::Finished,
                                  Moment::Disconnected };

// A client that comes through all moments while the server sends and closes; `act` happens in its
// slot of one of them, once.
template <typename Net, typename Action>
void inEachSlot(Action act)
{
    for (const Moment moment : AllMoments) {
        EchoServer<Net> server;
        QVERIFY(server.listen(localHost));
        const QPointer<typename Net::Socket> socket = new typename Net::Socket;
        bool done = false;
        connectAt<Net>(moment, socket, [&] {
            if (!done) {
                done = true;
                act(socket.data());
            }
        });
        QObject::connect(socket.data(), &QIODevice::readyRead, &server, [&] {
            if (socket && socket->isOpen())
                socket->write("close");
        });
        socket->connectToHost(localHost, server.serverPort());
        if (socket && socket->isOpen())
            socket->write("hello");
        QTRY_VERIFY2(done, qPrintable(QString::number(int(moment))));
        QTRY_VERIFY(!socket || isUnconnected(*socket));
        delete socket.data();
    }
}

} // namespace

SCENARIO(deleteLaterInSlots)
{
    inEachSlot<Net>([](auto *socket) { socket->deleteLater(); });
}

SCENARIO(abortInSlots)
{
    inEachSlot<Net>([](auto *socket) { socket->abort(); });
}

SCENARIO(closeInSlots)
{
    inEachSlot<Net>([](auto *socket) { socket->close(); });
}

SCENARIO(disconnectInSlots)
{
    inEachSlot<Net>([](auto *socket) { socket->disconnectFromHost(); });
}

// QAbstractSocket wants deleteLater() in most of its slots; we do not ask for it.
SCENARIO(deleteInDisconnected)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    auto *socket = new typename Net::Socket;
    const QPointer<typename Net::Socket> alive(socket);
    QObject::connect(socket, &Net::Socket::disconnected, socket, &QObject::deleteLater);
    socket->connectToHost(localHost, pair.server.serverPort());
    QTRY_VERIFY(isConnected(*socket));
    socket->disconnectFromHost();
    QTRY_VERIFY(!alive);
}

// Signals of a QTcpSocket that is being deleted call slots of objects that may be gone already.
SCENARIO(signalsOfADestructor)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    int signalCount = 0;
    const auto count = [&] { ++signalCount; };
    QObject::connect(pair.peer.get(), &Net::Socket::disconnected, &pair.server, count);
    QObject::connect(pair.peer.get(), &Net::Socket::stateChanged, &pair.server, count);
    bool destroyed = false;
    QObject::connect(pair.peer.get(), &QObject::destroyed, &pair.server, [&] { destroyed = true; });
    pair.peer.reset();
    QVERIFY(destroyed);
    if (differs<Net>("A destructor emits no signals"))
        QCOMPARE(signalCount, 0);
    else
        QVERIFY(signalCount > 0);
    QTRY_VERIFY(isUnconnected(pair.client));
}

SCENARIO(deletedWithItsParent)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    auto *parent = new QObject;
    auto *socket = new typename Net::Socket(parent);
    socket->connectToHost(localHost, pair.server.serverPort());
    QTRY_VERIFY(pair.server.hasPendingConnections());
    auto *accepted = pair.server.nextPendingConnection();
    delete parent;
    QTRY_VERIFY(isUnconnected(*accepted));
}

SCENARIO(readChannelFinishedOnce)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QSignalSpy finished(&pair.client, &QIODevice::readChannelFinished);
    QSignalSpy errors(&pair.client, &Net::Socket::errorOccurred);
    pair.peer->write("x");
    pair.peer->disconnectFromHost();
    QTRY_COMPARE(finished.count(), 1);
    pair.client.readAll();
    pair.client.disconnectFromHost();
    pair.client.close();
    QCoreApplication::processEvents();
    QCOMPARE(finished.count(), 1);
    QCOMPARE(errors.count(), 1);
}
