// SPDX-License-Identifier: MIT
// Native sessions between connect and close: liveness, standstills, resets.
#include "nativepair.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

namespace {

void restart(NativePair &p, std::string_view key)
{
    p.server.endpoint = std::make_unique<Endpoint>(&p.server.crypto, 4242);
    if (!key.empty())
        p.server->setResetKey(view(key));
    p.server->setAcceptConfig(nativeServer());
    p.server.events.clear();
}

} // namespace

class tst_EndpointLife : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void pingOnlyWhenSilent();
    void pingsUnderLoss();
    void idleTimeout();
    void noTimersNoWakeups();
    void deadLink();
    void standstillOfTheClient();
    void standstillOfTheServer();
    void standstillDoesNotSaveTheDead();
    void resetAfterRestartWithKey();
    void noResetWithoutKey();
    void resetWhenTheServerDroppedIt();
    void reconfigure();
    void bulkOverBadNetwork();
    void sessionIsSmall();
};

void tst_EndpointLife::pingOnlyWhenSilent()
{
    NativePair p;
    p.connect();
    p.network.captured.clear();
    for (int i = 0; i < 24; ++i) {
        p.client->write(p.id, view("busy"));
        p.network.run(5s);
    }
    QCOMPARE(p.network.countFrames(Ping), std::size_t(0));
    p.network.captured.clear();
    p.network.run(60s);
    // Both sides have the same interval, and each PING is a sign of life to the other.
    const std::size_t pings = p.network.countFrames(Ping);
    QVERIFY(pings >= 5 && pings <= 12);
    QCOMPARE(p.network.countFrames(Pong), pings);
    QCOMPARE(p.network.captured.size(), 2 * pings);
    for (const auto &packet : p.network.captured)
        QCOMPARE(packet.data.size(), std::size_t(packet.type() == Ping ? 48 : 18));
}

void tst_EndpointLife::pingsUnderLoss()
{
    NativePair p;
    p.connect();
    p.network.loss = 0.2;
    p.network.run(2h);
    QCOMPARE(p.client.count(Type::Closed), 0);
    QCOMPARE(p.server.count(Type::Closed), 0);
}

void tst_EndpointLife::idleTimeout()
{
    NativePair p;
    p.connect();
    const kcp::Instant silent = p.network.now;
    p.network.filter = p.dropAll();
    p.network.run(29s);
    QCOMPARE(p.client.count(Type::Closed) + p.server.count(Type::Closed), 0);
    p.network.run(2s);
    QVERIFY(p.client.closedWith(CloseReason::IdleTimeout, p.id));
    QVERIFY(p.server.closedWith(CloseReason::IdleTimeout, p.peer));
    QVERIFY(p.network.now - silent <= 31s);
    QVERIFY(p.server->isIdle());
}

void tst_EndpointLife::noTimersNoWakeups()
{
    NativePair p;
    AcceptConfig accept = nativeServer();
    accept.session.idleTimeout = accept.session.keepAliveInterval = 0s;
    p.server->setAcceptConfig(accept);
    p.connect(accept.session);
    p.client->write(p.id, view("x"));
    p.network.run(1s);
    QVERIFY(p.client->pollTimeout() == kcp::Never);
    QVERIFY(p.server->pollTimeout() == kcp::Never);
    p.network.run(24h);
    p.client->write(p.id, view("y"));
    p.network.run(1s);
    QVERIFY(p.server.text(p.peer) == "xy");
}

void tst_EndpointLife::deadLink()
{
    NativePair p;
    SessionConfig config = nativeConfig();
    config.idleTimeout = 0s;
    config.engine.deadLink = 6;
    p.connect(config);
    p.network.filter = p.dropAll();
    p.client->write(p.id, view("lost"));
    QVERIFY(p.network.run(1min, [&] { return p.client.count(Type::Closed) == 1; }));
    QVERIFY(p.client.closedWith(CloseReason::DeadLink, p.id));
}

void tst_EndpointLife::standstillOfTheClient()
{
    NativePair p;
    AcceptConfig accept = nativeServer();
    accept.session.idleTimeout = 0s; // the server is patient
    accept.session.engine.deadLink = 0;
    accept.session.engine.deadLinkTime = 0s;
    p.server->setAcceptConfig(accept);
    p.connect();
    p.client->write(p.id, view("before"));
    p.network.run(100ms);
    p.client.frozen = true;
    p.server->write(p.peer, view("meanwhile"));
    p.network.run(5min);
    p.network.thaw(p.client);
    QCOMPARE(p.client.count(Type::Closed), 0);
    p.network.run(1min);
    QCOMPARE(p.client.count(Type::Closed), 0);
    QVERIFY(p.client.text(p.id) == "meanwhile");
    // Without keepalive, and with data under way.
    SessionConfig config = nativeConfig();
    config.keepAliveInterval = 0s;
    QVERIFY(p.client->reconfigure(p.id, config));
    p.network.settle();
    p.client->write(p.id, view("under way"));
    p.client.frozen = true;
    p.network.run(5min);
    p.network.thaw(p.client);
    p.network.run(20s);
    QVERIFY(p.client->session(p.id)->state() == Session::State::Connected);
    QVERIFY(p.server.text(p.peer) == "beforeunder way");
}

