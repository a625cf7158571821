// SPDX-License-Identifier: MIT
// What a driver does in one turn, counted on a virtual clock.
#include "kcpconfiguration_p.h"
#include "simulatedpair.h"
#include "testseed.h"

#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

using kcptest::SimulatedRuntime;

Q_DECLARE_METATYPE(KcpConfiguration::Profile)

class tst_Driver : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void idleIsQuiet_data() { addProfiles(); }
    void idleIsQuiet();
    void idleKeepsAlive_data() { addProfiles(); }
    void idleKeepsAlive();
    void idleServerIsQuiet();
    void writesShareDatagrams_data() { addProfiles(); }
    void writesShareDatagrams();
    void acksLeaveInTheSameTurn_data() { addProfiles(); }
    void acksLeaveInTheSameTurn();
    void acksMayWait();
    void answerOfASlotLeavesInTheSameTurn();
    void flushSendsAtOnce();
    void timerIsNotRestartedPerDatagram();
    void freezeDoesNotKill();
    void freezeWithDeadPeerEnds();
    void handlersMayBeDeleted();
    void workInOneTurnIsBounded();
    void fullSocketKeepsTheBatch();
    void ackOfASlowSlotLeavesFirst();
    void sharedByServerAndSockets();
    void abandonedServerIsTakenUp();
    void lastWordsOfADestroyedDriver();

private:
    static void addProfiles()
    {
        QTest::addColumn<KcpConfiguration::Profile>("profile");
        QTest::newRow("native") << KcpConfiguration::Native;
        QTest::newRow("plain") << KcpConfiguration::PlainKcp;
    }
    static KcpConfiguration silent(KcpConfiguration::Profile profile)
    {
        KcpConfiguration configuration;
        configuration.setProfile(profile);
        configuration.setIdleTimeout(0ms);
        configuration.setKeepAliveInterval(0ms);
        return configuration;
    }
};

void tst_Driver::idleIsQuiet()
{
    QFETCH(KcpConfiguration::Profile, profile);
    SimulatedPair pair;
    pair.configure(silent(profile));
    QVERIFY(pair.connect());
    pair.client->write("hello");
    pair.world.run(5s); // timers that were armed for it run out
    QCOMPARE(pair.peer->readAll(), QByteArray("hello"));

    const std::uint64_t timers = pair.world.timerEvents();
    const std::uint64_t sent = pair.world.network().stats().sent;
    pair.world.run(60s);
    QCOMPARE(pair.world.timerEvents(), timers);
    QCOMPARE(pair.world.network().stats().sent, sent);
    QCOMPARE(pair.client->state(), QAbstractSocket::ConnectedState);
}

void tst_Driver::idleKeepsAlive()
{
    QFETCH(KcpConfiguration::Profile, profile);
    KcpConfiguration configuration; // keepalive each 10 s
    configuration.setProfile(profile);
    SimulatedPair pair;
    pair.configure(configuration);
    QVERIFY(pair.connect());
    pair.world.run(5s);

    const std::uint64_t timers = pair.world.timerEvents();
    const std::uint64_t sent = pair.world.network().stats().sent;
    pair.world.run(60s);
    const std::uint64_t probes = pair.world.network().stats().sent - sent;
    QVERIFY2(probes >= 10 && probes <= 28, qPrintable(QString::number(probes)));
    // Each probe has its deadline, and the deadline that it moves is met once where it was.
    const std::uint64_t fired = pair.world.timerEvents() - timers;
    QVERIFY2(fired <= 2 * probes, qPrintable(QString::number(fired)));
    QCOMPARE(pair.client->state(), QAbstractSocket::ConnectedState);
    QCOMPARE(pair.peer->state(), QAbstractSocket::ConnectedState);
}

void tst_Driver::idleServerIsQuiet()
{
    SimulatedPair pair;
    QVERIFY(pair.listen());
    pair.world.run(3600s);
    QCOMPARE(pair.world.timerEvents(), std::uint64_t(0));
}

