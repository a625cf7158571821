// SPDX-License-Identifier: MIT
// QObject::moveToThread() of sockets and servers, and sockets and servers in threads of their own.
#include "threadtools.h"

#include <QtTest/qsignalspy.h>

#include <array>

using namespace std::chrono_literals;

class tst_MoveToThread : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void whileConnected();
    void waitsInTheNewThread();
    void whileLookingUp();
    void bound();
    void inAnySlot_data();
    void inAnySlot();
    void inASlotWhileWaiting();
    void acceptedAlone();
    void acceptedAloneAfterClose();
    void serverWithItsSockets();
    void serverWithoutASocket();
    void serverInItsOwnSlot();
    void serverForEachThread();
    void endOfTheThread();
    void whileAnotherThreadWrites();
};

namespace {

constexpr const char *Signals[] = { "hostFound",
                                    "stateChanged(HostLookup)",
                                    "stateChanged(Connecting)",
                                    "stateChanged(Connected)",
                                    "connected",
                                    "bytesWritten",
                                    "readyRead",
                                    "datagramReceived",
                                    "errorOccurred",
                                    "stateChanged(Closing)",
                                    "stateChanged(Unconnected)",
                                    "readChannelFinished",
                                    "disconnected" };

// Tells every signal of a socket, in the thread where it comes.
void observe(KcpSocket *socket, const std::function<void(const QByteArray &)> &tell)
{
    const auto connectTo = [&](auto signal, const char *name) {
        QObject::connect(socket, signal, socket, [tell, name] { tell(name); });
    };
    connectTo(&KcpSocket::hostFound, "hostFound");
    connectTo(&KcpSocket::connected, "connected");
    connectTo(&KcpSocket::bytesWritten, "bytesWritten");
    connectTo(&KcpSocket::readyRead, "readyRead");
    connectTo(&KcpSocket::datagramReceived, "datagramReceived");
    connectTo(&KcpSocket::errorOccurred, "errorOccurred");
    connectTo(&KcpSocket::readChannelFinished, "readChannelFinished");
    connectTo(&KcpSocket::disconnected, "disconnected");
    QObject::connect(
            socket, &KcpSocket::stateChanged, socket, [tell](QAbstractSocket::SocketState state) {
                static constexpr const char *Names[] = { "Unconnected", "HostLookup", "Connecting",
                                                         "Connected",   "Bound",      "Listening",
                                                         "Closing" };
                tell(QByteArray("stateChanged(") + Names[state] + ')');
            });
}

void deleteIn(LoopThread &thread, KcpSocket *socket)
{
    thread.run([socket] { delete socket; });
}

const char partingWarning[] =
        "KcpSocket: an accepted socket shares its server's UDP socket and cannot be in another "
        "thread; its connection is closed. Run a server in each thread, or use "
        "KcpSocket::writer() to write from other threads";

} // namespace

void tst_MoveToThread::whileConnected()
{
    EchoServer server;
    std::array<LoopThread, 2> loops;
    auto *socket = new KcpSocket;
    Shared<QByteArray> received;
    std::atomic_bool wrongThread = false;
    QByteArray sent;
    connect(socket, &KcpSocket::readyRead, socket, [&, socket] {
        wrongThread = wrongThread || socket->thread() != QThread::currentThread();
        const QByteArray data = socket->readAll();
        received.with([&](QByteArray &all) { all += data; });
    });
    socket->connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(socket->state(), QAbstractSocket::ConnectedState);
    socket->moveToThread(&loops[0]);
    for (int i = 0; i < 40; ++i) {
        const QByteArray block(20000, char('a' + i % 26));
        sent += block;
        LoopThread *next = &loops.at(std::size_t(i + 1) % loops.size());
        // Data is under way each time: no wait for the echo.
        loops.at(std::size_t(i) % loops.size()).run([&] {
            socket->write(block);
            socket->moveToThread(next);
        });
        QCoreApplication::processEvents();
    }
    QVERIFY(runUntil([&] { return received.with([](auto &b) { return b.size(); }) == sent.size(); },
                     30000));
    QVERIFY(received.copy() == sent);
    QVERIFY(!wrongThread);
    deleteIn(loops[0], socket);
}

