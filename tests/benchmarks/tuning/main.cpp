// SPDX-License-Identifier: MIT
// What the parameters of a connection do, on a simulated link with a virtual clock: the same
// figures on every machine. Prints the tables of the page "Tuning".
#include "enginepair.h"
#include "kcpconfiguration_p.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace kcptest;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t Seed = 1; // of the link's losses

kcp::Config engineConfig(const KcpConfiguration &configuration)
{
    return KcpConfigurationPrivate::toSessionConfig(configuration).engine;
}

struct Latency
{
    double p50 = 0; // ms, from send() until the receiver can read it
    double p99 = 0;
    double worst = 0;
    double datagrams = 0; // per message, both directions
    double bytes = 0;
};

// A game or a remote control: 100 bytes, 60 times a second.
Latency measureLatency(kcp::Config config, double loss)
{
    constexpr int Messages = 60 * 120;
    constexpr Duration Gap = 16667us;
    config.stream = false;

    EnginePair::Options options;
    options.a = options.b = config;
    options.link.delay = 30ms;
    options.link.loss = loss;
    options.seed = Seed;
    EnginePair pair(options);

    std::vector<Instant> sent;
    std::vector<double> delays;
    Bytes buffer(100);
    pair.onStep = [&] {
        while (pair.b().receiveMessage(buffer))
            delays.push_back(double((pair.now() - sent[delays.size()]).count()) / 1e3);
    };
    for (int i = 0; i < Messages; ++i) {
        sent.push_back(pair.now());
        pair.a().send(buffer);
        pair.run(Gap);
    }
    pair.runUntilQuiet(1h); // the slow ones have a queue by then
    if (delays.size() != Messages) {
        std::fprintf(stderr, "bench tuning: %zu of %d messages arrived\n", delays.size(), Messages);
        std::exit(1);
    }

    std::sort(delays.begin(), delays.end());
    const NetworkStats &network = pair.network().stats();
    return { delays[Messages / 2], delays[Messages * 99 / 100], delays.back(),
             double(network.sent) / Messages, double(network.sentBytes) / Messages };
}

struct Bulk
{
    double goodput = 0; // Mbit/s
    double sentPerByte = 0; // bytes that left the sender, for each that was read
};

Bulk measureBulk(const kcp::Config &config, const LinkConfig &link, Duration time)
{
    EnginePair::Options options;
    options.a = options.b = config;
    options.a.stream = options.b.stream = true;
    options.link = link;
    options.seed = Seed;
    EnginePair pair(options);

    // never short of data: more than the window waits at any time
    const Bytes chunk(std::size_t(config.sendWindow) * config.mtu);
    Bytes buffer(64 * 1024);
    std::uint64_t received = 0;
    const auto pump = [&] {
        while (pair.a().unsentBytes() < chunk.size())
            pair.a().send(chunk);
        while (const std::size_t size = pair.b().read(buffer))
            received += size;
    };
    pair.onStep = pump;
    pump();
    pair.run(time);
    if (received == 0)
        return {};
    const double seconds = std::chrono::duration<double>(time).count();
    return { double(received) * 8 / 1e6 / seconds,
             double(pair.a().stats().bytesOut) / double(received) };
}

// --- the tables -----------------------------------------------------------------------------------

struct Variant
{
    const char *name;
    kcp::Config config;
};

std::vector<Variant> presets()
{
    return { { "Default", engineConfig(KcpConfiguration(KcpConfiguration::Default)) },
             { "Normal", engineConfig(KcpConfiguration(KcpConfiguration::Normal)) },
             { "Fast", engineConfig(KcpConfiguration(KcpConfiguration::Fast)) },
             { "Adaptive", engineConfig(KcpConfiguration(KcpConfiguration::Adaptive)) } };
}

template <typename Change>
Variant fastWith(const char *name, Change change)
{
    KcpConfiguration configuration(KcpConfiguration::Fast);
    change(configuration);
    return { name, engineConfig(configuration) };
}

void printLatency(const char *title, const std::vector<Variant> &variants,
                  const std::vector<double> &losses)
{
    std::printf("%s\n\n%-22s %6s %8s %8s %8s %11s %8s\n", title, "", "loss", "p50 ms", "p99 ms",
                "worst", "datagrams", "bytes");
    for (const Variant &variant : variants) {
        for (const double loss : losses) {
            const Latency result = measureLatency(variant.config, loss);
            std::printf("%-22s %4.0f %% %8.1f %8.1f %8.1f %11.2f %8.0f\n", variant.name, loss * 100,
                        result.p50, result.p99, result.worst, result.datagrams, result.bytes);
        }
    }
    std::printf("\n");
}

void printPresets()
{
    printLatency("Presets: 100 bytes 60 times a second, round trip 60 ms", presets(),
                 { 0, 0.02, 0.1, 0.2 });
}

