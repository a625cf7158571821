// SPDX-License-Identifier: MIT
// Endpoints that speak bare KCP with each other, and with hand-made segments of strangers.
#include "testnetwork.h"

#include <kcp/wire.h>

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

namespace {

SessionConfig plainConfig()
{
    SessionConfig config;
    config.profile = Profile::PlainKcp;
    config.engine.nodelay = 1;
    config.engine.interval = 10ms;
    config.engine.fastResend = 2;
    config.engine.congestionControl = kcp::CongestionControl::Off;
    return config;
}

AcceptConfig plainServer()
{
    AcceptConfig config;
    config.profiles = static_cast<std::uint8_t>(Profile::PlainKcp);
    config.session = plainConfig();
    return config;
}

// Written by hand: the product's encoder is not asked.
std::vector<std::uint8_t> segment(std::uint32_t conv, std::uint8_t cmd, std::uint32_t sn,
                                  std::uint32_t una, std::string_view data = {})
{
    std::vector<std::uint8_t> bytes;
    const auto u32 = [&bytes](std::size_t value) {
        for (int i = 0; i < 4; ++i)
            bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    };
    u32(conv);
    bytes.push_back(cmd);
    bytes.push_back(0); // frg
    bytes.push_back(128); // wnd
    bytes.push_back(0);
    u32(5); // ts
    u32(sn);
    u32(una);
    u32(data.size());
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

constexpr std::uint8_t Push = 81;
constexpr std::uint8_t Wask = 83;
constexpr std::uint8_t Wins = 84;

struct Pair
{
    explicit Pair(kcp::Instant start = kcp::instantFromMicroseconds(1000000)) : network(start)
    {
        (*server).setAcceptConfig(plainServer());
    }

    TestNetwork network;
    Node &server = network.add(address(1, 7000));
    Node &client = network.add(address(2, 40000));
    Node &stranger = network.add(address(3, 50000)); // raw datagrams only
};

} // namespace

class tst_EndpointPlain : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void connectsWithoutData();
    void connectWithoutReply();
    void connectTimeout();
    void refusedWhileConnectingOnly();
    void echo();
    void echoOverBadNetwork();
    void wrapOfTime();
    void messages();
    void oversizedMessageIsRefused();
    void gracefulCloseDelivers();
    void closeWithNothingWritten();
    void closeOfSilentPeerEnds();
    void abortSaysNothing();
    void keepAliveOnlyWhenSilent();
    void idleTimeout();
    void deadLink();
    void pathSilent();
    void releasedSessionDiscards();
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
    void standstill();
    void fairTurns();
    void readableForNewBytes();
    void writtenCounts();
    void idsAreNotReused();
    void idleEndpointDoesNotWake();
};

void tst_EndpointPlain::connectsWithoutData()
{
    Pair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    QVERIFY(!id.isNull());
    QVERIFY(p.client->session(id)->state() == Session::State::Connecting);
    QVERIFY(p.network.run(49ms));
    QCOMPARE(p.client.count(Type::Connected), 0);
    QVERIFY(p.network.run(1ms));
    QCOMPARE(p.client.count(Type::Connected), 1);
    QCOMPARE(p.server->sessionCount(), 0U); // answered without keeping anything
    QCOMPARE(p.network.captured.size(), std::size_t(2));
    QCOMPARE(p.network.captured[1].data.size(), std::size_t(24));
}

void tst_EndpointPlain::connectWithoutReply()
{
    Pair p;
    SessionConfig config = plainConfig();
    config.connectWithoutReply = true;
    p.client.connectTo(p.server, config);
    p.network.settle();
    QCOMPARE(p.client.count(Type::Connected), 1);
    QVERIFY(p.network.captured.empty());
}

void tst_EndpointPlain::connectTimeout()
{
    Pair p;
    p.network.filter = [](const TestNetwork::Packet &) { return false; };
    std::vector<kcp::Instant> asked;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        asked.push_back(packet.sent);
        return false;
    };
    const kcp::Instant start = p.network.now;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.network.run(9999ms);
    QCOMPARE(p.client.count(Type::Closed), 0);
    p.network.run(1ms);
    QVERIFY(p.client.closedWith(CloseReason::ConnectTimeout, id));
    std::vector<kcp::Instant> expected;
    for (const auto after : { 0ms, 250ms, 750ms, 1750ms, 3750ms, 5750ms, 7750ms, 9750ms })
        expected.push_back(start + after);
    QVERIFY(asked == expected);
    QVERIFY(p.client->isIdle());
}

