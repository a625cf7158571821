// SPDX-License-Identifier: MIT
// KcpWriter: many threads write, one socket sends.
#include "threadtools.h"

#include "kcpwriterqueue_p.h"

#include <QtTest/qsignalspy.h>

#include <array>

using namespace std::chrono_literals;

class tst_KcpWriter : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void withoutConnection();
    void orderOfEachThread_data();
    void orderOfEachThread();
    void messages();
    void wrongMode();
    void refusesAtTheLimit();
    void waitsForRoom();
    void timesOut();
    void neverWaitsInTheSocketsThread();
    void firstComeFirstServed();
    void endsWithTheConnection_data();
    void endsWithTheConnection();
    void anotherConnection();
    void beforeConnected();
    void orderWithDirectWrites();
    void disconnectDelivers();
    void deletedSocketDelivers();
    void oneWakeUpForManyWrites();
    void splitHalves();
};

namespace {

KcpConfiguration messageConfiguration()
{
    KcpConfiguration configuration;
    configuration.setMode(KcpConfiguration::Message);
    configuration.setMaxMessageSize(100000);
    return configuration;
}

// A connected client and its peer, in this thread.
struct Pair
{
    explicit Pair(const KcpConfiguration &configuration = {})
    {
        server.setConfiguration(configuration);
        client = std::make_unique<KcpSocket>();
        client->setConfiguration(configuration);
    }
    bool connect()
    {
        if (!server.listen(localHost))
            return false;
        client->connectToHost(localHost, server.serverPort());
        if (!QTest::qWaitFor([this] { return server.hasPendingConnections(); }))
            return false;
        peer.reset(server.nextPendingConnection());
        return QTest::qWaitFor(
                [this] { return client->state() == QAbstractSocket::ConnectedState; });
    }
    KcpServer server;
    std::unique_ptr<KcpSocket> client;
    std::unique_ptr<KcpSocket> peer;
};

} // namespace

void tst_KcpWriter::withoutConnection()
{
    KcpWriter::Error error = KcpWriter::NoError;
    for (const KcpWriter &writer : { KcpWriter(), KcpSocket().writer() }) {
        QVERIFY(!writer.isOpen());
        QVERIFY(!writer.write("x", -1, &error));
        QCOMPARE(error, KcpWriter::Ended);
        QVERIFY(!writer.writeMessage("x"));
        QVERIFY(!writer.errorString().isEmpty());
        QCOMPARE(writer.bytesQueued(), 0);
    }
}

void tst_KcpWriter::orderOfEachThread_data()
{
    QTest::addColumn<qint64>("limit");
    QTest::addColumn<int>("msecs");
    QTest::newRow("unlimited") << qint64(0) << -1;
    QTest::newRow("waiting") << qint64(5000) << -1;
    QTest::newRow("refused") << qint64(5000) << 0;
}

void tst_KcpWriter::orderOfEachThread()
{
    QFETCH(qint64, limit);
    QFETCH(int, msecs);
    constexpr int Threads = 4;
    constexpr int Writes = 1000;
    Pair pair;
    QVERIFY(pair.connect());
    pair.client->setWriteBufferLimit(limit);
    const KcpWriter writer = pair.client->writer();
    std::atomic_int failures = 0;
    std::vector<std::thread> threads;
    for (int id = 0; id < Threads; ++id) {
        threads.emplace_back([&, id] {
            for (int i = 0; i < Writes; ++i) {
                const QByteArray line = QByteArray::number(id) + ' ' + QByteArray::number(i) + '\n';
                KcpWriter::Error error = KcpWriter::NoError;
                bool written = writer.write(line, msecs, &error);
                while (!written && error == KcpWriter::LimitReached && msecs == 0) {
                    std::this_thread::yield();
                    written = writer.write(line, msecs, &error);
                }
                if (!written)
                    ++failures;
            }
        });
    }
    std::array<int, Threads> next{};
    int lines = 0;
    bool ordered = true;
    qint64 highest = 0;
    const auto read = [&] {
        highest =
                std::max(highest, pair.client->bytesToWrite() + pair.client->bytesUnacknowledged());
        while (pair.peer->canReadLine()) {
            const QList<QByteArray> words = pair.peer->readLine().trimmed().split(' ');
            const int id = words.value(0).toInt();
            ordered = ordered && words.size() == 2 && id >= 0 && id < Threads
                    && words.at(1).toInt() == next.at(std::size_t(id))++;
            ++lines;
        }
        return lines == Threads * Writes;
    };
    const bool all = runUntil(read, 30000);
    if (!all)
        pair.client->abort(); // or they wait for ever
    for (std::thread &thread : threads)
        thread.join();
    QVERIFY(all);
    QVERIFY(ordered);
    QCOMPARE(failures.load(), 0);
    if (limit > 0)
        QVERIFY2(highest <= limit, qPrintable(QString::number(highest)));
}

