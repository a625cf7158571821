// SPDX-License-Identifier: MIT
// One end of a benchmark: bench_peer CANDIDATE ROLE [OPTION...]
//
// Candidates: kcp (KcpSocket, KcpServer), tcp (QTcpSocket, QTcpServer), udp (QUdpSocket), raw
// (system calls), enet. Roles: sink, source, echo-server, echo-client. Options: see parse().
#include "options.h"
#include "counters.h"

#include <QtCore/qcoreapplication.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>

namespace {

const std::map<std::string, PeerMain> candidates = {
    { "kcp", kcpMain },   { "tcp", tcpMain }, { "udp", udpMain }, { "raw", rawMain },
#ifdef BENCH_HAVE_ENET
    { "enet", enetMain },
#endif
};

const std::map<std::string, Role> roles = {
    { "sink", Role::Sink },
    { "source", Role::Source },
    { "echo-server", Role::EchoServer },
    { "echo-client", Role::EchoClient },
};

Options parse(int argc, char **argv)
{
    Options options;
    if (argc < 2 || candidates.count(argv[1]) == 0)
        throw std::runtime_error("no such candidate; usage: bench_peer CANDIDATE ROLE [OPTION...]");
    if (argc < 3 || roles.count(argv[2]) == 0)
        throw std::runtime_error("no such role; usage: bench_peer CANDIDATE ROLE [OPTION...]");
    options.candidate = argv[1];
    options.role = roles.at(argv[2]);
    for (int i = 3; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--check") {
            options.check = true;
        } else if (name == "--no-congestion-control") {
            options.congestionControl = false;
        } else if (name == "--no-keepalive") {
            options.keepAlive = false;
        } else if (name == "--no-slots") {
            options.answers = false;
        } else if (i + 1 == argc) {
            throw std::runtime_error(name + " is unknown or needs a value");
        } else {
            const std::uint64_t value = std::strtoull(argv[++i], nullptr, 10);
            if (name == "--port")
                options.port = std::uint16_t(value);
            else if (name == "--chunk")
                options.chunk = value;
            else if (name == "--queued")
                options.queued = value;
            else if (name == "--message")
                options.message = value;
            else if (name == "--in-flight")
                options.inFlight = std::uint32_t(value);
            else if (name == "--count")
                options.count = value;
            else if (name == "--connections")
                options.connections = int(value);
            else if (name == "--mtu")
                options.mtu = int(value);
            else if (name == "--window")
                options.window = int(value);
            else
                throw std::runtime_error("unknown option " + name);
        }
    }
    if (options.message < sizeof(std::uint64_t) || options.inFlight == 0 || options.chunk == 0)
        throw std::runtime_error("impossible sizes");
    return options;
}

} // namespace

int main(int argc, char **argv)
{
    try {
        const Options options = parse(argc, argv);
        const QCoreApplication application(argc, argv);
        bench::counters();
        return candidates.at(options.candidate)(options);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench_peer: %s\n", error.what());
        return 1;
    }
}
