// SPDX-License-Identifier: MIT
// The simulated network itself: every impairment does what it says, measured, and a run can be
// had again from its seed.
#include "simulatednetwork.h"
#include "testseed.h"

#include <QTest>

#include <cmath>

using namespace std::chrono_literals;
using namespace kcptest;

class tst_SimulatedNetwork : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void sameSeedSameTrace();
    void trafficElsewhereChangesNothing();
    void delayAndOrder();
    void jitter();
    void loss_data();
    void loss();
    void burstLoss();
    void duplication();
    void reordering();
    void corruption();
    void rateAndQueue();
    void mtu();
    void blackOut();
    void rebinding();
    void unreachable();
    void removedNode();
};

namespace {

constexpr int Count = 20000;

const std::uint64_t seed = testSeed(20240607);

kcp::Instant at(Duration time)
{
    return kcp::Instant(time);
}

std::vector<std::uint8_t> numbered(std::uint32_t number, std::size_t size = 100)
{
    std::vector<std::uint8_t> bytes(size, 0x55);
    for (std::size_t i = 0; i < 4; ++i)
        bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return bytes;
}

std::uint32_t numberOf(const Datagram &datagram)
{
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i)
        number |= static_cast<std::uint32_t>(datagram.bytes[i]) << (8 * i);
    return number;
}

// Sends `count` datagrams, one a millisecond, and returns what arrives.
std::vector<Datagram> sendMany(SimulatedNetwork &network, int count = Count)
{
    const NodeId a = network.addNode(1);
    network.addNode(2);
    std::vector<Datagram> received;
    for (int i = 0; i < count; ++i) {
        const kcp::Instant time = at(i * 1ms);
        while (auto datagram = network.receive(time))
            received.push_back(std::move(*datagram));
        network.advanceTo(time);
        network.send(a, 2, numbered(static_cast<std::uint32_t>(i)));
    }
    while (auto datagram = network.receive(kcp::Never))
        received.push_back(std::move(*datagram));
    return received;
}

// Whether a count of independent events lies within 5 sigma of what its probability promises.
bool isPlausible(std::uint64_t count, double probability, double trials)
{
    const double mean = probability * trials;
    const double sigma = std::sqrt(trials * probability * (1 - probability));
    const bool plausible = std::abs(static_cast<double>(count) - mean) <= 5 * sigma;
    if (!plausible)
        qWarning("%llu events, expected %.1f +- %.1f; KCP_TEST_SEED=%llu",
                 static_cast<unsigned long long>(count), mean, 5 * sigma,
                 static_cast<unsigned long long>(seed));
    return plausible;
}

LinkConfig everything()
{
    LinkConfig link;
    link.delay = 20ms;
    link.jitter = 10ms;
    link.loss = 0.05;
    link.badChance = 0.01;
    link.goodChance = 0.3;
    link.duplication = 0.05;
    link.reordering = 0.05;
    link.reorderingDelay = 15ms;
    link.corruption = 0.02;
    link.rate = 95000;
    link.queueLimit = 4000;
    return link;
}

std::vector<SimulatedNetwork::TraceEntry> traceOf(std::uint64_t seedOfRun)
{
    SimulatedNetwork network(seedOfRun);
    network.setDefaultLink(everything());
    network.setTracing(true);
    sendMany(network, 5000);
    return network.trace();
}

} // namespace

void tst_SimulatedNetwork::sameSeedSameTrace()
{
    const auto first = traceOf(seed);
    const auto again = traceOf(seed);
    QVERIFY(first.size() > 9000);
    QVERIFY(first == again);
    QVERIFY(first != traceOf(seed + 1));
}

