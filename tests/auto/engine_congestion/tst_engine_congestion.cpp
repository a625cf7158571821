// SPDX-License-Identifier: MIT
// Congestion control in the engine: the original's numbers, and CUBIC where it belongs, at a
// bottleneck. The formulas themselves are tested with the controllers.
#include "enginepair.h"
#include "qtscript.h"
#include "testseed.h"

#include <set>

using namespace std::chrono_literals;
using namespace kcptest;

class tst_EngineCongestion : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addStartRows(); }

    void offIgnoresLoss();
    void classicGrowsAsTheOriginal();
    void classicReactsToLoss();
    void classicResendsAtOnce();
    void cubicSlowStart();
    void cubicReducesOncePerEpisode();
    void cubicReducesAgainInTheNextEpisode();
    void cubicTimeoutPacesRetransmissions();
    void cubicResendsTheOldestFirst();
    void cubicCountsBytes();
    void cubicKeepsSmallMessagesFlowing();
    void cubicDoesNotGrowWithoutNeed();
    void bottleneck_data();
    void bottleneck();
    void changeAtRunTime();
};

namespace {

kcp::Config configFor(kcp::CongestionControl control)
{
    kcp::Config config;
    config.conv = 3;
    config.nodelay = 1;
    config.interval = 10ms;
    config.fastResend = 2;
    config.congestionControl = control;
    config.sendWindow = config.receiveWindow = 4096;
    config.stream = true;
    return config;
}

// A sender with always enough to send, and a receiver one round trip away that answers a flight
// of datagrams with one flush: as clean as the numbers of the protocol's description.
struct Flights
{
    Flights(const kcp::Config &config, const Start &start)
        : a(withSn(config, start.sendSn, 0)), b(withSn(config, 0, start.sendSn)), now(start.time)
    {
        buffer.resize(1400);
    }

    static kcp::Config withSn(kcp::Config config, std::uint32_t send, std::uint32_t receive)
    {
        config.initialSendSn = send;
        config.initialReceiveSn = receive;
        return config;
    }

    // One round trip. Datagrams whose number in the flight is in `lost` do not arrive; returns how
    // many left. Every datagram is answered by itself if `answersEach`.
    int run(const std::set<int> &lost = {}, bool answersEach = false)
    {
        while (a.unsentBytes() < 8000000)
            a.send(Bytes(100000, 'x'));
        a.handleTimeout(now);
        int count = 0;
        std::vector<Bytes> replies;
        while (const std::size_t size = a.pollTransmit(now, buffer)) {
            if (lost.count(count++) == 0)
                b.handleDatagram(now + Rtt / 2, kcp::ByteView(buffer).first(size));
            if (answersEach)
                collect(replies);
        }
        collect(replies);
        b.skip(SIZE_MAX);
        now += Rtt;
        for (const Bytes &reply : replies)
            a.handleDatagram(now, reply);
        return count;
    }

    void collect(std::vector<Bytes> &replies)
    {
        Bytes reply(1400);
        while (const std::size_t size = b.pollTransmit(now + Rtt / 2, reply))
            replies.emplace_back(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(size));
    }

    static constexpr Duration Rtt = 50ms;
    kcp::Engine a;
    kcp::Engine b;
    Instant now;
    Bytes buffer;
};

} // namespace

void tst_EngineCongestion::offIgnoresLoss()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(kcp::CongestionControl::Off);
    config.sendWindow = 100;
    Flights f(config, start);
    QCOMPARE(f.run(), 100); // the whole window with the first flight
    QCOMPARE(f.run({ 1, 2, 3, 50 }), 100);
    QVERIFY(f.a.congestionWindow() >= 100);
}

void tst_EngineCongestion::classicGrowsAsTheOriginal()
{
    QFETCH_GLOBAL(Start, start);
    Flights f(configFor(kcp::CongestionControl::Classic), start);
    QCOMPARE(f.a.congestionWindow(), 1U);
    QCOMPARE(f.a.slowStartThreshold(), 2U);
    // The window is what leaves in the 10th, 50th and 200th flight.
    for (int flight = 1; flight < 200; ++flight) {
        const int sent = f.run();
        if (flight == 10)
            QCOMPARE(sent, 4);
        if (flight == 50)
            QCOMPARE(sent, 12);
    }
    QCOMPARE(f.a.congestionWindow(), 30U);
    QCOMPARE(f.run(), 30);
}

