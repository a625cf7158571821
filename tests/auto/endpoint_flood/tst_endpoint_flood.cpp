// SPDX-License-Identifier: MIT
// What strangers can do to an endpoint: nothing. Floods of HELLO, forged frames of every type,
// everything captured replayed.
#include "nativepair.h"

#include <QtTest/QtTest>

#include <atomic>
#include <new>

// Every allocation of this program is counted, so that memory can be seen to stay flat.
static std::atomic<std::size_t> liveBlocks;

void *operator new(std::size_t size)
{
    if (void *storage = std::malloc(size > 0 ? size : 1)) {
        ++liveBlocks;
        return storage;
    }
    throw std::bad_alloc();
}

void operator delete(void *storage) noexcept
{
    if (storage)
        --liveBlocks;
    std::free(storage);
}

void operator delete(void *storage, std::size_t) noexcept
{
    operator delete(storage);
}

using namespace kcpnet;
using Type = Event::Type;

class tst_EndpointFlood : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void hellos();
    void confirms();
    void forged_data();
    void forged();
    void forgedSegmentsFromElsewhere();
    void forgeriesAreNoLife();
    void replaysAreNoLife();
    void replaysOfEverything();
    void garbage();
};

namespace {

// Sends everything the endpoint wants to send to nowhere; counts it.
struct Drain
{
    std::size_t datagrams = 0;
    std::size_t bytes = 0;
    std::size_t largest = 0;

    void operator()(Endpoint &endpoint, kcp::Instant now)
    {
        std::uint8_t buffer[2000];
        Path path;
        while (const std::size_t size = endpoint.pollTransmit(now, buffer, path)) {
            ++datagrams;
            bytes += size;
            largest = std::max(largest, size);
        }
    }
};

std::vector<std::uint8_t> randomFrame(kcp::Pcg32 &random, std::uint8_t type, std::uint32_t conv)
{
    static constexpr std::size_t sizes[] = { 256, 54, 64, 52, 16, 48, 18, 40, 14, 14, 30, 14, 22 };
    std::vector<std::uint8_t> bytes(type >= Hello ? sizes[type - Hello] : 24 + random.below(40));
    for (std::uint8_t &byte : bytes)
        byte = static_cast<std::uint8_t>(random.next());
    const bool withoutConv = type == Hello || type == CookieType || type == Refuse;
    kcp::storeLittleEndian<std::uint32_t>(bytes.data(), withoutConv ? 0 : conv);
    bytes[4] = type;
    bytes[5] = type >= Hello ? 1 : 0;
    if (type < Hello) {
        // A segment as it should be, but for what cannot be known.
        kcp::storeLittleEndian<std::uint32_t>(bytes.data() + 12, random.below(64));
        kcp::storeLittleEndian<std::uint32_t>(bytes.data() + 16, random.below(3));
        kcp::storeLittleEndian<std::uint32_t>(bytes.data() + 20,
                                              static_cast<std::uint32_t>(bytes.size() - 24));
    }
    const std::size_t parameters = type == Confirm ? 50 : type == Accept ? 22 : 0;
    if (parameters > 0) { // plausible parameters
        bytes[parameters] = 13;
        bytes[parameters + 2] |= 4;
    }
    return bytes;
}

Address randomAddress(kcp::Pcg32 &random)
{
    return Address::fromIPv4(random.next(), static_cast<std::uint16_t>(random.next()));
}

// Both directions still work, and nothing has happened meanwhile.
void expectUndisturbed(NativePair &p)
{
    QCOMPARE(p.client.count(Type::Closed), 0);
    QCOMPARE(p.server.count(Type::Closed), 0);
    QCOMPARE(p.server.count(Type::PeerAddressChanged), 0);
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QCOMPARE(p.server->sessionCount(), 1U);
    const std::string before = p.server.text(p.peer);
    const std::string answer = p.client.text(p.id);
    p.client->write(p.id, view("up"));
    p.server->write(p.peer, view("down"));
    QVERIFY(p.network.run(5s, [&] {
        return p.server.text(p.peer) == before + "up" && p.client.text(p.id) == answer + "down";
    }));
}

} // namespace

