// SPDX-License-Identifier: MIT
// The module against peers that were written by hand from the protocol page, with real
// cryptography: keys, whole lives of connections, moving.
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

class tst_ProtocolPeers : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void macIsHmac();
    void cookie();
    void tagsAndPathKey();
    void resetToken();
    void challengeAndResponse();

    void handClient();
    void handClientMessages();
    void handServer();
    void handClientMoves();
    void moduleClientMoves();
};

// --- keys -------------------------------------------------------------------------------------

// RFC 4231, test cases 2 and 6, through the module's implementation and the test's.
void tst_ProtocolPeers::macIsHmac()
{
    KcpCrypto crypto;
    const struct
    {
        QByteArray key, label, data, hex;
    } cases[] = {
        { "Jefe", "what do ya want ", "for nothing?",
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { QByteArray(131, '\xaa'), "Test Using Larger Than Block-Size Key", " - Hash Key First",
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    };
    for (const auto &c : cases) {
        QCOMPARE(pageMac(c.key, c.label, c.data).toHex(), c.hex);
        const Crypto::Digest digest = crypto.mac(bytesOf(c.key), bytesOf(c.label), bytesOf(c.data));
        QCOMPARE(QByteArray(reinterpret_cast<const char *>(digest.data()), 32).toHex(), c.hex);
    }
}

void tst_ProtocolPeers::cookie()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.sayHello());
    QHash<QString, QByteArray> values{
        { QStringLiteral("localIp"), pageIp(Bench::ModuleHost) },
        { QStringLiteral("localPort"), littleEndian(Bench::ModulePort, 2) },
        { QStringLiteral("clientIp"), pageIp(Bench::HandHost) },
        { QStringLiteral("clientPort"), littleEndian(Bench::HandPort, 2) },
        { QStringLiteral("clientNonce"), littleEndian(client.nonce, 8) },
        { QStringLiteral("newConv"), littleEndian(client.conv, 4) },
        { QStringLiteral("issued"), littleEndian(client.issued, 4) },
    };
    int matches = 0;
    for (const QByteArray &secret : std::as_const(server.crypto.drawn)) {
        values.insert(QStringLiteral("serverSecret"), secret);
        matches += page().derive(QStringLiteral("cookie"), values) == client.cookie;
    }
    QCOMPARE(matches, 1);
    QVERIFY(server.crypto.drawn.contains(littleEndian(client.conv, 4)));
}

// What the module derives is seen in what it sends and takes; the hand peers derive by the page.
void tst_ProtocolPeers::tagsAndPathKey()
{
    HandSession session;
    session.cookie = QByteArray(32, 'k');
    session.deriveKeys();
    QCOMPARE(session.tagC, pageMac(session.cookie, "kcp1 tag c2s", {}).left(8));
    QCOMPARE(session.tagS, pageMac(session.cookie, "kcp1 tag s2c", {}).left(8));
    QCOMPARE(session.pathKey, pageMac(session.cookie, "kcp1 path", {}));

    Bench bench;
    bench.endpoint.connectTo(bench.now, bench.path(), clientConfig());
    HandServer server(bench);
    QVERIFY(server.accept());
    bench.in(encode::ping(server.conv, server.tagS, 1));
    QCOMPARE(bench.take("PONG"), encode::pong(server.conv, server.tagC, 1).bytes());
    bench.in(encode::pathChallenge(server.conv, "12345678"));
    QCOMPARE(bytesOfField(bench.take("PATH_RESPONSE"), "response"),
             pageMac(server.pathKey, "kcp1 response", "12345678").left(8));
}

