// SPDX-License-Identifier: MIT
// Connecting with the session protocol: HELLO, COOKIE, CONFIRM, ACCEPT, and what keeps strangers
// out.
#include "nativepair.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

class tst_EndpointConnect : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void frames();
    void earlyWrite();
    void writeWhenConnected();
    void serverSpeaksFirst();
    void firstFlightIsBounded();
    void parametersAreAgreed();
    void lossy_data();
    void lossy();
    void acceptsAreLost();
    void earlySegmentsAreHeld();
    void reorderedHandshake();
    void refused_data();
    void refused();
    void refusedAfterCookie();
    void unknownVersionIsRefused();
    void connectTimeoutInBothStages();
    void closeWhileConnecting();
    void closeWithEarlyData();
    void abortWhileConnecting();
    void unreachable();
    void cookieReplayWhileAlive();
    void cookieReplayAfterClose();
    void cookieExpires();
    void cookieOfAnotherAddress();
    void forgedCookie();
    void serverLosesItsSecret();
    void helloIsAnsweredWithAcceptForALiveSession();
    void repliesAreNotLarger();
    void slowStartOfTheProgram();
    void smallMtu();
    void twoServersTwoSessions();
    void wrapOfTime();
};

void tst_EndpointConnect::frames()
{
    NativePair p;
    p.connect();
    QCOMPARE(p.client.count(Type::Connected), 1);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QCOMPARE(p.network.captured.size(), std::size_t(4));
    const std::vector<std::pair<std::uint8_t, std::size_t>> expected{
        { Hello, 256 }, { CookieType, 54 }, { Confirm, 64 }, { Accept, 52 }
    };
    for (std::size_t i = 0; i < 4; ++i) {
        QCOMPARE(p.network.captured[i].type(), expected[i].first);
        QCOMPARE(p.network.captured[i].data.size(), expected[i].second);
    }
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
    QCOMPARE(p.client->session(p.id)->conversation(), p.server->session(p.peer)->conversation());
}

void tst_EndpointConnect::earlyWrite()
{
    NativePair p;
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Readable)
            p.server->write(event.session, view("answer"));
    };
    const kcp::Instant start = p.network.now;
    p.id = p.client.connectTo(p.server, nativeConfig());
    QVERIFY(p.client->write(p.id, view("request")));
    QVERIFY(p.network.run(1s, [&] { return p.client.text(p.id) == "answer"; }));
    QVERIFY(p.network.now - start == 100ms); // two round trips
    QCOMPARE(p.network.countFrames(Confirm), std::size_t(1)); // with the request in it
}

void tst_EndpointConnect::writeWhenConnected()
{
    NativePair p;
    kcp::Instant connectedAt{};
    p.client.onEvent = [&](const Event &event) {
        if (event.type != Type::Connected)
            return;
        connectedAt = p.network.now;
        p.client->write(event.session, view("request"));
    };
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Readable)
            p.server->write(event.session, view("answer"));
    };
    const kcp::Instant start = p.network.now;
    p.id = p.client.connectTo(p.server, nativeConfig());
    QVERIFY(p.network.run(1s, [&] { return p.client.text(p.id) == "answer"; }));
    QVERIFY(connectedAt - start == 50ms);
    QVERIFY(p.network.now - start == 100ms);
}

void tst_EndpointConnect::serverSpeaksFirst()
{
    NativePair p;
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Accepted)
            p.server->write(event.session, view("greeting"));
    };
    const kcp::Instant start = p.network.now;
    p.id = p.client.connectTo(p.server, nativeConfig());
    QVERIFY(p.network.run(1s, [&] { return p.client.text(p.id) == "greeting"; }));
    QVERIFY(p.network.now - start == 100ms);
}

void tst_EndpointConnect::firstFlightIsBounded()
{
    NativePair p;
    SessionConfig config = nativeConfig();
    config.engine.congestionControl = kcp::CongestionControl::Off;
    config.engine.mtu = 9000;
    p.id = p.client.connectTo(p.server, config);
    p.client->write(p.id, view(std::string(1000000, 'x')));
    std::size_t bytes = 0;
    QVERIFY(p.network.run(60ms));
    for (const auto &packet : p.network.captured) {
        if (packet.type() != Confirm)
            continue;
        QVERIFY(packet.data.size() <= 1200);
        bytes += packet.data.size() - 64;
    }
    QCOMPARE(bytes, std::size_t(10 * (1200 - 64)));
    QVERIFY(p.network.run(60s,
                          [&] { return p.server.text(p.server.accepted()).size() == 1000000; }));
}

