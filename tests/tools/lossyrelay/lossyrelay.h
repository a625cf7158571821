// SPDX-License-Identifier: MIT
// A UDP relay on loopback that treats datagrams as a bad network would. Each client gets a socket
// of its own towards the server, so that the server sees as many addresses as there are clients.
#ifndef LOSSYRELAY_H
#define LOSSYRELAY_H

#include "pcapfile.h"

#include <QtCore/QObject>
#include <QtCore/QTimer>
#include <QtNetwork/QHostAddress>
#include <QtNetwork/QUdpSocket>

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

class LossyRelay : public QObject
{
    Q_OBJECT
public:
    // Chances are in percent and hold for each direction.
    struct Options
    {
        quint16 port = 0; // 0 = any free one
        QHostAddress serverAddress;
        quint16 serverPort = 0;
        double loss = 0;
        double duplicate = 0;
        double reorder = 0; // chance to be held back for 1 to 10 ms, so that others overtake
        std::chrono::milliseconds delay{ 0 };
        quint32 seed = 1;
        QString pcapFile; // what arrives at the relay, before anything is lost; empty: none
    };

    struct Counters
    {
        quint64 received = 0;
        quint64 sent = 0;
        quint64 lost = 0;
        quint64 duplicated = 0;
        quint64 reordered = 0;
    };

    explicit LossyRelay(const Options &options, QObject *parent = nullptr);

    bool listen();
    QHostAddress address() const { return m_listener.localAddress(); }
    quint16 port() const { return m_listener.localPort(); }
    QString errorString() const { return m_errorString; }
    const Counters &counters() const { return m_counters; }

private:
    using Clock = std::chrono::steady_clock;
    using Client = std::pair<QHostAddress, quint16>;

    // A datagram and where it goes from which socket.
    struct Transmit
    {
        QUdpSocket *socket;
        QHostAddress address;
        quint16 port;
        QByteArray datagram;
    };

    void readListener();
    void readUpstream(QUdpSocket *upstream, const Client &client);
    QUdpSocket *upstreamOf(const Client &client);
    void relay(std::mt19937 &random, const Transmit &transmit);
    void sendAt(Clock::time_point due, const Transmit &transmit);
    void send(const Transmit &transmit);
    void sendDue();

    Options m_options;
    QUdpSocket m_listener;
    std::map<std::pair<QString, quint16>, std::unique_ptr<QUdpSocket>> m_upstreams;
    std::mt19937 m_toServer; // one each way: what one direction draws does not move the other
    std::mt19937 m_toClient;
    std::multimap<Clock::time_point, Transmit> m_delayed; // equal times keep their order
    QTimer m_timer;
    Counters m_counters;
    QByteArray m_buffer;
    PcapFile m_pcap;
    QString m_errorString;
};

#endif // LOSSYRELAY_H
