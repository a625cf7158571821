// SPDX-License-Identifier: MIT
// The batched channel: QUdpSocket owns the descriptor, recvmmsg() and sendmmsg() move the
// datagrams, and with UDP_SEGMENT and UDP_GRO the kernel handles a run of them as one.
#include "kcpudpchannel_qt_p.h"
#include "kcpaddressconversion_p.h"

#include <QtCore/qabstracteventdispatcher.h>
#include <QtCore/qsocketnotifier.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <unordered_set>

#ifndef UDP_SEGMENT // C libraries older than the kernel
#  define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#  define UDP_GRO 104
#endif

namespace {

using Batching = KcpUdpChannel::Batching;

constexpr std::size_t ControlSize =
        CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(int));

// Joined datagrams come 64 KiB at a time: more of them in one call would only leave the cache.
constexpr int JoinedMessages = 16;

// Peers whose path refuses UDP_SEGMENT; at the bound all get another try.
constexpr std::size_t MaximumUnsegmentedPeers = 1024;

Batching systemBatching()
{
    static const Batching level = [] {
        const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return Batching::None;
        Batching result = Batching::Messages;
        mmsghdr none{};
        if (::recvmmsg(fd, &none, 0, MSG_DONTWAIT, nullptr) < 0 && errno == ENOSYS)
            result = Batching::None;
        int value = 0;
        socklen_t size = sizeof value;
        const int on = 1;
        if (result == Batching::Messages
            && ::getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, &size) == 0
            && ::setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0)
            result = Batching::Segmentation;
        ::close(fd);
        return result;
    }();
    return level;
}

kcpnet::Address fromIPv6(const in6_addr &ip, std::uint32_t scope, std::uint16_t port)
{
    kcpnet::Address result;
    std::memcpy(result.ip.data(), &ip, result.ip.size());
    // A zone belongs to link-local addresses only.
    result.scope = IN6_IS_ADDR_LINKLOCAL(&ip) ? scope : 0;
    result.port = port;
    return result;
}

kcpnet::Address fromSocketAddress(const sockaddr_storage &storage)
{
    if (storage.ss_family == AF_INET) {
        const auto &in = reinterpret_cast<const sockaddr_in &>(storage);
        return kcpnet::Address::fromIPv4(ntohl(in.sin_addr.s_addr), ntohs(in.sin_port));
    }
    const auto &in6 = reinterpret_cast<const sockaddr_in6 &>(storage);
    return fromIPv6(in6.sin6_addr, in6.sin6_scope_id, ntohs(in6.sin6_port));
}

socklen_t toSocketAddress(const kcpnet::Address &address, int family, sockaddr_storage &storage)
{
    if (family == AF_INET) {
        auto &in = reinterpret_cast<sockaddr_in &>(storage);
        in = {};
        in.sin_family = AF_INET;
        in.sin_port = htons(address.port);
        std::memcpy(&in.sin_addr, address.ip.data() + 12, 4);
        return sizeof in;
    }
    auto &in6 = reinterpret_cast<sockaddr_in6 &>(storage);
    in6 = {};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(address.port);
    in6.sin6_scope_id = address.scope;
    std::memcpy(&in6.sin6_addr, address.ip.data(), 16);
    return sizeof in6;
}

template <typename T>
void appendControl(msghdr &header, int level, int type, const T &value)
{
    auto *control = reinterpret_cast<cmsghdr *>(static_cast<char *>(header.msg_control)
                                                + header.msg_controllen);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(control), &value, sizeof value);
    header.msg_controllen += CMSG_SPACE(sizeof value);
}

struct alignas(cmsghdr) Control
{
    char bytes[ControlSize];
};

// The kernel's view of a receive batch. Prepared once: after a call only what it has used is
// prepared again.
struct ReceiveArrays
{
    explicit ReceiveArrays(KcpReceiveBatch &batch)
    {
        for (int i = 0; i < KcpReceiveBatch::MaximumMessages; ++i) {
            vectors[std::size_t(i)] = { batch.buffer(i), KcpReceiveBatch::BufferSize };
            prepare(i);
        }
    }
    void prepare(int index)
    {
        const auto i = std::size_t(index);
        msghdr &header = messages[i].msg_hdr;
        header = {};
        header.msg_name = &names[i];
        header.msg_namelen = sizeof names[i];
        header.msg_iov = &vectors[i];
        header.msg_iovlen = 1;
        header.msg_control = &controls[i];
        header.msg_controllen = sizeof controls[i];
    }

