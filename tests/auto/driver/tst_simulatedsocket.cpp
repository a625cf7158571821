// SPDX-License-Identifier: MIT
// KcpSocket on a bad network, and what needs exact times or a misbehaving world.
#include "kcpconnector_p.h"
#include "simulatedpair.h"
#include "testseed.h"

#include <QtCore/qdatastream.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <functional>

Q_DECLARE_METATYPE(KcpConfiguration::Profile)

namespace {

// Writes down the signals of a socket in their order.
QStringList *recordSignals(KcpSocket *socket)
{
    auto *log = new QStringList;
    QObject::connect(socket, &QObject::destroyed, [log] { delete log; });
    QObject::connect(socket, &KcpSocket::stateChanged, socket,
                     [log](auto state) { *log << QStringLiteral("state %1").arg(int(state)); });
    QObject::connect(socket, &KcpSocket::hostFound, socket, [log] { *log << "hostFound"; });
    QObject::connect(socket, &KcpSocket::connected, socket, [log] { *log << "connected"; });
    QObject::connect(socket, &KcpSocket::disconnected, socket, [log] { *log << "disconnected"; });
    QObject::connect(socket, &KcpSocket::readyRead, socket, [log] { *log << "readyRead"; });
    QObject::connect(socket, &KcpSocket::aboutToClose, socket, [log] { *log << "aboutToClose"; });
    QObject::connect(socket, &KcpSocket::readChannelFinished, socket,
                     [log] { *log << "readChannelFinished"; });
    QObject::connect(socket, &KcpSocket::errorOccurred, socket,
                     [log](auto error) { *log << QStringLiteral("error %1").arg(int(error)); });
    return log;
}

} // namespace

class tst_SimulatedSocket : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void plainMessagesWaiting();
    void records_data() { addProfiles(); }
    void records();
    void twoRoundTrips_data();
    void twoRoundTrips();
    void signalsOfConnecting();
    void signalsOfRemoteClose();
    void signalsOfLocalClose();
    void signalsOfAbort();
    void signalsOfRefusal();
    void deletionInSlots_data();
    void deletionInSlots();
    void remoteCloseKeepsData();
    void closeDeliversUnderLoss();
    void deletedSocketDelivers();
    void closeReasons();
    void connectTimeout_data() { addProfiles(); }
    void connectTimeout();
    void idleTimeout();
    void lingerTimeout();
    void restartWithResetKey();
    void natRebinding();
    void localAddressLost();
    void addressesAreStaggered();
    void firstAnswerWins();
    void earlyWritesGoToTheWinnerOnly();
    void waitForSeveralAddresses();
    void boundSocketTriesOneAfterTheOther();
    void readBufferBlocksSender();
    void writeBufferLimit();
    void messages_data() { addProfiles(); }
    void messages();
    void messageModeRefusesBytes();
    void datagrams();
    void partialReadsAreToldAgain();
    void rebindByHand();

private:
    static void addProfiles()
    {
        QTest::addColumn<KcpConfiguration::Profile>("profile");
        QTest::newRow("native") << KcpConfiguration::Native;
        QTest::newRow("plain") << KcpConfiguration::PlainKcp;
    }
    static KcpConfiguration configurationFor(KcpConfiguration::Profile profile)
    {
        KcpConfiguration configuration;
        configuration.setProfile(profile);
        return configuration;
    }
};