void tst_Driver::writesShareDatagrams()
{
    QFETCH(KcpConfiguration::Profile, profile);
    SimulatedPair pair;
    pair.configure(silent(profile));
    QVERIFY(pair.connect());
    const std::uint64_t sent = pair.world.network().stats().sent;
    for (int i = 0; i < 100; ++i)
        pair.client->write("0123456789");
    pair.world.run(5ms); // less than the way to the peer
    QCOMPARE(pair.world.network().stats().sent - sent, std::uint64_t(1));
    pair.world.run(1s);
    QCOMPARE(pair.peer->bytesAvailable(), 1000);
}

void tst_Driver::acksLeaveInTheSameTurn()
{
    QFETCH(KcpConfiguration::Profile, profile);
    SimulatedPair pair(1, 10ms);
    KcpConfiguration configuration = silent(profile);
    configuration.setInterval(1s); // no upper bound of an ACK's delay is in the way
    pair.configure(configuration);
    QVERIFY(pair.connect());
    pair.client->write("x");
    pair.world.run(0ms);
    const kcp::Instant written = pair.world.now();
    QVERIFY(pair.world.run(5s, [&] { return pair.client->bytesUnacknowledged() == 0; }));
    QCOMPARE(pair.world.now() - written, kcp::Duration(20ms)); // one round trip, nothing else
}

void tst_Driver::acksMayWait()
{
    SimulatedPair pair(1, 10ms);
    KcpConfiguration configuration = silent(KcpConfiguration::Native);
    configuration.setInterval(40ms);
    configuration.setAckNoDelay(false);
    pair.configure(configuration);
    QVERIFY(pair.connect());
    pair.client->write("x");
    pair.world.run(0ms);
    const kcp::Instant written = pair.world.now();
    QVERIFY(pair.world.run(5s, [&] { return pair.client->bytesUnacknowledged() == 0; }));
    const kcp::Duration taken = pair.world.now() - written;
    QVERIFY(taken > 20ms);
    QVERIFY(taken <= 61ms);
}

void tst_Driver::answerOfASlotLeavesInTheSameTurn()
{
    SimulatedPair pair(1, 10ms);
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.connect());
    connect(pair.peer.get(), &KcpSocket::readyRead, pair.peer.get(),
            [&] { pair.peer->write(pair.peer->readAll()); });
    pair.client->write("ping");
    pair.world.run(0ms);
    const kcp::Instant written = pair.world.now();
    QVERIFY(pair.world.run(5s, [&] { return pair.client->bytesAvailable() == 4; }));
    QCOMPARE(pair.world.now() - written, kcp::Duration(20ms));
}

void tst_Driver::flushSendsAtOnce()
{
    SimulatedPair pair;
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.connect());
    const std::uint64_t sent = pair.world.network().stats().sent;
    QVERIFY(!pair.client->flush()); // nothing to send
    pair.client->write("a");
    QCOMPARE(pair.client->bytesToWrite(), 1);
    QVERIFY(pair.client->flush());
    QCOMPARE(pair.client->bytesToWrite(), 0);
    QCOMPARE(pair.client->bytesUnacknowledged(), 1);
    QCOMPARE(pair.world.network().stats().sent - sent, std::uint64_t(1));
}

void tst_Driver::timerIsNotRestartedPerDatagram()
{
    // A stream of data moves the retransmission deadline with each datagram. What may be counted
    // are expiries: they follow the time, not the traffic.
    SimulatedPair pair(1, 1ms);
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.connect());
    connect(pair.peer.get(), &KcpSocket::readyRead, pair.peer.get(), [&] { pair.peer->readAll(); });
    const std::uint64_t timers = pair.world.timerEvents();
    const std::uint64_t sent = pair.world.network().stats().sent;
    for (int i = 0; i < 1000; ++i) {
        pair.client->write(QByteArray(1000, 'x'));
        pair.world.run(1ms);
    }
    const std::uint64_t datagrams = pair.world.network().stats().sent - sent;
    const std::uint64_t expiries = pair.world.timerEvents() - timers;
    QVERIFY(datagrams >= 2000);
    QVERIFY2(expiries < datagrams / 10, qPrintable(QString::number(expiries)));
}