void tst_EngineCongestion::classicReactsToLoss()
{
    QFETCH_GLOBAL(Start, start);
    Flights f(configFor(kcp::CongestionControl::Classic), start);
    for (int i = 0; i < 50; ++i)
        f.run();
    const std::uint32_t window = f.a.congestionWindow();
    QVERIFY(window >= 10);
    f.run({ 0 }, true); // the others tell that the first is missing
    QCOMPARE(f.a.stats().fastRetransmissions, 1U);
    QVERIFY(f.a.slowStartThreshold() <= window / 2);
    QVERIFY(f.a.slowStartThreshold() >= window / 2 - 1);
    QVERIFY(f.a.congestionWindow() >= f.a.slowStartThreshold() + 2); // threshold + resend

    f.run();
    const std::uint32_t before = f.a.congestionWindow();
    std::set<int> all;
    for (int i = 0; i < 1000; ++i)
        all.insert(i);
    f.run(all);
    for (int i = 0; i < 20 && f.a.stats().timeoutRetransmissions == 0; ++i)
        f.run(all);
    QCOMPARE(f.a.congestionWindow(), 1U);
    QVERIFY(f.a.slowStartThreshold() <= std::max(2U, before / 2));
}

// The window of the original limits the distance from una to snd_nxt: what is sent again goes at
// once, all of it.
void tst_EngineCongestion::classicResendsAtOnce()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(kcp::CongestionControl::Classic);
    config.mtu = 50;
    config.stream = false;
    Script s(config, start);
    s.engine().send(pattern(26));
    s.flush();
    s.out(0, push(0, pattern(26)));
    s.in(10, ack(0).withUna(1)); // cwnd 2
    for (std::uint32_t sn = 1; sn < 4; ++sn)
        s.engine().send(pattern(26));
    s.flush();
    s.out(10, push(1, pattern(26)));
    s.out(10, push(2, pattern(26)));
    s.out(40, push(1, pattern(26))); // cwnd is 1 now, and both go
    s.out(40, push(2, pattern(26)));
    VERIFY_SCRIPT(s);
}

void tst_EngineCongestion::cubicSlowStart()
{
    QFETCH_GLOBAL(Start, start);
    Flights f(configFor(kcp::CongestionControl::Cubic), start);
    int flight = f.run();
    QCOMPARE(flight, 10); // RFC 6928
    for (int i = 0; i < 6; ++i) {
        const int next = f.run();
        QCOMPARE(next, 2 * flight); // RFC 5681: doubles each round trip
        flight = next;
    }
}

void tst_EngineCongestion::cubicReducesOncePerEpisode()
{
    QFETCH_GLOBAL(Start, start);
    Flights f(configFor(kcp::CongestionControl::Cubic), start);
    for (int i = 0; i < 4; ++i)
        f.run();
    const std::uint32_t window = f.a.congestionWindow();
    QCOMPARE(window, 160U);
    // Ten of one flight are lost, found one after the other.
    const auto lost = std::set<int>{ 3, 10, 22, 23, 24, 60, 90, 91, 120, 140 };
    f.run(lost, true);
    const std::uint32_t reduced = f.a.congestionWindow();
    // 0.7 of the window at the loss, which is 160 and what the first three ACKs added.
    QVERIFY2(reduced >= 112 && reduced <= 116, qPrintable(QString::number(reduced)));
    QCOMPARE(f.a.stats().fastRetransmissions, 10U);
    const std::uint32_t threshold = f.a.slowStartThreshold();
    QVERIFY(threshold >= 112 && threshold <= reduced);
    // The lost ones are sent again and arrive: still the same episode, and it grows again.
    f.run({}, true);
    QVERIFY(f.a.congestionWindow() >= reduced);
    QVERIFY(f.a.congestionWindow() <= reduced + 5);
    QCOMPARE(f.a.slowStartThreshold(), threshold);
    QCOMPARE(f.a.stats().timeoutRetransmissions, 0U);
}

