// SPDX-License-Identifier: MIT
// What the fuzzers of tests/fuzz found, each as a test that says what was wrong.
#include "messageframer.h"
#include "testnetwork.h"
#include "testsegment.h"

#include <kcp/engine.h>

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

namespace {

constexpr kcp::Instant Start = kcp::instantFromMicroseconds(1000000);

void deliver(kcp::Engine &engine, const kcptest::Packet &packet)
{
    engine.handleDatagram(Start, kcptest::encode(packet));
}

std::size_t transmit(kcp::Engine &engine)
{
    std::vector<std::uint8_t> buffer(engine.maximumTransmitSize());
    return engine.pollTransmit(Start, buffer);
}

std::string read(kcp::Engine &engine, std::size_t size)
{
    std::string text(size, '?');
    text.resize(engine.read({ reinterpret_cast<std::uint8_t *>(text.data()), size }));
    return text;
}

std::string receiveMessage(kcp::Engine &engine)
{
    std::string text(engine.nextMessageSize().value_or(0), '?');
    const auto size =
            engine.receiveMessage({ reinterpret_cast<std::uint8_t *>(text.data()), text.size() });
    return size == text.size() ? text : "none";
}

} // namespace

class tst_FuzzFindings : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void emptySegmentsDoNotFillTheAckList();
    void waitingAcksDoNotWaitForEver();
    void brokenMessageBehindACompleteOne();
    void halfReadMessage();
    void halfReadMessageThatIsBroken();
    void halfReadSegmentAndAnotherMode();
    void readableIsTheReceiversMode();
    void splitLengthLeavesTheWindowOpen();
    void earlySegmentsAreTakenToo();
    void lateNativeSegmentsOpenNoPlainSession();
};

// Empty segments take no room in the window of a stream, so that the window did not bound how many
// ACKs waited.
void tst_FuzzFindings::emptySegmentsDoNotFillTheAckList()
{
    kcp::Config config;
    config.stream = true;
    config.receiveWindow = 8;
    config.acksAreDelayed = true;
    kcp::Engine engine(config);
    for (std::uint32_t sn = 0; sn < 30000; sn += 3) {
        // Those that are early keep their ACKs.
        for (const std::uint32_t next : { sn + 1, sn + 2, sn })
            deliver(engine, kcptest::push(next));
    }
    QVERIFY2(engine.pendingAcks() < 1000, qPrintable(QString::number(engine.pendingAcks())));
}

// ACKs that were to leave at once got no deadline when a delay was switched on before they left.
void tst_FuzzFindings::waitingAcksDoNotWaitForEver()
{
    kcp::Engine engine(kcp::Config{});
    deliver(engine, kcptest::push(0, "a"));
    engine.setAcksAreDelayed(true);
    QVERIFY(engine.pollTimeout() != kcp::Never);
    QCOMPARE(transmit(engine), std::size_t(24));
    QVERIFY(engine.pollTimeout() == kcp::Never);
}

// The slots of the broken message stayed in front: something was readable, but nothing could be
// read, and the window stayed that much smaller.
void tst_FuzzFindings::brokenMessageBehindACompleteOne()
{
    kcp::Engine engine(kcp::Config{});
    deliver(engine, kcptest::push(0, "whole"));
    deliver(engine, kcptest::push(1, "first of three").withFragment(2));
    deliver(engine, kcptest::push(2, "first of four").withFragment(3));
    QCOMPARE(receiveMessage(engine), "whole");
    QVERIFY(!engine.isReadable());
    QVERIFY(!engine.nextMessageSize());
    QCOMPARE(engine.advertisedWindow(), 128U);
}

// read() ignores the borders of messages. What it had taken a part of was given out again, whole,
// and the counters went below zero.
void tst_FuzzFindings::halfReadMessage()
{
    kcp::Engine engine(kcp::Config{});
    deliver(engine, kcptest::push(0, "hello"));
    deliver(engine, kcptest::push(1, "wor").withFragment(1));
    deliver(engine, kcptest::push(2, "ld"));
    QCOMPARE(read(engine, 2), "he");
    QCOMPARE(engine.nextMessageSize(), std::optional<std::size_t>(3));
    QCOMPARE(receiveMessage(engine), "llo");
    QCOMPARE(read(engine, 1), "w");
    QCOMPARE(receiveMessage(engine), "orld");
    QCOMPARE(engine.readableBytes(), std::size_t(0));
    QCOMPARE(engine.heldBytes(), std::size_t(0));
}