    std::array<mmsghdr, KcpReceiveBatch::MaximumMessages> messages;
    std::array<iovec, KcpReceiveBatch::MaximumMessages> vectors;
    std::array<sockaddr_storage, KcpReceiveBatch::MaximumMessages> names;
    std::array<Control, KcpReceiveBatch::MaximumMessages> controls;
};

struct TransmitArrays
{
    std::array<mmsghdr, KcpTransmitBatch::MaximumRuns> messages;
    std::array<iovec, KcpTransmitBatch::MaximumRuns> vectors;
    std::array<sockaddr_storage, KcpTransmitBatch::MaximumRuns> names;
    std::array<Control, KcpTransmitBatch::MaximumRuns> controls;
};

class KcpUdpChannelLinux final : public KcpUdpChannelQt
{
public:
    KcpUdpChannelLinux(QObject *parent, Listener *listener, Batching limit);
    ~KcpUdpChannelLinux() override;

    ReceiveResult receive(KcpReceiveBatch &batch) override;
    SendResult send(KcpTransmitBatch &batch) override;
    bool wait(kcp::Duration timeout, bool forWriting) override;
    void attend() override;
    Batching batching() const override { return m_batching; }

protected:
    void opened() override;

private:
    void readMessage(const msghdr &header, std::uint32_t size,
                     KcpReceiveBatch::Message &message) const;
    int fillMessages(const KcpTransmitBatch &batch, TransmitArrays &arrays) const;
    void fillHeader(const kcpnet::Path &path, std::size_t index, TransmitArrays &arrays) const;
    bool isSegmented(const KcpTransmitBatch::Run &run) const;
    void stopSegmenting(const kcpnet::Path &path);
    // What to do about the first message of the batch, which failed with this error. True when
    // sending goes on.
    bool handleSendError(int error, KcpTransmitBatch &batch, SendResult &result);

    QSocketNotifier *m_readNotifier = nullptr;
    QSocketNotifier *m_writeNotifier = nullptr; // made when the socket is full for the first time
    int m_fd = -1; // a duplicate: QUdpSocket has a notifier on its own
    int m_family = AF_UNSPEC;
    Batching m_batching;
    int m_refusals = 0; // in a row, without a datagram sent
    std::unordered_set<std::size_t> m_unsegmented; // hashes of peers
};

KcpUdpChannelLinux::KcpUdpChannelLinux(QObject *parent, Listener *listener, Batching limit)
    : KcpUdpChannelQt(parent, listener), m_batching(limit)
{
}

KcpUdpChannelLinux::~KcpUdpChannelLinux()
{
    for (QSocketNotifier *notifier : { m_readNotifier, m_writeNotifier }) {
        if (notifier)
            notifier->setEnabled(false);
    }
    if (m_fd >= 0)
        ::close(m_fd);
}

void KcpUdpChannelLinux::opened()
{
    KcpUdpChannelQt::opened();
    m_fd = ::dup(int(socket()->socketDescriptor()));
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    ::getsockname(m_fd, reinterpret_cast<sockaddr *>(&name), &size);
    m_family = name.ss_family;

    const int on = 1;
    if (m_batching == Batching::Segmentation)
        ::setsockopt(m_fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);

    // QUdpSocket asks for both with every datagram; each would cost its share of the system call.
    const int asked = answersFromAskedAddress() ? 1 : 0;
    const int off = 0;
    if (m_family == AF_INET6) {
        ::setsockopt(m_fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &asked, sizeof asked);
        ::setsockopt(m_fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &off, sizeof off);
    }
    // An IPv4 datagram on a dual-stack socket brings the IPv4 form beside the IPv6 one.
    ::setsockopt(m_fd, IPPROTO_IP, IP_PKTINFO, m_family == AF_INET ? &asked : &off, sizeof off);
    ::setsockopt(m_fd, IPPROTO_IP, IP_RECVTTL, &off, sizeof off);

    attend();
}

void KcpUdpChannelLinux::attend()
{
    if (m_readNotifier || m_fd < 0 || !QAbstractEventDispatcher::instance())
        return;
    m_readNotifier = new QSocketNotifier(m_fd, QSocketNotifier::Read, socket());
    QObject::connect(m_readNotifier, &QSocketNotifier::activated, context(),
                     [this] { listener()->channelReadable(); });
}

