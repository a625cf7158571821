// SPDX-License-Identifier: MIT
// Attacks on endpoints whose sessions go on meanwhile: what others notice of a flood (nothing),
// forgeries and replays around a whole session's life, and every bound reached.
#include "heapmeter.h"
#include "nativepair.h"

#include <QtTest/QtTest>

#include <algorithm>

using namespace kcpnet;
using Type = Event::Type;
using Bytes = std::vector<std::uint8_t>;

class tst_EndpointAttack : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed())); }

    void floodIsNotNoticed_data();
    void floodIsNotNoticed();
    void garbageDoesNotKeepFromMoving();
    void garbageDoesNotKeepFromClosing();
    void streamsUnderForgeries();
    void forgeriesDoNotShiftTheIdleTimeout();
    void replaysDoNotShiftTheIdleTimeout();
    void replaysOfAWholeLife();
    void repliesThatWaitAreBounded();
    void noticesAreBounded();
    void earlyDatagramsAreBounded();
    void tombstonesAreBounded();
};

namespace {

constexpr std::uint8_t Push = 81;

Bytes randomBytes(kcp::Pcg32 &random, std::size_t size)
{
    Bytes bytes(size);
    for (std::uint8_t &byte : bytes)
        byte = static_cast<std::uint8_t>(random.next() >> 24U);
    return bytes;
}

template <typename Int>
void put(Bytes &bytes, std::size_t offset, Int value)
{
    kcp::storeLittleEndian(bytes.data() + offset, value);
}

// A frame or segment whose shape is right and whose secrets are guessed.
Bytes forgery(kcp::Pcg32 &random, std::uint8_t type, std::uint32_t conv)
{
    static constexpr std::size_t sizes[] = { 256, 54, 80, 80, 18, 48, 18, 40, 14, 14, 30, 14, 22 };
    const bool isFrame = type >= Hello;
    Bytes bytes = randomBytes(random, isFrame ? sizes[type - Hello] : 24 + random.below(40));
    const bool withoutConv = type == Hello || type == CookieType || type == Refuse;
    put<std::uint32_t>(bytes, 0, withoutConv ? 0 : conv);
    bytes[4] = type;
    bytes[5] = isFrame ? 1 : 0;
    if (!isFrame)
        put<std::uint32_t>(bytes, 20, static_cast<std::uint32_t>(bytes.size() - 24));
    if (type == Hello)
        bytes[16] = 0; // the mode
    if (type == Confirm || type == Accept) { // parameters that a peer could have
        const std::size_t at = type == Confirm ? 50 : 22;
        bytes[at] = 13;
        put<std::uint16_t>(bytes, at + 1, 1400);
        put<std::uint16_t>(bytes, at + 3, 1024);
        bytes[at + 5] = 0;
    }
    return bytes;
}

constexpr std::uint8_t AllTypes[] = { Hello,        CookieType, Confirm,       Accept,       Refuse,
                                      Ping,         Pong,       DatagramType,  PathChallenge,
                                      PathResponse, Close,      CloseAck,      Reset };

Address randomAddress(kcp::Pcg32 &random)
{
    return Address::fromIPv4(0xc0000000U | random.next(), static_cast<std::uint16_t>(random.next()));
}

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
    friend bool operator==(const Ends &, const Ends &) = default;
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
        target->handleDatagram(p.network.now, { target.where, randomAddress(random) },
                               forgery(random, static_cast<std::uint8_t>(Push + random.below(4)),
                                       conv));
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
            const auto type = static_cast<std::uint8_t>(
                    segment ? Push + random.below(4) : AllTypes[random.below(13)]);
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
            const auto &packet = captured[random.below(static_cast<std::uint32_t>(captured.size()))];
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

// --- bounds -----------------------------------------------------------------------------------

namespace {

Bytes helloFrame(std::uint64_t nonce)
{
    Bytes frame(256);
    frame[4] = Hello;
    frame[5] = 1;
    put(frame, 6, nonce);
    return frame;
}

// What a client answers to COOKIE.
Bytes confirmFor(const Bytes &cookie)
{
    Bytes frame(64);
    std::copy_n(cookie.begin() + 14, 4, frame.begin()); // conv
    frame[4] = Confirm;
    frame[5] = 1;
    std::copy_n(cookie.begin() + 6, 8, frame.begin() + 6); // nonce
    std::copy_n(cookie.begin() + 18, 36, frame.begin() + 14); // issued, cookie
    frame[50] = 13;
    put<std::uint16_t>(frame, 51, 1400);
    put<std::uint16_t>(frame, 53, 128);
    put<std::uint32_t>(frame, 56, 1000);
    return frame;
}

// The next datagram that the node wants to send; empty when there is none.
Bytes nextDatagram(Node &node, kcp::Instant now)
{
    Bytes buffer(2000);
    Path path;
    buffer.resize(node->pollTransmit(now, buffer, path));
    return buffer;
}

} // namespace

// Strangers that ask faster than the caller sends.
void tst_EndpointAttack::repliesThatWaitAreBounded()
{
    NativePair p;
    kcp::Pcg32 random(testSeed(), 7);
    for (int i = 0; i < 10000; ++i)
        p.server->handleDatagram(p.network.now, { p.server.where, randomAddress(random) },
                                 forgery(random, Hello, 0));
    int replies = 0;
    while (!nextDatagram(p.server, p.network.now).empty())
        ++replies;
    QCOMPARE(replies, 256);
    QCOMPARE(p.server->stats().repliesSuppressed, 10000U - 256);
}

// RESET, the answer to what is unknown: a budget for each second, with a burst.
void tst_EndpointAttack::noticesAreBounded()
{
    NativePair p;
    kcp::Pcg32 random(testSeed(), 8);
    int replies = 0;
    for (int i = 0; i < 100000; ++i) {
        p.network.now += 20us;
        p.server->handleDatagram(p.network.now, { p.server.where, randomAddress(random) },
                                 forgery(random, i % 2 ? Ping : Push, random.next()));
        const Bytes reply = nextDatagram(p.server, p.network.now);
        if (reply.empty())
            continue;
        ++replies;
        QCOMPARE(reply[4], Reset);
        QVERIFY(reply.size() < 24); // the smallest segment
    }
    QVERIFY(replies >= 2 * 1000 && replies <= 2 * 1000 + 500);
}

// What overtakes ACCEPT is held, 64 datagrams of it.
void tst_EndpointAttack::earlyDatagramsAreBounded()
{
    NativePair p;
    std::vector<TestNetwork::Packet> accepts;
    p.network.filter = [&](const TestNetwork::Packet &packet) {
        if (packet.type() == Accept)
            accepts.push_back(packet);
        return packet.type() != Accept;
    };
    p.id = p.client.connectTo(p.server, nativeConfig());
    p.network.run(100ms);
    QCOMPARE(accepts.size(), std::size_t(1));
    const std::uint32_t conv = p.client->session(p.id)->conversation();
    for (std::uint32_t sn = 0; sn < 100; ++sn) {
        Bytes segment(25);
        put(segment, 0, conv);
        segment[4] = Push;
        put<std::uint16_t>(segment, 6, 128);
        put(segment, 12, sn);
        put<std::uint32_t>(segment, 20, 1);
        segment[24] = 's';
        p.client->handleDatagram(p.network.now, { p.client.where, p.server.where }, segment);
    }
    p.network.settle();
    QVERIFY(p.client.text(p.id).empty());
    p.client->handleDatagram(p.network.now, { p.client.where, p.server.where }, accepts[0].data);
    p.network.settle();
    QCOMPARE(p.client.text(p.id), std::string(64, 's'));
}

// More sessions end than are remembered: cookies that may be theirs are refused, others are not,
// neither now nor when 32 bits of milliseconds have come round.
void tst_EndpointAttack::tombstonesAreBounded()
{
    constexpr int Remembered = 16384;
    NativePair p;
    AcceptConfig accept = nativeServer();
    accept.maximumConnectionsPerAddress = 0;
    p.server->setAcceptConfig(accept);
    p.network.capture = false;
    const auto connect = [&](std::uint64_t number, Bytes &confirm) {
        const Path path{ p.server.where, address(7, static_cast<std::uint16_t>(number)) };
        p.server->handleDatagram(p.network.now, path, helloFrame(number << 8U));
        const Bytes cookie = nextDatagram(p.server, p.network.now);
        if (cookie.size() != 54)
            return false;
        confirm = confirmFor(cookie);
        const std::uint64_t before = p.server->stats().accepted;
        p.server->handleDatagram(p.network.now, path, confirm);
        while (!nextDatagram(p.server, p.network.now).empty()) { }
        Event event;
        while (p.server->pollEvent(event)) {
            if (event.type != Type::Accepted)
                continue;
            p.server->abort(p.network.now, event.session);
            p.server->release(p.network.now, event.session);
        }
        while (!nextDatagram(p.server, p.network.now).empty()) { }
        return p.server->stats().accepted == before + 1;
    };

    Bytes first;
    Bytes confirm;
    QVERIFY(connect(1, first));
    for (int i = 2; i <= Remembered; ++i) {
        p.network.now += 250us; // as fast as strangers are answered
        QVERIFY(connect(static_cast<std::uint64_t>(i), confirm));
    }
    QCOMPARE(p.server->sessionCount(), 0U);
    const Path path{ p.server.where, address(7, 1) };
    p.server->handleDatagram(p.network.now, path, first);
    QCOMPARE(nextDatagram(p.server, p.network.now)[4], Close); // remembered
    p.network.now += 250us;
    QVERIFY(connect(Remembered + 1, confirm)); // the first one is forgotten
    p.server->handleDatagram(p.network.now, path, first);
    const Bytes refusal = nextDatagram(p.server, p.network.now);
    QCOMPARE(refusal.size(), std::size_t(16));
    QCOMPARE(refusal[14], std::uint8_t(5)); // an old cookie
    QCOMPARE(p.server->stats().accepted, std::uint64_t(Remembered) + 1);
    for (const auto later : { 0h, 1h, 24h * 25, 24h * 45 }) {
        p.network.now += later;
        QVERIFY2(connect(Remembered + 2 + static_cast<std::uint64_t>(later.count()), confirm),
                 qPrintable(QString::number(later.count())));
    }
}

QTEST_GUILESS_MAIN(tst_EndpointAttack)
#include "tst_endpoint_attack.moc"
