// SPDX-License-Identifier: MIT
// Every frame of the protocol page: built by the test's encoder, which is checked against the page,
// parsed and emitted by the module, byte for byte.
#include "frameencoder.h"

#include "frames.h"
#include "messageframer.h"

#include <kcp/wire.h>

#include <QtTest/QtTest>

using namespace kcpnet;

namespace {

constexpr quint32 Conv = 0x81828384;
constexpr quint64 Nonce = 0x1112131415161718;
const QByteArray TagBytes = "tagTAGta";
const QByteArray TokenBytes = "0123456789abcdef";
const QByteArray CookieBytes = "the cookie has thirty-two bytes.";
const EncodedParameters Values{ 1350, 4095, 1, 0x01020304, 0 };

kcp::ByteView view(const QByteArray &bytes)
{
    return kcp::asBytes(bytes.constData(), std::size_t(bytes.size()));
}

template <typename Array>
QByteArray toBytes(const Array &array)
{
    return QByteArray(reinterpret_cast<const char *>(array.data()), qsizetype(array.size()));
}

// What the module makes of it.
template <typename Frame>
QByteArray written(const Frame &frame)
{
    std::array<std::uint8_t, 2048> buffer;
    buffer.fill(0xee);
    return toBytes(kcp::ByteView(buffer).first(frame.write(buffer)));
}

// Whether the module takes it for a frame of this type, whole.
bool isParsed(const QByteArray &datagram)
{
    if (classify(view(datagram)) != DatagramKind::Frame)
        return false;
    switch (Frame::header(view(datagram)).type) {
    case FrameType::Hello:
        return HelloFrame::parse(view(datagram)).has_value();
    case FrameType::Cookie:
        return CookieFrame::parse(view(datagram)).has_value();
    case FrameType::Confirm:
        return ConfirmFrame::parse(view(datagram)).has_value();
    case FrameType::Accept:
        return AcceptFrame::parse(view(datagram)).has_value();
    case FrameType::Refuse:
        return RefuseFrame::parse(view(datagram)).has_value();
    case FrameType::Ping:
    case FrameType::Pong:
        return PingFrame::parse(view(datagram)).has_value();
    case FrameType::Datagram:
        return DatagramFrame::parse(view(datagram)).has_value();
    case FrameType::PathChallenge:
    case FrameType::PathResponse:
    case FrameType::CloseAck:
        return ShortFrame::parse(view(datagram)).has_value();
    case FrameType::Close:
        return CloseFrame::parse(view(datagram)).has_value();
    case FrameType::Reset:
        return ResetFrame::parse(view(datagram)).has_value();
    }
    return false;
}

// One of each, in the page's order.
QList<FrameEncoder> samples()
{
    return { encode::hello(Nonce, 1, 0x5152),
             encode::cookie(Nonce, Conv, 0x21222324, CookieBytes),
             encode::confirm(Conv, Nonce, 0x21222324, CookieBytes, Values),
             encode::accept(Conv, TagBytes, Nonce, Values, TokenBytes),
             encode::refuse(Nonce, 6),
             encode::ping(Conv, TagBytes, 0x31323334),
             encode::pong(Conv, TagBytes, 0x31323334),
             encode::datagram(Conv, TagBytes, 0x31323334, {}),
             encode::pathChallenge(Conv, TagBytes),
             encode::pathResponse(Conv, TagBytes),
             encode::close(Conv, TagBytes, 0x41424344),
             encode::closeAck(Conv, TagBytes),
             encode::reset(Conv, TokenBytes) };
}

Parameters parameters()
{
    return { Values.mtu, Values.window, Values.mode, Values.maxMessageSize, Values.capabilities };
}

} // namespace

class tst_ProtocolFrames : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void encoderIsThePage_data();
    void encoderIsThePage();
    void segmentIsThePage();
    void types();
    void versions();

    void handshakeFrames();
    void refuseFrame();
    void livingFrames();
    void closingFrames();
    void truncated_data() { encoderIsThePage_data(); }
    void truncated();
    void extended_data() { encoderIsThePage_data(); }
    void extended();
    void parameterLengths();
    void impossibleFields();
    void closeTextIsCut();
    void messagePrefix_data();
    void messagePrefix();
};

// --- the page ---------------------------------------------------------------------------------