void tst_SimulatedSocket::records()
{
    QFETCH(KcpConfiguration::Profile, profile);
    const std::uint64_t seed = kcptest::testSeed(20240607);
    qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(seed));
    SimulatedPair pair(seed, 15ms);
    pair.configure(configurationFor(profile));
    QVERIFY(pair.connect());
    kcptest::LinkConfig link;
    link.delay = 15ms;
    link.jitter = 5ms;
    link.loss = 0.1;
    link.duplication = 0.05;
    link.reordering = 0.1;
    link.reorderingDelay = 20ms;
    pair.world.network().setDefaultLink(link);

    constexpr int Count = 10000;
    kcp::Pcg32 random(seed);
    const auto record = [](kcp::Pcg32 &random, QDataStream &stream, int i, bool check) {
        // The same choices for writing and for comparing.
        const quint32 size = random.below(i % 100 == 0 ? 5000 : 60);
        const QByteArray bytes(qsizetype(size), char(random.below(256)));
        const QString text = QString::number(random.next());
        const double number = random.unit();
        if (!check) {
            stream << qint32(i) << text << bytes << number;
            return true;
        }
        qint32 index;
        QString readText;
        QByteArray readBytes;
        double readNumber;
        stream >> index >> readText >> readBytes >> readNumber;
        return index == i && readText == text && readBytes == bytes && readNumber == number;
    };

    kcp::Pcg32 expected(seed);
    int received = 0;
    bool equal = true;
    QDataStream in(pair.peer.get());
    connect(pair.peer.get(), &KcpSocket::readyRead, pair.peer.get(), [&] {
        while (received < Count) {
            const kcp::Pcg32 before = expected;
            in.startTransaction();
            const bool same = record(expected, in, received, true);
            if (!in.commitTransaction()) {
                expected = before;
                return;
            }
            equal = equal && same;
            ++received;
        }
    });
    QDataStream out(pair.client.get());
    for (int i = 0; i < Count; ++i) {
        record(random, out, i, false);
        if (i % 50 == 0)
            pair.world.run(5ms);
    }
    QVERIFY(pair.world.run(600s, [&] { return received == Count; }));
    QVERIFY(equal);
    QVERIFY(pair.client->statistics().retransmissions() > 0);
    QCOMPARE(pair.peer->bytesAvailable(), 0);
}

void tst_SimulatedSocket::twoRoundTrips_data()
{
    QTest::addColumn<bool>("inSlot");
    QTest::newRow("before connected()") << false;
    QTest::newRow("in the slot of connected()") << true;
}

void tst_SimulatedSocket::twoRoundTrips()
{
    QFETCH(bool, inSlot);
    SimulatedPair pair(1, 10ms); // a round trip takes 20 ms
    QVERIFY(pair.listen());
    connect(pair.server.get(), &KcpServer::newConnection, this, [&] {
        KcpSocket *socket = pair.server->nextPendingConnection();
        const auto answer = [socket] { socket->write(socket->readAll()); };
        connect(socket, &KcpSocket::readyRead, socket, answer);
        answer();
    });
    kcp::Instant connectedAt;
    connect(pair.client.get(), &KcpSocket::connected, this, [&] {
        connectedAt = pair.world.now();
        if (inSlot)
            pair.client->write("request");
    });
    const kcp::Instant start = pair.world.now();
    pair.startConnecting();
    if (!inSlot)
        pair.client->write("request");
    QVERIFY(pair.world.run(5s, [&] { return pair.client->bytesAvailable() == 7; }));
    QCOMPARE(connectedAt - start, kcp::Duration(20ms));
    QCOMPARE(pair.world.now() - start, kcp::Duration(40ms));
}

void tst_SimulatedSocket::signalsOfConnecting()
{
    SimulatedPair pair;
    QVERIFY(pair.listen());
    const QStringList *log = recordSignals(pair.client.get());
    pair.startConnecting();
    pair.world.run(1s);
    QCOMPARE(*log, QStringList({ "state 1", "state 2", "hostFound", "state 3", "connected" }));
}

void tst_SimulatedSocket::signalsOfRemoteClose()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    const QStringList *log = recordSignals(pair.client.get());
    pair.peer->write("last words");
    pair.peer->disconnectFromHost();
    pair.world.run(1s);
    QCOMPARE(*log,
             QStringList({ "readyRead", "error 1", "state 6", "state 0", "readChannelFinished",
                           "disconnected" }));
    QVERIFY(pair.client->isOpen());
    QCOMPARE(pair.client->readAll(), QByteArray("last words"));
}

void tst_SimulatedSocket::signalsOfLocalClose()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    const QStringList *log = recordSignals(pair.client.get());
    pair.client->write("bye");
    pair.client->disconnectFromHost();
    QCOMPARE(*log, QStringList({ "state 6" }));
    QCOMPARE(pair.client->write("more"), -1);
    pair.world.run(1s);
    QCOMPARE(*log, QStringList({ "state 6", "state 0", "readChannelFinished", "disconnected" }));
    QCOMPARE(pair.peer->readAll(), QByteArray("bye"));
    QCOMPARE(pair.client->closeReason(), KcpSocket::LocalClose);
    QCOMPARE(pair.peer->closeReason(), KcpSocket::RemoteClose);
}

