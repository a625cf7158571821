// SPDX-License-Identifier: MIT
// What implementations of KCP get wrong about sessions, one test each: each fails with an endpoint
// that has the defect. The numbers are those of the list in the documentation.
#include "testnetwork.h"
#include "testsegment.h"

#include <QTest>

using namespace kcpnet;
using Type = Event::Type;
using kcptest::push;

class tst_EndpointDefects : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void defect13_otherConversationLeavesTheSessionAlone_data();
    void defect13_otherConversationLeavesTheSessionAlone();
    void defect15_strangersCostNothing_data();
    void defect15_strangersCostNothing();
    void defect15_fullSessionDoesNotStallOthers_data();
    void defect15_fullSessionDoesNotStallOthers();
    void defect16_closeDeliversAndTells();
    void defect16_silenceEndsTheSession_data();
    void defect16_silenceEndsTheSession();
    void defect16_garbageIsNoLife_data();
    void defect16_garbageIsNoLife();
};

namespace {

SessionConfig configFor(Profile profile)
{
    SessionConfig config;
    config.profile = profile;
    config.engine.nodelay = 1;
    config.engine.interval = 10ms;
    config.engine.fastResend = 2;
    config.engine.congestionControl = kcp::CongestionControl::Off;
    return config;
}

struct Pair
{
    explicit Pair(const SessionConfig &config)
    {
        AcceptConfig accept;
        accept.profiles = static_cast<std::uint8_t>(config.profile);
        accept.session = config;
        server->setAcceptConfig(accept);
    }

    // Connects a client and lets it say something, so that the server has the session.
    SessionId open(Node &node, const SessionConfig &config, std::string_view words)
    {
        const SessionId id = node.connectTo(server, config);
        node->write(id, view(words));
        network.run(1s);
        return id;
    }

    TestNetwork network;
    Node &server = network.add(address(1, 7000));
    Node &client = network.add(address(2, 40000));
    Node &other = network.add(address(3, 40000));
};

void addProfiles()
{
    QTest::addColumn<int>("profile");
    QTest::newRow("native") << int(Profile::Native);
    QTest::newRow("plain KCP") << int(Profile::PlainKcp);
}

std::string pattern(std::size_t size)
{
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>(i * 31 + i / 251);
    return text;
}

std::vector<std::uint8_t> encoded(const kcptest::Packet &packet)
{
    return kcptest::encode(packet);
}

} // namespace

void tst_EndpointDefects::defect13_otherConversationLeavesTheSessionAlone_data()
{
    addProfiles();
}

// kcp-go takes sn 0 of another conv for a client that began anew, and closes the live session:
// one forged datagram is enough.
void tst_EndpointDefects::defect13_otherConversationLeavesTheSessionAlone()
{
    QFETCH(int, profile);
    const SessionConfig config = configFor(static_cast<Profile>(profile));
    Pair p(config);
    const SessionId client = p.open(p.client, config, "first");
    const SessionId server = p.server.accepted();
    QVERIFY(!server.isNull());
    QCOMPARE(p.server.text(server), std::string("first"));
    const std::uint32_t conv = p.client->session(client)->conversation();

    for (std::uint32_t i = 1; i < 50; ++i) {
        p.network.send(p.client.where, p.server.where,
                       encoded(push(0, "forged").withConv(conv + i).withWindow(128)));
        p.network.run(20ms);
    }
    QCOMPARE(p.server.count(Type::Closed, server), 0);
    QVERIFY(p.server->session(server));
    p.client->write(client, view(" second"));
    p.server->write(server, view("answer"));
    p.network.run(1s);
    QCOMPARE(p.server.text(server), std::string("first second"));
    QCOMPARE(p.client.text(client), std::string("answer"));
    QCOMPARE(p.client.count(Type::Closed), 0);
}

void tst_EndpointDefects::defect15_strangersCostNothing_data()
{
    addProfiles();
}

