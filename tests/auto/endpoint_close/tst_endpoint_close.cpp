// SPDX-License-Identifier: MIT
// How native sessions end.
#include "nativepair.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

class tst_EndpointClose : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void graceful();
    void orderOfEvents();
    void codeAndText();
    void textIsValidUtf8();
    void bothAtOnce();
    void bothAtOnceWithData();
    void halfTheDatagramsLost();
    void peerGoneBeforeDelivery();
    void peerGoneAfterDelivery();
    void peerDoesNotRead();
    void closeAckLost();
    void abortIsOneDatagram();
    void abortBeforeAcceptIsHeard_data();
    void abortBeforeAcceptIsHeard();
    void abortAfterClose();
    void lingerOff();
    void serverCloses();
    void releaseClosesInBackground();
    void manyAbortsAtOnce();
    void oldTombstonesGiveWay();
    void dataStaysReadable();
    void nothingAfterClosed();
};

void tst_EndpointClose::graceful()
{
    NativePair p;
    p.connect();
    p.client->write(p.id, view(std::string(300000, 'g')));
    p.client->close(p.network.now, p.id);
    QVERIFY(p.client->session(p.id)->state() == Session::State::Closing);
    QVERIFY(!p.client->write(p.id, view("late")));
    QVERIFY(!p.client->sendDatagram(p.id, view("late")));
    QVERIFY(p.network.run(10s, [&] { return p.client.count(Type::Closed) == 1; }));
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    QVERIFY(p.server.closedWith(CloseReason::RemoteClose, p.peer));
    QCOMPARE(p.server.text(p.peer).size(), std::size_t(300000));
    QCOMPARE(p.network.countFrames(Close), std::size_t(1));
    QCOMPARE(p.network.countFrames(CloseAck), std::size_t(1));
    QVERIFY(p.client->isIdle());
    QVERIFY(p.server->isIdle());
    QVERIFY(p.client->pollTimeout() == kcp::Never);
    QVERIFY(p.server->pollTimeout() == kcp::Never);
}

void tst_EndpointClose::orderOfEvents()
{
    NativePair p;
    p.connect();
    p.server.events.clear();
    p.server.reads = false;
    // All in one turn of the server's event loop.
    p.client->write(p.id, view("last words"));
    p.client->close(p.network.now, p.id);
    p.server.frozen = true;
    p.network.run(1s);
    p.network.thaw(p.server);
    p.network.run(5s);
    std::vector<Type> types;
    for (const Event &event : p.server.events)
        types.push_back(event.type);
    const std::vector<Type> expected{ Type::Readable, Type::PeerFinished, Type::Closed };
    QVERIFY(types == expected);
}

void tst_EndpointClose::codeAndText()
{
    NativePair p;
    p.connect();
    const std::string text = "shutting down \xe2\x82\xac";
    p.client->close(p.network.now, p.id, 4711, text);
    p.network.run(1s);
    const Event *closed = p.server.find(Type::Closed);
    QVERIFY(closed);
    QCOMPARE(closed->closeCode, 4711U);
    QVERIFY(closed->closeText == text);
    QVERIFY(closed->reason == CloseReason::RemoteClose);
    // Reserved codes belong to the protocol.
    p.connect();
    p.client->close(p.network.now, p.id, 0xffffffff);
    p.network.run(1s);
    QVERIFY(p.server.events.back().reason == CloseReason::RemoteClose);
    QCOMPARE(p.server.events.back().closeCode, 0xfffffeffU);
}

void tst_EndpointClose::textIsValidUtf8()
{
    NativePair p;
    p.connect();
    // 255 letters, then a character of two bytes that no longer fits.
    p.client->close(p.network.now, p.id, 0, std::string(255, 'a') + "\xc3\xa9");
    p.network.run(1s);
    QVERIFY(p.server.find(Type::Closed)->closeText == std::string(255, 'a'));

    NativePair q;
    q.connect();
    q.network.filter = [](TestNetwork::Packet &packet) {
        if (packet.type() == Close)
            packet.data.back() = 0xff;
        return true;
    };
    q.client->close(q.network.now, q.id, 0, "abc");
    q.network.run(1s);
    QVERIFY(q.server.find(Type::Closed)->closeText == "ab?");
}

