// SPDX-License-Identifier: MIT
// The frames byte for byte, with an encoder that shares nothing with the product's; the classifier,
// cookies and keys.
#include "cookie.h"
#include "fakecrypto.h"
#include "frames.h"

#include <QtTest/QtTest>

using namespace kcpnet;

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Encoder
{
    Bytes bytes;

    Encoder &number(std::uint64_t value, int size)
    {
        for (int i = 0; i < size; ++i)
            bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        return *this;
    }
    Encoder &header(std::uint32_t conv, int type)
    {
        return number(conv, 4).number(type, 1).number(1, 1);
    }
    Encoder &run(std::uint8_t first, std::size_t count) // first, first + 1, ...
    {
        for (std::size_t i = 0; i < count; ++i)
            bytes.push_back(static_cast<std::uint8_t>(first + i));
        return *this;
    }
    Encoder &zerosTo(std::size_t size)
    {
        bytes.resize(size);
        return *this;
    }
    Encoder &parameters()
    {
        return number(13, 1)
                .number(1400, 2)
                .number(4096, 2)
                .number(1, 1)
                .number(16777216, 4)
                .number(5, 4);
    }
};

template <std::size_t N>
std::array<std::uint8_t, N> run(std::uint8_t first)
{
    std::array<std::uint8_t, N> result;
    for (std::size_t i = 0; i < N; ++i)
        result[i] = static_cast<std::uint8_t>(first + i);
    return result;
}

Parameters someParameters()
{
    return {
        .mtu = 1400, .window = 4096, .mode = 1, .maximumMessageSize = 16777216, .capabilities = 5
    };
}

template <typename Frame>
Bytes written(const Frame &frame)
{
    Bytes buffer(1500, 0xee);
    buffer.resize(frame.write(buffer));
    return buffer;
}

constexpr std::uint64_t Nonce = 0x1122334455667788ULL;
constexpr std::uint32_t Conv = 0xa1b2c3d4;

} // namespace

class tst_SessionFrames : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void hello();
    void cookie();
    void confirm();
    void accept();
    void refuse();
    void pingAndPong();
    void datagram();
    void shortFrames();
    void close();
    void reset();
    void everyTruncation();
    void parametersMayGrow();
    void classifier();
    void tooSmallBuffers();
    void utf8();
    void keys();
    void cookieJar();
    void secretsRotate();
    void cookieTimeWraps();
};

void tst_SessionFrames::hello()
{
    const Bytes expected = Encoder()
                                   .header(0, 0xa0)
                                   .number(Nonce, 8)
                                   .number(0x0102, 2)
                                   .number(1, 1)
                                   .zerosTo(256)
                                   .bytes;
    HelloFrame frame;
    frame.nonce = Nonce;
    frame.flags = 0x0102;
    frame.mode = 1;
    QVERIFY(written(frame) == expected);
    const auto parsed = HelloFrame::parse(expected);
    QVERIFY(parsed && parsed->nonce == Nonce && parsed->flags == 0x0102 && parsed->mode == 1);
    Bytes withConv = expected;
    withConv[0] = 1;
    QVERIFY(!HelloFrame::parse(withConv));
}

void tst_SessionFrames::cookie()
{
    const Bytes expected = Encoder()
                                   .header(0, 0xa1)
                                   .number(Nonce, 8)
                                   .number(Conv, 4)
                                   .number(77, 4)
                                   .run(1, 32)
                                   .bytes;
    CookieFrame frame;
    frame.nonce = Nonce;
    frame.conv = Conv;
    frame.issued = 77;
    frame.cookie = run<32>(1);
    QCOMPARE(expected.size(), std::size_t(54));
    QVERIFY(written(frame) == expected);
    const auto parsed = CookieFrame::parse(expected);
    QVERIFY(parsed && parsed->nonce == Nonce && parsed->conv == Conv && parsed->issued == 77
            && parsed->cookie == run<32>(1));
    frame.conv = 0;
    QVERIFY(!CookieFrame::parse(written(frame)));
}