void KcpUdpChannelLinux::readMessage(const msghdr &header, std::uint32_t size,
                                     KcpReceiveBatch::Message &message) const
{
    message.size = size;
    message.segmentSize = size;
    message.path.local = {};
    if (isConnected())
        message.path.peer = peerPath().peer;
    else
        message.path.peer = fromSocketAddress(*static_cast<sockaddr_storage *>(header.msg_name));

    auto *mutableHeader = const_cast<msghdr *>(&header); // CMSG_NXTHDR takes no const one
    for (cmsghdr *control = CMSG_FIRSTHDR(&header); control;
         control = CMSG_NXTHDR(mutableHeader, control)) {
        if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_GRO) {
            int segmentSize = 0;
            std::memcpy(&segmentSize, CMSG_DATA(control), sizeof segmentSize);
            if (segmentSize > 0)
                message.segmentSize = std::uint32_t(segmentSize);
        } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            in_pktinfo info;
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            message.path.local =
                    kcpnet::Address::fromIPv4(ntohl(info.ipi_spec_dst.s_addr), localPort());
        } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info;
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            message.path.local = fromIPv6(info.ipi6_addr, info.ipi6_ifindex, localPort());
        }
    }
}

KcpUdpChannel::ReceiveResult KcpUdpChannelLinux::receive(KcpReceiveBatch &batch)
{
    thread_local ReceiveArrays arrays(KcpReceiveBatch::forThread());
    Q_ASSERT(&batch == &KcpReceiveBatch::forThread());

    ReceiveResult result;
    batch.clear();
    if (m_fd < 0)
        return result;
    const int asked = m_batching == Batching::Segmentation ? JoinedMessages
                                                           : KcpReceiveBatch::MaximumMessages;
    int received = -1;
    // An ICMP error takes the place of a datagram; the bound keeps a broken socket from spinning.
    for (int errors = 0; received < 0 && errors < 4; ++errors) {
        received = ::recvmmsg(m_fd, arrays.messages.data(), unsigned(asked), MSG_DONTWAIT, nullptr);
        if (received >= 0)
            break;
        if (errno == ECONNREFUSED)
            result.unreachable = true;
        else if (errno != EINTR)
            return result;
    }
    for (int i = 0; i < received; ++i) {
        const mmsghdr &header = arrays.messages[std::size_t(i)];
        KcpReceiveBatch::Message &message = batch.append();
        message.buffer = std::uint16_t(i);
        readMessage(header.msg_hdr, header.msg_len, message);
        arrays.prepare(i);
    }
    result.drained = received < asked;
    return result;
}

std::size_t hashPeer(const kcpnet::Address &peer)
{
    const std::string_view ip(reinterpret_cast<const char *>(peer.ip.data()), peer.ip.size());
    return std::hash<std::string_view>()(ip) ^ peer.port;
}

bool KcpUdpChannelLinux::isSegmented(const KcpTransmitBatch::Run &run) const
{
    return m_batching == Batching::Segmentation
            && (m_unsegmented.empty() || !m_unsegmented.contains(hashPeer(run.path.peer)));
}

void KcpUdpChannelLinux::stopSegmenting(const kcpnet::Path &path)
{
    if (m_unsegmented.size() >= MaximumUnsegmentedPeers)
        m_unsegmented.clear();
    m_unsegmented.insert(hashPeer(path.peer));
}