void tst_KcpWriter::messages()
{
    Pair pair(messageConfiguration());
    QVERIFY(pair.connect());
    const KcpWriter writer = pair.client->writer();
    std::thread thread([writer] {
        for (int i = 0; i < 300; ++i)
            writer.writeMessage(QByteArray(i % 7 ? i : 0, 'm'));
    });
    thread.join();
    KcpWriter::Error error = KcpWriter::NoError;
    QVERIFY(!writer.writeMessage(QByteArray(100001, 'l'), -1, &error));
    QCOMPARE(error, KcpWriter::MessageTooLarge);
    for (int i = 0; i < 300; ++i) {
        QTRY_VERIFY(pair.peer->hasPendingMessages());
        QCOMPARE(pair.peer->readMessage().size(), i % 7 ? i : 0);
    }
    QVERIFY(!pair.peer->hasPendingMessages());
}

void tst_KcpWriter::wrongMode()
{
    KcpWriter::Error error = KcpWriter::NoError;
    Pair stream;
    QVERIFY(stream.connect());
    QVERIFY(!stream.client->writer().writeMessage("m", -1, &error));
    QCOMPARE(error, KcpWriter::WrongMode);
    Pair messages(messageConfiguration());
    QVERIFY(messages.connect());
    QVERIFY(!messages.client->writer().write("s", -1, &error));
    QCOMPARE(error, KcpWriter::WrongMode);
}

void tst_KcpWriter::refusesAtTheLimit()
{
    Pair pair;
    QVERIFY(pair.connect());
    pair.client->setWriteBufferLimit(1000);
    const KcpWriter writer = pair.client->writer();
    KcpWriter::Error error = KcpWriter::Ended;
    QVERIFY(writer.write(QByteArray(800, 'a'), 0, &error));
    QCOMPARE(error, KcpWriter::NoError);
    QCOMPARE(writer.bytesQueued(), 800);
    QCOMPARE(pair.client->bytesToWrite(), 800);
    QVERIFY(!writer.write(QByteArray(300, 'b'), 0, &error));
    QCOMPARE(error, KcpWriter::LimitReached);
    QVERIFY(writer.isOpen());
    QVERIFY(writer.write(QByteArray(200, 'c'), 0));
    QCOMPARE(pair.client->write("d"), 0); // all count together
    QTRY_COMPARE(pair.peer->bytesAvailable(), 1000);
    QTRY_COMPARE(pair.client->bytesUnacknowledged(), 0);
    QCOMPARE(writer.bytesQueued(), 0);
    // More than the limit goes when nothing waits, and alone.
    QVERIFY(writer.write(QByteArray(5000, 'e'), 0));
    QVERIFY(!writer.write("f", 0));
    QTRY_COMPARE(pair.peer->bytesAvailable(), 6000);
    pair.client->setWriteBufferLimit(0);
    QVERIFY(writer.write(QByteArray(50000, 'g'), 0));
    QVERIFY(writer.write(QByteArray(50000, 'h'), 0));
    QTRY_COMPARE(pair.peer->bytesAvailable(), 106000);
}

void tst_KcpWriter::waitsForRoom()
{
    Pair pair;
    QVERIFY(pair.connect());
    pair.client->setWriteBufferLimit(10000);
    const KcpWriter writer = pair.client->writer();
    constexpr int Total = 2000000;
    std::atomic_bool failed = false;
    std::thread thread([&] {
        for (int sent = 0; sent < Total; sent += 4000) {
            if (!writer.write(QByteArray(4000, char('a' + sent / 4000 % 26))))
                failed = true;
        }
    });
    QByteArray received;
    qint64 highest = 0;
    const bool all = runUntil(
            [&] {
                highest = std::max(
                        highest, pair.client->bytesToWrite() + pair.client->bytesUnacknowledged());
                received += pair.peer->readAll();
                return received.size() == Total;
            },
            30000);
    if (!all)
        pair.client->abort();
    thread.join();
    QVERIFY(all);
    QVERIFY(!failed);
    QVERIFY2(highest <= 10000, qPrintable(QString::number(highest)));
    for (int i = 0; i < Total; i += 4000)
        QCOMPARE(received.at(i + 3999), char('a' + i / 4000 % 26));
}

void tst_KcpWriter::timesOut()
{
    Pair pair;
    QVERIFY(pair.connect());
    pair.client->setWriteBufferLimit(100);
    const KcpWriter writer = pair.client->writer();
    QVERIFY(writer.write(QByteArray(100, 'a')));
    // This thread runs no event loop meanwhile: there is no room.
    KcpWriter::Error error = KcpWriter::NoError;
    bool written = true;
    std::thread thread([&] { written = writer.write("b", 20, &error); });
    thread.join();
    QVERIFY(!written);
    QCOMPARE(error, KcpWriter::LimitReached);
    QVERIFY(writer.isOpen());
    QTRY_COMPARE(pair.peer->bytesAvailable(), 100);
    QTRY_COMPARE(pair.client->bytesUnacknowledged(), 0);
    QVERIFY(writer.write("b", 0));
    QTRY_COMPARE(pair.peer->bytesAvailable(), 101);
}

