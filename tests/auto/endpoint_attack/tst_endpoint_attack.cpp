// SPDX-License-Identifier: MIT
// Attacks on endpoints whose sessions go on meanwhile: what others notice of a flood (nothing),
// and forgeries and replays around a whole session's life.
#include "forgery.h"
#include "heapmeter.h"

#include <QtTest/QtTest>

#include <algorithm>

using namespace kcpnet;
using Type = Event::Type;

class tst_EndpointAttack : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void floodIsNotNoticed_data();
    void floodIsNotNoticed();
    void garbageDoesNotKeepFromMoving();
    void garbageDoesNotKeepFromClosing();
    void streamsUnderForgeries();
    void forgeriesDoNotShiftTheIdleTimeout();
    void replaysDoNotShiftTheIdleTimeout();
    void replaysOfAWholeLife();
};

namespace {

bool contains(const Bytes &bytes, const Bytes &part)
{
    return std::search(bytes.begin(), bytes.end(), part.begin(), part.end()) != bytes.end();
}

// A server that sends back what it reads.
void echo(NativePair &p)
{
    p.server.onEvent = [&p, seen = std::size_t(0)](const Event &event) mutable {
        if (event.type != Type::Readable)
            return;
        const std::string &text = p.server.text(event.session);
        p.server->write(event.session, view(std::string_view(text).substr(seen)));
        seen = text.size();
    };
}

// 100 bytes every 100 ms, while `attack` happens every millisecond: the times until their echoes
// were complete.
std::vector<kcp::Duration> echoTimes(NativePair &p, int count, const std::function<void()> &attack)
{
    std::vector<kcp::Duration> times;
    const std::string words(100, 'e');
    kcp::Instant sent;
    std::size_t expected = 0;
    p.client.onEvent = [&](const Event &event) {
        if (event.type == Type::Readable && p.client.text(p.id).size() == expected)
            times.push_back(p.network.now - sent);
    };
    for (int ms = 0; ms < count * 100; ++ms) {
        if (ms % 100 == 0) {
            sent = p.network.now;
            expected = p.client.text(p.id).size() + words.size();
            p.client->write(p.id, view(words));
        }
        attack();
        p.network.run(1ms);
    }
    p.client.onEvent = {};
    return times;
}

// When the two sides gave up after the last datagram that got through.
struct Ends
{
    kcp::Duration client{ 0 };
    kcp::Duration server{ 0 };
};

Ends giveUp(NativePair &p, const std::function<void()> &attack)
{
    Ends ends;
    const kcp::Instant start = p.network.now;
    p.client.onEvent = [&](const Event &event) {
        if (event.type == Type::Closed && event.reason == CloseReason::IdleTimeout)
            ends.client = p.network.now - start;
    };
    p.server.onEvent = [&](const Event &event) {
        if (event.type == Type::Closed && event.reason == CloseReason::IdleTimeout)
            ends.server = p.network.now - start;
    };
    p.network.filter = p.dropAll();
    for (int i = 0; i < 3500; ++i) {
        attack();
        p.network.run(10ms);
    }
    p.client.onEvent = {};
    p.server.onEvent = {};
    return ends;
}

// A session that has done everything there is to do but to close.
struct Life : NativePair
{
    Life()
    {
        connect();
        client->write(id, view("up"));
        server->write(peer, view("down"));
        client->sendDatagram(id, view("datagram up"));
        server->sendDatagram(peer, view("datagram down"));
        network.run(25s); // with PINGs
        client.where = address(9, 55555);
        client->write(id, view(" moved"));
        network.run(1s);
        server->write(peer, view(" as well"));
        network.run(12s);
        for (const auto &packet : network.captured) {
            if (packet.type() == Ping && packet.to == server.where)
                clientTag.assign(packet.data.begin() + 6, packet.data.begin() + 14);
            if (packet.type() == Accept)
                serverTag.assign(packet.data.begin() + 6, packet.data.begin() + 14);
        }
    }

    Bytes clientTag;
    Bytes serverTag;
    const Address home = address(2, 40000); // where the client was first
};

} // namespace

// --- floods -----------------------------------------------------------------------------------

