// SPDX-License-Identifier: MIT
// Moves messages through two engines joined in memory, for counting instructions.
//
// Everything that a program would pay for an engine happens in the functions of `Counted`, which
// callgrind is told to count: the calls of the engine, with its copies from and to the buffers of
// the application. The pipe that joins the two, the loss and the comparison of what arrives happen
// outside. The pipe costs no copy: an engine writes its datagram into the slot from which the
// other reads it.
#include <kcp/engine.h>
#include <kcp/random.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

using kcp::ByteView;
using kcp::Engine;
using kcp::Instant;
using kcp::MutableBytes;
using namespace std::chrono_literals;

// Neither inlined nor merged: callgrind switches on and off at their names.
#if defined(__clang__) || !defined(__GNUC__)
#  define BENCH_OUTLINE [[gnu::noinline]]
#else
#  define BENCH_OUTLINE [[gnu::noipa]]
#endif

struct Counted
{
    BENCH_OUTLINE static bool send(Engine &engine, ByteView message)
    {
        return engine.send(message);
    }
    BENCH_OUTLINE static std::size_t transmit(Engine &engine, Instant now, MutableBytes buffer)
    {
        return engine.pollTransmit(now, buffer);
    }
    BENCH_OUTLINE static void input(Engine &engine, Instant now, ByteView datagram)
    {
        engine.handleDatagram(now, datagram);
    }
    BENCH_OUTLINE static std::optional<std::size_t> receive(Engine &engine, MutableBytes buffer)
    {
        return engine.receiveMessage(buffer);
    }
    BENCH_OUTLINE static void timeout(Engine &engine, Instant now)
    {
        if (engine.pollTimeout() <= now)
            engine.handleTimeout(now);
    }
};

namespace {

constexpr std::uint32_t Mtu = 1400;
constexpr kcp::Duration OneWay = 5ms;
// What one wake-up of a receiver takes from its socket.
constexpr std::size_t ReceiveBatch = 64;
// A transfer that needs more than this many round trips a window has stalled.
constexpr int PatienceRounds = 2000;

struct Options
{
    std::string mode = "bulk";
    std::uint32_t window = 128;
    std::uint32_t count = 10000; // messages, or echoes
    unsigned lossPercent = 0;
    std::uint64_t seed = 1;
};

kcp::Config configuration(const Options &options)
{
    kcp::Config config;
    config.conv = 1;
    config.nodelay = 1;
    config.interval = 10ms;
    config.fastResend = 2;
    config.congestionControl = kcp::CongestionControl::Off;
    config.mtu = Mtu;
    config.sendWindow = options.window;
    config.receiveWindow = options.window;
    return config;
}

// Datagrams on their way, first in, first out.
class Pipe
{
public:
    Pipe(std::uint32_t slots, unsigned lossPercent, std::uint64_t seed)
        : m_bytes(std::size_t{ slots } * Mtu),
          m_sizes(slots),
          m_lossPercent(lossPercent),
          m_random(seed)
    {
    }

    // Takes all that the engine wants to send.
    void fill(Engine &from, Instant now)
    {
        while (const std::size_t size = Counted::transmit(from, now, slot(m_end))) {
            ++m_datagrams;
            if (m_lossPercent > 0 && m_random.next() % 100 < m_lossPercent)
                continue;
            m_sizes[m_end] = static_cast<std::uint32_t>(size);
            m_end = (m_end + 1) % m_sizes.size();
            if (m_end == m_begin)
                throw std::runtime_error("the pipe is full");
        }
    }

    bool isEmpty() const { return m_begin == m_end; }
    std::size_t size() const { return (m_end + m_sizes.size() - m_begin) % m_sizes.size(); }
    std::uint64_t datagrams() const { return m_datagrams; }

    void deliverOne(Engine &to, Instant now)
    {
        Counted::input(to, now, slot(m_begin).first(m_sizes[m_begin]));
        m_begin = (m_begin + 1) % m_sizes.size();
    }

