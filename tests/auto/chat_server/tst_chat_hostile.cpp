// SPDX-License-Identifier: MIT
// Clients that want to do harm. Each test ends with two people who chat as if nothing had been, and
// have seen nothing but who was removed.
#include "handclient.h"
#include "server/chatserver.h"
#include "testseed.h"

#include <QtCore/QDataStream>
#include <QtCore/QElapsedTimer>
#include <QtNetwork/QUdpSocket>
#include <QtTest/QTest>

#include <random>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

class tst_ChatHostile : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();
    void silence();
    void randomDatagrams();
    void randomRecords();
    void randomRecordsOfAMember();
    void notHello_data();
    void notHello();
    void wrongVersion();
    void badNames_data();
    void badNames();
    void nameTaken_data();
    void nameTaken();
    void nameOf10MB();
    void recordOf10MBOfAMember();
    void hugeLengths();
    void tooManyMessages();
    void joinsAgainAfterAFlood();
    void tooManyJoins();
    void joinLimits();
    void tooManyDatagrams();
    void tooManyPeople();
    void stolenAttach();
    void files_data();
    void files();
    void serverRecordsFromAMember();

private:
    void join(HandClient &client, const QString &name);
    void expectDropped(HandClient &client, Chat::Reason reason);

    std::unique_ptr<ChatServer> m_server;
    std::unique_ptr<HandClient> m_ann;
    std::unique_ptr<HandClient> m_bob;
    quint16 m_port = 0;
    int m_removed = 0; // members that the others have to see as removed
    int m_linesBefore = 0; // that a member may get through before it is removed
    Chat::LeaveReason m_leaving = Chat::LeaveReason::Removed; // how all of them go
};

void tst_ChatHostile::init()
{
    m_removed = 0;
    m_linesBefore = 0;
    m_leaving = Chat::LeaveReason::Removed;
    m_server = std::make_unique<ChatServer>();
    QVERIFY(m_server->listen(QHostAddress(QHostAddress::LocalHost), 0));
    m_port = m_server->port();
    m_ann = std::make_unique<HandClient>(m_port);
    m_bob = std::make_unique<HandClient>(m_port);
    join(*m_ann, u"Ann"_s);
    join(*m_bob, u"Bob"_s);
}

void tst_ChatHostile::cleanup()
{
    m_bob->send(Chat::Say{ 1, u"all is well"_s });
    QTRY_COMPARE(m_ann->last<Chat::Said>().text, u"all is well"_s);
    QTRY_COMPARE(m_server->memberCount(), 2);
    QTRY_COMPARE(m_ann->count<Chat::Left>(), m_removed);
    for (const Chat::Record &record : std::as_const(m_ann->heard)) {
        if (const auto *left = std::get_if<Chat::Left>(&record))
            QCOMPARE(left->reason, m_leaving);
    }
    QVERIFY(m_ann->count<Chat::Said>() <= 1 + m_linesBefore);
    QCOMPARE(m_ann->socket.state(), QAbstractSocket::ConnectedState);
    QCOMPARE(m_bob->socket.state(), QAbstractSocket::ConnectedState);
    m_ann.reset();
    m_bob.reset();
    m_server.reset();
}

void tst_ChatHostile::join(HandClient &client, const QString &name)
{
    client.hello(name);
    QTRY_VERIFY(client.isWelcome());
}

void tst_ChatHostile::expectDropped(HandClient &client, Chat::Reason reason)
{
    QTRY_VERIFY_WITH_TIMEOUT(client.isEnded(), 15000);
    QCOMPARE(client.socket.closeReason(), KcpSocket::RemoteClose);
    QCOMPARE(client.reason(), reason);
}

void tst_ChatHostile::silence()
{
    m_server->setPatience(50ms, 15s);
    HandClient eve(m_port);
    expectDropped(eve, Chat::Reason::NotAChat);
    QVERIFY(!eve.socket.closeText().isEmpty());
}

