// SPDX-License-Identifier: MIT
#include "kcpudpchannel_qt_p.h"
#include "kcpaddressconversion_p.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qtimer.h>
#include <QtNetwork/qnetworkdatagram.h>
#include <QtNetwork/qnetworkproxy.h>

#ifdef Q_OS_UNIX
#  include <netinet/in.h>
#  include <sys/socket.h>

#  include <cerrno>
#endif

#include <algorithm>
#include <chrono>
#include <cstring>

namespace {

// Asked for in both directions; the kernel grants what it likes. Bursts of a whole window have to
// fit while the event loop is busy elsewhere.
constexpr int SocketBufferSize = 4 << 20;

// QUdpSocket cannot tell when it becomes writable again.
constexpr std::chrono::milliseconds RetryInterval{ 1 };

// Milliseconds between looks for what other threads want.
constexpr int WakeupPoll = 2;

int toMilliseconds(kcp::Duration timeout)
{
    using namespace std::chrono;
    if (timeout < kcp::Duration::zero())
        return -1;
    return int(std::min<std::int64_t>(ceil<milliseconds>(timeout).count(), INT_MAX));
}

QString tr(const char *text)
{
    return QCoreApplication::translate("KcpSocket", text);
}

// Why a descriptor cannot be used; empty when it can.
QString refusalOf(qintptr descriptor, KcpUdpChannel::Use use)
{
#ifdef Q_OS_UNIX
    const int fd = int(descriptor);
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        return (errno == ENOTSOCK ? tr("Descriptor %1 is not a socket")
                                  : tr("Descriptor %1 is not open"))
                .arg(descriptor);
    }
    sockaddr_storage name{};
    size = sizeof name;
    ::getsockname(fd, reinterpret_cast<sockaddr *>(&name), &size);
    if (type != SOCK_DGRAM || (name.ss_family != AF_INET && name.ss_family != AF_INET6))
        return tr("Descriptor %1 is not a UDP socket").arg(descriptor);
    if (use == KcpUdpChannel::Use::Client)
        return QString();
    const auto *port = name.ss_family == AF_INET
            ? &reinterpret_cast<const sockaddr_in &>(name).sin_port
            : &reinterpret_cast<const sockaddr_in6 &>(name).sin6_port;
    if (*port == 0)
        return tr("The UDP socket %1 is not bound to a port").arg(descriptor);
    size = sizeof name;
    if (::getpeername(fd, reinterpret_cast<sockaddr *>(&name), &size) == 0)
        return tr("The UDP socket %1 is connected: it hears one peer only").arg(descriptor);
#else
    Q_UNUSED(use);
    if (descriptor < 0)
        return tr("Descriptor %1 is not open").arg(descriptor);
#endif
    return QString();
}

} // namespace

KcpUdpChannelQt::KcpUdpChannelQt(QObject *parent, Listener *listener, const QNetworkProxy &proxy)
    : m_socket(new QUdpSocket(parent)), m_context(new QObject(m_socket)), m_listener(listener)
{
    // Never the default: then bind() would ask the system's settings, which takes 0.1 ms. Who made
    // the channel has done so if it wants to.
    m_socket->setProxy(proxy);
}

KcpUdpChannelQt::~KcpUdpChannelQt()
{
    delete m_context;
    // A channel may be destroyed in the slot of its own readyRead(), so its objects go later, at
    // the latest with their parent.
    m_socket->close();
    m_socket->deleteLater();
}

bool KcpUdpChannelQt::bind(const QHostAddress &address, quint16 port,
                           QAbstractSocket::BindMode mode)
{
    if (!m_socket->bind(address, port, mode))
        return false;
    noteBound();
    opened();
    return true;
}

void KcpUdpChannelQt::noteBound()
{
    if (isProxied())
        return;
    const QHostAddress bound = m_socket->localAddress();
    m_wildcard = bound == QHostAddress(QHostAddress::Any)
            || bound == QHostAddress(QHostAddress::AnyIPv4)
            || bound == QHostAddress(QHostAddress::AnyIPv6);
}

