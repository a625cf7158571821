// SPDX-License-Identifier: MIT
// The small parts of the session layer, one by one.
#include "acceptpolicy.h"
#include "deadlinequeue.h"
#include "liveness.h"
#include "messageframer.h"
#include "ratelimit.h"
#include "ringqueue.h"
#include "testnetwork.h"
#include "tombstones.h"

#include <QtTest/QtTest>

#include <deque>
#include <unordered_set>

using namespace kcpnet;

class tst_SessionParts : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void addresses();
    void addressHash();
    void constantTimeCompare();
    void deadlineQueue();
    void ringQueue();
    void rateLimit();
    void livenessProbes();
    void livenessAfterStandstill();
    void tombstones();
    void acceptPolicy();
    void messagePrefix();
    void messagesAcrossReads();
    void pathTransform();
};

namespace {

kcp::Instant at(kcp::Duration time)
{
    return kcp::Instant(time);
}

} // namespace

void tst_SessionParts::addresses()
{
    const Address v4 = Address::fromIPv4(0xc0a80102, 80);
    QVERIFY(v4.isIPv4());
    QCOMPARE(int(v4.ip[11]), 255);
    QCOMPARE(int(v4.ip[12]), 192);
    QCOMPARE(int(v4.ip[15]), 2);
    QVERIFY(!Address().isIPv4());
    QVERIFY(Address().isNull());
    QVERIFY(!v4.isNull());
}

void tst_SessionParts::addressHash()
{
    std::unordered_set<std::uint64_t> seen;
    for (std::uint32_t i = 0; i < 100000; ++i)
        seen.insert(hashAddress(Address::fromIPv4(i, static_cast<std::uint16_t>(i * 7)), 5) >> 20);
    QVERIFY(seen.size() > 99900);
    const Address a = Address::fromIPv4(1, 2);
    QVERIFY(hashAddress(a, 1) != hashAddress(a, 2));
    QCOMPARE(hashAddress(a, 1), hashAddress(a, 1));
    Address scoped = a;
    scoped.scope = 3;
    QVERIFY(hashAddress(a, 1) != hashAddress(scoped, 1));
}

void tst_SessionParts::constantTimeCompare()
{
    std::uint8_t a[32] = {};
    std::uint8_t b[32] = {};
    QVERIFY(Crypto::equal(a, b));
    for (std::size_t i = 0; i < 32; ++i) {
        b[i] = 0x10;
        QVERIFY(!Crypto::equal(a, b));
        b[i] = 0;
    }
    QVERIFY(!Crypto::equal(a, kcp::ByteView(b).first(31)));
    QVERIFY(Crypto::equal({}, {}));
}

void tst_SessionParts::deadlineQueue()
{
    kcp::Pcg32 random(testSeed());
    DeadlineQueue queue;
    QVERIFY(queue.earliest() == kcp::Never);
    queue.remove(5); // never there
    std::map<std::uint32_t, kcp::Instant> model;
    for (int i = 0; i < 50000; ++i) {
        const std::uint32_t slot = random.below(300);
        if (random.below(4) == 0) {
            queue.remove(slot);
            model.erase(slot);
        } else {
            model[slot] = at(kcp::Duration(random.below(1000)));
            queue.set(slot, model[slot]);
        }
        kcp::Instant earliest = kcp::Never;
        for (const auto &[s, deadline] : model)
            earliest = std::min(earliest, deadline);
        QVERIFY(queue.earliest() == earliest);
        QCOMPARE(queue.size(), model.size());
        if (!queue.isEmpty())
            QVERIFY(model[queue.earliestSlot()] == earliest);
    }
}