void tst_EndpointConnect::parametersAreAgreed()
{
    NativePair p;
    AcceptConfig accept = nativeServer();
    accept.session.engine.mtu = 1300;
    accept.session.engine.receiveWindow = 16;
    accept.session.maximumMessageSize = 1000;
    p.server->setAcceptConfig(accept);
    SessionConfig config = nativeConfig();
    config.engine.mtu = 8000;
    config.maximumMessageSize = 77777;
    p.connect(config);
    QCOMPARE(p.client->session(p.id)->engine().config().mtu, 1300U);
    QCOMPARE(p.client->session(p.id)->engine().peerWindow(), 16U);
    QCOMPARE(p.client->session(p.id)->maximumDatagramSize(), std::size_t(1300 - 18));
    p.client->write(p.id, view("x"));
    p.network.run(100ms);
    QCOMPARE(p.server->session(p.peer)->engine().config().mtu, 1300U);
}

void tst_EndpointConnect::lossy_data()
{
    QTest::addColumn<double>("loss");
    QTest::newRow("10 %") << 0.1;
    QTest::newRow("30 %") << 0.3;
    QTest::newRow("50 %") << 0.5;
}

// Every byte written early arrives once, in one session, however many frames are lost.
void tst_EndpointConnect::lossy()
{
    QFETCH(double, loss);
    int connected = 0;
    for (int round = 0; round < 100; ++round) {
        NativePair p;
        p.network.random = kcp::Pcg32(testSeed() + static_cast<std::uint64_t>(round));
        p.network.jitter = 30ms;
        p.network.loss = loss;
        SessionConfig config = nativeConfig();
        config.connectTimeout = 60s;
        p.id = p.client.connectTo(p.server, config);
        p.client->write(p.id, view("request"));
        QVERIFY(p.network.run(60s, [&] {
            return p.server.count(Type::Accepted) > 0
                    && p.server.text(p.server.accepted()) == "request";
        }));
        p.network.run(20s);
        connected += p.client->session(p.id)->state() == Session::State::Connected;
        QCOMPARE(p.server.count(Type::Accepted), 1);
    }
    QVERIFY(connected >= 99);
}

// The server accepts at the first CONFIRM, but its answers are lost: the client starts again from
// HELLO, and finds the same session.
void tst_EndpointConnect::acceptsAreLost()
{
    NativePair p;
    const kcp::Instant start = p.network.now;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        return packet.type() != Accept || packet.sent - start > 3s;
    };
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.client->write(p.id, view("once"));
    p.network.run(9s);
    QVERIFY(p.network.countFrames(Hello) > 1);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
    p.client->write(p.id, view(" and again"));
    p.network.run(2s);
    QVERIFY(p.server.text(p.server.accepted()) == "once and again");
    QCOMPARE(p.client.count(Type::Connected), 1);
}

void tst_EndpointConnect::earlySegmentsAreHeld()
{
    NativePair p;
    // The server's first datagrams lose their ACCEPT.
    const kcp::Instant start = p.network.now;
    p.network.filter = [&](TestNetwork::Packet &packet) {
        if (packet.type() == Accept && packet.data.size() > 52)
            packet.data.erase(packet.data.begin(), packet.data.begin() + 52);
        return packet.type() != Accept || packet.sent - start > 200ms;
    };
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Accepted)
            p.server->write(event.session, view("greeting"));
    };
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.network.run(200ms);
    QVERIFY(p.client.text(p.id).empty()); // nobody has vouched for it
    p.network.run(300ms);
    QVERIFY(p.client.text(p.id) == "greeting");
}

void tst_EndpointConnect::reorderedHandshake()
{
    for (int round = 0; round < 50; ++round) {
        NativePair p;
        p.network.random = kcp::Pcg32(testSeed() + static_cast<std::uint64_t>(round));
        p.network.jitter = 400ms;
        p.network.duplication = 0.5;
        p.id = p.client.connectTo(p.server, nativeConfig());
        p.client->write(p.id, view("request"));
        p.network.run(15s);
        QCOMPARE(p.server.count(Type::Accepted), 1);
        QVERIFY(p.server.text(p.server.accepted()) == "request");
        QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
    }
}

void tst_EndpointConnect::refused_data()
{
    QTest::addColumn<int>("reason");
    QTest::newRow("full") << 1;
    QTest::newRow("pending") << -1;
    QTest::newRow("not accepting") << 3;
    QTest::newRow("mode") << 4;
    QTest::newRow("address limit") << 6;
}