void tst_EndpointClose::bothAtOnce()
{
    NativePair p;
    p.connect();
    p.client->close(p.network.now, p.id, 1);
    p.server->close(p.network.now, p.peer, 2);
    p.network.run(1s);
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    QVERIFY(p.server.closedWith(CloseReason::LocalClose, p.peer));
    QVERIFY(p.client->isIdle() && p.server->isIdle());
}

void tst_EndpointClose::bothAtOnceWithData()
{
    NativePair p;
    p.connect();
    p.network.loss = 0.2;
    p.client->write(p.id, view(std::string(50000, 'c')));
    p.server->write(p.peer, view(std::string(100000, 's')));
    p.client->close(p.network.now, p.id);
    p.server->close(p.network.now, p.peer);
    p.network.run(20s);
    QCOMPARE(p.server.text(p.peer).size(), std::size_t(50000));
    QCOMPARE(p.client.text(p.id).size(), std::size_t(100000));
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    QVERIFY(p.server.closedWith(CloseReason::LocalClose, p.peer));
}

void tst_EndpointClose::halfTheDatagramsLost()
{
    int delivered = 0;
    for (int round = 0; round < 30; ++round) {
        NativePair p;
        p.connect();
        p.network.random = kcp::Pcg32(testSeed() + static_cast<std::uint64_t>(round));
        p.network.loss = 0.5;
        p.client->write(p.id, view(std::string(3000, 'h')));
        p.client->close(p.network.now, p.id);
        p.network.run(10s);
        QCOMPARE(p.client.count(Type::Closed), 1);
        if (!p.client.closedWith(CloseReason::LocalClose, p.id)) {
            QVERIFY(p.client.closedWith(CloseReason::LingerTimeout, p.id));
            continue;
        }
        ++delivered;
        QCOMPARE(p.server.text(p.peer).size(), std::size_t(3000));
    }
    QVERIFY(delivered > 20); // ten seconds are short at this loss
}

void tst_EndpointClose::peerGoneBeforeDelivery()
{
    NativePair p;
    p.connect();
    p.network.filter = p.dropAll();
    p.client->write(p.id, view("lost"));
    p.client->close(p.network.now, p.id);
    p.network.run(9999ms);
    QCOMPARE(p.client.count(Type::Closed), 0);
    p.network.run(1ms);
    QVERIFY(p.client.closedWith(CloseReason::LingerTimeout, p.id));
    QVERIFY(p.client->pollTimeout() == kcp::Never);
}

void tst_EndpointClose::peerGoneAfterDelivery()
{
    NativePair p;
    p.connect();
    p.client->write(p.id, view("delivered"));
    p.network.run(100ms);
    p.network.filter = p.dropAll();
    p.client->close(p.network.now, p.id);
    p.network.run(10s);
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id)); // nothing is missing
}

void tst_EndpointClose::peerDoesNotRead()
{
    NativePair p;
    p.connect();
    p.server.reads = false;
    p.server->setReceiveLimit(p.peer, 10000);
    p.client->write(p.id, view(std::string(100000, 'x')));
    p.client->close(p.network.now, p.id);
    p.network.run(10s);
    QVERIFY(p.client.closedWith(CloseReason::LingerTimeout, p.id));
    p.network.run(1s);
    QVERIFY(p.server.closedWith(CloseReason::RemoteAbort, p.peer)); // it is told
}

void tst_EndpointClose::closeAckLost()
{
    NativePair p;
    p.connect();
    int lost = 0;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        return packet.type() != CloseAck || ++lost > 3;
    };
    p.client->close(p.network.now, p.id);
    QVERIFY(p.network.run(5s, [&] { return p.client.count(Type::Closed) == 1; }));
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    QCOMPARE(p.server.count(Type::Closed), 1);
    QCOMPARE(lost, 4); // what is remembered of the session answers
}

