// SPDX-License-Identifier: MIT
// The rules of the protocol page, one by one, with a peer that was written by hand from it: when
// things are sent again, what is taken and what is not, what strangers get.
#include "handpeer.h"

#include <QtTest/QtTest>

using namespace kcpnet;
using Type = Event::Type;

namespace {

const ProtocolPage &page()
{
    return ProtocolPage::instance();
}

SessionConfig clientConfig()
{
    SessionConfig config;
    config.engine.nodelay = 1;
    return config;
}

AcceptConfig serverConfig()
{
    AcceptConfig config;
    config.session = clientConfig();
    return config;
}

bool isClosed(const Bench &bench, SessionId id, CloseReason reason)
{
    for (const Event &event : bench.events) {
        if (event.type == Type::Closed && event.session == id)
            return event.reason == reason;
    }
    return false;
}

} // namespace

class tst_ProtocolRules : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void helloTimes();
    void confirmTimes();
    void closeTimes();
    void acceptTimesAfterAMove();
    void cookieAge_data();
    void cookieAge();
    void earlySegments();
    void replayedPingIsNotAnswered();
    void datagramWindow();
    void smallMtuOfTheClient();
    void closeOfATombstone();
    void resetForTheForgotten_data();
    void resetForTheForgotten();
    void answersAreNotLarger();
    void refusals_data();
    void refusals();
};

// --- times ------------------------------------------------------------------------------------

void tst_ProtocolRules::helloTimes()
{
    Bench client;
    const kcp::Instant start = client.now;
    const SessionId id = client.endpoint.connectTo(client.now, client.path(), clientConfig());
    client.advance(20s);
    QList<qint64> times;
    for (const Bench::Sent &sent : std::as_const(client.sent)) {
        QCOMPARE(sent.type(), quint8(0xa0));
        QCOMPARE(sent.data, client.sent.constFirst().data);
        times.append((sent.time - start) / 1ms);
    }
    QCOMPARE(times, (QList<qint64>{ 0, 250, 750, 1750, 3750, 5750, 7750, 9750 }));
    QVERIFY(isClosed(client, id, CloseReason::ConnectTimeout));
}

void tst_ProtocolRules::confirmTimes()
{
    Bench client;
    client.endpoint.connectTo(client.now, client.path(), clientConfig());
    HandServer server(client);
    QVERIFY(server.takeHello());
    server.giveCookie();
    const kcp::Instant start = client.now;
    client.advance(3s);
    QList<std::pair<int, qint64>> frames;
    for (const Bench::Sent &sent : std::as_const(client.sent))
        frames.append({ sent.type(), (sent.time - start) / 1ms });
    QCOMPARE(frames,
             (QList<std::pair<int, qint64>>{ { 0xa2, 0 },
                                             { 0xa2, 250 },
                                             { 0xa2, 750 },
                                             { 0xa0, 1750 },
                                             { 0xa0, 2000 },
                                             { 0xa0, 2500 } }));
    // The next attempt has the next number and the same 56 bits.
    const quint64 next = fieldOf(client.sent.at(3).data, "clientNonce");
    QCOMPARE(next >> 8, server.nonce >> 8);
    QCOMPARE(quint8(next), quint8(server.nonce + 1));
    // An expired cookie does the same, at once.
    client.sent.clear();
    server.nonce = next;
    ++server.conv;
    server.giveCookie();
    QVERIFY(server.takeConfirm());
    client.in(encode::refuse(next, 5));
    QVERIFY(server.takeHello());
    QCOMPARE(quint8(server.nonce), quint8(next + 1));
}