void tst_ChatHostile::randomDatagrams()
{
    std::mt19937 random(quint32(kcptest::testSeed(1)));
    QUdpSocket eve;
    for (int i = 0; i < 2000; ++i) {
        QByteArray datagram(qsizetype(random() % 1400), Qt::Uninitialized);
        for (char &byte : datagram)
            byte = char(random());
        eve.writeDatagram(datagram, QHostAddress(QHostAddress::LocalHost), m_port);
    }
    m_ann->send(Chat::Say{ 9, u"first"_s });
    QTRY_COMPARE(m_bob->count<Chat::Said>(), 1);
    m_linesBefore = 1;
}

void tst_ChatHostile::randomRecords()
{
    std::mt19937 random(quint32(kcptest::testSeed(2)));
    for (int i = 0; i < 20; ++i) {
        HandClient eve(m_port);
        QByteArray record(qsizetype(1 + random() % 300), Qt::Uninitialized);
        for (char &byte : record)
            byte = char(random());
        record[0] = char(random() % 16);
        eve.socket.writeMessage(record);
        expectDropped(eve, Chat::Reason::NotAChat);
    }
}

void tst_ChatHostile::randomRecordsOfAMember()
{
    std::mt19937 random(quint32(kcptest::testSeed(3)));
    for (int i = 0; i < 10; ++i) {
        HandClient eve(m_port);
        join(eve, u"Eve %1"_s.arg(i));
        QByteArray record(qsizetype(20 + random() % 300), Qt::Uninitialized);
        for (char &byte : record)
            byte = char(random());
        eve.socket.writeMessage(record);
        expectDropped(eve, Chat::Reason::BadRecord);
        ++m_removed;
    }
}

void tst_ChatHostile::notHello_data()
{
    QTest::addColumn<QByteArray>("record");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("Say") << Chat::encode(Chat::Say{ 1, u"Hi"_s });
    QTest::newRow("Welcome") << Chat::encode(Chat::Welcome{});
    QTest::newRow("HTTP") << QByteArray("GET / HTTP/1.1\r\n\r\n");
    QTest::newRow("other magic") << QByteArray::fromHex("00 4b434855 0001 0000000161 00000000");
    QTest::newRow("rest is missing") << QByteArray::fromHex("00 4b434854 0001");
    QTest::newRow("name of 20 KB") << QByteArray::fromHex("00 4b434854 0001 00005000")
                    + QByteArray(0x5000, 'a') + QByteArray::fromHex("00000000");
}

void tst_ChatHostile::notHello()
{
    QFETCH(QByteArray, record);
    HandClient eve(m_port);
    eve.socket.writeMessage(record);
    expectDropped(eve, Chat::Reason::NotAChat);
}

void tst_ChatHostile::wrongVersion()
{
    for (const char *hello : { "00 4b434854 0002 01020304", "01 4b434854 ffff" }) {
        HandClient eve(m_port);
        eve.socket.writeMessage(QByteArray::fromHex(hello));
        expectDropped(eve, Chat::Reason::WrongVersion);
        QVERIFY2(eve.socket.closeText().contains(u"version 1"_s),
                 qPrintable(eve.socket.closeText()));
    }
}

void tst_ChatHostile::badNames_data()
{
    QTest::addColumn<QString>("name");
    QTest::newRow("empty") << QString();
    QTest::newRow("spaces") << u"   "_s;
    QTest::newRow("two lines") << u"Eve\nAnn"_s;
    QTest::newRow("turned") << u"\u202eenA"_s;
    QTest::newRow("invisible") << u"Ann\u200b"_s;
    QTest::newRow("nothing to be seen") << u"\u3164\u200d\ufe0f"_s;
    QTest::newRow("tags alone") << QString::fromUcs4(U"\U000e0041\U000e0042", 2);
}