void tst_FuzzFindings::halfReadMessageThatIsBroken()
{
    kcp::Engine engine(kcp::Config{});
    deliver(engine, kcptest::push(0, "broken").withFragment(2));
    QCOMPARE(read(engine, 3), "bro");
    deliver(engine, kcptest::push(1, "whole"));
    QCOMPARE(engine.heldBytes(), std::size_t(5));
    QCOMPARE(receiveMessage(engine), "whole");
    QCOMPARE(engine.heldBytes(), std::size_t(0));
}

void tst_FuzzFindings::halfReadSegmentAndAnotherMode()
{
    kcp::Config config;
    config.stream = true;
    kcp::Engine engine(config);
    deliver(engine, kcptest::push(0, "hello").withFragment(1));
    deliver(engine, kcptest::push(1, "world"));
    QCOMPARE(read(engine, 4), "hell");
    engine.setStream(false);
    QCOMPARE(engine.nextMessageSize(), std::optional<std::size_t>(6));
    QCOMPARE(receiveMessage(engine), "oworld");
    QCOMPARE(engine.heldBytes(), std::size_t(0));
    QCOMPARE(engine.advertisedWindow(), 128U);
}

// The mode of sending decided whether there was something to receive.
void tst_FuzzFindings::readableIsTheReceiversMode()
{
    kcp::Engine engine(kcp::Config{});
    engine.setSendStream(true);
    deliver(engine, kcptest::push(0, "first").withFragment(1));
    QVERIFY(!engine.isReadable());
    deliver(engine, kcptest::push(1, "last"));
    QVERIFY(engine.isReadable());
}

// The first byte of a length of two stayed in the engine. With a window of one segment the second
// could never come.
void tst_FuzzFindings::splitLengthLeavesTheWindowOpen()
{
    kcp::Config config;
    config.stream = true;
    config.receiveWindow = 1;
    kcp::Engine engine(config);
    MessageFramer framer(1000, 1000);
    deliver(engine, kcptest::push(0, "\x80"));
    QVERIFY(framer.pump(engine));
    QCOMPARE(engine.advertisedWindow(), 1U);
    deliver(engine, kcptest::push(1, "\x01"));
    QVERIFY(framer.pump(engine));
    deliver(engine, kcptest::push(2, std::string(128, 'x')));
    QVERIFY(framer.pump(engine));
    QCOMPARE(framer.nextSize(), std::optional<std::size_t>(128));
}

// What moved up while a part of a message was read was left where it was: the window stayed closed,
// with nothing for the application to read.
void tst_FuzzFindings::earlySegmentsAreTakenToo()
{
    kcp::Config config;
    config.stream = true;
    config.receiveWindow = 2;
    kcp::Engine engine(config);
    MessageFramer framer(1000, 1); // full with one message
    deliver(engine,
            kcptest::push(0,
                          "\x01"
                          "a"
                          "\x64"
                          "0123456789"));
    QVERIFY(framer.pump(engine));
    for (std::uint32_t sn = 1; sn < 4; ++sn)
        deliver(engine, kcptest::push(sn, "0123456789"));
    QCOMPARE(engine.advertisedWindow(), 0U);
    std::vector<std::uint8_t> message;
    QVERIFY(framer.take(message));
    QVERIFY(framer.pump(engine));
    QVERIFY(!framer.hasMessage());
    QCOMPARE(engine.advertisedWindow(), 2U);
}

// A server of both profiles took a late segment of a native session that had ended for the first
// of a plain one.
void tst_FuzzFindings::lateNativeSegmentsOpenNoPlainSession()
{
    TestNetwork network;
    Node &server = network.add(address(1, 1000));
    Node &client = network.add(address(2, 2000));
    AcceptConfig accept;
    accept.profiles = static_cast<std::uint8_t>(Profile::Native)
            | static_cast<std::uint8_t>(Profile::PlainKcp);
    server->setAcceptConfig(accept);

    const SessionId id = client.connectTo(server, SessionConfig());
    network.run(1s);
    client->write(id, view("bare segments, since ACCEPT has come"));
    network.run(1s);
    const SessionId accepted = server.accepted();
    QVERIFY(!accepted.isNull());
    std::optional<TestNetwork::Packet> push;
    for (const TestNetwork::Packet &packet : network.captured) {
        if (packet.type() == kcptest::PushCommand && packet.from == client.where)
            push = packet;
    }
    QVERIFY(push.has_value());

    server->abort(network.now, accepted);
    network.run(1s);
    QCOMPARE(server->sessionCount(), 0U);
    server->handleDatagram(network.now, { push->to, push->from }, push->data);
    QCOMPARE(server->sessionCount(), 0U);
    QCOMPARE(server.count(Type::Accepted), 1);
}

QTEST_APPLESS_MAIN(tst_FuzzFindings)
#include "tst_fuzz_findings.moc"
