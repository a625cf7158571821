// SPDX-License-Identifier: MIT
// Sockets and servers in other threads than the main one.
#include "compliance.h"

#include <QtCore/qthread.h>

#include <atomic>

using namespace compliance;

static constexpr char group[] = "threads";

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
