// SPDX-License-Identifier: MIT
#include "simulatedruntime.h"

#include "kcpaddressconversion_p.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qcoreevent.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

namespace kcptest {

namespace {

Address toNetwork(const QHostAddress &host, quint16 port)
{
    return makeAddress(host.toIPv4Address(), port);
}

kcpnet::Address fromNetwork(Address address)
{
    return kcpnet::Address::fromIPv4(static_cast<std::uint32_t>(hostOf(address)), portOf(address));
}

Address toNetwork(const kcpnet::Address &address)
{
    return toNetwork(kcpToHostAddress(address), address.port);
}

} // namespace

class SimulatedTimer final : public KcpTimer
{
public:
    SimulatedTimer(SimulatedRuntime *runtime, std::function<void()> callback)
        : m_runtime(runtime), m_callback(std::move(callback))
    {
        m_runtime->m_timers.insert(this);
    }
    ~SimulatedTimer() override { m_runtime->m_timers.erase(this); }

    void start(kcp::Duration delay) override
    {
        m_at = m_runtime->now() + std::max(delay, kcp::Duration::zero());
    }
    void stop() override { m_at = kcp::Never; }

    Instant at() const { return m_at; }
    void fire()
    {
        m_at = kcp::Never;
        const auto callback = m_callback; // we may be destroyed by it
        callback();
    }

private:
    SimulatedRuntime *m_runtime;
    std::function<void()> m_callback;
    Instant m_at = kcp::Never;
};

class SimulatedChannel final : public KcpUdpChannel
{
public:
    SimulatedChannel(SimulatedRuntime *runtime, Listener *listener)
        : m_runtime(runtime), m_listener(listener)
    {
    }
    ~SimulatedChannel() override
    {
        if (!m_open)
            return;
        m_runtime->m_channels.erase(m_node);
        m_runtime->network().removeNode(m_node);
    }

    bool adopt(qintptr, Use) override { return false; }
    qintptr descriptor() const override { return -1; }
    bool bind(const QHostAddress &address, quint16 port, QAbstractSocket::BindMode) override
    {
        const bool any = address.isNull() || address == QHostAddress(QHostAddress::Any)
                || address == QHostAddress(QHostAddress::AnyIPv4);
        const QHostAddress host = any ? m_runtime->m_host : address;
        if (port == 0)
            port = m_runtime->m_nextPort++;
        for (const auto &[node, channel] : m_runtime->m_channels) {
            if (m_runtime->network().address(node) == toNetwork(host, port))
                return false;
        }
        m_node = m_runtime->network().addNode(toNetwork(host, port));
        m_runtime->m_channels[m_node] = this;
        m_open = true;
        return true;
    }
    bool connectToPeer(const QHostAddress &address, quint16 port) override
    {
        if (!m_open && !bind({}, 0, QAbstractSocket::DefaultForPlatform))
            return false;
        m_peer = kcpToAddress(address, port);
        return true;
    }

    QHostAddress localAddress() const override
    {
        return m_open ? kcpToHostAddress(fromNetwork(m_runtime->network().address(m_node)))
                      : QHostAddress();
    }
    quint16 localPort() const override
    {
        return m_open ? portOf(m_runtime->network().address(m_node)) : quint16(0);
    }
    QAbstractSocket::SocketError error() const override
    {
        return QAbstractSocket::AddressInUseError;
    }
    QString errorString() const override { return QStringLiteral("The address is in use"); }
    void setSocketOption(QAbstractSocket::SocketOption, const QVariant &) override { }
    QVariant socketOption(QAbstractSocket::SocketOption) override { return {}; }

    ReceiveResult receive(KcpReceiveBatch &batch) override
    {
        ReceiveResult result;
        result.unreachable = std::exchange(m_unreachable, false);
        m_runtime->m_batches.insert(&batch);
        batch.clear();
        while (!m_inbox.empty() && !batch.isFull()) {
            const Datagram datagram = std::move(m_inbox.front());
            m_inbox.pop_front();
            const int index = batch.count();
            std::memcpy(batch.buffer(index), datagram.bytes.data(), datagram.bytes.size());
            KcpReceiveBatch::Message &message = batch.append();
            message.path = { {}, fromNetwork(datagram.from) };
            message.size = static_cast<std::uint32_t>(datagram.bytes.size());
            message.segmentSize = message.size;
            message.buffer = static_cast<std::uint16_t>(index);
        }
        m_runtime->spend(m_runtime->m_receiveTime * batch.count());
        result.drained = m_inbox.empty();
        return result;
    }
    SendResult send(KcpTransmitBatch &batch) override
    {
        SendResult result;
        result.localAddressLost = m_lost;
        m_runtime->m_batches.insert(&batch);
        if (m_full) {
            result.blocked = !batch.isEmpty();
            m_wantsToWrite = m_wantsToWrite || result.blocked;
            return result;
        }
        for (; !batch.isEmpty(); batch.dropDatagram()) {
            const KcpTransmitBatch::Run &run = batch.run(0);
            if (!m_lost) {
                m_runtime->network().send(m_node, toNetwork(run.path.peer), batch.datagram(run, 0));
            }
        }
        return result;
    }
    bool wait(kcp::Duration timeout, bool) override
    {
        const Instant until = timeout < Duration::zero() ? kcp::Never : m_runtime->now() + timeout;
        while (m_inbox.empty() && !m_unreachable) {
            if (!m_runtime->step(until, this))
                break;
        }
        if (m_inbox.empty() && !m_unreachable && until != kcp::Never)
            m_runtime->network().advanceTo(until);
        return !m_inbox.empty();
    }
    Batching batching() const override { return Batching::None; }

