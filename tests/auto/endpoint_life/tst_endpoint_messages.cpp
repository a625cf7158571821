// SPDX-License-Identifier: MIT
// Messages and unreliable datagrams of native sessions.
#include "nativepair.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

namespace {

struct MessagePair : NativePair
{
    MessagePair()
    {
        accept = nativeServer();
        accept.session.mode = Mode::Message;
        server->setAcceptConfig(accept);
        config = nativeConfig();
        config.mode = Mode::Message;
    }
    AcceptConfig accept;
    SessionConfig config;
};

} // namespace

class tst_EndpointMessages : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase()
    {
        qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(testSeed()));
    }

    void messages();
    void largeMessageThroughSmallWindow();
    void messageTooLarge();
    void brokenMessagePrefix();
    void unreadMessagesAreBounded();
    void datagrams();
    void datagramsAreDeliveredOnce();
    void datagramQueuesAreBounded();
};

void tst_EndpointMessages::messages()
{
    MessagePair p;
    p.connect(p.config);
    p.network.loss = 0.02;
    std::vector<std::vector<std::uint8_t>> sent;
    for (const std::size_t size :
         { 0, 1, 127, 128, 16383, 16384, 0, 1000000, 2097151, 2097152, 1 }) {
        std::vector<std::uint8_t> message(size);
        for (std::uint8_t &byte : message)
            byte = static_cast<std::uint8_t>(p.network.random.next());
        QVERIFY(p.client->writeMessage(p.id, message));
        sent.push_back(std::move(message));
    }
    QVERIFY(!p.client->write(p.id, view("stream")));
    QVERIFY(p.network.run(10min,
                          [&] { return p.server.messagesOf(p.peer).size() == sent.size(); }));
    QVERIFY(p.server.messagesOf(p.peer) == sent);
    // Small ones share segments.
    p.network.loss = 0;
    p.network.captured.clear();
    for (int i = 0; i < 100; ++i)
        p.client->writeMessage(p.id, view("0123456789"));
    p.network.run(1s);
    QCOMPARE(p.network.countFrames(81), std::size_t(1));
}

void tst_EndpointMessages::largeMessageThroughSmallWindow()
{
    MessagePair p;
    p.accept.session.engine.receiveWindow = 16;
    p.server->setAcceptConfig(p.accept);
    p.network.delay = 1ms;
    p.network.capture = false;
    p.connect(p.config);
    p.server->setReceiveLimit(p.peer, 1000); // never blocks the first message
    std::vector<std::uint8_t> message(16 << 20);
    for (std::uint8_t &byte : message)
        byte = static_cast<std::uint8_t>(p.network.random.next());
    QVERIFY(p.client->writeMessage(p.id, message));
    QVERIFY(p.network.run(5min, [&] { return p.server.messagesOf(p.peer).size() == 1; }));
    QVERIFY(p.server.messagesOf(p.peer)[0] == message);
    message.push_back(0);
    QVERIFY(!p.client->writeMessage(p.id, message)); // 16 MiB is what the server takes
}

void tst_EndpointMessages::messageTooLarge()
{
    MessagePair p;
    p.accept.session.maximumMessageSize = 1000;
    p.server->setAcceptConfig(p.accept);
    // Before ACCEPT the limit is not known.
    p.id = p.client.connectTo(p.server, p.config);
    QVERIFY(p.client->writeMessage(p.id, std::vector<std::uint8_t>(1001)));
    p.network.run(1s);
    QVERIFY(p.server.closedWith(CloseReason::ProtocolError));
    QVERIFY(p.client.closedWith(CloseReason::RemoteAbort, p.id));
    QCOMPARE(p.client.find(Type::Closed)->closeCode, 0xfffffffdU);
    p.connect(p.config);
    QCOMPARE(p.client->session(p.id)->maximumMessageSize(), std::size_t(1000));
    QVERIFY(!p.client->writeMessage(p.id, std::vector<std::uint8_t>(1001)));
    QVERIFY(p.client->writeMessage(p.id, std::vector<std::uint8_t>(1000)));
    p.network.run(1s);
    QCOMPARE(p.client.count(Type::Closed, p.id), 0);
}