void tst_SessionFrames::confirm()
{
    Encoder encoder;
    encoder.header(Conv, 0xa2).number(Nonce, 8).number(77, 4).run(1, 32).parameters();
    QCOMPARE(encoder.bytes.size(), std::size_t(64));
    ConfirmFrame frame;
    frame.conv = Conv;
    frame.nonce = Nonce;
    frame.issued = 77;
    frame.cookie = run<32>(1);
    frame.parameters = someParameters();
    QVERIFY(written(frame) == encoder.bytes);
    encoder.run(100, 40); // segments
    const auto parsed = ConfirmFrame::parse(encoder.bytes);
    QVERIFY(parsed && parsed->conv == Conv && parsed->nonce == Nonce && parsed->issued == 77
            && parsed->cookie == run<32>(1) && parsed->parameters == someParameters());
    QCOMPARE(parsed->segments.size(), std::size_t(40));
    QCOMPARE(int(parsed->segments[0]), 100);
}

void tst_SessionFrames::accept()
{
    Encoder encoder;
    encoder.header(Conv, 0xa3).run(9, 8).number(Nonce, 8).parameters().run(50, 16);
    QCOMPARE(encoder.bytes.size(), std::size_t(52));
    AcceptFrame frame;
    frame.conv = Conv;
    frame.tag = run<8>(9);
    frame.nonce = Nonce;
    frame.parameters = someParameters();
    frame.resetToken = run<16>(50);
    QVERIFY(written(frame) == encoder.bytes);
    encoder.run(100, 24);
    const auto parsed = AcceptFrame::parse(encoder.bytes);
    QVERIFY(parsed && parsed->conv == Conv && parsed->tag == run<8>(9) && parsed->nonce == Nonce
            && parsed->parameters == someParameters() && parsed->resetToken == run<16>(50));
    QCOMPARE(parsed->segments.size(), std::size_t(24));
}

void tst_SessionFrames::refuse()
{
    RefuseFrame frame;
    frame.nonce = Nonce;
    frame.reason = 5;
    const Bytes plain = Encoder().header(0, 0xa4).number(Nonce, 8).number(5, 2).bytes;
    QVERIFY(written(frame) == plain);
    frame.reason = 2;
    const Bytes version =
            Encoder().header(0, 0xa4).number(Nonce, 8).number(2, 2).number(1, 1).number(1, 1).bytes;
    QVERIFY(written(frame) == version);
    const auto parsed = RefuseFrame::parse(version);
    QVERIFY(parsed && parsed->nonce == Nonce && parsed->reason == 2);
}

void tst_SessionFrames::pingAndPong()
{
    PingFrame frame;
    frame.conv = Conv;
    frame.tag = run<8>(3);
    frame.sequence = 12;
    const Bytes ping = Encoder().header(Conv, 0xa5).run(3, 8).number(12, 4).zerosTo(48).bytes;
    QVERIFY(written(frame) == ping);
    frame.type = FrameType::Pong;
    const Bytes pong = Encoder().header(Conv, 0xa6).run(3, 8).number(12, 4).bytes;
    QVERIFY(written(frame) == pong);
    const auto parsed = PingFrame::parse(ping);
    QVERIFY(parsed && parsed->conv == Conv && parsed->type == FrameType::Ping
            && parsed->tag == run<8>(3) && parsed->sequence == 12);
    QVERIFY(PingFrame::parse(pong)->type == FrameType::Pong);
}

void tst_SessionFrames::datagram()
{
    const Bytes payload = Encoder().run(60, 5).bytes;
    DatagramFrame frame;
    frame.conv = Conv;
    frame.tag = run<8>(3);
    frame.sequence = 4;
    frame.payload = payload;
    const Bytes expected = Encoder().header(Conv, 0xa7).run(3, 8).number(4, 4).run(60, 5).bytes;
    QVERIFY(written(frame) == expected);
    const auto parsed = DatagramFrame::parse(expected);
    QVERIFY(parsed && parsed->sequence == 4 && parsed->tag == run<8>(3));
    QVERIFY(std::equal(payload.begin(), payload.end(), parsed->payload.begin(),
                       parsed->payload.end()));
}

