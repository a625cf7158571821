// SPDX-License-Identifier: MIT
#include "client/chatclient.h"
#include "server/chatserver.h"

#include <QtCore/QDir>
#include <QtCore/QTemporaryDir>
#include <QtKcpNetwork/KcpServer>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

// A client and what it has told.
class Person : public ChatClient
{
public:
    Person()
    {
        connect(this, &ChatClient::said, this, [this](const Line &line) { lines.append(line); });
        connect(this, &ChatClient::personJoined, this,
                [this](const ChatClient::Person &) { ++joins; });
        connect(this, &ChatClient::personLeft, this,
                [this](const ChatClient::Person &, Chat::LeaveReason why) { leaves.append(why); });
        connect(files(), &FileTransfers::added, this, [this](quint32 number) { last = number; });
        connect(this, &ChatClient::stateChanged, this,
                [this](ChatClient::State state) { states.append(state); });
    }
    FileTransfers::Transfer transfer() { return files()->transfer(last); }

    QList<Line> lines;
    QList<Chat::LeaveReason> leaves;
    QList<ChatClient::State> states;
    int joins = 0;
    quint32 last = 0; // transfer
};

class tst_ChatClient : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();
    void talk();
    void typing();
    void tooManyLines();
    void nobodyThere();
    void refused_data();
    void refused();
    void file();
    void chatOvertakesAFile();
    void manyFiles();
    void receivedFilesMakeRoom();
    void transfersAreBounded();
    void fileIsCancelled();
    void fileWithoutConnection();
    void fileThatCannotBe();
    void badNetwork();
    void badNetworkDuringAFile();
    void reconnects();
    void leavesWhileReconnecting();
    void hostileServer_data();
    void hostileServer();

private:
    void start(quint16 port = 0);
    void join(Person &person, const QString &name);
    QString makeFile(const QString &name, qint64 size);

    std::unique_ptr<ChatServer> m_server;
    QTemporaryDir m_folder;
    quint16 m_port = 0;
};

static const QString host = u"127.0.0.1"_s;

void tst_ChatClient::init()
{
    start();
}

void tst_ChatClient::start(quint16 port)
{
    m_server = std::make_unique<ChatServer>();
    QVERIFY(m_server->listen(QHostAddress(QHostAddress::LocalHost), port));
    m_port = m_server->port();
}

void tst_ChatClient::cleanup()
{
    m_server.reset();
}

void tst_ChatClient::join(Person &person, const QString &name)
{
    person.join(host, m_port, name);
    QTRY_COMPARE(person.state(), ChatClient::Online);
}

// Every byte tells where it is.
QString tst_ChatClient::makeFile(const QString &name, qint64 size)
{
    QFile file(m_folder.filePath(name));
    if (!file.open(QIODevice::WriteOnly))
        return {};
    QByteArray data(size, Qt::Uninitialized);
    for (qint64 i = 0; i < size; ++i)
        data[i] = char(i ^ (i >> 8) ^ (i >> 16));
    file.write(data);
    return file.fileName();
}

// Returns in the moment in which the first bytes have come.
static bool hasBegun(Person &receiver, const QString &name)
{
    QSignalSpy progress(receiver.files(), &FileTransfers::changed);
    const auto begun = [&] {
        return receiver.last != 0 && receiver.transfer().name == name
                && receiver.transfer().state == FileTransfers::Running
                && receiver.transfer().done > 0;
    };
    while (!begun()) {
        if (!progress.wait())
            return false;
    }
    return true;
}

static QByteArray content(const QString &path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : "cannot be read";
}