void tst_SimulatedSocket::signalsOfAbort()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    const QStringList *log = recordSignals(pair.client.get());
    const std::uint64_t sent = pair.world.network().stats().sent;
    pair.client->write("never delivered");
    pair.client->abort();
    QCOMPARE(*log,
             QStringList({ "aboutToClose", "state 0", "readChannelFinished", "disconnected" }));
    QVERIFY(!pair.client->isOpen());
    pair.world.run(1s);
    QCOMPARE(pair.world.network().stats().sent - sent, std::uint64_t(1));
    QCOMPARE(pair.peer->closeReason(), KcpSocket::RemoteAbort);
    QCOMPARE(pair.peer->bytesAvailable(), 0);
}

void tst_SimulatedSocket::signalsOfRefusal()
{
    SimulatedPair pair;
    QVERIFY(pair.listen());
    pair.server->pauseAccepting();
    const QStringList *log = recordSignals(pair.client.get());
    pair.startConnecting();
    pair.world.run(1s);
    QCOMPARE(*log, QStringList({ "state 1", "state 2", "hostFound", "state 0", "error 0" }));
    QCOMPARE(pair.client->closeReason(), KcpSocket::Refused);
    QVERIFY2(pair.client->errorString().contains("closed"), qPrintable(pair.client->errorString()));
    pair.server->resumeAccepting();
    pair.startConnecting();
    pair.world.run(1s);
    QCOMPARE(pair.client->state(), QAbstractSocket::ConnectedState);
}

void tst_SimulatedSocket::deletionInSlots_data()
{
    QTest::addColumn<QString>("signal");
    for (const char *signal :
         { "stateChanged", "hostFound", "connected", "readyRead", "bytesWritten", "errorOccurred",
           "readChannelFinished", "disconnected", "datagramReceived" })
        QTest::newRow(signal) << QString::fromLatin1(signal);
}

// Each signal deletes its socket, once on the client's side and once on the server's.
void tst_SimulatedSocket::deletionInSlots()
{
    QFETCH(QString, signal);
    for (const bool onServer : { false, true }) {
        SimulatedPair pair;
        QPointer<KcpSocket> victim;
        const auto kill = [&] { delete victim.data(); };
        const auto arm = [&](KcpSocket *socket) {
            victim = socket;
            if (signal == "stateChanged")
                connect(socket, &KcpSocket::stateChanged, this, kill);
            else if (signal == "hostFound")
                connect(socket, &KcpSocket::hostFound, this, kill);
            else if (signal == "connected")
                connect(socket, &KcpSocket::connected, this, kill);
            else if (signal == "readyRead")
                connect(socket, &KcpSocket::readyRead, this, kill);
            else if (signal == "bytesWritten")
                connect(socket, &KcpSocket::bytesWritten, this, kill);
            else if (signal == "errorOccurred")
                connect(socket, &KcpSocket::errorOccurred, this, kill);
            else if (signal == "readChannelFinished")
                connect(socket, &KcpSocket::readChannelFinished, this, kill);
            else if (signal == "disconnected")
                connect(socket, &KcpSocket::disconnected, this, kill);
            else
                connect(socket, &KcpSocket::datagramReceived, this, kill);
        };
        QVERIFY(pair.listen());
        KcpSocket *client = pair.client.release(); // may be deleted by its slot
        const QPointer<KcpSocket> clientAlive(client);
        if (!onServer)
            arm(client);
        KcpSocket *accepted = nullptr;
        QPointer<KcpSocket> acceptedAlive;
        connect(pair.server.get(), &KcpServer::newConnection, this, [&] {
            accepted = pair.server->nextPendingConnection();
            acceptedAlive = accepted;
            if (onServer)
                arm(accepted);
        });
        pair.world.setHost(clientHost);
        client->connectToHost(serverHost, ServerPort);
        pair.world.run(1s);
        for (const QPointer<KcpSocket> &socket : { clientAlive, acceptedAlive }) {
            if (socket) {
                socket->write("data");
                socket->sendDatagram("datagram");
            }
            pair.world.run(1s);
        }
        // The one that is to be told of the end is closed by the other.
        KcpSocket *closing = onServer ? clientAlive.data() : acceptedAlive.data();
        if (closing)
            closing->disconnectFromHost();
        pair.world.run(1s);
        const bool never = onServer && (signal == "hostFound" || signal == "connected");
        QCOMPARE(victim.isNull(), !never);
        delete clientAlive.data();
        pair.world.run(30s);
    }
}

