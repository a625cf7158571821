// SPDX-License-Identifier: MIT
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

#include <QtCore/qdatastream.h>
#include <QtCore/qpointer.h>
#include <QtCore/qthread.h>
#include <QtNetwork/qudpsocket.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <atomic>
#include <chrono>
#include <memory>

using namespace std::chrono_literals;

Q_DECLARE_METATYPE(KcpConfiguration::Profile)

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

KcpConfiguration configurationFor(KcpConfiguration::Profile profile)
{
    KcpConfiguration configuration;
    configuration.setProfile(profile);
    return configuration;
}

QByteArray pattern(qsizetype size)
{
    QByteArray bytes(size, Qt::Uninitialized);
    quint32 state = 12345;
    for (char &byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = char(state >> 24);
    }
    return bytes;
}

// Sends back what it receives.
class EchoServer : public KcpServer
{
public:
    explicit EchoServer(KcpConfiguration::Profile profile)
    {
        setConfiguration(configurationFor(profile));
        setAcceptedProfiles(profile);
        connect(this, &KcpServer::newConnection, this, [this] {
            while (KcpSocket *socket = nextPendingConnection()) {
                const auto echo = [socket] { socket->write(socket->readAll()); };
                connect(socket, &KcpSocket::readyRead, socket, echo);
                connect(socket, &KcpSocket::disconnected, socket, &QObject::deleteLater);
                ++accepted;
                echo();
            }
        });
    }
    int accepted = 0;
};

// A connected pair: the server's side is taken.
struct Pair
{
    explicit Pair(const KcpConfiguration &configuration)
    {
        server.setConfiguration(configuration);
        server.setAcceptedProfiles(configuration.profile());
        client.setConfiguration(configuration);
    }
    bool connect()
    {
        if (!server.listen(localHost))
            return false;
        client.connectToHost(localHost, server.serverPort());
        // A plain server learns of a client from its first data.
        if (client.configuration().profile() == KcpConfiguration::PlainKcp) {
            client.write("?");
            if (!QTest::qWaitFor([this] { return server.hasPendingConnections(); }))
                return false;
            peer.reset(server.nextPendingConnection());
            if (!QTest::qWaitFor([this] { return peer->bytesAvailable() == 1; }))
                return false;
            peer->readAll();
        } else {
            if (!QTest::qWaitFor([this] { return server.hasPendingConnections(); }))
                return false;
            peer.reset(server.nextPendingConnection());
        }
        return QTest::qWaitFor(
                [this] { return client.state() == QAbstractSocket::ConnectedState; });
    }

    KcpServer server;
    KcpSocket client;
    std::unique_ptr<KcpSocket> peer;
};

void addProfiles()
{
    QTest::addColumn<KcpConfiguration::Profile>("profile");
    QTest::newRow("native") << KcpConfiguration::Native;
    QTest::newRow("plain") << KcpConfiguration::PlainKcp;
}

} // namespace

class tst_KcpSocket : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void constructing();
    void echo_data() { addProfiles(); }
    void echo();
    void echoWithoutBatching();
    void connectByName();
    void hostNotFound();
    void plainWithNothingToWrite();
    void connectWithoutReply();
    void refusedByClosedPort_data() { addProfiles(); }
    void refusedByClosedPort();
    void silentPort();
    void bind();
    void bindFails();
    void connectTwiceWarns();
    void openCloseOpenClose();
    void connectDisconnectConnectDisconnect();
    void disconnectDelivers_data() { addProfiles(); }
    void disconnectDelivers();
    void disconnectWhileConnecting();
    void disconnectWhileLookingUp();
    void abortWhileLookingUp();
    void abortiveClose();
    void closeDropsWhatWasReceived();
    void suddenRemoteDisconnect();
    void readLine();
    void readChunks();
    void partialRead();
    void unget();
    void peek();
    void transactions();
    void atEnd();
    void readAllAfterClose();
    void zeroAndMinusOneReturns();
    void writeInClosedStates();
    void increaseReadBufferSize();
    void recursiveReadyRead();
    void bytesWrittenAddsUp();
    void moveToThread();
    void socketOptions();
    void setConfiguration();
    void conversationId();
    void rebind();
    void statistics();
    void deletedInSlot();
};