void KcpUdpChannelLinux::fillHeader(const kcpnet::Path &path, std::size_t index,
                                    TransmitArrays &arrays) const
{
    msghdr &header = arrays.messages[index].msg_hdr;
    header = {};
    header.msg_iov = &arrays.vectors[index];
    header.msg_iovlen = 1;
    header.msg_control = &arrays.controls[index];
    if (isConnected())
        return;
    header.msg_name = &arrays.names[index];
    header.msg_namelen = toSocketAddress(path.peer, m_family, arrays.names[index]);
    if (path.local.isNull() || !answersFromAskedAddress())
        return;
    if (m_family == AF_INET) {
        in_pktinfo info{};
        std::memcpy(&info.ipi_spec_dst, path.local.ip.data() + 12, 4);
        appendControl(header, IPPROTO_IP, IP_PKTINFO, info);
    } else {
        in6_pktinfo info{};
        std::memcpy(&info.ipi6_addr, path.local.ip.data(), 16);
        info.ipi6_ifindex = path.local.scope;
        appendControl(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
}

// One message for a run where the kernel cuts it, else one for each datagram.
int KcpUdpChannelLinux::fillMessages(const KcpTransmitBatch &batch, TransmitArrays &arrays) const
{
    std::size_t filled = 0;
    for (std::size_t i = 0; i < batch.runCount() && filled < arrays.messages.size(); ++i) {
        const KcpTransmitBatch::Run &run = batch.run(i);
        auto *data = const_cast<std::uint8_t *>(batch.data(run)); // iovec knows no const
        if (run.count == 1 || isSegmented(run)) {
            fillHeader(run.path, filled, arrays);
            arrays.vectors[filled] = { data, run.bytes };
            if (run.count > 1) {
                appendControl(arrays.messages[filled].msg_hdr, IPPROTO_UDP, UDP_SEGMENT,
                              static_cast<std::uint16_t>(run.segmentSize));
            }
            ++filled;
            continue;
        }
        for (std::uint32_t k = 0; k < run.count && filled < arrays.messages.size(); ++k) {
            fillHeader(run.path, filled, arrays);
            const kcp::ByteView bytes = batch.datagram(run, k);
            arrays.vectors[filled] = { data + run.segmentSize * k, bytes.size() };
            ++filled;
        }
    }
    for (std::size_t i = 0; i < filled; ++i) {
        msghdr &header = arrays.messages[i].msg_hdr;
        if (header.msg_controllen == 0)
            header.msg_control = nullptr;
    }
    return int(filled);
}

bool KcpUdpChannelLinux::handleSendError(int error, KcpTransmitBatch &batch, SendResult &result)
{
    const KcpTransmitBatch::Run &run = batch.run(0);
    const bool segmented = run.count > 1 && isSegmented(run);
    switch (error) {
    case EINTR:
        return true;
    case EAGAIN:
        result.blocked = true;
        return false;
    case ECONNREFUSED: // of a datagram before; this one has not been tried
        result.unreachable = true;
        if (++m_refusals > 3)
            batch.dropDatagram();
        return true;
    case EMSGSIZE:
    case EINVAL:
    case EIO: // no checksum offload
        if (segmented) {
            stopSegmenting(run.path);
            return true;
        }
        result.localAddressLost = result.localAddressLost || error == EINVAL;
        break;
    case ENETUNREACH:
    case EADDRNOTAVAIL:
        result.localAddressLost = true;
        break;
    default:
        break;
    }
    if (segmented)
        batch.dropRun();
    else
        batch.dropDatagram();
    return true;
}

KcpUdpChannel::SendResult KcpUdpChannelLinux::send(KcpTransmitBatch &batch)
{
    thread_local TransmitArrays arrays;
    SendResult result;
    if (m_fd < 0) {
        batch.clear();
        return result;
    }
    m_refusals = 0;
    while (!batch.isEmpty()) {
        const int filled = fillMessages(batch, arrays);
        const int sent = ::sendmmsg(m_fd, arrays.messages.data(), unsigned(filled),
                                    MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (!handleSendError(errno, batch, result))
                break;
            continue;
        }
        m_refusals = 0;
        for (int i = 0; i < sent; ++i) {
            const KcpTransmitBatch::Run &run = batch.run(0);
            if (run.count == 1 || isSegmented(run))
                batch.dropRun();
            else
                batch.dropDatagram();
        }
    }
    if (result.blocked && QAbstractEventDispatcher::instance()) {
        if (!m_writeNotifier) {
            m_writeNotifier = new QSocketNotifier(m_fd, QSocketNotifier::Write, socket());
            QObject::connect(m_writeNotifier, &QSocketNotifier::activated, context(), [this] {
                m_writeNotifier->setEnabled(false);
                listener()->channelWritable();
            });
        }
        m_writeNotifier->setEnabled(true);
    }
    return result;
}

bool KcpUdpChannelLinux::wait(kcp::Duration timeout, bool forWriting)
{
    pollfd descriptors[] = { { m_fd, short(forWriting ? POLLIN | POLLOUT : POLLIN), 0 },
                             { wakeup() ? wakeup()->descriptor() : -1, POLLIN, 0 } };
    if (wakeup() && !wakeup()->begin())
        timeout = kcp::Duration::zero();
    timespec limit{};
    if (timeout >= kcp::Duration::zero()) {
        limit.tv_sec = timeout.count() / 1000000;
        limit.tv_nsec = long(timeout.count() % 1000000) * 1000;
    }
    // A signal ends the wait early: the caller looks at its own deadline anyway.
    const int ready = ::ppoll(descriptors, std::size(descriptors),
                              timeout < kcp::Duration::zero() ? nullptr : &limit, nullptr);
    if (wakeup())
        wakeup()->end();
    return ready > 0;
}

} // namespace

std::unique_ptr<KcpUdpChannel> kcpCreateLinuxChannel(QObject *parent,
                                                     KcpUdpChannel::Listener *listener,
                                                     KcpUdpChannel::Batching limit)
{
    const Batching level = std::min(limit, systemBatching());
    if (level == Batching::None)
        return nullptr;
    return std::make_unique<KcpUdpChannelLinux>(parent, listener, level);
}
