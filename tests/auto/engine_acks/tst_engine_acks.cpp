// SPDX-License-Identifier: MIT
// What a datagram looks like: ACKs, probes and data in it, their order, their packing, and when
// it leaves.
#include "qtscript.h"

using namespace std::chrono_literals;
using namespace kcptest;

class tst_EngineAcks : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addStartRows(); }

    void everyPushIsAcknowledgedAtOnce();
    void oldDuplicateIsAcknowledged();
    void earlySegmentsAreAcknowledgedOneByOne();
    void beyondTheWindowIsToldTheWindow();
    void ackEchoesTheTs();
    void orderInADatagram();
    void severalMessagesShareADatagram();
    void segmentsAreNotSplit();
    void acksFillDatagramsOfTheMtu();
    void dataRidesWithAcks();
    void acksRideBehindFullSegments();
    void delayedAcks();
    void delayedAcksRideWithData();
    void delayedAcksSwitchedOff();
    void replayedDatagramIsNotAlive();
    void segmentsBeforeABadOneStay();
    void shortTailIsIgnored();
    void largerThanAnyDatagram();
    void garbage();
    void statistics();
};

namespace {

kcp::Config plain()
{
    kcp::Config config;
    config.nodelay = 1;
    config.interval = 10ms;
    config.congestionControl = kcp::CongestionControl::Off;
    return config;
}

} // namespace

void tst_EngineAcks::everyPushIsAcknowledgedAtOnce()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    for (std::uint32_t sn = 0; sn < 5; ++sn) {
        s.in(sn * 3.25, push(sn, "x"));
        s.out(sn * 3.25, ack(sn).withUna(sn + 1).withWindow(static_cast<std::uint16_t>(127 - sn)));
        s.check(s.lastInput().receivedData && s.lastInput().alive(), "new data is life");
        s.check(s.lastInput().becameReadable == (sn == 0), "readable: once");
    }
    s.check(s.engine().pollTimeout() == kcp::Never, "no timer is left");
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::oldDuplicateIsAcknowledged()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    s.in(0, push(0, "x"));
    s.out(0, ack(0).withUna(1));
    s.in(50, push(0, "x")); // the ACK was lost
    s.out(50, ack(0).withUna(1).withTs(50));
    s.check(!s.lastInput().alive(), "but it is no sign of life");
    s.receives("x");
    s.receivesNothing();
    s.in(60, push(0, "x")); // read already
    s.out(60, ack(0).withUna(1));
    s.receivesNothing();
    s.check(s.engine().stats().duplicatesIn == 2, "two duplicates");
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::earlySegmentsAreAcknowledgedOneByOne()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    s.in(0, { push(2, "c"), push(5, "f"), push(3, "d") });
    s.out(0, { ack(2).withUna(0), ack(5).withUna(0), ack(3).withUna(0) });
    s.receivesNothing();
    s.in(10, { push(0, "a"), push(1, "b") });
    s.skipTo(10);
    s.receives("a");
    s.receives("b");
    s.receives("c");
    s.receives("d");
    s.receivesNothing();
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::beyondTheWindowIsToldTheWindow()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.receiveWindow = 4;
    Script s(config, start);
    for (const std::uint32_t sn : { 4U, 5U, 100U, 0x7fffffffU }) {
        s.in(0, push(sn, "far"));
        s.out(0, wins().withWindow(4).withUna(0)); // no ACK, but a word on how far the window goes
        s.check(!s.lastInput().alive(), "no sign of life");
    }
    s.in(10, push(3, "d"));
    s.out(10, ack(3).withUna(0));
    s.check(s.engine().stats().outOfWindowIn == 4, "counted");
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::ackEchoesTheTs()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    // Opaque numbers: the peer's clock has nothing to do with ours.
    s.in(0, push(0, "x").withTs(0xdeadbeef));
    s.out(0, ack(0).withTs(0xdeadbeef));
    s.in(5, push(1, "x").withTs(0));
    s.out(5, ack(1).withTs(0));
    s.in(9, push(2, "x").withTs(0xffffffff));
    s.out(9, ack(2).withTs(0xffffffff));
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::orderInADatagram()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    // All at once: the engine has to say everything in one flush.
    s.engine().send(bytesOf("data"));
    s.engine().requestProbe();
    s.in(0, { wask(), push(0, "x") });
    s.out(0,
          { ack(0).withUna(1), wask().withUna(1), wins().withUna(1), push(0, "data").withUna(1) });
    s.check(s.engine().isProbing(), "a WASK is under way");
    s.in(10, wins());
    s.check(s.lastInput().answeredProbe && s.lastInput().alive(), "the answer is life");
    s.check(!s.engine().isProbing(), "and ends the probe");
    s.in(20, wins());
    s.check(!s.lastInput().alive(), "nobody asked for another");
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::severalMessagesShareADatagram()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.mtu = 100;
    Script s(config, start);
    for (const char *text : { "one", "two", "three", "four" }) // 27 + 27 + 29 = 83, + 28
        s.engine().send(bytesOf(text));
    s.flush();
    s.out(0, { push(0, "one"), push(1, "two"), push(2, "three") });
    s.out(0, push(3, "four"));
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::segmentsAreNotSplit()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.mtu = 100;
    config.stream = true;
    Script s(config, start);
    const Bytes data = pattern(76 + 70);
    s.engine().send(data);
    s.in(0, push(0, "x")); // the ACK takes 24 bytes: neither segment leaves room for it
    s.out(0, push(0, Bytes(data.begin(), data.begin() + 76)));
    s.out(0, push(1, Bytes(data.begin() + 76, data.end())));
    s.out(0, ack(0));
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::acksFillDatagramsOfTheMtu()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.mtu = 5 * 24 + 23;
    Script s(config, start);
    Packet many;
    for (std::uint32_t sn = 1; sn < 13; ++sn)
        many.segments.push_back(push(sn, "x"));
    s.in(0, many);
    Packet expected;
    for (std::uint32_t sn = 1; sn < 13; ++sn) {
        expected.segments.push_back(ack(sn).withUna(0));
        if (expected.segments.size() == 5 || sn == 12) {
            s.out(0, expected);
            expected.segments.clear();
        }
    }
    s.quiet(1000);
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::dataRidesWithAcks()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    s.engine().send(bytesOf("question"));
    s.in(0, push(0, "x"));
    s.out(0, { ack(0).withUna(1), push(0, "question").withUna(1) });
    s.in(30, { ack(0).withUna(1), push(1, "answer") });
    s.out(30, ack(1).withUna(2));
    s.receives("x");
    s.receives("answer");
    s.quiet(1000);
    VERIFY_SCRIPT(s);
}