void tst_SessionParts::ringQueue()
{
    kcp::Pcg32 random(testSeed());
    RingQueue<std::unique_ptr<int>> queue;
    std::deque<int> model;
    for (int i = 0; i < 20000; ++i) {
        if (model.empty() || random.below(100) < (i < 10000 ? 60U : 40U)) {
            queue.push(std::make_unique<int>(i));
            model.push_back(i);
        } else {
            QCOMPARE(*queue.front(), model.front());
            QCOMPARE(*queue.pop(), model.front());
            model.pop_front();
        }
        QCOMPARE(queue.size(), model.size());
    }
}

void tst_SessionParts::rateLimit()
{
    RateLimit limit(1000, 50);
    int taken = 0;
    for (int i = 0; i < 200; ++i)
        taken += limit.take(at(100s));
    QCOMPARE(taken, 50);
    taken = 0;
    for (int ms = 1; ms <= 1000; ++ms) {
        for (int i = 0; i < 10; ++i)
            taken += limit.take(at(100s + std::chrono::milliseconds(ms)));
    }
    QCOMPARE(taken, 1000);
    taken = 0;
    for (int i = 0; i < 200; ++i)
        taken += limit.take(at(1000000h)); // years later: no more than the burst
    QCOMPARE(taken, 50);
}

void tst_SessionParts::livenessProbes()
{
    const Liveness::Limits limits{ 30s, 10s, kcp::Instant{ kcp::Duration::min() } };
    Liveness liveness(at(100s));
    std::vector<kcp::Instant> probes;
    while (liveness.probeDeadline(limits) < liveness.idleDeadline(limits)) {
        probes.push_back(liveness.probeDeadline(limits));
        liveness.probed(probes.back());
    }
    QVERIFY(liveness.idleDeadline(limits) == at(130s));
    QVERIFY(probes.front() == at(110s));
    QVERIFY(probes[1] == at(111s));
    QVERIFY(probes[2] == at(112s));
    QCOMPARE(probes.size(), std::size_t(20));
    liveness.heard(at(129s));
    QCOMPARE(int(liveness.unansweredProbes()), 0);
    QVERIFY(liveness.deadline(limits) == at(139s));
    // Both off: nothing to wait for.
    QVERIFY(liveness.deadline({ 0s, 0s, limits.thaw }) == kcp::Never);
    // Without an idle timeout a peer that stays away is asked at the interval, in the end.
    kcp::Instant last{};
    for (int i = 0; i < 100; ++i) {
        last = liveness.probeDeadline({ 0s, 60s, limits.thaw });
        liveness.probed(last);
    }
    QVERIFY(liveness.probeDeadline({ 0s, 60s, limits.thaw }) - last == 60s);
}

void tst_SessionParts::livenessAfterStandstill()
{
    Liveness liveness(at(100s));
    const Liveness::Limits limits{ 30s, 0s, at(500s) }; // no keepalive
    QVERIFY(liveness.probeDeadline(limits) == at(500s)); // asked once all the same
    QVERIFY(liveness.idleDeadline(limits) == at(505s));
    liveness.probed(at(500s));
    QVERIFY(liveness.probeDeadline(limits) == kcp::Never);
    liveness.heard(at(501s));
    QVERIFY(liveness.idleDeadline(limits) == at(531s));
    // Whoever was not due is not asked.
    Liveness young(at(495s));
    QVERIFY(young.probeDeadline(limits) == kcp::Never);
}

