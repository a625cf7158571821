// SPDX-License-Identifier: MIT
// Kernels and network cards that can do less than ours. The system calls of this program are the
// functions below: they refuse what the environment (KCP_TEST_KERNEL) or a test says, and ask the
// kernel otherwise.
#include "kcpaddressconversion_p.h"
#include "kcpudpchannel_p.h"

#include <QtTest/qtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UDP_SEGMENT // C libraries older than the kernel
#  define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#  define UDP_GRO 104
#endif

using Batching = KcpUdpChannel::Batching;

namespace {

bool kernelLacks(std::string_view feature)
{
    const char *lacking = std::getenv("KCP_TEST_KERNEL");
    return lacking && feature == lacking;
}

int segmentationError = 0; // of messages that the kernel shall cut; 0 = it may
int segmentedTried = 0;
int messagesSent = 0;
int messagesReceived = 0;

bool isSegmented(const msghdr &header)
{
    const cmsghdr *control = CMSG_FIRSTHDR(&header);
    auto *mutableHeader = const_cast<msghdr *>(&header); // CMSG_NXTHDR takes no const one
    for (; control; control = CMSG_NXTHDR(mutableHeader, const_cast<cmsghdr *>(control))) {
        if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_SEGMENT)
            return true;
    }
    return false;
}

} // namespace

extern "C" {

int recvmmsg(int fd, mmsghdr *messages, unsigned count, int flags, timespec *timeout)
{
    if (kernelLacks("recvmmsg")) {
        errno = ENOSYS;
        return -1;
    }
    const int received =
            static_cast<int>(::syscall(SYS_recvmmsg, fd, messages, count, flags, timeout));
    messagesReceived += std::max(received, 0);
    return received;
}

// Like the kernel's: what comes before the message that fails is sent.
int sendmmsg(int fd, mmsghdr *messages, unsigned count, int flags)
{
    unsigned allowed = 0;
    for (; allowed < count; ++allowed) {
        if (!isSegmented(messages[allowed].msg_hdr))
            continue;
        ++segmentedTried;
        if (segmentationError != 0)
            break;
    }
    if (allowed == 0 && count > 0) {
        errno = segmentationError;
        return -1;
    }
    const int sent = static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, allowed, flags));
    messagesSent += std::max(sent, 0);
    return sent;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size) noexcept
{
    if (level == IPPROTO_UDP && name == UDP_GRO && kernelLacks("segmentation")) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_setsockopt, fd, level, name, value, size));
}

} // extern "C"

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

struct Peer : KcpUdpChannel::Listener
{
    Peer() : channel(KcpUdpChannel::create(&parent, this)) { }

    void channelReadable() override
    {
        KcpReceiveBatch &batch = KcpReceiveBatch::forThread();
        for (bool drained = false; !drained;) {
            drained = channel->receive(batch).drained;
            batch.forEach([&](const kcpnet::Path &, kcp::ByteView bytes) {
                datagrams.emplace_back(reinterpret_cast<const char *>(bytes.data()),
                                       qsizetype(bytes.size()));
            });
        }
    }
    void channelWritable() override { }

    QObject parent;
    std::unique_ptr<KcpUdpChannel> channel;
    std::vector<QByteArray> datagrams;
};

// Twenty of one size and one by itself, for each peer; sent in one go.
struct Sender
{
    std::vector<QByteArray> all;
    Peer peer;
    bool localAddressLost = false;

    Sender()
    {
        for (int i = 0; i < 20; ++i)
            all.push_back(QByteArray(500, char('a' + i)));
        all.push_back("the last");
    }
    bool send(const std::vector<Peer *> &receivers)
    {
        KcpTransmitBatch batch;
        for (Peer *receiver : receivers) {
            const kcpnet::Path path{ {}, kcpToAddress(localHost, receiver->channel->localPort()) };
            for (const QByteArray &one : all) {
                const kcp::MutableBytes slot = batch.slot(std::size_t(one.size()));
                std::memcpy(slot.data(), one.data(), slot.size());
                batch.commit(slot.size(), path);
            }
        }
        const KcpUdpChannel::SendResult result = peer.channel->send(batch);
        localAddressLost = localAddressLost || result.localAddressLost;
        return batch.isEmpty();
    }
};

// What this kernel can do, without asking the product.
bool systemSegments()
{
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    const int segmentSize = 1000;
    const bool can = ::setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0
            && ::setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segmentSize, sizeof segmentSize) == 0;
    ::close(fd);
    return can;
}