void tst_ChatClient::talk()
{
    Person ann, bob;
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    QTRY_COMPARE(ann.joins, 1);
    QCOMPARE(bob.people().size(), 2);

    QSignalSpy delivered(&bob, &ChatClient::delivered);
    const quint32 tag = bob.say(u"  Hello 👋 \n"_s);
    QVERIFY(tag != 0);
    QTRY_COMPARE(ann.lines.size(), 1);
    QCOMPARE(ann.lines.first().text, u"Hello 👋"_s);
    QCOMPARE(ann.lines.first().name, u"Bob"_s);
    QTRY_COMPARE(delivered.size(), 1);
    QCOMPARE(delivered.first().first().toUInt(), tag);
    QCOMPARE(bob.lines.size(), 0); // not told what it has said itself
    QCOMPARE(bob.say(u" \n"_s), 0u);

    bob.leave();
    QTRY_COMPARE(ann.leaves, QList<Chat::LeaveReason>{ Chat::LeaveReason::Left });
    QCOMPARE(ann.people().size(), 1);
    QCOMPARE(bob.say(u"nobody hears"_s), 0u);
    const ChatClient::Counters counters = ann.counters();
    QVERIFY(counters.rtt > 0 && counters.bytesSent > 0 && counters.bytesReceived > 0);
}

void tst_ChatClient::typing()
{
    Person ann, bob;
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    QTRY_COMPARE(ann.people().size(), 2);
    bob.setTyping();
    QTRY_VERIFY(ann.person(bob.ownId()).isTyping);
    bob.say(u"there it is"_s);
    QTRY_COMPARE(ann.lines.size(), 1);
    QVERIFY(!ann.person(bob.ownId()).isTyping);
    bob.setTyping(); // and then thinks better of it
    QTRY_VERIFY(ann.person(bob.ownId()).isTyping);
    QTRY_VERIFY_WITH_TIMEOUT(!ann.person(bob.ownId()).isTyping, 10000);
}

void tst_ChatClient::tooManyLines()
{
    Person ann;
    join(ann, u"Ann"_s);
    int taken = 0;
    for (int i = 0; i < 100; ++i)
        taken += ann.say(u"quick"_s) != 0;
    QVERIFY2(taken >= Chat::LinesAtOnce && taken < 20, qPrintable(QString::number(taken)));
    bool again = false;
    QTRY_VERIFY((again = again || ann.say(u"again"_s) != 0)); // and is still welcome
}

void tst_ChatClient::nobodyThere()
{
    m_server.reset();
    Person ann;
    ann.join(host, m_port, u"Ann"_s);
    QTRY_COMPARE_WITH_TIMEOUT(ann.state(), ChatClient::Offline, 10000);
    QCOMPARE(ann.ending().socketReason, KcpSocket::Refused);
    ann.join(u"no.such.host.invalid"_s, m_port, u"Ann"_s);
    QTRY_COMPARE_WITH_TIMEOUT(ann.state(), ChatClient::Offline, 20000);
    QVERIFY(!ann.ending().socketText.isEmpty());
}

void tst_ChatClient::refused_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<Chat::Reason>("reason");
    QTest::newRow("taken") << u"ann"_s << Chat::Reason::NameTaken;
    QTest::newRow("no name") << u"\u200b"_s << Chat::Reason::BadName;
}

void tst_ChatClient::refused()
{
    QFETCH(QString, name);
    QFETCH(Chat::Reason, reason);
    Person ann, eve;
    join(ann, u"Ann"_s);
    eve.join(host, m_port, name);
    QTRY_COMPARE(eve.states.size(), 2);
    QCOMPARE(eve.state(), ChatClient::Offline);
    QCOMPARE(eve.ending().reason, reason);
}