void tst_SimulatedNetwork::trafficElsewhereChangesNothing()
{
    const auto deliveries = [](bool others) {
        SimulatedNetwork network(seed);
        network.setDefaultLink(everything());
        const NodeId a = network.addNode(1);
        const NodeId b = network.addNode(2);
        network.addNode(3);
        std::vector<std::pair<kcp::Instant, std::uint32_t>> result;
        for (std::uint32_t i = 0; i < 1000; ++i) {
            network.send(a, 3, numbered(i));
            if (others)
                network.send(b, 3, numbered(i));
        }
        while (auto datagram = network.receive(kcp::Never)) {
            if (datagram->from == 1)
                result.emplace_back(datagram->arrival, numberOf(*datagram));
        }
        return result;
    };
    QVERIFY(!deliveries(false).empty());
    QVERIFY(deliveries(false) == deliveries(true));
}

void tst_SimulatedNetwork::delayAndOrder()
{
    SimulatedNetwork network(seed, at(5s));
    LinkConfig link;
    link.delay = 25ms;
    network.setDefaultLink(link);
    const NodeId a = network.addNode(makeAddress(10, 1000));
    const NodeId b = network.addNode(makeAddress(20, 2000));
    QCOMPARE(hostOf(network.address(b)), 20U);
    QCOMPARE(portOf(network.address(b)), 2000U);
    QVERIFY(network.nextArrival() == kcp::Never);

    network.send(a, network.address(b), numbered(1));
    network.send(a, network.address(b), numbered(2));
    QVERIFY(network.nextArrival() == at(5025ms));
    QVERIFY(!network.receive(at(5024999us)));
    QVERIFY(network.now() == at(5s));
    const auto first = network.receive(at(6s));
    QVERIFY(first);
    QVERIFY(network.now() == at(5025ms));
    QCOMPARE(first->node, b);
    QCOMPARE(first->from, network.address(a));
    QCOMPARE(numberOf(*first), 1U);
    QCOMPARE(numberOf(network.receive(at(6s)).value()), 2U);
    QVERIFY(!network.receive(at(6s)));
}

void tst_SimulatedNetwork::jitter()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.delay = 10ms;
    link.jitter = 900us; // below the distance of sending, so that the order cannot matter
    network.setDefaultLink(link);
    const auto received = sendMany(network);
    QCOMPARE(received.size(), std::size_t(Count));
    double sum = 0;
    std::int64_t least = INT64_MAX;
    std::int64_t most = 0;
    for (int i = 0; i < Count; ++i) {
        QCOMPARE(numberOf(received[i]), std::uint32_t(i));
        const std::int64_t extra = (received[i].arrival - at(i * 1ms + 10ms)).count();
        sum += static_cast<double>(extra);
        least = std::min(least, extra);
        most = std::max(most, extra);
    }
    QVERIFY(least >= 0 && least < 10);
    QVERIFY(most <= 900 && most > 890);
    // The mean of a uniform distribution: sigma is width / sqrt(12 n).
    QVERIFY(std::abs(sum / Count - 450) < 5 * 900 / std::sqrt(12.0 * Count));
}

void tst_SimulatedNetwork::loss_data()
{
    QTest::addColumn<double>("probability");
    QTest::newRow("1 %") << 0.01;
    QTest::newRow("10 %") << 0.1;
    QTest::newRow("50 %") << 0.5;
    QTest::newRow("all") << 1.0;
}

void tst_SimulatedNetwork::loss()
{
    QFETCH(double, probability);
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.loss = probability;
    network.setDefaultLink(link);
    const auto received = sendMany(network);
    QVERIFY(isPlausible(network.stats().lost, probability, Count));
    QCOMPARE(received.size() + network.stats().lost, std::uint64_t(Count));
    QCOMPARE(network.stats().delivered, std::uint64_t(received.size()));
}