void tst_MoveToThread::waitsInTheNewThread()
{
    EchoServer server;
    KcpSocket socket;
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(socket.state(), QAbstractSocket::ConnectedState);
    socket.write("before");
    QByteArray received;
    QThread *const home = QThread::currentThread();
    // A thread without an event loop: nothing of Qt's is queued there.
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        while (received.size() < 6 && socket.waitForReadyRead(10000))
            received += socket.readAll();
        socket.write("after");
        while (received.size() < 11 && socket.waitForReadyRead(10000))
            received += socket.readAll();
        socket.moveToThread(home);
    }));
    socket.moveToThread(thread.get());
    thread->start();
    QVERIFY(runUntil([&] { return thread->isFinished(); }, 20000));
    QCOMPARE(received, QByteArray("beforeafter"));
    socket.write("back");
    QTRY_COMPARE(socket.bytesAvailable(), 4);
}

void tst_MoveToThread::whileLookingUp()
{
    EchoServer server;
    LoopThread loop;
    auto *socket = new KcpSocket;
    std::atomic_bool echoed = false;
    connect(socket, &KcpSocket::readyRead, socket, [&, socket] {
        echoed = socket->thread() == QThread::currentThread() && socket->readAll() == "hello";
    });
    socket->connectToHost(QStringLiteral("localhost"), server.serverPort());
    QCOMPARE(socket->state(), QAbstractSocket::HostLookupState);
    socket->write("hello");
    socket->moveToThread(&loop);
    QTRY_VERIFY_WITH_TIMEOUT(echoed, 10000);
    deleteIn(loop, socket);
}

void tst_MoveToThread::bound()
{
    EchoServer server;
    const quint16 serverPort = server.serverPort();
    LoopThread loop;
    auto *socket = new KcpSocket;
    QVERIFY(socket->bind(localHost));
    const quint16 port = socket->localPort();
    socket->moveToThread(&loop);
    std::atomic_int echoed = 0;
    loop.run([&] {
        connect(socket, &KcpSocket::readyRead, socket,
                [&, socket] { echoed = socket->localPort(); });
        socket->connectToHost(localHost, serverPort);
        socket->write("hello");
    });
    QTRY_COMPARE_WITH_TIMEOUT(echoed.load(), int(port), 10000);
    deleteIn(loop, socket);
}

void tst_MoveToThread::inAnySlot_data()
{
    QTest::addColumn<QByteArray>("signal");
    for (const char *name : Signals)
        QTest::newRow(name) << QByteArray(name);
}

// The same signals in the same order, whenever the socket moves.
void tst_MoveToThread::inAnySlot()
{
    QFETCH(QByteArray, signal);
    EchoServer server;
    const quint16 port = server.serverPort();
    struct Log
    {
        QList<QByteArray> names;
        QList<QThread *> threads;
    };
    LoopThread loop;
    const auto run = [&](bool moves) {
        Shared<Log> log;
        std::atomic_bool over = false;
        auto *socket = new KcpSocket;
        bool moved = false;
        observe(socket, [&, socket](const QByteArray &name) {
            const bool first = log.with([&](Log &all) {
                if (!all.names.isEmpty() && all.names.last() == name)
                    return false; // how often bytesWritten() comes is not fixed
                all.names.append(name);
                all.threads.append(QThread::currentThread());
                return true;
            });
            if (name == "datagramReceived")
                socket->write("close"); // with an error: RemoteHostClosedError
            if (name == "connected")
                socket->sendDatagram("unreliable");
            if (name == "disconnected") {
                over = true;
                socket->deleteLater();
            }
            if (moves && first && !moved && name == signal) {
                moved = true;
                socket->moveToThread(&loop);
            }
        });
        socket->connectToHost(localHost, port);
        if (!runUntil([&] { return over.load(); }, 10000))
            qWarning() << "stuck after" << log.copy().names;
        return log.copy();
    };
    Log unmoved = run(false);
    Log moved = run(true);
    QVERIFY(unmoved.names.contains(signal));
    // The order of what is caused by datagrams of the peer and of what is sent is not fixed.
    unmoved.names.removeAll("bytesWritten");
    const qsizetype at = moved.names.indexOf(signal);
    QCOMPARE(moved.threads.first(), QThread::currentThread());
    for (qsizetype i = 0; i < moved.names.size(); ++i)
        QCOMPARE(moved.threads.at(i), i <= at ? QThread::currentThread() : &loop);
    moved.names.removeAll("bytesWritten");
    QCOMPARE(moved.names, unmoved.names);
    loop.run([] {}); // deleteLater() comes before the end of the loop
}

