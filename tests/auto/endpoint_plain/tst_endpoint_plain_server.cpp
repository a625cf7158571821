// SPDX-License-Identifier: MIT
// Whom a server of bare KCP lets in, and what strangers cost it.
#include "plainpair.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

class tst_EndpointPlainServer : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void statelessAnswerToWask();
    void noSessionForImplausibleSegments();
    void acceptLimits();
    void perAddressLimit();
    void pendingLimit();
    void profileMustBeAllowed();
    void tombstone();
    void amplificationLimit();
    void smallRequestLargeAnswer();
    void replyRateIsBounded();
    void fairTurns();
    void idsAreNotReused();
};

void tst_EndpointPlainServer::statelessAnswerToWask()
{
    PlainPair p;
    p.network.send(p.stranger.where, p.server.where, segment(77, Wask, 0, 0));
    p.network.run(1s);
    QCOMPARE(p.network.captured.size(), std::size_t(2));
    const std::vector<std::uint8_t> &reply = p.network.captured[1].data;
    QCOMPARE(reply.size(), std::size_t(24));
    QCOMPARE(int(reply[0]), 77);
    QCOMPARE(int(reply[4]), int(Wins));
    QCOMPARE(reply[6] + 256 * reply[7], 128);
    QCOMPARE(p.server->sessionCount(), 0U);
    // One that has received something belongs to a session that is gone: silence, so that its
    // keepalive fails.
    p.network.send(p.stranger.where, p.server.where, segment(78, Wask, 0, 3));
    p.network.run(1s);
    QCOMPARE(p.network.captured.size(), std::size_t(3));
}

void tst_EndpointPlainServer::noSessionForImplausibleSegments()
{
    PlainPair p;
    const auto send = [&](std::vector<std::uint8_t> data) {
        p.network.send(p.stranger.where, p.server.where, std::move(data));
    };
    send(segment(1, Push, 128, 0, "x")); // beyond the window
    send(segment(2, Push, 0xffffffff, 0, "x"));
    send(segment(3, Push, 0, 1, "x")); // acknowledges what nobody sent
    send(segment(4, 82, 0, 0)); // ACK
    send(segment(5, Wins, 0, 0));
    send(std::vector<std::uint8_t>(100, 0));
    send({});
    std::vector<std::uint8_t> cut = segment(6, Push, 0, 0, "x");
    cut.pop_back();
    send(cut);
    p.network.run(1s);
    QCOMPARE(p.server->sessionCount(), 0U);
    QCOMPARE(p.network.captured.size(), std::size_t(8)); // no answer
    QCOMPARE(p.server->stats().malformedIn, 3U);
    QCOMPARE(p.server->stats().unknownConversationIn, 5U);
}

void tst_EndpointPlainServer::acceptLimits()
{
    PlainPair p;
    AcceptConfig accept = plainServer();
    accept.maximumConnections = 3;
    p.server->setAcceptConfig(accept);
    for (std::uint32_t conv = 1; conv <= 10; ++conv)
        p.network.send(p.stranger.where, p.server.where, segment(conv, Push, 0, 0, "x"));
    p.network.run(100ms);
    QCOMPARE(p.server->sessionCount(), 3U);
    QCOMPARE(p.server->stats().refused, 7U);
    // Room again.
    p.server->abort(p.network.now, p.server.accepted());
    p.network.send(p.stranger.where, p.server.where, segment(10, Push, 0, 0, "x"));
    p.network.run(100ms);
    QCOMPARE(p.server->sessionCount(), 3U);
    QCOMPARE(p.server.count(Type::Accepted), 4);
    // Nobody, for as long as the server pauses; who is in stays.
    accept.accepting = false;
    accept.maximumConnections = 100;
    p.server->setAcceptConfig(accept);
    p.network.send(p.stranger.where, p.server.where, segment(11, Push, 0, 0, "x"));
    p.network.run(100ms);
    QCOMPARE(p.server->sessionCount(), 3U);
}

void tst_EndpointPlainServer::perAddressLimit()
{
    PlainPair p;
    AcceptConfig accept = plainServer();
    accept.maximumConnectionsPerAddress = 2;
    p.server->setAcceptConfig(accept);
    for (std::uint16_t port = 1; port <= 5; ++port) {
        p.network.send(address(3, port), p.server.where, segment(1, Push, 0, 0, "x"));
        p.network.send(address(4, port), p.server.where, segment(1, Push, 0, 0, "x"));
    }
    p.network.run(100ms);
    QCOMPARE(p.server->sessionCount(), 4U);
}

void tst_EndpointPlainServer::pendingLimit()
{
    PlainPair p;
    AcceptConfig accept = plainServer();
    accept.maximumPending = 2;
    p.server->setAcceptConfig(accept);
    p.server.takes = false;
    for (std::uint32_t conv = 1; conv <= 5; ++conv)
        p.network.send(p.stranger.where, p.server.where, segment(conv, Push, 0, 0, "x"));
    p.network.run(100ms);
    QCOMPARE(p.server->pendingCount(), 2U);
    p.server->take(p.server.accepted(0));
    p.server->take(p.server.accepted(0)); // twice is once
    QCOMPARE(p.server->pendingCount(), 1U);
    p.server->abort(p.network.now, p.server.accepted(1)); // gone while pending
    QCOMPARE(p.server->pendingCount(), 0U);
    p.network.send(p.stranger.where, p.server.where, segment(9, Push, 0, 0, "x"));
    p.network.run(100ms);
    QCOMPARE(p.server->pendingCount(), 1U);
}

