// SPDX-License-Identifier: MIT
// The roles with a socket class of Qt's manner, written as a program would: slots of readyRead and
// bytesWritten. QTcpSocket and KcpSocket run the same lines.
#ifndef BENCH_PEER_QTPEER_H
#define BENCH_PEER_QTPEER_H

#include "work.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qsocketnotifier.h>
#include <QtNetwork/qhostaddress.h>

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <vector>

// Answers the observer's SIGUSR1 with the size of the heap. Blocks the signal.
inline void answerHeapRequests(QObject *parent)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    const int descriptor = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    auto *notifier = new QSocketNotifier(descriptor, QSocketNotifier::Read, parent);
    QObject::connect(notifier, &QSocketNotifier::activated, notifier, [descriptor] {
        signalfd_siginfo info;
        while (::read(descriptor, &info, sizeof info) == sizeof info) {
            bench::counters().heap = bench::heapInUse();
            bench::add(bench::counters().heapReports, 1);
        }
    });
}

template <typename Socket>
class QtPeer : public QObject
{
public:
    explicit QtPeer(const Options &options)
        : m_options(options),
          m_sink(options),
          m_source(options),
          m_echoes(options),
          m_buffer(BufferSize)
    {
    }

    // The server has accepted.
    void addConnection(Socket *socket)
    {
        bench::add(bench::counters().connections, 1);
        if (m_options.role == Role::Sink)
            connect(socket, &Socket::readyRead, this, [this, socket] { sink(socket); });
        else if (m_options.answers)
            connect(socket, &Socket::readyRead, this, [this, socket] { echo(socket); });
        if (socket->bytesAvailable() > 0)
            Q_EMIT socket->readyRead();
    }

    // The client has connected.
    void startClient(Socket *socket)
    {
        bench::add(bench::counters().ready, 1);
        if (m_options.role == Role::Source) {
            connect(socket, &Socket::bytesWritten, this, [this, socket] { fill(socket); });
            fill(socket);
        } else {
            connect(socket, &Socket::readyRead, this, [this, socket] { takeEchoes(socket); });
            sendEchoes(socket);
        }
    }

    void failWith(Socket *socket)
    {
        std::fprintf(stderr, "%s: %s\n", m_options.candidate.c_str(),
                     qPrintable(socket->errorString()));
        finish(false);
    }

private:
    static constexpr qint64 BufferSize = 1 << 18;

    void sink(Socket *socket)
    {
        qint64 size = 0;
        while ((size = socket->read(m_buffer.data(), BufferSize)) > 0)
            m_sink.received(m_buffer.data(), std::size_t(size));
    }

    void echo(Socket *socket)
    {
        qint64 size = 0;
        while ((size = socket->read(m_buffer.data(), BufferSize)) > 0)
            socket->write(m_buffer.data(), size);
    }

    void fill(Socket *socket)
    {
        while (socket->bytesToWrite() < qint64(m_options.queued)) {
            const std::size_t size = m_source.size();
            if (size == 0)
                return;
            socket->write(m_source.data(), qint64(size));
            m_source.written(size);
        }
    }

    void takeEchoes(Socket *socket)
    {
        qint64 size = 0;
        while ((size = socket->read(m_buffer.data(), BufferSize)) > 0)
            m_echoes.received(m_buffer.data(), std::size_t(size));
        sendEchoes(socket);
    }

    void sendEchoes(Socket *socket)
    {
        for (std::uint32_t i = m_echoes.wanted(); i > 0; --i) {
            socket->write(m_echoes.message(), qint64(m_options.message));
            m_echoes.sent();
        }
    }

    const Options m_options;
    Sink m_sink;
    Source m_source;
    Echoes m_echoes;
    std::vector<char> m_buffer;
};

#endif // BENCH_PEER_QTPEER_H