void tst_MoveToThread::inASlotWhileWaiting()
{
    EchoServer server;
    const quint16 port = server.serverPort();
    LoopThread waiting;
    LoopThread other;
    std::atomic_bool echoed = false;
    std::atomic_bool waitResult = true;
    waiting.post([&] {
        auto *socket = new KcpSocket;
        connect(socket, &KcpSocket::connected, socket,
                [&, socket] { socket->moveToThread(&other); });
        connect(socket, &KcpSocket::readyRead, socket, [&, socket] {
            echoed = socket->thread() == QThread::currentThread();
            socket->deleteLater();
        });
        socket->connectToHost(localHost, port);
        socket->write("hello");
        waitResult = socket->waitForConnected(10000); // it is another thread's socket afterwards
    });
    QTRY_VERIFY_WITH_TIMEOUT(echoed, 10000);
    waiting.run([] {});
    other.run([] {});
    QVERIFY(!waitResult);
}

void tst_MoveToThread::acceptedAlone()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    KcpSocket client;
    client.connectToHost(localHost, server.serverPort());
    client.write("never read");
    QTRY_VERIFY(server.hasPendingConnections());
    KcpSocket *socket = server.nextPendingConnection();
    socket->setParent(nullptr);
    QTRY_VERIFY(socket->bytesAvailable() > 0);
    socket->write("last words");
    const KcpWriter writer = socket->writer();

    LoopThread loop;
    Shared<QList<QByteArray>> log;
    std::atomic_bool wrongThread = false;
    observe(socket, [&](const QByteArray &name) {
        wrongThread = wrongThread || QThread::currentThread() != &loop;
        log.with([&](QList<QByteArray> &all) { all.append(name); });
    });
    QTest::ignoreMessage(QtWarningMsg, partingWarning);
    socket->moveToThread(&loop);
    QTRY_COMPARE(log.copy(),
                 QList<QByteArray>({ "errorOccurred", "stateChanged(Closing)",
                                     "stateChanged(Unconnected)", "readChannelFinished",
                                     "disconnected" }));
    QVERIFY(!wrongThread);
    QVERIFY(!writer.isOpen());
    loop.run([&] {
        QCOMPARE(socket->error(), QAbstractSocket::UnsupportedSocketOperationError);
        QVERIFY(!socket->errorString().isEmpty());
        QCOMPARE(socket->write("x"), -1);
        QCOMPARE(socket->state(), QAbstractSocket::UnconnectedState);
        delete socket;
    });
    // The peer has had all of it, and the server goes on.
    QTRY_COMPARE(client.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(client.readAll(), QByteArray("last words"));
    client.connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(server.hasPendingConnections());
}

void tst_MoveToThread::acceptedAloneAfterClose()
{
    // What is over has nothing to lose: no warning.
    KcpServer server;
    QVERIFY(server.listen(localHost));
    auto client = std::make_unique<KcpSocket>();
    client->connectToHost(localHost, server.serverPort());
    QTRY_VERIFY(server.hasPendingConnections());
    KcpSocket *socket = server.nextPendingConnection();
    socket->setParent(nullptr);
    client.reset();
    QTRY_COMPARE(socket->state(), QAbstractSocket::UnconnectedState);
    LoopThread loop;
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".")));
    socket->moveToThread(&loop);
    deleteIn(loop, socket);
}

