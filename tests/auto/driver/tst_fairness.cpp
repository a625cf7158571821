// SPDX-License-Identifier: MIT
// Sessions and drivers of one thread share its time and its buffers; nobody takes all of it.
#include "simulatedpair.h"

#include <QtTest/qtest.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <thread>
#include <utility>
#include <vector>

using kcptest::SimulatedNetwork;

namespace {

constexpr std::uint64_t ReceivedInOneTurn = 4 * KcpReceiveBatch::MaximumMessages;
constexpr int ToldInOneGo = 512; // events
constexpr std::size_t Burst = 46; // datagrams of one session in a row

// Only the windows and our own bounds are in the way.
KcpConfiguration eager(int window)
{
    KcpConfiguration configuration;
    configuration.setCongestionControl(KcpConfiguration::NoCongestionControl);
    configuration.setSendWindow(window);
    configuration.setReceiveWindow(window);
    configuration.setMinimumRto(60s);
    return configuration;
}

std::set<const void *> batchesOfAWorld()
{
    SimulatedPair pair;
    KcpSocket second;
    if (!pair.connect())
        return {};
    second.connectToHost(serverHost, ServerPort);
    pair.client->write("one");
    pair.world.run(1s);
    return second.state() == QAbstractSocket::ConnectedState ? pair.world.batches()
                                                             : std::set<const void *>();
}

} // namespace

class tst_Fairness : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void floodStarvesNobody();
    void smallMessagesLeaveFirst_data();
    void smallMessagesLeaveFirst();
    void manyEndingsLeaveTimeForOthers();
    void threadSharesItsBatches();
};

// Datagrams of one client arrive a little faster than they can be read: the socket is never empty.
void tst_Fairness::floodStarvesNobody()
{
    constexpr qint64 FloodSize = 40 << 20;
    SimulatedPair pair;
    pair.configure(eager(32768));
    kcptest::LinkConfig link;
    link.delay = 5ms;
    link.rate = 100'000'000; // 14 us for a full datagram
    pair.world.network().setDefaultLink(link);
    QVERIFY(pair.connect());
    qint64 flooded = 0;
    connect(pair.peer.get(), &KcpSocket::readyRead, this,
            [&] { flooded += pair.peer->readAll().size(); });

    KcpSocket other;
    other.connectToHost(serverHost, ServerPort);
    QVERIFY(pair.world.run(1s, [&] { return pair.server->hasPendingConnections(); }));
    const std::unique_ptr<KcpSocket> otherPeer(pair.server->nextPendingConnection());
    connect(otherPeer.get(), &KcpSocket::readyRead, otherPeer.get(),
            [&] { otherPeer->write(otherPeer->readAll()); });
    pair.world.run(1s);

    KcpDriver *server = KcpSocketPrivate::of(pair.peer.get())->driver;
    std::uint64_t before = server->endpoint().stats().datagramsIn;
    std::uint64_t busiest = 0;
    const auto answered = [&] { // called after each turn of the event loop
        const std::uint64_t in = server->endpoint().stats().datagramsIn;
        busiest = std::max(busiest, in - std::exchange(before, in));
        return other.bytesAvailable() > 0;
    };
    pair.world.setReceiveTime(15us);
    pair.client->write(QByteArray(FloodSize, 'f'));
    pair.world.run(10ms, answered);
    kcp::Duration slowest{ 0 };
    int questions = 0;
    for (; flooded < FloodSize; ++questions) {
        const kcp::Instant asked = pair.world.now();
        other.write("?");
        QVERIFY(pair.world.run(5s, answered));
        slowest = std::max(slowest, pair.world.now() - asked);
        other.readAll();
        pair.world.run(std::max(asked + 10ms - pair.world.now(), kcp::Duration::zero()), answered);
    }
    pair.world.setReceiveTime(kcp::Duration::zero());
    // One turn for the notifier and one for the timer.
    QVERIFY2(busiest >= ReceivedInOneTurn / 2 && busiest <= 2 * ReceivedInOneTurn,
             qPrintable(QString::number(busiest)));
    QVERIFY(questions >= 10);
    // A round trip, what waited in the socket before it (7 % of the flood), and a few turns.
    QVERIFY2(slowest <= 60ms, qPrintable(QString::number(slowest.count())));
}

void tst_Fairness::smallMessagesLeaveFirst_data()
{
    QTest::addColumn<bool>("underWay"); // the bulk, but most of it is still to be sent
    QTest::newRow("written together") << false;
    QTest::newRow("bulk is under way") << true;
}

