// SPDX-License-Identifier: MIT
// Threads for tests. What two of them share is behind std::mutex or std::atomic: ThreadSanitizer
// sees those, and not the ones of a Qt that was built without it.
#ifndef THREADTOOLS_H
#define THREADTOOLS_H

#include "kcpconfiguration.h"
#include "kcpserver.h"
#include "kcpsocket.h"
#include "kcpwriter.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qdeadlinetimer.h>
#include <QtCore/qthread.h>
#include <QtCore/qtimer.h>
#include <QtTest/qtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

inline const QHostAddress localHost(QHostAddress::LocalHost);

// Runs the event loop until done(); false when that takes longer than the time. QTest::qWaitFor()
// sleeps 10 ms at a time, which is long for what a loop of a test does thousands of times.
inline bool runUntil(const std::function<bool()> &done, int msecs)
{
    const QDeadlineTimer deadline(msecs);
    QTimer tick; // other threads may change what done() looks at
    tick.start(1);
    while (!done()) {
        if (deadline.hasExpired())
            return false;
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    }
    return true;
}

// A value behind a lock.
template <typename T>
class Shared
{
public:
    template <typename Function>
    auto with(Function &&function)
    {
        const std::lock_guard lock(m_mutex);
        return function(m_value);
    }
    T copy()
    {
        const std::lock_guard lock(m_mutex);
        return m_value;
    }

private:
    std::mutex m_mutex;
    T m_value{};
};

// A thread with an event loop, and a place to run functions in it.
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
    // Returns when the function has run.
    void run(const std::function<void()> &function)
    {
        std::promise<void> done;
        std::future<void> future = done.get_future();
        post([&] {
            function();
            done.set_value();
        });
        future.get();
    }
    void post(std::function<void()> function)
    {
        {
            const std::lock_guard lock(m_mutex);
            m_jobs.push_back(std::move(function));
        }
        QMetaObject::invokeMethod(
                m_receiver, [this] { runJobs(); }, Qt::QueuedConnection);
    }

protected:
    void run() override
    {
        QObject receiver;
        m_ready.set_value(&receiver);
        exec();
    }

private:
    void runJobs()
    {
        std::vector<std::function<void()>> jobs;
        {
            const std::lock_guard lock(m_mutex);
            jobs.swap(m_jobs);
        }
        for (const auto &job : jobs)
            job();
    }

    std::mutex m_mutex;
    std::vector<std::function<void()>> m_jobs;
    std::promise<QObject *> m_ready;
    QObject *m_receiver = nullptr;
};

// Sends back what comes, in any mode. Lives in the thread that makes it.
class EchoServer : public KcpServer
{
public:
    explicit EchoServer(const KcpConfiguration &configuration = {})
    {
        setConfiguration(configuration);
        connect(this, &KcpServer::newConnection, this, [this] {
            while (KcpSocket *socket = nextPendingConnection()) {
                connect(socket, &KcpSocket::readyRead, socket, [socket] { echo(socket); });
                connect(socket, &KcpSocket::datagramReceived, socket,
                        [socket](const QByteArray &payload) { socket->sendDatagram(payload); });
                connect(socket, &KcpSocket::disconnected, socket, &QObject::deleteLater);
                echo(socket);
            }
        });
        listen(localHost);
    }

private:
    static void echo(KcpSocket *socket)
    {
        if (socket->configuration().mode() == KcpConfiguration::Message) {
            while (socket->hasPendingMessages())
                socket->writeMessage(socket->readMessage());
            return;
        }
        const QByteArray data = socket->readAll();
        socket->write(data);
        if (data.endsWith("close"))
            socket->disconnectFromHost(7, QStringLiteral("as you like"));
    }
};

#endif // THREADTOOLS_H