void tst_SimulatedSocket::remoteCloseKeepsData()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    QByteArray sent;
    for (int i = 0; i < 1000; ++i)
        sent += "line " + QByteArray::number(i) + '\n';
    pair.peer->write(sent);
    pair.peer->disconnectFromHost();
    pair.world.run(5s);
    QCOMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(pair.client->bytesAvailable(), sent.size());
    QVERIFY(pair.client->canReadLine());
    QCOMPARE(pair.client->readLine(), QByteArray("line 0\n"));
    QCOMPARE(pair.client->peek(6), QByteArray("line 1"));
    QCOMPARE(pair.client->skip(7), 7);
    QCOMPARE(pair.client->readAll(), sent.mid(14));
    char byte;
    QCOMPARE(pair.client->read(&byte, 1), -1);
    QCOMPARE(pair.client->bytesAvailable(), 0);
}

void tst_SimulatedSocket::closeDeliversUnderLoss()
{
    const std::uint64_t seed = kcptest::testSeed(7);
    qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(seed));
    SimulatedPair pair(seed);
    QVERIFY(pair.connect());
    kcptest::LinkConfig link;
    link.delay = 10ms;
    link.loss = 0.3;
    pair.world.network().setDefaultLink(link);
    pair.client->write(QByteArray(50000, 'z'));
    pair.client->disconnectFromHost();
    QVERIFY(pair.world.run(60s, [&] {
        return pair.client->state() == QAbstractSocket::UnconnectedState
                && pair.peer->state() == QAbstractSocket::UnconnectedState;
    }));
    QCOMPARE(pair.client->closeReason(), KcpSocket::LocalClose);
    QCOMPARE(pair.peer->readAll().size(), 50000);
}

void tst_SimulatedSocket::deletedSocketDelivers()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    pair.client->write(QByteArray(20000, 'z'));
    pair.client.reset();
    pair.world.run(5s);
    QCOMPARE(pair.peer->readAll().size(), 20000);
    QCOMPARE(pair.peer->closeReason(), KcpSocket::RemoteClose);
    QCOMPARE(pair.world.channelCount(), std::size_t(1)); // the server's
}

void tst_SimulatedSocket::closeReasons()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    QCOMPARE(pair.client->closeReason(), KcpSocket::NotClosed);
    pair.client->disconnectFromHost(42, QStringLiteral("Grüße"));
    pair.world.run(1s);
    QCOMPARE(pair.peer->closeReason(), KcpSocket::RemoteClose);
    QCOMPARE(pair.peer->closeCode(), 42U);
    QCOMPARE(pair.peer->closeText(), QStringLiteral("Grüße"));
    QVERIFY(pair.peer->errorString().contains(QStringLiteral("Grüße")));
    QCOMPARE(pair.client->closeReason(), KcpSocket::LocalClose);
}

void tst_SimulatedSocket::connectTimeout()
{
    QFETCH(KcpConfiguration::Profile, profile);
    KcpConfiguration configuration = configurationFor(profile);
    configuration.setConnectTimeout(2s);
    SimulatedPair pair;
    pair.configure(configuration);
    QSignalSpy errors(pair.client.get(), &KcpSocket::errorOccurred);
    const kcp::Instant start = pair.world.now();
    pair.startConnecting();
    pair.client->write("into the void");
    QVERIFY(pair.world.run(60s, [&] { return errors.count() == 1; }));
    QCOMPARE(pair.world.now() - start, kcp::Duration(2s));
    QCOMPARE(pair.client->error(), QAbstractSocket::SocketTimeoutError);
    QCOMPARE(pair.client->closeReason(), KcpSocket::ConnectTimeout);
    QCOMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
    QVERIFY(pair.client->errorString().contains("10.0.0.1 port 7000"));
}

void tst_SimulatedSocket::idleTimeout()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    kcptest::LinkConfig dead;
    dead.loss = 1;
    pair.world.network().setDefaultLink(dead);
    pair.world.run(25s);
    QCOMPARE(pair.client->state(), QAbstractSocket::ConnectedState);
    pair.world.run(10s);
    for (KcpSocket *socket : { pair.client.get(), pair.peer.get() }) {
        QCOMPARE(socket->state(), QAbstractSocket::UnconnectedState);
        QCOMPARE(socket->error(), QAbstractSocket::SocketTimeoutError);
        QCOMPARE(socket->closeReason(), KcpSocket::IdleTimeout);
    }
}