void tst_ProtocolPeers::resetToken()
{
    Bench server;
    const QByteArray key = "a key that survives";
    server.endpoint.setAcceptConfig(serverConfig());
    server.endpoint.setResetKey(bytesOf(key));
    HandClient client(server);
    QVERIFY(client.connect());
    const QByteArray expected =
            page().derive(QStringLiteral("resetToken"),
                          { { QStringLiteral("resetKey"), key },
                            { QStringLiteral("conv"), littleEndian(client.conv, 4) },
                            { QStringLiteral("clientIp"), pageIp(Bench::HandHost) },
                            { QStringLiteral("clientPort"), littleEndian(Bench::HandPort, 2) } });
    QCOMPARE(client.resetToken, expected);

    Bench restarted;
    restarted.endpoint.setAcceptConfig(serverConfig());
    restarted.endpoint.setResetKey(bytesOf(key));
    restarted.in(encode::ping(client.conv, client.tagC, 1));
    QCOMPARE(restarted.take("RESET"), encode::reset(client.conv, expected).bytes());
}

void tst_ProtocolPeers::challengeAndResponse()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.connect());
    server.inFrom(3, 50000, encode::ping(client.conv, client.tagC, 1));
    const QByteArray challenge = server.take("PATH_CHALLENGE");
    QCOMPARE(quint32(fieldOf(challenge, "conv")), client.conv);
    const qint64 period = server.now.time_since_epoch()
            / std::chrono::milliseconds(page().constant(QStringLiteral("ChallengePeriod")));
    QHash<QString, QByteArray> values{ { QStringLiteral("conv"), littleEndian(client.conv, 4) },
                                       { QStringLiteral("moves"), littleEndian(0, 4) },
                                       { QStringLiteral("period"),
                                         littleEndian(quint64(period), 4) },
                                       { QStringLiteral("newIp"), pageIp(3) },
                                       { QStringLiteral("newPort"), littleEndian(50000, 2) } };
    int matches = 0;
    for (const QByteArray &secret : std::as_const(server.crypto.drawn)) {
        values.insert(QStringLiteral("pathSecret"), secret);
        matches += page().derive(QStringLiteral("challenge"), values)
                == bytesOfField(challenge, "challenge");
    }
    QCOMPARE(matches, 1);
}

// --- whole lives ------------------------------------------------------------------------------

void tst_ProtocolPeers::handClient()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.sayHello());
    QCOMPARE(server.endpoint.sessionCount(), 0U); // COOKIE costs nothing
    server.in(client.confirm(encode::segment(client.conv, { .ts = 77 }, "hello")));
    QVERIFY(client.takeAccept());
    QCOMPARE(fieldOf(client.accept, "clientNonce"), client.nonce);
    QCOMPARE(fieldOf(client.accept, "mode"), 0U);
    QCOMPARE(fieldOf(client.accept, "mtu"), 1400U);

    // ACCEPT has the ACK of the early segment behind it.
    const QByteArray ack = bytesOfField(client.accept, "segments");
    QCOMPARE(ack.size(), 24);
    QCOMPARE(quint32(fieldOf(ack, "conv")), client.conv);
    QCOMPARE(fieldOf(ack, "cmd"), 82U);
    QCOMPARE(fieldOf(ack, "ts"), 77U);
    QCOMPARE(fieldOf(ack, "sn"), 0U);
    QCOMPARE(fieldOf(ack, "una"), 1U);
    const Event *accepted = server.find(Type::Accepted);
    QVERIFY(accepted);
    const SessionId id = accepted->session;
    QCOMPARE(server.readAll(id), QByteArray("hello"));

    // Later segments come and go bare.
    server.in(encode::segment(client.conv, { .ts = 78, .sn = 1 }, " world"));
    const QByteArray secondAck = server.takeSegments();
    QCOMPARE(fieldOf(secondAck, "sn"), 1U);
    QCOMPARE(fieldOf(secondAck, "ts"), 78U);
    QVERIFY(server.endpoint.write(id, bytesOf("answer")));
    const QByteArray push = server.takeSegments();
    QCOMPARE(fieldOf(push, "cmd"), 81U);
    QCOMPARE(bytesOfField(push, "data"), QByteArray("answer"));
    server.in(encode::segment(
            client.conv, { .cmd = 82, .ts = quint32(fieldOf(push, "ts")), .sn = 0, .una = 1 }));
    QCOMPARE(server.endpoint.session(id)->unacknowledgedBytes(), std::size_t(0));

    server.in(encode::ping(client.conv, client.tagC, 1));
    QCOMPARE(server.take("PONG"), encode::pong(client.conv, client.tagS, 1).bytes());
    server.in(encode::datagram(client.conv, client.tagC, 1, "loose"));
    std::vector<std::uint8_t> payload;
    QVERIFY(server.endpoint.readDatagram(id, payload));
    QCOMPARE(std::string(payload.begin(), payload.end()), std::string("loose"));
    QVERIFY(server.endpoint.sendDatagram(id, bytesOf("back")));
    QCOMPARE(server.take("DATAGRAM"),
             encode::datagram(client.conv, client.tagS, 1, "back").bytes());

    server.in(encode::close(client.conv, client.tagC, 42, "done"));
    QCOMPARE(server.take("CLOSE_ACK"), encode::closeAck(client.conv, client.tagS).bytes());
    QVERIFY(isClosed(server, id, CloseReason::RemoteClose));
    QCOMPARE(server.readAll(id), QByteArray(" world"));
    QVERIFY(server.sent.isEmpty());
    QCOMPARE(server.endpoint.sessionCount(), 0U);
}

