// SPDX-License-Identifier: MIT
// KCP clients on the session layer alone: one Endpoint, and one UDP socket for many connections or
// one for each. The server tells connections of one address apart by their conversations.
#include "generator.h"

#include "endpoint.h"
#include "kcpcrypto_p.h"
#include "session.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

#ifndef UDP_SEGMENT
#  define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#  define UDP_GRO 104
#endif

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t Loopback = 0x7f000001;
constexpr std::size_t BufferSize = 65536;
constexpr std::size_t ReceiveMessages = 16; // of one system call
constexpr std::size_t MostSegments = 64; // of UDP_SEGMENT
constexpr std::size_t MostBytes = 65507;
constexpr int SocketBuffer = 4 << 20;
constexpr std::uint64_t Seed = 1;

class Kcp final : public Protocol
{
public:
    Kcp(const Options &options, Clients &clients)
        : m_clients(clients),
          m_endpoint(&m_crypto, Seed),
          m_sessions(options.connections),
          m_epoll(::epoll_create1(EPOLL_CLOEXEC)),
          m_out(BufferSize)
    {
        m_config.profile = options.plain ? kcpnet::Profile::PlainKcp : kcpnet::Profile::Native;
        m_config.connectWithoutReply = options.plain;
        m_config.keepAliveInterval = std::chrono::milliseconds(options.keepAlive);
        m_config.engine.nodelay = 1;
        m_config.engine.interval = 10ms;
        m_config.engine.fastResend = 2;
        m_config.engine.sendWindow = 4096;
        m_config.engine.receiveWindow = 4096;
        m_config.engine.congestionControl =
                options.plain ? kcp::CongestionControl::Off : kcp::CongestionControl::Cubic;
        for (std::uint32_t i = 0; i < std::min(options.sockets, options.connections); ++i)
            addSocket(options.port);
        for (std::size_t i = 0; i < ReceiveMessages; ++i) {
            m_vectors[i] = { m_in.data() + i * BufferSize, BufferSize };
            m_messages[i].msg_hdr.msg_iov = &m_vectors[i];
            m_messages[i].msg_hdr.msg_iovlen = 1;
        }
    }

    void connect(std::uint32_t client) override
    {
        const std::size_t socket = client % m_sockets.size();
        const kcpnet::SessionId id =
                m_endpoint.connectTo(now(), m_sockets[socket].path, m_config, client + 1);
        if (id.isNull()) {
            m_clients.failed(client);
            return;
        }
        m_sessions[client] = id;
        if (m_clientOf.size() <= id.index)
            m_clientOf.resize(id.index + 1);
        m_clientOf[id.index] = client;
    }

    void send(std::uint32_t client, const char *data, std::size_t size) override
    {
        if (!m_endpoint.write(m_sessions[client], kcp::asBytes(data, size)))
            m_clients.failed(client);
    }

    void service(int milliseconds) override
    {
        transmit();
        const kcp::Instant deadline = m_endpoint.pollTimeout();
        if (deadline != kcp::Never) {
            const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - now());
            milliseconds = int(std::clamp<std::int64_t>(rest.count(), 0, milliseconds));
        }
        std::array<epoll_event, 512> events;
        const int count = ::epoll_wait(m_epoll, events.data(), int(events.size()), milliseconds);
        const kcp::Instant time = now();
        for (int i = 0; i < count; ++i)
            receive(time, m_sockets[events[std::size_t(i)].data.u32]);
        if (time >= m_endpoint.pollTimeout())
            m_endpoint.handleTimeout(time);
        tell();
    }

