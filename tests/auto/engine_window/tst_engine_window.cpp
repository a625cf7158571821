// SPDX-License-Identifier: MIT
// Windows: how far one may send, what happens when the peer's is closed, and how it opens again.
#include "qtscript.h"

using namespace std::chrono_literals;
using namespace kcptest;

class tst_EngineWindow : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addStartRows(); }

    void sendWindow();
    void peerWindow();
    void peerWindowShrinks();
    void sendWindowChangesAtRunTime();
    void receiveWindowChangesAtRunTime();
    void closedWindowIsProbed();
    void probesEndWhenTheWindowOpens();
    void unansweredProbesEndInADeadLink();
    void answeredProbesKeepTheLinkAlive();
    void aWindowSmallerThanSupposedKeepsTheLinkAlive();
    void forgottenProbeDoesNotKillTheLink();
    void openedWindowIsTold();
    void windowTellIsRepeatedUntilDataComes();
    void receiveLimit();
    void requestedProbeAndTell();
    void slowReader_data();
    void slowReader();
};

namespace {

kcp::Config plain(std::uint32_t sendWindow, std::uint32_t receiveWindow)
{
    kcp::Config config;
    config.nodelay = 1;
    config.interval = 10ms;
    config.congestionControl = kcp::CongestionControl::Off;
    config.sendWindow = sendWindow;
    config.receiveWindow = receiveWindow;
    config.mtu = 50; // one 26-byte message a datagram
    return config;
}

const Bytes Full = bytesOf("abcdefghijklmnopqrstuvwxyz");

void sendFull(Script &s, int count)
{
    for (int i = 0; i < count; ++i)
        s.send(Full);
}

void outFull(Script &s, double time, std::uint32_t first, std::uint32_t end,
             int line = __builtin_LINE())
{
    for (std::uint32_t sn = first; sn < end; ++sn)
        s.out(time, push(sn, Full), line);
}

} // namespace

