// SPDX-License-Identifier: MIT
// Endpoints that speak bare KCP with each other: connecting, data, closing, liveness.
#include "plainpair.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

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
    void standstill();
    void readableForNewBytes();
    void writtenCounts();
    void idleEndpointDoesNotWake();
};

void tst_EndpointPlain::connectsWithoutData()
{
    PlainPair p;
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
    PlainPair p;
    SessionConfig config = plainConfig();
    config.connectWithoutReply = true;
    p.client.connectTo(p.server, config);
    p.network.settle();
    QCOMPARE(p.client.count(Type::Connected), 1);
    QVERIFY(p.network.captured.empty());
}

void tst_EndpointPlain::connectTimeout()
{
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p(kcp::instantFromMicroseconds((std::int64_t(1) << 32) * 1000 - 500000));
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
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->close(p.network.now, id);
    p.network.settle();
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, id));
}

void tst_EndpointPlain::closeOfSilentPeerEnds()
{
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
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
    PlainPair p;
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

void tst_EndpointPlain::standstill()
{
    PlainPair p;
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

void tst_EndpointPlain::readableForNewBytes()
{
    PlainPair p;
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
    PlainPair p;
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

void tst_EndpointPlain::idleEndpointDoesNotWake()
{
    PlainPair p;
    const SessionId id = p.client.connectTo(p.server, plainConfig());
    p.client->write(id, view("x"));
    p.network.run(1s);
    QVERIFY(p.client->pollTimeout() == kcp::Never);
    QVERIFY(p.server->pollTimeout() == kcp::Never);
}

QTEST_GUILESS_MAIN(tst_EndpointPlain)
#include "tst_endpoint_plain.moc"
