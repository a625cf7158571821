// SPDX-License-Identifier: MIT
// Sockets and servers in other threads than the main one.
#include "compliance.h"

#include <QtCore/qeventloop.h>

#include <atomic>

using namespace compliance;

static constexpr char group[] = "threads";

namespace {

// Runs an event loop in `thread` until it is told to quit.
struct LoopThread
{
    LoopThread() { thread.start(); }
    ~LoopThread()
    {
        thread.quit();
        thread.wait();
    }
    // Runs there, and waits for its end.
    template <typename Function>
    void run(QObject *object, Function function)
    {
        QMetaObject::invokeMethod(object, function, Qt::BlockingQueuedConnection);
    }
    QThread thread;
};

} // namespace

SCENARIO(socketInAThread)
{
    EchoThread<Net> server;
    QByteArray received;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        typename Net::Socket socket;
        socket.connectToHost(localHost, server.port);
        socket.write("from a thread");
        while (received.size() < 13 && socket.waitForReadyRead(5000))
            received += socket.readAll();
        socket.disconnectFromHost();
        if (!isUnconnected(socket))
            socket.waitForDisconnected(5000);
    }));
    thread->start();
    QVERIFY(thread->wait(20000));
    QCOMPARE(received, QByteArray("from a thread"));
}

SCENARIO(socketWithEventLoopInAThread)
{
    EchoThread<Net> server;
    QByteArray received;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        QEventLoop loop;
        typename Net::Socket socket;
        QObject::connect(&socket, &Net::Socket::connected, &socket, [&] { socket.write("hello"); });
        QObject::connect(&socket, &QIODevice::readyRead, &socket, [&] {
            received += socket.readAll();
            if (received.size() == 5)
                socket.disconnectFromHost();
        });
        QObject::connect(&socket, &Net::Socket::disconnected, &loop, &QEventLoop::quit);
        socket.connectToHost(localHost, server.port);
        loop.exec();
    }));
    thread->start();
    QVERIFY(thread->wait(20000));
    QCOMPARE(received, QByteArray("hello"));
}

// Moved before it connects.
SCENARIO(moveToThread0)
{
    EchoThread<Net> server;
    LoopThread worker;
    auto *socket = new typename Net::Socket;
    socket->moveToThread(&worker.thread);
    std::atomic<int> received = 0;
    std::atomic<bool> inWorker = true;
    QObject::connect(socket, &QIODevice::readyRead, socket, [&] {
        inWorker = inWorker && QThread::currentThread() == &worker.thread;
        received += int(socket->readAll().size());
    });
    worker.run(socket, [&] {
        socket->connectToHost(localHost, server.port);
        socket->write("moved");
    });
    QTRY_COMPARE(received.load(), 5);
    QVERIFY(inWorker);
    worker.run(socket, [&] { delete socket; });
}

// Moved after it was used, when it is unconnected again.
SCENARIO(moveToThreadBetweenConnections)
{
    EchoThread<Net> server;
    auto *socket = new typename Net::Socket;
    socket->connectToHost(localHost, server.port);
    socket->write("close");
    QTRY_VERIFY(isUnconnected(*socket));
    LoopThread worker;
    socket->moveToThread(&worker.thread);
    bool echoed = false;
    worker.run(socket, [&] {
        socket->connectToHost(localHost, server.port);
        socket->write("again");
        echoed = socket->waitForReadyRead(5000) && socket->readAll() == "again";
        delete socket;
    });
    QVERIFY(echoed);
}

SCENARIO(manyClientThreads)
{
    EchoThread<Net> server;
    constexpr int Threads = 4;
    std::atomic<int> good = 0;
    std::vector<std::unique_ptr<QThread>> threads;
    for (int i = 0; i < Threads; ++i) {
        threads.emplace_back(QThread::create([&, i] {
            typename Net::Socket socket;
            socket.connectToHost(localHost, server.port);
            const QByteArray sent(200000, char('a' + i));
            socket.write(sent);
            QByteArray received;
            while (received.size() < sent.size() && socket.waitForReadyRead(10000))
                received += socket.readAll();
            if (received == sent)
                ++good;
            socket.disconnectFromHost();
            if (!isUnconnected(socket))
                socket.waitForDisconnected(5000);
        }));
        threads.back()->start();
    }
    for (const auto &thread : threads)
        QVERIFY(thread->wait(60000));
    QCOMPARE(good.load(), Threads);
}

