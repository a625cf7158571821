// SPDX-License-Identifier: MIT
// The memory of a writer without pause and of a slow reader, one process each, over loopback:
//     bench_backpressure [MEBIBYTES]                   starts both; 0 when both stay in bounds
//     bench_backpressure receiver BYTES | sender PORT BYTES
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

#include <QtCore/qcoreapplication.h>
#include <QtCore/qelapsedtimer.h>
#include <QtCore/qfile.h>
#include <QtCore/qprocess.h>
#include <QtCore/qtimer.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

namespace {

constexpr qint64 MiB = 1024 * 1024;
constexpr qint64 ReadRate = 16 * 1000 * 1000; // bytes a second
constexpr qint64 WriteBufferLimit = 4 * MiB;
constexpr qint64 ReadBufferSize = 1 * MiB;
constexpr qint64 AllowedGrowth = 32 * MiB;
constexpr qint64 BlockSize = 64 * 1024;

// The most physical memory that this process has ever had.
qint64 peakMemory()
{
    QFile status(QStringLiteral("/proc/self/status"));
    if (!status.open(QIODevice::ReadOnly))
        return 0;
    for (const QByteArray &line : status.readAll().split('\n')) {
        if (line.startsWith("VmHWM:"))
            return line.simplified().split(' ').value(1).toLongLong() * 1024;
    }
    return 0;
}

// The stream repeats one block; its length shares no factor with a segment's.
const QByteArray &block()
{
    static const QByteArray bytes = [] {
        QByteArray result(BlockSize - 1, Qt::Uninitialized);
        quint32 state = 1;
        for (char &byte : result) {
            state = state * 1664525 + 1013904223;
            byte = char(state >> 24);
        }
        return result;
    }();
    return bytes;
}

class Sender : public QObject
{
public:
    Sender(quint16 port, qint64 total) : m_total(total), m_memoryBefore(peakMemory())
    {
        m_socket.setWriteBufferLimit(WriteBufferLimit);
        connect(&m_socket, &QIODevice::bytesWritten, this, &Sender::pump);
        connect(&m_socket, &KcpSocket::connected, this, &Sender::pump);
        connect(&m_socket, &KcpSocket::disconnected, this, &Sender::report);
        m_socket.connectToHost(QHostAddress(QHostAddress::LocalHost), port);
    }

private:
    void pump()
    {
        while (m_written < m_total) {
            const qint64 offset = m_written % block().size();
            const qint64 wanted = std::min(m_total - m_written, block().size() - offset);
            const qint64 taken = m_socket.write(block().constData() + offset, wanted);
            m_refusals += taken < wanted;
            if (taken <= 0)
                break;
            m_written += taken;
            m_held = std::max(m_held, m_socket.bytesToWrite() + m_socket.bytesUnacknowledged());
        }
        if (m_written == m_total)
            m_socket.disconnectFromHost();
    }
    void report()
    {
        std::printf("%lld %lld %lld %d\n", static_cast<long long>(peakMemory() - m_memoryBefore),
                    static_cast<long long>(m_held), static_cast<long long>(m_refusals),
                    m_socket.closeReason() == KcpSocket::LocalClose);
        QCoreApplication::quit();
    }

    KcpSocket m_socket;
    const qint64 m_total;
    const qint64 m_memoryBefore;
    qint64 m_written = 0;
    qint64 m_held = 0;
    qint64 m_refusals = 0; // writes that were not taken as a whole
};

class Receiver : public QObject
{
public:
    explicit Receiver(qint64 total) : m_total(total), m_memoryBefore(peakMemory())
    {
        connect(&m_server, &KcpServer::newConnection, this, &Receiver::begin);
        if (!m_server.listen(QHostAddress(QHostAddress::LocalHost)))
            qFatal("%s", qPrintable(m_server.errorString()));
        std::printf("%d\n", m_server.serverPort());
        std::fflush(stdout);
        m_timer.setTimerType(Qt::PreciseTimer);
        connect(&m_timer, &QTimer::timeout, this, &Receiver::turn);
    }

private:
    void begin()
    {
        m_socket = m_server.nextPendingConnection();
        m_socket->setReadBufferSize(ReadBufferSize);
        connect(m_socket, &KcpSocket::disconnected, this, &Receiver::turn);
        m_clock.start();
        m_timer.start(5);
    }
    // Takes what the rate allows by now. After the sender's close, too.
    void turn()
    {
        m_held = std::max(m_held, m_socket->bytesAvailable());
        qint64 allowed = ReadRate * m_clock.nsecsElapsed() / 1000000000 - m_taken;
        while (allowed > 0) {
            const qint64 offset = m_taken % block().size();
            const qint64 size =
                    m_socket->read(m_buffer, std::min(allowed, block().size() - offset));
            if (size <= 0)
                break;
            m_equal = m_equal
                    && std::memcmp(m_buffer, block().constData() + offset, std::size_t(size)) == 0;
            m_taken += size;
            allowed -= size;
        }
        if (m_socket->state() == QAbstractSocket::UnconnectedState && !m_socket->bytesAvailable())
            report();
    }
    void report()
    {
        m_timer.stop();
        std::printf("%lld %lld %lld %d\n", static_cast<long long>(peakMemory() - m_memoryBefore),
                    static_cast<long long>(m_held), static_cast<long long>(m_clock.elapsed()),
                    m_equal && m_taken == m_total);
        QCoreApplication::quit();
    }

