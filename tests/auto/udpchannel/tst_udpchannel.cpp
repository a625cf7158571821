// SPDX-License-Identifier: MIT
#include "kcpaddressconversion_p.h"
#include "kcpudpchannel_p.h"

#include <QtNetwork/qudpsocket.h>
#include <QtTest/qtest.h>

#include <chrono>
#include <memory>
#include <vector>

using namespace std::chrono_literals;

using Batching = KcpUdpChannel::Batching;
Q_DECLARE_METATYPE(Batching)

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

// A channel with what a driver does around it.
class Peer : public KcpUdpChannel::Listener
{
public:
    explicit Peer(Batching batching) : channel(KcpUdpChannel::create(&parent, this, batching)) { }

    void channelReadable() override
    {
        ++wakeUps;
        read();
    }
    void channelWritable() override { ++writable; }

    void read()
    {
        KcpReceiveBatch &batch = KcpReceiveBatch::forThread();
        for (;;) {
            const KcpUdpChannel::ReceiveResult result = channel->receive(batch);
            batch.forEach([&](const kcpnet::Path &path, kcp::ByteView bytes) {
                paths.push_back(path);
                datagrams.emplace_back(reinterpret_cast<const char *>(bytes.data()),
                                       qsizetype(bytes.size()));
            });
            unreachable = unreachable || result.unreachable;
            if (result.drained)
                break;
        }
    }

    // Sends all, waiting for room where the socket is full.
    void send(const std::vector<QByteArray> &all, const kcpnet::Path &path)
    {
        KcpTransmitBatch batch;
        for (std::size_t i = 0; i < all.size();) {
            const kcp::MutableBytes slot = batch.slot(65507);
            if (slot.empty()) {
                flush(batch);
                continue;
            }
            std::copy(all[i].begin(), all[i].end(), slot.begin());
            batch.commit(std::size_t(all[i].size()), path);
            ++i;
        }
        flush(batch);
    }
    void flush(KcpTransmitBatch &batch)
    {
        while (!batch.isEmpty()) {
            const KcpUdpChannel::SendResult result = channel->send(batch);
            lost = lost || result.localAddressLost;
            unreachable = unreachable || result.unreachable;
            if (result.blocked)
                channel->wait(100ms, true);
        }
        batch.clear();
    }

    kcpnet::Path pathTo() const { return { {}, kcpToAddress(localHost, channel->localPort()) }; }

    QObject parent;
    std::unique_ptr<KcpUdpChannel> channel;
    std::vector<QByteArray> datagrams;
    std::vector<kcpnet::Path> paths;
    int wakeUps = 0;
    int writable = 0;
    bool unreachable = false;
    bool lost = false;
};

} // namespace

class tst_UdpChannel : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void level_data() { addLevels(); }
    void level();
    void datagramsArrive_data() { addPairs(); }
    void datagramsArrive();
    void wakesUpAgain_data() { addLevels(); }
    void wakesUpAgain();
    void unreachablePeer_data() { addLevels(); }
    void unreachablePeer();
    void answersFromAskedAddress_data() { addLevels(); }
    void answersFromAskedAddress();
    void mappedAddresses_data() { addLevels(); }
    void mappedAddresses();
    void waits_data() { addLevels(); }
    void waits();
    void boundThenConnected_data() { addLevels(); }
    void boundThenConnected();
    void largeDatagrams_data() { addLevels(); }
    void largeDatagrams();
    void tooLargeIsLost_data() { addLevels(); }
    void tooLargeIsLost();
    void portInUse_data() { addLevels(); }
    void portInUse();
    void deletedWhenReadable_data() { addLevels(); }
    void deletedWhenReadable();
    void environmentSwitchesOff();

    void batchJoinsEqualDatagrams();
    void batchLimitsRuns();
    void batchRest();
    void addressConversion();

private:
    static void addLevels();
    static void addPairs();
};

void tst_UdpChannel::addLevels()
{
    QTest::addColumn<Batching>("batching");
    QTest::newRow("QUdpSocket") << Batching::None;
    QTest::newRow("messages") << Batching::Messages;
    QTest::newRow("segmentation") << Batching::Segmentation;
}

void tst_UdpChannel::addPairs()
{
    QTest::addColumn<Batching>("from");
    QTest::addColumn<Batching>("to");
    for (const auto from : { Batching::None, Batching::Messages, Batching::Segmentation }) {
        for (const auto to : { Batching::None, Batching::Messages, Batching::Segmentation })
            QTest::addRow("%d to %d", int(from), int(to)) << from << to;
    }
}

