// SPDX-License-Identifier: MIT
// One UDP socket as the driver sees it: datagrams in batches, each with its path.
#ifndef KCPUDPCHANNEL_P_H
#define KCPUDPCHANNEL_P_H

#include "kcpdatagrambatch_p.h"
#include "kcpwakeup_p.h"

#include <kcp/time.h>

#include <QtCore/qstring.h>
#include <QtCore/qvariant.h>
#include <QtNetwork/qabstractsocket.h>
#include <QtNetwork/qhostaddress.h>

#include <memory>
#include <utility>

QT_BEGIN_NAMESPACE
class QNetworkProxy;
class QObject;
QT_END_NAMESPACE

// Use: bind() or connectToPeer() or first one, then the other; then receive() and send() at any
// time. A channel that is connected takes datagrams of that peer only, and learns from ICMP when
// nobody listens there; its paths have no local address.
class KcpUdpChannel
{
public:
    // Called from the event loop only, never from within a method of the channel.
    class Listener
    {
    public:
        virtual void channelReadable() = 0;
        virtual void channelWritable() = 0;

    protected:
        ~Listener() = default;
    };

    // How many datagrams one system call may carry. A level that the system does not have falls
    // back to the next lower one.
    enum class Batching : quint8 {
        None, // QUdpSocket does it all
        Messages, // recvmmsg, sendmmsg
        Segmentation, // and UDP_SEGMENT, UDP_GRO
    };

    struct ReceiveResult
    {
        bool drained = true; // nothing more waits in the socket
        bool unreachable = false; // the peer's port is closed (connected channels only)
    };
    struct SendResult
    {
        bool blocked = false; // the rest of the batch waits for channelWritable()
        bool unreachable = false;
        bool localAddressLost = false; // this socket reaches nobody any more: bind a new one
    };

    // KCPNETWORK_NO_BATCHING=1 in the environment lowers the limit to None.
    static std::unique_ptr<KcpUdpChannel> create(QObject *parent, Listener *listener,
                                                 Batching limit = Batching::Segmentation);

    // Through a proxy that carries UDP, SOCKS5. Always by QUdpSocket alone; opening it blocks for
    // the negotiation, at most a few seconds.
    static std::unique_ptr<KcpUdpChannel> createProxied(QObject *parent, Listener *listener,
                                                        const QNetworkProxy &proxy);

    virtual ~KcpUdpChannel();

    // Takes over a UDP socket of the caller's, which stays the caller's when this is false. A
    // server's is bound and not connected.
    enum class Use : quint8 { Client, Server };
    virtual bool adopt(qintptr descriptor, Use use) = 0;
    virtual qintptr descriptor() const = 0; // -1: there is none

    virtual bool bind(const QHostAddress &address, quint16 port,
                      QAbstractSocket::BindMode mode) = 0;
    virtual bool connectToPeer(const QHostAddress &address, quint16 port) = 0;

    virtual QHostAddress localAddress() const = 0;
    virtual quint16 localPort() const = 0;
    virtual QAbstractSocket::SocketError error() const = 0;
    virtual QString errorString() const = 0;
    virtual void setSocketOption(QAbstractSocket::SocketOption option, const QVariant &value) = 0;
    virtual QVariant socketOption(QAbstractSocket::SocketOption option) = 0;

    // Replaces the content of the batch by what waits in the socket. Asks the system once when
    // that brings less than fits.
    virtual ReceiveResult receive(KcpReceiveBatch &batch) = 0;
    // Sends and drops from the batch. A failed send is a lost datagram.
    virtual SendResult send(KcpTransmitBatch &batch) = 0;
    // Blocks until the socket is readable (or writable, when asked) or the wakeup wakes, at most
    // for `timeout`; negative = without limit. False when the time is over.
    virtual bool wait(kcp::Duration timeout, bool forWriting) = 0;

    // The thread had no event loop when the socket was opened, and has one now.
    virtual void attend() { }

    virtual Batching batching() const = 0;

    // Other threads may end wait() by it.
    void setWakeup(std::shared_ptr<KcpWakeup> wakeup) { m_wakeup = std::move(wakeup); }

protected:
    KcpWakeup *wakeup() const { return m_wakeup.get(); }

private:
    std::shared_ptr<KcpWakeup> m_wakeup;
};

#endif // KCPUDPCHANNEL_P_H