void tst_SessionParts::tombstones()
{
    Tombstones stones(1, 3);
    const auto stone = [](std::uint32_t conv, kcp::Duration expiry, std::uint32_t issued) {
        Tombstone t;
        t.key.conv = conv;
        t.expiry = at(expiry);
        t.cookieIssued = issued;
        t.isNative = true;
        return t;
    };
    stones.add(at(0s), stone(1, 12s, 0xfffffff0)); // issue times wrap
    stones.add(at(1s), stone(2, 13s, 5));
    stones.add(at(2s), stone(3, 14s, 6));
    QVERIFY(stones.find(at(11s), { {}, 1 }));
    QVERIFY(!stones.find(at(11s), { {}, 9 }));
    QVERIFY(!stones.find(at(11s), { Address::fromIPv4(1, 1), 1 }));
    QVERIFY(!stones.hasForgotten(at(2s)));
    stones.add(at(11s), stone(4, 23s, 7));
    QCOMPARE(stones.size(), std::size_t(3));
    QVERIFY(!stones.find(at(11s), { {}, 1 }));
    QVERIFY(stones.hasForgotten(at(11s)));
    QVERIFY(!stones.hasForgotten(at(12s))); // its cookie is too old by now
    QCOMPARE(stones.newestForgotten(), 0xfffffff0U);
    stones.add(at(11s), stone(5, 23s, 8));
    QCOMPARE(stones.newestForgotten(), 5U);
    QVERIFY(!stones.find(at(14s), { {}, 3 })); // over
    QCOMPARE(stones.size(), std::size_t(2));
    // The same key twice: the later counts.
    stones.add(at(15s), stone(4, 30s, 9));
    QVERIFY(stones.find(at(29s), { {}, 4 }));
    QVERIFY(!stones.find(at(30s), { {}, 4 }));
    QCOMPARE(stones.size(), std::size_t(0));
}

void tst_SessionParts::acceptPolicy()
{
    AcceptPolicy policy(1);
    const Address a = address(1, 1);
    const Address b = address(2, 1);
    QVERIFY(!policy.accepts(Profile::Native));
    QVERIFY(policy.check(a) == Refusal::NotAccepting);
    AcceptConfig config;
    config.maximumConnections = 3;
    config.maximumConnectionsPerAddress = 2;
    config.maximumPending = 2;
    policy.setConfig(config);
    QVERIFY(policy.accepts(Profile::Native));
    QVERIFY(!policy.accepts(Profile::PlainKcp));
    policy.add(a);
    policy.add(address(1, 2)); // another port of the same machine
    QVERIFY(policy.check(a) == Refusal::Full); // pending
    policy.taken();
    QVERIFY(policy.check(a) == Refusal::AddressLimit);
    QVERIFY(policy.check(b) == Refusal::None);
    policy.move(a, b);
    QVERIFY(policy.check(a) == Refusal::None);
    policy.taken();
    policy.add(b);
    policy.taken();
    QVERIFY(policy.check(address(3, 3)) == Refusal::Full);
    policy.remove(b, true);
    policy.remove(b, true);
    policy.remove(a, true);
    QCOMPARE(policy.count(), 0U);
    QCOMPARE(policy.pending(), 0U);
    QCOMPARE(policy.addresses(), std::size_t(0));
}

void tst_SessionParts::messagePrefix()
{
    const std::pair<std::uint32_t, std::vector<std::uint8_t>> cases[] = {
        { 0, { 0 } },
        { 127, { 0x7f } },
        { 128, { 0x80, 0x01 } },
        { 300, { 0xac, 0x02 } },
        { 16384, { 0x80, 0x80, 0x01 } },
        { 0xffffffff, { 0xff, 0xff, 0xff, 0xff, 0x0f } },
    };
    for (const auto &[size, expected] : cases) {
        std::uint8_t buffer[5];
        const std::size_t count = MessageFramer::writePrefix(size, buffer);
        QVERIFY(std::vector<std::uint8_t>(buffer, buffer + count) == expected);
    }
}

namespace {

// An engine that has received these bytes as a stream.
struct StreamOf
{
    explicit StreamOf(const std::vector<std::uint8_t> &bytes) : sender(config()), receiver(config())
    {
        sender.send(bytes);
        std::vector<std::uint8_t> buffer(2000);
        while (const std::size_t size = sender.pollTransmit(at(1s), buffer))
            receiver.handleDatagram(at(1s), kcp::ByteView(buffer).first(size));
    }
    static kcp::Config config()
    {
        kcp::Config config;
        config.stream = true;
        config.congestionControl = kcp::CongestionControl::Off;
        return config;
    }
    kcp::Engine sender;
    kcp::Engine receiver;
};

} // namespace