bool KcpUdpChannelQt::adopt(qintptr descriptor, Use use)
{
    m_refusal = refusalOf(descriptor, use);
    if (!m_refusal.isEmpty() || !m_socket->setSocketDescriptor(descriptor, QUdpSocket::BoundState))
        return false;
    noteBound();
    opened();
    return true;
}

bool KcpUdpChannelQt::connectToPeer(const QHostAddress &address, quint16 port)
{
    const bool wasOpen = m_socket->state() == QAbstractSocket::BoundState;
    if (isProxied()) // a relay is never connected: it tells where each datagram comes from
        return wasOpen || bind(QHostAddress(QHostAddress::Any), 0, QUdpSocket::DefaultForPlatform);
    m_socket->connectToHost(address, port);
    if (m_socket->state() != QAbstractSocket::ConnectedState)
        return false;
    m_peerPath.peer = kcpToAddress(address, port);
    if (!wasOpen)
        opened();
    return true;
}

void KcpUdpChannelQt::opened()
{
    m_socket->setSocketOption(QAbstractSocket::SendBufferSizeSocketOption, SocketBufferSize);
    m_socket->setSocketOption(QAbstractSocket::ReceiveBufferSizeSocketOption, SocketBufferSize);
    if (batching() != Batching::None)
        return;
    QObject::connect(m_socket, &QUdpSocket::readyRead, m_context, [this] {
        // A proxy that has closed its connection. Qt 6.4 goes on with a null pointer after this
        // signal, unless what it belongs to is gone.
        if (!m_socket->isValid()) {
            m_socket->abort();
            return;
        }
        if (!m_waiting)
            m_listener->channelReadable();
    });
}

QHostAddress KcpUdpChannelQt::localAddress() const
{
    return m_socket->localAddress();
}

quint16 KcpUdpChannelQt::localPort() const
{
    return m_socket->localPort();
}

QAbstractSocket::SocketError KcpUdpChannelQt::error() const
{
    return m_refusal.isEmpty() ? m_socket->error()
                               : QAbstractSocket::UnsupportedSocketOperationError;
}

QString KcpUdpChannelQt::errorString() const
{
    return m_refusal.isEmpty() ? m_socket->errorString() : m_refusal;
}

void KcpUdpChannelQt::setSocketOption(QAbstractSocket::SocketOption option, const QVariant &value)
{
    m_socket->setSocketOption(option, value);
}

QVariant KcpUdpChannelQt::socketOption(QAbstractSocket::SocketOption option)
{
    return m_socket->socketOption(option);
}

// Never asks hasPendingDatagrams() first: its peek would swallow an ICMP error, and nothing would
// arm the notifier again.
bool KcpUdpChannelQt::receiveFromPeer(KcpReceiveBatch &batch, ReceiveResult &result)
{
    // An error takes the place of a datagram at most once for each datagram sent; the bound
    // keeps a broken socket from spinning.
    for (int errors = 0; errors < 4; ++errors) {
        const int index = batch.count();
        const qint64 size = m_socket->readDatagram(reinterpret_cast<char *>(batch.buffer(index)),
                                                   KcpReceiveBatch::BufferSize);
        if (size >= 0) {
            batch.append() = { m_peerPath, quint32(size), quint32(size), quint16(index) };
            return true;
        }
        if (m_socket->error() != QAbstractSocket::ConnectionRefusedError)
            return false;
        result.unreachable = true;
    }
    return false;
}

bool KcpUdpChannelQt::receiveFromAnyone(KcpReceiveBatch &batch)
{
    const QNetworkDatagram datagram = m_socket->receiveDatagram(KcpReceiveBatch::BufferSize);
    if (!datagram.isValid())
        return false;
    const int index = batch.count();
    const QByteArray data = datagram.data();
    std::memcpy(batch.buffer(index), data.constData(), std::size_t(data.size()));
    KcpReceiveBatch::Message &message = batch.append();
    message.path.peer = kcpToAddress(datagram.senderAddress(), quint16(datagram.senderPort()));
    message.path.local = {};
    if (answersFromAskedAddress() && !datagram.destinationAddress().isNull())
        message.path.local = kcpToAddress(datagram.destinationAddress(), localPort());
    message.size = quint32(data.size());
    message.segmentSize = message.size;
    message.buffer = quint16(index);
    return true;
}

