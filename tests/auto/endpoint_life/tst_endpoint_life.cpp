// SPDX-License-Identifier: MIT
// Native sessions between connect and close: liveness, moving, resets, messages, unreliable
// datagrams.
#include "nativepair.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

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
    void roaming();
    void roamingDuringTransfer();
    void roamingAfterAnOutage();
    void roamingAndBack();
    void replayCannotMove();
    void responseOfAnotherSession();
    void rebind();
    void pathSilentThenRebind();
    void multiHomedServer();
    void messages();
    void largeMessageThroughSmallWindow();
    void messageTooLarge();
    void brokenMessagePrefix();
    void unreadMessagesAreBounded();
    void datagrams();
    void datagramsAreDeliveredOnce();
    void datagramQueuesAreBounded();
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

void tst_EndpointLife::roaming()
{
    NativePair p;
    p.connect();
    p.client->write(p.id, view("one "));
    p.network.run(100ms);
    p.client.where = address(9, 55555); // a new mapping of a NAT
    p.client->write(p.id, view("two "));
    p.network.captured.clear();
    p.network.run(2s);
    QVERIFY(p.server.text(p.peer) == "one two ");
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 1);
    QVERIFY(p.server->session(p.peer)->path().peer == p.client.where);
    QCOMPARE(p.network.countFrames(Accept), std::size_t(3));
    for (const auto &packet : p.network.captured) {
        if (packet.type() == PathChallenge)
            QCOMPARE(packet.data.size(), std::size_t(14));
    }
    p.server->write(p.peer, view("back"));
    p.network.run(1s);
    QVERIFY(p.client.text(p.id) == "back");
    // The new address has a new reset token.
    p.network.filter = p.dropAll();
    p.server->abort(p.network.now, p.peer);
    p.network.run(1s);
    p.network.filter = {};
    p.client->write(p.id, view("x"));
    p.network.run(1s);
    QVERIFY(p.client.closedWith(CloseReason::Reset, p.id));
}

void tst_EndpointLife::roamingDuringTransfer()
{
    NativePair p;
    p.connect();
    p.network.loss = 0.05;
    std::string up;
    for (int i = 0; i < 500000; ++i)
        up += static_cast<char>(p.network.random.below(256));
    p.client->write(p.id, view(up));
    p.server->write(p.peer, view(up));
    for (std::uint16_t move = 1; move <= 5; ++move) {
        p.network.run(200ms);
        p.client.where = address(20, 1000 + move);
    }
    QVERIFY(p.network.run(2min, [&] {
        return p.server.text(p.peer).size() == up.size() && p.client.text(p.id).size() == up.size();
    }));
    QVERIFY(p.server.text(p.peer) == up);
    QVERIFY(p.client.text(p.id) == up);
    QVERIFY(p.server->session(p.peer)->path().peer == p.client.where);
}

// Timeouts have grown to seconds by the end of the outage; the new path must not wait for them.
void tst_EndpointLife::roamingAfterAnOutage()
{
    NativePair p;
    p.connect();
    p.network.run(100ms);
    p.network.filter = p.dropAll();
    p.server->write(p.peer, view("down"));
    p.client->write(p.id, view("up"));
    p.network.run(15s);
    p.network.filter = {};
    p.client.where = address(9, 55555);
    p.client->rebind(p.network.now, p.id, { {}, p.server.where });
    QVERIFY(p.network.run(
            500ms, [&] { return p.server.text(p.peer) == "up" && p.client.text(p.id) == "down"; }));
}

void tst_EndpointLife::roamingAndBack()
{
    NativePair p;
    p.connect();
    const Address home = p.client.where;
    p.client.where = address(9, 9);
    p.client->write(p.id, view("a"));
    p.network.run(1s);
    std::vector<TestNetwork::Packet> responses;
    for (const auto &packet : p.network.captured) {
        if (packet.type() == PathResponse)
            responses.push_back(packet);
    }
    QVERIFY(!responses.empty());
    p.client.where = home;
    p.client->write(p.id, view("b"));
    p.network.run(1s);
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 2);
    // An old response, from the address it was made for, moves nothing any more.
    for (const auto &packet : responses)
        p.network.send(packet.from, packet.to, packet.data);
    p.network.run(1s);
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 2);
    QVERIFY(p.server.text(p.peer) == "ab");
}