void tst_EndpointAttack::floodIsNotNoticed_data()
{
    QTest::addColumn<int>("type"); // 0: bytes
    QTest::newRow("bytes") << 0;
    QTest::newRow("PUSH") << int(Push);
    QTest::newRow("HELLO") << int(Hello);
    QTest::newRow("CONFIRM") << int(Confirm);
    QTest::newRow("PING") << int(Ping);
    QTest::newRow("CLOSE") << int(Close);
}

// 100,000 datagrams a second from as many addresses: a session has the same echoes at the same
// times as without, and the program the same memory.
void tst_EndpointAttack::floodIsNotNoticed()
{
    QFETCH(int, type);
    constexpr int Echoes = 20;
    NativePair quiet;
    echo(quiet);
    quiet.connect();
    const std::vector<kcp::Duration> reference = echoTimes(quiet, Echoes, [] {});
    QCOMPARE(reference.size(), std::size_t(Echoes));

    NativePair p;
    echo(p);
    p.connect();
    p.network.capture = false;
    std::size_t answers = 0;
    std::size_t largest = 0;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        if (packet.to == p.client.where || packet.to == p.server.where)
            return true;
        ++answers;
        largest = std::max(largest, packet.data.size());
        return false;
    };
    kcp::Pcg32 random(testSeed(), 1);
    const std::size_t size =
            type == 0 ? 64 : forgery(random, static_cast<std::uint8_t>(type), 1).size();
    const std::size_t before = heapmeter::bytes();
    heapmeter::startPeak();
    const std::vector<kcp::Duration> times = echoTimes(p, Echoes, [&] {
        for (int i = 0; i < 100; ++i) {
            const Bytes datagram = type == 0
                    ? randomBytes(random, size)
                    : forgery(random, static_cast<std::uint8_t>(type), random.next());
            p.server->handleDatagram(p.network.now, { p.server.where, randomAddress(random) },
                                     datagram);
        }
    });
    QVERIFY(times == reference);
    QVERIFY(p.client.text(p.id) == quiet.client.text(quiet.id));
    // The queue of replies, once, and what the test notes.
    QVERIFY2(heapmeter::peak() - before < 200000,
             qPrintable(QString::number(heapmeter::peak() - before)));
    QVERIFY(largest <= (type == Push ? 24 : size));
    QVERIFY(answers <= (type == Hello || type == Confirm ? 2 * 5000 + 1000 : 2 * 1000 + 500));
    QCOMPARE(p.server->sessionCount(), 1U);
    QCOMPARE(p.client.count(Type::Closed) + p.server.count(Type::Closed), 0);
}

namespace {

// About a millisecond in which 50 datagrams of conversations that do not exist come from everywhere:
// each may be answered by RESET.
void floodWithGarbage(NativePair &p, kcp::Pcg32 &random)
{
    for (int i = 0; i < 50; ++i) {
        p.server->handleDatagram(p.network.now, { p.server.where, randomAddress(random) },
                                 forgery(random, Push, random.next()));
        p.network.run(kcp::Duration(random.below(41)));
    }
}

} // namespace

void tst_EndpointAttack::garbageDoesNotKeepFromMoving()
{
    NativePair p;
    p.connect();
    p.client->write(p.id, view("here"));
    p.network.run(1s);
    p.network.capture = false;
    kcp::Pcg32 random(testSeed(), 2);
    for (int ms = 0; ms < 2000; ++ms) {
        if (ms == 1000) { // the budget for notices is long used up
            p.client.where = address(9, 9);
            p.client->write(p.id, view(" and there"));
        }
        floodWithGarbage(p, random);
        if (ms == 1300)
            QCOMPARE(p.server.count(Type::PeerAddressChanged), 1);
    }
    QVERIFY(p.server.text(p.peer) == "here and there");
    QVERIFY(p.server->stats().repliesSuppressed > 90000); // it was a flood
}

void tst_EndpointAttack::garbageDoesNotKeepFromClosing()
{
    NativePair p;
    p.connect();
    p.network.run(1s);
    p.network.capture = false;
    kcp::Pcg32 random(testSeed(), 3);
    kcp::Instant closed{};
    bool first = true;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        const bool lost = packet.type() == CloseAck && first; // so that a tombstone has to answer
        first = first && !lost;
        return !lost;
    };
    for (int ms = 0; ms < 2000; ++ms) {
        if (ms == 1000) {
            p.client->close(p.network.now, p.id);
            closed = p.network.now;
        }
        floodWithGarbage(p, random);
        if (ms == 1500) {
            QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
            QVERIFY(!first);
        }
    }
    QVERIFY(p.server->stats().repliesSuppressed > 90000); // it was a flood
}

