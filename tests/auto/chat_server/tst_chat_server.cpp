// SPDX-License-Identifier: MIT
#include "handclient.h"
#include "server/chatserver.h"
#include "server/hostedserver.h"

#include <QtCore/QDateTime>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

// People who hold to the rules.
class tst_ChatServer : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();
    void joinSayLeave();
    void textIsCleaned();
    void typing();
    void latencies();
    void takesOverItsPlace();
    void otherNameWithToken();
    void file();
    void emptyFile();
    void fileIsCancelled();
    void senderOfFileGoes();
    void receiverJoinsLate();
    void slowReceiverHoldsBackTheSender();
    void stalledReceiverIsDetached();
    void tricklingReceiverIsDetached();
    void receiverIsNotBlamedWhenTheSenderGoes();
    void finish();
    void hostedInAThread();

private:
    // Joins and waits for Welcome; with the file session if there is one.
    void join(HandClient &chat, const QString &name, HandClient *files = nullptr);

    std::unique_ptr<ChatServer> m_server;
    quint16 m_port = 0;
};

void tst_ChatServer::init()
{
    m_server = std::make_unique<ChatServer>();
    QVERIFY(m_server->listen(QHostAddress(QHostAddress::LocalHost), 0));
    m_port = m_server->port();
}

void tst_ChatServer::cleanup()
{
    m_server.reset();
}

void tst_ChatServer::join(HandClient &chat, const QString &name, HandClient *files)
{
    chat.hello(name);
    QTRY_VERIFY(chat.isWelcome());
    if (!files)
        return;
    files->send(Chat::Attach{ Chat::Magic, Chat::Version, chat.last<Chat::Welcome>().token });
    QTRY_COMPARE(files->count<Chat::Attached>(), 1);
}

void tst_ChatServer::joinSayLeave()
{
    HandClient ann(m_port);
    join(ann, u"Ann"_s);
    const auto annWelcome = ann.last<Chat::Welcome>();
    QCOMPARE(annWelcome.people.size(), 1);
    QCOMPARE(annWelcome.people.first().name, u"Ann"_s);
    QCOMPARE(annWelcome.token.size(), Chat::TokenSize);

    HandClient bob(m_port);
    join(bob, u"Bob"_s);
    QCOMPARE(bob.last<Chat::Welcome>().people.size(), 2);
    QVERIFY(bob.last<Chat::Welcome>().token != annWelcome.token);
    QTRY_COMPARE(ann.count<Chat::Joined>(), 1);
    QCOMPARE(ann.last<Chat::Joined>().person.name, u"Bob"_s);
    QCOMPARE(bob.count<Chat::Joined>(), 0);

    const qint64 before = QDateTime::currentMSecsSinceEpoch();
    bob.send(Chat::Say{ 77, u"Hello 👋\nAnn"_s });
    QTRY_COMPARE(ann.count<Chat::Said>(), 1);
    const auto said = ann.last<Chat::Said>();
    QCOMPARE(said.text, u"Hello 👋\nAnn"_s);
    QCOMPARE(said.id, bob.last<Chat::Welcome>().id);
    QCOMPARE(said.tag, 0u); // it means nothing to others
    QVERIFY(said.time >= before && said.time <= QDateTime::currentMSecsSinceEpoch());
    QTRY_COMPARE(bob.count<Chat::Said>(), 1);
    QCOMPARE(bob.last<Chat::Said>().tag, 77u);

    bob.socket.disconnectFromHost();
    QTRY_COMPARE(ann.count<Chat::Left>(), 1);
    QCOMPARE(ann.last<Chat::Left>().reason, Chat::LeaveReason::Left);
    QTRY_VERIFY(bob.isEnded());
    QCOMPARE(m_server->memberCount(), 1);
}

void tst_ChatServer::textIsCleaned()
{
    HandClient ann(m_port), bob(m_port);
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    bob.send(Chat::Say{ 1, u" \n "_s }); // nothing in it: nobody hears
    bob.send(Chat::Say{ 2, u"a\u0007b\r\nc"_s });
    QTRY_COMPARE(ann.count<Chat::Said>(), 1);
    QCOMPARE(ann.last<Chat::Said>().text, u"ab\nc"_s);
}

void tst_ChatServer::typing()
{
    HandClient ann(m_port), bob(m_port);
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    bob.socket.sendDatagram(Chat::encode(Chat::Typing{ 4711 })); // not who it says it is
    QTRY_COMPARE(ann.datagrams.size(), 1);
    QCOMPARE(std::get<Chat::Typing>(ann.datagrams.first()).id, bob.last<Chat::Welcome>().id);
    QCOMPARE(bob.datagrams.size(), 0);
}