void tst_SimulatedNetwork::burstLoss()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.badChance = 0.02;
    link.goodChance = 0.25;
    network.setDefaultLink(link);
    const auto received = sendMany(network);
    const double lost = static_cast<double>(network.stats().lostInBursts);

    // The stationary share of the bad state, and the mean length of a burst: 1 / goodChance.
    const double share = 0.02 / (0.02 + 0.25);
    // A two-state chain with persistence r = 1 - 0.02 - 0.25 spreads sqrt((1 + r) / (1 - r))
    // times as wide as independent losses.
    const double widening = std::sqrt((2 - 0.27) / 0.27);
    const double sigma = widening * std::sqrt(Count * share * (1 - share));
    QVERIFY(std::abs(lost - share * Count) < 5 * sigma);

    int bursts = 0;
    std::uint32_t expected = 0;
    for (const Datagram &datagram : received) {
        bursts += numberOf(datagram) != expected ? 1 : 0;
        expected = numberOf(datagram) + 1;
    }
    const double meanLength = lost / bursts;
    // Geometric lengths: the standard deviation is sqrt(1 - p) / p.
    QVERIFY(std::abs(meanLength - 4) < 5 * (std::sqrt(0.75) / 0.25) / std::sqrt(bursts));
}

void tst_SimulatedNetwork::duplication()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.duplication = 0.1;
    network.setDefaultLink(link);
    const auto received = sendMany(network);
    QVERIFY(isPlausible(network.stats().duplicated, 0.1, Count));
    QCOMPARE(received.size(), Count + network.stats().duplicated);
    std::vector<int> copies(Count);
    for (const Datagram &datagram : received)
        ++copies[numberOf(datagram)];
    QVERIFY(std::all_of(copies.begin(), copies.end(), [](int n) { return n == 1 || n == 2; }));
}

void tst_SimulatedNetwork::reordering()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.delay = 5ms;
    link.reordering = 0.1;
    link.reorderingDelay = 2500us;
    network.setDefaultLink(link);
    const auto received = sendMany(network);
    QVERIFY(isPlausible(network.stats().reordered, 0.1, Count));
    QCOMPARE(received.size(), std::size_t(Count));
    std::uint64_t late = 0;
    for (const Datagram &datagram : received) {
        const Duration extra = datagram.arrival - at(numberOf(datagram) * 1ms + 5ms);
        QVERIFY(extra == 0ms || extra == 2500us);
        late += extra == 2500us ? 1 : 0;
    }
    QCOMPARE(late, network.stats().reordered);
}

void tst_SimulatedNetwork::corruption()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.corruption = 0.1;
    network.setDefaultLink(link);
    const auto received = sendMany(network);
    QVERIFY(isPlausible(network.stats().corrupted, 0.1, Count));
    QCOMPARE(received.size(), std::size_t(Count));
    std::uint64_t changed = 0;
    for (int i = 0; i < Count; ++i) {
        const auto original = numbered(static_cast<std::uint32_t>(i));
        int bits = 0;
        for (std::size_t k = 0; k < original.size(); ++k)
            bits += qPopulationCount(quint8(original[k] ^ received[i].bytes[k]));
        QCOMPARE(bits, received[i].corrupted ? 1 : 0);
        changed += bits;
    }
    QCOMPARE(changed, network.stats().corrupted);
}

void tst_SimulatedNetwork::rateAndQueue()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.delay = 10ms;
    link.rate = 1000000;
    link.queueLimit = 5000;
    network.setDefaultLink(link);
    const NodeId a = network.addNode(1);
    network.addNode(2);
    // 1 ms each; one on the wire (1000 bytes still to go) and four behind it fill the queue.
    for (std::uint32_t i = 0; i < 8; ++i)
        network.send(a, 2, numbered(i, 1000));
    QCOMPARE(network.stats().queueDrops, 3U);
    for (std::uint32_t i = 0; i < 5; ++i) {
        const auto datagram = network.receive(kcp::Never);
        QVERIFY(datagram);
        QCOMPARE(numberOf(*datagram), i);
        QVERIFY(datagram->arrival == at(11ms + i * 1ms));
    }
    QVERIFY(!network.receive(kcp::Never));
    // The link is free again: no credit is saved up, none is owed.
    network.send(a, 2, numbered(9, 500));
    QVERIFY(network.nextArrival() == network.now() + 10ms + 500us);
}