    void deliver(Engine &to, Instant now)
    {
        while (!isEmpty())
            deliverOne(to, now);
    }

private:
    MutableBytes slot(std::size_t index) { return MutableBytes(m_bytes).subspan(index * Mtu, Mtu); }

    std::vector<std::uint8_t> m_bytes;
    std::vector<std::uint32_t> m_sizes;
    std::size_t m_begin = 0;
    std::size_t m_end = 0;
    std::uint64_t m_datagrams = 0;
    unsigned m_lossPercent;
    kcp::Pcg32 m_random;
};

// The application at one end: numbered messages of one size.
class Application
{
public:
    explicit Application(std::size_t messageSize) : m_out(messageSize), m_in(Mtu)
    {
        for (std::size_t i = 0; i < messageSize; ++i)
            m_out[i] = static_cast<std::uint8_t>(i * 7);
    }

    void send(Engine &engine)
    {
        std::memcpy(m_out.data(), &m_sent, sizeof m_sent);
        if (!Counted::send(engine, m_out))
            throw std::runtime_error("a message was refused");
        ++m_sent;
    }

    // Keeps a full window queued or under way, and no more.
    void fillWindow(Engine &engine, const Options &options)
    {
        while (m_sent < options.count
               && engine.unacknowledgedSegments() + engine.unsentBytes() / m_out.size()
                       < options.window)
            send(engine);
    }

    void receiveAll(Engine &engine)
    {
        while (const std::optional<std::size_t> size = Counted::receive(engine, m_in)) {
            std::memcpy(m_out.data(), &m_received, sizeof m_received);
            if (*size != m_out.size() || std::memcmp(m_in.data(), m_out.data(), *size) != 0)
                throw std::runtime_error("what arrived is not what was sent");
            ++m_received;
        }
    }

    std::uint32_t sent() const { return m_sent; }
    std::uint32_t received() const { return m_received; }

private:
    std::vector<std::uint8_t> m_out;
    std::vector<std::uint8_t> m_in;
    std::uint32_t m_sent = 0;
    std::uint32_t m_received = 0;
};

struct Bench
{
    explicit Bench(const Options &o, std::size_t messageSize)
        : options(o),
          sender(configuration(o)),
          receiver(configuration(o)),
          there(2 * o.window + 2, o.lossPercent, o.seed),
          back(2 * o.window + 2, o.lossPercent, o.seed + 1),
          source(messageSize),
          sink(messageSize)
    {
    }