void printParameters()
{
    using C = KcpConfiguration;
    printLatency("One parameter changed from Fast, 10 % loss",
                 { fastWith("Fast", [](C &) {}), //
                   fastWith("noDelay 0", [](C &c) { c.setNoDelay(0); }),
                   fastWith("noDelay 2", [](C &c) { c.setNoDelay(2); }),
                   fastWith("interval 40 ms", [](C &c) { c.setInterval(40ms); }),
                   fastWith("interval 100 ms", [](C &c) { c.setInterval(100ms); }),
                   fastWith("fastResend 0", [](C &c) { c.setFastResend(0); }),
                   fastWith("fastResend 1", [](C &c) { c.setFastResend(1); }),
                   fastWith("fastResend 4", [](C &c) { c.setFastResend(4); }),
                   fastWith("minimumRto 200 ms", [](C &c) { c.setMinimumRto(200ms); }),
                   fastWith("ackNoDelay off", [](C &c) { c.setAckNoDelay(false); }),
                   fastWith("Classic control",
                            [](C &c) { c.setCongestionControl(C::ClassicCongestionControl); }),
                   fastWith("CUBIC control",
                            [](C &c) { c.setCongestionControl(C::CubicCongestionControl); }) },
                 { 0.1 });
}

void printBulk()
{
    using C = KcpConfiguration;
    std::vector<Variant> variants = presets();
    variants.push_back(fastWith("Fast, windows 512", [](C &c) {
        c.setSendWindow(512);
        c.setReceiveWindow(512);
    }));
    variants.push_back(fastWith("Fast, windows 4096", [](C &c) {
        c.setSendWindow(4096);
        c.setReceiveWindow(4096);
    }));
    LinkConfig link;
    link.delay = 25ms;
    link.rate = 20'000'000 / 8;
    link.queueLimit = link.rate / 20; // one bandwidth-delay product

    std::printf("Bulk for 20 s through 20 Mbit/s, round trip 50 ms, a queue of one "
                "bandwidth-delay product\n\n%-22s %6s %10s %22s\n",
                "", "loss", "Mbit/s", "sent per byte read");
    for (const Variant &variant : variants) {
        for (const double loss : { 0.0, 0.01, 0.05 }) {
            link.loss = loss;
            const Bulk result = measureBulk(variant.config, link, 20s);
            std::printf("%-22s %4.0f %% %10.1f %22.2f\n", variant.name, loss * 100, result.goodput,
                        result.sentPerByte);
        }
    }
    std::printf("\n");
}

void printWindows()
{
    LinkConfig link;
    link.delay = 50ms;
    std::printf("Windows: bulk for 20 s, round trip 100 ms, no loss, no congestion control\n\n"
                "%-10s %10s %24s\n",
                "window", "Mbit/s", "window * mss / rtt");
    for (const int window : { 32, 128, 512, 1024, 4096 }) {
        KcpConfiguration configuration(KcpConfiguration::Fast);
        configuration.setSendWindow(window);
        configuration.setReceiveWindow(window);
        const kcp::Config config = engineConfig(configuration);
        const double formula =
                window * double(config.mtu - kcp::HeaderSize) * 8 / 0.1 / 1e6; // Mbit/s
        std::printf("%-10d %10.1f %24.1f\n", window, measureBulk(config, link, 20s).goodput,
                    formula);
    }
    std::printf("\n");
}

// What small writes cost: ten of 50 bytes at once, a hundred times a second.
void printModes()
{
    constexpr int Rounds = 1000;
    constexpr int Writes = 10;
    constexpr std::size_t Size = 50;
    std::printf("Ten writes of %zu bytes at once, 100 times a second, no loss\n\n%-10s %16s %20s\n",
                Size, "", "segments a round", "bytes sent per byte");
    for (const bool stream : { true, false }) {
        EnginePair::Options options;
        options.a = options.b = engineConfig(KcpConfiguration());
        options.a.stream = options.b.stream = stream;
        options.link.delay = 30ms;
        options.seed = Seed;
        EnginePair pair(options);
        Bytes buffer(64 * 1024);
        std::uint64_t received = 0;
        pair.onStep = [&] {
            while (const std::size_t size = pair.b().read(buffer))
                received += size;
        };
        for (int round = 0; round < Rounds; ++round) {
            for (int i = 0; i < Writes; ++i)
                pair.a().send(kcp::ByteView(buffer).first(Size));
            pair.run(10ms);
        }
        pair.runUntilQuiet(10s);
        std::printf("%-10s %16.1f %20.2f\n", stream ? "Stream" : "Message",
                    double(pair.a().stats().segmentsOut) / Rounds,
                    double(pair.a().stats().bytesOut) / double(received));
    }
    std::printf("\n");
}

struct Table
{
    const char *name;
    void (*print)();
};

constexpr Table Tables[] = {
    { "presets", printPresets }, { "parameters", printParameters }, { "bulk", printBulk },
    { "windows", printWindows }, { "modes", printModes },
};

} // namespace

int main(int argc, char **argv)
{
    if (argc > 2) {
        std::fprintf(stderr, "usage: bench_tuning [TABLE]\n");
        return 2;
    }
    bool found = false;
    for (const Table &table : Tables) {
        if (argc == 2 && std::strcmp(argv[1], table.name) != 0)
            continue;
        table.print();
        found = true;
    }
    if (!found)
        std::fprintf(stderr, "bench_tuning: no table %s\n", argv[1]);
    return found ? 0 : 2;
}