void tst_UdpChannel::level()
{
    QFETCH(Batching, batching);
    const Peer peer(batching);
#ifdef Q_OS_LINUX
    // Every Linux that Qt 6 runs on has recvmmsg(); segmentation came with 4.18 and 5.0.
    if (batching != Batching::Segmentation)
        QCOMPARE(peer.channel->batching(), batching);
    else
        QVERIFY(peer.channel->batching() != Batching::None);
#else
    QCOMPARE(peer.channel->batching(), Batching::None);
#endif
}

void tst_UdpChannel::datagramsArrive()
{
    QFETCH(Batching, from);
    QFETCH(Batching, to);
    Peer receiver(to);
    QVERIFY(receiver.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    Peer sender(from);
    QVERIFY(sender.channel->connectToPeer(localHost, receiver.channel->localPort()));

    // Runs of equal size with a short tail, single ones, more than one system call takes.
    std::vector<QByteArray> all;
    for (int i = 0; i < 70; ++i)
        all.push_back(QByteArray(1200, char(i)));
    all.push_back(QByteArray(7, 'x'));
    for (int i = 1; i < 70; ++i)
        all.push_back(QByteArray(i, char('a' + i % 26)));
    sender.send(all, receiver.pathTo());

    QTRY_COMPARE(receiver.datagrams.size(), all.size());
    QVERIFY(receiver.datagrams == all); // loopback keeps the order
    const kcpnet::Address expected = kcpToAddress(localHost, sender.channel->localPort());
    for (const kcpnet::Path &path : receiver.paths) {
        QCOMPARE(path.peer, expected);
        QVERIFY(path.local.isNull()); // bound to one address: no other can have been asked
    }
}

void tst_UdpChannel::wakesUpAgain()
{
    QFETCH(Batching, batching);
    Peer receiver(batching);
    QVERIFY(receiver.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    QUdpSocket sender;
    for (int i = 1; i <= 5; ++i) {
        sender.writeDatagram("x", localHost, receiver.channel->localPort());
        QTRY_COMPARE(receiver.datagrams.size(), std::size_t(i));
    }
    QVERIFY(receiver.wakeUps >= 5);
}

void tst_UdpChannel::unreachablePeer()
{
    QFETCH(Batching, batching);
    QUdpSocket other;
    QVERIFY(other.bind(localHost));
    const quint16 port = other.localPort();
    other.close();

    Peer peer(batching);
    QVERIFY(peer.channel->connectToPeer(localHost, port));
    peer.send({ "anybody there?" }, {});
    QTRY_VERIFY(peer.unreachable);

    // And it goes on working when somebody is there.
    Peer late(batching);
    QVERIFY(late.channel->bind(localHost, port, QAbstractSocket::DefaultForPlatform));
    peer.send({ "now?" }, {});
    QTRY_COMPARE(late.datagrams.size(), std::size_t(1));
    late.send({ "yes" }, { {}, late.paths.front().peer });
    QTRY_COMPARE(peer.datagrams.size(), std::size_t(1));
    QCOMPARE(peer.datagrams.front(), QByteArray("yes"));
}

void tst_UdpChannel::answersFromAskedAddress()
{
    QFETCH(Batching, batching);
#ifndef Q_OS_LINUX
    QSKIP("only Linux gives every address of 127.0.0.0/8 to the loopback interface");
#endif
    Peer server(batching);
    // Qt cannot choose the source address on an IPv4-only socket.
    const auto any = batching == Batching::None ? QHostAddress::Any : QHostAddress::AnyIPv4;
    QVERIFY(server.channel->bind(QHostAddress(any), 0, QAbstractSocket::DefaultForPlatform));
    const QHostAddress second(QStringLiteral("127.0.0.2"));
    Peer client(batching);
    QVERIFY(client.channel->connectToPeer(second, server.channel->localPort()));
    client.send({ "question" }, {});
    QTRY_COMPARE(server.paths.size(), std::size_t(1));
    QCOMPARE(kcpToHostAddress(server.paths.front().local), second);
    // A connected client would not see an answer from 127.0.0.1.
    server.send({ "answer" }, server.paths.front());
    QTRY_COMPARE(client.datagrams.size(), std::size_t(1));
}

void tst_UdpChannel::mappedAddresses()
{
    QFETCH(Batching, batching);
    Peer server(batching);
    QVERIFY(server.channel->bind(QHostAddress(QHostAddress::Any), 0,
                                 QAbstractSocket::DefaultForPlatform));
    Peer client(batching);
    QVERIFY(client.channel->connectToPeer(localHost, server.channel->localPort()));
    client.send({ "question" }, {});
    QTRY_COMPARE(server.paths.size(), std::size_t(1));
    const kcpnet::Path path = server.paths.front();
    QCOMPARE(path.peer, kcpToAddress(localHost, client.channel->localPort()));
    QCOMPARE(kcpToHostAddress(path.local), localHost);
    // Two of one size go as one run where segmentation is on.
    server.send({ "answer", "longer" }, path);
    QTRY_COMPARE(client.datagrams.size(), std::size_t(2));
}

void tst_UdpChannel::waits()
{
    QFETCH(Batching, batching);
    Peer receiver(batching);
    QVERIFY(receiver.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    QVERIFY(!receiver.channel->wait(0ms, false));
    QVERIFY(!receiver.channel->wait(2ms, false));
    for (int i = 1; i <= 3; ++i) {
        QUdpSocket sender;
        sender.writeDatagram("x", localHost, receiver.channel->localPort());
        QVERIFY(receiver.channel->wait(-1us, false));
        receiver.read();
        QCOMPARE(receiver.datagrams.size(), std::size_t(i));
    }
    QVERIFY(receiver.channel->wait(1s, true));
    QCOMPARE(receiver.wakeUps, 0); // waiting is no event loop
}

void tst_UdpChannel::boundThenConnected()
{
    QFETCH(Batching, batching);
    Peer server(batching);
    QVERIFY(server.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    Peer client(batching);
    QVERIFY(client.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    const quint16 port = client.channel->localPort();
    QVERIFY(client.channel->connectToPeer(localHost, server.channel->localPort()));
    QCOMPARE(client.channel->localPort(), port);
    client.send({ "hello" }, {});
    QTRY_COMPARE(server.paths.size(), std::size_t(1));
    QCOMPARE(server.paths.front().peer.port, port);
    server.send({ "hello" }, server.paths.front());
    QTRY_COMPARE(client.datagrams.size(), std::size_t(1));
}

void tst_UdpChannel::largeDatagrams()
{
    QFETCH(Batching, batching);
    Peer receiver(batching);
    QVERIFY(receiver.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    Peer sender(batching);
    QVERIFY(sender.channel->connectToPeer(localHost, receiver.channel->localPort()));
    const std::vector<QByteArray> all{ QByteArray(65507, 'a'), QByteArray(1, 'b') };
    for (const QByteArray &one : all)
        sender.send({ one }, {});
    QTRY_COMPARE(receiver.datagrams.size(), all.size());
    QVERIFY(receiver.datagrams == all);
}

void tst_UdpChannel::tooLargeIsLost()
{
    QFETCH(Batching, batching);
    Peer receiver(batching);
    QVERIFY(receiver.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    Peer sender(batching);
    QVERIFY(sender.channel->connectToPeer(localHost, receiver.channel->localPort()));
    KcpTransmitBatch batch;
    QVERIFY(!batch.slot(65508).empty());
    batch.commit(65508, {}); // one more than UDP over IPv4 can carry
    QVERIFY(!batch.slot(5).empty());
    batch.commit(5, {});
    sender.flush(batch);
    QTRY_COMPARE(receiver.datagrams.size(), std::size_t(1));
    QCOMPARE(receiver.datagrams.front().size(), 5);
}

void tst_UdpChannel::portInUse()
{
    QFETCH(Batching, batching);
    Peer first(batching);
    QVERIFY(first.channel->bind(localHost, 0, QAbstractSocket::DontShareAddress));
    Peer second(batching);
    QVERIFY(!second.channel->bind(localHost, first.channel->localPort(),
                                  QAbstractSocket::DontShareAddress));
    QCOMPARE(second.channel->error(), QAbstractSocket::AddressInUseError);
    QVERIFY(!second.channel->errorString().isEmpty());
}

void tst_UdpChannel::deletedWhenReadable()
{
    QFETCH(Batching, batching);
    struct Suicidal : KcpUdpChannel::Listener
    {
        void channelReadable() override
        {
            channel.reset();
            ++calls;
        }
        void channelWritable() override { }
        QObject parent;
        std::unique_ptr<KcpUdpChannel> channel;
        int calls = 0;
    } peer;
    peer.channel = KcpUdpChannel::create(&peer.parent, &peer, batching);
    QVERIFY(peer.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    QUdpSocket sender;
    sender.writeDatagram("x", localHost, peer.channel->localPort());
    sender.writeDatagram("y", localHost, peer.channel->localPort());
    QTRY_COMPARE(peer.calls, 1);
    QTRY_VERIFY(peer.parent.children().isEmpty());
}

void tst_UdpChannel::environmentSwitchesOff()
{
    qputenv("KCPNETWORK_NO_BATCHING", "1");
    const Peer off(Batching::Segmentation);
    qunsetenv("KCPNETWORK_NO_BATCHING");
    QCOMPARE(off.channel->batching(), Batching::None);
}

void tst_UdpChannel::batchJoinsEqualDatagrams()
{
    const kcpnet::Path a{ {}, kcpToAddress(localHost, 1) };
    const kcpnet::Path b{ {}, kcpToAddress(localHost, 2) };
    KcpTransmitBatch batch;
    const auto put = [&](std::size_t size, const kcpnet::Path &path) {
        QVERIFY(batch.slot(1400).size() == 1400);
        batch.commit(size, path);
    };
    put(1000, a);
    put(1000, a);
    put(300, a); // a shorter one ends the run
    put(1000, a);
    put(1000, b); // another peer
    put(1200, b); // a longer one
    QCOMPARE(batch.runCount(), std::size_t(4));
    QCOMPARE(batch.run(0).count, 3U);
    QCOMPARE(batch.run(0).bytes, 2300U);
    QCOMPARE(batch.datagram(batch.run(0), 1).size(), std::size_t(1000));
    QCOMPARE(batch.datagram(batch.run(0), 2).size(), std::size_t(300));
    QCOMPARE(batch.run(1).count, 1U);
    QCOMPARE(batch.run(2).path.peer.port, quint16(2));
    batch.dropDatagram();
    QCOMPARE(batch.run(0).count, 2U);
    QCOMPARE(batch.run(0).bytes, 1300U);
    batch.dropRun();
    QCOMPARE(batch.runCount(), std::size_t(3));
    batch.clear();
    QVERIFY(batch.isEmpty());
}

void tst_UdpChannel::batchLimitsRuns()
{
    KcpTransmitBatch batch;
    for (int i = 0; i < 65; ++i) {
        QVERIFY(!batch.slot(100).empty());
        batch.commit(100, {});
    }
    QCOMPARE(batch.runCount(), std::size_t(2)); // 64 datagrams are the most
    QCOMPARE(batch.run(0).count, KcpTransmitBatch::MaximumRunCount);
    batch.clear();
    for (int i = 0; i < 47; ++i) {
        QVERIFY(!batch.slot(1400).empty());
        batch.commit(1400, {});
    }
    QCOMPARE(batch.runCount(), std::size_t(2)); // and 65507 bytes
    QCOMPARE(batch.run(0).count, 46U);
    // Full: by bytes, and by runs.
    while (!batch.slot(65507).empty())
        batch.commit(65507, {});
    QVERIFY(batch.slot(65507).empty());
    batch.clear();
    for (std::size_t i = 0; i < KcpTransmitBatch::MaximumRuns; ++i) {
        QVERIFY(!batch.slot(1).empty());
        batch.commit(1, { {}, kcpToAddress(localHost, quint16(i)) });
    }
    QVERIFY(batch.slot(1).empty());
}

void tst_UdpChannel::batchRest()
{
    KcpTransmitBatch batch;
    for (int i = 0; i < 3; ++i) {
        const kcp::MutableBytes slot = batch.slot(10);
        std::fill(slot.begin(), slot.end(), std::uint8_t(i));
        batch.commit(10, {});
    }
    batch.dropDatagram();
    const std::unique_ptr<KcpTransmitBatch> rest = batch.takeRest();
    QVERIFY(batch.isEmpty());
    QCOMPARE(rest->runCount(), std::size_t(1));
    QCOMPARE(rest->run(0).count, 2U);
    QCOMPARE(rest->datagram(rest->run(0), 0)[0], std::uint8_t(1));
    QCOMPARE(rest->datagram(rest->run(0), 1)[9], std::uint8_t(2));
}

void tst_UdpChannel::addressConversion()
{
    const QHostAddress ipv4(QStringLiteral("192.0.2.1"));
    const QHostAddress mapped(QStringLiteral("::ffff:192.0.2.1"));
    const QHostAddress ipv6(QStringLiteral("2001:db8::1"));
    QHostAddress linkLocal(QStringLiteral("fe80::1"));
    linkLocal.setScopeId(QStringLiteral("1"));
    QCOMPARE(kcpToAddress(ipv4, 7), kcpToAddress(mapped, 7));
    QVERIFY(kcpToAddress(ipv4, 7).isIPv4());
    QVERIFY(!kcpToAddress(ipv6, 7).isIPv4());
    QCOMPARE(kcpToHostAddress(kcpToAddress(ipv4, 7)), ipv4);
    QCOMPARE(kcpToHostAddress(kcpToAddress(ipv6, 7)), ipv6);
    QCOMPARE(kcpToHostAddress(kcpToAddress(linkLocal, 7)), linkLocal);
    QCOMPARE(kcpToAddress(linkLocal, 7).scope, 1U);
    QVERIFY(kcpToHostAddress({}).isNull());
}

QTEST_GUILESS_MAIN(tst_UdpChannel)
#include "tst_udpchannel.moc"
