// SPDX-License-Identifier: MIT
#include "simulatednetwork.h"

#include <algorithm>
#include <cassert>

namespace kcptest {

namespace {

std::uint64_t hashBytes(kcp::ByteView bytes) // FNV-1a
{
    std::uint64_t hash = 14695981039346656037ULL;
    for (const std::uint8_t byte : bytes)
        hash = (hash ^ byte) * 1099511628211ULL;
    return hash;
}

Duration below(kcp::Pcg32 &random, Duration bound)
{
    return Duration(static_cast<std::int64_t>(random.unit() * static_cast<double>(bound.count())));
}

} // namespace

bool SimulatedNetwork::UnderWay::operator<(const UnderWay &other) const
{
    if (datagram.arrival != other.datagram.arrival)
        return datagram.arrival > other.datagram.arrival;
    return order > other.order;
}

SimulatedNetwork::SimulatedNetwork(std::uint64_t seed, Instant start) : m_seed(seed), m_now(start)
{
}

NodeId SimulatedNetwork::addNode(Address address)
{
    const auto node = static_cast<NodeId>(m_nodes.size());
    [[maybe_unused]] const bool isNew = m_nodeByAddress.emplace(address, node).second;
    assert(isNew);
    m_nodes.emplace_back(address);
    return node;
}

void SimulatedNetwork::removeNode(NodeId node)
{
    if (m_nodes[node])
        m_nodeByAddress.erase(*m_nodes[node]);
    m_nodes[node].reset();
}

Address SimulatedNetwork::address(NodeId node) const
{
    return m_nodes[node].value_or(0);
}

void SimulatedNetwork::rebind(NodeId node, Address address)
{
    removeNode(node);
    [[maybe_unused]] const bool isNew = m_nodeByAddress.emplace(address, node).second;
    assert(isNew);
    m_nodes[node] = address;
}

void SimulatedNetwork::setDefaultLink(const LinkConfig &config)
{
    m_defaultLink = config;
}

void SimulatedNetwork::setLink(NodeId from, NodeId to, const LinkConfig &config)
{
    link(from, to).config = config;
}

void SimulatedNetwork::setBothLinks(NodeId a, NodeId b, const LinkConfig &config)
{
    setLink(a, b, config);
    setLink(b, a, config);
}

// Every link has a generator of its own, so that traffic elsewhere does not change its luck.
SimulatedNetwork::Link &SimulatedNetwork::link(NodeId from, NodeId to)
{
    const std::uint64_t stream = (static_cast<std::uint64_t>(from) << 32U) | to;
    return m_links.try_emplace({ from, to }, m_seed, stream).first->second;
}

void SimulatedNetwork::send(NodeId from, Address to, kcp::ByteView bytes)
{
    if (!m_nodes[from])
        return; // a removed node
    ++m_stats.sent;
    m_stats.sentBytes += bytes.size();
    const Address source = *m_nodes[from];
    note(Fate::Sent, source, to, bytes);

    const auto found = m_nodeByAddress.find(to);
    Link &path = link(from, found == m_nodeByAddress.end() ? Nobody : found->second);
    const LinkConfig &config = path.config ? *path.config : m_defaultLink;
    if (isDropped(path, config, source, to, bytes))
        return;
    transmit(path, config, source, to, bytes);
    if (config.duplication > 0 && path.random.chance(config.duplication)) {
        ++m_stats.duplicated;
        note(Fate::Duplicated, source, to, bytes);
        transmit(path, config, source, to, bytes);
    }
}

bool SimulatedNetwork::isDropped(Link &link, const LinkConfig &config, Address from, Address to,
                                 kcp::ByteView bytes)
{
    const auto drop = [&](std::uint64_t &counter, Fate fate) {
        ++counter;
        note(fate, from, to, bytes);
        return true;
    };
    if (config.mtu != 0 && bytes.size() > config.mtu)
        return drop(m_stats.mtuDrops, Fate::MtuDrop);
    for (const LinkConfig::BlackOut &blackOut : config.blackOuts) {
        if (m_now >= blackOut.from && m_now < blackOut.to)
            return drop(m_stats.blackOutDrops, Fate::BlackOut);
    }
    if (config.badChance > 0) {
        link.bad = link.bad ? !link.random.chance(config.goodChance)
                            : link.random.chance(config.badChance);
        if (link.bad && link.random.chance(config.lossWhileBad))
            return drop(m_stats.lostInBursts, Fate::LostInBurst);
    }
    if (config.loss > 0 && link.random.chance(config.loss))
        return drop(m_stats.lost, Fate::Lost);
    return false;
}

void SimulatedNetwork::transmit(Link &link, const LinkConfig &config, Address from, Address to,
                                kcp::ByteView bytes)
{
    Datagram datagram;
    datagram.from = from;
    datagram.to = to;
    datagram.arrival = m_now + config.delay;
    if (config.rate > 0) {
        const Instant start = std::max(m_now, link.busyUntil);
        const auto rate = static_cast<double>(config.rate);
        const double waiting = static_cast<double>((start - m_now).count()) * rate / 1e6;
        const auto size = static_cast<double>(bytes.size());
        if (config.queueLimit != 0 && start > m_now
            && waiting + size > static_cast<double>(config.queueLimit)) {
            ++m_stats.queueDrops;
            note(Fate::QueueDrop, from, to, bytes);
            return;
        }
        link.busyUntil = start + Duration(static_cast<std::int64_t>(size * 1e6 / rate));
        datagram.arrival += link.busyUntil - m_now;
    }
    if (config.jitter > Duration::zero())
        datagram.arrival += below(link.random, config.jitter);
    if (config.reordering > 0 && link.random.chance(config.reordering)) {
        ++m_stats.reordered;
        note(Fate::Reordered, from, to, bytes);
        datagram.arrival += config.reorderingDelay;
    } else {
        datagram.arrival = std::max(datagram.arrival, link.lastArrival);
        link.lastArrival = datagram.arrival;
    }
    datagram.bytes.assign(bytes.begin(), bytes.end());
    if (config.corruption > 0 && !bytes.empty() && link.random.chance(config.corruption)) {
        const std::uint32_t bit = link.random.below(static_cast<std::uint32_t>(bytes.size() * 8));
        datagram.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        datagram.corrupted = true;
        ++m_stats.corrupted;
        note(Fate::Corrupted, from, to, datagram.bytes);
    }
    put(std::move(datagram));
}

void SimulatedNetwork::put(Datagram &&datagram)
{
    m_underWay.push_back({ m_order++, std::move(datagram) });
    std::push_heap(m_underWay.begin(), m_underWay.end());
}

Instant SimulatedNetwork::nextArrival() const
{
    return m_underWay.empty() ? kcp::Never : m_underWay.front().datagram.arrival;
}

std::optional<Datagram> SimulatedNetwork::receive(Instant until)
{
    while (!m_underWay.empty() && m_underWay.front().datagram.arrival <= until) {
        std::pop_heap(m_underWay.begin(), m_underWay.end());
        Datagram datagram = std::move(m_underWay.back().datagram);
        m_underWay.pop_back();
        m_now = std::max(m_now, datagram.arrival);

        const auto found = m_nodeByAddress.find(datagram.to);
        if (found != m_nodeByAddress.end()) {
            datagram.node = found->second;
            if (!datagram.unreachable) {
                ++m_stats.delivered;
                m_stats.deliveredBytes += datagram.bytes.size();
                note(Fate::Delivered, datagram.from, datagram.to, datagram.bytes);
            }
            return datagram;
        }
        ++m_stats.unreachable;
        note(Fate::Unreachable, datagram.from, datagram.to, datagram.bytes);
        if (m_reportsUnreachable && !datagram.unreachable) {
            Datagram icmp;
            icmp.from = datagram.to;
            icmp.to = datagram.from;
            icmp.unreachable = true;
            icmp.arrival = m_now + m_defaultLink.delay;
            put(std::move(icmp));
        }
    }
    return std::nullopt;
}

void SimulatedNetwork::advanceTo(Instant time)
{
    assert(time >= m_now && nextArrival() >= time);
    m_now = time;
}

void SimulatedNetwork::note(Fate fate, Address from, Address to, kcp::ByteView bytes)
{
    if (m_tracing)
        m_trace.push_back({ m_now, fate, from, to, static_cast<std::uint32_t>(bytes.size()),
                            hashBytes(bytes) });
}

} // namespace kcptest