void tst_SimulatedSocket::lingerTimeout()
{
    KcpConfiguration configuration;
    configuration.setLingerTime(3s);
    SimulatedPair pair;
    pair.configure(configuration);
    QVERIFY(pair.connect());
    kcptest::LinkConfig dead;
    dead.loss = 1;
    pair.world.network().setDefaultLink(dead);
    pair.client->write("lost");
    pair.client->disconnectFromHost();
    const kcp::Instant start = pair.world.now();
    QVERIFY(pair.world.run(
            60s, [&] { return pair.client->state() == QAbstractSocket::UnconnectedState; }));
    QCOMPARE(pair.world.now() - start, kcp::Duration(3s));
    QCOMPARE(pair.client->closeReason(), KcpSocket::LingerTimeout);
    QCOMPARE(pair.client->error(), QAbstractSocket::SocketTimeoutError);
}

void tst_SimulatedSocket::restartWithResetKey()
{
    for (const bool sameKey : { true, false }) {
        SimulatedPair pair;
        pair.server->setResetKey("0123456789abcdef");
        QVERIFY(pair.connect());
        // The crash of the server: its words do not reach anyone.
        kcptest::LinkConfig dead;
        dead.loss = 1;
        pair.world.network().setDefaultLink(dead);
        delete static_cast<QObject *>(KcpSocketPrivate::of(pair.peer.get())->driver.data());
        pair.peer.reset();
        pair.server = std::make_unique<KcpServer>();
        pair.server->setResetKey(sameKey ? "0123456789abcdef" : "another key 0123");
        QVERIFY(pair.listen());
        pair.world.network().setDefaultLink({});
        pair.client->write("anybody?");
        pair.world.run(1s);
        if (sameKey) {
            QCOMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
            QCOMPARE(pair.client->closeReason(), KcpSocket::ConnectionReset);
            QVERIFY(pair.client->errorString().contains("restarted"));
        } else {
            QCOMPARE(pair.client->state(), QAbstractSocket::ConnectedState);
            pair.world.run(60s);
            QCOMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
            QCOMPARE(pair.client->error(), QAbstractSocket::SocketTimeoutError);
        }
    }
}

void tst_SimulatedSocket::natRebinding()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    QSignalSpy moved(pair.peer.get(), &KcpSocket::peerAddressChanged);
    const quint16 before = pair.peer->peerPort();
    pair.world.rebindPort(before, 55555);
    pair.client->write("from elsewhere");
    pair.world.run(3s);
    QCOMPARE(moved.count(), 1);
    QCOMPARE(pair.peer->peerPort(), quint16(55555));
    QCOMPARE(pair.peer->readAll(), QByteArray("from elsewhere"));
    pair.peer->write("found you");
    pair.world.run(1s);
    QCOMPARE(pair.client->readAll(), QByteArray("found you"));
}

void tst_SimulatedSocket::localAddressLost()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    const quint16 before = pair.client->localPort();
    pair.world.loseLocalAddress(before);
    pair.client->write("from elsewhere");
    pair.world.run(5s);
    QVERIFY(pair.client->localPort() != before);
    QCOMPARE(pair.peer->readAll(), QByteArray("from elsewhere"));
    QCOMPARE(pair.peer->peerPort(), pair.client->localPort());
}

void tst_SimulatedSocket::rebindByHand()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    QSignalSpy moved(pair.peer.get(), &KcpSocket::peerAddressChanged);
    const quint16 before = pair.client->localPort();
    pair.client->write("one ");
    QVERIFY(pair.client->rebind());
    QVERIFY(pair.client->localPort() != before);
    pair.client->write("two");
    pair.world.run(3s);
    QCOMPARE(pair.peer->readAll(), QByteArray("one two"));
    QCOMPARE(moved.count(), 1);
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::rebind() is possible for connected clients only");
    QVERIFY(!pair.peer->rebind());
}

namespace {

void connectToAddresses(KcpSocket *socket, const QList<QHostAddress> &addresses)
{
    KcpSocketPrivate *d = KcpSocketPrivate::of(socket);
    QVERIFY(d->beginConnect(QIODevice::ReadWrite));
    d->connector = std::make_unique<KcpConnector>(d, ServerPort, QAbstractSocket::AnyIPProtocol);
    QVERIFY(d->changeState(QAbstractSocket::HostLookupState));
    d->startConnecting(addresses);
}

} // namespace