void tst_EngineWindow::sendWindow()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(4, 128), start);
    sendFull(s, 10);
    outFull(s, 0, 0, 4);
    s.quiet(19);
    s.in(20, ack(2).withUna(0)); // una stays: no room
    s.quiet(20);
    s.in(21, ack(0).withUna(1));
    outFull(s, 21, 4, 5);
    s.in(22, ack(1).withUna(3));
    outFull(s, 22, 5, 7);
    s.quiet(22);
    s.check(s.engine().unacknowledgedSegments() == 4, "the window is full");
    s.check(s.engine().waitingSegments() == 4 + 3, "three wait");
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::peerWindow()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(100, 128), start);
    s.in(0, push(0, "x").withWindow(3));
    s.out(0, ack(0));
    sendFull(s, 10);
    outFull(s, 0, 0, 3);
    s.in(20, ack(0).withUna(1).withWindow(2)); // the one acknowledged was not read
    s.quiet(20);
    s.in(21, ack(1).withUna(2).withWindow(4)); // up to 2 + 4
    outFull(s, 21, 3, 6);
    s.quiet(21);
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::peerWindowShrinks()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(100, 128), start);
    sendFull(s, 8);
    outFull(s, 0, 0, 8);
    s.in(20, ack(0).withUna(1).withWindow(2)); // less than what is under way
    sendFull(s, 1);
    s.quiet(21);
    s.in(25, { ack(1).withUna(7).withWindow(2) });
    outFull(s, 25, 8, 9);
    s.check(s.engine().unacknowledgedSegments() == 2, "7 and 8");
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::sendWindowChangesAtRunTime()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(2, 128), start);
    sendFull(s, 10);
    outFull(s, 0, 0, 2);
    s.check(s.engine().setSendWindow(5), "larger");
    s.flush();
    outFull(s, 0, 2, 5);
    s.check(s.engine().setSendWindow(1), "smaller than what is under way");
    s.in(20, ack(0).withUna(4));
    s.quiet(20);
    s.in(21, ack(4).withUna(5));
    outFull(s, 21, 5, 6);
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::receiveWindowChangesAtRunTime()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(32, 4), start);
    s.in(0, { push(0, "a"), push(1, "b"), push(2, "c"), push(3, "d") });
    s.out(0, ack(3).withWindow(0));
    s.check(s.engine().setReceiveWindow(10), "larger: it opens");
    s.flush();
    s.out(0, wins().withWindow(6));
    s.in(10, push(4, "e"));
    s.out(10, ack(4).withWindow(5));
    s.check(s.engine().setReceiveWindow(2), "smaller than what is there: nothing is lost");
    s.in(20, wask());
    s.out(20, wins().withWindow(0));
    for (const char *text : { "a", "b", "c", "d", "e" })
        s.receives(text);
    s.out(20, wins().withWindow(1)); // with the first one read that made room
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::closedWindowIsProbed()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(32, 128), start);
    s.in(0, push(0, "x").withWindow(0));
    s.out(0, ack(0));
    s.quiet(1000); // nothing to send, nothing to ask
    s.check(s.engine().pollTimeout() == kcp::Never, "no timer");
    sendFull(s, 1);
    // First after one rto, then 1.5 times later each time, every 5 s at last: the original waits
    // 5 s for the first and 120 s at last.
    s.check(!s.engine().isProbing(), "not yet");
    double time = 1000;
    double delay = 200;
    for (int i = 0; i < 12; ++i) {
        time += delay;
        delay = std::min(delay * 1.5, 5000.0);
        time = std::round(time * 1000) / 1000;
        s.skipTo(time - 1);
        s.skipTo(std::ceil(time) + 1);
        s.check(s.engine().stats().probesOut == std::uint64_t(i) + 1, "one more WASK");
        s.in(std::ceil(time) + 1.5, wins().withWindow(0));
        s.check(s.lastInput().answeredProbe, "answered");
    }
    s.check(s.engine().stats().segmentsOut == 0, "and no data");
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::probesEndWhenTheWindowOpens()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(32, 128), start);
    s.in(0, push(0, "x").withWindow(0));
    s.out(0, ack(0));
    sendFull(s, 2);
    s.out(200, wask().withUna(1));
    s.in(230, wins().withWindow(0));
    s.out(500, wask());
    s.in(530, wins().withWindow(1));
    outFull(s, 530, 0, 1);
    s.in(560, ack(0).withUna(1).withWindow(0)); // closed again: the probes begin anew
    s.skipTo(560 + 150);
    s.skipTo(560 + 5000);
    s.check(s.engine().stats().probesOut > 3, "probing again");
    s.in(560 + 5001, wins().withWindow(128));
    outFull(s, 560 + 5001, 1, 2);
    s.in(560 + 5020, ack(1).withUna(2));
    s.quiet(60000);
    s.check(s.engine().pollTimeout() == kcp::Never, "no timer is left");
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::unansweredProbesEndInADeadLink()
{
    QFETCH_GLOBAL(Start, start);
    kcp::Config config = plain(32, 128);
    config.deadLinkTime = 20s;
    Script s(config, start);
    s.in(0, push(0, "x").withWindow(0));
    s.skipTo(0);
    sendFull(s, 1);
    s.skipTo(19000);
    s.check(!s.engine().isDead(), "not before the time");
    s.skipTo(30000);
    s.check(s.engine().isDead(), "a peer that does not even answer WASK is gone");
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::answeredProbesKeepTheLinkAlive()
{
    QFETCH_GLOBAL(Start, start);
    EnginePair::Options options;
    options.a = plain(32, 128);
    options.b = plain(32, 4);
    options.a.deadLinkTime = options.b.deadLinkTime = 5s;
    options.a.deadLink = options.b.deadLink = 10;
    options.link.delay = 20ms;
    options.start = start;
    EnginePair pair(options);
    QVERIFY(pair.a().send(Full));
    pair.run(100ms); // a learns the window
    for (int i = 0; i < 20; ++i)
        QVERIFY(pair.a().send(Full));
    pair.run(600s); // the application sleeps for ten minutes
    QVERIFY(!pair.a().isDead());
    QVERIFY(pair.a().unsentBytes() > 0);
    int received = 0;
    pair.onStep = [&] {
        while (pair.b().nextMessageSize())
            received += nextMessage(pair.b()) == Full ? 1 : 0;
    };
    const kcp::Instant awake = pair.now();
    pair.onStep();
    QVERIFY(pair.runUntil([&] { return received == 21; }, 10s));
    QVERIFY(pair.now() - awake < 1s);
}

void tst_EngineWindow::aWindowSmallerThanSupposedKeepsTheLinkAlive()
{
    QFETCH_GLOBAL(Start, start);
    EnginePair::Options options;
    options.a = plain(32, 128);
    options.b = plain(32, 4);
    options.a.deadLinkTime = options.b.deadLinkTime = 5s;
    options.a.deadLink = options.b.deadLink = 10;
    options.link.delay = 20ms;
    options.start = start;
    EnginePair pair(options);
    // All of it leaves before a has heard how small the window is.
    for (int i = 0; i < 20; ++i)
        QVERIFY(pair.a().send(Full));
    pair.run(600s); // the application sleeps for ten minutes
    QVERIFY(!pair.a().isDead());
    QVERIFY(pair.a().unacknowledgedSegments() > 0);
    int received = 0;
    pair.onStep = [&] {
        while (pair.b().nextMessageSize())
            received += nextMessage(pair.b()) == Full ? 1 : 0;
    };
    const kcp::Instant awake = pair.now();
    pair.onStep();
    QVERIFY(pair.runUntil([&] { return received == 20; }, 10s));
    QVERIFY(pair.now() - awake < 1s);
}

// A WASK or its answer was lost, and the peer has shown its life with data or an ACK since.
void tst_EngineWindow::forgottenProbeDoesNotKillTheLink()
{
    QFETCH_GLOBAL(Start, start);
    for (const bool withData : { true, false }) {
        kcp::Config config = plain(32, 128);
        config.deadLinkTime = 60s;
        Script s(config, start);
        s.send("x");
        s.out(0, push(0, "x"));
        s.engine().requestProbe();
        s.flush();
        s.out(0, wask());
        if (withData)
            s.in(20, { push(0, "data").withUna(1) });
        else
            s.in(20, ack(0).withUna(1));
        s.skipTo(20);
        s.check(!s.engine().isProbing(), "nothing is open");
        s.skipTo(600000); // a long silence, then an outage of a few seconds
        s.send("y");
        s.skipTo(610000);
        s.check(!s.engine().isDead(), "a minute is not over");
        s.skipTo(700000);
        s.check(s.engine().isDead(), "now it is");
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineWindow::openedWindowIsTold()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(32, 2), start);
    s.in(0, { push(0, "a"), push(1, "b") });
    s.out(0, ack(1).withUna(2).withWindow(0));
    s.skipTo(100);
    s.receives("a");
    s.out(100, wins().withUna(2).withWindow(1));
    s.receives("b"); // the peer knows already that it is open
    s.quiet(100);
    VERIFY_SCRIPT(s);

    // A window that was never told as closed needs no word.
    Script t(plain(32, 3), start);
    t.in(0, { push(0, "a"), push(1, "b") });
    t.out(0, ack(1).withUna(2).withWindow(1));
    t.receives("a");
    t.receives("b");
    t.quiet(10000);
    VERIFY_SCRIPT(t);
}

void tst_EngineWindow::windowTellIsRepeatedUntilDataComes()
{
    QFETCH_GLOBAL(Start, start);
    {
        Script s(plain(32, 1), start);
        s.in(0, push(0, "a"));
        s.out(0, ack(0).withWindow(0));
        s.receives("a");
        s.out(0, wins().withWindow(1));
        for (const int time : { 200, 600, 1400, 3000 }) // the rto, then twice the time each
            s.out(time, wins().withWindow(1));
        s.in(3010, push(1, "b"));
        s.out(3010, ack(1).withWindow(0));
        s.quiet(20000);
        VERIFY_SCRIPT(s);
    }
    {
        Script s(plain(32, 1), start); // a peer with nothing to say: it is not asked for ever
        s.in(0, push(0, "a"));
        s.out(0, ack(0).withWindow(0));
        s.receives("a");
        s.skipTo(10000);
        s.check(s.engine().stats().datagramsOut <= 7, "a few times");
        s.check(s.engine().pollTimeout() == kcp::Never, "then it is silent");
        VERIFY_SCRIPT(s);
    }
}

void tst_EngineWindow::receiveLimit()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(32, 128), start); // mss 26
    s.engine().setReceiveLimit(60);
    s.in(0, push(0, Full));
    s.out(0, ack(0).withWindow(2)); // 34 bytes are left: two segments
    s.in(1, push(1, Full));
    s.out(1, ack(1).withWindow(1));
    s.in(2, push(2, Full)); // more than the limit, but what was allowed is taken
    s.out(2, ack(2).withWindow(0));
    s.in(3, { push(3, Full), push(4, Full) }); // under way when the window closed: not lost either
    s.out(3, ack(4).withUna(5).withWindow(0));
    s.receives(Full);
    s.receives(Full);
    s.quiet(3); // 78 bytes: still above the limit
    s.receives(Full);
    s.out(3, wins().withWindow(1));
    s.engine().setReceiveLimit(0);
    s.in(4, wask());
    s.out(4, wins().withWindow(126));
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::requestedProbeAndTell()
{
    QFETCH_GLOBAL(Start, start);
    Script s(plain(32, 128), start);
    s.engine().requestProbe();
    s.flush();
    s.out(0, wask().withUna(0).withWindow(128));
    s.quiet(10000); // asked once
    s.engine().requestWindowTell();
    s.flush();
    s.out(10000, wins().withWindow(128));
    s.in(10001, wask());
    s.out(10001, wins());
    s.quiet(20000);
    VERIFY_SCRIPT(s);
}

