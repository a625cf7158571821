// SPDX-License-Identifier: MIT
// Native sessions whose client appears at another address, and those that only pretend to.
#include "nativepair.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

class tst_EndpointRoaming : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void roaming();
    void roamingDuringTransfer();
    void roamingAfterAnOutage();
    void roamingAndBack();
    void replayCannotMove();
    void responseOfAnotherSession();
    void rebind();
    void pathSilentThenRebind();
    void multiHomedServer();
};

void tst_EndpointRoaming::roaming()
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

void tst_EndpointRoaming::roamingDuringTransfer()
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
void tst_EndpointRoaming::roamingAfterAnOutage()
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

void tst_EndpointRoaming::roamingAndBack()
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
void tst_EndpointRoaming::replayCannotMove()
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
void tst_EndpointRoaming::responseOfAnotherSession()
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

void tst_EndpointRoaming::rebind()
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

void tst_EndpointRoaming::pathSilentThenRebind()
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

void tst_EndpointRoaming::multiHomedServer()
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

QTEST_GUILESS_MAIN(tst_EndpointRoaming)
#include "tst_endpoint_roaming.moc"