// --- forgeries --------------------------------------------------------------------------------

// Frames of all types from everywhere, the peers' addresses included, and segments from everywhere
// else, while both sides send.
void tst_EndpointAttack::streamsUnderForgeries()
{
    NativePair p;
    p.connect();
    p.network.capture = false;
    p.network.loss = 0.03;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        return packet.to == p.client.where || packet.to == p.server.where;
    };
    const std::uint32_t conv = p.client->session(p.id)->conversation();
    kcp::Pcg32 random(testSeed(), 4);
    std::string text(400000, 0);
    for (char &byte : text)
        byte = static_cast<char>(random.next() >> 24U);
    p.client->write(p.id, view(text));
    p.server->write(p.peer, view(text));
    const auto forge = [&](Node &target, const Address &peer) {
        const auto type = AllTypes[random.below(std::size(AllTypes))];
        target->handleDatagram(p.network.now,
                               { target.where, random.below(2) ? peer : randomAddress(random) },
                               forgery(random, type, conv));
        target->handleDatagram(
                p.network.now, { target.where, randomAddress(random) },
                forgery(random, static_cast<std::uint8_t>(Push + random.below(4)), conv));
    };
    int rounds = 0;
    const auto isDone = [&] {
        return p.server.text(p.peer).size() >= text.size()
                && p.client.text(p.id).size() >= text.size();
    };
    for (; rounds < 60000 && (rounds < 20000 || !isDone()); ++rounds) {
        for (int i = 0; i < 5; ++i) {
            forge(p.server, p.client.where);
            forge(p.client, p.server.where);
        }
        p.network.run(1ms);
    }
    QVERIFY(p.server.text(p.peer) == text);
    QVERIFY(p.client.text(p.id) == text);
    QCOMPARE(p.client.count(Type::Closed) + p.server.count(Type::Closed), 0);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 0);
    QCOMPARE(p.client.count(Type::DatagramReceived) + p.server.count(Type::DatagramReceived), 0);
}

// Both sides give up at the same moment as without: frames from the peer's address, too, and
// segments that do not fit the conversation, are no life.
void tst_EndpointAttack::forgeriesDoNotShiftTheIdleTimeout()
{
    NativePair quiet;
    quiet.connect();
    const Ends reference = giveUp(quiet, [] {});
    QVERIFY(reference.client > 29s && reference.client <= 30s);
    QVERIFY(reference.server > 29s && reference.server <= 30s);

    NativePair p;
    p.connect();
    const std::uint32_t conv = p.client->session(p.id)->conversation();
    kcp::Pcg32 random(testSeed(), 5);
    const Ends ends = giveUp(p, [&] {
        for (int i = 0; i < 30; ++i) {
            const bool segment = i % 3 == 2;
            const auto type = static_cast<std::uint8_t>(segment ? Push + random.below(4)
                                                                : AllTypes[random.below(13)]);
            const bool right = i % 2 == 0;
            p.server->handleDatagram(
                    p.network.now,
                    { p.server.where, right ? p.client.where : randomAddress(random) },
                    forgery(random, type, conv));
            p.client->handleDatagram(
                    p.network.now,
                    { p.client.where, right ? p.server.where : randomAddress(random) },
                    forgery(random, type, conv));
        }
    });
    QCOMPARE(ends.client.count(), reference.client.count());
    QCOMPARE(ends.server.count(), reference.server.count());
}

// --- replays ----------------------------------------------------------------------------------

void tst_EndpointAttack::replaysDoNotShiftTheIdleTimeout()
{
    Life quiet;
    const Ends reference = giveUp(quiet, [] {});
    QVERIFY(reference.client > 10s && reference.client <= 30s);

    Life p;
    kcp::Pcg32 random(testSeed(), 6);
    const auto captured = p.network.captured;
    const Ends ends = giveUp(p, [&] {
        for (int i = 0; i < 10; ++i) {
            const auto &packet =
                    captured[random.below(static_cast<std::uint32_t>(captured.size()))];
            const bool up = packet.to == p.server.where;
            Node &target = up ? p.server : p.client;
            const Address from = random.below(2) && up ? p.client.where : packet.from;
            target->handleDatagram(p.network.now, { target.where, from }, packet.data);
        }
    });
    QCOMPARE(ends.client.count(), reference.client.count());
    QCOMPARE(ends.server.count(), reference.server.count());
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 1);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(1));
    QCOMPARE(p.client.datagrams[Node::key(p.id)].size(), std::size_t(1));
}