void tst_Fairness::smallMessagesLeaveFirst()
{
    QFETCH(bool, underWay);
    constexpr int Others = 50;
    SimulatedPair pair;
    pair.configure(eager(4096));
    pair.server->setMaxPendingConnections(Others + 1);
    QVERIFY(pair.connect());
    qint64 received = 0;
    connect(pair.client.get(), &KcpSocket::readyRead, this,
            [&] { received += pair.client->readAll().size(); });
    std::vector<std::unique_ptr<KcpSocket>> clients;
    std::vector<std::unique_ptr<KcpSocket>> others;
    for (int i = 0; i < Others; ++i) {
        clients.push_back(std::make_unique<KcpSocket>());
        clients.back()->connectToHost(serverHost, ServerPort);
    }
    pair.world.run(1s);
    while (KcpSocket *socket = pair.server->nextPendingConnection())
        others.emplace_back(socket);
    QCOMPARE(others.size(), std::size_t(Others));

    SimulatedNetwork &network = pair.world.network();
    pair.peer->write("b"); // its ACK tells how large the client's window is
    pair.world.run(1s);
    pair.peer->write(QByteArray(16 << 20, 'b'));
    if (underWay)
        pair.peer->flush(); // a turn's worth
    network.setTracing(true);
    for (const auto &socket : others)
        socket->write("small");
    pair.world.run(1s);
    network.setTracing(false);

    // What left the server, until the last of the small ones has.
    std::set<quint16> waiting;
    for (const auto &client : clients)
        waiting.insert(client->localPort());
    std::size_t bulk = 0;
    for (const SimulatedNetwork::TraceEntry &entry : network.trace()) {
        if (waiting.empty())
            break;
        if (entry.fate != SimulatedNetwork::Fate::Sent || kcptest::portOf(entry.from) != ServerPort)
            continue;
        if (waiting.erase(kcptest::portOf(entry.to)) == 0)
            ++bulk;
    }
    QVERIFY(waiting.empty());
    QVERIFY2(bulk > 0 && bulk <= Burst, qPrintable(QString::number(bulk)));
    for (const auto &client : clients)
        QCOMPARE(client->readAll(), QByteArray("small"));
    QVERIFY(received > 1 << 20); // there was a bulk
}

// More connections time out at one moment than may be told in one go.
void tst_Fairness::manyEndingsLeaveTimeForOthers()
{
    constexpr int Connections = 600;
    KcpConfiguration configuration;
    configuration.setIdleTimeout(5s);
    configuration.setKeepAliveInterval(0ms);
    SimulatedPair pair;
    pair.configure(configuration);
    QVERIFY(pair.listen());
    pair.server->setMaxPendingConnections(Connections);
    std::vector<KcpSocket *> accepted;
    int ended = 0;
    int endedBeforeOthers = -1; // when a call that the first of them has queued had its turn
    const auto countEnding = [&] {
        if (ended++ == 0)
            QMetaObject::invokeMethod(
                    this, [&] { endedBeforeOthers = ended; }, Qt::QueuedConnection);
    };
    connect(pair.server.get(), &KcpServer::newConnection, this, [&] {
        while (KcpSocket *socket = pair.server->nextPendingConnection()) {
            accepted.push_back(socket);
            connect(socket, &KcpSocket::disconnected, this, countEnding);
        }
    });
    std::vector<std::unique_ptr<KcpSocket>> clients;
    for (int i = 0; i < Connections; ++i) {
        // A server lets only so many in from one address.
        pair.world.setHost(QHostAddress(clientHost.toIPv4Address() + quint32(i / 200)));
        clients.push_back(std::make_unique<KcpSocket>());
        clients.back()->connectToHost(serverHost, ServerPort);
    }
    QVERIFY(pair.world.run(2s, [&] { return accepted.size() == Connections; }));
    kcptest::LinkConfig dead;
    dead.loss = 1;
    pair.world.network().setDefaultLink(dead);
    QVERIFY(pair.world.run(60s, [&] { return ended == Connections; }));
    QCOMPARE(endedBeforeOthers, ToldInOneGo);
}

// A receive batch and a transmit batch, whatever the number of sockets.
void tst_Fairness::threadSharesItsBatches()
{
    const std::set<const void *> ours = batchesOfAWorld();
    QCOMPARE(ours.size(), std::size_t(2));
    QVERIFY(batchesOfAWorld() == ours);
    std::set<const void *> theirs;
    std::thread([&] { theirs = batchesOfAWorld(); }).join();
    QCOMPARE(theirs.size(), std::size_t(2));
    std::vector<const void *> common;
    std::set_intersection(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                          std::back_inserter(common));
    QVERIFY(common.empty());
}

QTEST_GUILESS_MAIN(tst_Fairness)
#include "tst_fairness.moc"