void tst_SimulatedSocket::addressesAreStaggered()
{
    SimulatedPair pair(1, 10ms);
    QVERIFY(pair.listen());
    pair.world.setHost(clientHost);
    const kcp::Instant start = pair.world.now();
    connectToAddresses(pair.client.get(),
                       { QHostAddress("10.0.9.1"), QHostAddress("10.0.9.2"), serverHost });
    pair.client->write("hello");
    QCOMPARE(pair.client->bytesToWrite(), 5);
    QVERIFY(pair.world.run(
            10s, [&] { return pair.client->state() == QAbstractSocket::ConnectedState; }));
    QCOMPARE(pair.world.now() - start, kcp::Duration(520ms)); // 2 x 250 ms and a round trip
    QCOMPARE(pair.client->peerAddress(), serverHost);
    QVERIFY(pair.world.run(1s, [&] { return pair.server->hasPendingConnections(); }));
    pair.peer.reset(pair.server->nextPendingConnection());
    pair.world.run(1s);
    QCOMPARE(pair.peer->readAll(), QByteArray("hello"));
    QCOMPARE(pair.world.channelCount(), std::size_t(2)); // the losers are gone
}

void tst_SimulatedSocket::firstAnswerWins()
{
    // A refused address does not wait for the stagger; when all fail, the refusal is told.
    SimulatedPair pair(1, 10ms);
    pair.world.network().setReportsUnreachable(true);
    pair.world.setHost(clientHost);
    QSignalSpy errors(pair.client.get(), &KcpSocket::errorOccurred);
    const kcp::Instant start = pair.world.now();
    connectToAddresses(pair.client.get(), { QHostAddress("10.0.9.1"), QHostAddress("10.0.9.2") });
    QVERIFY(pair.world.run(10s, [&] { return errors.count() == 1; }));
    QVERIFY(pair.world.now() - start <= 50ms);
    QCOMPARE(pair.client->error(), QAbstractSocket::ConnectionRefusedError);
    QCOMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
    pair.world.run(1s);
    QCOMPARE(pair.world.channelCount(), std::size_t(0));
}

void tst_SimulatedSocket::earlyWritesGoToTheWinnerOnly()
{
    // Two servers answer, the nearer one a little later.
    SimulatedPair pair(1, 10ms);
    KcpServer slow;
    pair.world.setHost(QHostAddress("10.0.0.3"));
    QVERIFY(slow.listen(QHostAddress("10.0.0.3"), ServerPort));
    QVERIFY(pair.listen());
    kcptest::LinkConfig far;
    far.delay = 300ms;
    pair.world.network().setDefaultLink(far);
    pair.world.setHost(clientHost);
    connectToAddresses(pair.client.get(), { QHostAddress("10.0.0.3"), serverHost });
    pair.client->write("once");
    pair.world.run(260ms);
    kcptest::LinkConfig near;
    near.delay = 10ms;
    pair.world.network().setDefaultLink(near);
    QVERIFY(pair.world.run(10s, [&] {
        return pair.server->hasPendingConnections() || slow.hasPendingConnections();
    }));
    pair.world.run(2s);
    int received = 0;
    for (KcpServer *server : { pair.server.get(), &slow }) {
        while (KcpSocket *socket = server->nextPendingConnection()) {
            if (socket->readAll() == "once")
                ++received;
        }
    }
    QCOMPARE(received, 1);
}

void tst_SimulatedSocket::waitForSeveralAddresses()
{
    SimulatedPair pair(1, 10ms);
    QVERIFY(pair.listen());
    pair.world.setHost(clientHost);
    const kcp::Instant start = pair.world.now();
    connectToAddresses(pair.client.get(),
                       { QHostAddress("10.0.9.1"), QHostAddress("10.0.9.2"), serverHost });
    QVERIFY(pair.client->waitForConnected(5000));
    QVERIFY(pair.world.now() - start >= 520ms);
    QVERIFY(pair.world.now() - start <= 540ms); // the sockets are waited for in turns
    QCOMPARE(pair.client->peerAddress(), serverHost);

    KcpSocket nowhere;
    connectToAddresses(&nowhere, { QHostAddress("10.0.9.1"), QHostAddress("10.0.9.2") });
    QVERIFY(!nowhere.waitForConnected(1000));
    QCOMPARE(nowhere.error(), QAbstractSocket::SocketTimeoutError);
    QCOMPARE(nowhere.state(), QAbstractSocket::UnconnectedState);
}