void tst_ProtocolPeers::handClientMessages()
{
    AcceptConfig config = serverConfig();
    config.session.mode = Mode::Message;
    Bench server;
    server.endpoint.setAcceptConfig(config);
    HandClient client(server);
    client.parameters.mode = 1;
    QVERIFY(client.connect(encode::segment(client.conv, {})));
    const SessionId id = server.find(Type::Accepted)->session;

    // Two messages and the begin of a third in one segment; its rest in the next.
    const QByteArray large(200, 'm');
    const QByteArray stream = QByteArray("\1a\0", 3) + QByteArray("\xc8\1", 2) + large;
    server.in(encode::segment(client.conv, {}, stream.first(20)));
    server.in(encode::segment(client.conv, { .sn = 1 }, stream.mid(20)));
    std::vector<std::uint8_t> message;
    for (const QByteArray &expected : { QByteArray("a"), QByteArray(), large }) {
        QVERIFY(server.endpoint.readMessage(id, message));
        QCOMPARE(QByteArray(reinterpret_cast<const char *>(message.data()),
                            qsizetype(message.size())),
                 expected);
    }
    server.flush();
    server.sent.clear();
    QVERIFY(server.endpoint.writeMessage(id, bytesOf(large)));
    QCOMPARE(bytesOfField(server.takeSegments(), "data"), QByteArray("\xc8\1", 2) + large);
}

void tst_ProtocolPeers::handServer()
{
    Bench client;
    const SessionId id = client.endpoint.connectTo(client.now, client.path(), clientConfig());
    QVERIFY(client.endpoint.write(id, bytesOf("request")));
    HandServer server(client);
    QVERIFY(server.takeHello());
    QCOMPARE(server.hello.size(), 256);
    QCOMPARE(server.hello, encode::hello(server.nonce).bytes());
    QVERIFY(client.endpoint.session(id)->state() == Session::State::Connecting);
    server.giveCookie();
    QVERIFY(client.find(Type::Connected));
    QVERIFY(server.takeConfirm());
    QCOMPARE(fieldOf(server.confirm, "length"), 13U);
    const QByteArray push = bytesOfField(server.confirm, "segments");
    QCOMPARE(fieldOf(push, "cmd"), 81U);
    QCOMPARE(fieldOf(push, "frg"), 0U);
    QCOMPARE(bytesOfField(push, "data"), QByteArray("request"));

    server.giveAccept(encode::segment(server.conv,
                                      { .cmd = 82, .ts = quint32(fieldOf(push, "ts")), .una = 1 })
                      + encode::segment(server.conv, { .ts = 5, .una = 1 }, "answer"));
    QCOMPARE(client.readAll(id), QByteArray("answer"));
    QCOMPARE(fieldOf(client.takeSegments(), "ts"), 5U); // a bare ACK: the handshake is over

    client.in(encode::ping(server.conv, server.tagS, 1));
    QCOMPARE(client.take("PONG"), encode::pong(server.conv, server.tagC, 1).bytes());
    client.in(encode::datagram(server.conv, server.tagS, 1, "loose"));
    std::vector<std::uint8_t> payload;
    QVERIFY(client.endpoint.readDatagram(id, payload));
    QVERIFY(client.endpoint.sendDatagram(id, bytesOf("back")));
    QCOMPARE(client.take("DATAGRAM"),
             encode::datagram(server.conv, server.tagC, 1, "back").bytes());

    client.endpoint.close(client.now, id, 7, "bye");
    QCOMPARE(client.take("CLOSE"), encode::close(server.conv, server.tagC, 7, "bye").bytes());
    client.in(encode::closeAck(server.conv, server.tagS));
    client.flush();
    QVERIFY(isClosed(client, id, CloseReason::LocalClose));
    QVERIFY(client.sent.isEmpty());
}