Batching expectedBatching()
{
    if (kernelLacks("recvmmsg"))
        return Batching::None;
    return systemSegments() ? Batching::Segmentation : Batching::Messages;
}

} // namespace

class tst_Fallback : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void cleanup() { segmentationError = 0; }
    void levelOfThisKernel();
    void segmentationRefused_data();
    void segmentationRefused();
    void refusedByTheKernelItself();
};

void tst_Fallback::levelOfThisKernel()
{
    Peer receiver;
    QVERIFY(receiver.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    QCOMPARE(receiver.channel->batching(), expectedBatching());
    Sender sender;
    QVERIFY(sender.peer.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    QCOMPARE(sender.peer.channel->batching(), expectedBatching());
    segmentedTried = messagesSent = messagesReceived = 0;
    QVERIFY(sender.send({ &receiver }));
    QTRY_COMPARE(receiver.datagrams.size(), sender.all.size());
    QVERIFY(receiver.datagrams == sender.all);
    switch (expectedBatching()) {
    case Batching::None: // QUdpSocket has calls of its own
        QCOMPARE(messagesSent, 0);
        QCOMPARE(messagesReceived, 0);
        break;
    case Batching::Messages:
        QCOMPARE(segmentedTried, 0);
        QCOMPARE(messagesSent, 21);
        QCOMPARE(messagesReceived, 21);
        break;
    case Batching::Segmentation:
        QCOMPARE(segmentedTried, 1);
        QCOMPARE(messagesSent, 1);
        break;
    }
}

void tst_Fallback::segmentationRefused_data()
{
    QTest::addColumn<int>("error");
    QTest::newRow("EIO") << EIO; // a card without checksum offload
    QTest::newRow("EINVAL") << EINVAL; // a path with a smaller MTU
    QTest::newRow("EMSGSIZE") << EMSGSIZE; // the same, of newer kernels
}

// Nothing is lost, and this peer is not tried again; others are.
void tst_Fallback::segmentationRefused()
{
    if (expectedBatching() != Batching::Segmentation)
        QSKIP("this kernel segments nothing: there is nothing to refuse");
    QFETCH(int, error);
    Peer first;
    Peer second;
    for (Peer *peer : { &first, &second })
        QVERIFY(peer->channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    Sender sender;
    QVERIFY(sender.peer.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));

    segmentationError = error;
    segmentedTried = messagesSent = 0;
    QVERIFY(sender.send({ &first }));
    QCOMPARE(segmentedTried, 1);
    QCOMPARE(messagesSent, 21);
    QTRY_COMPARE(first.datagrams.size(), sender.all.size());
    QVERIFY(first.datagrams == sender.all);
    QVERIFY(!sender.localAddressLost);

    segmentationError = 0;
    segmentedTried = messagesSent = 0;
    first.datagrams.clear();
    QVERIFY(sender.send({ &first, &second }));
    QCOMPARE(segmentedTried, 1); // the second one's
    QCOMPARE(messagesSent, 22);
    for (Peer *peer : { &first, &second }) {
        QTRY_COMPARE(peer->datagrams.size(), sender.all.size());
        QVERIFY(peer->datagrams == sender.all);
    }
}

// Linux cuts nothing for a socket that leaves out checksums: a real EINVAL.
void tst_Fallback::refusedByTheKernelItself()
{
    if (expectedBatching() != Batching::Segmentation)
        QSKIP("this kernel segments nothing: there is nothing to refuse");
    Peer receiver;
    QVERIFY(receiver.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    Sender sender;
    QVERIFY(sender.peer.channel->bind(localHost, 0, QAbstractSocket::DefaultForPlatform));
    const int on = 1;
    QCOMPARE(::setsockopt(int(sender.peer.channel->descriptor()), SOL_SOCKET, SO_NO_CHECK, &on,
                          sizeof on),
             0);
    messagesSent = 0;
    QVERIFY(sender.send({ &receiver }));
    QCOMPARE(messagesSent, 21);
    QTRY_COMPARE(receiver.datagrams.size(), sender.all.size());
    QVERIFY(receiver.datagrams == sender.all);
    QVERIFY(!sender.localAddressLost);
}

QTEST_GUILESS_MAIN(tst_Fallback)
#include "tst_fallback.moc"