void tst_EndpointPlain::refusedWhileConnectingOnly()
{
    Pair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->handleUnreachable(p.network.now, { {}, address(9, 1) }); // someone else
    p.network.settle();
    QCOMPARE(p.client.count(Type::Closed), 0);
    p.client->handleUnreachable(p.network.now, { {}, p.server.where });
    p.network.settle();
    QVERIFY(p.client.closedWith(CloseReason::Refused, id));
    QVERIFY(p.client.events.back().refusal == Refusal::Unreachable);

    const SessionId second = p.client.connectTo(p.server, plainConfig());
    p.network.run(100ms);
    p.client->handleUnreachable(p.network.now, { {}, p.server.where });
    p.network.run(100ms);
    QVERIFY(p.client->session(second)->state() == Session::State::Connected);
}

void tst_EndpointPlain::echo()
{
    Pair p;
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Readable)
            p.server->write(event.session, view(p.server.text(event.session)));
    };
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->write(id, view("hello"));
    const kcp::Instant start = p.network.now;
    QVERIFY(p.network.run(1s, [&] { return p.client.text(id) == "hello"; }));
    QVERIFY(p.network.now - start == 50ms);
    QCOMPARE(p.server->sessionCount(), 1U);
    QCOMPARE(p.client.count(Type::Connected), 1);
    QCOMPARE(p.server.count(Type::Accepted), 1);
}

void tst_EndpointPlain::echoOverBadNetwork()
{
    Pair p;
    p.network.loss = 0.1;
    p.network.jitter = 30ms;
    p.network.duplication = 0.05;
    std::string data;
    for (int i = 0; i < 200000; ++i)
        data += static_cast<char>(p.network.random.below(256));
    std::size_t echoed = 0;
    p.server.onEvent = [&](const Event &event) {
        if (event.type != Type::Readable)
            return;
        const std::string &text = p.server.text(event.session);
        p.server->write(event.session, view(text).subspan(echoed));
        echoed = text.size();
    };
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->write(id, view(data));
    QVERIFY(p.network.run(60s, [&] { return p.client.text(id).size() == data.size(); }));
    QVERIFY(p.client.text(id) == data);
}

void tst_EndpointPlain::wrapOfTime()
{
    // Half a second before the 32-bit milliseconds wrap.
    Pair p(kcp::instantFromMicroseconds((std::int64_t(1) << 32) * 1000 - 500000));
    SessionConfig config = plainConfig();
    config.keepAliveInterval = 300ms;
    config.idleTimeout = 1s;
    const SessionId id = p.client.connectTo(p.server, config);
    for (int i = 0; i < 100; ++i) {
        p.client->write(id, view("0123456789"));
        p.network.run(10ms);
    }
    p.network.run(5s);
    QCOMPARE(p.server.text(p.server.accepted()).size(), std::size_t(1000));
    QCOMPARE(p.client.count(Type::Closed), 0);
    QVERIFY(p.client->session(id)->engine().stats().timeoutRetransmissions == 0);
}

void tst_EndpointPlain::messages()
{
    Pair p;
    AcceptConfig accept = plainServer();
    accept.session.mode = Mode::Message;
    p.server->setAcceptConfig(accept);
    SessionConfig config = plainConfig();
    config.mode = Mode::Message;
    p.network.loss = 0.05;
    const SessionId id = p.client.connectTo(p.server, config);
    std::vector<std::vector<std::uint8_t>> sent;
    for (const std::size_t size : { 0, 1, 1376, 1377, 100000, 0, 5 }) {
        sent.emplace_back(size, static_cast<std::uint8_t>(size));
        QVERIFY(p.client->writeMessage(id, sent.back()));
    }
    QVERIFY(!p.client->write(id, view("stream"))); // the boundaries would be lost
    QVERIFY(p.network.run(
            20s, [&] { return p.server.messagesOf(p.server.accepted()).size() == sent.size(); }));
    QVERIFY(p.server.messagesOf(p.server.accepted()) == sent);
}

void tst_EndpointPlain::oversizedMessageIsRefused()
{
    Pair p;
    SessionConfig config = plainConfig();
    config.mode = Mode::Message;
    const SessionId id = p.client.connectTo(p.server, config);
    const std::size_t limit = p.client->session(id)->maximumMessageSize();
    QCOMPARE(limit, std::size_t(1376 * 127));
    std::vector<std::uint8_t> message(limit + 1);
    QVERIFY(!p.client->writeMessage(id, message));
    message.pop_back();
    QVERIFY(p.client->writeMessage(id, message));
}