void tst_MoveToThread::serverWithItsSockets()
{
    LoopThread loop;
    auto *server = new KcpServer;
    QVERIFY(server->listen(localHost));
    const quint16 port = server->serverPort();
    KcpSocket client;
    client.connectToHost(localHost, port);
    QTRY_VERIFY(server->hasPendingConnections());
    KcpSocket *accepted = server->nextPendingConnection();
    std::atomic_int echoes = 0;
    const auto serve = [&](KcpSocket *socket) {
        connect(socket, &KcpSocket::readyRead, socket, [&echoes, socket] {
            if (QThread::currentThread() == socket->thread())
                ++echoes;
            socket->write(socket->readAll());
        });
    };
    serve(accepted);
    connect(server, &KcpServer::newConnection, server,
            [server, serve] { serve(server->nextPendingConnection()); });
    client.write("before");
    QTest::failOnWarning(QRegularExpression(QStringLiteral(".")));
    server->moveToThread(&loop);
    QTRY_COMPARE(client.bytesAvailable(), 6);
    KcpSocket second; // the server accepts in the new thread
    second.connectToHost(localHost, port);
    QTRY_COMPARE(second.state(), QAbstractSocket::ConnectedState);
    second.write("after");
    QTRY_COMPARE(second.bytesAvailable(), 5);
    QCOMPARE(echoes.load(), 2);
    loop.run([&] {
        // The address is taken up again in the thread where it is now.
        accepted->setParent(nullptr);
        delete server;
        KcpServer again;
        QVERIFY(again.listen(localHost, port));
        delete accepted;
    });
    QTRY_COMPARE(client.state(), QAbstractSocket::UnconnectedState);
}

void tst_MoveToThread::serverWithoutASocket()
{
    LoopThread loop;
    auto *server = new KcpServer;
    QVERIFY(server->listen(localHost));
    const quint16 port = server->serverPort();
    KcpSocket client;
    client.connectToHost(localHost, port);
    QTRY_VERIFY(server->hasPendingConnections());
    const std::unique_ptr<KcpSocket> stays(server->nextPendingConnection());
    stays->setParent(nullptr);
    QSignalSpy ended(stays.get(), &KcpSocket::disconnected);
    QTest::ignoreMessage(QtWarningMsg, partingWarning);
    server->moveToThread(&loop);
    QTRY_COMPARE(ended.count(), 1);
    QCOMPARE(stays->error(), QAbstractSocket::UnsupportedSocketOperationError);
    QTRY_COMPARE(client.state(), QAbstractSocket::UnconnectedState);
    client.connectToHost(localHost, port);
    QTRY_COMPARE(client.state(), QAbstractSocket::ConnectedState);
    loop.run([&] { delete server; });
}

void tst_MoveToThread::serverInItsOwnSlot()
{
    LoopThread loop;
    auto *server = new EchoServer;
    const quint16 port = server->serverPort();
    std::atomic_int elsewhere = 0;
    connect(server, &KcpServer::pendingConnectionAvailable, server, [&, server] {
        if (server->thread() == &loop)
            ++elsewhere;
        else
            server->moveToThread(&loop);
    });
    std::array<KcpSocket, 5> clients;
    for (KcpSocket &client : clients) {
        client.connectToHost(localHost, port);
        client.write("hello");
    }
    for (KcpSocket &client : clients)
        QTRY_COMPARE_WITH_TIMEOUT(client.bytesAvailable(), 5, 10000);
    QTRY_COMPARE(elsewhere.load(), 4);
    loop.run([&] { delete server; });
}

