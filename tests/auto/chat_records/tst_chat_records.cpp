// SPDX-License-Identifier: MIT
#include "records/names.h"
#include "records/ratelimit.h"
#include "records/records.h"

#include "testseed.h"

#include <QtCore/QDataStream>
#include <QtTest/QTest>

#include <random>

using namespace Qt::StringLiterals;

class tst_ChatRecords : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void bytes_data();
    void bytes();
    void everyRecord();
    void otherVersion();
    void otherMagic();
    void lengths_data();
    void lengths();
    void tooManyPeople();
    void wrongChoice();
    void randomBytes();
    void names_data();
    void names();
    void skeletons();
    void texts();
    void fileNames_data();
    void fileNames();
    void rateLimit();
};

// One of each, with something in every field.
static QList<Chat::Record> examples()
{
    const QByteArray token(Chat::TokenSize, 't');
    return { Chat::Hello{ Chat::Magic, Chat::Version, u"Zoë 🦊"_s, token },
             Chat::Attach{ Chat::Magic, Chat::Version, token },
             Chat::Welcome{ 7, token, { { 7, u"Zoë"_s }, { 8, u"李雷"_s } } },
             Chat::Attached{},
             Chat::Joined{ { 9, u"Bob"_s } },
             Chat::Left{ 9, Chat::LeaveReason::Removed },
             Chat::Say{ 3, u"two\nlines"_s },
             Chat::Said{ 7, 3, 1234567890123, u"two\nlines"_s },
             Chat::Latencies{ { { 7, 12 }, { 8, 340 } } },
             Chat::Typing{ 8 },
             Chat::FileOffer{ 1, u"photo.png"_s, 4096 },
             Chat::FileStart{ 2, 7, u"photo.png"_s, 4096 },
             Chat::FileChunk{ 2, QByteArray(Chat::ChunkSize, 'x') },
             Chat::FileFinish{ 2, Chat::FileEnd::Refused } };
}

void tst_ChatRecords::bytes_data()
{
    QTest::addColumn<Chat::Record>("record");
    QTest::addColumn<QByteArray>("hex");
    QTest::newRow("hello") << Chat::Record(Chat::Hello{ Chat::Magic, Chat::Version, u"é"_s, "ab" })
                           << QByteArray("00 4b434854 0001 00000002c3a9 000000026162");
    QTest::newRow("say") << Chat::Record(Chat::Say{ 0x01020304, u"Hi"_s })
                         << QByteArray("06 01020304 000000024869");
    QTest::newRow("left") << Chat::Record(Chat::Left{ 5, Chat::LeaveReason::Lost })
                          << QByteArray("05 00000005 01");
    QTest::newRow("chunk") << Chat::Record(Chat::FileChunk{ 1, "abc" })
                           << QByteArray("0c 00000001 00000003616263");
}

void tst_ChatRecords::bytes()
{
    QFETCH(Chat::Record, record);
    QFETCH(QByteArray, hex);
    QCOMPARE(Chat::encode(record).toHex(), hex.replace(' ', ""));
}

void tst_ChatRecords::everyRecord()
{
    const QList<Chat::Record> records = examples();
    QCOMPARE(std::size_t(records.size()), std::variant_size_v<Chat::Record>);
    for (qsizetype i = 0; i < records.size(); ++i) {
        const QByteArray data = Chat::encode(records.at(i));
        QVERIFY(data.size() <= Chat::MaxRecordSize);
        const auto decoded = Chat::decode(data);
        QVERIFY(decoded);
        QCOMPARE(decoded->index(), std::size_t(i));
        QCOMPARE(Chat::encode(*decoded), data);
        // neither less nor more
        for (qsizetype size = 0; size < qMin<qsizetype>(data.size(), 256); ++size)
            QVERIFY2(!Chat::decode(data.first(size)), qPrintable(u"%1 %2"_s.arg(i).arg(size)));
        QVERIFY(!Chat::decode(data + '\0'));
    }
}

void tst_ChatRecords::otherVersion()
{
    QByteArray data = QByteArray::fromHex("00 4b434854 0102") + "whatever comes then";
    const auto record = Chat::decode(data);
    QVERIFY(record);
    QCOMPARE(std::get<Chat::Hello>(*record).version, quint16(0x0102));
    QCOMPARE(std::get<Chat::Hello>(*record).name, QString());
    data[0] = 1;
    QCOMPARE(std::get<Chat::Attach>(Chat::decode(data).value()).version, quint16(0x0102));
}

void tst_ChatRecords::otherMagic()
{
    QVERIFY(!Chat::decode(QByteArray::fromHex("00 4b434855 0001 0000000161 00000000")));
}