void tst_EndpointClose::abortIsOneDatagram()
{
    NativePair p;
    p.connect();
    p.client->write(p.id, view("never sent"));
    p.network.captured.clear();
    p.client->abort(p.network.now, p.id);
    p.network.run(1s);
    QVERIFY(p.client.closedWith(CloseReason::LocalAbort, p.id));
    QCOMPARE(p.network.captured.size(), std::size_t(1));
    QVERIFY(p.server.closedWith(CloseReason::RemoteAbort, p.peer));
    QCOMPARE(p.server.find(Type::Closed)->closeCode, 0xffffffffU);
    QCOMPARE(p.server.text(p.peer).size(), std::size_t(0));
}

void tst_EndpointClose::abortBeforeAcceptIsHeard_data()
{
    QTest::addColumn<int>("silence"); // ms in which nothing comes from the server
    QTest::newRow("told by CONFIRM's answer") << 300;
    QTest::newRow("told by the next HELLO's answer") << 3000;
}

// The server has heard the request and closed the session, and nothing of that arrives: the client
// must not begin again in silence, or the request is heard twice.
void tst_EndpointClose::abortBeforeAcceptIsHeard()
{
    QFETCH(int, silence);
    NativePair p;
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Readable)
            p.server->abort(p.network.now, event.session);
    };
    const kcp::Instant end = p.network.now + std::chrono::milliseconds(silence);
    const Address elsewhere = address(66, 666);
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        if (packet.to == elsewhere)
            return true;
        if (packet.type() == Confirm || packet.type() == Hello) // a replay is told nothing
            p.server->handleDatagram(p.network.now, { p.server.where, elsewhere }, packet.data);
        return packet.from != p.server.where || packet.type() == CookieType || packet.sent >= end;
    };
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.client->write(p.id, view("request"));
    p.network.run(9s);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QVERIFY(p.server.closedWith(CloseReason::LocalAbort));
    QVERIFY(p.client.closedWith(CloseReason::RemoteAbort, p.id));
    QVERIFY(p.network.countFrames(Hello) >= (silence > 1000 ? 2U : 1U));
    for (const auto &packet : p.network.captured)
        QVERIFY(packet.to != elsewhere || packet.type() == CookieType || packet.type() == Refuse);
    QVERIFY(p.server->isIdle());
}

void tst_EndpointClose::abortAfterClose()
{
    NativePair p;
    p.connect();
    p.client->write(p.id, view(std::string(1000000, 'x')));
    p.client->close(p.network.now, p.id);
    p.network.run(50ms);
    p.client->abort(p.network.now, p.id);
    p.client->abort(p.network.now, p.id);
    p.network.run(1s);
    QCOMPARE(p.client.count(Type::Closed), 1);
    QVERIFY(p.client.closedWith(CloseReason::LocalAbort, p.id));
}

void tst_EndpointClose::lingerOff()
{
    NativePair p;
    SessionConfig config = nativeConfig();
    config.lingerTime = 0s;
    p.connect(config);
    p.client->close(p.network.now, p.id);
    p.network.settle();
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    p.network.run(100ms);
    QVERIFY(p.server.closedWith(CloseReason::RemoteClose, p.peer));
}

void tst_EndpointClose::serverCloses()
{
    NativePair p;
    p.connect();
    p.server->write(p.peer, view("bye"));
    p.server->close(p.network.now, p.peer, 3, "end of service");
    p.network.run(1s);
    QVERIFY(p.client.text(p.id) == "bye");
    QVERIFY(p.client.closedWith(CloseReason::RemoteClose, p.id));
    QVERIFY(p.client.find(Type::Closed)->closeText == "end of service");
    QVERIFY(p.server.closedWith(CloseReason::LocalClose, p.peer));
}

