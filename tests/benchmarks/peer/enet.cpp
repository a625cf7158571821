// SPDX-License-Identifier: MIT
// ENet: one packet a message, reliable, one channel.
#include "work.h"

#include <enet/enet.h>

#include <poll.h>
#include <signal.h>

#include <cstdio>
#include <memory>
#include <vector>

namespace {

// A protocol limit of ENet; a server with more connections has more hosts, on the ports that follow.
constexpr int MostPeersOfHost = 4095;
constexpr int MostAttempts = 20; // to find ports that follow each other
constexpr enet_uint32 WaitMilliseconds = 100;
constexpr int SocketBuffer = 4 << 20;
constexpr enet_uint32 NeverPing = 1U << 30U; // milliseconds
// Bytes of one packet of a source: what fits one datagram, beside ENet's headers.
constexpr std::size_t HeaderBytes = 28;

volatile sig_atomic_t heapAsked = 0;

class EnetPeer
{
public:
    explicit EnetPeer(const Options &options)
        : m_options(options), m_sink(options), m_echoes(options)
    {
        m_address.host = ENET_HOST_TO_NET_32(0x7f000001);
        m_address.port = options.port;
    }
    ~EnetPeer()
    {
        for (ENetHost *host : m_hosts)
            enet_host_destroy(host);
    }
    EnetPeer(const EnetPeer &) = delete;
    EnetPeer &operator=(const EnetPeer &) = delete;

    bool listen()
    {
        const std::uint64_t before = bench::heapInUse(); // the peers are made with the host
        for (int attempt = 0; attempt < MostAttempts; ++attempt) {
            const int first = listenInARow();
            if (first > 0) {
                announce(std::uint16_t(first), before);
                return true;
            }
        }
        return false;
    }

    bool connect()
    {
        if (!addHost(nullptr, 1))
            return false;
        m_peer = enet_host_connect(m_hosts[0], &m_address, 1, 0);
        return m_peer != nullptr;
    }

    int run()
    {
        std::vector<pollfd> descriptors;
        for (ENetHost *host : m_hosts)
            descriptors.push_back({ host->socket, POLLIN, 0 });
        for (;;) {
            if (m_hosts.size() > 1)
                ::poll(descriptors.data(), descriptors.size(), int(WaitMilliseconds));
            for (ENetHost *host : m_hosts)
                service(host, m_hosts.size() > 1 ? 0 : WaitMilliseconds);
            if (heapAsked) {
                heapAsked = 0;
                bench::counters().heap = bench::heapInUse();
                bench::add(bench::counters().heapReports, 1);
            }
        }
    }

private:
    // Returns the first port, 0 when one that follows is taken.
    int listenInARow()
    {
        m_address.port = 0;
        for (int rest = m_options.connections; rest > 0; rest -= MostPeersOfHost) {
            if (!addHost(&m_address, std::min(rest, MostPeersOfHost))) {
                for (ENetHost *host : m_hosts)
                    enet_host_destroy(host);
                m_hosts.clear();
                return 0;
            }
            if (m_hosts.size() == 1)
                enet_socket_get_address(m_hosts[0]->socket, &m_address);
            ++m_address.port;
        }
        return m_address.port - int(m_hosts.size());
    }

    bool addHost(const ENetAddress *address, int peers)
    {
        ENetHost *host = enet_host_create(address, std::size_t(peers), 1, 0, 0);
        if (!host)
            return false;
        host->mtu = enet_uint32(m_options.mtu);
        enet_socket_set_option(host->socket, ENET_SOCKOPT_RCVBUF, SocketBuffer);
        enet_socket_set_option(host->socket, ENET_SOCKOPT_SNDBUF, SocketBuffer);
        m_hosts.push_back(host);
        return true;
    }

    void service(ENetHost *host, enet_uint32 wait)
    {
        ENetEvent event;
        while (enet_host_service(host, &event, wait) > 0) {
            wait = 0;
            if (event.type == ENET_EVENT_TYPE_CONNECT)
                connected(event.peer);
            else if (event.type == ENET_EVENT_TYPE_RECEIVE)
                received(event.peer, event.packet);
            else if (m_peer)
                finish(false);
        }
    }

    void connected(ENetPeer *peer)
    {
        if (!m_options.keepAlive)
            enet_peer_ping_interval(peer, NeverPing);
        bench::add(m_peer ? bench::counters().ready : bench::counters().connections, 1);
        if (m_options.role == Role::Source)
            fill();
        else if (m_options.role == Role::EchoClient)
            sendEchoes();
    }

    void received(ENetPeer *peer, ENetPacket *packet)
    {
        const auto *data = reinterpret_cast<const char *>(packet->data);
        switch (m_options.role) {
        case Role::Sink:
            m_sink.received(data, packet->dataLength);
            break;
        case Role::EchoServer:
            send(peer, data, packet->dataLength);
            break;
        case Role::EchoClient:
            m_echoes.received(data, packet->dataLength);
            sendEchoes();
            break;
        case Role::Source:
            break;
        }
        enet_packet_destroy(packet);
    }

    void sendEchoes()
    {
        for (std::uint32_t i = m_echoes.wanted(); i > 0; --i) {
            send(m_peer, m_echoes.message(), m_options.message);
            m_echoes.sent();
        }
    }

    static ENetPacket *send(ENetPeer *peer, const char *data, std::size_t size)
    {
        ENetPacket *packet = enet_packet_create(data, size, ENET_PACKET_FLAG_RELIABLE);
        if (!packet || enet_peer_send(peer, 0, packet) != 0)
            finish(false);
        return packet;
    }

    // A packet is freed when it is acknowledged.
    static void packetFreed(ENetPacket *packet)
    {
        auto *peer = static_cast<EnetPeer *>(packet->userData);
        peer->m_queued -= packet->dataLength;
        peer->fill();
    }

    void fill()
    {
        if (m_filling)
            return;
        m_filling = true;
        const std::size_t size = std::size_t(m_options.mtu) - HeaderBytes;
        while (m_queued < m_options.queued) {
            if (m_options.count > 0 && m_position >= m_options.count)
                break;
            const char *data = Pattern::at(m_options.check ? m_position : 0);
            ENetPacket *packet = send(m_peer, data, size);
            packet->userData = this;
            packet->freeCallback = &EnetPeer::packetFreed;
            m_queued += size;
            m_position += size;
        }
        m_filling = false;
    }

    const Options m_options;
    Sink m_sink;
    Echoes m_echoes;
    std::vector<ENetHost *> m_hosts;
    ENetPeer *m_peer = nullptr; // of a client
    ENetAddress m_address{};
    std::uint64_t m_position = 0;
    std::size_t m_queued = 0;
    bool m_filling = false;
};

} // namespace

int enetMain(const Options &options)
{
    if (enet_initialize() != 0)
        return 1;
    ::signal(SIGUSR1, [](int) { heapAsked = 1; });
    EnetPeer peer(options);
    const bool serves = options.role == Role::Sink || options.role == Role::EchoServer;
    if (!(serves ? peer.listen() : peer.connect()))
        return 1;
    return peer.run();
}