void tst_ChatRecords::lengths_data()
{
    QTest::addColumn<QByteArray>("data");
    const QByteArray head = QByteArray::fromHex("06 00000001"); // Say
    QTest::newRow("4 GB") << head + QByteArray::fromHex("ffffffff") + "abc";
    QTest::newRow("2 GB") << head + QByteArray::fromHex("7fffffff") + "abc";
    QTest::newRow("one more than there is") << head + QByteArray::fromHex("00000004") + "abc";
    QTest::newRow("one less than there is") << head + QByteArray::fromHex("00000002") + "abc";
    QByteArray tooLong = head + QByteArray::fromHex("00000fa1"); // 4001
    QTest::newRow("one character too many") << tooLong + QByteArray(4001, 'a');
    QTest::newRow("name of 16 KB") << QByteArray::fromHex("00 4b434854 0001 00004000")
                    + QByteArray(0x4000, 'a') + QByteArray::fromHex("00000000");
    QTest::newRow("chunk too long")
            << QByteArray::fromHex("0c 00000001 00004001") + QByteArray(0x4001, 'a');
    QTest::newRow("list without items") << QByteArray::fromHex("08 ffff");
    QTest::newRow("no such type") << QByteArray::fromHex("0e");
    QTest::newRow("nothing") << QByteArray();
}

void tst_ChatRecords::lengths()
{
    QFETCH(QByteArray, data);
    QVERIFY(!Chat::decode(data));
}

void tst_ChatRecords::tooManyPeople()
{
    Chat::Latencies latencies;
    latencies.list.resize(Chat::MaxPeople);
    QVERIFY(Chat::decode(Chat::encode(latencies)));
    latencies.list.resize(Chat::MaxPeople + 1);
    QVERIFY(!Chat::decode(Chat::encode(latencies)));
}

void tst_ChatRecords::wrongChoice()
{
    QVERIFY(Chat::decode(QByteArray::fromHex("05 00000005 02")));
    QVERIFY(!Chat::decode(QByteArray::fromHex("05 00000005 03")));
}

// Whatever is decoded, is within the limits and encodes to what can be decoded.
void tst_ChatRecords::randomBytes()
{
    const quint32 seed = quint32(kcptest::testSeed(20261122));
    std::mt19937 random(seed);
    const QList<Chat::Record> records = examples();
    int decoded = 0;
    for (int i = 0; i < 20000; ++i) {
        QByteArray data;
        if (i % 2) {
            data.resize(qsizetype(random() % 64));
            for (char &byte : data)
                byte = char(random());
        } else {
            data = Chat::encode(records.at(qsizetype(random() % records.size()))).first(1);
            data = Chat::encode(records.at(qsizetype(random() % records.size())));
            data[qsizetype(random() % quint32(data.size()))] = char(random());
        }
        const auto record = Chat::decode(data);
        if (!record)
            continue;
        ++decoded;
        const QByteArray again = Chat::encode(*record);
        QVERIFY2(again.size() <= Chat::MaxRecordSize, qPrintable(u"seed %1"_s.arg(seed)));
        const auto *hello = std::get_if<Chat::Hello>(&*record);
        const auto *attach = std::get_if<Chat::Attach>(&*record);
        if ((!hello || hello->version == Chat::Version)
            && (!attach || attach->version == Chat::Version)) {
            // invalid UTF-8 has become U+FFFD, which is longer
            const auto twice = Chat::decode(again);
            if (twice)
                QCOMPARE(Chat::encode(*twice), again);
        }
    }
    QVERIFY2(decoded > 100, qPrintable(u"seed %1: %2"_s.arg(seed).arg(decoded)));
}

void tst_ChatRecords::names_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("clean");
    QTest::newRow("plain") << u"Ada"_s << u"Ada"_s;
    QTest::newRow("emoji") << u"Ada 👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿"_s
                           << u"Ada 👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿"_s;
    QTest::newRow("Chinese") << u"李雷"_s << u"李雷"_s;
    QTest::newRow("spaces") << u"  A \t\n B  "_s << u"A B"_s;
    QTest::newRow("control") << u"A\u0007\u0000B\u001b[31m"_s << u"AB[31m"_s;
    QTest::newRow("turns direction") << u"\u202eadA\u2066"_s << u"adA"_s;
    QTest::newRow("invisible") << u"A\u200b\ufeff\u2060da"_s << u"Ada"_s;
    QTest::newRow("line separator") << u"A\u2028B\u2029"_s << u"AB"_s;
    QTest::newRow("half a pair") << u"A"_s + QChar(0xd800) + u"B"_s << u"AB"_s;
    QTest::newRow("composed") << u"e\u0301"_s << u"\u00e9"_s;
    QTest::newRow("long") << QString(100, u'a') << QString(32, u'a');
    QTest::newRow("cut within a pair") << QString(31, u'a') + u"🦊"_s << QString(31, u'a');
    QTest::newRow("nothing left") << u"\u200b \u202e"_s << QString();
    QTest::newRow("nothing seen") << u"\u200c \u3164\ufe0f\u2800"_s << QString();
    QTest::newRow("Persian") << u"\u0645\u06cc\u200c\u062e"_s << u"\u0645\u06cc\u200c\u062e"_s;
}