void tst_KcpWriter::neverWaitsInTheSocketsThread()
{
    Pair pair;
    QVERIFY(pair.connect());
    pair.client->setWriteBufferLimit(100);
    const KcpWriter writer = pair.client->writer();
    QVERIFY(writer.write(QByteArray(100, 'a'), -1));
    KcpWriter::Error error = KcpWriter::NoError;
    QVERIFY(!writer.write("b", -1, &error)); // would be for ever
    QCOMPARE(error, KcpWriter::LimitReached);
}

void tst_KcpWriter::firstComeFirstServed()
{
    // A large write is not passed by small ones for ever.
    Pair pair;
    QVERIFY(pair.connect());
    pair.client->setWriteBufferLimit(2000);
    const KcpWriter writer = pair.client->writer();
    std::atomic_bool largeDone = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            while (!largeDone && writer.write(QByteArray(300, 's'))) { }
        });
    }
    std::atomic_bool largeWritten = false;
    threads.emplace_back([&] {
        largeWritten = writer.write(QByteArray(2000, 'l'));
        largeDone = true;
    });
    const bool done = runUntil(
            [&] {
                pair.peer->readAll();
                return largeDone.load();
            },
            20000);
    if (!done)
        pair.client->abort();
    // The small ones end by themselves, with room for the last of each.
    QTRY_COMPARE_WITH_TIMEOUT(pair.client->bytesToWrite() + pair.client->bytesUnacknowledged(), 0,
                              20000);
    pair.client->abort();
    for (std::thread &thread : threads)
        thread.join();
    QVERIFY(done);
    QVERIFY(largeWritten);
}

void tst_KcpWriter::endsWithTheConnection_data()
{
    QTest::addColumn<QString>("how");
    for (const char *how :
         { "disconnectFromHost", "abort", "close", "delete", "remote", "timeout" })
        QTest::newRow(how) << QString::fromLatin1(how);
}

void tst_KcpWriter::endsWithTheConnection()
{
    QFETCH(QString, how);
    KcpConfiguration configuration;
    configuration.setKeepAliveInterval(0ms);
    configuration.setIdleTimeout(how == QLatin1String("timeout") ? 200ms : 30000ms);
    Pair pair(configuration);
    QVERIFY(pair.connect());
    pair.client->setWriteBufferLimit(100);
    const KcpWriter writer = pair.client->writer();
    QVERIFY(writer.write(QByteArray(100, 'a')));
    // Waits, or will: nobody makes room before the end.
    KcpWriter::Error error = KcpWriter::NoError;
    bool written = true;
    std::promise<void> begun;
    std::thread thread([&] {
        begun.set_value();
        written = writer.write(QByteArray(100, 'b'), -1, &error);
    });
    begun.get_future().get();
    if (how == QLatin1String("disconnectFromHost"))
        pair.client->disconnectFromHost();
    else if (how == QLatin1String("abort"))
        pair.client->abort();
    else if (how == QLatin1String("close"))
        pair.client->close();
    else if (how == QLatin1String("delete"))
        pair.client.reset();
    else if (how == QLatin1String("remote")) {
        pair.peer->setReadBufferSize(50);
        pair.peer->abort();
    } else {
        pair.peer.reset();
    }
    if (pair.client)
        QTRY_COMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
    thread.join();
    QVERIFY(!writer.isOpen());
    QVERIFY(!writer.errorString().isEmpty());
    if (how != QLatin1String("remote") && how != QLatin1String("timeout")) {
        QVERIFY(!written);
        QCOMPARE(error, KcpWriter::Ended);
    }
    QVERIFY(!writer.write("c", -1, &error));
    QCOMPARE(error, KcpWriter::Ended);
}

void tst_KcpWriter::anotherConnection()
{
    Pair pair;
    QVERIFY(pair.connect());
    const KcpWriter first = pair.client->writer();
    QVERIFY(first.write("one"));
    pair.client->disconnectFromHost();
    QTRY_COMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
    pair.client->connectToHost(localHost, pair.server.serverPort());
    QVERIFY(!first.isOpen());
    QVERIFY(!first.write("stale"));
    const KcpWriter second = pair.client->writer();
    QVERIFY(second.isOpen());
    QVERIFY(second.write("two"));
    QTRY_VERIFY(pair.server.hasPendingConnections());
    const std::unique_ptr<KcpSocket> peer(pair.server.nextPendingConnection());
    QTRY_COMPARE(peer->bytesAvailable(), 3);
    QCOMPARE(peer->readAll(), QByteArray("two"));
    QCOMPARE(pair.peer->readAll(), QByteArray("one"));
}