void tst_ChatClient::file()
{
    Person ann, bob;
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    QSignalSpy progress(ann.files(), &FileTransfers::changed);
    const QString path = makeFile(u"five megabytes.bin"_s, 5 * 1024 * 1024);
    QCOMPARE(bob.files()->send(path), FileTransfers::Accepted);
    QTRY_COMPARE(ann.last, 1u);
    QCOMPARE(ann.transfer().name, u"five megabytes.bin"_s);
    QCOMPARE(ann.transfer().person, bob.ownId());
    QTRY_COMPARE_WITH_TIMEOUT(ann.transfer().state, FileTransfers::Complete, 30000);
    QTRY_COMPARE(bob.transfer().state, FileTransfers::Complete);
    QVERIFY(progress.size() > 100);
    QVERIFY(content(ann.transfer().path) == content(path));
    QVERIFY(!ann.transfer().path.contains(u"five"_s)); // not the sender's name for it

    QCOMPARE(ann.files()->send(makeFile(u"empty"_s, 0)), FileTransfers::Accepted);
    QTRY_COMPARE(bob.transfer().name, u"empty"_s);
    QTRY_COMPARE(bob.transfer().state, FileTransfers::Complete);
    QCOMPARE(content(bob.transfer().path), QByteArray());
}

// With one session a line would come after everything that is in the queue before it.
void tst_ChatClient::chatOvertakesAFile()
{
    Person ann, bob;
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    bob.useBadNetwork(5, 10ms);
    QTRY_COMPARE(bob.state(), ChatClient::Online);
    QCOMPARE(bob.files()->send(makeFile(u"big"_s, 8 * 1024 * 1024)), FileTransfers::Accepted);
    QVERIFY(hasBegun(ann, u"big"_s));
    quint32 before = ann.transfer().done;
    for (int i = 1; i <= 5; ++i) {
        bob.say(u"line %1"_s.arg(i));
        QTRY_COMPARE(ann.lines.size(), i);
    }
    QVERIFY2(ann.transfer().state == FileTransfers::Running,
             qPrintable(u"%1 then, %2 now"_s.arg(before).arg(ann.transfer().done)));
}

// More than the server takes at once: the client waits, and is not dropped.
void tst_ChatClient::manyFiles()
{
    Person ann, bob;
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    const QString path = makeFile(u"small"_s, 1000);
    for (int i = 0; i < 10; ++i)
        QCOMPARE(bob.files()->send(path), FileTransfers::Accepted);
    QTRY_COMPARE_WITH_TIMEOUT(ann.last, 10u, 10000);
    QTRY_COMPARE(ann.transfer().state, FileTransfers::Complete);
    QCOMPARE(bob.state(), ChatClient::Online);
    int accepted = 0;
    while (bob.files()->send(path) == FileTransfers::Accepted)
        QVERIFY(++accepted <= 20);
    QCOMPARE(bob.files()->send(path), FileTransfers::TooMany);
}

// What a server says of a file of so many bytes, to the end or not.
static void receiveFile(RecordLink &link, quint32 transfer, int size, bool whole = true)
{
    emit link.received(Chat::FileStart{ transfer, 2, u"file"_s, quint32(size) });
    if (!whole)
        return;
    if (size > 0)
        emit link.received(Chat::FileChunk{ transfer, QByteArray(size, 'x') });
    emit link.received(Chat::FileFinish{ transfer, Chat::FileEnd::Complete });
}