    KcpServer m_server;
    KcpSocket *m_socket = nullptr;
    QTimer m_timer;
    QElapsedTimer m_clock;
    const qint64 m_total;
    const qint64 m_memoryBefore;
    qint64 m_taken = 0;
    qint64 m_held = 0;
    bool m_equal = true;
    char m_buffer[BlockSize];
};

struct Report
{
    qint64 growth = 0;
    qint64 held = 0;
    qint64 number = 0;
    bool good = false;
};

Report readReport(QProcess &process)
{
    const QList<QByteArray> fields = process.readAllStandardOutput().simplified().split(' ');
    if (fields.size() != 4 || process.exitCode() != 0)
        return {};
    return { fields.at(0).toLongLong(), fields.at(1).toLongLong(), fields.at(2).toLongLong(),
             fields.at(3) == "1" };
}

void print(const char *who, const Report &report)
{
    std::printf("%-10s %18.2f %18.2f\n", who, double(report.growth) / double(MiB),
                double(report.held) / double(MiB));
}

int runBoth(qint64 mebibytes)
{
    const QString program = QCoreApplication::applicationFilePath();
    const QString size = QString::number(mebibytes * MiB);
    QProcess receiver;
    receiver.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    receiver.start(program, { QStringLiteral("receiver"), size });
    while (!receiver.canReadLine()) {
        if (!receiver.waitForReadyRead(10000))
            return 1;
    }
    const QString port = QString::fromLatin1(receiver.readLine().trimmed());
    QProcess sender;
    sender.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    sender.start(program, { QStringLiteral("sender"), port, size });
    const int timeLimit = int(10000 + mebibytes * 300);
    if (!sender.waitForFinished(timeLimit) || !receiver.waitForFinished(timeLimit))
        return 1;

    const Report sent = readReport(sender);
    const Report received = readReport(receiver);
    std::printf("%lld MiB to a reader of %lld MB/s: write buffer limit %lld MiB, read buffer size "
                "%lld MiB\n\n%-10s %18s %18s\n",
                static_cast<long long>(mebibytes), static_cast<long long>(ReadRate / 1000000),
                static_cast<long long>(WriteBufferLimit / MiB),
                static_cast<long long>(ReadBufferSize / MiB), "MiB", "peak RSS growth",
                "most bytes held");
    print("writer", sent);
    print("reader", received);
    std::printf("\nIt took %.1f s; %lld writes were not taken as a whole.\n",
                double(received.number) / 1000, static_cast<long long>(sent.number));
    const bool isBounded = sent.growth <= AllowedGrowth && received.growth <= AllowedGrowth;
    const bool wasFull = sent.number > 0 && sent.held == WriteBufferLimit;
    std::printf("At most %lld MiB growth on each side: %s\n",
                static_cast<long long>(AllowedGrowth / MiB), isBounded ? "yes" : "NO");
    if (!sent.good || !received.good)
        std::printf("The data did not arrive as they were sent.\n");
    if (!wasFull)
        std::printf("The writer was never held up: this shows nothing.\n");
    return isBounded && wasFull && sent.good && received.good ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);
    const QStringList arguments = app.arguments();
    const QString role = arguments.value(1);
    if (role == QLatin1String("receiver")) {
        const Receiver receiver(arguments.value(2).toLongLong());
        return app.exec();
    }
    if (role == QLatin1String("sender")) {
        const Sender sender(arguments.value(2).toUShort(), arguments.value(3).toLongLong());
        return app.exec();
    }
    return runBoth(arguments.size() > 1 ? role.toLongLong() : 64);
}
