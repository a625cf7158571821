// SPDX-License-Identifier: MIT
#include "generator.h"

#include <enet/enet.h>

#include <poll.h>

#include <stdexcept>

namespace {

// As in ../peer/enet.cpp: the server has as many hosts, on ports that follow each other.
constexpr std::uint32_t MostPeersOfHost = 4095;
constexpr int SocketBuffer = 4 << 20;
constexpr enet_uint32 NeverPing = 1U << 30U; // milliseconds

class Enet final : public Protocol
{
public:
    Enet(const Options &options, Clients &clients)
        : m_options(options), m_clients(clients), m_peers(options.connections)
    {
        if (enet_initialize() != 0)
            throw std::runtime_error("enet_initialize() has failed");
        for (std::uint32_t first = 0; first < options.connections; first += MostPeersOfHost) {
            ENetHost *host = enet_host_create(nullptr, MostPeersOfHost, 1, 0, 0);
            if (!host)
                throw std::runtime_error("enet_host_create() has failed");
            enet_socket_set_option(host->socket, ENET_SOCKOPT_RCVBUF, SocketBuffer);
            enet_socket_set_option(host->socket, ENET_SOCKOPT_SNDBUF, SocketBuffer);
            m_hosts.push_back(host);
            m_descriptors.push_back({ host->socket, POLLIN, 0 });
        }
    }
    ~Enet() override
    {
        for (ENetHost *host : m_hosts)
            enet_host_destroy(host);
    }
    Enet(const Enet &) = delete;
    Enet &operator=(const Enet &) = delete;

    void connect(std::uint32_t client) override
    {
        const std::uint32_t host = client / MostPeersOfHost;
        ENetAddress address{};
        address.host = ENET_HOST_TO_NET_32(0x7f000001);
        address.port = enet_uint16(m_options.port + host);
        ENetPeer *peer = enet_host_connect(m_hosts[host], &address, 1, 0);
        if (!peer) {
            m_clients.failed(client);
            return;
        }
        peer->data = &m_peers[client];
        m_peers[client] = peer;
    }

    void send(std::uint32_t client, const char *data, std::size_t size) override
    {
        ENetPacket *packet = enet_packet_create(data, size, ENET_PACKET_FLAG_RELIABLE);
        if (!packet || enet_peer_send(m_peers[client], 0, packet) != 0)
            m_clients.failed(client);
    }

    void service(int milliseconds) override
    {
        // ENet sends when it is serviced, so that waiting comes last.
        for (ENetHost *host : m_hosts)
            serviceHost(host);
        ::poll(m_descriptors.data(), m_descriptors.size(), m_busy ? 0 : milliseconds);
        m_busy = false;
        for (ENetHost *host : m_hosts)
            serviceHost(host);
    }

private:
    void serviceHost(ENetHost *host)
    {
        ENetEvent event;
        while (enet_host_service(host, &event, 0) > 0) {
            m_busy = true;
            const auto client =
                    std::uint32_t(static_cast<ENetPeer **>(event.peer->data) - m_peers.data());
            if (event.type == ENET_EVENT_TYPE_CONNECT) {
                enet_peer_ping_interval(event.peer,
                                        m_options.keepAlive > 0 ? enet_uint32(m_options.keepAlive)
                                                                : NeverPing);
                m_clients.connected(client);
            } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
                m_clients.received(client, reinterpret_cast<const char *>(event.packet->data),
                                   event.packet->dataLength);
                enet_packet_destroy(event.packet);
            } else {
                m_clients.failed(client);
            }
        }
    }

    const Options m_options;
    Clients &m_clients;
    std::vector<ENetPeer *> m_peers;
    std::vector<ENetHost *> m_hosts;
    std::vector<pollfd> m_descriptors;
    bool m_busy = false;
};

} // namespace

std::unique_ptr<Protocol> createEnet(const Options &options, Clients &clients)
{
    return std::make_unique<Enet>(options, clients);
}
