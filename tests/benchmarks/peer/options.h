// SPDX-License-Identifier: MIT
// What a peer is told to do, and the roles that all candidates have in common.
#ifndef BENCH_PEER_OPTIONS_H
#define BENCH_PEER_OPTIONS_H

#include <cstddef>
#include <cstdint>
#include <string>

enum class Role {
    Sink, // a server that reads and counts
    Source, // its client: writes as fast as it can
    EchoServer, // sends back what any number of clients send
    EchoClient, // keeps a number of echoes under way, and measures how long each takes
};

struct Options
{
    std::string candidate;
    Role role = Role::Sink;
    std::uint16_t port = 0; // of the server, for a client
    std::size_t chunk = 65536; // bytes that a source writes in one call
    std::size_t queued = 1 << 20; // bytes that a source lets wait in its socket
    std::size_t message = 64; // bytes of an echo
    std::uint32_t inFlight = 1; // echoes
    std::uint64_t count = 0; // the client ends after so many bytes or echoes; 0 = never
    bool check = false; // compare every byte with what was sent
    int connections = 10000; // that an echo server has room for

    // KcpSocket and KcpServer
    int mtu = 1400;
    int window = 0; // segments; 0 = of the preset
    bool congestionControl = true;
    bool keepAlive = true;
    bool answers = true; // an echo server connects readyRead of its sockets
};

using PeerMain = int (*)(const Options &);
int tcpMain(const Options &options);
int kcpMain(const Options &options);
int udpMain(const Options &options);
int rawMain(const Options &options);
int enetMain(const Options &options);

#endif // BENCH_PEER_OPTIONS_H
