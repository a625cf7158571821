// SPDX-License-Identifier: MIT
// When segments are sent again, to the microsecond: timeouts, fast retransmission, dead links.
#include "qtscript.h"

using namespace std::chrono_literals;
using namespace kcptest;

class tst_EngineRetransmission : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addStartRows(); }

    void timesWithoutPeer_data();
    void timesWithoutPeer();
    void timeoutIsCappedAtOneMinute();
    void rtoFollowsTheSamples();
    void minimumRto();
    void tsIsStampedAnew();
    void earlierTransmissionIsMeasured();
    void foreignTsIsNoMeasurement();
    void timeoutsShareADatagram();
    void fastRetransmission();
    void fastRetransmissionCountsDatagrams();
    void fastRetransmissionOff();
    void fastRetransmissionIgnoresWhatWasSentLater();
    void fastRetransmissionDoesNotGrowTheTimeout();
    void fastLimit();
    void noFastLimit();
    void acknowledgedSegmentIsNotSentAgain();
    void unaReleasesEverythingBefore();
    void deadLinkByCount();
    void deadLinkByCountOff();
    void deadLinkByTime();
    void anAcknowledgementRevives();
    void aPausedProgramIsNotADeadLink();
};

namespace {

kcp::Config configFor(int nodelay)
{
    kcp::Config config;
    config.nodelay = static_cast<std::uint8_t>(nodelay);
    config.interval = 10ms;
    config.congestionControl = kcp::CongestionControl::Off;
    config.deadLink = 0;
    config.deadLinkTime = 0s;
    return config;
}

kcp::Config fastResend(std::uint32_t count)
{
    kcp::Config config = configFor(1);
    config.fastResend = count;
    return config;
}

void sendSome(Script &s, double time, std::uint32_t first, std::uint32_t count)
{
    s.skipTo(time);
    for (std::uint32_t sn = first; sn < first + count; ++sn) {
        s.send("x");
        s.out(time, push(sn, "x"));
    }
}

} // namespace

void tst_EngineRetransmission::timesWithoutPeer_data()
{
    QTest::addColumn<int>("nodelay");
    QTest::addColumn<QList<double>>("times");
    QTest::newRow("nodelay 0") << 0 << QList<double>{ 0, 225, 625, 1425, 3025, 6225 };
    QTest::newRow("nodelay 1") << 1 << QList<double>{ 0, 200, 500, 950, 1625, 2637.5 };
    QTest::newRow("nodelay 2") << 2 << QList<double>{ 0, 200, 500, 900, 1400, 2000 };
}