void tst_ChatHostile::badNames()
{
    QFETCH(QString, name);
    HandClient eve(m_port);
    eve.hello(name);
    expectDropped(eve, Chat::Reason::BadName);
}

void tst_ChatHostile::nameTaken_data()
{
    QTest::addColumn<QString>("name");
    QTest::newRow("case") << u"aNN"_s;
    QTest::newRow("joiner") << u"An\u200dn"_s;
    QTest::newRow("non-joiner") << u"Ann\u200c"_s;
    QTest::newRow("variation") << u"Ann\ufe0f"_s;
    QTest::newRow("tag") << u"Ann"_s + QString::fromUcs4(U"\U000e0041", 1);
    QTest::newRow("filler") << u"Ann\u3164"_s;
    QTest::newRow("wide") << u"\uff21nn"_s;
}

void tst_ChatHostile::nameTaken()
{
    QFETCH(QString, name);
    HandClient eve(m_port);
    eve.hello(name, QByteArray(Chat::TokenSize, 'x'));
    expectDropped(eve, Chat::Reason::NameTaken);
}

// The client does not know yet what the server takes, and has it in the queue already.
void tst_ChatHostile::nameOf10MB()
{
    KcpConfiguration configuration = chatConfiguration();
    configuration.setMaxMessageSize(16 * 1024 * 1024);
    HandClient eve(m_port, configuration);
    constexpr int size = 10 * 1024 * 1024;
    QByteArray record = QByteArray::fromHex("00 4b434854 0001");
    QDataStream(&record, QIODevice::WriteOnly | QIODevice::Append) << quint32(size);
    record += QByteArray(size, 'a') + QByteArray(4, '\0');
    QVERIFY(eve.socket.writeMessage(record));
    QTRY_VERIFY_WITH_TIMEOUT(eve.isEnded(), 15000);
    QVERIFY2(eve.socket.closeReason() != KcpSocket::IdleTimeout,
             qPrintable(eve.socket.errorString()));
    QVERIFY(!eve.socket.errorString().isEmpty());
}

void tst_ChatHostile::recordOf10MBOfAMember()
{
    HandClient eve(m_port);
    join(eve, u"Eve"_s);
    QVERIFY(!eve.socket.writeMessage(QByteArray(10 * 1024 * 1024, 'a'))); // the server has said so
    QVERIFY(eve.socket.writeMessage(QByteArray(Chat::MaxRecordSize, 'a')));
    ++m_removed;
    expectDropped(eve, Chat::Reason::BadRecord);
}

void tst_ChatHostile::hugeLengths()
{
    const QList<QByteArray> records{ "06 00000001 ffffffff 61", "06 00000001 7fffffff 61",
                                     "06 00000001 80000000",    "0a 00000001 ffffffff",
                                     "08 ffff 00000001",        "06 00000001 00001000 61" };
    for (const QByteArray &record : records) {
        HandClient eve(m_port);
        join(eve, u"Eve"_s);
        eve.socket.writeMessage(QByteArray::fromHex(record));
        ++m_removed;
        expectDropped(eve, Chat::Reason::BadRecord);
    }
}

void tst_ChatHostile::tooManyMessages()
{
    HandClient eve(m_port);
    join(eve, u"Eve"_s);
    for (quint32 i = 0; i < 10000; ++i)
        eve.send(Chat::Say{ i, u"spam %1"_s.arg(i) });
    ++m_removed;
    m_linesBefore = Chat::LinesTaken + Chat::LinesPerSecond;
    expectDropped(eve, Chat::Reason::TooManyMessages);
}

void tst_ChatHostile::joinsAgainAfterAFlood()
{
    m_linesBefore = Chat::LinesTaken + Chat::LinesPerSecond;
    for (int i = 0; i < 5; ++i) {
        HandClient eve(m_port);
        eve.hello(u"Eve %1"_s.arg(i));
        for (quint32 line = 0; line < 100; ++line)
            eve.send(Chat::Say{ line, u"spam"_s });
        expectDropped(eve, Chat::Reason::TooManyMessages);
        QCOMPARE(eve.count<Chat::Welcome>(), i == 0 ? 1 : 0);
    }
    ++m_removed;
}