void tst_MoveToThread::serverForEachThread()
{
    constexpr std::size_t Count = 3;
    std::array<LoopThread, Count> serverLoops;
    std::array<LoopThread, Count> clientLoops;
    std::array<std::unique_ptr<EchoServer>, Count> servers;
    std::array<quint16, Count> ports{};
    for (std::size_t i = 0; i < Count; ++i) {
        serverLoops[i].run([&] {
            servers[i] = std::make_unique<EchoServer>();
            ports[i] = servers[i]->serverPort();
        });
    }
    std::atomic_int done = 0;
    for (std::size_t i = 0; i < Count; ++i) {
        clientLoops[i].post([&] {
            for (std::size_t k = 0; k < Count; ++k) {
                auto *socket = new KcpSocket;
                auto received = std::make_shared<qsizetype>(0);
                connect(socket, &KcpSocket::readyRead, socket, [socket, received] {
                    *received += socket->readAll().size();
                    if (*received == 200000)
                        socket->disconnectFromHost();
                });
                connect(socket, &KcpSocket::disconnected, socket, [&done, socket, received] {
                    done += *received == 200000;
                    socket->deleteLater();
                });
                socket->connectToHost(localHost, ports.at(k));
                socket->write(QByteArray(200000, 'x'));
            }
        });
    }
    QTRY_COMPARE_WITH_TIMEOUT(done.load(), int(Count * Count), 30000);
    for (std::size_t i = 0; i < Count; ++i)
        serverLoops[i].run([&] { servers[i].reset(); });
}

// A thread that ends closes what lives in it, and says so to the peers.
void tst_MoveToThread::endOfTheThread()
{
    KcpServer server;
    QVERIFY(server.listen(localHost));
    const quint16 port = server.serverPort();
    {
        LoopThread loop;
        loop.run([&] {
            auto *socket = new KcpSocket;
            connect(&loop, &QThread::finished, socket, &QObject::deleteLater);
            socket->connectToHost(localHost, port);
        });
        QTRY_VERIFY(server.hasPendingConnections());
    }
    const std::unique_ptr<KcpSocket> peer(server.nextPendingConnection());
    QTRY_COMPARE(peer->state(), QAbstractSocket::UnconnectedState);
    QVERIFY(peer->closeReason() == KcpSocket::RemoteClose
            || peer->closeReason() == KcpSocket::RemoteAbort);
}

void tst_MoveToThread::whileAnotherThreadWrites()
{
    EchoServer server;
    const quint16 port = server.serverPort();
    std::array<LoopThread, 3> loops;
    auto *socket = new KcpSocket;
    socket->setWriteBufferLimit(20000);
    Shared<QByteArray> received;
    connect(socket, &KcpSocket::readyRead, socket, [&received, socket] {
        const QByteArray data = socket->readAll();
        received.with([&](QByteArray &all) { all += data; });
    });
    std::atomic_int moves = 0;
    std::atomic_bool moving = true;
    std::function<void()> hop = [&] {
        if (!moving) {
            delete socket;
            return;
        }
        LoopThread &next = loops.at(std::size_t(++moves) % loops.size());
        socket->moveToThread(&next);
        next.post(hop);
    };
    KcpWriter writer;
    socket->connectToHost(localHost, port);
    writer = socket->writer();
    socket->moveToThread(&loops[0]);
    loops[0].post(hop);

    constexpr int Total = 400000;
    std::atomic_bool failed = false;
    std::thread thread([&] {
        for (int i = 0; i < Total; i += 1000) {
            if (!writer.write(QByteArray(1000, char('a' + i / 1000 % 26))))
                failed = true;
        }
    });
    const bool all = runUntil(
            [&] {
                const auto size = [](const QByteArray &bytes) { return bytes.size(); };
                return failed || (moves > 10 && received.with(size) >= Total);
            },
            60000);
    moving = false;
    QTRY_VERIFY(!writer.isOpen()); // deleted
    thread.join();
    QVERIFY(all);
    QVERIFY(!failed);
    QVERIFY(moves > 10);
    const QByteArray data = received.copy();
    QCOMPARE(data.size(), Total);
    for (int i = 0; i < Total; i += 1000)
        QCOMPARE(data.at(i + 999), char('a' + i / 1000 % 26));
}

QTEST_GUILESS_MAIN(tst_MoveToThread)
#include "tst_movetothread.moc"
