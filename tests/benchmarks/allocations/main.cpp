// SPDX-License-Identifier: MIT
// Counts the allocations of two connected KcpSockets, client and server in one thread, while bytes
// or echoes go through them: bench_allocations bulk|echo [COUNT] [WARMUP] [MOST]
//
// COUNT is in segments or echoes; what happens before WARMUP of them is not counted. All that the
// process allocates counts: Qt's event loop, signals and slots included. More allocations than MOST
// are an error.
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

#include <QtCore/qcoreapplication.h>
#include <QtNetwork/qhostaddress.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

// glibc's own names of what is replaced below.
extern "C" {
void *__libc_malloc(std::size_t size);
void *__libc_calloc(std::size_t count, std::size_t size);
void *__libc_realloc(void *memory, std::size_t size);
void *__libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

std::uint64_t allocations = 0; // one thread

} // namespace

// All libraries of the process call these, and so does operator new.
extern "C" {
void *malloc(std::size_t size)
{
    ++allocations;
    return __libc_malloc(size);
}
void *calloc(std::size_t count, std::size_t size)
{
    ++allocations;
    return __libc_calloc(count, size);
}
void *realloc(void *memory, std::size_t size)
{
    ++allocations;
    return __libc_realloc(memory, size);
}
void *aligned_alloc(std::size_t alignment, std::size_t size)
{
    ++allocations;
    return __libc_memalign(alignment, size);
}
int posix_memalign(void **memory, std::size_t alignment, std::size_t size)
{
    ++allocations;
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}
}

namespace {

constexpr qint64 QueuedBytes = 1 << 20;
constexpr qint64 ChunkBytes = 65536;
constexpr qint64 EchoBytes = 64;
constexpr std::uint64_t SegmentBytes = 1400 - 24; // of a full one, with the default MTU

struct Snapshot
{
    std::uint64_t allocations = 0;
    quint64 segments = 0; // sent by either end
    quint64 datagrams = 0;
    std::uint64_t emissions = 0; // readyRead and bytesWritten
};

class Bench : public QObject
{
public:
    Bench(bool echo, std::uint64_t count, std::uint64_t warmup, std::uint64_t most)
        : m_echo(echo), m_count(count), m_warmup(warmup), m_most(most), m_buffer(1 << 18)
    {
        connect(&m_server, &KcpServer::newConnection, this, [this] { accepted(); });
        connect(&m_client, &KcpSocket::connected, this, [this] { connected(); });
    }

    bool start()
    {
        if (!m_server.listen(QHostAddress::LocalHost))
            return false;
        m_client.connectToHost(m_server.serverAddress(), m_server.serverPort());
        return true;
    }

private:
    void accepted()
    {
        m_accepted = m_server.nextPendingConnection();
        connect(m_accepted, &KcpSocket::readyRead, this, [this] { serverReadable(); });
        connect(m_accepted, &KcpSocket::bytesWritten, this, [this] { ++m_signals; });
    }

    void connected()
    {
        connect(&m_client, &KcpSocket::readyRead, this, [this] { clientReadable(); });
        connect(&m_client, &KcpSocket::bytesWritten, this, [this] { clientWritten(); });
        if (m_echo)
            m_client.write(m_buffer.data(), EchoBytes);
        else
            fill();
    }

    void fill()
    {
        while (m_client.bytesToWrite() < QueuedBytes)
            m_client.write(m_buffer.data(), ChunkBytes);
    }

    void clientWritten()
    {
        ++m_signals;
        if (!m_echo)
            fill();
    }

    void serverReadable()
    {
        ++m_signals;
        qint64 size = 0;
        while ((size = m_accepted->read(m_buffer.data(), qint64(m_buffer.size()))) > 0) {
            m_received += std::uint64_t(size);
            if (m_echo)
                m_accepted->write(m_buffer.data(), size);
        }
        if (!m_echo)
            progress(m_received / SegmentBytes);
    }

    void clientReadable()
    {
        ++m_signals;
        while (m_client.read(m_buffer.data(), qint64(m_buffer.size())) > 0) { }
        progress(++m_echoes);
        m_client.write(m_buffer.data(), EchoBytes);
    }

    Snapshot take() const
    {
        const KcpStatistics client = m_client.statistics(), server = m_accepted->statistics();
        return { allocations, client.segmentsSent() + server.segmentsSent(),
                 client.datagramsSent() + server.datagramsSent(), m_signals };
    }

    void progress(std::uint64_t done)
    {
        if (!m_hasBegun && done >= m_warmup) {
            m_hasBegun = true;
            m_goal = done + m_count;
            m_from = take();
            m_from.allocations = allocations; // without those of take()
        }
        if (m_hasBegun && done >= m_goal) {
            const std::uint64_t counted = allocations - m_from.allocations;
            const Snapshot to = take();
            std::printf("allocations=%llu segments=%llu datagrams=%llu signals=%llu\n",
                        static_cast<unsigned long long>(counted),
                        static_cast<unsigned long long>(to.segments - m_from.segments),
                        static_cast<unsigned long long>(to.datagrams - m_from.datagrams),
                        static_cast<unsigned long long>(to.emissions - m_from.emissions));
            std::fflush(stdout);
            QCoreApplication::exit(counted > m_most ? 1 : 0);
            m_goal = UINT64_MAX;
        }
    }

    const bool m_echo;
    const std::uint64_t m_count;
    const std::uint64_t m_warmup;
    const std::uint64_t m_most;
    KcpServer m_server;
    KcpSocket m_client;
    KcpSocket *m_accepted = nullptr;
    std::vector<char> m_buffer;
    Snapshot m_from;
    std::uint64_t m_goal = UINT64_MAX;
    std::uint64_t m_signals = 0;
    std::uint64_t m_echoes = 0;
    std::uint64_t m_received = 0; // bytes
    bool m_hasBegun = false;
};

} // namespace

int main(int argc, char **argv)
{
    const bool echo = argc > 1 && std::strcmp(argv[1], "echo") == 0;
    if (argc < 2 || (!echo && std::strcmp(argv[1], "bulk") != 0)) {
        std::fprintf(stderr, "usage: bench_allocations bulk|echo [COUNT] [WARMUP] [MOST]\n");
        return 2;
    }
    const auto number = [&](int index, std::uint64_t otherwise) {
        return argc > index ? std::strtoull(argv[index], nullptr, 10) : otherwise;
    };
    const QCoreApplication application(argc, argv);
    Bench bench(echo, number(2, 1000000), number(3, 100000), number(4, UINT64_MAX));
    if (!bench.start())
        return 1;
    return QCoreApplication::exec();
}