// An attacker sends everything that was ever captured from an address of its own.
void tst_EndpointLife::replayCannotMove()
{
    NativePair p;
    p.connect();
    p.client->sendDatagram(p.id, view("d"));
    p.client->write(p.id, view("data"));
    p.network.run(25s); // with PINGs
    const Address attacker = address(66, 666);
    std::size_t sent = 0;
    std::size_t received = 0;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        if (packet.from == attacker)
            sent += packet.data.size();
        if (packet.to == attacker) {
            received += packet.data.size();
            if (packet.type() != PathChallenge && packet.type() != Refuse
                && packet.type() != CookieType && packet.type() != Reset)
                qFatal("the attacker was sent a frame of type %x", packet.type());
        }
        return true;
    };
    const auto captured = p.network.captured;
    for (const auto &packet : captured) {
        if (packet.to == p.server.where)
            p.network.send(attacker, p.server.where, packet.data);
        else
            p.network.send(attacker, p.client.where, packet.data);
    }
    p.network.run(1s);
    QVERIFY(sent > 0 && received > 0);
    QVERIFY(received <= sent);
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 0);
    QVERIFY(p.server->session(p.peer)->path().peer == p.client.where);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QVERIFY(p.server.text(p.peer) == "data");
    p.client->write(p.id, view(" goes on"));
    p.network.run(1s);
    QVERIFY(p.server.text(p.peer) == "data goes on");
}

// The attacker has a session of its own, and so can answer challenges, but not for this one.
void tst_EndpointLife::responseOfAnotherSession()
{
    NativePair p;
    p.connect();
    Node &attacker = p.network.add(address(66, 666));
    attacker.connectTo(p.server, nativeConfig());
    p.network.run(1s);
    std::vector<std::uint8_t> segment;
    p.client->write(p.id, view("x"));
    p.network.run(100ms);
    for (const auto &packet : p.network.captured) {
        if (packet.type() == 81)
            segment = packet.data;
    }
    p.network.send(attacker.where, p.server.where, segment);
    p.network.run(1s);
    QCOMPARE(p.network.countFrames(PathChallenge), std::size_t(1));
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 0);
}

void tst_EndpointLife::rebind()
{
    NativePair p;
    p.connect();
    p.client.where = address(2, 40001);
    p.client->rebind(p.network.now, p.id, { {}, p.server.where });
    const kcp::Instant start = p.network.now;
    QVERIFY(p.network.run(1s, [&] { return p.server.count(Type::PeerAddressChanged) == 1; }));
    QVERIFY(p.network.now - start == 75ms); // PING, challenge, response
    p.network.run(5s);
    QVERIFY(p.network.countFrames(Ping) <= 2); // it stops asking
}

void tst_EndpointLife::pathSilentThenRebind()
{
    NativePair p;
    p.connect();
    const Address broken = p.client.where;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        return packet.from != broken && packet.to != broken;
    };
    p.client.onEvent = [&](const Event &event) {
        if (event.type != Type::PathSilent)
            return;
        p.client.where = address(2, 40002);
        p.client->rebind(p.network.now, p.id, { {}, p.server.where });
    };
    p.network.run(2min);
    QCOMPARE(p.client.count(Type::PathSilent), 1);
    QCOMPARE(p.client.count(Type::Closed), 0);
    QCOMPARE(p.server.count(Type::Closed), 0);
}

void tst_EndpointLife::multiHomedServer()
{
    NativePair p;
    p.server.where = address(1, 7000);
    p.connect();
    p.client->write(p.id, view("x"));
    p.network.run(100ms);
    // Replies leave from the address that was asked.
    for (const auto &packet : p.network.captured)
        QVERIFY(packet.from == p.server.where || packet.to == p.server.where);
    QVERIFY(p.server->session(p.peer)->path().local == p.server.where);
}

// --- messages ---------------------------------------------------------------------------------