void tst_Driver::freezeDoesNotKill()
{
    SimulatedPair pair;
    QVERIFY(pair.connect()); // idle timeout 30 s
    QSignalSpy errors(pair.client.get(), &KcpSocket::errorOccurred);
    QSignalSpy peerErrors(pair.peer.get(), &KcpSocket::errorOccurred);
    pair.client->write("before");
    pair.world.run(0ms);
    pair.world.freeze(120s);
    pair.world.run(20s);
    QCOMPARE(errors.count(), 0);
    QCOMPARE(peerErrors.count(), 0);
    QCOMPARE(pair.peer->readAll(), QByteArray("before"));
    pair.peer->write("after");
    pair.world.run(1s);
    QCOMPARE(pair.client->readAll(), QByteArray("after"));
}

void tst_Driver::freezeWithDeadPeerEnds()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    QSignalSpy errors(pair.client.get(), &KcpSocket::errorOccurred);
    kcptest::LinkConfig dead;
    dead.loss = 1;
    pair.world.network().setDefaultLink(dead);
    pair.world.freeze(120s);
    pair.world.run(60s);
    QCOMPARE(errors.count(), 1);
    QCOMPARE(pair.client->error(), QAbstractSocket::SocketTimeoutError);
}

void tst_Driver::handlersMayBeDeleted()
{
    // Many sockets become readable in one turn; the first one told deletes half of the others and
    // the server.
    SimulatedPair pair;
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.listen());
    pair.world.setHost(clientHost);
    std::vector<std::unique_ptr<KcpSocket>> clients;
    std::vector<QPointer<KcpSocket>> accepted;
    int told = 0;
    connect(pair.server.get(), &KcpServer::newConnection, this, [&] {
        while (KcpSocket *socket = pair.server->nextPendingConnection()) {
            accepted.push_back(socket);
            socket->setParent(nullptr);
            connect(socket, &KcpSocket::readyRead, this, [&, socket] {
                ++told;
                pair.server.reset();
                for (std::size_t i = 0; i < accepted.size(); i += 2)
                    delete accepted[i];
                Q_UNUSED(socket);
            });
        }
    });
    for (int i = 0; i < 10; ++i) {
        clients.push_back(std::make_unique<KcpSocket>());
        clients.back()->connectToHost(serverHost, ServerPort);
    }
    QVERIFY(pair.world.run(5s, [&] { return accepted.size() == 10; }));
    for (const auto &client : clients)
        client->write("x");
    pair.world.run(1s);
    QVERIFY(told >= 5 && told <= 6);
    for (const QPointer<KcpSocket> &socket : accepted)
        delete socket;
    clients.clear();
    pair.world.run(30s);
    QCOMPARE(pair.world.channelCount(), std::size_t(0)); // nothing is left of the drivers
}

void tst_Driver::workInOneTurnIsBounded()
{
    // A peer that always has more to say does not keep the event loop for itself.
    KcpConfiguration configuration = silent(KcpConfiguration::Native);
    configuration.setCongestionControl(KcpConfiguration::NoCongestionControl);
    SimulatedPair pair;
    pair.configure(configuration);
    QVERIFY(pair.connect());
    const std::uint64_t sent = pair.world.network().stats().sentBytes;
    pair.client->write(QByteArray(16 << 20, 'x'));
    QVERIFY(pair.client->bytesToWrite() > 0);
    pair.client->flush();
    const std::uint64_t once = pair.world.network().stats().sentBytes - sent;
    QVERIFY(once > 0);
    QVERIFY2(once <= 4 * KcpTransmitBatch::Capacity, qPrintable(QString::number(once)));
    qint64 received = 0;
    connect(pair.peer.get(), &KcpSocket::readyRead, pair.peer.get(),
            [&] { received += pair.peer->readAll().size(); });
    QVERIFY(pair.world.run(60s, [&] { return received == 16 << 20; }));
}

