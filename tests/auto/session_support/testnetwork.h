// SPDX-License-Identifier: MIT
// Endpoints joined in memory, with a virtual clock: the smallest network that session tests need.
#ifndef KCPNET_TEST_TESTNETWORK_H
#define KCPNET_TEST_TESTNETWORK_H

#include "endpoint.h"
#include "fakecrypto.h"
#include "session.h"

#include <kcp/random.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;

inline std::uint64_t testSeed()
{
    const char *text = std::getenv("KCP_TEST_SEED");
    return text ? std::strtoull(text, nullptr, 0) : 20240607;
}

inline kcp::ByteView view(std::string_view text)
{
    return kcp::asBytes(text.data(), text.size());
}

inline kcpnet::Address address(std::uint8_t host, std::uint16_t port)
{
    return kcpnet::Address::fromIPv4(0x0a000000U + host, port);
}

class TestNetwork;

// One endpoint with its address, and everything that its events said.
class Node
{
public:
    Node(TestNetwork &network, const kcpnet::Address &at, std::uint64_t seed)
        : crypto(seed),
          where(at),
          endpoint(std::make_unique<kcpnet::Endpoint>(&crypto, seed)),
          m_network(network)
    {
    }

    kcpnet::SessionId connectTo(const Node &server, const kcpnet::SessionConfig &config,
                                std::uint32_t conv = 0);
    kcpnet::Endpoint &operator*() { return *endpoint; }
    kcpnet::Endpoint *operator->() { return endpoint.get(); }

    int count(kcpnet::Event::Type type, kcpnet::SessionId id = {}) const
    {
        int n = 0;
        for (const kcpnet::Event &event : events)
            n += event.type == type && (id.isNull() || event.session == id);
        return n;
    }
    const kcpnet::Event *find(kcpnet::Event::Type type, kcpnet::SessionId id = {}) const
    {
        for (const kcpnet::Event &event : events) {
            if (event.type == type && (id.isNull() || event.session == id))
                return &event;
        }
        return nullptr;
    }
    bool closedWith(kcpnet::CloseReason reason, kcpnet::SessionId id = {}) const
    {
        const kcpnet::Event *event = find(kcpnet::Event::Type::Closed, id);
        return event && event->reason == reason;
    }
    kcpnet::SessionId accepted(std::size_t index = 0) const
    {
        for (const kcpnet::Event &event : events) {
            if (event.type == kcpnet::Event::Type::Accepted && index-- == 0)
                return event.session;
        }
        return {};
    }
    // Everything read so far of a stream session.
    const std::string &text(kcpnet::SessionId id) { return received[key(id)]; }
    const std::vector<std::vector<std::uint8_t>> &messagesOf(kcpnet::SessionId id)
    {
        return messages[key(id)];
    }
    static std::uint64_t key(kcpnet::SessionId id)
    {
        return (std::uint64_t(id.generation) << 32U) | id.index;
    }

    FakeCrypto crypto;
    kcpnet::Address where;
    std::unique_ptr<kcpnet::Endpoint> endpoint;
    std::vector<kcpnet::Event> events;
    std::map<std::uint64_t, std::string> received;
    std::map<std::uint64_t, std::vector<std::vector<std::uint8_t>>> messages;
    std::map<std::uint64_t, std::vector<std::string>> datagrams;
    std::function<void(const kcpnet::Event &)> onEvent;
    bool reads = true; // what arrives at once
    bool takes = true; // accepted sessions at once
    bool frozen = false; // the program stands still; what arrives waits in its socket
    std::uint64_t timeouts = 0; // calls of handleTimeout()

private:
    friend class TestNetwork;
    TestNetwork &m_network;
    std::vector<std::pair<kcpnet::Path, std::vector<std::uint8_t>>> m_inbox;
};

class TestNetwork
{
public:
    struct Packet
    {
        kcp::Instant sent;
        kcpnet::Address from;
        kcpnet::Address to;
        std::vector<std::uint8_t> data;
        std::uint8_t type() const { return data.size() > 4 ? data[4] : 0; }
    };

    explicit TestNetwork(kcp::Instant start = kcp::instantFromMicroseconds(1000000))
        : now(start), random(testSeed())
    {
    }

    Node &add(const kcpnet::Address &where)
    {
        m_nodes.push_back(std::make_unique<Node>(*this, where, random.next()));
        return *m_nodes.back();
    }

    // Puts a datagram under way, whoever sends it.
    void send(const kcpnet::Address &from, const kcpnet::Address &to,
              std::vector<std::uint8_t> data)
    {
        Packet packet{ now, from, to, std::move(data) };
        if (filter && !filter(packet))
            return;
        if (capture)
            captured.push_back(packet);
        if (loss > 0 && random.chance(loss))
            return;
        const int copies = duplication > 0 && random.chance(duplication) ? 2 : 1;
        for (int i = 0; i < copies; ++i) {
            const kcp::Duration late = jitter.count() > 0
                    ? kcp::Duration(random.below(static_cast<std::uint32_t>(jitter.count())))
                    : kcp::Duration(0);
            m_underWay.emplace(now + delay + late, packet);
        }
    }