void tst_EndpointPlainServer::profileMustBeAllowed()
{
    PlainPair p;
    AcceptConfig accept = plainServer();
    accept.profiles = static_cast<std::uint8_t>(Profile::Native);
    p.server->setAcceptConfig(accept);
    p.network.send(p.stranger.where, p.server.where, segment(1, Push, 0, 0, "x"));
    p.network.send(p.stranger.where, p.server.where, segment(1, Wask, 0, 0));
    p.network.run(100ms);
    QCOMPARE(p.server->sessionCount(), 0U);
}

void tst_EndpointPlainServer::tombstone()
{
    PlainPair p;
    p.network.send(p.stranger.where, p.server.where, segment(1, Push, 0, 0, "x"));
    p.network.run(100ms);
    p.server->abort(p.network.now, p.server.accepted());
    p.network.run(100ms);
    p.network.send(p.stranger.where, p.server.where, segment(1, Push, 1, 0, "late"));
    p.network.send(p.stranger.where, p.server.where, segment(1, Push, 0, 0, "late"));
    p.network.run(25s);
    QCOMPARE(p.server->sessionCount(), 0U);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    p.network.run(6s);
    p.network.send(p.stranger.where, p.server.where, segment(1, Push, 0, 0, "new"));
    p.network.run(1s);
    QCOMPARE(p.server.count(Type::Accepted), 2);
}

void tst_EndpointPlainServer::amplificationLimit()
{
    PlainPair p;
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Accepted)
            p.server->write(event.session, view(std::string(100000, 'a')));
    };
    std::size_t in = 0;
    std::size_t out = 0;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        (packet.to == p.server.where ? in : out) += packet.data.size();
        return true;
    };
    p.network.send(p.stranger.where, p.server.where, segment(1, Push, 0, 0, std::string(600, 'q')));
    p.network.run(9s);
    QVERIFY(out > in);
    QVERIFY(out <= 3 * in);
    const std::size_t before = out;
    // More bytes in, more bytes out.
    p.network.send(p.stranger.where, p.server.where,
                   segment(1, Push, 1, 0, std::string(1400, 'q')));
    p.network.run(500ms);
    QVERIFY(out > before);
    QVERIFY(out <= 3 * in);
    // An acknowledgement proves the address.
    p.network.send(p.stranger.where, p.server.where, segment(1, 82, 0, 0));
    p.network.run(5s);
    QVERIFY(out > 3 * in);
}

void tst_EndpointPlainServer::smallRequestLargeAnswer()
{
    PlainPair p;
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Accepted)
            p.server->write(event.session, view(std::string(10000, 'a')));
    };
    SessionConfig config = plainConfig();
    config.connectWithoutReply = true;
    const SessionId id = p.client.connectTo(p.server, config);
    p.client->write(id, view("?"));
    const kcp::Instant start = p.network.now;
    QVERIFY(p.network.run(1s, [&] { return p.client.text(id).size() == 10000; }));
    QVERIFY(p.network.now - start == 100ms); // one round trip more, for the proof
}

void tst_EndpointPlainServer::replyRateIsBounded()
{
    PlainPair p;
    p.network.capture = false;
    std::vector<std::uint8_t> buffer(2000);
    Path path;
    std::size_t replies = 0;
    // 100,000 strangers in one second.
    for (std::uint32_t i = 0; i < 100000; ++i) {
        p.network.now += 10us;
        p.server->handleDatagram(p.network.now,
                                 { p.server.where, Address::fromIPv4(i * 2654435761U, 1000) },
                                 segment(i, Wask, 0, 0));
        while (p.server->pollTransmit(p.network.now, buffer, path))
            ++replies;
    }
    QVERIFY(replies >= 5000);
    QVERIFY(replies <= 6001);
    QCOMPARE(p.server->stats().repliesSuppressed, 100000U - replies);
    QCOMPARE(p.server->sessionCount(), 0U);
}

void tst_EndpointPlainServer::fairTurns()
{
    PlainPair p;
    SessionConfig config = plainConfig();
    config.engine.sendWindow = 1000;
    const SessionId a = p.client.connectTo(p.server, config);
    const SessionId b = p.client.connectTo(p.server, config);
    p.network.run(200ms);
    p.client->write(a, view(std::string(1376 * 100, 'a')));
    p.client->write(b, view(std::string(1376 * 100, 'b')));
    std::vector<std::uint8_t> buffer(p.client->maximumTransmitSize());
    Path path;
    std::vector<std::pair<char, int>> runs;
    while (const std::size_t size = p.client->pollTransmit(p.network.now, buffer, path)) {
        const char who = static_cast<char>(buffer[size - 1]);
        if (runs.empty() || runs.back().first != who)
            runs.push_back({ who, 0 });
        ++runs.back().second;
    }
    const std::vector<std::pair<char, int>> expected{ { 'a', 46 }, { 'b', 46 }, { 'a', 46 },
                                                      { 'b', 46 }, { 'a', 8 },  { 'b', 8 } };
    QVERIFY(runs == expected);
}

void tst_EndpointPlainServer::idsAreNotReused()
{
    PlainPair p;
    const SessionId first = p.client.connectTo(p.server, plainConfig());
    p.client->abort(p.network.now, first);
    p.client->release(p.network.now, first);
    const SessionId second = p.client.connectTo(p.server, plainConfig());
    QCOMPARE(second.index, first.index);
    QVERIFY(!(second == first));
    QVERIFY(!p.client->write(first, view("x")));
    QVERIFY(p.client->session(first) == nullptr);
    // One conversation id, one session.
    const std::uint32_t conv = p.client->session(second)->conversation();
    QVERIFY(p.client.connectTo(p.server, plainConfig(), conv).isNull());
    SessionConfig impossible = plainConfig();
    impossible.engine.mtu = 1;
    QVERIFY(p.client.connectTo(p.server, impossible).isNull());
}

QTEST_GUILESS_MAIN(tst_EndpointPlainServer)
#include "tst_endpoint_plain_server.moc"