void tst_EngineCongestion::cubicReducesAgainInTheNextEpisode()
{
    QFETCH_GLOBAL(Start, start);
    Flights f(configFor(kcp::CongestionControl::Cubic), start);
    for (int i = 0; i < 4; ++i)
        f.run();
    f.run({ 3 }, true);
    const std::uint32_t first = f.a.congestionWindow();
    f.run({}, true);
    f.run({ 5 }, true);
    const std::uint32_t second = f.a.congestionWindow();
    QVERIFY2(second >= first * 68 / 100 && second <= first * 75 / 100,
             qPrintable(QString::number(second)));
}

// A whole flight is lost: after the timeout one segment goes, then as many as the window allows,
// not all at once.
void tst_EngineCongestion::cubicTimeoutPacesRetransmissions()
{
    QFETCH_GLOBAL(Start, start);
    Flights f(configFor(kcp::CongestionControl::Cubic), start);
    for (int i = 0; i < 4; ++i)
        f.run();
    std::set<int> all;
    for (int i = 0; i < 1000; ++i)
        all.insert(i);
    f.run(all);
    while (f.a.stats().timeoutRetransmissions == 0) {
        f.now = std::max(f.now, f.a.pollTimeout());
        f.a.handleTimeout(f.now);
    }
    QCOMPARE(f.a.congestionWindow(), 1U);
    QVERIFY(f.a.slowStartThreshold() >= 100 && f.a.slowStartThreshold() <= 112);
    QCOMPARE(f.run(), 1);
    QCOMPARE(f.run(), 2);
    QCOMPARE(f.run(), 4);
    QCOMPARE(f.run(), 8);
}

// A window of one segment, and a peer that may have room for no other than the oldest.
void tst_EngineCongestion::cubicResendsTheOldestFirst()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(kcp::CongestionControl::Cubic);
    config.initialSendSn = start.sendSn;
    kcp::Engine engine(config);
    Instant now = start.time;
    Bytes buffer(1400);
    engine.send(Bytes(3 * engine.mss()));
    while (engine.pollTransmit(now, buffer) > 0) { }
    QCOMPARE(engine.stats().segmentsOut, 3U);

    for (int timeout = 0; timeout < 5; ++timeout) {
        now = engine.pollTimeout();
        engine.handleTimeout(now);
        QCOMPARE(engine.congestionWindow(), 1U);
        const std::size_t size = engine.pollTransmit(now, buffer);
        const auto segments = decode(std::span(buffer).first(size));
        QVERIFY(segments && segments->size() == 1);
        QCOMPARE(segments->front().sn, start.sendSn);
        QCOMPARE(engine.pollTransmit(now, buffer), 0U);
    }
}

// A window of one full segment has room for eleven datagrams' worth of 100 + 24 bytes.
void tst_EngineCongestion::cubicCountsBytes()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(kcp::CongestionControl::Cubic);
    config.stream = false;
    config.initialSendSn = start.sendSn;
    kcp::Engine engine(config);
    Instant now = start.time;
    Bytes buffer(1400);
    const auto flush = [&] {
        const std::uint64_t before = engine.stats().segmentsOut;
        while (engine.pollTransmit(now, buffer) > 0) { }
        return engine.stats().segmentsOut - before;
    };

    engine.send(Bytes(100));
    QCOMPARE(flush(), 1U);
    now = engine.pollTimeout();
    engine.handleTimeout(now);
    QCOMPARE(engine.congestionWindow(), 1U);
    QCOMPARE(flush(), 1U); // again
    for (int i = 0; i < 50; ++i)
        engine.send(Bytes(100));
    QCOMPARE(flush(), 10U);
    engine.send(Bytes(1000));
    QCOMPARE(flush(), 0U);
}

