// SPDX-License-Identifier: MIT
// The portable channel: QUdpSocket does everything.
#ifndef KCPUDPCHANNEL_QT_P_H
#define KCPUDPCHANNEL_QT_P_H

#include "kcpudpchannel_p.h"

#include <QtCore/qobject.h>
#include <QtNetwork/qnetworkproxy.h>
#include <QtNetwork/qudpsocket.h>

QT_BEGIN_NAMESPACE
class QTimer;
QT_END_NAMESPACE

class KcpUdpChannelQt : public KcpUdpChannel
{
public:
    // The QUdpSocket becomes a child of parent, so that it moves to other threads with it.
    KcpUdpChannelQt(QObject *parent, Listener *listener,
                    const QNetworkProxy &proxy = QNetworkProxy::NoProxy);
    ~KcpUdpChannelQt() override;

    bool adopt(qintptr descriptor, Use use) override;
    qintptr descriptor() const override { return m_socket->socketDescriptor(); }
    bool bind(const QHostAddress &address, quint16 port, QAbstractSocket::BindMode mode) override;
    bool connectToPeer(const QHostAddress &address, quint16 port) override;

    QHostAddress localAddress() const override;
    quint16 localPort() const override;
    QAbstractSocket::SocketError error() const override;
    QString errorString() const override;
    void setSocketOption(QAbstractSocket::SocketOption option, const QVariant &value) override;
    QVariant socketOption(QAbstractSocket::SocketOption option) override;

    ReceiveResult receive(KcpReceiveBatch &batch) override;
    SendResult send(KcpTransmitBatch &batch) override;
    bool wait(kcp::Duration timeout, bool forWriting) override;
    Batching batching() const override { return Batching::None; }

protected:
    // The descriptor exists now.
    virtual void opened();
    Listener *listener() const { return m_listener; }
    bool isOpen() const { return m_socket->isValid(); }
    bool isProxied() const { return m_socket->proxy().type() != QNetworkProxy::NoProxy; }
    QUdpSocket *socket() const { return m_socket; }
    QObject *context() const { return m_context; }
    bool isConnected() const { return !m_peerPath.peer.isNull(); }
    const kcpnet::Path &peerPath() const { return m_peerPath; }
    // Bound to all addresses: replies name the address that was asked.
    bool answersFromAskedAddress() const { return m_wildcard && !isConnected(); }

private:
    enum class Sent : quint8 { Yes, Blocked, Failed };

    bool receiveFromPeer(KcpReceiveBatch &batch, ReceiveResult &result);
    bool receiveFromAnyone(KcpReceiveBatch &batch);
    void noteBound();
    void retryLater();
    Sent sendDatagram(const kcpnet::Path &path, kcp::ByteView bytes);

    QUdpSocket *m_socket;
    QObject *m_context; // dies with the channel, and its connections with it
    Listener *m_listener;
    QTimer *m_retryTimer = nullptr;
    kcpnet::Path m_peerPath;
    QString m_refusal; // why adopt() has failed
    bool m_wildcard = false;
    bool m_waiting = false;
};

#ifdef Q_OS_LINUX
// nullptr when the system has no batched calls.
std::unique_ptr<KcpUdpChannel> kcpCreateLinuxChannel(QObject *parent,
                                                     KcpUdpChannel::Listener *listener,
                                                     KcpUdpChannel::Batching limit);
#endif

#endif // KCPUDPCHANNEL_QT_P_H