void tst_ChatServer::latencies()
{
    m_server->setPatience(5s, 50ms); // ticks as often
    HandClient ann(m_port);
    join(ann, u"Ann"_s);
    QTRY_VERIFY(ann.count<Chat::Latencies>() > 0 && ann.last<Chat::Latencies>().list.size() == 1);
    QCOMPARE(ann.last<Chat::Latencies>().list.first().id, ann.last<Chat::Welcome>().id);
    QVERIFY(ann.last<Chat::Latencies>().list.first().milliseconds < 5000);
}

void tst_ChatServer::takesOverItsPlace()
{
    HandClient ann(m_port), bob(m_port);
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    HandClient again(m_port);
    again.hello(u"Bob"_s, bob.last<Chat::Welcome>().token);
    QTRY_VERIFY(again.isWelcome());
    QCOMPARE(again.last<Chat::Welcome>().id, bob.last<Chat::Welcome>().id);
    QTRY_VERIFY(bob.isEnded());
    QCOMPARE(bob.reason(), Chat::Reason::Replaced);

    again.send(Chat::Say{ 1, u"still me"_s });
    QTRY_COMPARE(ann.count<Chat::Said>(), 1);
    QCOMPARE(ann.last<Chat::Said>().id, bob.last<Chat::Welcome>().id);
    QCOMPARE(ann.count<Chat::Left>(), 0);
    QCOMPARE(ann.count<Chat::Joined>(), 1);
    QCOMPARE(m_server->memberCount(), 2);
}

void tst_ChatServer::otherNameWithToken()
{
    HandClient ann(m_port);
    join(ann, u"Ann"_s);
    HandClient other(m_port);
    other.hello(u"Eve"_s, ann.last<Chat::Welcome>().token);
    QTRY_VERIFY(other.isWelcome());
    QVERIFY(other.last<Chat::Welcome>().id != ann.last<Chat::Welcome>().id);
    QCOMPARE(m_server->memberCount(), 2);
}

void tst_ChatServer::file()
{
    HandClient ann(m_port), annFiles(m_port), bob(m_port), bobFiles(m_port);
    join(ann, u"Ann"_s, &annFiles);
    join(bob, u"Bob"_s, &bobFiles);
    bobFiles.send(Chat::FileOffer{ 5, u"../../evil.txt"_s, 20000 });
    bobFiles.send(Chat::FileChunk{ 5, QByteArray(16000, 'a') });
    bobFiles.send(Chat::FileChunk{ 5, QByteArray(4000, 'b') });
    QTRY_COMPARE(annFiles.count<Chat::FileFinish>(), 1);
    const auto start = annFiles.last<Chat::FileStart>();
    QCOMPARE(start.name, u"evil.txt"_s);
    QCOMPARE(start.size, 20000u);
    QCOMPARE(start.person, bob.last<Chat::Welcome>().id);
    QByteArray data;
    for (const Chat::Record &record : std::as_const(annFiles.heard)) {
        if (const auto *chunk = std::get_if<Chat::FileChunk>(&record)) {
            QCOMPARE(chunk->transfer, start.transfer);
            data += chunk->data;
        }
    }
    QCOMPARE(data, QByteArray(16000, 'a') + QByteArray(4000, 'b'));
    QCOMPARE(annFiles.last<Chat::FileFinish>().end, Chat::FileEnd::Complete);
    QTRY_COMPARE(bobFiles.count<Chat::FileFinish>(), 1);
    QCOMPARE(bobFiles.last<Chat::FileFinish>().transfer, 5u);
    QCOMPARE(bobFiles.last<Chat::FileFinish>().end, Chat::FileEnd::Complete);
}

void tst_ChatServer::emptyFile()
{
    HandClient ann(m_port), annFiles(m_port), bob(m_port), bobFiles(m_port);
    join(ann, u"Ann"_s, &annFiles);
    join(bob, u"Bob"_s, &bobFiles);
    bobFiles.send(Chat::FileOffer{ 1, u"empty"_s, 0 });
    QTRY_COMPARE(annFiles.count<Chat::FileFinish>(), 1);
    QCOMPARE(annFiles.last<Chat::FileFinish>().end, Chat::FileEnd::Complete);
}