void tst_EndpointPlain::gracefulCloseDelivers()
{
    Pair p;
    p.network.loss = 0.3;
    const std::string data(50000, 'x');
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->write(id, view(data));
    p.client->close(p.network.now, id);
    QVERIFY(!p.client->write(id, view("more")));
    QVERIFY(p.network.run(10s, [&] { return p.client.count(Type::Closed) == 1; }));
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, id));
    QVERIFY(p.server.text(p.server.accepted()) == data);
    QVERIFY(p.client->isIdle());
    QVERIFY(p.client->session(id) != nullptr); // until it is released
    p.client->release(p.network.now, id);
    QVERIFY(p.client->session(id) == nullptr);
}

void tst_EndpointPlain::closeWithNothingWritten()
{
    Pair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->close(p.network.now, id);
    p.network.settle();
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, id));
}

void tst_EndpointPlain::closeOfSilentPeerEnds()
{
    Pair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.network.run(100ms);
    p.network.filter = [](const TestNetwork::Packet &) { return false; };
    p.client->write(id, view("lost"));
    p.client->close(p.network.now, id);
    p.network.run(9999ms);
    QCOMPARE(p.client.count(Type::Closed), 0);
    p.network.run(1ms);
    QVERIFY(p.client.closedWith(CloseReason::LingerTimeout, id));
}

void tst_EndpointPlain::abortSaysNothing()
{
    Pair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.network.run(100ms);
    p.network.captured.clear();
    p.client->write(id, view("unsent"));
    p.client->abort(p.network.now, id);
    p.network.run(1s);
    QVERIFY(p.client.closedWith(CloseReason::LocalAbort, id));
    QVERIFY(p.network.captured.empty());
}

void tst_EndpointPlain::keepAliveOnlyWhenSilent()
{
    Pair p;
    SessionConfig config = plainConfig();
    config.keepAliveInterval = 10s;
    config.idleTimeout = 30s;
    const SessionId id = p.client.connectTo(p.server, config);
    p.client->write(id, view("x"));
    p.network.run(100ms);
    p.network.captured.clear();
    // Busy: no probe in two minutes.
    for (int i = 0; i < 24; ++i) {
        p.client->write(id, view("x"));
        p.network.run(5s);
    }
    QCOMPARE(p.network.countFrames(Wask), std::size_t(0));
    p.network.captured.clear();
    p.network.run(60s);
    QCOMPARE(p.network.countFrames(Wask), std::size_t(6));
    QCOMPARE(p.network.countFrames(Wins), std::size_t(6));
    QCOMPARE(p.client.count(Type::Closed), 0);
}

void tst_EndpointPlain::idleTimeout()
{
    Pair p;
    SessionConfig config = plainConfig();
    config.idleTimeout = 30s;
    config.keepAliveInterval = 10s;
    const SessionId id = p.client.connectTo(p.server, config);
    p.network.run(100ms);
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        return packet.from != p.server.where;
    };
    // Garbage and replays from the right address do not keep it alive.
    const std::vector<std::uint8_t> replay =
            segment(p.client->session(id)->conversation(), Wins, 0, 0);
    for (int i = 0; i < 29; ++i) {
        p.network.run(1s);
        p.client->handleDatagram(p.network.now, { {}, p.server.where },
                                 std::vector<std::uint8_t>(40, 9));
    }
    QCOMPARE(p.client.count(Type::Closed), 0);
    p.network.run(1s);
    QVERIFY(p.client.closedWith(CloseReason::IdleTimeout, id));
}

void tst_EndpointPlain::deadLink()
{
    Pair p;
    SessionConfig config = plainConfig();
    config.engine.deadLink = 5;
    const SessionId id = p.client.connectTo(p.server, config);
    p.network.run(100ms);
    p.network.filter = [](const TestNetwork::Packet &) { return false; };
    p.client->write(id, view("lost"));
    QVERIFY(p.network.run(60s, [&] { return p.client.count(Type::Closed) == 1; }));
    QVERIFY(p.client.closedWith(CloseReason::DeadLink, id));
}

void tst_EndpointPlain::pathSilent()
{
    Pair p;
    SessionConfig config = plainConfig();
    config.keepAliveInterval = 10s;
    config.idleTimeout = 30s;
    p.client.connectTo(p.server, config);
    p.network.run(100ms);
    p.network.filter = [](const TestNetwork::Packet &) { return false; };
    p.network.run(11900ms);
    QCOMPARE(p.client.count(Type::PathSilent), 0);
    p.network.run(300ms);
    QCOMPARE(p.client.count(Type::PathSilent), 1);
}