KcpUdpChannel::ReceiveResult KcpUdpChannelQt::receive(KcpReceiveBatch &batch)
{
    ReceiveResult result;
    batch.clear();
    if (!isOpen()) // a proxy may end it
        return result;
    while (!batch.isFull()) {
        const bool received =
                isConnected() ? receiveFromPeer(batch, result) : receiveFromAnyone(batch);
        if (!received)
            return result;
    }
    result.drained = false;
    return result;
}

KcpUdpChannelQt::Sent KcpUdpChannelQt::sendDatagram(const kcpnet::Path &path, kcp::ByteView bytes)
{
    const char *data = reinterpret_cast<const char *>(bytes.data());
    const auto size = qsizetype(bytes.size());
    if (isConnected()) {
        const qint64 written = m_socket->write(data, size);
        if (written == 0 && size > 0)
            return Sent::Blocked;
        return written < 0 ? Sent::Failed : Sent::Yes;
    }
    qint64 written;
    const QHostAddress peer = kcpToHostAddress(path.peer);
    if (path.local.isNull()) {
        written = m_socket->writeDatagram(data, size, peer, path.peer.port);
    } else {
        // On an IPv4-only socket of Linux, Qt's sender address has no effect: there the batched
        // channel, or a dual-stack socket, is what a host with several addresses needs.
        QNetworkDatagram datagram(QByteArray::fromRawData(data, size), peer, path.peer.port);
        datagram.setSender(kcpToHostAddress(path.local));
        written = m_socket->writeDatagram(datagram);
    }
    if (written >= 0)
        return Sent::Yes;
    return m_socket->error() == QAbstractSocket::TemporaryError ? Sent::Blocked : Sent::Failed;
}

KcpUdpChannel::SendResult KcpUdpChannelQt::send(KcpTransmitBatch &batch)
{
    SendResult result;
    if (!isOpen())
        batch.clear();
    while (!batch.isEmpty()) {
        const KcpTransmitBatch::Run &run = batch.run(0);
        const Sent sent = sendDatagram(run.path, batch.datagram(run, 0));
        if (sent == Sent::Blocked) {
            result.blocked = true;
            retryLater();
            return result;
        }
        if (sent == Sent::Failed) {
            switch (m_socket->error()) {
            case QAbstractSocket::ConnectionRefusedError:
                result.unreachable = true;
                break;
            case QAbstractSocket::NetworkError: // ENETUNREACH, EHOSTUNREACH
            case QAbstractSocket::SocketAddressNotAvailableError:
                result.localAddressLost = true;
                break;
            default:
                break;
            }
        }
        batch.dropDatagram();
    }
    return result;
}

// Not QTimer::singleShot(): that would fire in this thread, wherever the socket has moved to.
void KcpUdpChannelQt::retryLater()
{
    if (!m_retryTimer) {
        m_retryTimer = new QTimer(m_socket);
        m_retryTimer->setSingleShot(true);
        QObject::connect(m_retryTimer, &QTimer::timeout, m_context,
                         [this] { m_listener->channelWritable(); });
    }
    m_retryTimer->start(RetryInterval);
}

bool KcpUdpChannelQt::wait(kcp::Duration timeout, bool forWriting)
{
    int milliseconds = toMilliseconds(timeout);
    if (forWriting)
        milliseconds = milliseconds < 0 ? 1 : std::min(milliseconds, 1);
    if (wakeup()) // QUdpSocket waits for nothing else
        milliseconds = milliseconds < 0 ? WakeupPoll : std::min(milliseconds, WakeupPoll);
    m_waiting = true;
    const bool readable = m_socket->waitForReadyRead(milliseconds);
    m_waiting = false;
    return readable || forWriting;
}
