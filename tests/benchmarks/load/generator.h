// SPDX-License-Identifier: MIT
// Many clients in one thread. What the clients do is the same for all protocols; a protocol only
// carries their messages.
#ifndef BENCH_LOAD_GENERATOR_H
#define BENCH_LOAD_GENERATOR_H

#include "counters.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct Options
{
    std::string protocol;
    std::uint16_t port = 0;
    std::uint32_t connections = 1000;
    std::uint32_t sockets = 1; // that the connections share, where a protocol allows it
    std::size_t message = 64; // bytes
    std::uint64_t keepAlive = 0; // milliseconds; 0 = off
    bool plain =
            false; // KCP without our session protocol, each connection with a socket of its own
    bool hold = false; // connect, and do nothing more
    bool touch = false; // with hold: one echo first
};

class Protocol
{
public:
    virtual ~Protocol() = default;
    // Begins a connection. Clients::connected() follows, at once or later.
    virtual void connect(std::uint32_t client) = 0;
    virtual void send(std::uint32_t client, const char *data, std::size_t size) = 0;
    // Waits for something to happen, at most so long, and tells the clients.
    virtual void service(int milliseconds) = 0;
};

// One echo is under way for each client. Sending never happens within Protocol's other calls.
class Clients
{
public:
    explicit Clients(const Options &options);

    void connected(std::uint32_t client);
    void received(std::uint32_t client, const char *data, std::size_t size);
    void failed(std::uint32_t client);

    void run(Protocol &protocol);

private:
    struct Client
    {
        std::uint64_t sentAt = 0;
        std::uint32_t number = 0; // of the message that is under way
        std::uint32_t partial = 0; // bytes of it that are back
        std::uint32_t firstBytes = 0; // of it, as they came
        bool isConnected = false;
    };

    void beginConnecting(Protocol &protocol);
    void complete(std::uint32_t client);
    bool isReady(const Client &client) const;

    const Options m_options;
    std::vector<Client> m_clients;
    std::vector<std::uint32_t> m_due; // have something to send
    std::vector<std::uint32_t> m_sending;
    std::vector<char> m_message;
    std::uint32_t m_begun = 0;
    std::uint32_t m_connected = 0;
    bool m_running = false;
};

std::unique_ptr<Protocol> createTcp(const Options &options, Clients &clients);
std::unique_ptr<Protocol> createKcp(const Options &options, Clients &clients);
std::unique_ptr<Protocol> createEnet(const Options &options, Clients &clients);

#endif // BENCH_LOAD_GENERATOR_H