void tst_ProtocolFrames::encoderIsThePage_data()
{
    QTest::addColumn<int>("index");
    const QList<FrameSpec> &frames = ProtocolPage::instance().frames();
    QCOMPARE(frames.size(), samples().size());
    for (int i = 0; i < frames.size(); ++i)
        QTest::newRow(qPrintable(frames[i].name)) << i;
}

void tst_ProtocolFrames::encoderIsThePage()
{
    QFETCH(int, index);
    const FrameSpec &spec = ProtocolPage::instance().frames().at(index);
    const FrameEncoder sample = samples().at(index);
    QCOMPARE(sample.layout().size(), spec.fields.size());
    for (int i = 0; i < spec.fields.size(); ++i) {
        const FieldSpec &encoded = sample.layout().at(i);
        const FieldSpec &field = spec.fields.at(i);
        QCOMPARE(encoded.name, field.name);
        QCOMPARE(encoded.offset, field.offset);
        QCOMPARE(encoded.size, field.size);
        QCOMPARE(encoded.isOpen, field.isOpen);
    }
    const FieldSpec &last = spec.fields.constLast();
    QCOMPARE(last.offset + last.size, spec.size);
    QCOMPARE(last.isOpen, spec.isOpen);
    QCOMPARE(int(sample.bytes().size()), spec.size);
    QCOMPARE(int(spec.number(sample, QStringLiteral("type"))), spec.type);
    QCOMPARE(spec.number(sample, QStringLiteral("version")), quint64(ProtocolVersion));
    QVERIFY(isParsed(sample));
}

void tst_ProtocolFrames::segmentIsThePage()
{
    const encode::SegmentFields fields{ 82, 0x12, 0x3456, 0x21222324, 0x31323334, 0x41424344 };
    const FrameEncoder sample = encode::segment(Conv, fields, "data");
    const FrameSpec &spec = ProtocolPage::instance().segment();
    QCOMPARE(sample.layout(), spec.fields);
    QCOMPARE(std::size_t(spec.size), kcp::HeaderSize);

    kcp::SegmentHeader header{ Conv,      kcp::Command::Ack, fields.frg, fields.wnd,
                               fields.ts, fields.sn,         fields.una };
    QByteArray emitted(int(kcp::HeaderSize), '\0');
    kcp::writeHeader(reinterpret_cast<std::uint8_t *>(emitted.data()), header, 4);
    QCOMPARE(emitted + "data", sample.bytes());

    kcp::ByteView rest = view(sample.bytes());
    kcp::SegmentView segment;
    QVERIFY(kcp::parseSegment(Conv, rest, segment) == kcp::ParseError::None);
    QVERIFY(rest.empty());
    QVERIFY(segment.header.command == kcp::Command::Ack);
    QCOMPARE(segment.header.fragment, fields.frg);
    QCOMPARE(segment.header.window, fields.wnd);
    QCOMPARE(segment.header.timestamp, fields.ts);
    QCOMPARE(segment.header.sn, fields.sn);
    QCOMPARE(segment.header.una, fields.una);
    QCOMPARE(toBytes(segment.data), QByteArray("data"));
}

// Byte 4, all values of it, in datagrams of every size that makes a difference.
void tst_ProtocolFrames::types()
{
    const PageTable &table = ProtocolPage::instance().table(QStringLiteral("Byte 4"));
    for (int byte = 0; byte < 256; ++byte) {
        QString kind;
        for (const QStringList &row : table.rows) {
            if (byte >= table.cell(row, QStringLiteral("From")).toInt(nullptr, 16)
                && byte <= table.cell(row, QStringLiteral("To")).toInt(nullptr, 16))
                kind = table.cell(row, QStringLiteral("Kind"));
        }
        const bool segments = kind.startsWith(QStringLiteral("KCP segments"));
        const bool frame = kind == QStringLiteral("session frame");
        QCOMPARE(frame, ProtocolPage::instance().frameOfType(byte) != nullptr);
        for (int size = 0; size < 30; ++size) {
            QByteArray datagram(size, '\1');
            if (size > 4)
                datagram[4] = char(byte);
            DatagramKind expected = DatagramKind::Malformed;
            if (segments && size >= 24)
                expected = DatagramKind::Segments;
            else if (frame && size >= 6)
                expected = DatagramKind::Frame;
            QVERIFY2(classify(view(datagram)) == expected,
                     qPrintable(QStringLiteral("byte %1, size %2").arg(byte).arg(size)));
        }
    }
}

