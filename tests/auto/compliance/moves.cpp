// SPDX-License-Identifier: MIT
// Sockets that move from thread to thread. Qt hands them over under locks that ThreadSanitizer does
// not see, unless Qt was built with it.
#include "compliance.h"

#include <QtCore/qregularexpression.h>
#include <QtCore/qthread.h>

#include <atomic>
#include <functional>
#include <mutex>

using namespace compliance;

static constexpr char group[] = "moves";

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