void tst_ChatServer::fileIsCancelled()
{
    HandClient ann(m_port), annFiles(m_port), bob(m_port), bobFiles(m_port);
    join(ann, u"Ann"_s, &annFiles);
    join(bob, u"Bob"_s, &bobFiles);
    bobFiles.send(Chat::FileOffer{ 1, u"a"_s, 1000 });
    bobFiles.send(Chat::FileFinish{ 1, Chat::FileEnd::CancelledBySender });
    bobFiles.send(Chat::FileFinish{ 1, Chat::FileEnd::CancelledBySender }); // crossed with an end
    QTRY_COMPARE(annFiles.count<Chat::FileFinish>(), 1);
    QCOMPARE(annFiles.last<Chat::FileFinish>().end, Chat::FileEnd::CancelledBySender);
    bobFiles.send(Chat::FileOffer{ 2, u"b"_s, 0 }); // and the next one may go
    QTRY_COMPARE(annFiles.count<Chat::FileFinish>(), 2);
    QCOMPARE(m_server->memberCount(), 2);
}

void tst_ChatServer::senderOfFileGoes()
{
    HandClient ann(m_port), annFiles(m_port), bob(m_port), bobFiles(m_port);
    join(ann, u"Ann"_s, &annFiles);
    join(bob, u"Bob"_s, &bobFiles);
    bobFiles.send(Chat::FileOffer{ 1, u"a"_s, 1000 });
    QTRY_COMPARE(annFiles.count<Chat::FileStart>(), 1);
    bob.socket.disconnectFromHost();
    QTRY_COMPARE(annFiles.count<Chat::FileFinish>(), 1);
    QCOMPARE(annFiles.last<Chat::FileFinish>().end, Chat::FileEnd::SenderGone);
    QTRY_VERIFY(bobFiles.isEnded());
}

void tst_ChatServer::receiverJoinsLate()
{
    HandClient bob(m_port), bobFiles(m_port);
    join(bob, u"Bob"_s, &bobFiles);
    bobFiles.send(Chat::FileOffer{ 1, u"a"_s, 2 });
    bobFiles.send(Chat::FileChunk{ 1, "a" });
    bob.send(Chat::Say{ 1, u"sent"_s });
    QTRY_COMPARE(bob.count<Chat::Said>(), 1);
    HandClient ann(m_port), annFiles(m_port);
    join(ann, u"Ann"_s, &annFiles);
    bobFiles.send(Chat::FileChunk{ 1, "b" });
    QTRY_COMPARE(bobFiles.count<Chat::FileFinish>(), 1);
    QCOMPARE(annFiles.count<Chat::FileChunk>(), 0); // not the second half of something
}

// The server keeps about a megabyte for a receiver that does not read, not the file.
void tst_ChatServer::slowReceiverHoldsBackTheSender()
{
    HandClient ann(m_port), annFiles(m_port), bob(m_port), bobFiles(m_port);
    annFiles.socket.setReadBufferSize(64 * 1024);
    join(ann, u"Ann"_s, &annFiles);
    join(bob, u"Bob"_s, &bobFiles);
    annFiles.reading = false;

    constexpr int chunks = 512; // 8 MiB
    bobFiles.send(Chat::FileOffer{ 1, u"big"_s, chunks * Chat::ChunkSize });
    for (int i = 0; i < chunks; ++i)
        bobFiles.send(Chat::FileChunk{ 1, QByteArray(Chat::ChunkSize, 'x') });
    QTRY_VERIFY(annFiles.socket.bytesAvailable() >= 64 * 1024);
    // The chat of both goes on meanwhile.
    bob.send(Chat::Say{ 1, u"patience"_s });
    QTRY_COMPARE(ann.count<Chat::Said>(), 1);
    const auto left = [&] {
        return bobFiles.socket.bytesToWrite() + bobFiles.socket.bytesUnacknowledged();
    };
    QVERIFY2(left() > 4 * 1024 * 1024, qPrintable(QString::number(left())));
    QCOMPARE(bobFiles.count<Chat::FileFinish>(), 0);

    annFiles.reading = true;
    emit annFiles.socket.readyRead();
    QTRY_COMPARE_WITH_TIMEOUT(annFiles.count<Chat::FileChunk>(), chunks, 30000);
    QTRY_COMPARE(bobFiles.count<Chat::FileFinish>(), 1);
    QCOMPARE(bobFiles.last<Chat::FileFinish>().end, Chat::FileEnd::Complete);
}