void tst_ProtocolFrames::versions()
{
    const QList<FrameEncoder> frames = samples();
    for (int i = 0; i < frames.size(); ++i) {
        QByteArray datagram = frames[i];
        const QString name = ProtocolPage::instance().frames().at(i).name;
        const bool anyVersion = name == QStringLiteral("HELLO") || name == QStringLiteral("REFUSE");
        for (const int version : { 0, 2, 255 }) {
            datagram[5] = char(version);
            QVERIFY2(isParsed(datagram) == anyVersion, qPrintable(name));
        }
    }
}

// --- frames -----------------------------------------------------------------------------------

void tst_ProtocolFrames::handshakeFrames()
{
    const auto hello = HelloFrame::parse(view(encode::hello(Nonce, 1, 0x5152)));
    QVERIFY(hello);
    QCOMPARE(hello->nonce, Nonce);
    QCOMPARE(hello->mode, std::uint8_t(1));
    QCOMPARE(hello->flags, std::uint16_t(0x5152));
    QCOMPARE(written(*hello), encode::hello(Nonce, 1, 0x5152).bytes());

    const QByteArray cookieBytes = encode::cookie(Nonce, Conv, 0x21222324, CookieBytes);
    const auto cookie = CookieFrame::parse(view(cookieBytes));
    QVERIFY(cookie);
    QCOMPARE(cookie->nonce, Nonce);
    QCOMPARE(cookie->conv, Conv);
    QCOMPARE(cookie->issued, 0x21222324U);
    QCOMPARE(toBytes(cookie->cookie), CookieBytes);
    QCOMPARE(written(*cookie), cookieBytes);

    const QByteArray segments = encode::segment(Conv, {}, "early");
    const QByteArray confirmBytes =
            encode::confirm(Conv, Nonce, 0x21222324, CookieBytes, Values, segments);
    const auto confirm = ConfirmFrame::parse(view(confirmBytes));
    QVERIFY(confirm);
    QCOMPARE(confirm->conv, Conv);
    QCOMPARE(confirm->nonce, Nonce);
    QCOMPARE(confirm->issued, 0x21222324U);
    QCOMPARE(toBytes(confirm->cookie), CookieBytes);
    QVERIFY(confirm->parameters == parameters());
    QCOMPARE(toBytes(confirm->segments), segments);
    QCOMPARE(written(*confirm) + segments, confirmBytes);

    const QByteArray acceptBytes =
            encode::accept(Conv, TagBytes, Nonce, Values, TokenBytes, segments);
    const auto accept = AcceptFrame::parse(view(acceptBytes));
    QVERIFY(accept);
    QCOMPARE(accept->conv, Conv);
    QCOMPARE(toBytes(accept->tag), TagBytes);
    QCOMPARE(accept->nonce, Nonce);
    QVERIFY(accept->parameters == parameters());
    QCOMPARE(toBytes(accept->resetToken), TokenBytes);
    QCOMPARE(toBytes(accept->segments), segments);
    QCOMPARE(written(*accept) + segments, acceptBytes);
}

void tst_ProtocolFrames::refuseFrame()
{
    for (std::uint16_t reason = 1; reason <= 7; ++reason) {
        const QByteArray versions = reason == 2 ? QByteArray("\1\1", 2) : QByteArray();
        const QByteArray bytes = encode::refuse(Nonce, reason, versions);
        const auto refuse = RefuseFrame::parse(view(bytes));
        QVERIFY(refuse);
        QCOMPARE(refuse->nonce, Nonce);
        QCOMPARE(refuse->reason, reason);
        QCOMPARE(written(*refuse), bytes);
    }
}