namespace {

struct MessagePair : NativePair
{
    MessagePair()
    {
        accept = nativeServer();
        accept.session.mode = Mode::Message;
        server->setAcceptConfig(accept);
        config = nativeConfig();
        config.mode = Mode::Message;
    }
    AcceptConfig accept;
    SessionConfig config;
};

} // namespace

void tst_EndpointLife::messages()
{
    MessagePair p;
    p.connect(p.config);
    p.network.loss = 0.02;
    std::vector<std::vector<std::uint8_t>> sent;
    for (const std::size_t size :
         { 0, 1, 127, 128, 16383, 16384, 0, 1000000, 2097151, 2097152, 1 }) {
        std::vector<std::uint8_t> message(size);
        for (std::uint8_t &byte : message)
            byte = static_cast<std::uint8_t>(p.network.random.next());
        QVERIFY(p.client->writeMessage(p.id, message));
        sent.push_back(std::move(message));
    }
    QVERIFY(!p.client->write(p.id, view("stream")));
    QVERIFY(p.network.run(10min,
                          [&] { return p.server.messagesOf(p.peer).size() == sent.size(); }));
    QVERIFY(p.server.messagesOf(p.peer) == sent);
    // Small ones share segments.
    p.network.loss = 0;
    p.network.captured.clear();
    for (int i = 0; i < 100; ++i)
        p.client->writeMessage(p.id, view("0123456789"));
    p.network.run(1s);
    QCOMPARE(p.network.countFrames(81), std::size_t(1));
}

void tst_EndpointLife::largeMessageThroughSmallWindow()
{
    MessagePair p;
    p.accept.session.engine.receiveWindow = 16;
    p.server->setAcceptConfig(p.accept);
    p.network.delay = 1ms;
    p.network.capture = false;
    p.connect(p.config);
    p.server->setReceiveLimit(p.peer, 1000); // never blocks the first message
    std::vector<std::uint8_t> message(16 << 20);
    for (std::uint8_t &byte : message)
        byte = static_cast<std::uint8_t>(p.network.random.next());
    QVERIFY(p.client->writeMessage(p.id, message));
    QVERIFY(p.network.run(5min, [&] { return p.server.messagesOf(p.peer).size() == 1; }));
    QVERIFY(p.server.messagesOf(p.peer)[0] == message);
    message.push_back(0);
    QVERIFY(!p.client->writeMessage(p.id, message)); // 16 MiB is what the server takes
}

void tst_EndpointLife::messageTooLarge()
{
    MessagePair p;
    p.accept.session.maximumMessageSize = 1000;
    p.server->setAcceptConfig(p.accept);
    // Before ACCEPT the limit is not known.
    p.id = p.client.connectTo(p.server, p.config);
    QVERIFY(p.client->writeMessage(p.id, std::vector<std::uint8_t>(1001)));
    p.network.run(1s);
    QVERIFY(p.server.closedWith(CloseReason::ProtocolError));
    QVERIFY(p.client.closedWith(CloseReason::RemoteAbort, p.id));
    QCOMPARE(p.client.find(Type::Closed)->closeCode, 0xfffffffdU);
    p.connect(p.config);
    QCOMPARE(p.client->session(p.id)->maximumMessageSize(), std::size_t(1000));
    QVERIFY(!p.client->writeMessage(p.id, std::vector<std::uint8_t>(1001)));
    QVERIFY(p.client->writeMessage(p.id, std::vector<std::uint8_t>(1000)));
    p.network.run(1s);
    QCOMPARE(p.client.count(Type::Closed, p.id), 0);
}

void tst_EndpointLife::brokenMessagePrefix()
{
    MessagePair p;
    p.connect(p.config);
    // A length that is not in its shortest form.
    p.network.filter = [](TestNetwork::Packet &packet) {
        if (packet.type() == 81 && packet.data.size() == 24 + 201) {
            packet.data[24] = 0x80;
            packet.data[25] = 0x00;
        }
        return true;
    };
    p.client->writeMessage(p.id, std::vector<std::uint8_t>(199)); // two bytes of length
    p.network.run(1s);
    QVERIFY(p.server.closedWith(CloseReason::ProtocolError, p.peer));
    QVERIFY(p.server.messagesOf(p.peer).empty());
}