void tst_EndpointPlain::releasedSessionDiscards()
{
    Pair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->write(id, view("x"));
    p.network.run(200ms);
    const SessionId accepted = p.server.accepted();
    p.server->write(accepted, view("last words"));
    p.server->release(p.network.now, accepted);
    p.network.run(1s);
    QVERIFY(p.client.text(id) == "last words");
    QVERIFY(p.server->session(accepted) == nullptr);
    QCOMPARE(p.server.count(Type::Closed), 0);
    QVERIFY(p.server->isIdle());
}

void tst_EndpointPlain::statelessAnswerToWask()
{
    Pair p;
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

void tst_EndpointPlain::noSessionForImplausibleSegments()
{
    Pair p;
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

void tst_EndpointPlain::acceptLimits()
{
    Pair p;
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

void tst_EndpointPlain::perAddressLimit()
{
    Pair p;
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

void tst_EndpointPlain::pendingLimit()
{
    Pair p;
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

void tst_EndpointPlain::profileMustBeAllowed()
{
    Pair p;
    AcceptConfig accept = plainServer();
    accept.profiles = static_cast<std::uint8_t>(Profile::Native);
    p.server->setAcceptConfig(accept);
    p.network.send(p.stranger.where, p.server.where, segment(1, Push, 0, 0, "x"));
    p.network.send(p.stranger.where, p.server.where, segment(1, Wask, 0, 0));
    p.network.run(100ms);
    QCOMPARE(p.server->sessionCount(), 0U);
}

void tst_EndpointPlain::tombstone()
{
    Pair p;
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

void tst_EndpointPlain::amplificationLimit()
{
    Pair p;
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

void tst_EndpointPlain::smallRequestLargeAnswer()
{
    Pair p;
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

void tst_EndpointPlain::replyRateIsBounded()
{
    Pair p;
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

void tst_EndpointPlain::standstill()
{
    Pair p;
    SessionConfig config = plainConfig();
    config.idleTimeout = 5s;
    config.keepAliveInterval = 2s;
    const SessionId id = p.client.connectTo(p.server, config);
    p.network.run(10s);
    p.client.frozen = true;
    p.network.run(60s);
    p.network.thaw(p.client);
    p.network.run(30s);
    QVERIFY(p.client->session(id)->state() == Session::State::Connected);
    // When the peer went away meanwhile, it is noticed soon after.
    p.client.frozen = true;
    p.network.run(60s);
    p.network.filter = [](const TestNetwork::Packet &) { return false; };
    p.network.thaw(p.client);
    QVERIFY(p.network.run(5s, [&] { return p.client.count(Type::Closed) == 1; }));
    QVERIFY(p.client.closedWith(CloseReason::IdleTimeout, id));
}

void tst_EndpointPlain::fairTurns()
{
    Pair p;
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

void tst_EndpointPlain::readableForNewBytes()
{
    Pair p;
    p.server.reads = false;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    for (int i = 0; i < 5; ++i) {
        p.client->write(id, view("12345"));
        p.network.run(100ms);
    }
    QCOMPARE(p.server.count(Type::Readable), 5); // a reader may wait for more
    std::uint8_t buffer[5];
    p.server->read(p.server.accepted(), buffer);
    p.network.run(100ms);
    QCOMPARE(p.server.count(Type::Readable), 5); // nothing new
    p.client->write(id, view("12345"));
    p.network.run(100ms);
    QCOMPARE(p.server.count(Type::Readable), 6);
}

void tst_EndpointPlain::writtenCounts()
{
    Pair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.network.loss = 0.2;
    std::uint64_t written = 0;
    p.client.onEvent = [&](const Event &event) { written += event.bytes; };
    p.client->write(id, view(std::string(123456, 'w')));
    QCOMPARE(p.client->session(id)->unsentBytes(), std::size_t(123456));
    QVERIFY(p.network.run(60s, [&] { return p.client->session(id)->unsentBytes() == 0; }));
    QVERIFY(p.network.run(60s, [&] { return p.client->session(id)->unacknowledgedBytes() == 0; }));
    QCOMPARE(written, 123456U);
    QVERIFY(p.client.count(Type::Acknowledged) > 0);
}

void tst_EndpointPlain::idsAreNotReused()
{
    Pair p;
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

void tst_EndpointPlain::idleEndpointDoesNotWake()
{
    Pair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->write(id, view("x"));
    p.network.run(1s);
    QVERIFY(p.client->pollTimeout() == kcp::Never);
    QVERIFY(p.server->pollTimeout() == kcp::Never);
}

QTEST_GUILESS_MAIN(tst_EndpointPlain)
#include "tst_endpoint_plain.moc"