void tst_ChatServer::stalledReceiverIsDetached()
{
    m_server->setPatience(5s, 100ms);
    HandClient ann(m_port), annFiles(m_port), bob(m_port), bobFiles(m_port);
    annFiles.socket.setReadBufferSize(64 * 1024);
    join(ann, u"Ann"_s, &annFiles);
    join(bob, u"Bob"_s, &bobFiles);
    annFiles.reading = false;

    constexpr int chunks = 256; // 4 MiB
    bobFiles.send(Chat::FileOffer{ 1, u"big"_s, chunks * Chat::ChunkSize });
    for (int i = 0; i < chunks; ++i)
        bobFiles.send(Chat::FileChunk{ 1, QByteArray(Chat::ChunkSize, 'x') });
    QTRY_COMPARE_WITH_TIMEOUT(bobFiles.count<Chat::FileFinish>(), 1, 30000);
    QTRY_COMPARE(annFiles.socket.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(annFiles.socket.closeReason(), KcpSocket::RemoteAbort);
    QCOMPARE(m_server->memberCount(), 2); // still in the chat
}

// It takes a little now and then, too little for a file that others want as well.
void tst_ChatServer::tricklingReceiverIsDetached()
{
    m_server->setPatience(5s, 500ms);
    HandClient ann(m_port), annFiles(m_port), bob(m_port), bobFiles(m_port);
    annFiles.socket.setReadBufferSize(64 * 1024);
    join(ann, u"Ann"_s, &annFiles);
    join(bob, u"Bob"_s, &bobFiles);
    annFiles.reading = false;
    QTimer trickle;
    connect(&trickle, &QTimer::timeout, &annFiles.socket, [&] { annFiles.socket.readMessage(); });
    trickle.start(200ms); // 80 KB/s

    constexpr int chunks = 256; // 4 MiB
    bobFiles.send(Chat::FileOffer{ 1, u"big"_s, chunks * Chat::ChunkSize });
    for (int i = 0; i < chunks; ++i)
        bobFiles.send(Chat::FileChunk{ 1, QByteArray(Chat::ChunkSize, 'x') });
    QTRY_COMPARE_WITH_TIMEOUT(bobFiles.count<Chat::FileFinish>(), 1, 10000);
    QTRY_COMPARE(annFiles.socket.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(annFiles.socket.closeReason(), KcpSocket::RemoteAbort);
    QCOMPARE(m_server->memberCount(), 2);
}

void tst_ChatServer::receiverIsNotBlamedWhenTheSenderGoes()
{
    m_server->setPatience(5s, 1s);
    HandClient ann(m_port), annFiles(m_port), bob(m_port), bobFiles(m_port);
    annFiles.socket.setReadBufferSize(64 * 1024);
    join(ann, u"Ann"_s, &annFiles);
    join(bob, u"Bob"_s, &bobFiles);
    annFiles.reading = false;

    constexpr int chunks = 128; // 2 MiB
    bobFiles.send(Chat::FileOffer{ 1, u"big"_s, chunks * Chat::ChunkSize });
    for (int i = 0; i < chunks; ++i)
        bobFiles.send(Chat::FileChunk{ 1, QByteArray(Chat::ChunkSize, 'x') });
    QTRY_VERIFY(annFiles.socket.bytesAvailable() >= 64 * 1024);
    bob.socket.disconnectFromHost(); // the server keeps half a megabyte for Ann
    QTRY_COMPARE(ann.count<Chat::Left>(), 1);
    const int ticks = ann.count<Chat::Latencies>();
    QTRY_VERIFY(ann.count<Chat::Latencies>() >= ticks + 3);
    QCOMPARE(annFiles.socket.state(), QAbstractSocket::ConnectedState);

    annFiles.reading = true;
    emit annFiles.socket.readyRead();
    QTRY_COMPARE(annFiles.count<Chat::FileFinish>(), 1);
    QCOMPARE(annFiles.last<Chat::FileFinish>().end, Chat::FileEnd::SenderGone);
}

void tst_ChatServer::finish()
{
    HandClient ann(m_port), bob(m_port);
    join(ann, u"Ann"_s);
    join(bob, u"Bob"_s);
    bob.send(Chat::Say{ 1, u"bye"_s });
    QTRY_COMPARE(ann.count<Chat::Said>(), 1);
    QSignalSpy finished(m_server.get(), &ChatServer::finished);
    m_server->finish();
    QTRY_COMPARE(finished.size(), 1);
    QTRY_VERIFY(ann.isEnded() && bob.isEnded());
    QCOMPARE(ann.reason(), Chat::Reason::ServerClosing);
    QCOMPARE(ann.count<Chat::Left>(), 0);
}

void tst_ChatServer::hostedInAThread()
{
    HostedServer hosted;
    QVERIFY(hosted.start(0));
    QVERIFY(hosted.port() != 0);
    HandClient ann(hosted.port());
    join(ann, u"Ann"_s);

    HostedServer second;
    QVERIFY(!second.start(hosted.port()));
    QVERIFY(!second.errorString().isEmpty());

    hosted.stop();
    QTRY_VERIFY(ann.isEnded());
    QCOMPARE(ann.reason(), Chat::Reason::ServerClosing);
    QVERIFY(hosted.start(0)); // and once more
}

QTEST_GUILESS_MAIN(tst_ChatServer)
#include "tst_chat_server.moc"
