// SPDX-License-Identifier: MIT
// Sockets and servers in other threads than the main one.
#include "compliance.h"

#include <QtCore/qregularexpression.h>
#include <QtCore/qthread.h>

#include <atomic>
#include <functional>
#include <mutex>

using namespace compliance;

static constexpr char group[] = "threads";

namespace {

// A thread with an event loop, which runs functions for others.
class LoopThread : public QThread
{
public:
    LoopThread()
    {
        start();
        m_receiver = m_ready.get_future().get();
    }
    ~LoopThread() override
    {
        quit();
        wait();
    }
    // Returns when the function has run there.
    void run(const std::function<void()> &function)
    {
        std::promise<void> done;
        {
            const std::lock_guard lock(m_mutex);
            m_job = [&] {
                function();
                done.set_value();
            };
        }
        QMetaObject::invokeMethod(
                m_receiver, [this] { runJob(); }, Qt::QueuedConnection);
        done.get_future().get();
    }

protected:
    void run() override
    {
        QObject receiver;
        m_ready.set_value(&receiver);
        exec();
    }

private:
    void runJob()
    {
        std::function<void()> job;
        {
            const std::lock_guard lock(m_mutex);
            job = std::move(m_job);
        }
        job();
    }

    std::mutex m_mutex;
    std::function<void()> m_job;
    std::promise<QObject *> m_ready;
    QObject *m_receiver = nullptr;
};

} // namespace

SCENARIO(socketInAThread)
{
    EchoThread<Net> server;
    QByteArray received;
    std::jthread thread([&] {
        typename Net::Socket socket;
        socket.connectToHost(localHost, server.port);
        socket.write("from a thread");
        while (received.size() < 13 && socket.waitForReadyRead(5000))
            received += socket.readAll();
        socket.disconnectFromHost();
        if (!isUnconnected(socket))
            socket.waitForDisconnected(5000);
    });
    thread.join();
    QCOMPARE(received, QByteArray("from a thread"));
}

SCENARIO(socketWithEventLoopInAThread)
{
    EchoThread<Net> server;
    QByteArray received;
    std::jthread thread([&] {
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
    });
    thread.join();
    QCOMPARE(received, QByteArray("hello"));
}

// A std::thread that waits first, and then runs an event loop.
SCENARIO(plainThread)
{
    EchoThread<Net> server;
    QByteArray received;
    QByteArray later;
    const bool hearsOfTheLoop = differs<Net>("An event loop may begin late");
    std::jthread thread([&] {
        typename Net::Socket socket;
        socket.connectToHost(localHost, server.port);
        socket.write("waited for");
        while (received.size() < 10 && socket.waitForReadyRead(5000))
            received += socket.readAll();
        if (!hearsOfTheLoop)
            return; // QTcpSocket stays deaf
        QEventLoop loop;
        QObject::connect(&socket, &QIODevice::readyRead, &loop, [&] {
            later += socket.readAll();
            if (later.size() == 4)
                loop.quit();
        });
        socket.write("told");
        loop.exec();
    });
    thread.join();
    QCOMPARE(received, QByteArray("waited for"));
    QCOMPARE(later, QByteArray(hearsOfTheLoop ? "told" : ""));
}

// Moved before it connects.
SCENARIO(moveToThread0)
{
    EchoThread<Net> server;
    LoopThread worker;
    auto *socket = new typename Net::Socket;
    socket->moveToThread(&worker);
    std::atomic<int> received = 0;
    std::atomic<bool> inWorker = true;
    QObject::connect(socket, &QIODevice::readyRead, socket, [&] {
        inWorker = inWorker && QThread::currentThread() == &worker;
        received += int(socket->readAll().size());
    });
    worker.run([&] {
        socket->connectToHost(localHost, server.port);
        socket->write("moved");
    });
    QTRY_COMPARE(received.load(), 5);
    QVERIFY(inWorker);
    worker.run([&] { delete socket; });
}

// Moved after it was used, when it is unconnected again.
// A connected QTcpSocket has to be moved with care: its notifiers follow it. Both may move.
SCENARIO(moveToThreadWhileConnected)
{
    EchoThread<Net> server;
    LoopThread worker;
    auto *socket = new typename Net::Socket;
    socket->connectToHost(localHost, server.port);
    QTRY_VERIFY(isConnected(*socket));
    socket->write("before ");
    QTRY_COMPARE(socket->bytesAvailable(), 7);
    socket->moveToThread(&worker);
    QByteArray received;
    bool inTime = true;
    worker.run([&] {
        received = socket->readAll();
        socket->write("after");
        while (received.size() < 12 && inTime) {
            inTime = socket->waitForReadyRead(5000);
            received += socket->readAll();
        }
        delete socket;
    });
    QVERIFY(inTime);
    QCOMPARE(received, QByteArray("before after"));
}

// With a descriptor, each accepted QTcpSocket can go its own way. An accepted KcpSocket shares its
// server's.
SCENARIO(moveAcceptedSocket)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    LoopThread worker;
    auto *accepted = pair.peer.release();
    accepted->setParent(nullptr);
    bool connectedThere = false;
    if (differs<Net>("There is no descriptor for each connection")) {
        QTest::ignoreMessage(QtWarningMsg,
                             QRegularExpression(QStringLiteral("KcpSocket: an accepted socket.*")));
        accepted->moveToThread(&worker);
        QTRY_VERIFY(isUnconnected(pair.client));
    } else {
        accepted->moveToThread(&worker);
        worker.run([&] {
            accepted->write("from there");
            accepted->flush();
        });
        QTRY_COMPARE(pair.client.bytesAvailable(), 10);
    }
    worker.run([&] {
        connectedThere = isConnected(*accepted);
        delete accepted;
    });
    QCOMPARE(connectedThere, !Net::isKcp);
}

SCENARIO(moveToThreadBetweenConnections)
{
    EchoThread<Net> server;
    auto *socket = new typename Net::Socket;
    socket->connectToHost(localHost, server.port);
    socket->write("close");
    QTRY_VERIFY(isUnconnected(*socket));
    LoopThread worker;
    socket->moveToThread(&worker);
    bool echoed = false;
    worker.run([&] {
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
    std::vector<std::jthread> threads;
    for (int i = 0; i < Threads; ++i) {
        threads.emplace_back([&, i] {
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
        });
    }
    for (std::jthread &thread : threads)
        thread.join();
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
    std::jthread thread([&] {
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
    });
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
    thread.join();
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
    socket->moveToThread(&worker);
    int connectedCount = 0;
    int disconnectedCount = 0;
    QList<QAbstractSocket::SocketState> states;
    QObject context;
    QObject::connect(socket, &Net::Socket::connected, &context, [&] { ++connectedCount; });
    QObject::connect(socket, &Net::Socket::disconnected, &context, [&] { ++disconnectedCount; });
    QObject::connect(socket, &Net::Socket::stateChanged, &context,
                     [&](QAbstractSocket::SocketState state) { states += state; });
    worker.run([&] {
        socket->connectToHost(localHost, server.port);
        socket->write("close");
    });
    QTRY_COMPARE(disconnectedCount, 1);
    QCOMPARE(connectedCount, 1);
    QCOMPARE(states.size(), 5);
    worker.run([&] { delete socket; });
}