void tst_ProtocolFrames::livingFrames()
{
    for (const bool isPing : { true, false }) {
        const QByteArray bytes = isPing ? encode::ping(Conv, TagBytes, 0x31323334)
                                        : encode::pong(Conv, TagBytes, 0x31323334);
        const auto ping = PingFrame::parse(view(bytes));
        QVERIFY(ping);
        QCOMPARE(ping->conv, Conv);
        QVERIFY(ping->type == (isPing ? FrameType::Ping : FrameType::Pong));
        QCOMPARE(toBytes(ping->tag), TagBytes);
        QCOMPARE(ping->sequence, 0x31323334U);
        QCOMPARE(written(*ping), bytes);
    }
    for (const QByteArray &payload : { QByteArray(), QByteArray("payload") }) {
        const QByteArray bytes = encode::datagram(Conv, TagBytes, 0x31323334, payload);
        const auto datagram = DatagramFrame::parse(view(bytes));
        QVERIFY(datagram);
        QCOMPARE(datagram->conv, Conv);
        QCOMPARE(toBytes(datagram->tag), TagBytes);
        QCOMPARE(datagram->sequence, 0x31323334U);
        QCOMPARE(toBytes(datagram->payload), payload);
        QCOMPARE(written(*datagram), bytes);
    }
    const std::pair<QByteArray, FrameType> shortFrames[] = {
        { encode::pathChallenge(Conv, TagBytes), FrameType::PathChallenge },
        { encode::pathResponse(Conv, TagBytes), FrameType::PathResponse },
        { encode::closeAck(Conv, TagBytes), FrameType::CloseAck },
    };
    for (const auto &[bytes, type] : shortFrames) {
        const auto frame = ShortFrame::parse(view(bytes));
        QVERIFY(frame);
        QCOMPARE(frame->conv, Conv);
        QVERIFY(frame->type == type);
        QCOMPARE(toBytes(frame->bytes), TagBytes);
        QCOMPARE(written(*frame), bytes);
    }
}

void tst_ProtocolFrames::closingFrames()
{
    const QByteArray closeBytes = encode::close(Conv, TagBytes, 0x41424344, "gr\xc3\xbc\xc3\x9f");
    const auto close = CloseFrame::parse(view(closeBytes));
    QVERIFY(close);
    QCOMPARE(close->conv, Conv);
    QCOMPARE(toBytes(close->tag), TagBytes);
    QCOMPARE(close->code, 0x41424344U);
    QVERIFY(close->text == "gr\xc3\xbc\xc3\x9f");
    QCOMPARE(written(*close), closeBytes);

    const QByteArray resetBytes = encode::reset(Conv, TokenBytes);
    const auto reset = ResetFrame::parse(view(resetBytes));
    QVERIFY(reset);
    QCOMPARE(reset->conv, Conv);
    QCOMPARE(toBytes(reset->token), TokenBytes);
    QCOMPARE(written(*reset), resetBytes);
}

// --- what is refused --------------------------------------------------------------------------

void tst_ProtocolFrames::truncated()
{
    QFETCH(int, index);
    const QByteArray whole = samples().at(index);
    for (int size = 0; size < whole.size(); ++size)
        QVERIFY2(!isParsed(whole.first(size)), qPrintable(QString::number(size)));
}

// What comes behind the last field changes nothing.
void tst_ProtocolFrames::extended()
{
    QFETCH(int, index);
    const FrameSpec &spec = ProtocolPage::instance().frames().at(index);
    const QByteArray whole = samples().at(index);
    for (const int more : { 1, 24, 1000 }) {
        const QByteArray extended = whole + QByteArray(more, '\xff');
        QVERIFY(isParsed(extended));
        if (spec.isOpen)
            continue;
        switch (Frame::header(view(extended)).type) {
        case FrameType::Cookie:
            QCOMPARE(written(*CookieFrame::parse(view(extended))), whole);
            break;
        case FrameType::Pong:
            QCOMPARE(written(*PingFrame::parse(view(extended))), whole);
            break;
        case FrameType::Reset:
            QCOMPARE(written(*ResetFrame::parse(view(extended))), whole);
            break;
        default:
            QCOMPARE(written(*ShortFrame::parse(view(extended))), whole);
        }
    }
}