SCENARIO(serverPerThread)
{
    EchoThread<Net> servers[3];
    typename Net::Socket sockets[3];
    for (int i = 0; i < 3; ++i) {
        sockets[i].connectToHost(localHost, servers[i].port);
        sockets[i].write("x");
    }
    for (auto &socket : sockets)
        QTRY_COMPARE(socket.bytesAvailable(), 1);
}

// The server blocks in a thread without an event loop, connection by connection.
SCENARIO(blockingServer)
{
    std::promise<quint16> port;
    std::atomic<int> served = 0;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        typename Net::Server server;
        server.listen(localHost);
        port.set_value(server.serverPort());
        while (served < 3 && server.waitForNewConnection(10000)) {
            std::unique_ptr<typename Net::Socket> socket(server.nextPendingConnection());
            while (!socket->canReadLine() && socket->waitForReadyRead(5000)) { }
            socket->write(socket->readLine().toUpper());
            socket->disconnectFromHost();
            if (!isUnconnected(*socket))
                socket->waitForDisconnected(5000);
            ++served;
        }
    }));
    thread->start();
    const quint16 listening = port.get_future().get();
    for (int i = 0; i < 3; ++i) {
        typename Net::Socket socket;
        socket.connectToHost(localHost, listening);
        socket.write("request\n");
        while (socket.waitForReadyRead(5000) && !socket.canReadLine()) { }
        QCOMPARE(socket.readLine(), QByteArray("REQUEST\n"));
        if (!isUnconnected(socket))
            socket.waitForDisconnected(5000);
    }
    QVERIFY(thread->wait(20000));
    QCOMPARE(served.load(), 3);
}

// A thread ends with its connection open: the peer is told.
SCENARIO(endOfAThread)
{
    typename Net::Server server;
    QVERIFY(server.listen(localHost));
    const quint16 port = server.serverPort();
    const std::unique_ptr<QThread> thread(QThread::create([port] {
        typename Net::Socket socket;
        socket.connectToHost(localHost, port);
        socket.waitForConnected(5000);
        socket.write("x");
        socket.waitForBytesWritten(5000);
    }));
    thread->start();
    QTRY_VERIFY(server.hasPendingConnections());
    auto *accepted = server.nextPendingConnection();
    QTRY_VERIFY(isUnconnected(*accepted));
    QCOMPARE(accepted->error(), QAbstractSocket::RemoteHostClosedError);
    QVERIFY(thread->wait(10000));
}

// Signals cross threads as those of any object do.
SCENARIO(signalsAcrossThreads)
{
    EchoThread<Net> server;
    LoopThread worker;
    auto *socket = new typename Net::Socket;
    socket->moveToThread(&worker.thread);
    int connectedCount = 0;
    int disconnectedCount = 0;
    QList<QAbstractSocket::SocketState> states;
    QObject context;
    QObject::connect(socket, &Net::Socket::connected, &context, [&] { ++connectedCount; });
    QObject::connect(socket, &Net::Socket::disconnected, &context, [&] { ++disconnectedCount; });
    QObject::connect(socket, &Net::Socket::stateChanged, &context,
                     [&](QAbstractSocket::SocketState state) { states += state; });
    worker.run(socket, [&] {
        socket->connectToHost(localHost, server.port);
        socket->write("close");
    });
    QTRY_COMPARE(disconnectedCount, 1);
    QCOMPARE(connectedCount, 1);
    QCOMPARE(states.size(), 5);
    worker.run(socket, [&] { delete socket; });
}
