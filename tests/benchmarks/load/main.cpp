// SPDX-License-Identifier: MIT
// The clients of a server of many connections: bench_load PROTOCOL [OPTION...]
//
// Protocols: tcp, kcp (native, or with --plain), enet. Each client has one message of 64 bytes under
// way at a time; none sends before all are connected.
//
//   --port N           of the server
//   --connections N
//   --sockets N        UDP sockets that KCP connections share
//   --hold             connect, and be silent; --touch: after one echo
//   --keepalive MS     probe the server after so much silence
#include "generator.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace {

Options parse(int argc, char **argv)
{
    Options options;
    if (argc < 2)
        throw std::runtime_error("usage: bench_load PROTOCOL [OPTION...]");
    options.protocol = argv[1];
    for (int i = 2; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--plain") {
            options.plain = true;
        } else if (name == "--hold") {
            options.hold = true;
        } else if (name == "--touch") {
            options.touch = true;
        } else if (i + 1 == argc) {
            throw std::runtime_error(name + " is unknown or needs a value");
        } else {
            const std::uint64_t value = std::strtoull(argv[++i], nullptr, 10);
            if (name == "--port")
                options.port = std::uint16_t(value);
            else if (name == "--connections")
                options.connections = std::uint32_t(value);
            else if (name == "--sockets")
                options.sockets = std::uint32_t(value);
            else if (name == "--keepalive")
                options.keepAlive = value;
            else
                throw std::runtime_error("unknown option " + name);
        }
    }
    if (options.connections == 0 || options.sockets == 0 || (options.touch && !options.hold))
        throw std::runtime_error("impossible options");
    return options;
}

std::unique_ptr<Protocol> create(const Options &options, Clients &clients)
{
    if (options.protocol == "tcp")
        return createTcp(options, clients);
    if (options.protocol == "kcp")
        return createKcp(options, clients);
#ifdef BENCH_HAVE_ENET
    if (options.protocol == "enet")
        return createEnet(options, clients);
#endif
    throw std::runtime_error("no such protocol: " + options.protocol);
}

} // namespace

int main(int argc, char **argv)
{
    try {
        const Options options = parse(argc, argv);
        Clients clients(options);
        const std::unique_ptr<Protocol> protocol = create(options, clients);
        clients.run(*protocol);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "bench_load: %s\n", error.what());
    }
    return 1; // it is ended from outside
}
