// SPDX-License-Identifier: MIT
// How data becomes segments: fragments, streams, and MTUs that change.
#include "qtscript.h"

using namespace std::chrono_literals;
using namespace kcptest;

class tst_EngineSending : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addStartRows(); }

    void fragments_data();
    void fragments();
    void tooManyFragments();
    void mostFragmentsArrive_data();
    void mostFragmentsArrive();
    void emptyMessages();
    void streamIsJoined();
    void streamIsCutAtTheMss();
    void largeStreamWrite_data();
    void largeStreamWrite();
    void writesBeforeTheWindowOpensAreJoined();
    void changeToStream();
    void smallerMtu();
    void smallerMtuWithSegmentsUnderWay();
    void smallerMtuInAMessage();
    void smallerMtuAfterALargeMessage();
    void largerMtu();
    void mtuChangesAllTheTime_data();
    void mtuChangesAllTheTime();
    void mtuIsRefused();
    void smallBuffer();
    void gauges();
};

namespace {

kcp::Config small(bool stream)
{
    kcp::Config config;
    config.nodelay = 1;
    config.interval = 10ms;
    config.congestionControl = kcp::CongestionControl::Off;
    config.sendWindow = 1000;
    config.receiveWindow = 1000;
    config.mtu = 50; // mss 26
    config.stream = stream;
    return config;
}

Bytes part(const Bytes &bytes, std::size_t from, std::size_t size)
{
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(from);
    return { begin, begin + static_cast<std::ptrdiff_t>(size) };
}

// The peer has a window that does not limit.
void openWindow(Script &s)
{
    s.in(0, wins().withWindow(1000));
}

void addModes()
{
    QTest::addColumn<bool>("stream");
    QTest::newRow("messages") << false;
    QTest::newRow("stream") << true;
}

} // namespace

void tst_EngineSending::fragments_data()
{
    QTest::addColumn<std::size_t>("size");
    QTest::addColumn<std::size_t>("count");
    QTest::newRow("1 byte") << std::size_t(1) << std::size_t(1);
    QTest::newRow("mss") << std::size_t(26) << std::size_t(1);
    QTest::newRow("mss + 1") << std::size_t(27) << std::size_t(2);
    QTest::newRow("2 mss") << std::size_t(52) << std::size_t(2);
    QTest::newRow("17") << std::size_t(26 * 16 + 5) << std::size_t(17);
    QTest::newRow("126") << std::size_t(26 * 126) << std::size_t(126);
    QTest::newRow("127") << std::size_t(26 * 127) << std::size_t(127);
}

void tst_EngineSending::fragments()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(std::size_t, size);
    QFETCH(std::size_t, count);
    Script s(small(false), start);
    openWindow(s);
    const Bytes message = pattern(size);
    s.send(message);
    for (std::size_t i = 0; i < count; ++i) {
        const Bytes data = part(message, i * 26, std::min<std::size_t>(26, size - i * 26));
        s.out(0,
              push(static_cast<std::uint32_t>(i), data)
                      .withFragment(static_cast<std::uint8_t>(count - 1 - i)));
    }
    s.quiet(0);
    VERIFY_SCRIPT(s);
}

void tst_EngineSending::tooManyFragments()
{
    QFETCH_GLOBAL(Start, start);
    Script s(small(false), start);
    s.check(!s.engine().send(pattern(26 * 127 + 1)), "128 fragments are refused");
    s.check(s.engine().isSendIdle(), "and nothing is queued");
    s.flush();
    s.quiet(1000);
    s.send("works");
    s.out(1000, push(0, "works"));
    VERIFY_SCRIPT(s);

    kcp::Config config = small(false);
    config.maximumFragments = 255;
    Script t(config, start);
    t.check(!t.engine().send(pattern(26 * 255 + 1)), "256 fragments do not fit into frg");
    openWindow(t);
    t.send(pattern(26 * 255));
    t.out(0, push(0, part(pattern(26 * 255), 0, 26)).withFragment(254));
    VERIFY_SCRIPT(t);
}

void tst_EngineSending::mostFragmentsArrive_data()
{
    QTest::addColumn<std::uint32_t>("fragments");
    QTest::addColumn<std::uint32_t>("window");
    for (const std::uint32_t fragments : { 1U, 2U, 64U, 126U, 127U, 255U }) {
        for (const std::uint32_t window : { 1U, 2U, 32U, 128U, 32768U })
            QTest::addRow("%u fragments, window %u", fragments, window) << fragments << window;
    }
}