    Options options;
    Engine sender;
    Engine receiver;
    Pipe there;
    Pipe back;
    Application source;
    Application sink;
    Instant now{};
};

// A full window a round trip: all of it leaves, arrives, is read and acknowledged together.
void bulk(Bench &bench)
{
    int patience = 0;
    std::uint32_t received = 0;
    while (bench.sink.received() < bench.options.count) {
        patience = bench.sink.received() == received ? patience + 1 : 0;
        received = bench.sink.received();
        if (patience == PatienceRounds)
            throw std::runtime_error("nothing moves any more");
        Counted::timeout(bench.sender, bench.now);
        Counted::timeout(bench.receiver, bench.now);
        bench.source.fillWindow(bench.sender, bench.options);
        bench.there.fill(bench.sender, bench.now);
        bench.now += OneWay;
        bench.there.deliver(bench.receiver, bench.now);
        bench.sink.receiveAll(bench.receiver);
        bench.back.fill(bench.receiver, bench.now);
        bench.now += OneWay;
        bench.back.deliver(bench.sender, bench.now);
    }
}

// Each packet is flushed by itself while a full window is under way. The receiver takes `batch`
// datagrams at a time, reads what they hold, and flushes its ACKs, which arrive at once.
void flushPerPacket(Bench &bench, std::size_t batch)
{
    const std::size_t most = bench.options.window;
    Instant nextTimer = bench.now;
    std::int64_t packets = 0;
    while (bench.sink.received() < bench.options.count) {
        if (bench.now >= nextTimer) { // as a timer of 1 ms does
            nextTimer = bench.now + 1ms;
            Counted::timeout(bench.sender, bench.now);
            Counted::timeout(bench.receiver, bench.now);
        }
        // Before the first ACK the sender takes the peer's window for a small one, and waits.
        if (bench.source.sent() < bench.options.count && bench.sender.unsentBytes() == 0)
            bench.source.send(bench.sender);
        bench.there.fill(bench.sender, bench.now);
        bench.now = Instant(++packets * 2 * OneWay / bench.options.window);
        const bool goesOn =
                bench.source.sent() < bench.options.count && bench.sender.unsentBytes() == 0;
        if (goesOn && bench.there.size() < most)
            continue;
        if (bench.there.isEmpty())
            throw std::runtime_error("a packet is missing");
        for (std::size_t i = 0; i < batch && !bench.there.isEmpty(); ++i)
            bench.there.deliverOne(bench.receiver, bench.now);
        bench.sink.receiveAll(bench.receiver);
        bench.back.fill(bench.receiver, bench.now);
        bench.back.deliver(bench.sender, bench.now);
    }
}

// One small message there and back at a time, each flushed at once; the ACK of a request rides
// with its answer.
void echo(Bench &bench)
{
    while (bench.source.received() < bench.options.count) {
        bench.source.send(bench.sender);
        bench.there.fill(bench.sender, bench.now);
        bench.now += OneWay;
        bench.there.deliver(bench.receiver, bench.now);
        const std::uint32_t before = bench.sink.received();
        bench.sink.receiveAll(bench.receiver);
        if (bench.sink.received() != before + 1)
            throw std::runtime_error("a request did not arrive");
        bench.sink.send(bench.receiver);
        bench.back.fill(bench.receiver, bench.now);
        bench.now += OneWay;
        bench.back.deliver(bench.sender, bench.now);
        bench.source.receiveAll(bench.sender);
        if (bench.source.received() != bench.source.sent())
            throw std::runtime_error("an answer did not arrive");
    }
}

Options parse(int argc, char **argv)
{
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--mode")
            options.mode = argv[i + 1];
        else if (name == "--window")
            options.window = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
        else if (name == "--count")
            options.count = static_cast<std::uint32_t>(std::stoul(argv[i + 1]));
        else if (name == "--loss")
            options.lossPercent = static_cast<unsigned>(std::stoul(argv[i + 1]));
        else if (name == "--seed")
            options.seed = std::stoull(argv[i + 1]);
        else
            throw std::runtime_error("unknown option " + name);
    }
    if (options.window < 2 || options.window > 65535 || options.lossPercent > 90)
        throw std::runtime_error("impossible window or loss");
    if (options.lossPercent > 0 && options.mode != "bulk")
        throw std::runtime_error("loss is for bulk only");
    return options;
}

int run(const Options &options)
{
    Bench bench(options, options.mode == "echo" ? 64 : 1024);
    if (options.mode == "bulk")
        bulk(bench);
    else if (options.mode == "flush")
        flushPerPacket(bench, ReceiveBatch);
    else if (options.mode == "flush-both")
        flushPerPacket(bench, 1);
    else if (options.mode == "echo")
        echo(bench);
    else
        throw std::runtime_error("--mode is bulk, flush, flush-both or echo");

    const kcp::Stats &stats = bench.sender.stats();
    std::printf("mode=%s window=%u loss=%u count=%u virtual_ms=%lld datagrams=%llu acks=%llu "
                "segments=%llu timeouts=%llu fast=%llu duplicates=%llu\n",
                options.mode.c_str(), options.window, options.lossPercent, options.count,
                static_cast<long long>(bench.now.time_since_epoch() / 1ms),
                static_cast<unsigned long long>(bench.there.datagrams()),
                static_cast<unsigned long long>(bench.back.datagrams()),
                static_cast<unsigned long long>(stats.segmentsOut),
                static_cast<unsigned long long>(stats.timeoutRetransmissions),
                static_cast<unsigned long long>(stats.fastRetransmissions),
                static_cast<unsigned long long>(bench.receiver.stats().duplicatesIn));
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    try {
        return run(parse(argc, argv));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench_engine: %s\n", error.what());
        return 1;
    }
}
