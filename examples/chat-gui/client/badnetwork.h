// SPDX-License-Identifier: MIT
#ifndef CHAT_BADNETWORK_H
#define CHAT_BADNETWORK_H

#include <QtCore/QDeadlineTimer>
#include <QtCore/QHash>
#include <QtCore/QObject>
#include <QtCore/QQueue>
#include <QtCore/QRandomGenerator>
#include <QtCore/QTimer>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QUdpSocket>

#include <chrono>

// A relay on loopback between our own sockets and the host, that loses and delays what we send. What
// comes back is passed on as it is.
class BadNetwork : public QObject
{
    Q_OBJECT
public:
    explicit BadNetwork(QObject *parent = nullptr);

    // Returns whether it relays to the host from now on; sockets then connect to address(), port().
    bool start(const QHostAddress &host, quint16 port);
    QHostAddress address() const { return m_local.localAddress(); }
    quint16 port() const { return m_local.localPort(); }

    void setLoss(double percent) { m_loss = percent; }
    void setDelay(std::chrono::milliseconds delay) { m_delay = delay; }
    void setSeed(quint32 seed) { m_random.seed(seed); } // the same losses again
    quint64 lostDatagrams() const { return m_lost; }

private:
    struct Delayed
    {
        std::chrono::steady_clock::time_point due;
        quint16 client;
        QByteArray datagram;
    };

    void readLocal();
    void readHost(QUdpSocket *socket, quint16 client);
    void send(quint16 client, const QByteArray &datagram);
    void sendDue();
    QUdpSocket *outgoing(quint16 client);

    QUdpSocket m_local;
    QHash<quint16, QUdpSocket *> m_outgoing; // by the port of our own socket
    QQueue<quint16> m_clients; // the oldest first
    QHostAddress m_host;
    quint16 m_port = 0;
    double m_loss = 0; // percent
    std::chrono::milliseconds m_delay{ 0 };
    QQueue<Delayed> m_delayed;
    QTimer m_timer;
    QRandomGenerator m_random;
    QByteArray m_buffer;
    quint64 m_lost = 0;
};

#endif // CHAT_BADNETWORK_H