void tst_SessionFrames::shortFrames()
{
    const std::pair<FrameType, int> types[] = { { FrameType::PathChallenge, 0xa8 },
                                                { FrameType::PathResponse, 0xa9 },
                                                { FrameType::CloseAck, 0xab } };
    for (const auto &[type, number] : types) {
        ShortFrame frame;
        frame.conv = Conv;
        frame.type = type;
        frame.bytes = run<8>(21);
        const Bytes expected = Encoder().header(Conv, number).run(21, 8).bytes;
        QVERIFY(written(frame) == expected);
        const auto parsed = ShortFrame::parse(expected);
        QVERIFY(parsed && parsed->conv == Conv && parsed->type == type
                && parsed->bytes == run<8>(21));
    }
}

void tst_SessionFrames::close()
{
    CloseFrame frame;
    frame.conv = Conv;
    frame.tag = run<8>(3);
    frame.code = 4000000000U;
    frame.text = "bye";
    Encoder encoder;
    encoder.header(Conv, 0xaa).run(3, 8).number(4000000000U, 4);
    encoder.bytes.insert(encoder.bytes.end(), { 'b', 'y', 'e' });
    QVERIFY(written(frame) == encoder.bytes);
    encoder.bytes.resize(18 + 300, 'x');
    const auto parsed = CloseFrame::parse(encoder.bytes);
    QVERIFY(parsed && parsed->code == 4000000000U && parsed->tag == run<8>(3));
    QCOMPARE(parsed->text.size(), std::size_t(256));
}

void tst_SessionFrames::reset()
{
    ResetFrame frame;
    frame.conv = Conv;
    frame.token = run<16>(3);
    const Bytes expected = Encoder().header(Conv, 0xac).run(3, 16).bytes;
    QVERIFY(written(frame) == expected);
    QVERIFY(ResetFrame::parse(expected)->token == run<16>(3));
}

void tst_SessionFrames::everyTruncation()
{
    const auto check = [](const Bytes &whole, auto parse) {
        QVERIFY(parse(whole));
        for (std::size_t size = FrameHeaderSize; size < whole.size(); ++size)
            QVERIFY2(!parse(kcp::ByteView(whole).first(size)), std::to_string(size).c_str());
    };
    check(Encoder().header(0, 0xa0).zerosTo(256).bytes,
          [](kcp::ByteView b) { return HelloFrame::parse(b).has_value(); });
    check(Encoder().header(0, 0xa1).run(1, 48).bytes,
          [](kcp::ByteView b) { return CookieFrame::parse(b).has_value(); });
    check(Encoder().header(1, 0xa2).run(1, 44).parameters().bytes,
          [](kcp::ByteView b) { return ConfirmFrame::parse(b).has_value(); });
    check(Encoder().header(1, 0xa3).run(1, 16).parameters().run(1, 16).bytes,
          [](kcp::ByteView b) { return AcceptFrame::parse(b).has_value(); });
    check(Encoder().header(0, 0xa4).run(1, 10).bytes,
          [](kcp::ByteView b) { return RefuseFrame::parse(b).has_value(); });
    check(Encoder().header(1, 0xa5).run(1, 42).bytes,
          [](kcp::ByteView b) { return PingFrame::parse(b).has_value(); });
    check(Encoder().header(1, 0xa6).run(1, 12).bytes,
          [](kcp::ByteView b) { return PingFrame::parse(b).has_value(); });
    check(Encoder().header(1, 0xa7).run(1, 12).bytes,
          [](kcp::ByteView b) { return DatagramFrame::parse(b).has_value(); });
    check(Encoder().header(1, 0xab).run(1, 8).bytes,
          [](kcp::ByteView b) { return ShortFrame::parse(b).has_value(); });
    check(Encoder().header(1, 0xaa).run(1, 12).bytes,
          [](kcp::ByteView b) { return CloseFrame::parse(b).has_value(); });
    check(Encoder().header(1, 0xac).run(1, 16).bytes,
          [](kcp::ByteView b) { return ResetFrame::parse(b).has_value(); });
}