void tst_KcpSocket::constructing()
{
    KcpSocket socket;
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(socket.isSequential());
    QVERIFY(!socket.isOpen());
    QVERIFY(!socket.isValid());
    QCOMPARE(socket.bytesAvailable(), 0);
    QCOMPARE(socket.bytesToWrite(), 0);
    QVERIFY(!socket.canReadLine());
    QCOMPARE(socket.readBufferSize(), 0);
    QCOMPARE(socket.writeBufferLimit(), 0);
    QVERIFY(socket.localAddress().isNull());
    QCOMPARE(socket.localPort(), quint16(0));
    QVERIFY(socket.peerAddress().isNull());
    QCOMPARE(socket.peerPort(), quint16(0));
    QCOMPARE(socket.error(), QAbstractSocket::UnknownSocketError);
    QCOMPARE(socket.closeReason(), KcpSocket::NotClosed);
    QCOMPARE(socket.configuration(), KcpConfiguration(KcpConfiguration::Adaptive));
    QCOMPARE(socket.statistics().bytesSent(), quint64(0));
}

void tst_KcpSocket::echo()
{
    QFETCH(KcpConfiguration::Profile, profile);
    EchoServer server(profile);
    QVERIFY2(server.listen(localHost), qPrintable(server.errorString()));
    KcpSocket socket;
    socket.setConfiguration(configurationFor(profile));
    QSignalSpy connectedSpy(&socket, &KcpSocket::connected);
    QByteArray received;
    connect(&socket, &KcpSocket::readyRead, &socket, [&] { received += socket.readAll(); });

    const QByteArray sent = pattern(3 * 1024 * 1024);
    socket.connectToHost(localHost, server.serverPort());
    QCOMPARE(socket.write(sent), sent.size()); // before connected()
    QTRY_COMPARE(connectedSpy.count(), 1);
    QTRY_COMPARE_WITH_TIMEOUT(received.size(), sent.size(), 20000);
    QVERIFY(received == sent);
    QCOMPARE(server.accepted, 1);
}

void tst_KcpSocket::echoWithoutBatching()
{
    qputenv("KCPNETWORK_NO_BATCHING", "1");
    EchoServer server(KcpConfiguration::Native);
    KcpSocket socket;
    const bool listening = server.listen(localHost);
    socket.connectToHost(localHost, server.serverPort());
    qunsetenv("KCPNETWORK_NO_BATCHING");
    QVERIFY(listening);
    const QByteArray sent = pattern(300000);
    socket.write(sent);
    QByteArray received;
    connect(&socket, &KcpSocket::readyRead, &socket, [&] { received += socket.readAll(); });
    QTRY_COMPARE_WITH_TIMEOUT(received.size(), sent.size(), 20000);
    QVERIFY(received == sent);
}

void tst_KcpSocket::connectByName()
{
    // "localhost" has an IPv6 address on most machines, where nobody listens then.
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    QSignalSpy found(&socket, &KcpSocket::hostFound);
    QSignalSpy states(&socket, &KcpSocket::stateChanged);
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort());
    QCOMPARE(socket.state(), QAbstractSocket::HostLookupState);
    QCOMPARE(socket.write("early"), 5);
    QCOMPARE(socket.bytesToWrite(), 5);
    QTRY_COMPARE(socket.bytesAvailable(), 5);
    QCOMPARE(found.count(), 1);
    QCOMPARE(states.count(), 3);
    QCOMPARE(socket.peerName(), QStringLiteral("localhost"));
    QCOMPARE(socket.peerAddress(), localHost);
    QCOMPARE(server.accepted, 1);
}