void tst_ChatClient::receivedFilesMakeRoom()
{
    RecordLink link(new KcpSocket);
    FileTransfers files;
    files.setMaximumKept(100);
    files.attach(&link);
    const auto state = [&](quint32 number) { return files.transfer(number).state; };
    const auto exists = [&](quint32 number) { return QFile::exists(files.transfer(number).path); };
    for (quint32 number = 1; number <= 3; ++number) {
        receiveFile(link, number, 30);
        QCOMPARE(state(number), FileTransfers::Complete);
    }
    receiveFile(link, 4, 60); // the third may stay
    QVERIFY(state(1) == FileTransfers::NoRoom && state(2) == FileTransfers::NoRoom);
    QVERIFY(!exists(1) && !exists(2) && exists(3) && exists(4));
    QVERIFY(state(3) == FileTransfers::Complete && state(4) == FileTransfers::Complete);

    receiveFile(link, 5, 101); // no room is enough
    QCOMPARE(state(5), FileTransfers::NoRoom);
    QVERIFY(exists(3) && exists(4));
    receiveFile(link, 6, 50, false); // takes the room before it has come
    QVERIFY(!exists(3) && !exists(4));
    receiveFile(link, 7, 50, false);
    receiveFile(link, 8, 1, false);
    QVERIFY(state(6) == FileTransfers::Running && state(7) == FileTransfers::Running);
    QCOMPARE(state(8), FileTransfers::NoRoom);

    files.detach();
    receiveFile(link, 9, 100); // not heard
    files.attach(&link);
    receiveFile(link, 9, 100);
    QCOMPARE(state(9), FileTransfers::Complete);
    const QString path = files.transfer(9).path;
    const QFileInfo folder(QFileInfo(path).path());
    QVERIFY(QFile::exists(path) && folder.exists());
    files.dropReceived();
    QVERIFY(!QFile::exists(path) && !QFile::exists(folder.filePath()));
    receiveFile(link, 10, 100); // and a new chat may begin
    QVERIFY(exists(files.transfer(10).number));
}

void tst_ChatClient::transfersAreBounded()
{
    RecordLink link(new KcpSocket);
    FileTransfers files;
    files.attach(&link);
    quint32 last = 0;
    connect(&files, &FileTransfers::added, &link, [&](quint32 number) { last = number; });
    receiveFile(link, 1, 10, false); // this one goes on
    receiveFile(link, 2, 0);
    const QString path = files.transfer(2).path;
    QVERIFY(QFile::exists(path));
    for (quint32 number = 3; number <= 1100; ++number)
        receiveFile(link, number, 0);
    QCOMPARE(files.transfer(last).state, FileTransfers::Complete);
    QCOMPARE(files.transfer(1).state, FileTransfers::Running);
    QCOMPARE(files.transfer(2).number, 0u); // forgotten
    const QDir folder(QFileInfo(path).path());
    QCOMPARE(folder.entryList(QDir::Files).size(), 1000);
}

void tst_ChatClient::fileIsCancelled()
{
    Person ann, bob;
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    const QString path = makeFile(u"big"_s, 20 * 1024 * 1024);
    quint32 number = 0;
    quint32 second = 0;
    QCOMPARE(bob.files()->send(path, &number), FileTransfers::Accepted);
    QCOMPARE(bob.files()->send(makeFile(u"next"_s, 10), &second), FileTransfers::Accepted);
    QVERIFY(hasBegun(ann, u"big"_s));
    const quint32 received = ann.last;
    bob.files()->cancel(number);
    QCOMPARE(bob.files()->transfer(number).state, FileTransfers::Cancelled);
    QTRY_COMPARE(ann.files()->transfer(received).state, FileTransfers::Cancelled);
    QVERIFY(!QFile::exists(ann.files()->transfer(received).path));
    QTRY_COMPARE(ann.transfer().name, u"next"_s);
    QTRY_COMPARE(ann.transfer().state, FileTransfers::Complete);

    // The receiver does not want it: the sender goes on for the others.
    QCOMPARE(bob.files()->send(path, &number), FileTransfers::Accepted);
    QVERIFY(hasBegun(ann, u"big"_s));
    ann.files()->cancel(ann.last);
    QCOMPARE(ann.transfer().state, FileTransfers::Cancelled);
    QTRY_COMPARE_WITH_TIMEOUT(bob.files()->transfer(number).state, FileTransfers::Complete, 30000);
    QCOMPARE(ann.transfer().state, FileTransfers::Cancelled);
    QVERIFY(ann.files()->isIdle());
}

