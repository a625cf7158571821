// SPDX-License-Identifier: MIT
// What KcpSocket has beyond QTcpSocket, or with plain KCP; what both do is in ../compliance.
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

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
    void hostNotFound();
    void plainWithNothingToWrite();
    void connectWithoutReply();
    void refusedByClosedPort_data() { addProfiles(); }
    void refusedByClosedPort();
    void silentPort();
    void bind();
    void bindFails();
    void disconnectDelivers_data() { addProfiles(); }
    void disconnectDelivers();
    void abortiveClose();
    void closeDropsWhatWasReceived();
    void largestMtu_data() { addProfiles(); }
    void largestMtu();
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

void tst_KcpSocket::largestMtu()
{
    QFETCH(KcpConfiguration::Profile, profile);
    KcpConfiguration configuration = configurationFor(profile);
    configuration.setMtu(65507);
    Pair pair(configuration);
    QVERIFY(pair.connect());
    // Whatever rides with the handshake, and raises the MTU behind it.
    pair.client.write("a");
    QTRY_COMPARE(pair.peer->bytesAvailable(), qint64(1));
    QCOMPARE(pair.peer->readAll(), QByteArray("a"));

    const QByteArray data = pattern(4 << 20);
    const qint64 before = pair.client.statistics().datagramsSent();
    pair.client.write(data);
    QByteArray received;
    QTRY_VERIFY((received += pair.peer->readAll()).size() >= data.size());
    QVERIFY(received == data);
    QTRY_COMPARE(pair.client.bytesUnacknowledged(), qint64(0));
    // 65 full ones; some may have been sent again, none was cut into the usual 1400 bytes.
    const qint64 sent = pair.client.statistics().datagramsSent() - before;
    QVERIFY2(sent < 400, qPrintable(QString::number(sent)));
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
    QVERIFY(!pair.client.socketOption(QAbstractSocket::TypeOfServiceOption).isValid());
    pair.client.setSocketOption(QAbstractSocket::TypeOfServiceOption, 64);
    QCOMPARE(pair.client.socketOption(QAbstractSocket::TypeOfServiceOption).toInt(), 64);
    QVERIFY(pair.connect());
    QCOMPARE(pair.client.socketOption(QAbstractSocket::TypeOfServiceOption).toInt(), 64);
    QCOMPARE(pair.peer->socketOption(QAbstractSocket::TypeOfServiceOption).toInt(), 0);
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
    pair.client.setSocketOption(QAbstractSocket::MulticastTtlOption, 3);
    QCOMPARE(pair.client.socketOption(QAbstractSocket::MulticastTtlOption).toInt(), 3);
    // They go along to another UDP socket, and to the next connection.
    QVERIFY(pair.client.rebind());
    QCOMPARE(pair.client.socketOption(QAbstractSocket::TypeOfServiceOption).toInt(), 32);
    pair.client.abort();
    pair.client.connectToHost(localHost, pair.server.serverPort());
    QTRY_COMPARE(pair.client.state(), QAbstractSocket::ConnectedState);
    QCOMPARE(pair.client.socketOption(QAbstractSocket::TypeOfServiceOption).toInt(), 32);
    QCOMPARE(pair.client.socketOption(QAbstractSocket::MulticastTtlOption).toInt(), 3);
    QTest::ignoreMessage(QtWarningMsg, "KcpSocket::setSocketOption(): option 7 is not supported");
    pair.client.setSocketOption(QAbstractSocket::PathMtuSocketOption, 1400);
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