void tst_KcpSocket::hostNotFound()
{
    KcpSocket socket;
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    socket.connectToHost(QStringLiteral("no-such-host.invalid"), 7000);
    QTRY_COMPARE_WITH_TIMEOUT(errors.count(), 1, 30000);
    QCOMPARE(socket.error(), QAbstractSocket::HostNotFoundError);
    QVERIFY(socket.errorString().contains("no-such-host.invalid"));
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
}

void tst_KcpSocket::plainWithNothingToWrite()
{
    EchoServer server(KcpConfiguration::PlainKcp);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    socket.setConfiguration(configurationFor(KcpConfiguration::PlainKcp));
    QSignalSpy connectedSpy(&socket, &KcpSocket::connected);
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(connectedSpy.count(), 1);
    QCOMPARE(server.connectionCount(), 0); // it answers, and keeps nothing
}

void tst_KcpSocket::connectWithoutReply()
{
    QUdpSocket silent;
    QVERIFY(silent.bind(localHost));
    KcpConfiguration configuration = configurationFor(KcpConfiguration::PlainKcp);
    configuration.setConnectWithoutReply(true);
    KcpSocket socket;
    socket.setConfiguration(configuration);
    QSignalSpy connectedSpy(&socket, &KcpSocket::connected);
    socket.connectToHost(localHost, silent.localPort());
    QTRY_COMPARE(connectedSpy.count(), 1);
}

void tst_KcpSocket::refusedByClosedPort()
{
    QFETCH(KcpConfiguration::Profile, profile);
    QUdpSocket other;
    QVERIFY(other.bind(localHost));
    const quint16 port = other.localPort();
    other.close();
    KcpSocket socket;
    socket.setConfiguration(configurationFor(profile));
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    socket.connectToHost(localHost, port);
    // At once: far below the connect timeout of 10 s.
    QTRY_COMPARE_WITH_TIMEOUT(errors.count(), 1, 2000);
    QCOMPARE(socket.error(), QAbstractSocket::ConnectionRefusedError);
    QVERIFY2(socket.errorString().contains("nothing listens"), qPrintable(socket.errorString()));
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(socket.closeReason(), KcpSocket::Refused);
}

void tst_KcpSocket::silentPort()
{
    QUdpSocket silent;
    QVERIFY(silent.bind(localHost));
    KcpConfiguration configuration;
    configuration.setConnectTimeout(300ms);
    KcpSocket socket;
    socket.setConfiguration(configuration);
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    socket.connectToHost(localHost, silent.localPort());
    QTRY_COMPARE(errors.count(), 1);
    QCOMPARE(socket.error(), QAbstractSocket::SocketTimeoutError);
    QCOMPARE(socket.closeReason(), KcpSocket::ConnectTimeout);
}

void tst_KcpSocket::bind()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    QVERIFY(socket.bind(localHost));
    QCOMPARE(socket.state(), QAbstractSocket::BoundState);
    const quint16 port = socket.localPort();
    QVERIFY(port != 0);
    QCOMPARE(socket.localAddress(), localHost);
    QVERIFY(socket.isValid());
    QVERIFY(!socket.isOpen());
    socket.connectToHost(localHost, server.serverPort());
    socket.write("x");
    QTRY_COMPARE(socket.bytesAvailable(), 1);
    QCOMPARE(socket.localPort(), port);

    KcpSocket any;
    QVERIFY(any.bind());
    QVERIFY(any.localPort() != 0);
    any.disconnectFromHost();
    QCOMPARE(any.state(), QAbstractSocket::UnconnectedState);
}

void tst_KcpSocket::bindFails()
{
    QUdpSocket other;
    QVERIFY(other.bind(localHost));
    KcpSocket socket;
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    QVERIFY(!socket.bind(localHost, other.localPort()));
    QCOMPARE(socket.error(), QAbstractSocket::AddressInUseError);
    QCOMPARE(errors.count(), 1);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(socket.bind(localHost));
    QTest::ignoreMessage(QtWarningMsg, "KcpSocket::bind() is possible in UnconnectedState only");
    QVERIFY(!socket.bind(localHost));
}