void tst_ChatClient::fileWithoutConnection()
{
    Person ann, bob;
    QCOMPARE(ann.files()->send(makeFile(u"small"_s, 10)), FileTransfers::NotConnected);
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    QCOMPARE(bob.files()->send(makeFile(u"big"_s, 20 * 1024 * 1024)), FileTransfers::Accepted);
    QVERIFY(hasBegun(ann, u"big"_s));
    bob.leave();
    QCOMPARE(bob.transfer().state, FileTransfers::Failed);
    QTRY_COMPARE(ann.transfer().state, FileTransfers::Failed);
    QVERIFY(!QFile::exists(ann.transfer().path));
}

void tst_ChatClient::fileThatCannotBe()
{
    Person ann;
    join(ann, u"Ann"_s);
    QCOMPARE(ann.files()->send(m_folder.filePath(u"not there"_s)), FileTransfers::Unreadable);
    QCOMPARE(ann.files()->send(m_folder.path()), FileTransfers::Unreadable);
    QFile large(m_folder.filePath(u"large"_s));
    QVERIFY(large.open(QIODevice::WriteOnly));
    QVERIFY(large.resize(qint64(Chat::MaxFileSize) + 1)); // takes no room on the disk
    QCOMPARE(ann.files()->send(large.fileName()), FileTransfers::TooLarge);
    QCOMPARE(ann.last, 0u);
}

void tst_ChatClient::badNetwork()
{
    Person ann, bob;
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    QTRY_COMPARE(ann.joins, 1);
    const quint32 id = bob.ownId();
    QSignalSpy joined(&bob, &ChatClient::joined);
    bob.useBadNetwork(20, 30ms);
    QVERIFY(bob.usesBadNetwork());
    QTRY_COMPARE(bob.state(), ChatClient::Online);
    QCOMPARE(bob.ownId(), id);
    for (int i = 0; i < 8; ++i)
        QVERIFY(bob.say(QString::number(i)) != 0);
    QTRY_COMPARE_WITH_TIMEOUT(ann.lines.size(), 8, 20000);
    for (int i = 0; i < 8; ++i)
        QCOMPARE(ann.lines.at(i).text, QString::number(i));
    QVERIFY(bob.counters().rtt >= 30);
    // Nobody has noticed.
    QCOMPARE(ann.joins, 1);
    QCOMPARE(ann.leaves.size(), 0);
    QCOMPARE(joined.size(), 0);
    QCOMPARE(m_server->memberCount(), 2);
}

void tst_ChatClient::badNetworkDuringAFile()
{
    Person ann, bob;
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    QCOMPARE(bob.files()->send(makeFile(u"big"_s, 20 * 1024 * 1024)), FileTransfers::Accepted);
    QVERIFY(hasBegun(ann, u"big"_s));
    bob.useBadNetwork(0, 5ms);
    QTRY_COMPARE(bob.state(), ChatClient::Online);
    QTRY_COMPARE_WITH_TIMEOUT(ann.transfer().state, FileTransfers::Complete, 30000);
    QTRY_COMPARE(bob.transfer().state, FileTransfers::Complete);
    // The next one goes the new way.
    const QString next = makeFile(u"next"_s, 10);
    bool sent = false;
    QTRY_VERIFY((sent = sent || bob.files()->send(next) == FileTransfers::Accepted));
    QTRY_COMPARE(ann.transfer().name, u"next"_s);
    QTRY_COMPARE(ann.transfer().state, FileTransfers::Complete);
}

void tst_ChatClient::reconnects()
{
    Person ann;
    join(ann, u"Ann"_s);
    QSignalSpy joined(&ann, &ChatClient::joined);
    ann.states.clear();
    m_server->finish();
    QTRY_COMPARE(ann.state(), ChatClient::Waiting);
    QCOMPARE(ann.ending().reason, Chat::Reason::ServerClosing);
    QVERIFY(ann.waitTime() <= Backoff::First);
    const quint16 port = m_port;
    m_server.reset();
    QTRY_COMPARE(ann.states.count(ChatClient::Waiting), 2); // there was an attempt in between
    QTRY_VERIFY([&] {
        m_server = std::make_unique<ChatServer>();
        return m_server->listen(QHostAddress(QHostAddress::LocalHost), port);
    }());
    ann.retryNow();
    QTRY_COMPARE_WITH_TIMEOUT(ann.state(), ChatClient::Online, 10000);
    QCOMPARE(joined.size(), 1);
    QCOMPARE(joined.first().first().toBool(), true);
    QCOMPARE(m_server->memberCount(), 1);
    QVERIFY(ann.say(u"here again"_s) != 0);
}