void tst_KcpWriter::beforeConnected()
{
    EchoServer server;
    KcpSocket socket;
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort()); // by name
    const KcpWriter writer = socket.writer();
    QVERIFY(writer.isOpen());
    std::thread thread([writer] {
        for (int i = 0; i < 100; ++i)
            writer.write("early");
    });
    thread.join();
    QCOMPARE(socket.bytesToWrite(), 500);
    QTRY_COMPARE_WITH_TIMEOUT(socket.bytesAvailable(), 500, 10000);
}

void tst_KcpWriter::orderWithDirectWrites()
{
    Pair pair;
    QVERIFY(pair.connect());
    const KcpWriter writer = pair.client->writer();
    QByteArray expected;
    for (int i = 0; i < 100; ++i) {
        const QByteArray word = QByteArray::number(i) + ' ';
        if (i % 3)
            QVERIFY(writer.write(word));
        else
            QCOMPARE(pair.client->write(word), word.size());
        expected += word;
    }
    QTRY_COMPARE(pair.peer->bytesAvailable(), expected.size());
    QCOMPARE(pair.peer->readAll(), expected);
}

void tst_KcpWriter::disconnectDelivers()
{
    Pair pair;
    QVERIFY(pair.connect());
    const KcpWriter writer = pair.client->writer();
    std::thread thread([writer] { writer.write(QByteArray(100000, 'x')); });
    thread.join();
    pair.client->disconnectFromHost();
    QTRY_COMPARE(pair.peer->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(pair.peer->bytesAvailable(), 100000);
}

void tst_KcpWriter::deletedSocketDelivers()
{
    Pair pair;
    QVERIFY(pair.connect());
    const KcpWriter writer = pair.client->writer();
    std::thread thread([writer] { writer.write(QByteArray(100000, 'x')); });
    thread.join();
    pair.client.reset();
    QTRY_COMPARE(pair.peer->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(pair.peer->bytesAvailable(), 100000);
}

void tst_KcpWriter::oneWakeUpForManyWrites()
{
    struct Counter : QObject
    {
        bool eventFilter(QObject *, QEvent *event) override
        {
            count += event->type() == KcpWriterQueue::wakeEvent();
            return false;
        }
        int count = 0;
    } counter;
    Pair pair;
    QVERIFY(pair.connect());
    pair.client->installEventFilter(&counter);
    const KcpWriter writer = pair.client->writer();
    for (int round = 1; round <= 3; ++round) {
        std::thread thread([writer] {
            for (int i = 0; i < 1000; ++i)
                writer.write("0123456789");
        });
        thread.join();
        QTRY_COMPARE(pair.peer->bytesAvailable(), 10000);
        pair.peer->readAll();
        QCOMPARE(counter.count, round);
    }
}

// Reading blocks in one thread, which runs no event loop, and another one writes.
void tst_KcpWriter::splitHalves()
{
    EchoServer server;
    const quint16 port = server.serverPort();
    constexpr int Rounds = 200;
    std::promise<KcpWriter> writerPromise;
    std::atomic_int echoes = 0;
    std::atomic_bool readerOk = false;
    const std::unique_ptr<QThread> reader(QThread::create([&] {
        KcpSocket socket;
        socket.connectToHost(localHost, port);
        if (!socket.waitForConnected(10000)) {
            writerPromise.set_value(KcpWriter());
            return;
        }
        writerPromise.set_value(socket.writer());
        QByteArray received;
        while (socket.waitForReadyRead(-1))
            echoes = int((received += socket.readAll()).size() / 100);
        readerOk = socket.closeReason() == KcpSocket::RemoteClose && socket.closeCode() == 7;
    }));
    reader->start();
    std::atomic_bool writerOk = true;
    std::thread writing([&] {
        const KcpWriter writer = writerPromise.get_future().get();
        for (int i = 0; i < Rounds; ++i) {
            writerOk = writer.write(QByteArray(100, 'x')) && writerOk;
            // Each is answered before the next: the reader sleeps, and has to be woken.
            while (echoes <= i && writer.isOpen())
                std::this_thread::yield();
        }
        writer.write("close");
    });
    const bool done = runUntil([&] { return readerOk.load(); }, 30000);
    if (!done)
        server.close();
    writing.join();
    reader->wait();
    QVERIFY(done);
    QVERIFY(writerOk);
    QCOMPARE(echoes.load(), Rounds);
}

QTEST_GUILESS_MAIN(tst_KcpWriter)
#include "tst_kcpwriter.moc"