void tst_EndpointLife::unreadMessagesAreBounded()
{
    MessagePair p;
    p.connect(p.config);
    p.server.reads = false;
    p.server->setReceiveLimit(p.peer, 20000);
    for (int i = 0; i < 100; ++i)
        p.client->writeMessage(p.id, std::vector<std::uint8_t>(1000, 1));
    for (int i = 0; i < 10000; ++i)
        p.client->writeMessage(p.id, {}); // empty ones count as well
    p.network.run(20s);
    const Session *session = p.server->session(p.peer);
    QVERIFY(session->pendingMessageBytes() >= 15000);
    QVERIFY(session->pendingMessageBytes() <= 20000);
    std::vector<std::uint8_t> message;
    int count = 0;
    for (int i = 0; i < 2000 && count < 10100; ++i) {
        while (p.server->readMessage(p.peer, message))
            ++count;
        p.network.run(100ms);
    }
    QCOMPARE(count, 10100);
}

// --- unreliable datagrams ---------------------------------------------------------------------

void tst_EndpointLife::datagrams()
{
    NativePair p;
    p.id = p.client.connectTo(p.server, nativeConfig());
    QVERIFY(p.client->sendDatagram(p.id, view("early"))); // waits for ACCEPT
    p.network.run(500ms);
    p.peer = p.server.accepted();
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(1));
    const std::size_t limit = p.client->session(p.id)->maximumDatagramSize();
    QCOMPARE(limit, std::size_t(1400 - 18));
    QVERIFY(!p.client->sendDatagram(p.id, std::vector<std::uint8_t>(limit + 1)));
    QVERIFY(p.client->sendDatagram(p.id, std::vector<std::uint8_t>(limit)));
    QVERIFY(p.server->sendDatagram(p.peer, {}));
    p.network.run(100ms);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)][1].size(), limit);
    QCOMPARE(p.client.datagrams[Node::key(p.id)].size(), std::size_t(1)); // the empty one
    // Not sent again when lost.
    p.network.filter = p.dropAll();
    p.client->sendDatagram(p.id, view("lost"));
    p.network.run(100ms);
    p.network.filter = {};
    p.network.run(5s);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(2));
}

void tst_EndpointLife::datagramsAreDeliveredOnce()
{
    NativePair p;
    p.connect();
    p.network.jitter = 50ms;
    p.network.duplication = 1;
    for (int i = 0; i < 40; ++i)
        p.client->sendDatagram(p.id, view("d"));
    p.network.run(1s);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(40));
    const auto captured = p.network.captured;
    for (const auto &packet : captured) {
        if (packet.type() == DatagramType)
            p.network.send(packet.from, packet.to, std::vector<std::uint8_t>(packet.data));
    }
    p.network.run(1s);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(40));
    QVERIFY(p.server->stats().rejectedIn >= 40);
}

void tst_EndpointLife::datagramQueuesAreBounded()
{
    NativePair p;
    p.connect();
    int taken = 0;
    for (int i = 0; i < 100; ++i)
        taken += p.client->sendDatagram(p.id, view(std::to_string(i)));
    QCOMPARE(taken, 64);
    QCOMPARE(p.client->session(p.id)->datagramsDropped(), 36U);
    // What is not read gives way to what is new.
    p.server.frozen = true;
    p.network.run(100ms);
    for (int i = 100; i < 110; ++i)
        p.client->sendDatagram(p.id, view(std::to_string(i)));
    p.network.run(100ms);
    p.network.thaw(p.server);
    p.network.run(100ms);
    const std::vector<std::string> &got = p.server.datagrams[Node::key(p.peer)];
    QCOMPARE(got.size(), std::size_t(64));
    QVERIFY(got.front() == "10");
    QVERIFY(got.back() == "109");
    QCOMPARE(p.server->session(p.peer)->datagramsDropped(), 10U);
}

// --- the rest ---------------------------------------------------------------------------------

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