void tst_EndpointLife::standstillOfTheServer()
{
    NativePair p;
    SessionConfig patient = nativeConfig();
    patient.idleTimeout = 0s;
    p.connect(patient);
    p.server.frozen = true;
    p.network.run(5min); // the client pings all the time
    p.network.thaw(p.server);
    p.network.run(1min);
    QCOMPARE(p.server.count(Type::Closed), 0);
    QCOMPARE(p.client.count(Type::Closed), 0);
}

void tst_EndpointLife::standstillDoesNotSaveTheDead()
{
    NativePair p;
    p.connect();
    p.network.filter = p.dropAll(); // nothing waits to be read
    p.client.frozen = true;
    p.network.run(5min);
    p.network.thaw(p.client);
    p.network.run(4900ms);
    QCOMPARE(p.client.count(Type::Closed), 0); // it is being asked
    p.network.run(200ms);
    QVERIFY(p.client.closedWith(CloseReason::IdleTimeout, p.id));
}

void tst_EndpointLife::resetAfterRestartWithKey()
{
    for (const bool talks : { true, false }) {
        NativePair p;
        p.server->setResetKey(view("the same"));
        p.connect();
        restart(p, "the same");
        const kcp::Instant start = p.network.now;
        if (talks)
            p.client->write(p.id, view("hello?"));
        QVERIFY(p.network.run(15s, [&] { return p.client.count(Type::Closed) == 1; }));
        QVERIFY(p.client.closedWith(CloseReason::Reset, p.id));
        QVERIFY(p.network.now - start <= (talks ? 50ms : 10050ms)); // or by its PING
        QCOMPARE(p.network.countFrames(Reset), std::size_t(1));
    }
}

void tst_EndpointLife::noResetWithoutKey()
{
    NativePair p;
    p.connect();
    restart(p, {});
    p.client->write(p.id, view("hello?"));
    p.network.run(29s);
    QCOMPARE(p.client.count(Type::Closed), 0);
    QVERIFY(p.network.countFrames(Reset) > 0); // which are not believed
    p.network.run(2s);
    QVERIFY(p.client.closedWith(CloseReason::IdleTimeout, p.id));
}

void tst_EndpointLife::resetWhenTheServerDroppedIt()
{
    NativePair p;
    p.connect();
    p.network.filter = p.dropAll();
    p.server->abort(p.network.now, p.peer);
    p.network.run(1s);
    p.network.filter = {};
    p.client->write(p.id, view("x"));
    p.network.run(1s);
    QVERIFY(p.client.closedWith(CloseReason::Reset, p.id));
}

void tst_EndpointLife::reconfigure()
{
    NativePair p;
    p.connect();
    SessionConfig config = nativeConfig();
    config.engine.nodelay = 2;
    config.engine.interval = 20ms;
    config.keepAliveInterval = 1s;
    QVERIFY(p.client->reconfigure(p.id, config));
    QCOMPARE(int(p.client->session(p.id)->engine().config().nodelay), 2);
    p.network.captured.clear();
    p.network.run(10s);
    QVERIFY(p.network.countFrames(Ping) >= 9);
    config.engine.mtu = 3;
    QVERIFY(!p.client->reconfigure(p.id, config));
}

void tst_EndpointLife::bulkOverBadNetwork()
{
    NativePair p;
    p.network.capture = false;
    p.connect();
    p.network.loss = 0.03;
    p.network.jitter = 20ms;
    p.network.duplication = 0.02;
    std::string data;
    for (int i = 0; i < 3000000; ++i)
        data += static_cast<char>(p.network.random.below(256));
    p.client->write(p.id, view(data));
    p.server->write(p.peer, view(data));
    QVERIFY(p.network.run(10min, [&] {
        return p.server.text(p.peer).size() == data.size()
                && p.client.text(p.id).size() == data.size();
    }));
    QVERIFY(p.server.text(p.peer) == data);
    QVERIFY(p.client.text(p.id) == data);
}

void tst_EndpointLife::sessionIsSmall()
{
    // Besides the engine; the protocol's object is about 300 bytes more.
    QVERIFY(sizeof(Session) - sizeof(kcp::Engine) <= 700);
}

QTEST_GUILESS_MAIN(tst_EndpointLife)
#include "tst_endpoint_life.moc"