void tst_ChatRecords::names()
{
    QFETCH(QString, name);
    QFETCH(QString, clean);
    QCOMPARE(Chat::cleanName(name), clean);
    QCOMPARE(Chat::cleanName(clean), clean); // or the server would refuse it
}

void tst_ChatRecords::skeletons()
{
    const QString ann = Chat::nameSkeleton(u"Ann \u00e9"_s);
    for (const QString &same :
         { u"aNN \u00c9"_s, u"A\u200dn\u200cn e\u0301"_s, u"A\ufe0enn e\u034f\u0301"_s,
           u"\uff21nn\u00a0\u00e9"_s, u"\u115f\uffa0Ann \u00e9\u2800"_s, u"Ann \u3164 \u00e9"_s,
           u"Ann \u00e9"_s + QString::fromUcs4(U"\U000e0067\U000e0101", 2) })
        QCOMPARE(Chat::nameSkeleton(same), ann);
    for (const QString &other :
         { u"Ann e"_s, u"Ann\u00e9"_s, u"Ann \u00e9 1"_s, u"\u674e\u96f7"_s })
        QVERIFY(Chat::nameSkeleton(other) != ann);
    QVERIFY(!Chat::nameSkeleton(u"\U0001f98a"_s).isEmpty());
    QCOMPARE(Chat::nameSkeleton(ann), ann);
}

void tst_ChatRecords::texts()
{
    QCOMPARE(Chat::cleanText(u"  a\r\nb\rc\td \n\n"_s), u"a\nb\nc\td"_s);
    QCOMPARE(Chat::cleanText(u"<b>\u0007bell\u202e"_s), u"<b>bell"_s);
    QCOMPARE(Chat::cleanText(u"\u2067עברית\u2069 👨‍👩‍👧"_s),
             u"\u2067עברית\u2069 👨‍👩‍👧"_s);
    QCOMPARE(Chat::cleanText(QString(10000, u'x')).size(), Chat::MaxTextLength);
    QCOMPARE(Chat::cleanText(u" \n\t "_s), QString());
    const QString column = Chat::cleanText(u"a\n"_s.repeated(2000));
    QCOMPARE(column.count(u'\n'), Chat::MaxLines - 1);
    QCOMPARE(column.count(u'a'), 2000);
    QCOMPARE(Chat::cleanText(column), column);
}

void tst_ChatRecords::fileNames_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("clean");
    QTest::newRow("plain") << u"photo 1.png"_s << u"photo 1.png"_s;
    QTest::newRow("upwards") << u"../../../etc/passwd"_s << u"passwd"_s;
    QTest::newRow("Windows path") << u"C:\\Windows\\system.ini"_s << u"system.ini"_s;
    QTest::newRow("mixed") << u"a/b\\..\\.."_s << u"file"_s;
    QTest::newRow("hidden") << u".bashrc"_s << u"bashrc"_s;
    QTest::newRow("dots") << u".."_s << u"file"_s;
    QTest::newRow("empty") << QString() << u"file"_s;
    QTest::newRow("folder") << u"folder/"_s << u"file"_s;
    QTest::newRow("device") << u"con.txt"_s << u"_con.txt"_s;
    QTest::newRow("device with number") << u"LPT1"_s << u"_LPT1"_s;
    QTest::newRow("stream") << u"a.txt:evil"_s << u"a.txtevil"_s;
    QTest::newRow("wildcards") << u"<a>*?|\".txt"_s << u"a.txt"_s;
    QTest::newRow("turned suffix") << u"photo\u202egnp.exe"_s << u"photognp.exe"_s;
    QTest::newRow("new line") << u"a\nb\u0000.txt"_s << u"ab.txt"_s;
    QTest::newRow("end") << u"a.txt. . "_s << u"a.txt"_s;
    QTest::newRow("long") << QString(500, u'a') + u".jpeg"_s << QString(115, u'a') + u".jpeg"_s;
}

void tst_ChatRecords::fileNames()
{
    QFETCH(QString, name);
    QFETCH(QString, clean);
    QCOMPARE(Chat::cleanFileName(name), clean);
    QCOMPARE(Chat::cleanFileName(clean), clean);
    QVERIFY(Chat::cleanFileName(name).size() <= Chat::MaxFileNameLength);
}

void tst_ChatRecords::rateLimit()
{
    RateLimit limit(4, 8);
    qint64 now = 1000000;
    for (int i = 0; i < 8; ++i)
        QVERIFY(limit.take(now));
    QVERIFY(!limit.take(now));
    QVERIFY(!limit.take(now + 249));
    QVERIFY(limit.take(now + 250));
    QVERIFY(!limit.take(now + 250));
    QVERIFY(!limit.take(now - 5000)); // the clock was put back
    now += 3600 * 1000;
    for (int i = 0; i < 8; ++i)
        QVERIFY(limit.take(now));
    QVERIFY(!limit.take(now));
}

QTEST_APPLESS_MAIN(tst_ChatRecords)
#include "tst_chat_records.moc"