// A million strangers in ten seconds.
void tst_EndpointFlood::hellos()
{
    NativePair p;
    p.connect();
    p.client->write(p.id, view("x"));
    p.network.run(1s);
    p.network.capture = false;
    const std::size_t live = liveBlocks;
    Drain drain;
    std::size_t bytesIn = 0;
    std::vector<std::uint8_t> hello = randomFrame(p.network.random, Hello, 0);
    hello[16] = 0; // the server's mode
    for (int i = 0; i < 1000000; ++i) {
        kcp::storeLittleEndian<std::uint32_t>(hello.data() + 6, static_cast<std::uint32_t>(i));
        p.network.now += 10us;
        p.server->handleDatagram(p.network.now, { p.server.where, randomAddress(p.network.random) },
                                 hello);
        bytesIn += hello.size();
        if (i % 64 == 0)
            drain(*p.server, p.network.now);
        if (i % 100000 == 0)
            QVERIFY(liveBlocks <= live + 8); // the queue of replies, once
    }
    drain(*p.server, p.network.now);
    QVERIFY(liveBlocks <= live + 8);
    QCOMPARE(p.server->sessionCount(), 1U);
    QVERIFY(drain.largest <= 256);
    QVERIFY(drain.bytes < bytesIn);
    QVERIFY(drain.datagrams <= 10 * 5000 + 1000); // the rate, and the burst
    QVERIFY(drain.datagrams >= 10 * 5000 - 100);
    QCOMPARE(p.server->stats().repliesSuppressed, 1000000 - drain.datagrams);
    expectUndisturbed(p);
}

void tst_EndpointFlood::confirms()
{
    NativePair p;
    p.connect();
    p.network.capture = false;
    const std::size_t live = liveBlocks;
    Drain drain;
    for (int i = 0; i < 100000; ++i) {
        p.network.now += 10us;
        p.server->handleDatagram(p.network.now, { p.server.where, randomAddress(p.network.random) },
                                 randomFrame(p.network.random, Confirm, p.network.random.next()));
        drain(*p.server, p.network.now);
    }
    QVERIFY(liveBlocks <= live + 8);
    QVERIFY(drain.datagrams <= 6100);
    QVERIFY(drain.largest <= 64);
    expectUndisturbed(p);
}

void tst_EndpointFlood::forged_data()
{
    QTest::addColumn<int>("type");
    for (int type = Hello; type <= Reset; ++type)
        QTest::addRow("%x", type) << type;
}

// 100,000 of each type, for the right conversation: from anywhere, and with forged addresses of
// either side to the other.
void tst_EndpointFlood::forged()
{
    QFETCH(int, type);
    NativePair p;
    p.connect();
    p.client->write(p.id, view("x"));
    p.network.run(1s);
    p.network.capture = false;
    const std::uint32_t conv = p.client->session(p.id)->conversation();
    const std::size_t live = liveBlocks;
    Drain drain;
    std::size_t bytesIn = 0;
    for (int i = 0; i < 100000; ++i) {
        p.network.now += 10us;
        const std::vector<std::uint8_t> frame =
                randomFrame(p.network.random, static_cast<std::uint8_t>(type), conv);
        bytesIn += frame.size();
        Node &target = i % 3 == 2 ? p.client : p.server;
        const Address from = i % 3 == 0 ? randomAddress(p.network.random)
                : i % 3 == 1            ? p.client.where
                                        : p.server.where;
        target->handleDatagram(p.network.now, { target.where, from }, frame);
        drain(*target, p.network.now);
    }
    QVERIFY(liveBlocks <= live + 16);
    QVERIFY(drain.bytes <= bytesIn);
    expectUndisturbed(p);
}

// Whoever knows the conversation, but is not where the peer is, cannot inject a byte. (Whoever
// forges the peer's address can: segments carry no tag.)
void tst_EndpointFlood::forgedSegmentsFromElsewhere()
{
    NativePair p;
    p.connect();
    p.network.capture = false;
    const std::uint32_t conv = p.client->session(p.id)->conversation();
    Drain drain;
    std::size_t bytesIn = 0;
    for (int i = 0; i < 100000; ++i) {
        p.network.now += 10us;
        const std::vector<std::uint8_t> frame =
                randomFrame(p.network.random, static_cast<std::uint8_t>(81 + i % 4), conv);
        bytesIn += frame.size();
        Node &target = i % 2 ? p.client : p.server;
        target->handleDatagram(p.network.now, { target.where, randomAddress(p.network.random) },
                               frame);
        drain(*target, p.network.now);
    }
    QVERIFY(drain.bytes <= bytesIn);
    QVERIFY(drain.largest <= 22);
    QVERIFY(p.server.text(p.peer).empty());
    expectUndisturbed(p);
}