// 60 messages a second at 10 % loss: what a game sends must not queue behind the window that the
// losses have left.
void tst_EngineCongestion::cubicKeepsSmallMessagesFlowing()
{
    QFETCH_GLOBAL(Start, start);
    EnginePair::Options options;
    options.a = options.b = configFor(kcp::CongestionControl::Cubic);
    options.a.stream = options.b.stream = false;
    options.link.delay = 30ms;
    options.link.loss = 0.1;
    options.seed = testSeed(63);
    options.start = start;
    EnginePair pair(options);

    std::size_t most = 0;
    for (int i = 0; i < 60 * 60; ++i) {
        pair.a().send(Bytes(100));
        pair.run(16667us);
        most = std::max(most, pair.a().unsentBytes());
    }
    QVERIFY2(most <= 2000, qPrintable(QString::number(most)));
}

void tst_EngineCongestion::cubicDoesNotGrowWithoutNeed()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(kcp::CongestionControl::Cubic), start);
    for (std::uint32_t sn = 0; sn < 200; ++sn) {
        s.send("x");
        s.skipTo(sn * 50);
        s.in(sn * 50 + 20, ack(sn).withUna(sn + 1));
    }
    s.check(s.engine().congestionWindow() == 10, "one segment a round trip proves nothing");
    VERIFY_SCRIPT(s);
}

void tst_EngineCongestion::bottleneck_data()
{
    QTest::addColumn<double>("queue"); // bandwidth-delay products
    QTest::addColumn<double>("loss");
    QTest::addColumn<double>("share"); // of the link, at least
    QTest::newRow("a queue of one BDP") << 1.0 << 0.0 << 0.85;
    QTest::newRow("a queue of half a BDP") << 0.5 << 0.0 << 0.75;
    // At this loss Reno's window is sqrt(1.5 / p) = 39 segments of the 91 that the link holds
    // (RFC 5348, 3.1 without timeouts), and CUBIC is in its Reno-friendly region.
    QTest::newRow("and 0.1 % of loss") << 1.0 << 0.001 << 0.35;
}

// 20 Mbit/s and 50 ms: where the original sends four bytes for each that arrives.
void tst_EngineCongestion::bottleneck()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(double, queue);
    QFETCH(double, loss);
    QFETCH(double, share);
    EnginePair::Options options;
    options.a = options.b = configFor(kcp::CongestionControl::Cubic);
    options.link.delay = 25ms;
    options.link.rate = 2500000;
    options.link.queueLimit = static_cast<std::size_t>(125000 * queue);
    options.link.loss = loss;
    options.seed = testSeed(51);
    options.start = start;
    EnginePair pair(options);
    std::uint64_t received = 0;
    const Bytes block(500000, 'x');
    pair.onStep = [&] {
        received += pair.b().skip(SIZE_MAX);
        if (pair.a().unsentBytes() < block.size())
            pair.a().send(block);
    };
    pair.onStep();
    pair.run(5s); // slow start and what it overshoots
    const std::uint64_t before = received;
    const std::uint64_t sentBefore = pair.a().stats().bytesOut;
    pair.run(20s);
    const double goodput = static_cast<double>(received - before) / 20 / 2500000;
    const double sentPerByte = static_cast<double>(pair.a().stats().bytesOut - sentBefore)
            / static_cast<double>(received - before);
    QVERIFY2(goodput > share, qPrintable(QString::number(goodput)));
    QVERIFY2(sentPerByte < 1.1, qPrintable(QString::number(sentPerByte)));
    QVERIFY(!pair.a().isDead());
}

void tst_EngineCongestion::changeAtRunTime()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(kcp::CongestionControl::Classic);
    config.sendWindow = 64;
    Flights f(config, start);
    QCOMPARE(f.run(), 1);
    f.a.setCongestionControl(kcp::CongestionControl::Off);
    QCOMPARE(f.run(), 64);
    f.a.setCongestionControl(kcp::CongestionControl::Cubic);
    QCOMPARE(f.run(), 10);
    QCOMPARE(f.run(), 20);
}

QTEST_APPLESS_MAIN(tst_EngineCongestion)

#include "tst_engine_congestion.moc"