private:
    struct Socket
    {
        int descriptor = -1;
        kcpnet::Path path; // the local port names the socket
    };

    static kcp::Instant now()
    {
        return kcp::instantFromMicroseconds(std::int64_t(bench::monotonicNanoseconds() / 1000));
    }

    void addSocket(std::uint16_t port)
    {
        Socket socket;
        socket.descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        socklen_t size = sizeof address;
        auto *name = reinterpret_cast<sockaddr *>(&address);
        const int on = 1;
        ::setsockopt(socket.descriptor, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
        ::setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVBUF, &SocketBuffer, sizeof SocketBuffer);
        if (::connect(socket.descriptor, name, size) != 0
            || ::getsockname(socket.descriptor, name, &size) != 0)
            throw std::runtime_error("no more sockets");
        socket.path = { kcpnet::Address::fromIPv4(Loopback, ntohs(address.sin_port)),
                        kcpnet::Address::fromIPv4(Loopback, port) };
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = std::uint32_t(m_sockets.size());
        ::epoll_ctl(m_epoll, EPOLL_CTL_ADD, socket.descriptor, &event);
        if (m_socketOfPort.empty())
            m_socketOfPort.resize(65536);
        m_socketOfPort[ntohs(address.sin_port)] = event.data.u32;
        m_sockets.push_back(socket);
    }

    // All of them; datagrams in a row that one system call can carry leave together.
    void transmit()
    {
        const kcp::Instant time = now();
        const std::size_t maximum = m_endpoint.maximumTransmitSize();
        std::size_t used = 0, count = 0, segment = 0;
        kcpnet::Path runPath;
        std::vector<std::uint8_t> &datagram = m_datagram;
        datagram.resize(maximum);
        kcpnet::Path path;
        while (const std::size_t size = m_endpoint.pollTransmit(time, datagram, path)) {
            const bool joins = count > 0 && count < MostSegments && path == runPath
                    && used == count * segment && size <= segment && used + size <= MostBytes;
            if (!joins) {
                sendRun(runPath, used, segment);
                used = count = 0;
                segment = size;
                runPath = path;
            }
            std::memcpy(m_out.data() + used, datagram.data(), size);
            used += size;
            ++count;
        }
        sendRun(runPath, used, segment);
    }

    void sendRun(const kcpnet::Path &path, std::size_t bytes, std::size_t segment)
    {
        if (bytes == 0)
            return;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
        iovec vector{ m_out.data(), bytes };
        msghdr header{};
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        if (bytes > segment) {
            header.msg_control = control.data();
            header.msg_controllen = control.size();
            cmsghdr *first = CMSG_FIRSTHDR(&header);
            first->cmsg_level = IPPROTO_UDP;
            first->cmsg_type = UDP_SEGMENT;
            first->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
            const auto value = std::uint16_t(segment);
            std::memcpy(CMSG_DATA(first), &value, sizeof value);
        }
        // What cannot be sent is lost, and comes again.
        ::sendmsg(m_sockets[m_socketOfPort[path.local.port]].descriptor, &header, MSG_NOSIGNAL);
    }

    void receive(kcp::Instant time, const Socket &socket)
    {
        for (std::size_t i = 0; i < ReceiveMessages; ++i) {
            m_messages[i].msg_hdr.msg_control = m_controls[i].data();
            m_messages[i].msg_hdr.msg_controllen = m_controls[i].size();
        }
        // A socket of many connections is asked for more at once.
        const std::size_t wanted = m_sockets.size() == 1 ? ReceiveMessages : 1;
        const int count = ::recvmmsg(socket.descriptor, m_messages.data(), unsigned(wanted),
                                     MSG_DONTWAIT, nullptr);
        for (int i = 0; i < count; ++i) {
            const mmsghdr &message = m_messages[std::size_t(i)];
            const std::size_t size = message.msg_len;
            const std::size_t segment = segmentSize(message.msg_hdr, size);
            const std::uint8_t *data = m_in.data() + std::size_t(i) * BufferSize;
            for (std::size_t at = 0; at < size; at += segment) {
                m_endpoint.handleDatagram(time, socket.path,
                                          { data + at, std::min(segment, size - at) });
            }
        }
    }

    static std::size_t segmentSize(const msghdr &header, std::size_t size)
    {
        const cmsghdr *control = CMSG_FIRSTHDR(&header);
        if (!control || control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO)
            return std::max<std::size_t>(size, 1);
        int value = 0;
        std::memcpy(&value, CMSG_DATA(control), sizeof value);
        return std::size_t(std::max(value, 1));
    }

    void tell()
    {
        using Type = kcpnet::Event::Type;
        kcpnet::Event event;
        std::array<std::uint8_t, 4096> buffer;
        while (m_endpoint.pollEvent(event)) {
            const std::uint32_t client = m_clientOf[event.session.index];
            if (event.type == Type::Connected) {
                m_clients.connected(client);
            } else if (event.type == Type::Readable) {
                while (const std::size_t size = m_endpoint.read(event.session, buffer)) {
                    m_clients.received(client, reinterpret_cast<const char *>(buffer.data()), size);
                }
            } else if (event.type == Type::Closed) {
                m_clients.failed(client);
            }
        }
    }

    Clients &m_clients;
    KcpCrypto m_crypto;
    kcpnet::Endpoint m_endpoint;
    kcpnet::SessionConfig m_config;
    std::vector<Socket> m_sockets;
    std::vector<std::uint32_t> m_socketOfPort;
    std::vector<kcpnet::SessionId> m_sessions; // by client
    std::vector<std::uint32_t> m_clientOf; // by index of the session
    int m_epoll;
    std::vector<std::uint8_t> m_out;
    std::vector<std::uint8_t> m_datagram;
    std::vector<std::uint8_t> m_in = std::vector<std::uint8_t>(ReceiveMessages * BufferSize);
    std::array<mmsghdr, ReceiveMessages> m_messages{};
    std::array<iovec, ReceiveMessages> m_vectors{};
    std::array<std::array<char, 64>, ReceiveMessages> m_controls{};
};

} // namespace

std::unique_ptr<Protocol> createKcp(const Options &options, Clients &clients)
{
    return std::make_unique<Kcp>(options, clients);
}
