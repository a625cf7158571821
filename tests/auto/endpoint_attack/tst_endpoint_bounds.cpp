// SPDX-License-Identifier: MIT
// The bounds of what an endpoint keeps for strangers and for what has ended, each of them reached.
// (Limits of accepting, of messages and of unreliable datagrams: with the tests of these.)
#include "forgery.h"

#include <QtTest/QtTest>

#include <algorithm>

using namespace kcpnet;
using Type = Event::Type;

class tst_EndpointBounds : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void repliesThatWaitAreBounded();
    void noticesAreBounded();
    void earlyDatagramsAreBounded();
    void tombstonesAreBounded();
};

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
void tst_EndpointBounds::repliesThatWaitAreBounded()
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
void tst_EndpointBounds::noticesAreBounded()
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
void tst_EndpointBounds::earlyDatagramsAreBounded()
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
void tst_EndpointBounds::tombstonesAreBounded()
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

QTEST_GUILESS_MAIN(tst_EndpointBounds)
#include "tst_endpoint_bounds.moc"