void tst_Driver::fullSocketKeepsTheBatch()
{
    SimulatedPair pair;
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.connect());
    const quint16 port = pair.client->localPort();
    const std::uint64_t sent = pair.world.network().stats().sent;
    pair.world.setFull(port, true);
    pair.client->write(QByteArray(5000, 'a'));
    pair.client->flush();
    pair.client->write("b");
    pair.world.run(20ms);
    QCOMPARE(pair.world.network().stats().sent, sent);
    QVERIFY(pair.client->bytesUnacknowledged() >= 5000);
    pair.world.setFull(port, false);
    pair.world.run(12ms); // one way
    QCOMPARE(pair.peer->readAll(), QByteArray(5000, 'a') + 'b');
    QCOMPARE(pair.client->statistics().retransmissions(), quint64(0));

    // A full socket that is replaced takes its batch with it: those are lost datagrams.
    pair.world.setFull(port, true);
    pair.client->write("c");
    pair.client->flush();
    QVERIFY(pair.client->rebind());
    pair.world.run(5s);
    QCOMPARE(pair.peer->readAll(), QByteArray("c"));
}

void tst_Driver::ackOfASlowSlotLeavesFirst()
{
    // A slot that takes long must not keep the acknowledgement of what it reads.
    SimulatedPair pair(1, 10ms);
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.connect());
    connect(pair.peer.get(), &KcpSocket::readyRead, pair.peer.get(), [&] {
        pair.peer->readAll();
        pair.world.network().advanceTo(pair.world.now() + 5ms);
    });
    for (int i = 0; i < 20; ++i) {
        pair.client->write("x");
        pair.world.run(0ms);
        const kcp::Instant written = pair.world.now();
        QVERIFY(pair.world.run(5s, [&] { return pair.client->bytesUnacknowledged() == 0; }));
        if (i > 0) // the first slow one comes as a surprise
            QCOMPARE(pair.world.now() - written, kcp::Duration(20ms));
        pair.world.run(100ms);
    }
}

void tst_Driver::sharedByServerAndSockets()
{
    SimulatedPair pair;
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.connect());
    pair.peer->setParent(nullptr);
    pair.server.reset();
    pair.client->write("still there?");
    pair.world.run(1s);
    QCOMPARE(pair.peer->readAll(), QByteArray("still there?"));
    pair.peer->write("yes");
    pair.world.run(1s);
    QCOMPARE(pair.client->readAll(), QByteArray("yes"));
    QCOMPARE(pair.world.channelCount(), std::size_t(2));
    pair.peer.reset();
    pair.world.run(1s);
    QCOMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
    pair.client.reset();
    pair.world.run(30s);
    QCOMPARE(pair.world.channelCount(), std::size_t(0));
}

void tst_Driver::abandonedServerIsTakenUp()
{
    SimulatedPair pair;
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.connect());
    pair.peer->setParent(nullptr);
    pair.server->close();
    QVERIFY(!pair.server->isListening());
    QCOMPARE(pair.server->serverPort(), quint16(0));

    KcpSocket refused;
    QSignalSpy errors(&refused, &KcpSocket::errorOccurred);
    refused.connectToHost(serverHost, ServerPort);
    pair.world.run(1s);
    QCOMPARE(errors.count(), 1);
    QCOMPARE(refused.error(), QAbstractSocket::ConnectionRefusedError);
    QVERIFY(!refused.errorString().isEmpty());

    QVERIFY(pair.listen()); // the same address, although a connection uses it
    QCOMPARE(pair.world.channelCount(), std::size_t(2));
    KcpSocket second;
    second.connectToHost(serverHost, ServerPort);
    QVERIFY(pair.world.run(1s, [&] { return pair.server->hasPendingConnections(); }));
    pair.client->write("old");
    pair.world.run(1s);
    QCOMPARE(pair.peer->readAll(), QByteArray("old"));
}

void tst_Driver::lastWordsOfADestroyedDriver()
{
    SimulatedPair pair;
    pair.configure(silent(KcpConfiguration::Native));
    QVERIFY(pair.connect());
    // As at the end of a thread: the driver dies with its session open.
    QPointer<KcpDriver> driver = pair.clientDriver();
    delete static_cast<QObject *>(driver.data());
    pair.world.run(1s);
    QCOMPARE(pair.peer->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(pair.peer->closeReason(), KcpSocket::RemoteAbort);
    QCOMPARE(pair.client->write("x"), -1);
    QCOMPARE(pair.client->bytesAvailable(), 0);
}

QTEST_GUILESS_MAIN(tst_Driver)
#include "tst_driver.moc"