void tst_ProtocolRules::closeTimes()
{
    Bench client;
    const SessionId id = client.endpoint.connectTo(client.now, client.path(), clientConfig());
    HandServer server(client);
    QVERIFY(server.accept());
    const kcp::Instant start = client.now;
    client.endpoint.close(client.now, id);
    client.advance(20s);
    QList<qint64> times;
    for (const Bench::Sent &sent : std::as_const(client.sent)) {
        QCOMPARE(sent.type(), quint8(0xaa));
        times.append((sent.time - start) / 1ms);
    }
    // The retransmission timeout is 200 ms before anything was measured.
    QCOMPARE(times.first(4), (QList<qint64>{ 0, 400, 1200, 2200 }));
    QVERIFY(times.constLast() < page().constant(QStringLiteral("LingerTime")));
    QVERIFY(isClosed(client, id, CloseReason::LocalClose));
}

void tst_ProtocolRules::acceptTimesAfterAMove()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.connect());
    server.inFrom(3, 50000, encode::ping(client.conv, client.tagC, 1));
    const QByteArray challenge = server.take("PATH_CHALLENGE");
    const kcp::Instant moved = server.now;
    server.inFrom(3, 50000,
                  encode::pathResponse(client.conv,
                                       pageMac(client.pathKey, "kcp1 response",
                                               bytesOfField(challenge, "challenge"))
                                               .left(8)));
    // A server that has not heard the client since ACCEPT speaks to it only behind ACCEPT.
    server.inFrom(3, 50000, encode::ping(client.conv, client.tagC, 2));
    server.advance(10s);
    QList<qint64> times;
    for (const Bench::Sent &sent : std::as_const(server.sent)) {
        if (sent.type() == 0xa3)
            times.append((sent.time - moved) / 1ms);
    }
    QCOMPARE(times, (QList<qint64>{ 0, 250, 750 }));
}

void tst_ProtocolRules::cookieAge_data()
{
    const qint64 life = page().constant(QStringLiteral("CookieLife"));
    QTest::addColumn<qint64>("age");
    QTest::addColumn<bool>("accepted");
    QTest::newRow("new") << qint64(0) << true;
    QTest::newRow("old") << life << true;
    QTest::newRow("too old") << life + 1 << false;
}

void tst_ProtocolRules::cookieAge()
{
    QFETCH(qint64, age);
    QFETCH(bool, accepted);
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.sayHello());
    server.now += std::chrono::milliseconds(age);
    server.in(client.confirm());
    QCOMPARE(client.takeAccept(), accepted);
    if (!accepted)
        QCOMPARE(server.take("REFUSE"), encode::refuse(client.nonce, 5).bytes());
}

// --- what is taken, and what is not -----------------------------------------------------------

void tst_ProtocolRules::earlySegments()
{
    Bench client;
    const SessionId id = client.endpoint.connectTo(client.now, client.path(), clientConfig());
    HandServer server(client);
    QVERIFY(server.takeHello());
    server.giveCookie();
    const int held = int(page().constant(QStringLiteral("MaximumEarly")));
    for (int i = 0; i <= held; ++i)
        client.in(encode::segment(server.conv, { .sn = quint32(i) }, "x"));
    QVERIFY(client.readAll(id).isEmpty());
    server.giveAccept();
    QCOMPARE(client.readAll(id), QByteArray(held, 'x'));
}

void tst_ProtocolRules::replayedPingIsNotAnswered()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.connect());
    server.in(encode::ping(client.conv, client.tagS, 1)); // reflected
    QVERIFY(server.take("PONG").isEmpty());
    for (const auto &[sequence, answered] :
         { std::pair(2U, true), std::pair(2U, false), std::pair(1U, false), std::pair(3U, true) }) {
        server.in(encode::ping(client.conv, client.tagC, sequence));
        QCOMPARE(!server.take("PONG").isEmpty(), answered);
    }
}

void tst_ProtocolRules::datagramWindow()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.connect());
    const SessionId id = server.find(Type::Accepted)->session;
    std::vector<std::uint8_t> payload;
    for (const auto &[sequence, delivered] :
         { std::pair(100U, true), std::pair(100U, false), std::pair(37U, true),
           std::pair(36U, false), std::pair(37U, false), std::pair(99U, true),
           std::pair(200U, true), std::pair(137U, true), std::pair(136U, false) }) {
        server.in(encode::datagram(client.conv, client.tagC, sequence, "d"));
        QCOMPARE(server.endpoint.readDatagram(id, payload), delivered);
    }
}