    void put(const Datagram &datagram)
    {
        if (datagram.unreachable) {
            m_unreachable = m_unreachable || fromNetwork(datagram.from) == m_peer;
        } else if (m_peer.isNull() || fromNetwork(datagram.from) == m_peer) {
            m_inbox.push_back(datagram);
        }
    }
    bool isReadable() const { return !m_inbox.empty() || m_unreachable; }
    void notify() { m_listener->channelReadable(); }
    void loseLocalAddress() { m_lost = true; }
    void setFull(bool full)
    {
        m_full = full;
        if (!full && std::exchange(m_wantsToWrite, false))
            m_listener->channelWritable();
    }
    NodeId node() const { return m_node; }

private:
    SimulatedRuntime *m_runtime;
    Listener *m_listener;
    std::deque<Datagram> m_inbox;
    kcpnet::Address m_peer; // of a connected channel
    NodeId m_node = 0;
    bool m_open = false;
    bool m_unreachable = false;
    bool m_lost = false;
    bool m_full = false;
    bool m_wantsToWrite = false;
};

SimulatedRuntime::SimulatedRuntime(std::uint64_t seed)
    : m_network(seed, Instant(std::chrono::seconds(1))),
      m_random(seed),
      m_host(QStringLiteral("10.0.0.1"))
{
    setCurrent(this);
}

SimulatedRuntime::~SimulatedRuntime()
{
    processEvents(); // drivers that delete themselves
    setCurrent(nullptr);
}

std::unique_ptr<KcpTimer> SimulatedRuntime::createTimer(QObject *, std::function<void()> callback)
{
    return std::make_unique<SimulatedTimer>(this, std::move(callback));
}

std::unique_ptr<KcpUdpChannel> SimulatedRuntime::createChannel(QObject *,
                                                               KcpUdpChannel::Listener *listener)
{
    return std::make_unique<SimulatedChannel>(this, listener);
}

void SimulatedRuntime::processEvents()
{
    QCoreApplication::sendPostedEvents();
    QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
}

bool SimulatedRuntime::fireTimer()
{
    const auto due = std::min_element(m_timers.begin(), m_timers.end(),
                                      [](auto *a, auto *b) { return a->at() < b->at(); });
    if (due == m_timers.end() || (*due)->at() > m_network.now())
        return false;
    ++m_timerEvents;
    (*due)->fire();
    return true;
}

void SimulatedRuntime::deliver(const Datagram &datagram)
{
    const auto to = m_channels.find(datagram.node);
    if (to != m_channels.end())
        to->second->put(datagram);
}

void SimulatedRuntime::spend(Duration time)
{
    if (time == Duration::zero())
        return;
    const Instant until = now() + time;
    while (const auto datagram = m_network.receive(until))
        deliver(*datagram);
    m_network.advanceTo(until);
}

// Once each channel that is readable, as an event loop does.
bool SimulatedRuntime::notifyReadable(SimulatedChannel *waiting)
{
    std::vector<NodeId> readable;
    for (const auto &[node, channel] : m_channels) {
        if (channel != waiting && channel->isReadable())
            readable.push_back(node);
    }
    for (const NodeId node : readable) {
        const auto at = m_channels.find(node); // those before may have destroyed it
        if (at != m_channels.end() && at->second->isReadable())
            at->second->notify();
    }
    return !readable.empty();
}

bool SimulatedRuntime::step(Instant until, SimulatedChannel *waiting)
{
    processEvents();
    const bool notified = notifyReadable(waiting);
    if (fireTimer() || notified)
        return true;
    Instant next = m_network.nextArrival();
    for (const SimulatedTimer *timer : m_timers)
        next = std::min(next, timer->at());
    if (next > until || next == kcp::Never)
        return false;
    // What arrives at the same time arrives together.
    while (const auto datagram = m_network.receive(next))
        deliver(*datagram);
    m_network.advanceTo(next);
    return true;
}

bool SimulatedRuntime::run(Duration time, const std::function<bool()> &done)
{
    const Instant until = now() + time;
    for (;;) {
        processEvents();
        if (done && done())
            return true;
        // Reading takes time, too, and a socket may never be empty.
        if (now() > until || !step(until, nullptr))
            break;
    }
    if (now() < until)
        m_network.advanceTo(until);
    processEvents();
    return !done || done();
}

void SimulatedRuntime::freeze(Duration time)
{
    spend(time);
    while (fireTimer())
        ;
}

void SimulatedRuntime::rebindPort(quint16 port, quint16 newPort)
{
    for (const auto &[node, channel] : m_channels) {
        const Address address = m_network.address(node);
        if (portOf(address) == port) {
            m_network.rebind(node, makeAddress(hostOf(address), newPort));
            return;
        }
    }
}

SimulatedChannel *SimulatedRuntime::channelAt(quint16 port) const
{
    for (const auto &[node, channel] : m_channels) {
        if (portOf(m_network.address(node)) == port)
            return channel;
    }
    return nullptr;
}

void SimulatedRuntime::loseLocalAddress(quint16 port)
{
    if (SimulatedChannel *channel = channelAt(port))
        channel->loseLocalAddress();
}

void SimulatedRuntime::setFull(quint16 port, bool full)
{
    if (SimulatedChannel *channel = channelAt(port))
        channel->setFull(full);
}

} // namespace kcptest