void tst_EndpointConnect::refused()
{
    QFETCH(int, reason);
    NativePair p;
    p.server.takes = reason != -1;
    AcceptConfig accept = nativeServer();
    p.connect();
    if (reason == 1)
        accept.maximumConnections = 1;
    else if (reason == -1)
        accept.maximumPending = 1;
    else if (reason == 3)
        accept.accepting = false;
    else if (reason == 4)
        accept.session.mode = Mode::Message;
    else
        accept.maximumConnectionsPerAddress = 1;
    p.server->setAcceptConfig(accept);
    const SessionId second = p.client.connectTo(p.server, nativeConfig());
    p.network.run(50ms);
    QVERIFY(p.client.closedWith(CloseReason::Refused, second));
    QCOMPARE(int(p.client.find(Type::Closed)->refusal), std::abs(reason));
    QCOMPARE(p.client.count(Type::Connected, second), 0);
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
}

// The last place goes to whoever confirms first.
void tst_EndpointConnect::refusedAfterCookie()
{
    NativePair p;
    AcceptConfig accept = nativeServer();
    accept.maximumConnections = 1;
    p.server->setAcceptConfig(accept);
    const SessionId a = p.client.connectTo(p.server, nativeConfig());
    const SessionId b = p.client.connectTo(p.server, nativeConfig());
    p.network.run(1s);
    QCOMPARE(p.client.count(Type::Connected), 2);
    QCOMPARE(p.client.count(Type::Closed), 1);
    QVERIFY(p.client.closedWith(CloseReason::Refused));
    QCOMPARE(int(p.client.find(Type::Closed)->refusal), 1);
    QVERIFY(p.client.closedWith(CloseReason::Refused, a)
            != p.client.closedWith(CloseReason::Refused, b));
    QCOMPARE(p.server->sessionCount(), 1U);
}

void tst_EndpointConnect::unknownVersionIsRefused()
{
    NativePair p;
    p.network.filter = [](TestNetwork::Packet &packet) {
        if (packet.type() == Hello)
            packet.data[5] = 9;
        return true;
    };
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.network.run(100ms);
    QVERIFY(p.client.closedWith(CloseReason::Refused, p.id));
    QCOMPARE(int(p.client.find(Type::Closed)->refusal), 2);
    const std::vector<std::uint8_t> &answer = p.network.captured.back().data;
    QCOMPARE(answer.size(), std::size_t(18));
    QCOMPARE(int(answer[16]), 1); // one version
    QCOMPARE(int(answer[17]), 1); // which is 1
}

void tst_EndpointConnect::connectTimeoutInBothStages()
{
    for (const std::uint8_t lost : { CookieType, Accept }) {
        NativePair p;
        p.network.filter = [lost](const TestNetwork::Packet &packet) {
            return packet.type() != lost;
        };
        p.id = p.client.connectTo(p.server, nativeConfig());
        p.client->write(p.id, view("x"));
        p.network.run(9999ms);
        QCOMPARE(p.client.count(Type::Closed), 0);
        p.network.run(1ms);
        QVERIFY(p.client.closedWith(CloseReason::ConnectTimeout, p.id));
        QCOMPARE(p.client.count(Type::Connected), lost == Accept ? 1 : 0);
        QVERIFY(p.client->isIdle());
        QVERIFY(p.network.captured.size() < 30); // retries back off
    }
}

void tst_EndpointConnect::closeWhileConnecting()
{
    NativePair p;
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.network.run(10ms);
    p.client->close(p.network.now, p.id);
    p.network.run(5s);
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    QCOMPARE(p.server.count(Type::Accepted), 0);
    // After COOKIE it waits for ACCEPT, then says CLOSE.
    const SessionId second = p.client.connectTo(p.server, nativeConfig());
    p.network.run(60ms);
    QCOMPARE(p.client.count(Type::Connected, second), 1);
    p.client->close(p.network.now, second);
    p.network.run(5s);
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, second));
    QVERIFY(p.server.closedWith(CloseReason::RemoteClose));
    QVERIFY(p.server->isIdle());
}

void tst_EndpointConnect::closeWithEarlyData()
{
    NativePair p;
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.client->write(p.id, view(std::string(100000, 'e')));
    p.client->close(p.network.now, p.id);
    p.network.run(5s);
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    QVERIFY(p.server.closedWith(CloseReason::RemoteClose));
    QCOMPARE(p.server.text(p.server.accepted()).size(), std::size_t(100000));
}