// A session and its buffers must not be had for any 24 bytes from anywhere.
void tst_EndpointDefects::defect15_strangersCostNothing()
{
    QFETCH(int, profile);
    const SessionConfig config = configFor(static_cast<Profile>(profile));
    Pair p(config);
    p.network.capture = false;
    std::uint64_t bytesIn = 0;
    const auto from = [](std::uint32_t i) {
        return Address::fromIPv4(0x0b000000U + i, static_cast<std::uint16_t>(1024 + i % 60000));
    };
    for (std::uint32_t i = 0; i < 20000; ++i) {
        kcptest::Segment segment = push(0, "");
        switch (i % 5) {
        case 0:
            segment = kcptest::ack(i);
            break;
        case 1:
            segment = kcptest::wins();
            break;
        case 2:
            segment = push(100000 + i, "far beyond any window");
            break;
        case 3:
            segment = push(0, "an answer to nothing").withUna(1);
            break;
        case 4:
            segment = push(0, "cut short").withLength(1000);
            break;
        }
        const auto datagram = encoded(segment.withConv(i).withWindow(128));
        bytesIn += datagram.size();
        p.server->handleDatagram(p.network.now, { p.server.where, from(i) }, datagram);
        QCOMPARE(p.server->sessionCount(), 0U);
    }
    p.network.run(10s);
    QVERIFY(p.server.events.empty());
    QVERIFY(p.server->stats().bytesOut <= bytesIn);

    // Those that could be clients are let in within the limits only.
    AcceptConfig accept;
    accept.profiles = static_cast<std::uint8_t>(config.profile);
    accept.session = config;
    accept.maximumPending = 10;
    p.server->setAcceptConfig(accept);
    p.server.takes = false; // the application is busy elsewhere
    for (std::uint32_t i = 0; i < 20000; ++i)
        p.server->handleDatagram(p.network.now, { p.server.where, from(i) },
                                 encoded(push(0, "hello").withConv(i + 1).withWindow(128)));
    const std::uint32_t most = config.profile == Profile::PlainKcp ? 10 : 0;
    QCOMPARE(p.server->sessionCount(), most);
    QCOMPARE(p.server->pendingCount(), most);
}

void tst_EndpointDefects::defect15_fullSessionDoesNotStallOthers_data()
{
    addProfiles();
}

void tst_EndpointDefects::defect15_fullSessionDoesNotStallOthers()
{
    QFETCH(int, profile);
    SessionConfig config = configFor(static_cast<Profile>(profile));
    config.engine.receiveWindow = 128;
    Pair p(config);
    p.server.reads = false; // nobody reads anything of itself
    const SessionId flooding = p.open(p.client, config, "x");
    const SessionId polite = p.open(p.other, config, "y");
    const SessionId floodedServer = p.server.accepted(0);
    const SessionId politeServer = p.server.accepted(1);
    QVERIFY(!politeServer.isNull());
    p.client->write(flooding, view(pattern(2000000)));
    p.network.run(5s);
    QVERIFY(p.client->session(flooding)->unsentBytes() > 0); // it is full

    std::uint8_t byte = 0;
    QCOMPARE(p.server->read(politeServer, { &byte, 1 }), std::size_t(1));
    for (int i = 0; i < 20; ++i) {
        p.other->write(polite, view("ping"));
        const kcp::Instant sent = p.network.now;
        QVERIFY(p.network.run(
                1s, [&] { return p.server->session(politeServer)->readableBytes() >= 4; }));
        QVERIFY(p.network.now - sent <= 50ms); // one way takes 25 ms
        std::uint8_t buffer[4];
        QCOMPARE(p.server->read(politeServer, buffer), std::size_t(4));
    }
    QVERIFY(p.server->session(floodedServer)->readableBytes() <= 200U * 1400);
}