void tst_KcpSocket::connectTwiceWarns()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    socket.connectToHost(localHost, server.serverPort());
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::connectToHost() called when already looking up or "
                         "connecting/connected to \"127.0.0.1\"");
    socket.connectToHost(localHost, server.serverPort());
}

void tst_KcpSocket::openCloseOpenClose()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    for (int i = 0; i < 3; ++i) {
        QVERIFY(!socket.isOpen());
        socket.connectToHost(localHost, server.serverPort());
        QVERIFY(socket.isOpen());
        QVERIFY(socket.isReadable() && socket.isWritable());
        QTRY_COMPARE(socket.state(), QAbstractSocket::ConnectedState);
        socket.close();
        QVERIFY(!socket.isOpen());
        QTRY_COMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    }
}

void tst_KcpSocket::connectDisconnectConnectDisconnect()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    for (int i = 0; i < 3; ++i) {
        socket.connectToHost(localHost, server.serverPort());
        QTRY_COMPARE(socket.state(), QAbstractSocket::ConnectedState);
        QVERIFY(socket.localPort() != 0);
        socket.write("round " + QByteArray::number(i));
        QTRY_COMPARE(socket.bytesAvailable(), 7);
        QCOMPARE(socket.readAll(), "round " + QByteArray::number(i));
        socket.disconnectFromHost();
        QTRY_COMPARE(socket.state(), QAbstractSocket::UnconnectedState);
        QCOMPARE(socket.localPort(), quint16(0));
        QCOMPARE(socket.peerPort(), quint16(0));
    }
    QCOMPARE(server.accepted, 3);
}

void tst_KcpSocket::disconnectDelivers()
{
    QFETCH(KcpConfiguration::Profile, profile);
    Pair pair(configurationFor(profile));
    QVERIFY(pair.connect());
    const QByteArray sent = pattern(2000000);
    pair.client.write(sent);
    pair.client.disconnectFromHost();
    QCOMPARE(pair.client.state(), QAbstractSocket::ClosingState);
    QByteArray received;
    connect(pair.peer.get(), &KcpSocket::readyRead, this,
            [&] { received += pair.peer->readAll(); });
    QTRY_COMPARE_WITH_TIMEOUT(pair.client.state(), QAbstractSocket::UnconnectedState, 20000);
    QCOMPARE(pair.client.closeReason(), KcpSocket::LocalClose);
    QTRY_COMPARE(received.size(), sent.size());
    QVERIFY(received == sent);
    if (profile == KcpConfiguration::Native) // plain KCP knows no close
        QTRY_COMPARE(pair.peer->state(), QAbstractSocket::UnconnectedState);
}

void tst_KcpSocket::disconnectWhileConnecting()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    QSignalSpy connectedSpy(&socket, &KcpSocket::connected);
    QSignalSpy disconnectedSpy(&socket, &KcpSocket::disconnected);
    socket.connectToHost(localHost, server.serverPort());
    socket.write("delivered all the same");
    socket.disconnectFromHost();
    QCOMPARE(socket.state(), QAbstractSocket::ConnectingState);
    QTRY_COMPARE(disconnectedSpy.count(), 1);
    QCOMPARE(connectedSpy.count(), 1);
    QCOMPARE(server.accepted, 1);
    QCOMPARE(socket.closeReason(), KcpSocket::LocalClose);
}

void tst_KcpSocket::disconnectWhileLookingUp()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    QSignalSpy disconnectedSpy(&socket, &KcpSocket::disconnected);
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort());
    socket.disconnectFromHost();
    QTRY_COMPARE(disconnectedSpy.count(), 1);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
}

void tst_KcpSocket::abortWhileLookingUp()
{
    KcpSocket socket;
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    socket.connectToHost(QStringLiteral("localhost"), 9);
    socket.abort();
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(!socket.isOpen());
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(socket.state(), QAbstractSocket::ConnectedState);
    QCOMPARE(errors.count(), 0); // the lookup's result came to nobody
}