void tst_EngineWindow::slowReader_data()
{
    QTest::addColumn<double>("loss");
    QTest::newRow("no loss") << 0.0;
    QTest::newRow("20 % loss") << 0.2;
}

// A reader that takes one message each 50 ms: nothing is lost, nothing grows, and the transfer
// takes as long as the reader does.
void tst_EngineWindow::slowReader()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(double, loss);
    EnginePair::Options options;
    options.a = plain(64, 128);
    options.b = plain(64, 8);
    options.link.delay = 10ms;
    options.link.loss = loss;
    options.seed = testSeed(31);
    options.start = start;
    EnginePair pair(options);
    QVERIFY(pair.a().send(pattern(26, 1000)));
    pair.run(500ms);
    constexpr std::uint32_t Count = 200;
    for (std::uint32_t i = 0; i < Count; ++i)
        QVERIFY(pair.a().send(pattern(26, i)));
    nextMessage(pair.b());
    const Duration begin = pair.elapsed();
    for (std::uint32_t i = 0; i < Count; ++i) {
        pair.run(50ms);
        QVERIFY(pair.b().readableBytes() <= 8 * 26);
        if (!pair.b().nextMessageSize())
            QVERIFY(pair.runUntil([&] { return pair.b().nextMessageSize().has_value(); }, 2s));
        QVERIFY(nextMessage(pair.b()) == pattern(26, i));
    }
    QVERIFY(pair.elapsed() - begin < (loss > 0 ? 20s : 11s));
    QVERIFY(!pair.a().isDead());
}

QTEST_APPLESS_MAIN(tst_EngineWindow)

#include "tst_engine_window.moc"