void tst_SimulatedNetwork::mtu()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.mtu = 500;
    const NodeId a = network.addNode(1);
    const NodeId b = network.addNode(2);
    network.setLink(a, b, link);
    network.send(a, 2, numbered(1, 500));
    network.send(a, 2, numbered(2, 501));
    network.send(b, 1, numbered(3, 501)); // the other direction has no limit
    QCOMPARE(network.stats().mtuDrops, 1U);
    QCOMPARE(numberOf(network.receive(kcp::Never).value()), 1U);
    QCOMPARE(numberOf(network.receive(kcp::Never).value()), 3U);
}

void tst_SimulatedNetwork::blackOut()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.delay = 3ms;
    link.blackOuts = { { at(100ms), at(200ms) }, { at(300ms), at(301ms) } };
    network.setDefaultLink(link);
    const auto received = sendMany(network, 400);
    QCOMPARE(received.size(), std::size_t(400 - 101));
    for (const Datagram &datagram : received) {
        const std::uint32_t number = numberOf(datagram);
        QVERIFY(number < 100 || (number >= 200 && number != 300));
    }
    QCOMPARE(network.stats().blackOutDrops, 101U);
}

void tst_SimulatedNetwork::rebinding()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.delay = 10ms;
    network.setDefaultLink(link);
    const NodeId client = network.addNode(1);
    const NodeId server = network.addNode(2);
    network.send(server, 1, numbered(1)); // under way when the mapping goes
    network.rebind(client, 7);
    network.send(client, 2, numbered(2));
    network.send(server, 7, numbered(3));
    const auto fromClient = network.receive(kcp::Never);
    QVERIFY(fromClient);
    QCOMPARE(fromClient->from, Address(7));
    QCOMPARE(fromClient->node, server);
    const auto toClient = network.receive(kcp::Never);
    QVERIFY(toClient);
    QCOMPARE(toClient->node, client);
    QCOMPARE(numberOf(*toClient), 3U);
    QVERIFY(!network.receive(kcp::Never));
    QCOMPARE(network.stats().unreachable, 1U);
}

void tst_SimulatedNetwork::unreachable()
{
    SimulatedNetwork network(seed);
    LinkConfig link;
    link.delay = 10ms;
    network.setDefaultLink(link);
    const NodeId a = network.addNode(1);
    network.send(a, 99, numbered(1));
    QVERIFY(!network.receive(kcp::Never));

    network.setReportsUnreachable(true);
    network.send(a, 99, numbered(1));
    const kcp::Instant sent = network.now();
    const auto icmp = network.receive(kcp::Never);
    QVERIFY(icmp);
    QVERIFY(icmp->unreachable);
    QCOMPARE(icmp->node, a);
    QCOMPARE(icmp->from, Address(99));
    QVERIFY(icmp->bytes.empty());
    QVERIFY(icmp->arrival == sent + 20ms);
    QVERIFY(!network.receive(kcp::Never));
}

void tst_SimulatedNetwork::removedNode()
{
    SimulatedNetwork network(seed);
    const NodeId a = network.addNode(1);
    const NodeId b = network.addNode(2);
    network.send(a, 2, numbered(1));
    network.removeNode(b);
    QVERIFY(!network.receive(kcp::Never));
    network.send(b, 1, numbered(2)); // says nothing any more
    QCOMPARE(network.datagramsUnderWay(), std::size_t(0));
    const NodeId c = network.addNode(2); // the address is free again
    network.send(a, 2, numbered(3));
    QCOMPARE(network.receive(kcp::Never).value().node, c);
}

QTEST_APPLESS_MAIN(tst_SimulatedNetwork)

#include "tst_simulatednetwork.moc"