void tst_EndpointDefects::defect16_closeDeliversAndTells()
{
    const SessionConfig config = configFor(Profile::Native);
    Pair p(config);
    const SessionId client = p.open(p.client, config, "hello");
    const SessionId server = p.server.accepted();
    QVERIFY(!server.isNull());
    p.network.loss = 0.1;
    const std::string text = pattern(300000);
    p.client->write(client, view(text));
    p.client->close(p.network.now, client, 7, "that was all"); // all of it is still queued
    QVERIFY(p.network.run(60s, [&] { return p.client.count(Type::Closed) > 0; }));
    QVERIFY(p.client.closedWith(CloseReason::LocalClose));
    QVERIFY(p.network.run(60s, [&] { return p.server.count(Type::Closed) > 0; }));
    QVERIFY(p.server.text(server) == "hello" + text);
    const Event *closed = p.server.find(Type::Closed);
    QVERIFY(closed->reason == CloseReason::RemoteClose);
    QCOMPARE(closed->closeCode, 7U);
    QCOMPARE(closed->closeText, std::string("that was all"));
    // The reader has heard of the end before it came.
    QCOMPARE(p.server.count(Type::PeerFinished), 1);
}

void tst_EndpointDefects::defect16_silenceEndsTheSession_data()
{
    addProfiles();
}

void tst_EndpointDefects::defect16_silenceEndsTheSession()
{
    QFETCH(int, profile);
    SessionConfig config = configFor(static_cast<Profile>(profile));
    config.idleTimeout = 5s;
    Pair p(config);
    p.open(p.client, config, "hello");
    QVERIFY(!p.server.accepted().isNull());
    const kcp::Instant silence = p.network.now;
    p.network.filter = [](const TestNetwork::Packet &) { return false; };
    QVERIFY(p.network.run(20s, [&] {
        return p.client.count(Type::Closed) > 0 && p.server.count(Type::Closed) > 0;
    }));
    QVERIFY(p.client.closedWith(CloseReason::IdleTimeout));
    QVERIFY(p.server.closedWith(CloseReason::IdleTimeout));
    QVERIFY(p.network.now - silence <= 5s);
}

void tst_EndpointDefects::defect16_garbageIsNoLife_data()
{
    addProfiles();
}

void tst_EndpointDefects::defect16_garbageIsNoLife()
{
    QFETCH(int, profile);
    SessionConfig config = configFor(static_cast<Profile>(profile));
    config.idleTimeout = 5s;
    Pair p(config);
    const SessionId client = p.open(p.client, config, "hello");
    const SessionId server = p.server.accepted();
    QVERIFY(!server.isNull());
    const std::uint32_t conv = p.client->session(client)->conversation();
    const auto captured = p.network.captured; // all that was ever said
    const kcp::Instant silence = p.network.now;
    p.network.filter = [](const TestNetwork::Packet &) { return false; };
    const auto forge = [&](std::vector<std::uint8_t> datagram) {
        p.server->handleDatagram(p.network.now, { p.server.where, p.client.where }, datagram);
    };
    std::uint32_t n = 0;
    while (p.network.now - silence < 20s && p.server.count(Type::Closed, server) == 0) {
        for (const TestNetwork::Packet &packet : captured) {
            if (packet.from == p.client.where)
                forge(packet.data);
        }
        forge(std::vector<std::uint8_t>(10, 0));
        ++n;
        forge(encoded(kcptest::ack(n).withConv(conv).withUna(n + 1000)));
        forge(encoded(kcptest::wins().withConv(conv)));
        forge(encoded(push(0, "old").withConv(conv)));
        forge(encoded(push(n + 100000, "far").withConv(conv)));
        p.network.run(100ms);
    }
    QVERIFY(p.server.closedWith(CloseReason::IdleTimeout, server));
    QVERIFY(p.network.now - silence <= 5100ms);
}

QTEST_APPLESS_MAIN(tst_EndpointDefects)

#include "tst_endpoint_defects.moc"