void tst_ChatClient::leavesWhileReconnecting()
{
    Person ann;
    join(ann, u"Ann"_s);
    QSignalSpy undelivered(&ann, &ChatClient::undelivered);
    m_server->finish();
    const quint32 tag = ann.say(u"too late"_s);
    QTRY_COMPARE(ann.state(), ChatClient::Waiting);
    QCOMPARE(undelivered.size(), 1);
    QCOMPARE(undelivered.first().first().toUInt(), tag);
    ann.leave();
    QCOMPARE(ann.state(), ChatClient::Offline);
    ann.retryNow(); // does nothing
    QCOMPARE(ann.state(), ChatClient::Offline);
}

void tst_ChatClient::hostileServer_data()
{
    QTest::addColumn<QList<QByteArray>>("records");
    QTest::newRow("random bytes") << QList<QByteArray>{ "\x77\x66\x55" };
    QTest::newRow("HTTP") << QList<QByteArray>{ "HTTP/1.1 400 Bad Request\r\n\r\n" };
    QTest::newRow("nothing") << QList<QByteArray>{ "" };
    QTest::newRow("huge length") << QList<QByteArray>{ QByteArray::fromHex(
            "02 00000001 ffffffff") };
    const QByteArray welcome = Chat::encode(Chat::Welcome{ 1, QByteArray(16, 't'), {} });
    QList<QByteArray> crowd{ welcome };
    for (quint32 i = 0; i < 300; ++i)
        crowd.append(Chat::encode(Chat::Joined{ { i, u"\u202eX\n"_s } }));
    crowd.append(Chat::encode(Chat::Left{ 4711, Chat::LeaveReason::Lost }));
    crowd.append(Chat::encode(Chat::Latencies{ { { 4711, 1 }, { 2, 0xffffffff } } }));
    crowd.append(Chat::encode(Chat::Said{ 4711, 0, std::numeric_limits<qint64>::min(), u"?"_s }));
    crowd.append(Chat::encode(Chat::Said{ 4711, 0, std::numeric_limits<qint64>::max(), u"!"_s }));
    QTest::newRow("members, then an end") << (crowd << QByteArray("\xff"));
}

void tst_ChatClient::hostileServer()
{
    QFETCH(QList<QByteArray>, records);
    KcpServer server;
    server.setConfiguration(chatConfiguration());
    QVERIFY(server.listen(QHostAddress(QHostAddress::LocalHost), 0));
    connect(&server, &KcpServer::newConnection, &server, [&] {
        KcpSocket *socket = server.nextPendingConnection();
        for (const QByteArray &record : std::as_const(records))
            socket->writeMessage(record);
    });
    Person ann;
    ann.join(host, server.serverPort(), u"Ann"_s);
    QTRY_VERIFY(ann.states.size() > 1 && ann.state() != ChatClient::Connecting
                && ann.state() != ChatClient::Online);
    QVERIFY(ann.joins <= Chat::MaxPeople);
    QCOMPARE(ann.people().size(), 0);
    QCOMPARE(ann.lines.size(), records.size() > 300 ? 2 : 0);
    for (const ChatClient::Line &line : std::as_const(ann.lines)) // one may be taken from another
        QVERIFY(line.time >= 0 && line.time < 300000000000000);
}

QTEST_GUILESS_MAIN(tst_ChatClient)
#include "tst_chat_client.moc"