void tst_SessionFrames::parametersMayGrow()
{
    // A later version adds three bytes of its own.
    Encoder encoder;
    encoder.header(Conv, 0xa2).number(Nonce, 8).number(77, 4).run(1, 32).parameters();
    encoder.bytes[50] = 16;
    encoder.run(200, 3).run(1, 24);
    const auto parsed = ConfirmFrame::parse(encoder.bytes);
    QVERIFY(parsed && parsed->parameters == someParameters());
    QCOMPARE(parsed->segments.size(), std::size_t(24));
    encoder.bytes[50] = 12; // too short
    QVERIFY(!ConfirmFrame::parse(encoder.bytes));
    encoder.bytes[50] = 13;
    encoder.bytes[51] = 49; // an MTU that holds no segment
    encoder.bytes[52] = 0;
    QVERIFY(!ConfirmFrame::parse(encoder.bytes));
}

void tst_SessionFrames::classifier()
{
    for (int type = 0; type < 256; ++type) {
        Bytes bytes = Encoder().header(Conv, type).zerosTo(24).bytes;
        DatagramKind expected = DatagramKind::Malformed;
        if (type >= 81 && type <= 84)
            expected = DatagramKind::Segments;
        else if (type >= 0xa0 && type <= 0xac)
            expected = DatagramKind::Frame;
        QVERIFY(classify(bytes) == expected);
        bytes[5] = 2; // frg of a segment; another version of a frame
        const bool known = type == 0xa0 || type == 0xa4 || expected == DatagramKind::Segments;
        QVERIFY(classify(bytes) == (known ? expected : DatagramKind::Malformed));
    }
    for (std::size_t size = 0; size < 6; ++size)
        QVERIFY(classify(Bytes(size, 0xa5)) == DatagramKind::Malformed);
    QVERIFY(classify(Encoder().header(1, 81).zerosTo(23).bytes) == DatagramKind::Malformed);
}

void tst_SessionFrames::tooSmallBuffers()
{
    ConfirmFrame frame;
    frame.parameters = someParameters();
    for (std::size_t size = 0; size < 64; ++size) {
        Bytes buffer(size);
        QCOMPARE(frame.write(buffer), std::size_t(0));
    }
    Bytes small(17);
    QCOMPARE(HelloFrame().write(small), std::size_t(0));
    QCOMPARE(PingFrame().write(small), std::size_t(0));
}