void tst_KcpSocket::abortiveClose()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.client.abort();
    QCOMPARE(pair.client.state(), QAbstractSocket::UnconnectedState);
    QTRY_COMPARE(pair.peer->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(pair.peer->error(), QAbstractSocket::RemoteHostClosedError);
    QCOMPARE(pair.peer->closeReason(), KcpSocket::RemoteAbort);
}

void tst_KcpSocket::closeDropsWhatWasReceived()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.peer->write("unread");
    QTRY_COMPARE(pair.client.bytesAvailable(), 6);
    pair.client.write("still delivered");
    pair.client.close();
    QCOMPARE(pair.client.bytesAvailable(), 0);
    QTRY_COMPARE(pair.client.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(pair.peer->readAll(), QByteArray("still delivered"));
}

void tst_KcpSocket::suddenRemoteDisconnect()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    QSignalSpy finished(&pair.client, &KcpSocket::readChannelFinished);
    QSignalSpy errors(&pair.client, &KcpSocket::errorOccurred);
    pair.peer->write("goodbye");
    pair.peer.reset();
    QTRY_COMPARE(finished.count(), 1);
    QCOMPARE(errors.count(), 1);
    QCOMPARE(pair.client.readAll(), QByteArray("goodbye"));
}

void tst_KcpSocket::readLine()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.peer->write("one\ntwo\nthree without an end");
    QTRY_COMPARE(pair.client.bytesAvailable(), 29 - 1);
    QVERIFY(pair.client.canReadLine());
    QCOMPARE(pair.client.readLine(), QByteArray("one\n"));
    QCOMPARE(pair.client.readLine(3), QByteArray("tw"));
    QCOMPARE(pair.client.readLine(), QByteArray("o\n"));
    QVERIFY(!pair.client.canReadLine());
    QCOMPARE(pair.client.readLine(), QByteArray("three without an end"));
    QCOMPARE(pair.client.readLine(), QByteArray());
}

void tst_KcpSocket::readChunks()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    socket.connectToHost(localHost, server.serverPort());
    const QByteArray sent = pattern(500000);
    socket.write(sent);
    QByteArray received;
    connect(&socket, &KcpSocket::readyRead, &socket, [&] {
        for (int size = 1; socket.bytesAvailable() > 0; size = size * 3 % 1009 + 1)
            received += socket.read(size);
    });
    QTRY_COMPARE_WITH_TIMEOUT(received.size(), sent.size(), 20000);
    QVERIFY(received == sent);
}

void tst_KcpSocket::partialRead()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.peer->write("0123456789");
    QTRY_COMPARE(pair.client.bytesAvailable(), 10);
    char buffer[4];
    QCOMPARE(pair.client.read(buffer, 4), 4);
    QCOMPARE(QByteArray(buffer, 4), QByteArray("0123"));
    QCOMPARE(pair.client.bytesAvailable(), 6);
    QCOMPARE(pair.client.skip(2), 2);
    QCOMPARE(pair.client.read(100), QByteArray("6789"));
    QCOMPARE(pair.client.bytesAvailable(), 0);
}

void tst_KcpSocket::unget()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.peer->write("bc\n");
    QTRY_COMPARE(pair.client.bytesAvailable(), 3);
    pair.client.ungetChar('a');
    QCOMPARE(pair.client.bytesAvailable(), 4);
    QVERIFY(pair.client.canReadLine());
    QCOMPARE(pair.client.readLine(), QByteArray("abc\n"));
}

void tst_KcpSocket::peek()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    const QByteArray sent = pattern(5000) + "\nrest";
    pair.peer->write(sent);
    QTRY_COMPARE(pair.client.bytesAvailable(), sent.size());
    QCOMPARE(pair.client.peek(10), sent.left(10));
    QCOMPARE(pair.client.peek(sent.size() + 10), sent);
    QCOMPARE(pair.client.bytesAvailable(), sent.size());
    QCOMPARE(pair.client.readAll(), sent);
}

