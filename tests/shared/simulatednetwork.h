// SPDX-License-Identifier: MIT
// A datagram network in memory with a virtual clock: the same seed and the same calls give the
// same deliveries, bit for bit, on every machine.
#ifndef KCPTEST_SIMULATEDNETWORK_H
#define KCPTEST_SIMULATEDNETWORK_H

#include <kcp/bytes.h>
#include <kcp/random.h>
#include <kcp/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace kcptest {

using kcp::Duration;
using kcp::Instant;

// Any number will do. Tests that think in IP addresses put a host and a port into it.
using Address = std::uint64_t;

constexpr Address makeAddress(std::uint64_t host, std::uint16_t port)
{
    return (host << 16U) | port;
}
constexpr std::uint64_t hostOf(Address address)
{
    return address >> 16U;
}
constexpr std::uint16_t portOf(Address address)
{
    return static_cast<std::uint16_t>(address);
}

// What one direction between two nodes does to datagrams. Probabilities are in [0, 1]; a zero
// limit means none.
struct LinkConfig
{
    Duration delay{ 0 };
    Duration jitter{ 0 }; // up to so much is added; the order is kept
    double loss = 0;

    // Gilbert-Elliott: a good and a bad state with their own losses; the chances to change are
    // per datagram. Off while badChance is 0.
    double badChance = 0; // good -> bad
    double goodChance = 1; // bad -> good
    double lossWhileBad = 1;

    double duplication = 0;
    double reordering = 0; // held back by reorderingDelay, others pass
    Duration reorderingDelay{ 0 };
    double corruption = 0; // one bit is flipped

    std::uint64_t rate = 0; // bytes a second
    std::size_t queueLimit = 0; // bytes that wait for a link with a rate; what passes it is dropped
    std::size_t mtu = 0; // larger datagrams are dropped

    struct BlackOut
    {
        Instant from;
        Instant to; // not included
    };
    std::vector<BlackOut> blackOuts; // what is sent within is lost
};

using NodeId = std::uint32_t;

struct Datagram
{
    Address from = 0;
    Address to = 0;
    NodeId node = 0; // who receives it
    bool unreachable = false; // an ICMP answer: `to` sent to `from`, and nobody is there
    bool corrupted = false; // real UDP would have dropped it for its checksum
    Instant arrival;
    std::vector<std::uint8_t> bytes;
};

struct NetworkStats
{
    std::uint64_t sent = 0;
    std::uint64_t sentBytes = 0;
    std::uint64_t delivered = 0;
    std::uint64_t deliveredBytes = 0;
    std::uint64_t lost = 0; // by chance
    std::uint64_t lostInBursts = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t corrupted = 0;
    std::uint64_t queueDrops = 0;
    std::uint64_t mtuDrops = 0;
    std::uint64_t blackOutDrops = 0;
    std::uint64_t unreachable = 0;
};

class SimulatedNetwork
{
public:
    enum class Fate : std::uint8_t {
        Sent,
        Delivered,
        Lost,
        LostInBurst,
        Duplicated,
        Reordered,
        Corrupted,
        QueueDrop,
        MtuDrop,
        BlackOut,
        Unreachable,
    };
    struct TraceEntry
    {
        Instant time;
        Fate fate;
        Address from;
        Address to;
        std::uint32_t size;
        std::uint64_t hash; // of the bytes
        friend bool operator==(const TraceEntry &, const TraceEntry &) = default;
    };

    explicit SimulatedNetwork(std::uint64_t seed, Instant start = Instant{});

    // The address must not be in use.
    NodeId addNode(Address address);
    void removeNode(NodeId node); // what is under way to it is lost
    Address address(NodeId node) const;
    // A NAT forgot its mapping: the node appears under a new address from now on, and what is
    // under way to the old one finds nobody.
    void rebind(NodeId node, Address address);

    void setDefaultLink(const LinkConfig &config);
    void setLink(NodeId from, NodeId to, const LinkConfig &config); // one direction
    void setBothLinks(NodeId a, NodeId b, const LinkConfig &config);
    // Datagrams to an address without a node come back as `unreachable`. Off at first.
    void setReportsUnreachable(bool on) { m_reportsUnreachable = on; }

    void send(NodeId from, Address to, kcp::ByteView bytes);

    Instant now() const { return m_now; }
    Instant nextArrival() const; // kcp::Never when nothing is under way
    // Takes the next datagram that arrives not later than `until` and moves the clock to its
    // arrival; nothing when there is none (then the clock stays).
    std::optional<Datagram> receive(Instant until);
    // Moves the clock. What arrives before has to be received first.
    void advanceTo(Instant time);

    std::size_t datagramsUnderWay() const { return m_underWay.size(); }
    const NetworkStats &stats() const { return m_stats; }

    void setTracing(bool on) { m_tracing = on; }
    const std::vector<TraceEntry> &trace() const { return m_trace; }

private:
    struct Link
    {
        explicit Link(std::uint64_t seed, std::uint64_t stream) : random(seed, stream) { }
        std::optional<LinkConfig> config; // the default one when there is none
        kcp::Pcg32 random;
        Instant busyUntil{};
        Instant lastArrival{};
        bool bad = false;
    };
    struct UnderWay
    {
        std::uint64_t order;
        Datagram datagram;
        bool operator<(const UnderWay &other) const; // as a heap wants it: later is less
    };
    static constexpr NodeId Nobody = UINT32_MAX;

    Link &link(NodeId from, NodeId to);
    bool isDropped(Link &link, const LinkConfig &config, Address from, Address to,
                   kcp::ByteView bytes);
    void transmit(Link &link, const LinkConfig &config, Address from, Address to,
                  kcp::ByteView bytes);
    void put(Datagram &&datagram);
    void note(Fate fate, Address from, Address to, kcp::ByteView bytes);

    std::uint64_t m_seed;
    Instant m_now;
    LinkConfig m_defaultLink;
    std::vector<std::optional<Address>> m_nodes;
    std::unordered_map<Address, NodeId> m_nodeByAddress;
    std::map<std::pair<NodeId, NodeId>, Link> m_links;
    std::vector<UnderWay> m_underWay; // a heap
    std::uint64_t m_order = 0;
    NetworkStats m_stats;
    std::vector<TraceEntry> m_trace;
    bool m_tracing = false;
    bool m_reportsUnreachable = false;
};

} // namespace kcptest

#endif // KCPTEST_SIMULATEDNETWORK_H