void tst_EndpointConnect::abortWhileConnecting()
{
    NativePair p;
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.client->abort(p.network.now, p.id);
    p.network.run(1s);
    QVERIFY(p.client.closedWith(CloseReason::LocalAbort, p.id));
    QVERIFY(p.network.captured.empty());
    QVERIFY(p.client->pollTimeout() == kcp::Never);
}

void tst_EndpointConnect::unreachable()
{
    NativePair p;
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.client->handleUnreachable(p.network.now, { {}, p.server.where });
    p.network.settle();
    QVERIFY(p.client.closedWith(CloseReason::Refused, p.id));
    QVERIFY(p.client.find(Type::Closed)->refusal == Refusal::Unreachable);
    p.connect();
    p.client->handleUnreachable(p.network.now, { {}, p.server.where });
    p.network.run(100ms);
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
}

namespace {

std::vector<std::uint8_t> captured(const TestNetwork &network, std::uint8_t type)
{
    for (const TestNetwork::Packet &packet : network.captured) {
        if (packet.type() == type)
            return packet.data;
    }
    return {};
}

} // namespace

void tst_EndpointConnect::cookieReplayWhileAlive()
{
    NativePair p;
    p.connect();
    const std::vector<std::uint8_t> confirm = captured(p.network, Confirm);
    const std::vector<std::uint8_t> accept = captured(p.network, Accept);
    p.network.captured.clear();
    p.network.send(p.client.where, p.server.where, confirm);
    p.network.run(100ms);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QVERIFY(captured(p.network, Accept) == accept); // the same again, to the client
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
}

void tst_EndpointConnect::cookieReplayAfterClose()
{
    NativePair p;
    p.connect();
    p.client->close(p.network.now, p.id);
    p.network.run(1s);
    QVERIFY(p.server->isIdle());
    const std::vector<std::uint8_t> confirm = captured(p.network, Confirm);
    for (int i = 0; i < 20; ++i) {
        p.network.send(p.client.where, p.server.where, confirm);
        p.network.run(1s);
    }
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QVERIFY(p.server->isIdle());
}

void tst_EndpointConnect::cookieExpires()
{
    for (const auto age : { 9900ms, 10100ms }) {
        NativePair p;
        std::vector<std::uint8_t> confirm;
        p.network.filter = [&](const TestNetwork::Packet &packet) {
            if (packet.type() == Confirm && confirm.empty())
                confirm = packet.data;
            return packet.type() != Confirm;
        };
        p.id = p.client.connectTo(p.server, nativeConfig());
        p.network.run(50ms);
        p.client->abort(p.network.now, p.id);
        p.network.filter = {};
        p.network.run(age - 50ms); // COOKIE left the server 25 ms after the start
        p.network.send(p.client.where, p.server.where, confirm);
        p.network.run(100ms);
        QCOMPARE(p.server.count(Type::Accepted), age < 10s ? 1 : 0);
        QCOMPARE(p.network.countFrames(Refuse), std::size_t(age < 10s ? 0 : 1));
    }
}

void tst_EndpointConnect::cookieOfAnotherAddress()
{
    NativePair p;
    std::vector<std::uint8_t> confirm;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        if (packet.type() == Confirm && confirm.empty())
            confirm = packet.data;
        return packet.type() != Confirm;
    };
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.network.run(60ms);
    p.network.filter = {};
    for (const Address &other : { address(2, 40001), address(3, 40000) })
        p.network.send(other, p.server.where, confirm);
    p.network.run(40ms);
    QCOMPARE(p.server.count(Type::Accepted), 0);
    QCOMPARE(p.server->stats().rejectedIn, 2U);
}

void tst_EndpointConnect::forgedCookie()
{
    NativePair p;
    p.connect();
    p.client->abort(p.network.now, p.id);
    p.network.run(100ms);
    const std::vector<std::uint8_t> confirm = captured(p.network, Confirm);
    // Every byte of conv, nonce, time and cookie matters.
    for (std::size_t i = 0; i < 50; ++i) {
        if (i == 4 || i == 5)
            continue;
        std::vector<std::uint8_t> forged = confirm;
        forged[i] ^= 1;
        p.network.send(p.client.where, p.server.where, forged);
    }
    p.network.run(100ms);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QVERIFY(p.server->isIdle());
}

