// SPDX-License-Identifier: MIT
// The limit: blocking system calls on a UDP socket, with the kernel cutting (UDP_SEGMENT) and
// joining (UDP_GRO) datagrams of equal size.
#include "work.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#ifndef UDP_SEGMENT
#  define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#  define UDP_GRO 104
#endif

namespace {

constexpr std::size_t Largest = 65507; // bytes that one call takes
constexpr std::size_t MostSegments = 64;
constexpr int SocketBuffer = 4 << 20;

class RawPeer
{
public:
    explicit RawPeer(const Options &options) : m_options(options), m_buffer(65536)
    {
        m_descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(m_descriptor, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
        ::setsockopt(m_descriptor, SOL_SOCKET, SO_RCVBUF, &SocketBuffer, sizeof SocketBuffer);
        m_address.sin_family = AF_INET;
        m_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    ~RawPeer() { ::close(m_descriptor); }
    RawPeer(const RawPeer &) = delete;
    RawPeer &operator=(const RawPeer &) = delete;

    bool listen()
    {
        socklen_t size = sizeof m_address;
        if (::bind(m_descriptor, reinterpret_cast<sockaddr *>(&m_address), size) != 0
            || ::getsockname(m_descriptor, reinterpret_cast<sockaddr *>(&m_address), &size) != 0)
            return false;
        announce(ntohs(m_address.sin_port));
        return true;
    }
    void setPeer(std::uint16_t port) { m_address.sin_port = htons(port); }

    bool send(const char *data, std::size_t size, std::size_t segment)
    {
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(std::uint16_t))] = {};
        iovec vector{ const_cast<char *>(data), size };
        msghdr header{};
        header.msg_name = &m_address;
        header.msg_namelen = sizeof m_address;
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        if (segment < size) {
            header.msg_control = control;
            header.msg_controllen = sizeof control;
            cmsghdr *first = CMSG_FIRSTHDR(&header);
            first->cmsg_level = IPPROTO_UDP;
            first->cmsg_type = UDP_SEGMENT;
            first->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
            const auto value = std::uint16_t(segment);
            std::memcpy(CMSG_DATA(first), &value, sizeof value);
        }
        return ::sendmsg(m_descriptor, &header, 0) >= 0;
    }

    // Returns how many bytes have come; remembers from where.
    std::size_t receive()
    {
        iovec vector{ m_buffer.data(), m_buffer.size() };
        msghdr header{};
        header.msg_name = &m_address;
        header.msg_namelen = sizeof m_address;
        header.msg_iov = &vector;
        header.msg_iovlen = 1;
        const ssize_t size = ::recvmsg(m_descriptor, &header, 0);
        return size > 0 ? std::size_t(size) : 0;
    }
    const char *data() const { return m_buffer.data(); }

    int sink()
    {
        Sink sink(m_options);
        for (;;)
            sink.received(m_buffer.data(), receive());
    }

    int source()
    {
        const auto segment = std::size_t(m_options.mtu);
        const std::size_t size = segment * std::min(MostSegments, Largest / segment);
        while (send(Pattern::at(0), size, segment)) { }
        std::perror("sendmsg");
        return 1;
    }

    int echoServer()
    {
        for (;;) {
            const std::size_t size = receive();
            if (size > 0 && !send(m_buffer.data(), size, m_options.message))
                return 1;
        }
    }

    int echoClient()
    {
        Echoes echoes(m_options);
        std::vector<char> out;
        for (;;) {
            out.clear();
            for (std::uint32_t i = echoes.wanted(); i > 0; --i) {
                const char *message = echoes.message();
                out.insert(out.end(), message, message + m_options.message);
                echoes.sent();
            }
            for (std::size_t at = 0; at < out.size();) {
                const std::size_t most = MostSegments * m_options.message;
                const std::size_t size = std::min(out.size() - at, most);
                if (!send(out.data() + at, size, m_options.message))
                    return 1;
                at += size;
            }
            const std::size_t size = receive();
            echoes.received(m_buffer.data(), size);
        }
    }

private:
    const Options m_options;
    std::vector<char> m_buffer;
    sockaddr_in m_address{};
    int m_descriptor = -1;
};

} // namespace

int rawMain(const Options &options)
{
    RawPeer peer(options);
    if (options.role == Role::Sink || options.role == Role::EchoServer) {
        if (!peer.listen())
            return 1;
    } else {
        peer.setPeer(options.port);
    }
    switch (options.role) {
    case Role::Sink:
        return peer.sink();
    case Role::Source:
        return peer.source();
    case Role::EchoServer:
        return peer.echoServer();
    case Role::EchoClient:
        return peer.echoClient();
    }
    return 1;
}