void tst_ProtocolPeers::handClientMoves()
{
    Bench server;
    server.endpoint.setAcceptConfig(serverConfig());
    HandClient client(server);
    QVERIFY(client.connect());
    const SessionId id = server.find(Type::Accepted)->session;
    const auto response = [&](const QByteArray &challenge) {
        return encode::pathResponse(client.conv,
                                    page().derive(QStringLiteral("response"),
                                                  { { QStringLiteral("pathKey"), client.pathKey },
                                                    { QStringLiteral("challenge"),
                                                      bytesOfField(challenge, "challenge") } }));
    };
    server.inFrom(3, 50000, encode::segment(client.conv, {}, "moved"));
    const QByteArray challenge = server.take("PATH_CHALLENGE");
    QVERIFY(!challenge.isEmpty());
    QCOMPARE(server.endpoint.session(id)->readableBytes(), std::size_t(0));

    // From elsewhere the right response is worth nothing.
    server.inFrom(4, 50000, response(challenge));
    server.in(response(challenge));
    QVERIFY(server.endpoint.session(id)->path().peer
            == hostAddress(Bench::HandHost, Bench::HandPort));
    QVERIFY(server.take("ACCEPT").isEmpty());

    server.inFrom(3, 50000, response(challenge));
    QVERIFY(server.endpoint.session(id)->path().peer == hostAddress(3, 50000));
    const QByteArray oldToken = client.resetToken;
    QVERIFY(client.takeAccept());
    QVERIFY(client.resetToken != oldToken);
    QVERIFY(server.find(Type::PeerAddressChanged));

    // Nor later, from the old address: the session has moved since.
    server.in(encode::ping(client.conv, client.tagC, 1));
    const QByteArray back = server.take("PATH_CHALLENGE");
    server.inFrom(3, 50000, encode::ping(client.conv, client.tagC, 2));
    QVERIFY(!server.take("PONG").isEmpty());
    QVERIFY(!back.isEmpty());
    server.in(response(challenge));
    QVERIFY(server.endpoint.session(id)->path().peer == hostAddress(3, 50000));
}

void tst_ProtocolPeers::moduleClientMoves()
{
    Bench client;
    const SessionId id = client.endpoint.connectTo(client.now, client.path(), clientConfig());
    HandServer server(client);
    QVERIFY(server.accept());
    client.advance(1s);
    client.sent.clear();
    const kcp::Instant moved = client.now;
    client.endpoint.rebind(client.now, id, client.path());
    client.advance(5s);
    QList<qint64> times;
    for (const Bench::Sent &sent : std::as_const(client.sent)) {
        QCOMPARE(sent.type(), quint8(0xa5));
        times.append((sent.time - moved) / 1ms);
    }
    QCOMPARE(times, (QList<qint64>{ 0, 250, 750, 1750, 3750 }));
    const quint32 sequence = quint32(fieldOf(client.sent.constLast().data, "sequence"));
    QCOMPARE(sequence, 5U);
    client.in(encode::pong(server.conv, server.tagS, sequence));
    client.sent.clear();
    client.advance(60s);
    QVERIFY(client.sent.isEmpty());
}

QTEST_APPLESS_MAIN(tst_ProtocolPeers)

#include "tst_protocol_peers.moc"