    // Sends, tells events, until nothing happens without time going on.
    void settle()
    {
        bool busy = true;
        while (busy) {
            busy = false;
            for (std::size_t i = 0; i < m_nodes.size(); ++i)
                busy |= !m_nodes[i]->frozen && flush(*m_nodes[i]);
        }
    }

    // Goes on by this much time; stops early when the condition holds.
    bool run(kcp::Duration time, const std::function<bool()> &until = {})
    {
        const kcp::Instant end = now + time;
        for (;;) {
            settle();
            if (until && until())
                return true;
            kcp::Instant next = m_underWay.empty() ? kcp::Never : m_underWay.begin()->first;
            for (const auto &node : m_nodes) {
                if (!node->frozen)
                    next = std::min(next, node->endpoint->pollTimeout());
            }
            if (next > end)
                break;
            now = std::max(now, next);
            ++steps;
            deliver();
            for (const auto &node : m_nodes) {
                if (!node->frozen && node->endpoint->pollTimeout() <= now) {
                    ++node->timeouts;
                    node->endpoint->handleTimeout(now);
                }
            }
        }
        now = end;
        return until ? until() : true;
    }

    // Wakes a frozen node: it reads what has arrived, then judges its timeouts.
    void thaw(Node &node)
    {
        node.frozen = false;
        for (const auto &[path, data] : node.m_inbox)
            node.endpoint->handleDatagram(now, path, data);
        node.m_inbox.clear();
        if (node.endpoint->pollTimeout() <= now)
            node.endpoint->handleTimeout(now);
    }

    std::size_t countFrames(std::uint8_t type) const
    {
        std::size_t n = 0;
        for (const Packet &packet : captured)
            n += packet.type() == type;
        return n;
    }

    kcp::Instant now;
    kcp::Pcg32 random;
    kcp::Duration delay = 25ms;
    kcp::Duration jitter = 0ms;
    double loss = 0;
    double duplication = 0;
    bool capture = true;
    std::vector<Packet> captured;
    std::function<bool(Packet &)> filter; // false drops; may change
    std::uint64_t steps = 0;

private:
    bool flush(Node &node)
    {
        bool busy = false;
        std::vector<std::uint8_t> buffer(node.endpoint->maximumTransmitSize());
        kcpnet::Path path;
        while (const std::size_t size = node.endpoint->pollTransmit(now, buffer, path)) {
            busy = true;
            send(path.local.isNull() ? node.where : path.local, path.peer,
                 { buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size) });
        }
        kcpnet::Event event;
        while (node.endpoint->pollEvent(event)) {
            busy = true;
            tell(node, event);
        }
        return busy;
    }

    void tell(Node &node, const kcpnet::Event &event)
    {
        using Type = kcpnet::Event::Type;
        node.events.push_back(event);
        if (event.type == Type::Accepted && node.takes)
            node.endpoint->take(event.session);
        if (event.type == Type::Readable && node.reads)
            readAll(node, event.session);
        std::vector<std::uint8_t> payload;
        while (event.type == Type::DatagramReceived
               && node.endpoint->readDatagram(event.session, payload))
            node.datagrams[Node::key(event.session)].emplace_back(payload.begin(), payload.end());
        if (node.onEvent)
            node.onEvent(event);
    }

    static void readAll(Node &node, kcpnet::SessionId id)
    {
        std::uint8_t buffer[4096];
        std::string &text = node.received[Node::key(id)];
        const kcpnet::Session *session = node.endpoint->session(id);
        if (session && session->config().mode == kcpnet::Mode::Message) {
            std::vector<std::uint8_t> message;
            while (node.endpoint->readMessage(id, message))
                node.messages[Node::key(id)].push_back(message);
            return;
        }
        while (const std::size_t size = node.endpoint->read(id, buffer))
            text.append(reinterpret_cast<const char *>(buffer), size);
    }

    void deliver()
    {
        while (!m_underWay.empty() && m_underWay.begin()->first <= now) {
            const Packet packet = std::move(m_underWay.begin()->second);
            m_underWay.erase(m_underWay.begin());
            for (const auto &node : m_nodes) {
                if (node->where != packet.to)
                    continue;
                const kcpnet::Path path{ packet.to, packet.from };
                if (node->frozen)
                    node->m_inbox.emplace_back(path, packet.data);
                else
                    node->endpoint->handleDatagram(now, path, packet.data);
            }
        }
    }

    std::vector<std::unique_ptr<Node>> m_nodes;
    std::multimap<kcp::Instant, Packet> m_underWay;
};

inline kcpnet::SessionId Node::connectTo(const Node &server, const kcpnet::SessionConfig &config,
                                         std::uint32_t conv)
{
    return endpoint->connectTo(m_network.now, { {}, server.where }, config, conv);
}

#endif // KCPNET_TEST_TESTNETWORK_H