void tst_SessionParts::messagesAcrossReads()
{
    StreamOf good({ 2, 'a', 'b', 0, 1, 'c', 3, 'd' });
    MessageFramer framer(100, 1000);
    QVERIFY(framer.pump(good.receiver));
    QCOMPARE(framer.count(), std::size_t(3));
    QCOMPARE(framer.unreadBytes(), std::size_t(3));
    QCOMPARE(*framer.nextSize(), std::size_t(2));
    std::vector<std::uint8_t> message;
    QVERIFY(framer.take(message) && message == std::vector<std::uint8_t>({ 'a', 'b' }));
    QVERIFY(framer.take(message) && message.empty());
    QVERIFY(framer.take(message) && message == std::vector<std::uint8_t>({ 'c' }));
    QVERIFY(!framer.take(message)); // incomplete

    for (const std::vector<std::uint8_t> &bad :
         { std::vector<std::uint8_t>{ 101 }, // too large
           std::vector<std::uint8_t>{ 0x81, 0x00 }, // not the shortest form
           std::vector<std::uint8_t>{ 0x80, 0x80, 0x80, 0x80, 0x80 }, // longer than five bytes
           std::vector<std::uint8_t>{ 0xff, 0xff, 0xff, 0xff, 0x7f } }) { // above 32 bits
        StreamOf stream(bad);
        MessageFramer strict(100, 1000);
        QVERIFY(!strict.pump(stream.receiver));
    }
    StreamOf cut({ 0x80, 0x80 }); // the rest of the length is to come
    MessageFramer waiting(1 << 30, 1000);
    QVERIFY(waiting.pump(cut.receiver));
    QCOMPARE(cut.receiver.readableBytes(), std::size_t(0)); // taken, to keep the window open
    QCOMPARE(waiting.count(), std::size_t(0));
}

namespace {

// Turns every byte round and adds a check byte.
class Mirror final : public PathTransform
{
public:
    std::size_t overhead() const override { return 1; }
    kcp::ByteView open(kcp::Instant, const Path &, kcp::ByteView datagram) override
    {
        if (datagram.empty() || datagram.back() != 0x5a)
            return {};
        m_opened.assign(datagram.begin(), datagram.end() - 1);
        for (std::uint8_t &byte : m_opened)
            byte = static_cast<std::uint8_t>(~byte);
        return m_opened;
    }
    std::size_t seal(kcp::Instant, const Path &, kcp::MutableBytes buffer,
                     std::size_t size) override
    {
        for (std::size_t i = 0; i < size; ++i)
            buffer[i] = static_cast<std::uint8_t>(~buffer[i]);
        buffer[size] = 0x5a;
        return size + 1;
    }

private:
    std::vector<std::uint8_t> m_opened;
};

} // namespace

void tst_SessionParts::pathTransform()
{
    TestNetwork network;
    Node &server = network.add(address(1, 1));
    Node &client = network.add(address(2, 2));
    for (Node *node : { &server, &client })
        node->endpoint = std::make_unique<Endpoint>(&node->crypto, 5, std::make_unique<Mirror>());
    AcceptConfig accept;
    server->setAcceptConfig(accept);
    const SessionId id = client.connectTo(server, SessionConfig());
    client->write(id, view(std::string(10000, 'm')));
    network.run(5s);
    QCOMPARE(server.text(server.accepted()).size(), std::size_t(10000));
    for (const auto &packet : network.captured)
        QCOMPARE(int(packet.data.back()), 0x5a);
    network.send(client.where, server.where, { 1, 2, 3 });
    network.run(1s);
    QCOMPARE(server->stats().malformedIn, 1U);
}

QTEST_GUILESS_MAIN(tst_SessionParts)
#include "tst_session_parts.moc"