void tst_EngineSending::mostFragmentsArrive()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(std::uint32_t, fragments);
    QFETCH(std::uint32_t, window);
    EnginePair::Options options;
    options.a = small(false);
    options.a.maximumFragments = 255;
    options.a.sendWindow = window;
    options.b = options.a;
    options.b.receiveWindow = window;
    options.link.delay = 1ms;
    options.start = start;
    EnginePair pair(options);
    const Bytes message = pattern(26 * fragments);
    for (int i = 0; i < 3; ++i) // the reader takes them only when all is quiet
        QVERIFY(pair.a().send(message));
    for (int i = 0; i < 3; ++i) {
        QVERIFY(pair.runUntil([&] { return pair.b().nextMessageSize().has_value(); }, 60s));
        QVERIFY(nextMessage(pair.b()) == message);
    }
    QVERIFY(pair.runUntilQuiet(60s));
}

void tst_EngineSending::emptyMessages()
{
    QFETCH_GLOBAL(Start, start);
    Script s(small(false), start);
    s.engine().send({});
    s.engine().send(bytesOf("x"));
    s.engine().send({});
    s.check(s.engine().waitingSegments() == 3, "an empty message is a segment");
    s.flush();
    s.out(0, { push(0, ""), push(1, "x") });
    s.out(0, push(2, ""));
    s.out(200, { push(0, ""), push(1, "x") });
    s.out(200, push(2, ""));
    s.in(210, ack(2).withUna(3));
    s.check(s.engine().isSendIdle(), "all of them are acknowledged");
    VERIFY_SCRIPT(s);
}

void tst_EngineSending::streamIsJoined()
{
    QFETCH_GLOBAL(Start, start);
    Script s(small(true), start);
    for (const char *text : { "several ", "writes ", "", "one segment" })
        s.engine().send(bytesOf(text));
    s.flush();
    s.out(0, push(0, "several writes one segment"));
    s.quiet(0);
    VERIFY_SCRIPT(s);
}

void tst_EngineSending::streamIsCutAtTheMss()
{
    QFETCH_GLOBAL(Start, start);
    Script s(small(true), start);
    openWindow(s);
    const Bytes data = pattern(26 * 300 + 7);
    s.send(data);
    for (std::uint32_t sn = 0; sn < 300; ++sn)
        s.out(0, push(sn, part(data, sn * 26U, 26))); // frg is always 0
    s.out(0, push(300, part(data, 26 * 300, 7)));
    s.quiet(0);
    VERIFY_SCRIPT(s);
}

void tst_EngineSending::largeStreamWrite_data()
{
    QTest::addColumn<std::size_t>("size");
    QTest::addColumn<std::uint32_t>("window");
    QTest::newRow("200 KB, window 32") << std::size_t(200000) << 32U;
    QTest::newRow("10 MB, window 32") << std::size_t(10000000) << 32U;
    QTest::newRow("10 MB, window 32768") << std::size_t(10000000) << 32768U;
}

void tst_EngineSending::largeStreamWrite()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(std::size_t, size);
    QFETCH(std::uint32_t, window);
    EnginePair::Options options;
    options.a = small(true);
    options.a.mtu = 1400;
    options.a.sendWindow = options.a.receiveWindow = window;
    options.b = options.a;
    options.link.delay = 1ms;
    options.start = start;
    EnginePair pair(options);
    const Bytes sent = pattern(size);
    QVERIFY(pair.a().send(sent));
    QCOMPARE(pair.a().unsentBytes(), size);
    std::size_t received = 0;
    bool intact = true;
    Bytes buffer(100000);
    pair.onStep = [&] {
        while (const std::size_t n = pair.b().read(buffer)) {
            intact = intact && received + n <= size
                    && std::equal(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(n),
                                  sent.begin() + static_cast<std::ptrdiff_t>(received));
            received += n;
        }
    };
    QVERIFY(pair.runUntilQuiet(120s));
    QVERIFY(intact);
    QCOMPARE(received, size);
    QCOMPARE(pair.a().stats().timeoutRetransmissions, 0U);
}

void tst_EngineSending::writesBeforeTheWindowOpensAreJoined()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = small(true);
    config.sendWindow = 1;
    Script s(config, start);
    s.send("first");
    s.out(0, push(0, "first"));
    s.send("these ");
    s.send("wait ");
    s.send("together");
    s.in(20, ack(0).withUna(1));
    s.out(20, push(1, "these wait together"));
    VERIFY_SCRIPT(s);
}