// Everybody is told of each of them.
void tst_ChatHostile::tooManyJoins()
{
    QElapsedTimer time;
    time.start();
    int joined = 0;
    for (int i = 0; i < 3 * Chat::JoinsAtOnce; ++i) {
        HandClient eve(m_port);
        eve.hello(u"Eve"_s);
        QTRY_VERIFY(eve.isWelcome() || eve.isEnded());
        if (!eve.isWelcome()) {
            QCOMPARE(eve.reason(), Chat::Reason::TooManyMessages);
            continue;
        }
        ++joined;
        eve.socket.abort();
        QTRY_COMPARE(m_ann->count<Chat::Left>(), joined);
    }
    const qint64 seconds = time.elapsed() / 1000 + 1;
    const qint64 allowed = Chat::JoinsAtOnce + seconds * Chat::JoinsPerSecond;
    QVERIFY2(joined <= allowed, qPrintable(u"%1 in %2 s"_s.arg(joined).arg(seconds)));
    QVERIFY(m_ann->count<Chat::Joined>() <= joined + 1); // and Bob
    m_removed = joined;
    m_leaving = Chat::LeaveReason::Left;
}

void tst_ChatHostile::joinLimits()
{
    constexpr qint64 now = 1700000000000;
    const QHostAddress eve(u"2001:db8:0:1::1"_s);
    const QHostAddress eveAgain(u"2001:db8:0:1:ffff::2"_s); // has as many as she wants
    const QHostAddress other(u"2001:db8:0:2::1"_s);
    JoinLimits limits;
    for (int i = 0; i < Chat::JoinsAtOnce; ++i)
        QVERIFY(limits.take(i % 2 ? eve : eveAgain, now));
    QVERIFY(!limits.take(eve, now));
    QVERIFY(limits.take(other, now));
    QVERIFY(limits.take(QHostAddress(u"192.0.2.1"_s), now));
    QVERIFY(limits.take(eve, now + 1000));
    QVERIFY(!limits.take(eve, now + 1000));

    limits.refuse(other, now);
    QVERIFY(!limits.take(other, now + Chat::RefusalTime - 1));
    QVERIFY(limits.take(other, now + Chat::RefusalTime));
    limits.refuse(other, now);
    QVERIFY(limits.take(other, now - 86400000)); // the clock was set back

    // Others take its entry only when there are many of them, and the one that is older.
    limits.refuse(other, now);
    for (quint32 i = 0; i < 1000; ++i)
        QVERIFY(limits.take(QHostAddress(0x0a000000 + i), now + 1 + i));
    QVERIFY(!limits.take(other, now + 2000));
    for (quint32 i = 0; i < 1024; ++i)
        QVERIFY(limits.take(QHostAddress(0x0b000000 + i), now + 3000));
    QVERIFY(limits.take(other, now + 3000));
}

void tst_ChatHostile::tooManyDatagrams()
{
    HandClient eve(m_port);
    join(eve, u"Eve"_s);
    for (int i = 0; i < 2000; ++i) {
        eve.socket.sendDatagram(i % 2 ? Chat::encode(Chat::Typing{}) : QByteArray("\xff\xff"));
        if (i % 16 == 0)
            eve.socket.flush();
    }
    eve.send(Chat::Say{ 1, u"still here"_s });
    QTRY_COMPARE(m_ann->count<Chat::Said>(), 1);
    QVERIFY2(m_ann->datagrams.size() <= 2 * Chat::DatagramsAtOnce,
             qPrintable(QString::number(m_ann->datagrams.size())));
    eve.socket.writeMessage("end");
    expectDropped(eve, Chat::Reason::BadRecord);
    ++m_removed;
    m_linesBefore = 1;
}