void tst_SessionFrames::utf8()
{
    const std::pair<std::string, std::string> cases[] = {
        { "plain", "plain" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\xc0\x80", "??" }, // overlong
        { "\xe0\x80\x80", "???" },
        { "\xed\xa0\x80", "???" }, // surrogate
        { "\xf4\x90\x80\x80", "????" }, // beyond Unicode
        { "\xf5", "?" },
        { "a\xe2\x82", "a??" }, // cut
        { "\x80z", "?z" },
    };
    for (const auto &[text, expected] : cases)
        QCOMPARE(QByteArray::fromStdString(validUtf8(text, 256)),
                 QByteArray::fromStdString(expected));
    QVERIFY(validUtf8("\xc3\xa9\xc3\xa9", 3) == "\xc3\xa9");
    QVERIFY(validUtf8("", 3).empty());
}

void tst_SessionFrames::keys()
{
    FakeCrypto crypto(1);
    const Cookie cookie = run<32>(5);
    const auto text = [](std::string_view s) { return kcp::asBytes(s.data(), s.size()); };
    const SessionKeys keys = deriveKeys(crypto, cookie);
    const auto prefix = [](const auto &array, const Crypto::Digest &digest) {
        return std::equal(array.begin(), array.end(), digest.begin());
    };
    QVERIFY(prefix(keys.clientTag, crypto.mac(cookie, text("kcp1 tag c2s"), {})));
    QVERIFY(prefix(keys.serverTag, crypto.mac(cookie, text("kcp1 tag s2c"), {})));
    QVERIFY(keys.pathKey == crypto.mac(cookie, text("kcp1 path"), {}));
    const Bytes resetInput = Encoder()
                                     .number(Conv, 4)
                                     .zerosTo(14)
                                     .number(0xffff, 2)
                                     .number(0x0100000a, 4)
                                     .number(7000, 2)
                                     .bytes;
    QVERIFY(prefix(makeResetToken(crypto, text("key"), Conv, Address::fromIPv4(0x0a000001, 7000)),
                   crypto.mac(text("key"), text("kcp1 reset"), resetInput)));
    const Tag challenge = run<8>(1);
    QVERIFY(prefix(makePathResponse(crypto, keys.pathKey, challenge),
                   crypto.mac(keys.pathKey, text("kcp1 response"), challenge)));
}

namespace {

struct JarTest
{
    FakeCrypto crypto{ 3 };
    CookieJar jar{ &crypto };
    Path path{ Address::fromIPv4(1, 1), Address::fromIPv4(2, 2) };

    ConfirmFrame issue(kcp::Instant now)
    {
        ConfirmFrame confirm;
        confirm.conv = 9;
        confirm.nonce = 8;
        confirm.issued = jar.issueTime(now);
        confirm.cookie = jar.make(now, path, confirm.nonce, confirm.conv, confirm.issued);
        return confirm;
    }
};

kcp::Instant at(std::chrono::milliseconds time)
{
    return kcp::Instant(time);
}

} // namespace

using namespace std::chrono_literals;

void tst_SessionFrames::cookieJar()
{
    JarTest t;
    const ConfirmFrame good = t.issue(at(1s));
    using Check = CookieJar::Check;
    QVERIFY(t.jar.check(at(1s), t.path, good) == Check::Valid);
    QVERIFY(t.jar.check(at(11s), t.path, good) == Check::Valid);
    QVERIFY(t.jar.check(at(11001ms), t.path, good) == Check::Expired);
    QVERIFY(t.jar.check(at(999ms), t.path, good) == Check::Expired); // from the future
    ConfirmFrame bad = good;
    bad.nonce ^= 1;
    QVERIFY(t.jar.check(at(2s), t.path, bad) == Check::Forged);
    bad = good;
    bad.conv ^= 1;
    QVERIFY(t.jar.check(at(2s), t.path, bad) == Check::Forged);
    bad = good;
    bad.issued += 1;
    QVERIFY(t.jar.check(at(2s), t.path, bad) == Check::Forged);
    bad = good;
    bad.cookie[31] ^= 0x80;
    QVERIFY(t.jar.check(at(2s), t.path, bad) == Check::Forged);
    for (Address Path::*side : { &Path::local, &Path::peer }) {
        Path path = t.path;
        (path.*side).port ^= 1;
        QVERIFY(t.jar.check(at(2s), path, good) == Check::Forged);
        path = t.path;
        (path.*side).ip[15] ^= 1;
        QVERIFY(t.jar.check(at(2s), path, good) == Check::Forged);
    }
}

void tst_SessionFrames::secretsRotate()
{
    JarTest t;
    t.issue(at(0s)); // the first secret is good for a minute
    for (int second = 1; second < 600; ++second) {
        const ConfirmFrame confirm = t.issue(at(std::chrono::seconds(second)));
        QVERIFY(t.jar.check(at(std::chrono::seconds(second) + 10s), t.path, confirm)
                == CookieJar::Check::Valid);
    }
    // The same question has another answer under another secret.
    JarTest u;
    const ConfirmFrame first = u.issue(at(1s));
    u.issue(at(200s));
    QVERIFY(u.jar.make(at(400s), u.path, first.nonce, first.conv, first.issued) != first.cookie);
}

void tst_SessionFrames::cookieTimeWraps()
{
    JarTest t;
    const kcp::Instant before(std::chrono::milliseconds((std::int64_t(1) << 32) - 1000));
    for (int i = 0; i < 50; ++i) {
        const kcp::Instant now = before + std::chrono::milliseconds(100 * i);
        QVERIFY(t.jar.check(now + 9s, t.path, t.issue(now)) == CookieJar::Check::Valid);
        QVERIFY(t.jar.check(now + 11s, t.path, t.issue(now)) == CookieJar::Check::Expired);
    }
}

QTEST_GUILESS_MAIN(tst_SessionFrames)
#include "tst_session_frames.moc"