void tst_KcpSocket::transactions()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    QDataStream out(pair.peer.get());
    out << QStringLiteral("complete") << 42;
    QTRY_VERIFY(pair.client.bytesAvailable() > 20);
    QDataStream in(&pair.client);
    QString text;
    int number = 0;
    double missing = 0;
    in.startTransaction();
    in >> text >> number >> missing;
    QVERIFY(!in.commitTransaction());
    out << 1.5;
    QTRY_COMPARE(pair.client.bytesAvailable(), 20 + 4 + 8);
    in.startTransaction();
    in >> text >> number >> missing;
    QVERIFY(in.commitTransaction());
    QCOMPARE(text, QStringLiteral("complete"));
    QCOMPARE(number, 42);
    QCOMPARE(missing, 1.5);
    QCOMPARE(pair.client.bytesAvailable(), 0);
}

void tst_KcpSocket::atEnd()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    QVERIFY(pair.client.atEnd());
    pair.peer->write("ab");
    QTRY_COMPARE(pair.client.bytesAvailable(), 2);
    QVERIFY(!pair.client.atEnd());
    pair.client.readAll();
    QVERIFY(pair.client.atEnd());
}

void tst_KcpSocket::readAllAfterClose()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.peer->write("text");
    QTRY_COMPARE(pair.client.bytesAvailable(), 4);
    pair.client.close();
    QTest::ignoreMessage(QtWarningMsg, "QIODevice::read (KcpSocket): device not open");
    QCOMPARE(pair.client.readAll(), QByteArray());
}

void tst_KcpSocket::zeroAndMinusOneReturns()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    char buffer[8];
    QCOMPARE(pair.client.write(buffer, 0), 0);
    QCOMPARE(pair.client.read(buffer, 0), 0);
    QCOMPARE(pair.client.readLine(buffer, sizeof buffer), 0);
    QCOMPARE(pair.client.read(buffer, sizeof buffer), 0);
    QCOMPARE(pair.client.bytesAvailable(), 0);
    pair.client.close();
    QTRY_COMPARE(pair.client.state(), QAbstractSocket::UnconnectedState);
    for (const char *function : { "write", "read", "readLine" }) {
        QTest::ignoreMessage(QtWarningMsg,
                             "QIODevice::" + QByteArray(function)
                                     + " (KcpSocket): device not open");
    }
    QCOMPARE(pair.client.write("x", 1), -1);
    QCOMPARE(pair.client.read(buffer, 1), -1);
    QCOMPARE(pair.client.readLine(buffer, 2), -1);
}

void tst_KcpSocket::writeInClosedStates()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.peer->disconnectFromHost();
    QCOMPARE(pair.peer->write("too late"), -1);
    QTRY_COMPARE(pair.client.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(pair.client.isOpen());
    QCOMPARE(pair.client.write("too late"), -1);
    QVERIFY(!pair.client.errorString().isEmpty());
}

void tst_KcpSocket::increaseReadBufferSize()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.client.setReadBufferSize(4000);
    QCOMPARE(pair.client.readBufferSize(), 4000);
    const QByteArray sent = pattern(400000);
    pair.peer->write(sent);
    QTRY_VERIFY(pair.client.bytesAvailable() >= 4000);
    QTRY_VERIFY(pair.peer->bytesToWrite() > 0); // the window is closed
    pair.client.setReadBufferSize(0);
    QTRY_COMPARE(pair.client.bytesAvailable(), sent.size());
    QVERIFY(pair.client.readAll() == sent);
}