void tst_ChatHostile::tooManyPeople()
{
    // Strangers that say nothing cannot keep others out for ever: only so many from one address.
    m_server->setPatience(300ms, 15s);
    std::vector<std::unique_ptr<HandClient>> crowd;
    for (int i = 0; i < 80; ++i)
        crowd.push_back(std::make_unique<HandClient>(m_port));
    const auto ended = [&] {
        return std::all_of(crowd.begin(), crowd.end(),
                           [](const auto &client) { return client->isEnded(); });
    };
    QTRY_VERIFY_WITH_TIMEOUT(ended(), 15000);
    const auto refused = std::count_if(crowd.begin(), crowd.end(), [](const auto &client) {
        return client->socket.closeReason() == KcpSocket::Refused;
    });
    QVERIFY2(refused >= 30, qPrintable(QString::number(refused)));
}

void tst_ChatHostile::stolenAttach()
{
    HandClient eve(m_port);
    eve.send(Chat::Attach{ Chat::Magic, Chat::Version, QByteArray(Chat::TokenSize, '\0') });
    expectDropped(eve, Chat::Reason::NotAChat);
    HandClient empty(m_port);
    empty.send(Chat::Attach{});
    expectDropped(empty, Chat::Reason::NotAChat);
}

void tst_ChatHostile::files_data()
{
    QTest::addColumn<QList<Chat::Record>>("records");
    QTest::newRow("too large") << QList<Chat::Record>{ Chat::FileOffer{ 1, u"a"_s,
                                                                        Chat::MaxFileSize + 1 } };
    QTest::newRow("two at a time") << QList<Chat::Record>{ Chat::FileOffer{ 1, u"a"_s, 10 },
                                                           Chat::FileOffer{ 2, u"b"_s, 10 } };
    QTest::newRow("more than offered")
            << QList<Chat::Record>{ Chat::FileOffer{ 1, u"a"_s, 2 }, Chat::FileChunk{ 1, "abc" } };
    QTest::newRow("without offer") << QList<Chat::Record>{ Chat::FileChunk{ 1, "abc" } };
    QTest::newRow("nothing") << QList<Chat::Record>{ Chat::FileOffer{ 1, u"a"_s, 2 },
                                                     Chat::FileChunk{ 1, {} } };
    QTest::newRow("chat") << QList<Chat::Record>{ Chat::Say{ 1, u"a"_s } };
    QList<Chat::Record> many;
    for (quint32 i = 0; i < 100; ++i)
        many.append(Chat::FileOffer{ i, u"a"_s, 0 });
    QTest::newRow("a hundred at once") << many;
}

void tst_ChatHostile::files()
{
    QFETCH(QList<Chat::Record>, records);
    HandClient eve(m_port), eveFiles(m_port);
    join(eve, u"Eve"_s);
    eveFiles.send(Chat::Attach{ Chat::Magic, Chat::Version, eve.last<Chat::Welcome>().token });
    QTRY_COMPARE(eveFiles.count<Chat::Attached>(), 1);
    for (const Chat::Record &record : std::as_const(records))
        eveFiles.send(record);
    ++m_removed;
    expectDropped(eveFiles, Chat::Reason::BadRecord);
    expectDropped(eve, Chat::Reason::BadRecord);
}

void tst_ChatHostile::serverRecordsFromAMember()
{
    for (const Chat::Record &record :
         { Chat::Record(Chat::Left{ 1, Chat::LeaveReason::Left }), Chat::Record(Chat::Said{}),
           Chat::Record(Chat::Hello{}), Chat::Record(Chat::FileOffer{}) }) {
        HandClient eve(m_port);
        join(eve, u"Eve"_s);
        eve.send(record);
        ++m_removed;
        expectDropped(eve, Chat::Reason::BadRecord);
    }
}

QTEST_GUILESS_MAIN(tst_ChatHostile)
#include "tst_chat_hostile.moc"
