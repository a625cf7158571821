// SPDX-License-Identifier: MIT
#include "generator.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>

namespace {

class Tcp final : public Protocol
{
public:
    Tcp(const Options &options, Clients &clients)
        : m_clients(clients),
          m_descriptors(options.connections, -1),
          m_isConnected(options.connections),
          m_epoll(::epoll_create1(EPOLL_CLOEXEC))
    {
        m_server.sin_family = AF_INET;
        m_server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        m_server.sin_port = htons(options.port);
    }

    void connect(std::uint32_t client) override
    {
        const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (descriptor < 0)
            throw std::runtime_error("no more sockets");
        const int on = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        m_descriptors[client] = descriptor;
        if (::connect(descriptor, reinterpret_cast<sockaddr *>(&m_server), sizeof m_server) != 0
            && errno != EINPROGRESS)
            m_clients.failed(client);
        watch(client, EPOLL_CTL_ADD, EPOLLOUT);
    }

    void send(std::uint32_t client, const char *data, std::size_t size) override
    {
        if (::send(m_descriptors[client], data, size, MSG_NOSIGNAL) != ssize_t(size))
            m_clients.failed(client);
    }

    void service(int milliseconds) override
    {
        std::array<epoll_event, 512> events;
        const int count = ::epoll_wait(m_epoll, events.data(), int(events.size()), milliseconds);
        for (int i = 0; i < count; ++i) {
            const std::uint32_t client = events[std::size_t(i)].data.u32;
            if (!m_isConnected[client]) {
                m_isConnected[client] = true;
                watch(client, EPOLL_CTL_MOD, EPOLLIN);
                m_clients.connected(client);
                continue;
            }
            std::array<char, 4096> buffer;
            const ssize_t size = ::recv(m_descriptors[client], buffer.data(), buffer.size(), 0);
            if (size <= 0)
                m_clients.failed(client);
            else
                m_clients.received(client, buffer.data(), std::size_t(size));
        }
    }

private:
    void watch(std::uint32_t client, int operation, std::uint32_t events)
    {
        epoll_event event{};
        event.events = events;
        event.data.u32 = client;
        ::epoll_ctl(m_epoll, operation, m_descriptors[client], &event);
    }

    Clients &m_clients;
    std::vector<int> m_descriptors;
    std::vector<bool> m_isConnected;
    sockaddr_in m_server{};
    int m_epoll;
};

} // namespace

std::unique_ptr<Protocol> createTcp(const Options &options, Clients &clients)
{
    return std::make_unique<Tcp>(options, clients);
}