void tst_KcpSocket::recursiveReadyRead()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    int depth = 0;
    int deepest = 0;
    QByteArray received;
    connect(&pair.client, &KcpSocket::readyRead, this, [&] {
        deepest = qMax(deepest, ++depth);
        received += pair.client.readAll();
        if (received == "a") {
            pair.peer->write("b");
            pair.peer->flush();
            pair.client.waitForReadyRead(5000);
            received += pair.client.readAll();
        }
        --depth;
    });
    pair.peer->write("a");
    QTRY_COMPARE(received, QByteArray("ab"));
    QCOMPARE(deepest, 1);
}

void tst_KcpSocket::bytesWrittenAddsUp()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    KcpSocket socket;
    qint64 written = 0;
    connect(&socket, &KcpSocket::bytesWritten, &socket, [&](qint64 bytes) { written += bytes; });
    socket.connectToHost(localHost, server.serverPort());
    socket.write(pattern(100));
    QTRY_COMPARE(written, 100);
    socket.write(pattern(1000000));
    QTRY_COMPARE_WITH_TIMEOUT(written, 1000100, 20000);
    QCOMPARE(socket.bytesToWrite(), 0);
    QTRY_COMPARE(socket.bytesUnacknowledged(), 0);
}

void tst_KcpSocket::moveToThread()
{
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    QThread thread;
    for (const bool bound : { false, true }) {
        auto *socket = new KcpSocket;
        if (bound)
            QVERIFY(socket->bind(localHost));
        socket->moveToThread(&thread);
        QByteArray received;
        QThread *receivedIn = nullptr;
        std::atomic_bool done = false;
        connect(socket, &KcpSocket::readyRead, socket, [&, socket] {
            received += socket->readAll();
            receivedIn = QThread::currentThread();
            if (received.size() == 5)
                done = true;
        });
        if (!thread.isRunning())
            thread.start();
        const quint16 port = server.serverPort();
        QMetaObject::invokeMethod(socket, [socket, port] {
            socket->connectToHost(localHost, port);
            socket->write("hello");
        });
        QTRY_VERIFY(done);
        QCOMPARE(received, QByteArray("hello"));
        QCOMPARE(receivedIn, &thread);
        socket->deleteLater();
    }
    thread.quit();
    QVERIFY(thread.wait());
}

void tst_KcpSocket::socketOptions()
{
    Pair pair{ KcpConfiguration() };
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::setSocketOption(): option 4 needs a socket that is bound, "
                         "connecting or connected");
    pair.client.setSocketOption(QAbstractSocket::TypeOfServiceOption, 32);
    QVERIFY(pair.connect());
    QCOMPARE(pair.client.socketOption(QAbstractSocket::LowDelayOption).toInt(), 1);
    pair.client.setSocketOption(QAbstractSocket::LowDelayOption, 0);
    QCOMPARE(pair.client.socketOption(QAbstractSocket::LowDelayOption).toInt(), 0);
    QVERIFY(!pair.client.configuration().ackNoDelay());
    pair.client.setSocketOption(QAbstractSocket::KeepAliveOption, 0);
    QCOMPARE(pair.client.configuration().keepAliveInterval(), 0ms);
    pair.client.setSocketOption(QAbstractSocket::KeepAliveOption, 1);
    QCOMPARE(pair.client.configuration().keepAliveInterval(), 10s);
    pair.client.setSocketOption(QAbstractSocket::TypeOfServiceOption, 32);
    QCOMPARE(pair.client.socketOption(QAbstractSocket::TypeOfServiceOption).toInt(), 32);
    QVERIFY(pair.client.socketOption(QAbstractSocket::ReceiveBufferSizeSocketOption).toInt() > 0);
    QTest::ignoreMessage(QtWarningMsg, "KcpSocket::setSocketOption(): option 2 is not supported");
    pair.client.setSocketOption(QAbstractSocket::MulticastTtlOption, 1);
    QVERIFY(!pair.client.socketOption(QAbstractSocket::MulticastTtlOption).isValid());
}