// A full segment leaves no room for an ACK: it goes with the shorter one that follows, or alone when
// none does, or when too much would go before it.
void tst_EngineAcks::acksRideBehindFullSegments()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.stream = true;
    config.sendWindow = 256;
    config.congestionControl = kcp::CongestionControl::Off;
    Script s(config, start);
    const std::string full(s.engine().mss(), 'f');
    s.engine().send(bytesOf(full + full + "tail"));
    s.in(0, push(0, "x"));
    s.out(0, push(0, full).withUna(1));
    s.out(0, push(1, full).withUna(1));
    s.out(0, { ack(0).withUna(1), push(2, "tail").withUna(1) });
    s.in(10, ack(2).withUna(3));
    s.quiet(10);

    s.engine().send(bytesOf(full));
    s.in(20, push(1, "y").withUna(3));
    s.out(20, push(3, full).withUna(2));
    s.out(20, ack(1).withUna(2));
    s.in(30, ack(3).withUna(4));
    s.quiet(30);

    std::string much;
    while (much.size() <= 32 * 1024)
        much += full;
    s.engine().send(bytesOf(much));
    s.in(40, push(2, "z").withUna(4));
    s.out(40, ack(2).withUna(3));
    for (std::uint32_t sn = 4; sn < 4 + much.size() / full.size(); ++sn)
        s.out(40, push(sn, full).withUna(3));
    for (const char *message : { "x", "y", "z" })
        s.receives(message);
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::delayedAcks()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.interval = 40ms;
    config.acksAreDelayed = true;
    Script s(config, start);
    s.in(0, push(0, "x"));
    s.check(s.engine().pollTimeout() == s.instant(40), "the interval bounds the delay");
    s.in(30, push(1, "y"));
    s.out(40, ack(1).withUna(2)); // una covers the first
    s.check(s.engine().pollTimeout() == kcp::Never, "no timer is left");
    s.in(100, push(2, "z"));
    s.out(140, ack(2).withUna(3));
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::delayedAcksRideWithData()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.interval = 40ms;
    config.acksAreDelayed = true;
    Script s(config, start);
    s.in(0, push(0, "x"));
    s.quiet(10);
    s.send("answer");
    s.out(10, { ack(0).withUna(1), push(0, "answer").withUna(1) });
    s.in(20, ack(0).withUna(1));
    s.quiet(1000);
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::delayedAcksSwitchedOff()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.interval = 40ms;
    config.acksAreDelayed = true;
    Script s(config, start);
    s.in(0, push(0, "x"));
    s.quiet(10);
    s.engine().setAcksAreDelayed(false);
    s.flush();
    s.out(10, ack(0).withUna(1));
    s.in(20, push(1, "x"));
    s.out(20, ack(1).withUna(2));
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::replayedDatagramIsNotAlive()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    s.send("ours");
    s.out(0, push(0, "ours"));
    const Packet datagram{ ack(0).withUna(1).withTs(0), push(0, "theirs").withTs(9) };
    s.in(20, datagram);
    s.out(20, ack(0));
    s.check(s.lastInput().alive(), "the first time");
    for (int i = 1; i < 100; ++i) {
        s.in(20 + i, datagram);
        s.out(20 + i, ack(0));
        s.check(!s.lastInput().alive(), "replayed");
    }
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::segmentsBeforeABadOneStay()
{
    QFETCH_GLOBAL(Start, start);
    const Segment bads[] = {
        push(1, "bad").withLength(4), // one byte more than there is
        push(1, "bad").withLength(0xffffffff),
        push(1, "bad").withConv(1),
    };
    for (const Segment &bad : bads) {
        Script s(plain(), start);
        s.in(0, { push(0, "good"), bad });
        s.out(0, ack(0).withUna(1));
        s.check(s.lastInput().malformed, "the datagram is counted as malformed");
        s.check(!s.lastInput().wrongConversation, "its first segment was ours");
        s.check(!s.lastInput().alive(), "it is not plausible");
        s.receives("good");
        s.receivesNothing();
        s.check(s.engine().stats().malformedIn == 1, "counted once");
        VERIFY_SCRIPT(s);
    }
    for (const int cmd : { 0, 80, 85, 255 }) {
        Script s(plain(), start);
        Segment bad = push(1, "bad");
        bad.cmd = static_cast<std::uint8_t>(cmd);
        s.in(0, { push(0, "good"), bad, push(1, "behind") });
        s.out(0, ack(0).withUna(1));
        s.receives("good");
        s.receivesNothing();
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineAcks::shortTailIsIgnored()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.conv = 5;
    for (const std::size_t tail : { 1U, 23U }) {
        Script s(config, start);
        Bytes datagram = encode(push(start.receiveSn, "x").withConv(5).withUna(start.sendSn));
        datagram.resize(datagram.size() + tail, 0xff);
        s.inRaw(0, datagram);
        s.check(s.lastInput().receivedData && !s.lastInput().malformed, "what was whole counts");
        s.skipTo(0);
        s.receives("x");
        VERIFY_SCRIPT(s);
    }
}

// The engine does not know what carries its datagrams: a size that UDP cannot have is whole or
// refused, but never cut.
void tst_EngineAcks::largerThanAnyDatagram()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain();
    config.mtu = kcp::MaximumDatagramSize;
    Script s(config, start);
    const Bytes large = pattern(70000);
    s.in(0, push(0, large));
    if (s.lastInput().receivedData) {
        s.out(0, ack(0).withUna(1));
        s.receives(large);
    } else {
        s.check(s.lastInput().malformed, "refused");
        s.quiet(0);
    }
    s.skipTo(1);
    s.check(s.engine().readableBytes() == 0, "nothing is left of it");
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::garbage()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    kcp::Pcg32 random(testSeed(99));
    for (int i = 0; i < 2000; ++i) {
        Bytes bytes(random.below(200));
        for (std::uint8_t &byte : bytes)
            byte = static_cast<std::uint8_t>(random.next());
        s.inRaw(i, bytes);
        s.check(!s.lastInput().alive(), "garbage is no life");
        s.quiet(i);
    }
    s.check(s.engine().stats().datagramsIn == 0, "not one was a datagram of ours");
    s.receivesNothing();
    s.in(3000, push(0, "x"));
    s.out(3000, ack(0).withUna(1));
    VERIFY_SCRIPT(s);
}

void tst_EngineAcks::statistics()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(), start);
    s.send("12345");
    s.out(0, push(0, "12345"));
    s.in(20, { ack(0).withUna(1), push(0, "abc"), wask() });
    s.out(20, { ack(0), wins() });
    const kcp::Stats &stats = s.engine().stats();
    s.check(stats.datagramsOut == 2, "datagrams out");
    s.check(stats.bytesOut == 24 + 5 + 2 * 24, "bytes out");
    s.check(stats.datagramsIn == 1, "datagrams in");
    s.check(stats.bytesIn == 24 + 24 + 3 + 24, "bytes in");
    s.check(stats.segmentsOut == 1 && stats.segmentsIn == 1, "segments");
    s.check(stats.acksOut == 1 && stats.acksIn == 1, "acks");
    s.check(stats.probesIn == 1 && stats.probesOut == 0, "probes");
    s.check(stats.malformedIn == 0 && stats.duplicatesIn == 0, "nothing was wrong");
    VERIFY_SCRIPT(s);
}

QTEST_APPLESS_MAIN(tst_EngineAcks)

#include "tst_engine_acks.moc"
