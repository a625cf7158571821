// SPDX-License-Identifier: MIT
// The world of KcpSocket and KcpServer on a SimulatedNetwork: a virtual clock, timers and channels.
// Nothing waits; a minute is over in a moment.
#ifndef KCPTEST_SIMULATEDRUNTIME_H
#define KCPTEST_SIMULATEDRUNTIME_H

#include "simulatednetwork.h"

#include "kcpcrypto_p.h"
#include "kcpruntime_p.h"

#include <QtNetwork/qhostaddress.h>

#include <functional>
#include <map>
#include <set>

namespace kcptest {

class SimulatedChannel;
class SimulatedTimer;

// Is the runtime of its thread while it lives. Destroy sockets and servers first.
class SimulatedRuntime final : public KcpRuntime
{
public:
    explicit SimulatedRuntime(std::uint64_t seed);
    ~SimulatedRuntime() override;

    SimulatedNetwork &network() { return m_network; }
    // Where channels live that do not bind to an address. The first port is 40000.
    void setHost(const QHostAddress &host) { m_host = host; }

    // Runs the world for this time, or until done() holds; returns done() then, true without.
    bool run(Duration time, const std::function<bool()> &done = {});
    // The thread stands still: time passes, datagrams arrive, nobody looks. Timers fire first when
    // it goes on.
    void freeze(Duration time);
    // The NAT of a channel forgets its mapping.
    void rebindPort(quint16 port, quint16 newPort);
    // Sends of the channel at this port fail as if its interface were gone.
    void loseLocalAddress(quint16 port);

    // The channel at this port has no room for datagrams, or has room again.
    void setFull(quint16 port, bool full);
    // What it takes to read one datagram. More may arrive meanwhile. None at first.
    void setReceiveTime(Duration time) { m_receiveTime = time; }
    // The batches that the drivers of this world have received into and sent from.
    const std::set<const void *> &batches() const { return m_batches; }

    std::uint64_t timerEvents() const { return m_timerEvents; }
    std::size_t channelCount() const { return m_channels.size(); }

    kcp::Instant now() override { return m_network.now(); }
    std::unique_ptr<KcpTimer> createTimer(QObject *parent, std::function<void()> callback) override;
    std::unique_ptr<KcpUdpChannel> createChannel(QObject *parent,
                                                 KcpUdpChannel::Listener *listener) override;
    kcpnet::Crypto *crypto() override { return &m_crypto; }
    quint64 seed() override { return m_random(); }

private:
    friend class SimulatedChannel;
    friend class SimulatedTimer;

    static void processEvents();
    // One thing that happens not later than `until`; false when there is none.
    bool step(Instant until, SimulatedChannel *waiting);
    bool notifyReadable(SimulatedChannel *waiting);
    bool fireTimer();
    void deliver(const Datagram &datagram);
    void spend(Duration time);
    SimulatedChannel *channelAt(quint16 port) const;

    SimulatedNetwork m_network;
    kcp::Pcg32 m_random;
    KcpCrypto m_crypto;
    QHostAddress m_host;
    std::map<NodeId, SimulatedChannel *> m_channels;
    std::set<SimulatedTimer *> m_timers; // that exist
    std::set<const void *> m_batches;
    Duration m_receiveTime{ 0 };
    std::uint64_t m_timerEvents = 0;
    quint16 m_nextPort = 40000;
};

} // namespace kcptest

#endif // KCPTEST_SIMULATEDRUNTIME_H