void tst_EngineSending::changeToStream()
{
    QFETCH_GLOBAL(Start, start);
    Script s(small(false), start);
    s.engine().send(bytesOf("message"));
    s.engine().setStream(true);
    s.engine().send(bytesOf("str"));
    s.engine().send(bytesOf("eam"));
    s.flush();
    s.out(0, push(0, "message")); // 31 of 50 bytes: the next does not fit
    s.out(0, push(1, "stream"));
    VERIFY_SCRIPT(s);
}

void tst_EngineSending::smallerMtu()
{
    QFETCH_GLOBAL(Start, start);
    for (const bool stream : { false, true }) {
        kcp::Config config = small(stream);
        config.mtu = 124;
        Script s(config, start);
        const Bytes data = pattern(90);
        s.engine().send(data); // not sent yet: it is cut for the new MTU
        s.check(s.engine().setMtu(74), "smaller");
        s.flush();
        s.out(0, push(0, part(data, 0, 50)).withFragment(stream ? 0 : 1));
        s.out(0, push(1, part(data, 50, 40)));
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineSending::smallerMtuWithSegmentsUnderWay()
{
    QFETCH_GLOBAL(Start, start);
    for (const bool stream : { false, true }) {
        kcp::Config config = small(stream);
        config.mtu = 124;
        Script s(config, start);
        const Bytes data = pattern(100);
        s.send(data);
        s.out(0, push(0, data));
        s.check(s.engine().setMtu(74), "smaller");
        s.check(s.engine().maximumTransmitSize() == 124, "what is under way keeps its size");
        s.send("new");
        s.out(0, push(1, "new"));
        s.in(10, push(0, "x"));
        s.out(10, ack(0));
        // It has a datagram to itself: nothing is put in front of it or behind it.
        s.out(200, push(0, data));
        s.out(200, push(1, "new"));
        s.in(210, ack(0).withUna(2));
        s.check(s.engine().maximumTransmitSize() == 74, "the large one is gone");
        s.send(part(data, 0, 60));
        if (stream)
            s.out(210, push(2, part(data, 0, 50)));
        else
            s.out(210, push(2, part(data, 0, 50)).withFragment(1));
        s.out(210, push(3, part(data, 50, 10)));
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineSending::smallerMtuInAMessage()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = small(false);
    config.mtu = 124;
    config.sendWindow = 1;
    Script s(config, start);
    const Bytes message = pattern(250);
    s.send(message);
    s.out(0, push(0, part(message, 0, 100)).withFragment(2));
    s.check(s.engine().setMtu(50), "smaller");
    s.send("behind");
    // The first fragment has told that two more come: so they must.
    s.in(10, ack(0).withUna(1));
    s.out(10, push(1, part(message, 100, 100)).withFragment(1));
    s.in(20, ack(1).withUna(2));
    s.out(20, push(2, part(message, 200, 50)));
    s.in(30, ack(2).withUna(3));
    s.out(30, push(3, "behind"));
    s.in(40, ack(3).withUna(4));
    s.send(part(message, 0, 27));
    s.out(40, push(4, part(message, 0, 26)).withFragment(1));
    VERIFY_SCRIPT(s);
}

void tst_EngineSending::smallerMtuAfterALargeMessage()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = small(false);
    config.mtu = 1024;
    EnginePair::Options options;
    options.a = options.b = config;
    options.link.delay = 5ms;
    options.start = start;
    EnginePair pair(options);
    const Bytes message = pattern(1000 * 127); // as many fragments as are allowed
    QVERIFY(pair.a().send(message));
    QVERIFY(pair.a().setMtu(100));
    QVERIFY(pair.runUntil([&] { return pair.b().nextMessageSize().has_value(); }, 10s));
    QVERIFY(nextMessage(pair.b()) == message);
    QVERIFY(pair.a().stats().segmentsOut == 127);
    QVERIFY(!pair.a().send(message)); // now it would need too many
}

void tst_EngineSending::largerMtu()
{
    QFETCH_GLOBAL(Start, start);
    for (const bool stream : { false, true }) {
        kcp::Config config = small(stream);
        config.sendWindow = 2;
        Script s(config, start);
        const Bytes data = pattern(26 * 5);
        s.send(data);
        s.out(0, push(0, part(data, 0, 26)).withFragment(stream ? 0 : 4));
        s.out(0, push(1, part(data, 26, 26)).withFragment(stream ? 0 : 3));
        s.check(s.engine().setMtu(200), "larger");
        s.in(10, ack(0).withUna(2));
        if (stream) {
            s.out(10, push(2, part(data, 52, 78)));
        } else { // the rest of the message as announced, but sharing datagrams
            s.out(10,
                  { push(2, part(data, 52, 26)).withFragment(2),
                    push(3, part(data, 78, 26)).withFragment(1) });
            s.in(20, ack(2).withUna(4));
            s.out(20, push(4, part(data, 104, 26)));
        }
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineSending::mtuChangesAllTheTime_data()
{
    addModes();
}

void tst_EngineSending::mtuChangesAllTheTime()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(bool, stream);
    const std::uint64_t seed = testSeed(41);
    for (std::uint64_t round = 0; round < 10; ++round) {
        kcp::Pcg32 random(seed, round);
        EnginePair::Options options;
        options.a = small(stream);
        options.b = options.a;
        options.link.delay = 5ms;
        options.link.loss = 0.1;
        options.seed = seed + round;
        options.start = start;
        EnginePair pair(options);
        Bytes sent;
        Bytes received;
        const auto receive = [&] {
            Bytes data = stream ? readAll(pair.b()) : nextMessage(pair.b());
            if (!stream)
                data.push_back('|');
            received.insert(received.end(), data.begin(), data.end());
        };
        pair.onStep = [&] {
            pair.a().setMtu(50 + random.below(random.chance(0.1) ? 9000 : 300));
            while (pair.b().isReadable())
                receive();
        };
        for (std::uint32_t i = 0; i < 100; ++i) {
            const Bytes data = pattern(random.below(3000), i);
            if (!pair.a().send(data))
                continue; // too many fragments for the MTU of the moment
            sent.insert(sent.end(), data.begin(), data.end());
            if (!stream)
                sent.push_back('|');
            pair.run(3ms);
        }
        QVERIFY2(pair.runUntilQuiet(60s), qPrintable(QString::number(seed)));
        QVERIFY2(received == sent, qPrintable(QString::number(seed)));
    }
}

void tst_EngineSending::mtuIsRefused()
{
    kcp::Engine engine(small(false));
    QVERIFY(!engine.setMtu(0));
    QVERIFY(!engine.setMtu(49));
    QVERIFY(!engine.setMtu(65508));
    QCOMPARE(engine.config().mtu, 50U);
    QVERIFY(engine.setMtu(65507));
    QCOMPARE(engine.mss(), 65507U - 24);
    QCOMPARE(engine.maximumTransmitSize(), std::size_t(65507));
}

void tst_EngineSending::smallBuffer()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = small(false);
    config.initialSendSn = start.sendSn;
    config.mtu = 200;
    kcp::Engine engine(config);
    QVERIFY(engine.send(pattern(100)));
    Bytes buffer(123);
    QCOMPARE(engine.pollTransmit(start.time, buffer), std::size_t(0)); // it waits for room
    QCOMPARE(engine.unsentBytes(), std::size_t(100));
    buffer.resize(124);
    QCOMPARE(engine.pollTransmit(start.time, buffer), std::size_t(124));
    QCOMPARE(engine.pollTransmit(start.time, buffer), std::size_t(0));
}

void tst_EngineSending::gauges()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = small(true);
    config.sendWindow = 2;
    Script s(config, start);
    s.check(s.engine().isSendIdle(), "nothing at first");
    s.send(pattern(60));
    s.skipTo(0);
    s.check(s.engine().unsentBytes() == 8, "unsent");
    s.check(s.engine().unacknowledgedBytes() == 52, "under way");
    s.check(s.engine().waitingSegments() == 3, "segments");
    s.in(10, ack(1).withUna(0));
    s.check(s.engine().unacknowledgedBytes() == 26, "selectively acknowledged bytes are gone");
    s.in(11, ack(0).withUna(2));
    s.skipTo(11);
    s.check(s.engine().unsentBytes() == 0, "all is sent");
    s.check(s.engine().unacknowledgedBytes() == 8, "the rest is under way");
    s.in(20, ack(2).withUna(3));
    s.check(s.engine().isSendIdle() && s.engine().waitingSegments() == 0, "zero at the end");
    s.check(s.engine().pollTimeout() == kcp::Never, "no timer either");
    VERIFY_SCRIPT(s);
}

QTEST_APPLESS_MAIN(tst_EngineSending)

#include "tst_engine_sending.moc"