void tst_SimulatedSocket::boundSocketTriesOneAfterTheOther()
{
    SimulatedPair pair(1, 10ms);
    KcpConfiguration configuration;
    configuration.setConnectTimeout(1s);
    pair.configure(configuration);
    QVERIFY(pair.listen());
    QVERIFY(pair.client->bind(clientHost, 1234));
    const kcp::Instant start = pair.world.now();
    connectToAddresses(pair.client.get(), { QHostAddress("10.0.9.1"), serverHost });
    QVERIFY(pair.world.run(
            10s, [&] { return pair.client->state() == QAbstractSocket::ConnectedState; }));
    QCOMPARE(pair.world.now() - start, kcp::Duration(1020ms)); // no stagger with one port
    QCOMPARE(pair.client->localPort(), quint16(1234));
    QCOMPARE(pair.client->peerAddress(), serverHost);
}

void tst_SimulatedSocket::readBufferBlocksSender()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    pair.peer->setReadBufferSize(10000);
    pair.client->write(QByteArray(1000000, 'x'));
    pair.world.run(10s);
    const qint64 waiting = pair.peer->bytesAvailable();
    QVERIFY2(waiting >= 10000 && waiting < 100000, qPrintable(QString::number(waiting)));
    qint64 received = 0;
    const auto read = [&] { received += pair.peer->readAll().size(); };
    connect(pair.peer.get(), &KcpSocket::readyRead, pair.peer.get(), read);
    read();
    QVERIFY(pair.world.run(120s, [&] { return received == 1000000; }));
}

void tst_SimulatedSocket::writeBufferLimit()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    pair.client->setWriteBufferLimit(5000);
    QCOMPARE(pair.client->write(QByteArray(8000, 'a')), 5000);
    QCOMPARE(pair.client->write("b"), 0);
    qint64 told = 0;
    connect(pair.client.get(), &KcpSocket::bytesWritten, this,
            [&](qint64 bytes) { told += bytes; });
    pair.client->flush();
    QCOMPARE(pair.client->write("b"), 0); // sent, not acknowledged
    pair.world.run(1s);
    QCOMPARE(told, 5000);
    QCOMPARE(pair.client->write(QByteArray(8000, 'a')), 5000);
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::setWriteBufferLimit(-1) is refused: it is 0 or more");
    pair.client->setWriteBufferLimit(-1);
    QCOMPARE(pair.client->writeBufferLimit(), 5000);
}

void tst_SimulatedSocket::messages()
{
    QFETCH(KcpConfiguration::Profile, profile);
    KcpConfiguration configuration = configurationFor(profile);
    configuration.setMode(KcpConfiguration::Message);
    SimulatedPair pair;
    pair.configure(configuration);
    QVERIFY(pair.listen());
    pair.startConnecting();
    QVERIFY(pair.client->writeMessage("early"));
    QVERIFY(pair.world.run(5s, [&] { return pair.server->hasPendingConnections(); }));
    pair.peer.reset(pair.server->nextPendingConnection());
    pair.world.run(1s);
    QVERIFY(pair.peer->hasPendingMessages());
    QCOMPARE(pair.peer->nextMessageSize(), 5);
    QCOMPARE(pair.peer->readMessage(), QByteArray("early"));
    QVERIFY(!pair.peer->hasPendingMessages());
    QCOMPARE(pair.peer->nextMessageSize(), -1);

    QSignalSpy readyRead(pair.peer.get(), &KcpSocket::readyRead);
    const QByteArray large(100000, 'L');
    QVERIFY(pair.client->writeMessage("a"));
    QVERIFY(pair.client->writeMessage(QByteArray()));
    QVERIFY(pair.client->writeMessage(large));
    pair.world.run(5s);
    QVERIFY(readyRead.count() >= 1);
    bool ok = false;
    QCOMPARE(pair.peer->readMessage(&ok), QByteArray("a"));
    QVERIFY(ok);
    QCOMPARE(pair.peer->readMessage(&ok), QByteArray());
    QVERIFY(ok);
    QCOMPARE(pair.peer->readMessage(&ok), large);
    QVERIFY(ok);
    QCOMPARE(pair.peer->readMessage(&ok), QByteArray());
    QVERIFY(!ok);

    QVERIFY(!pair.client->writeMessage(QByteArray(pair.client->maximumMessageSize() + 1, 'x')));
    QCOMPARE(pair.client->error(), QAbstractSocket::DatagramTooLargeError);

    pair.client->setWriteBufferLimit(1000);
    QVERIFY(pair.client->writeMessage(QByteArray(5000, 'x'))); // nothing waits: taken
    QVERIFY(!pair.client->writeMessage("y")); // all or nothing
    QCOMPARE(pair.client->error(), QAbstractSocket::TemporaryError);
    pair.world.run(1s);
    QVERIFY(pair.client->writeMessage("y"));
}