// A server that is restarted between COOKIE and CONFIRM: the client begins again at once.
void tst_EndpointConnect::serverLosesItsSecret()
{
    NativePair p;
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.client->write(p.id, view("x"));
    p.network.run(40ms);
    p.server.endpoint = std::make_unique<Endpoint>(&p.server.crypto, 99);
    p.server->setAcceptConfig(nativeServer());
    QVERIFY(p.network.run(500ms, [&] { return p.server.count(Type::Readable) == 1; }));
    p.network.run(100ms);
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
    QCOMPARE(p.client.count(Type::Connected), 1);
    QCOMPARE(p.network.countFrames(Hello), std::size_t(2));
}

void tst_EndpointConnect::helloIsAnsweredWithAcceptForALiveSession()
{
    NativePair p;
    p.connect();
    const std::vector<std::uint8_t> hello = captured(p.network, Hello);
    p.network.captured.clear();
    p.network.send(p.client.where, p.server.where, hello);
    p.network.run(30ms);
    QCOMPARE(p.network.countFrames(Accept), std::size_t(1));
    QCOMPARE(p.network.countFrames(CookieType), std::size_t(0));
    // Not once the client has been heard without CONFIRM.
    p.client->write(p.id, view("x"));
    p.network.run(100ms);
    p.network.send(p.client.where, p.server.where, hello);
    p.network.run(30ms);
    QCOMPARE(p.network.countFrames(Accept), std::size_t(1));
    QCOMPARE(p.network.countFrames(CookieType), std::size_t(1));
}

void tst_EndpointConnect::repliesAreNotLarger()
{
    NativePair p;
    std::size_t in = 0;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        if (packet.to == p.server.where)
            in = packet.data.size();
        else if (packet.data.size() > in)
            qFatal("a reply of %zu bytes to %zu", packet.data.size(), in);
        return true;
    };
    p.connect();
    // A short HELLO gets nothing.
    std::vector<std::uint8_t> hello = captured(p.network, Hello);
    hello.pop_back();
    const std::size_t before = p.network.captured.size();
    p.network.send(p.client.where, p.server.where, hello);
    p.network.run(100ms);
    QCOMPARE(p.network.captured.size(), before + 1);
}

// connectTo() in a constructor, then ten seconds of loading files: the answer waits in the socket.
void tst_EndpointConnect::slowStartOfTheProgram()
{
    NativePair p;
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.network.run(1ms);
    p.client.frozen = true;
    p.network.run(15s);
    p.network.thaw(p.client);
    p.network.run(1s);
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
    QCOMPARE(p.server->sessionCount(), 1U);
}

void tst_EndpointConnect::smallMtu()
{
    for (const std::uint32_t mtu : { 50U, 100U, 300U, 576U }) {
        NativePair p;
        SessionConfig config = nativeConfig();
        config.engine.mtu = mtu;
        p.id = p.client.connectTo(p.server, config);
        p.client->write(p.id, view(std::string(5000, 'm')));
        p.client->close(p.network.now, p.id, 5, std::string(256, 't'));
        p.network.filter = [mtu](const TestNetwork::Packet &packet) {
            return packet.data.size() <= std::max(mtu, 256U);
        };
        p.network.run(9s);
        QCOMPARE(p.server.text(p.server.accepted()).size(), std::size_t(5000));
        QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    }
}

void tst_EndpointConnect::twoServersTwoSessions()
{
    NativePair p;
    Node &other = p.network.add(address(5, 7000));
    other->setAcceptConfig(nativeServer());
    p.id = p.client.connectTo(p.server, nativeConfig());
    const SessionId second = p.client.connectTo(other, nativeConfig());
    const SessionId third = p.client.connectTo(other, nativeConfig());
    p.client->write(p.id, view("one"));
    p.client->write(second, view("two"));
    p.client->write(third, view("three"));
    p.network.run(1s);
    QVERIFY(p.server.text(p.server.accepted()) == "one");
    QVERIFY(other.text(other.accepted(0)) == "two");
    QVERIFY(other.text(other.accepted(1)) == "three");
}

void tst_EndpointConnect::wrapOfTime()
{
    // HELLO before the 32-bit milliseconds wrap, CONFIRM after it.
    NativePair p(kcp::instantFromMicroseconds((std::int64_t(1) << 32) * 1000 - 60000));
    p.connect();
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
    p.client->write(p.id, view("x"));
    p.network.run(100ms);
    QVERIFY(p.server.text(p.peer) == "x");
}

QTEST_GUILESS_MAIN(tst_EndpointConnect)
#include "tst_endpoint_connect.moc"