void tst_KcpSocket::setConfiguration()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    KcpConfiguration changed = pair.client.configuration();
    changed.setInterval(50ms);
    QVERIFY(pair.client.setConfiguration(changed));
    QCOMPARE(pair.client.configuration(), changed);
    KcpConfiguration impossible = changed;
    impossible.setMode(KcpConfiguration::Message);
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::setConfiguration(): mode and profile cannot change while "
                         "connecting or connected");
    QVERIFY(!pair.client.setConfiguration(impossible));
    QCOMPARE(pair.client.configuration(), changed);
    QCOMPARE(pair.peer->configuration(), pair.server.configuration());
}

void tst_KcpSocket::conversationId()
{
    Pair pair(configurationFor(KcpConfiguration::PlainKcp));
    QCOMPARE(pair.client.conversationId(), 0U);
    QVERIFY(pair.client.setConversationId(0x11223344));
    QVERIFY(pair.connect());
    QCOMPARE(pair.client.conversationId(), 0x11223344U);
    QCOMPARE(pair.peer->conversationId(), 0x11223344U);
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::setConversationId(1) is possible before connecting only");
    QVERIFY(!pair.client.setConversationId(1));
}

void tst_KcpSocket::rebind()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    QSignalSpy moved(pair.peer.get(), &KcpSocket::peerAddressChanged);
    const QByteArray sent = pattern(500000);
    QByteArray received;
    connect(pair.peer.get(), &KcpSocket::readyRead, this,
            [&] { received += pair.peer->readAll(); });
    const quint16 before = pair.client.localPort();
    pair.client.write(sent);
    QTRY_VERIFY(received.size() > 10000);
    QVERIFY(pair.client.rebind());
    QVERIFY(pair.client.localPort() != before);
    QTRY_COMPARE_WITH_TIMEOUT(received.size(), sent.size(), 20000);
    QVERIFY(received == sent);
    QTRY_COMPARE(moved.count(), 1);
    QCOMPARE(pair.peer->peerPort(), pair.client.localPort());
    pair.peer->write("welcome");
    QTRY_COMPARE(pair.client.bytesAvailable(), 7);
}

void tst_KcpSocket::statistics()
{
    Pair pair{ KcpConfiguration() };
    QVERIFY(pair.connect());
    pair.client.write(pattern(100000));
    QTRY_COMPARE(pair.peer->bytesAvailable(), 100000);
    QTRY_COMPARE(pair.client.bytesUnacknowledged(), 0);
    const KcpStatistics statistics = pair.client.statistics();
    QVERIFY(statistics.bytesSent() > 100000);
    QVERIFY(statistics.segmentsSent() >= 72);
    QVERIFY(statistics.datagramsReceived() > 0);
    QVERIFY(statistics.smoothedRtt().count() > 0);
    QVERIFY(statistics.congestionWindow() > 0);
    QCOMPARE(statistics.bytesInFlight(), 0);
    QVERIFY(pair.peer->statistics().segmentsReceived() >= 72);
    pair.client.disconnectFromHost();
    QTRY_COMPARE(pair.client.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(pair.client.statistics().bytesSent() >= statistics.bytesSent()); // stays
}

void tst_KcpSocket::deletedInSlot()
{
    // On the real event loop: the driver is deleted while its notifier's slot runs.
    EchoServer server(KcpConfiguration::Native);
    QVERIFY(server.listen(localHost));
    for (int i = 0; i < 3; ++i) {
        auto *socket = new KcpSocket;
        const QPointer<KcpSocket> alive(socket);
        if (i == 0)
            connect(socket, &KcpSocket::connected, this, [socket] { delete socket; });
        else if (i == 1)
            connect(socket, &KcpSocket::readyRead, this, [socket] { delete socket; });
        else
            connect(socket, &KcpSocket::bytesWritten, this, [socket] {
                socket->abort();
                delete socket;
            });
        socket->connectToHost(localHost, server.serverPort());
        socket->write("x");
        QTRY_VERIFY(!alive);
    }
}

QTEST_GUILESS_MAIN(tst_KcpSocket)
#include "tst_kcpsocket.moc"