void tst_EndpointClose::releaseClosesInBackground()
{
    NativePair p;
    p.connect();
    p.client.reads = false;
    p.client->write(p.id, view(std::string(20000, 'r')));
    p.server->write(p.peer, view(std::string(2000000, 's'))); // nobody will read it
    p.network.run(30ms);
    const std::size_t events = p.client.events.size();
    p.client->release(p.network.now, p.id);
    p.network.run(5s);
    QCOMPARE(p.server.text(p.peer).size(), std::size_t(20000));
    QVERIFY(p.server.closedWith(CloseReason::RemoteClose, p.peer));
    QCOMPARE(p.client.events.size(), events);
    QVERIFY(p.client->session(p.id) == nullptr);
    QVERIFY(p.client->isIdle());
}

// A server that ends tells everybody, however many there are.
void tst_EndpointClose::manyAbortsAtOnce()
{
    NativePair p;
    AcceptConfig accept = nativeServer();
    accept.maximumConnectionsPerAddress = 0;
    accept.maximumPending = 1000;
    p.server->setAcceptConfig(accept);
    for (int i = 0; i < 500; ++i)
        p.client.connectTo(p.server, nativeConfig());
    p.network.run(1s);
    QCOMPARE(p.server->sessionCount(), 500U);
    for (std::size_t i = 0; i < 500; ++i)
        p.server->abort(p.network.now, p.server.accepted(i));
    p.network.run(1s);
    QCOMPARE(p.client.count(Type::Closed), 500);
    QVERIFY(p.client->isIdle());
}

void tst_EndpointClose::oldTombstonesGiveWay()
{
    NativePair p;
    p.network.delay = 1ms;
    p.connect();
    std::vector<std::uint8_t> confirm;
    for (const auto &packet : p.network.captured) {
        if (packet.type() == Confirm)
            confirm = packet.data;
    }
    p.network.capture = false;
    AcceptConfig accept = nativeServer();
    accept.maximumConnectionsPerAddress = 0;
    accept.maximumPending = 1000;
    p.server->setAcceptConfig(accept);
    p.server->abort(p.network.now, p.peer);
    // More sessions than are remembered, within the life of a cookie.
    int ended = 0;
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Accepted)
            p.server->abort(p.network.now, event.session);
        ended += event.type == Type::Closed;
    };
    const kcp::Instant start = p.network.now;
    for (int batch = 0; batch < 34; ++batch) {
        for (int i = 0; i < 500; ++i)
            p.client.connectTo(p.server, nativeConfig());
        p.network.run(110ms);
        for (const Event &event : p.client.events)
            p.client->release(p.network.now, event.session);
        p.client.events.clear();
        p.server.events.clear();
    }
    p.network.run(2s); // the last ones
    p.server.events.clear();
    QVERIFY(ended > 16384);
    QVERIFY(p.network.now - start < 9s);
    p.network.send(p.client.where, p.server.where, confirm);
    p.network.run(100ms);
    QCOMPARE(p.server.count(Type::Accepted), 0);
    QVERIFY(p.server->stats().rejectedIn > 0);
}

void tst_EndpointClose::dataStaysReadable()
{
    NativePair p;
    p.connect();
    p.server.reads = false;
    p.client->write(p.id, view("kept"));
    p.client->close(p.network.now, p.id);
    p.network.run(60s);
    QCOMPARE(p.server->session(p.peer)->readableBytes(), std::size_t(4));
    std::uint8_t buffer[10];
    QCOMPARE(p.server->read(p.peer, buffer), std::size_t(4));
    p.server->release(p.network.now, p.peer);
    QVERIFY(p.server->session(p.peer) == nullptr);
}

void tst_EndpointClose::nothingAfterClosed()
{
    NativePair p;
    p.connect();
    p.client->abort(p.network.now, p.id);
    p.network.run(1s);
    QVERIFY(!p.client->write(p.id, view("x")));
    QVERIFY(!p.client->sendDatagram(p.id, view("x")));
    p.client->close(p.network.now, p.id);
    p.client->rebind(p.network.now, p.id, { {}, p.server.where });
    p.client->setReceiveLimit(p.id, 5);
    p.network.captured.clear();
    p.network.run(1min);
    QVERIFY(p.network.captured.empty());
    QCOMPARE(int(p.client.events.back().type), int(Type::Closed));
}

QTEST_GUILESS_MAIN(tst_EndpointClose)
#include "tst_endpoint_close.moc"
