// SPDX-License-Identifier: MIT
#include "enginepair.h"

#include <algorithm>

namespace kcptest {

namespace {

kcp::Config configOf(kcp::Config config, std::uint32_t sendSn, std::uint32_t receiveSn)
{
    if (config.conv == 0)
        config.conv = 0x11223344;
    config.initialSendSn = sendSn;
    config.initialReceiveSn = receiveSn;
    return config;
}

} // namespace

EnginePair::EnginePair(const Options &options)
    : m_network(options.seed, options.start.time),
      m_start(options.start.time),
      m_deliversCorrupted(options.deliversCorrupted),
      m_sides{ Side(configOf(options.a, options.start.sendSn, options.start.receiveSn),
                    m_network.addNode(1)),
               Side(configOf(options.b, options.start.receiveSn, options.start.sendSn),
                    m_network.addNode(2)) }
{
    m_network.setDefaultLink(options.link);
}

void EnginePair::flush()
{
    flush(m_sides[0], m_network.address(m_sides[1].node));
    flush(m_sides[1], m_network.address(m_sides[0].node));
}

void EnginePair::flush(Side &side, Address to)
{
    m_buffer.resize(side.engine.maximumTransmitSize());
    while (const std::size_t size = side.engine.pollTransmit(now(), m_buffer)) {
        if (size > side.engine.config().mtu)
            ++m_oversized;
        m_network.send(side.node, to, kcp::ByteView(m_buffer).first(size));
    }
}

bool EnginePair::step(Instant deadline)
{
    flush();
    Instant next = m_network.nextArrival();
    for (const Side &side : m_sides)
        next = std::min(next, side.engine.pollTimeout());
    if (next > deadline || next == kcp::Never)
        return false;
    ++m_steps;
    next = std::max(next, now());
    const bool timePassed = next > now();

    // What has arrived is read before timeouts are judged.
    bool arrived = false;
    while (const std::optional<Datagram> datagram = m_network.receive(next)) {
        Side &side = m_sides[datagram->node == m_sides[0].node ? 0 : 1];
        if (!datagram->corrupted || m_deliversCorrupted)
            side.engine.handleDatagram(now(), datagram->bytes);
        arrived = true;
    }
    m_network.advanceTo(next);
    for (Side &side : m_sides) {
        if (side.engine.pollTimeout() <= now())
            side.engine.handleTimeout(now());
    }
    if (onStep)
        onStep();
    const std::uint64_t sentBefore = m_network.stats().sent;
    flush();
    const bool moved = timePassed || arrived || m_network.stats().sent != sentBefore;
    m_idleTimeouts = moved ? 0 : m_idleTimeouts + 1;
    m_worstIdleTimeouts = std::max(m_worstIdleTimeouts, m_idleTimeouts);
    return m_idleTimeouts < 10000; // an engine that spins must not hang the test
}

void EnginePair::run(Duration duration)
{
    const Instant deadline = now() + duration;
    while (step(deadline)) { }
    if (m_network.nextArrival() >= deadline && now() < deadline)
        m_network.advanceTo(deadline);
}

bool EnginePair::runUntil(const std::function<bool()> &condition, Duration limit)
{
    const Instant deadline = now() + limit;
    while (!condition()) {
        if (!step(deadline))
            return condition();
    }
    return true;
}

bool EnginePair::runUntilQuiet(Duration limit)
{
    return runUntil(
            [this] {
                flush();
                return m_network.datagramsUnderWay() == 0 && a().isSendIdle() && b().isSendIdle()
                        && a().pollTimeout() == kcp::Never && b().pollTimeout() == kcp::Never;
            },
            limit);
}

} // namespace kcptest