namespace {

// Counts what goes between the endpoints and an address that neither of them has.
struct Outsider
{
    std::size_t sent = 0;
    std::size_t received = 0;
    bool toldATag = false;
};

void watch(Life &p, std::map<std::uint16_t, Outsider> &outsiders)
{
    p.network.filter = [&p, &outsiders](const TestNetwork::Packet &packet) {
        const auto isOutside = [&](const Address &address) {
            return address != p.server.where && address != p.client.where;
        };
        if (isOutside(packet.from))
            outsiders[packet.from.port].sent += packet.data.size();
        if (isOutside(packet.to)) {
            Outsider &outsider = outsiders[packet.to.port];
            outsider.received += packet.data.size();
            // What the network itself carried to the old address was before.
            outsider.toldATag = outsider.toldATag || contains(packet.data, p.clientTag)
                    || contains(packet.data, p.serverTag);
        }
        return true;
    };
}

// All that was captured, each several times, in random order: with its own addresses and from the
// attacker's.
void replay(Life &p, const std::vector<TestNetwork::Packet> &captured, const Address &attacker)
{
    constexpr std::size_t Times = 6; // of each
    for (std::size_t i = 0; i < captured.size() * Times; ++i) {
        const auto &packet =
                captured[p.network.random.below(static_cast<std::uint32_t>(captured.size()))];
        const bool up = packet.to == p.server.where;
        const Address to = up ? p.server.where : p.client.where;
        const Address own = up ? packet.from : p.server.where;
        p.network.send(i % 2 ? attacker : own, to, packet.data);
        p.network.run(1ms);
    }
}

} // namespace

void tst_EndpointAttack::replaysOfAWholeLife()
{
    Life p;
    QVERIFY(p.clientTag.size() == 8 && p.serverTag.size() == 8);
    const Address attacker = address(66, 666);
    std::map<std::uint16_t, Outsider> outsiders;
    watch(p, outsiders);
    auto captured = p.network.captured;
    p.network.capture = false;

    // While it lives.
    replay(p, captured, attacker);
    QVERIFY(p.server.text(p.peer) == "up moved");
    QVERIFY(p.client.text(p.id) == "down as well");
    QCOMPARE(p.client.count(Type::Closed) + p.server.count(Type::Closed), 0);
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 1);
    QVERIFY(p.server->session(p.peer)->path().peer == p.client.where);
    p.client->write(p.id, view(" still here"));
    p.server->write(p.peer, view(" me too"));
    p.network.run(1s);
    QVERIFY(p.server.text(p.peer) == "up moved still here");
    QVERIFY(p.client.text(p.id) == "down as well me too");

    // After its end: at once, late in the tombstone's life, after it.
    p.network.captured.clear();
    p.network.capture = true;
    p.client->close(p.network.now, p.id, 3, "that was it");
    p.network.run(1s);
    p.network.capture = false;
    captured.insert(captured.end(), p.network.captured.begin(), p.network.captured.end());
    QVERIFY(p.server.closedWith(CloseReason::RemoteClose, p.peer));
    QVERIFY(p.client.closedWith(CloseReason::LocalClose, p.id));
    const kcp::Instant end = p.network.now;
    for (const kcp::Duration later : { 0s, 10s, 13s, 60s }) {
        p.network.run(std::max(end + later - p.network.now, kcp::Duration(0)));
        replay(p, captured, attacker);
        QVERIFY(p.server->isIdle());
        QVERIFY(p.client->isIdle());
    }
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QCOMPARE(p.server.count(Type::Closed), 1);
    QCOMPARE(p.client.count(Type::Closed), 1);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(1));
    QCOMPARE(p.client.datagrams[Node::key(p.id)].size(), std::size_t(1));

    QVERIFY(outsiders.contains(attacker.port));
    for (const auto &[port, outsider] : outsiders) {
        QVERIFY2(!outsider.toldATag, qPrintable(QString::number(port)));
        QVERIFY(outsider.received <= outsider.sent);
    }
}

QTEST_GUILESS_MAIN(tst_EndpointAttack)
#include "tst_endpoint_attack.moc"