void tst_EngineRetransmission::timesWithoutPeer()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(int, nodelay);
    QFETCH(QList<double>, times);
    Script s(configFor(nodelay), start);
    s.send("x");
    for (const double time : times)
        s.out(time, push(0, "x").withUna(0).withWindow(128));
    s.check(s.engine().stats().segmentsOut == 6, "six transmissions");
    s.check(s.engine().stats().timeoutRetransmissions == 5, "five of them after timeouts");
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::timeoutIsCappedAtOneMinute()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(0), start);
    s.send("x");
    double time = 0;
    for (const double gap : { 0.0, 225.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 12800.0, 25600.0,
                              51200.0, 60000.0, 60000.0, 60000.0 }) {
        time += gap;
        s.out(time, push(0, "x"));
    }
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::rtoFollowsTheSamples()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(1), start);
    s.send("a");
    s.out(0, push(0, "a"));
    s.in(40, ack(0).withUna(1)); // srtt 40, rttvar 20: rto 40 + 80
    s.check(s.engine().rtt().rto() == 120ms, "rto after the first sample");
    s.send("b");
    s.out(40, push(1, "b"));
    s.out(160, push(1, "b"));
    s.out(340, push(1, "b")); // 1.5 times later
    s.in(380, ack(1).withUna(2)); // the third one is answered: 40 again
    s.check(s.engine().rtt().rttvar() == 15ms, "(3 * 20 + 0) / 4");
    s.check(s.engine().rtt().rto() == 100ms, "40 + 4 * 15");
    s.send("c"); // a new segment starts with the plain rto
    s.out(380, push(2, "c"));
    s.out(480, push(2, "c"));
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::minimumRto()
{
    QFETCH_GLOBAL(Start, start);
    struct Case
    {
        int nodelay;
        Duration minimum;
        double expected; // of the first timeout, milliseconds
    };
    for (const Case &c : { Case{ 0, 0ms, 112.5 }, Case{ 1, 0ms, 30 }, Case{ 2, 0ms, 30 },
                           Case{ 1, 12ms, 12 }, Case{ 1, 1ms, 11 }, Case{ 0, 400ms, 450 } }) {
        kcp::Config config = configFor(c.nodelay);
        config.minimumRto = c.minimum;
        Script s(config, start);
        for (std::uint32_t sn = 0; sn < 30; ++sn) { // rttvar fades away
            s.skipTo(sn * 2);
            s.send("x");
            s.skipTo(sn * 2);
            s.in(sn * 2 + 1, ack(sn).withUna(sn + 1));
        }
        s.skipTo(100);
        s.send("x");
        s.out(100, push(30, "x"));
        s.out(100 + c.expected, push(30, "x"));
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineRetransmission::tsIsStampedAnew()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(1), start);
    s.skipTo(0.7);
    s.send("x");
    s.out(0.7, push(0, "x").withTs(0));
    s.out(200.7, push(0, "x").withTs(200));
    s.out(500.7, push(0, "x").withTs(500));
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::earlierTransmissionIsMeasured()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(1), start);
    s.send("x");
    s.out(0, push(0, "x"));
    s.out(200, push(0, "x"));
    s.in(230, ack(0).withUna(1).withTs(0)); // the answer to the first: 230, not 30
    s.check(s.engine().rtt().srtt() == 230ms, "the ts tells which one was answered");
    s.check(s.engine().isSendIdle(), "and it is acknowledged");
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::foreignTsIsNoMeasurement()
{
    QFETCH_GLOBAL(Start, start);
    for (const std::uint32_t ts : { 51U, 1000U, 0x80000000U, 0xffffffffU }) {
        Script s(configFor(1), start);
        s.skipTo(50);
        s.send("x");
        s.out(50, push(0, "x"));
        s.in(80, ack(0).withUna(1).withTs(ts)); // a time at which nothing was sent
        s.check(!s.engine().rtt().hasSample(), "no sample");
        s.check(s.engine().rtt().rto() == 200ms, "the rto is what it was");
        s.check(s.engine().isSendIdle(), "acknowledged all the same");
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineRetransmission::timeoutsShareADatagram()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(1), start);
    sendSome(s, 0, 0, 3);
    sendSome(s, 10, 3, 1);
    s.out(200, { push(0, "x"), push(1, "x"), push(2, "x") });
    s.out(210, push(3, "x"));
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::fastRetransmission()
{
    QFETCH_GLOBAL(Start, start);
    for (const std::uint32_t resend : { 1U, 2U, 3U }) {
        Script s(fastResend(resend), start);
        sendSome(s, 0, 0, 6);
        for (std::uint32_t i = 1; i <= resend; ++i) {
            s.quiet(20 + i);
            s.in(20 + i, ack(i).withUna(0));
        }
        s.out(20 + resend, push(0, "x")); // at once, with the resend-th
        s.check(s.engine().stats().fastRetransmissions == 1, "one fast retransmission");
        s.check(s.engine().stats().timeoutRetransmissions == 0, "no timeout");
        s.in(30, ack(resend + 1).withUna(0)); // sent before the retransmission: does not count
        s.quiet(40);
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineRetransmission::fastRetransmissionCountsDatagrams()
{
    QFETCH_GLOBAL(Start, start);
    Script s(fastResend(2), start);
    sendSome(s, 0, 0, 6);
    s.in(20, { ack(1).withUna(0), ack(2), ack(3) }); // counts once, as in the original
    s.quiet(21);
    s.in(22, ack(4));
    s.out(22, push(0, "x"));
    VERIFY_SCRIPT(s);

    // Two holes are counted apart; both go in one datagram.
    Script t(fastResend(2), start);
    sendSome(t, 0, 0, 6);
    t.in(20, ack(1));
    t.in(21, ack(3));
    t.out(21, push(0, "x"));
    t.in(22, ack(4));
    t.out(22, push(2, "x"));
    VERIFY_SCRIPT(t);
}

void tst_EngineRetransmission::fastRetransmissionOff()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = fastResend(0);
    config.minimumRto = 200ms;
    Script s(config, start);
    sendSome(s, 0, 0, 6);
    for (std::uint32_t sn = 1; sn < 6; ++sn)
        s.in(20 + sn, ack(sn).withUna(0));
    s.quiet(80);
    s.check(s.engine().unacknowledgedSegments() == 6, "una did not move");
    s.check(s.engine().unacknowledgedBytes() == 1, "one is missing");
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::fastRetransmissionIgnoresWhatWasSentLater()
{
    QFETCH_GLOBAL(Start, start);
    Script s(fastResend(1), start);
    sendSome(s, 0, 0, 2);
    s.in(20, ack(1).withUna(0));
    s.out(20, push(0, "x"));
    // An old ACK of what was sent before the retransmission says nothing about it.
    sendSome(s, 21, 2, 1);
    s.in(25, ack(1).withUna(0).withTs(0));
    s.quiet(40);
    s.in(41, ack(2).withUna(0)); // this one was sent after it: it overtook it again
    s.out(41, push(0, "x"));
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::fastRetransmissionDoesNotGrowTheTimeout()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = fastResend(1);
    config.minimumRto = 150ms;
    Script s(config, start);
    sendSome(s, 0, 0, 2);
    s.in(10, ack(1).withUna(0));
    s.out(10, push(0, "x"));
    s.out(160, push(0, "x")); // one rto later: not 1.5
    s.out(160 + 225, push(0, "x"));
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::fastLimit()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = fastResend(1);
    config.fastLimit = 3;
    config.minimumRto = 500ms;
    Script s(config, start);
    sendSome(s, 0, 0, 2);
    s.in(10, ack(1).withUna(0));
    s.out(10, push(0, "x")); // the second transmission
    sendSome(s, 11, 2, 1);
    s.in(20, ack(2).withUna(0));
    s.out(20, push(0, "x")); // the third: the limit
    sendSome(s, 21, 3, 1);
    s.in(30, ack(3).withUna(0));
    s.quiet(519);
    s.out(520, push(0, "x")); // by timeout only
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::noFastLimit()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = fastResend(1);
    config.fastLimit = 0;
    config.minimumRto = 5s;
    Script s(config, start);
    sendSome(s, 0, 0, 1);
    for (std::uint32_t sn = 1; sn < 12; ++sn) {
        sendSome(s, sn * 10, sn, 1);
        s.in(sn * 10 + 1, ack(sn).withUna(0));
        s.out(sn * 10 + 1, push(0, "x"));
    }
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::acknowledgedSegmentIsNotSentAgain()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(1), start);
    sendSome(s, 0, 0, 3);
    s.in(150, ack(1).withUna(0));
    s.check(s.engine().unacknowledgedBytes() == 2, "1 is acknowledged");
    // By the sample the rto is now 150 + 300.
    s.out(450, { push(0, "x"), push(2, "x") });
    s.in(460, ack(1).withUna(0)); // a duplicate ACK
    s.check(!s.lastInput().acknowledged, "it acknowledges nothing");
    s.check(!s.lastInput().alive(), "it is no sign of life");
    s.in(470, { ack(0).withUna(3), ack(2) });
    s.quiet(10000);
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::unaReleasesEverythingBefore()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(1), start);
    sendSome(s, 0, 0, 5);
    s.in(20, wins().withUna(4)); // no ACK at all, as kcp-go may leave them out
    s.check(s.lastInput().acknowledged, "una acknowledges");
    s.check(s.lastInput().alive(), "and is a sign of life");
    s.check(s.engine().unacknowledgedSegments() == 1, "one is left");
    s.out(200, push(4, "x"));
    s.in(210, push(0, "data").withUna(5)); // and una of a PUSH does too
    s.out(210, ack(0));
    s.quiet(10000);
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::deadLinkByCount()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(2);
    config.deadLink = 3;
    Script s(config, start);
    s.send("x");
    s.out(0, push(0, "x"));
    s.out(200, push(0, "x"));
    s.out(500, push(0, "x"));
    s.skipTo(899);
    s.check(!s.engine().isDead(), "the third still has time");
    s.skipTo(900);
    s.check(s.engine().isDead(), "three transmissions, no answer");
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::deadLinkByCountOff()
{
    QFETCH_GLOBAL(Start, start);
    Script s(configFor(2), start); // neither count nor time
    s.send("x");
    s.skipTo(3600.0 * 1000);
    s.check(!s.engine().isDead(), "it tries for ever");
    s.check(s.engine().stats().segmentsOut > 60, "and really tries");
    s.in(3600.0 * 1000 + 1, ack(0).withUna(1));
    s.check(s.engine().isSendIdle(), "late, but delivered");
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::deadLinkByTime()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(2);
    config.deadLinkTime = 3s;
    Script s(config, start);
    s.skipTo(5000); // idle time does not count
    s.send("x");
    s.skipTo(7900);
    s.check(!s.engine().isDead(), "three seconds are not over");
    s.skipTo(8800);
    s.check(s.engine().isDead(), "it is told with the next timeout");
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::anAcknowledgementRevives()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(2);
    config.deadLinkTime = 3s;
    Script s(config, start);
    sendSome(s, 0, 0, 2);
    for (std::uint32_t sn = 0; sn < 10; ++sn) {
        s.skipTo(2500 * (sn + 1) - 1);
        // One each 2.5 s; its ts is no measurement, so that the rto stays short and tries are many.
        s.in(2500 * (sn + 1), ack(sn).withUna(sn + 1).withTs(0x70000000));
        s.skipTo(2500 * (sn + 1));
        s.check(!s.engine().isDead(), "each acknowledgement gives three seconds more");
        s.send("x");
        s.skipTo(2500 * (sn + 1));
    }
    VERIFY_SCRIPT(s);
}

void tst_EngineRetransmission::aPausedProgramIsNotADeadLink()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = configFor(1);
    config.deadLink = 20;
    config.deadLinkTime = 3s;
    Script s(config, start);
    s.send("x");
    s.out(0, push(0, "x"));
    // Nobody calls the engine for ten minutes; then the first timeout is handled.
    s.engine().handleTimeout(s.instant(600000));
    s.check(!s.engine().isDead(), "it has tried once only");
    VERIFY_SCRIPT(s);
}

QTEST_APPLESS_MAIN(tst_EngineRetransmission)

#include "tst_engine_retransmission.moc"