void tst_ProtocolRules::smallMtuOfTheClient()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    client.parameters.mtu = 300;
    QVERIFY(client.connect());
    const SessionId id = server.find(Type::Accepted)->session;
    QVERIFY(server.endpoint.write(id, std::vector<std::uint8_t>(5000)));
    server.advance(1s);
    QVERIFY(server.sent.size() >= 4);
    for (const Bench::Sent &sent : std::as_const(server.sent)) {
        QCOMPARE(sent.type(), quint8(0xa3)); // with ACCEPT in front, and not larger for that
        QVERIFY2(sent.data.size() <= 300, qPrintable(QString::number(sent.data.size())));
    }
}

void tst_ProtocolRules::closeOfATombstone()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.connect());
    const QByteArray close = encode::close(client.conv, client.tagC, 0);
    const qint64 life = page().constant(QStringLiteral("TombstoneLife"));
    server.in(close);
    QVERIFY(!server.take("CLOSE_ACK").isEmpty());
    server.now += std::chrono::milliseconds(life - 1);
    server.in(close);
    QCOMPARE(server.take("CLOSE_ACK"), encode::closeAck(client.conv, client.tagS).bytes());
    server.in(encode::close(client.conv, client.tagS, 0));
    QVERIFY(server.take("CLOSE_ACK").isEmpty());
    // A client that has heard nothing of it must not begin again.
    server.in(client.confirm());
    QCOMPARE(server.take("CLOSE"), encode::close(client.conv, client.tagS, 0xffffffff).bytes());
    server.now += 1ms;
    server.in(close);
    server.flush();
    QVERIFY(server.sent.isEmpty());
}

void tst_ProtocolRules::resetForTheForgotten_data()
{
    QTest::addColumn<QByteArray>("datagram");
    QTest::addColumn<bool>("answered");
    const QByteArray tag(8, 't');
    QTest::newRow("segment") << QByteArray(encode::segment(9, { .sn = 5, .una = 5 })) << true;
    QTest::newRow("PING") << QByteArray(encode::ping(9, tag, 1)) << true;
    QTest::newRow("COOKIE") << QByteArray(encode::cookie(1, 9, 1, QByteArray(32, 'c'))) << false;
    QTest::newRow("ACCEPT") << QByteArray(encode::accept(9, tag, 1, {}, tag + tag)) << false;
    QTest::newRow("REFUSE") << QByteArray(encode::refuse(1, 1)) << false;
    QTest::newRow("PONG") << QByteArray(encode::pong(9, tag, 1)) << false;
    QTest::newRow("DATAGRAM") << QByteArray(encode::datagram(9, tag, 1, "d")) << false;
    QTest::newRow("PATH_CHALLENGE") << QByteArray(encode::pathChallenge(9, tag)) << false;
    QTest::newRow("PATH_RESPONSE") << QByteArray(encode::pathResponse(9, tag)) << false;
    QTest::newRow("CLOSE") << QByteArray(encode::close(9, tag, 0)) << false;
    QTest::newRow("CLOSE_ACK") << QByteArray(encode::closeAck(9, tag)) << false;
    QTest::newRow("RESET") << QByteArray(encode::reset(9, tag + tag)) << false;
}

void tst_ProtocolRules::resetForTheForgotten()
{
    QFETCH(QByteArray, datagram);
    QFETCH(bool, answered);
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    server.in(datagram);
    QCOMPARE(!server.take("RESET").isEmpty(), answered);
    QVERIFY(server.sent.isEmpty());
    // A client has nobody to reset.
    Bench client;
    client.in(datagram);
    client.flush();
    QVERIFY(client.sent.isEmpty());
}