void tst_SimulatedSocket::messageModeRefusesBytes()
{
    KcpConfiguration configuration;
    configuration.setMode(KcpConfiguration::Message);
    SimulatedPair pair;
    pair.configure(configuration);
    QVERIFY(pair.connect());
    QTest::ignoreMessage(QtWarningMsg, "KcpSocket::write() is not possible in message mode");
    QCOMPARE(pair.client->write("x"), -1);
    QCOMPARE(pair.client->error(), QAbstractSocket::UnsupportedSocketOperationError);
    QCOMPARE(pair.client->read(1), QByteArray()); // no second warning
    QVERIFY(pair.client->writeMessage("x"));

    KcpSocket stream;
    QTest::ignoreMessage(QtWarningMsg, "KcpSocket::writeMessage() is not possible in stream mode");
    QVERIFY(!stream.writeMessage("x"));
}

void tst_SimulatedSocket::datagrams()
{
    SimulatedPair pair;
    QVERIFY(!pair.client->sendDatagram("too early"));
    QVERIFY(pair.connect());
    QSignalSpy received(pair.peer.get(), &KcpSocket::datagramReceived);
    const qint64 most = pair.client->maximumDatagramSize();
    QVERIFY(most > 1000);
    QVERIFY(pair.client->sendDatagram("unreliable"));
    QVERIFY(pair.client->sendDatagram(QByteArray(most, 'm')));
    QVERIFY(!pair.client->sendDatagram(QByteArray(most + 1, 'm')));
    QCOMPARE(pair.client->error(), QAbstractSocket::DatagramTooLargeError);
    pair.world.run(1s);
    QCOMPARE(received.count(), 2);
    QCOMPARE(received.at(0).at(0).toByteArray(), QByteArray("unreliable"));
    QCOMPARE(received.at(1).at(0).toByteArray().size(), most);
    QCOMPARE(pair.peer->bytesAvailable(), 0);
}

// A reader that waits until enough is there, as the old examples of Qt do.
void tst_SimulatedSocket::partialReadsAreToldAgain()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    QByteArray taken;
    connect(pair.peer.get(), &KcpSocket::readyRead, this, [&] {
        if (pair.peer->bytesAvailable() >= 10)
            taken = pair.peer->readAll();
    });
    for (int i = 0; i < 5; ++i) {
        pair.client->write("ab");
        pair.world.run(1s);
    }
    QCOMPARE(taken, QByteArray("ababababab"));
}

// All that waits counts, and reading nothing takes nothing.
void tst_SimulatedSocket::plainMessagesWaiting()
{
    SimulatedPair pair;
    KcpConfiguration configuration;
    configuration.setProfile(KcpConfiguration::PlainKcp);
    configuration.setMode(KcpConfiguration::Message);
    pair.configure(configuration);
    QVERIFY(pair.listen());
    pair.startConnecting();
    for (const int size : { 0, 100, 0, 5000 })
        QVERIFY(pair.client->writeMessage(QByteArray(size, 'm')));
    QVERIFY(pair.world.run(5s, [&] { return pair.server->hasPendingConnections(); }));
    pair.peer.reset(pair.server->nextPendingConnection());
    pair.world.run(1s);
    QCOMPARE(pair.peer->bytesAvailable(), 5100);
    KcpDriver *driver = KcpSocketPrivate::of(pair.peer.get())->driver;
    const kcpnet::SessionId id = KcpSocketPrivate::of(pair.peer.get())->id;
    QCOMPARE(driver->endpoint().read(id, {}), std::size_t(0));
    QCOMPARE(driver->endpoint().skip(id, 0), std::size_t(0));
    for (const int size : { 0, 100, 0, 5000 }) {
        bool ok = false;
        QCOMPARE(pair.peer->readMessage(&ok).size(), size);
        QVERIFY(ok);
    }
    QCOMPARE(pair.peer->bytesAvailable(), 0);
}

QTEST_GUILESS_MAIN(tst_SimulatedSocket)
#include "tst_simulatedsocket.moc"
