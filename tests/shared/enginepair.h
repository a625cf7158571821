// SPDX-License-Identifier: MIT
// Two engines joined by a simulated network, in the calling order that engine.h asks for.
#ifndef KCPTEST_ENGINEPAIR_H
#define KCPTEST_ENGINEPAIR_H

#include "script.h"
#include "simulatednetwork.h"

#include <kcp/engine.h>

#include <array>
#include <functional>

namespace kcptest {

class EnginePair
{
public:
    struct Options
    {
        kcp::Config a;
        kcp::Config b;
        LinkConfig link; // both directions
        std::uint64_t seed = 1;
        Start start;
        bool deliversCorrupted = false; // else UDP's checksum drops them
    };

    explicit EnginePair(const Options &options);

    kcp::Engine &a() { return m_sides[0].engine; }
    kcp::Engine &b() { return m_sides[1].engine; }
    SimulatedNetwork &network() { return m_network; }
    NodeId nodeA() const { return m_sides[0].node; }
    NodeId nodeB() const { return m_sides[1].node; }
    Instant now() const { return m_network.now(); }
    Duration elapsed() const { return now() - m_start; }

    // Called after every step, before the flush: the place to read and to write more.
    std::function<void()> onStep;

    // Hands everything that wants to leave to the network.
    void flush();
    // Goes on to the next arrival or timeout, if it comes not later than the deadline: true.
    bool step(Instant deadline);
    void run(Duration duration);
    // True when the condition holds, false when the time is over.
    bool runUntil(const std::function<bool()> &condition, Duration limit);
    // Until nothing is under way, nothing waits for an acknowledgement and no timer runs.
    bool runUntilQuiet(Duration limit);

    // The most timeouts in a row that moved nothing: no datagram, no time. A spinning engine has
    // thousands.
    int idleTimeouts() const { return m_worstIdleTimeouts; }
    // Datagrams larger than the engine's mtu at that time; always 0 unless data of an old, larger
    // mtu was under way.
    int oversizedDatagrams() const { return m_oversized; }
    std::uint64_t steps() const { return m_steps; }

private:
    struct Side
    {
        Side(const kcp::Config &config, NodeId id) : engine(config), node(id) { }
        kcp::Engine engine;
        NodeId node;
    };

    void flush(Side &side, Address to);

    SimulatedNetwork m_network;
    Instant m_start;
    bool m_deliversCorrupted;
    std::array<Side, 2> m_sides;
    Bytes m_buffer;
    int m_idleTimeouts = 0;
    int m_worstIdleTimeouts = 0;
    int m_oversized = 0;
    std::uint64_t m_steps = 0;
};

} // namespace kcptest

#endif // KCPTEST_ENGINEPAIR_H