void tst_EndpointFlood::forgeriesAreNoLife()
{
    NativePair p;
    p.connect();
    p.network.filter = p.dropAll();
    const std::uint32_t conv = p.client->session(p.id)->conversation();
    for (int i = 0; i < 3100; ++i) {
        p.network.run(10ms);
        const auto type = static_cast<std::uint8_t>(Hello + i % 13);
        p.server->handleDatagram(p.network.now, { p.server.where, p.client.where },
                                 randomFrame(p.network.random, type, conv));
        p.client->handleDatagram(p.network.now, { p.client.where, p.server.where },
                                 randomFrame(p.network.random, type, conv));
    }
    QVERIFY(p.client.closedWith(CloseReason::IdleTimeout, p.id));
    QVERIFY(p.server.closedWith(CloseReason::IdleTimeout, p.peer));
}

void tst_EndpointFlood::replaysAreNoLife()
{
    NativePair p;
    p.connect();
    for (int i = 0; i < 5; ++i) {
        p.client->write(p.id, view("up"));
        p.server->write(p.peer, view("down"));
        p.client->sendDatagram(p.id, view("dgram"));
        p.network.run(13s); // with PINGs in between
    }
    QVERIFY(p.network.countFrames(Ping) > 0);
    const auto captured = p.network.captured;
    p.network.filter = p.dropAll();
    for (int i = 0; i < 3100; ++i) {
        p.network.run(10ms);
        const auto &packet = captured[static_cast<std::size_t>(i) % captured.size()];
        Node &target = packet.to == p.server.where ? p.server : p.client;
        target->handleDatagram(p.network.now, { packet.to, packet.from }, packet.data);
    }
    QVERIFY(p.client.closedWith(CloseReason::IdleTimeout, p.id));
    QVERIFY(p.server.closedWith(CloseReason::IdleTimeout, p.peer));
}

// Every captured frame again, in random order, from the right and from wrong addresses, while the
// session goes on and after it has ended.
void tst_EndpointFlood::replaysOfEverything()
{
    NativePair p;
    p.connect();
    p.client->write(p.id, view("up"));
    p.server->write(p.peer, view("down"));
    p.client->sendDatagram(p.id, view("dgram"));
    p.network.run(25s);
    const auto captured = p.network.captured;
    p.network.capture = false;
    const auto replay = [&](const Address &from) {
        for (int i = 0; i < 5000; ++i) {
            const auto &packet =
                    captured[p.network.random.below(static_cast<std::uint32_t>(captured.size()))];
            p.network.send(from.isNull() ? packet.from : from, packet.to, packet.data);
            p.network.run(1ms);
        }
    };
    replay({});
    replay(address(99, 999));
    QVERIFY(p.server.text(p.peer) == "up");
    QVERIFY(p.client.text(p.id) == "down");
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(1));
    expectUndisturbed(p);
    p.client->close(p.network.now, p.id);
    p.network.run(1s);
    replay({});
    replay(address(99, 999));
    QCOMPARE(p.server.count(Type::Accepted), 1);
    QVERIFY(p.server->isIdle());
    QVERIFY(p.client->isIdle());
}

void tst_EndpointFlood::garbage()
{
    NativePair p;
    p.connect();
    p.network.capture = false;
    Drain drain;
    for (int i = 0; i < 200000; ++i) {
        std::vector<std::uint8_t> bytes(p.network.random.below(80));
        for (std::uint8_t &byte : bytes)
            byte = static_cast<std::uint8_t>(p.network.random.next());
        if (bytes.size() > 4 && i % 2)
            bytes[4] = static_cast<std::uint8_t>(i % 4 == 1 ? Hello + p.network.random.below(16)
                                                            : 81 + p.network.random.below(4));
        Node &target = i % 3 ? p.server : p.client;
        const Address from = i % 5 ? p.client.where : p.server.where;
        target->handleDatagram(p.network.now, { target.where, from }, bytes);
        if (i % 64 == 0)
            drain(*target, p.network.now);
    }
    drain(*p.client, p.network.now);
    drain(*p.server, p.network.now);
    expectUndisturbed(p);
}

QTEST_GUILESS_MAIN(tst_EndpointFlood)
#include "tst_endpoint_flood.moc"