void tst_EndpointMessages::brokenMessagePrefix()
{
    MessagePair p;
    p.connect(p.config);
    // A length that is not in its shortest form.
    p.network.filter = [](TestNetwork::Packet &packet) {
        if (packet.type() == 81 && packet.data.size() == 24 + 201) {
            packet.data[24] = 0x80;
            packet.data[25] = 0x00;
        }
        return true;
    };
    p.client->writeMessage(p.id, std::vector<std::uint8_t>(199)); // two bytes of length
    p.network.run(1s);
    QVERIFY(p.server.closedWith(CloseReason::ProtocolError, p.peer));
    QVERIFY(p.server.messagesOf(p.peer).empty());
}

void tst_EndpointMessages::unreadMessagesAreBounded()
{
    MessagePair p;
    p.connect(p.config);
    p.server.reads = false;
    p.server->setReceiveLimit(p.peer, 20000);
    for (int i = 0; i < 100; ++i)
        p.client->writeMessage(p.id, std::vector<std::uint8_t>(1000, 1));
    for (int i = 0; i < 10000; ++i)
        p.client->writeMessage(p.id, {}); // empty ones count as well
    p.network.run(20s);
    const Session *session = p.server->session(p.peer);
    QVERIFY(session->pendingMessageBytes() >= 15000);
    QVERIFY(session->pendingMessageBytes() <= 20000);
    std::vector<std::uint8_t> message;
    int count = 0;
    for (int i = 0; i < 2000 && count < 10100; ++i) {
        while (p.server->readMessage(p.peer, message))
            ++count;
        p.network.run(100ms);
    }
    QCOMPARE(count, 10100);
}

void tst_EndpointMessages::datagrams()
{
    NativePair p;
    p.id = p.client.connectTo(p.server, nativeConfig());
    QVERIFY(p.client->sendDatagram(p.id, view("early"))); // waits for ACCEPT
    p.network.run(500ms);
    p.peer = p.server.accepted();
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(1));
    const std::size_t limit = p.client->session(p.id)->maximumDatagramSize();
    QCOMPARE(limit, std::size_t(1400 - 18));
    QVERIFY(!p.client->sendDatagram(p.id, std::vector<std::uint8_t>(limit + 1)));
    QVERIFY(p.client->sendDatagram(p.id, std::vector<std::uint8_t>(limit)));
    QVERIFY(p.server->sendDatagram(p.peer, {}));
    p.network.run(100ms);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)][1].size(), limit);
    QCOMPARE(p.client.datagrams[Node::key(p.id)].size(), std::size_t(1)); // the empty one
    // Not sent again when lost.
    p.network.filter = p.dropAll();
    p.client->sendDatagram(p.id, view("lost"));
    p.network.run(100ms);
    p.network.filter = {};
    p.network.run(5s);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(2));
}

void tst_EndpointMessages::datagramsAreDeliveredOnce()
{
    NativePair p;
    p.connect();
    p.network.jitter = 50ms;
    p.network.duplication = 1;
    for (int i = 0; i < 40; ++i)
        p.client->sendDatagram(p.id, view("d"));
    p.network.run(1s);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(40));
    const auto captured = p.network.captured;
    for (const auto &packet : captured) {
        if (packet.type() == DatagramType)
            p.network.send(packet.from, packet.to, std::vector<std::uint8_t>(packet.data));
    }
    p.network.run(1s);
    QCOMPARE(p.server.datagrams[Node::key(p.peer)].size(), std::size_t(40));
    QVERIFY(p.server->stats().rejectedIn >= 40);
}

void tst_EndpointMessages::datagramQueuesAreBounded()
{
    NativePair p;
    p.connect();
    int taken = 0;
    for (int i = 0; i < 100; ++i)
        taken += p.client->sendDatagram(p.id, view(std::to_string(i)));
    QCOMPARE(taken, 64);
    QCOMPARE(p.client->session(p.id)->datagramsDropped(), 36U);
    // What is not read gives way to what is new.
    p.server.frozen = true;
    p.network.run(100ms);
    for (int i = 100; i < 110; ++i)
        p.client->sendDatagram(p.id, view(std::to_string(i)));
    p.network.run(100ms);
    p.network.thaw(p.server);
    p.network.run(100ms);
    const std::vector<std::string> &got = p.server.datagrams[Node::key(p.peer)];
    QCOMPARE(got.size(), std::size_t(64));
    QVERIFY(got.front() == "10");
    QVERIFY(got.back() == "109");
    QCOMPARE(p.server->session(p.peer)->datagramsDropped(), 10U);
}

QTEST_GUILESS_MAIN(tst_EndpointMessages)
#include "tst_endpoint_messages.moc"