void tst_ProtocolFrames::parameterLengths()
{
    const ProtocolPage &page = ProtocolPage::instance();
    const QByteArray frames[] = {
        encode::confirm(Conv, Nonce, 1, CookieBytes, Values),
        encode::accept(Conv, TagBytes, Nonce, Values, TokenBytes),
    };
    for (const QByteArray &frame : frames) {
        const FrameSpec &spec = *page.frameOfType(quint8(frame[4]));
        const int length = spec.field(QStringLiteral("length")).offset;
        const int end = length + 1 + 13;
        for (int shorter = 0; shorter < 13; ++shorter) {
            QByteArray datagram = frame.first(length) + char(shorter)
                    + frame.mid(length + 1, shorter) + frame.mid(end);
            QVERIFY(!isParsed(datagram + QByteArray(64, '\0')));
        }
        // Those of a later version are skipped.
        const QByteArray segments = encode::segment(Conv, {}, "x");
        const QByteArray longer = frame.first(length) + char(20) + frame.mid(length + 1, 13)
                + QByteArray(7, '\xff') + frame.mid(end) + segments;
        QVERIFY(isParsed(longer));
        const kcp::ByteView rest = spec.name == QStringLiteral("CONFIRM")
                ? ConfirmFrame::parse(view(longer))->segments
                : AcceptFrame::parse(view(longer))->segments;
        QCOMPARE(toBytes(rest), segments);
        if (spec.name == QStringLiteral("ACCEPT"))
            QCOMPARE(toBytes(AcceptFrame::parse(view(longer))->resetToken), TokenBytes);
        // And must be there.
        QByteArray beyond = frame;
        beyond[length] = char(frame.size() - length);
        QVERIFY(!isParsed(beyond));
    }
}

void tst_ProtocolFrames::impossibleFields()
{
    EncodedParameters small = Values;
    small.mtu = 49;
    QVERIFY(!isParsed(encode::confirm(Conv, Nonce, 1, CookieBytes, small)));
    QVERIFY(!isParsed(encode::accept(Conv, TagBytes, Nonce, small, TokenBytes)));
    small.mtu = 50;
    QVERIFY(isParsed(encode::confirm(Conv, Nonce, 1, CookieBytes, small)));
    QVERIFY(isParsed(encode::accept(Conv, TagBytes, Nonce, small, TokenBytes)));
    QVERIFY(!isParsed(encode::confirm(0, Nonce, 1, CookieBytes, Values)));
    QVERIFY(!isParsed(encode::cookie(Nonce, 0, 1, CookieBytes)));
    QVERIFY(!isParsed(encode::refuse(Nonce, 0)));
    for (QByteArray datagram : { encode::hello(Nonce).bytes(), encode::refuse(Nonce, 1).bytes(),
                                 encode::cookie(Nonce, Conv, 1, CookieBytes).bytes() }) {
        QVERIFY(isParsed(datagram));
        datagram[0] = 1; // conv
        QVERIFY(!isParsed(datagram));
    }
}

void tst_ProtocolFrames::closeTextIsCut()
{
    const QByteArray bytes = encode::close(Conv, TagBytes, 0, QByteArray(300, 'x'));
    const auto close = CloseFrame::parse(view(bytes));
    QVERIFY(close);
    QCOMPARE(qint64(close->text.size()),
             ProtocolPage::instance().constant(QStringLiteral("MaximumCloseText")));
}

void tst_ProtocolFrames::messagePrefix_data()
{
    QTest::addColumn<quint32>("size");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("0") << 0U << QByteArray("\0", 1);
    QTest::newRow("127") << 127U << QByteArray("\x7f");
    QTest::newRow("128") << 128U << QByteArray("\x80\x01");
    QTest::newRow("300") << 300U << QByteArray("\xac\x02");
    QTest::newRow("16383") << 16383U << QByteArray("\xff\x7f");
    QTest::newRow("2^28") << (1U << 28) << QByteArray("\x80\x80\x80\x80\x01");
    QTest::newRow("2^32 - 1") << 0xffffffffU << QByteArray("\xff\xff\xff\xff\x0f");
}

void tst_ProtocolFrames::messagePrefix()
{
    QFETCH(quint32, size);
    QFETCH(QByteArray, expected);
    std::array<std::uint8_t, MessageFramer::MaximumPrefix> buffer;
    const std::size_t count = MessageFramer::writePrefix(size, buffer);
    QCOMPARE(toBytes(kcp::ByteView(buffer).first(count)), expected);
}

QTEST_APPLESS_MAIN(tst_ProtocolFrames)

#include "tst_protocol_frames.moc"