// Strangers' least datagrams, and what they get for them.
void tst_ProtocolRules::answersAreNotLarger()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.connect());
    server.sent.clear();
    const QByteArray datagrams[] = {
        encode::hello(0xff00),
        encode::hello(0xff00, 1),
        encode::hello(0xff00, 0, 0, 2),
        encode::confirm(9, 0xff00, 1, QByteArray(32, 'c'), {}),
        encode::segment(9, {}),
        encode::ping(9, QByteArray(8, 't'), 1),
        encode::segment(client.conv, {}),
        encode::ping(client.conv, client.tagC, 1),
        encode::pong(client.conv, client.tagC, 1),
        encode::datagram(client.conv, client.tagC, 1, {}),
        encode::close(client.conv, client.tagC, 0),
        encode::closeAck(client.conv, client.tagC),
    };
    for (const QByteArray &datagram : datagrams) {
        server.inFrom(9, 9999, datagram);
        server.flush();
        QCOMPARE(server.sent.size(), 1);
        QVERIFY(server.sent.constFirst().path.peer == hostAddress(9, 9999));
        QVERIFY(server.sent.takeFirst().data.size() <= datagram.size());
    }
    server.inFrom(9, 9999, QByteArray(encode::hello(0xff00)).chopped(1));
    server.flush();
    QVERIFY(server.sent.isEmpty());
}

void tst_ProtocolRules::refusals_data()
{
    QTest::addColumn<int>("reason");
    const PageTable &table = page().table(QStringLiteral("REFUSE reasons"));
    for (const QStringList &row : table.rows) {
        if (table.cell(row, QStringLiteral("Name")) != QStringLiteral("CookieExpired"))
            QTest::newRow(qPrintable(table.cell(row, QStringLiteral("Name"))))
                    << table.cell(row, QStringLiteral("Reason")).toInt();
    }
}

// Of a HELLO, and, unless it is the version's, of a CONFIRM whose COOKIE came just before.
void tst_ProtocolRules::refusals()
{
    QFETCH(int, reason);
    AcceptConfig config = serverConfig();
    Bench server;
    server.endpoint.setAcceptConfig(config);
    HandClient other(server);
    other.nonce = 0xaa00;
    QVERIFY(other.connect());
    HandClient client(server);
    QVERIFY(client.sayHello());
    switch (Refusal(reason)) {
    case Refusal::Full:
        config.maximumConnections = 1;
        break;
    case Refusal::NotAccepting:
        config.accepting = false;
        break;
    case Refusal::Mode:
        config.session.mode = Mode::Message;
        break;
    case Refusal::AddressLimit:
        config.maximumConnectionsPerAddress = 1;
        break;
    default:
        break;
    }
    server.endpoint.setAcceptConfig(config);
    const quint8 version = Refusal(reason) == Refusal::Version ? 2 : 1;
    const QByteArray refusal = encode::refuse(client.nonce, quint16(reason),
                                              version == 2 ? QByteArray("\1\1", 2) : QByteArray());
    server.in(encode::hello(client.nonce, 0, 0, version));
    QCOMPARE(server.take("REFUSE"), refusal);
    if (version == 1) {
        server.in(client.confirm());
        QCOMPARE(server.take("REFUSE"), refusal);
    }
    QCOMPARE(server.endpoint.sessionCount(), 1U);

    // And a client that is told so.
    Bench refused;
    const SessionId id = refused.endpoint.connectTo(refused.now, refused.path(), clientConfig());
    HandServer hand(refused);
    QVERIFY(hand.takeHello());
    refused.in(encode::refuse(hand.nonce + 1, quint16(reason))); // not its nonce
    QVERIFY(refused.endpoint.session(id)->state() == Session::State::Connecting);
    refused.in(encode::refuse(hand.nonce, quint16(reason), {}, version));
    const Event *closed = refused.find(Type::Closed);
    QVERIFY(closed);
    QVERIFY(closed->reason == CloseReason::Refused);
    QCOMPARE(int(closed->refusal), reason);
}

QTEST_APPLESS_MAIN(tst_ProtocolRules)

#include "tst_protocol_rules.moc"
