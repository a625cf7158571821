// SPDX-License-Identifier: MIT
// A server and its clients, whose handshakes really happen, on a network that loses, repeats and
// reorders; and a stranger who sees everything, and sends what he likes from an address of his own.
#include "endpointworld.h"

#include "frames.h"

using namespace kcpfuzz;
using namespace kcpnet;
using namespace std::chrono_literals;

namespace {

class EndpointFuzz
{
public:
    EndpointFuzz(FuzzInput &input, std::uint64_t seed);
    void run();

private:
    SessionConfig takeConfig();
    AcceptConfig takeAcceptConfig();
    Mode serverMode() const { return (m_options & 4U) ? Mode::Message : Mode::Stream; }
    void step();
    void stepNetwork(std::uint8_t what);
    void stepCaller(std::size_t which, std::uint8_t what);
    void application(Node &node);
    void network();
    void replay();
    void intrude();
    void forge();
    void spoofFrame();
    void passTime();
    Packet takeCaptured();
    Bytes mutated(Bytes data);

    FuzzInput &m_input;
    EndpointWorld m_world;
    std::uint8_t m_options;
};

kcp::Instant startTime(FuzzInput &input)
{
    constexpr std::int64_t Origins[] = { 1000, 0xffffffffLL - 500, 0x7fffffffLL - 500, 1LL << 40U };
    return kcp::instantFromMicroseconds(input.oneOf(Origins) * 1000);
}

EndpointFuzz::EndpointFuzz(FuzzInput &input, std::uint64_t seed)
    : m_input(input), m_world(startTime(input), seed), m_options(input.u8())
{
    m_world.listen(takeAcceptConfig());
}

SessionConfig EndpointFuzz::takeConfig()
{
    SessionConfig config;
    const std::uint8_t bits = m_input.u8();
    config.profile = (bits & 7U) == 7 ? Profile::PlainKcp : Profile::Native;
    config.mode = (bits & 8U) ? Mode::Message : Mode::Stream;
    if (config.profile == Profile::PlainKcp) // nothing on the wire tells the mode
        config.mode = serverMode();
    config.connectWithoutReply = (bits & 16U) != 0;
    if (bits & 32U) { // the rest is rarely anything but the default
        config.engine.mtu = m_input.oneOf<std::uint32_t>({ 1400, 50, 300, 9000 });
        config.engine.sendWindow = m_input.oneOf<std::uint32_t>({ 32, 1, 4, 1024 });
        config.engine.receiveWindow = m_input.oneOf<std::uint32_t>({ 128, 1, 4, 1024 });
        config.engine.congestionControl =
                m_input.oneOf({ kcp::CongestionControl::Cubic, kcp::CongestionControl::Classic,
                                kcp::CongestionControl::Off });
        config.engine.nodelay = static_cast<std::uint8_t>(m_input.below(3));
        config.engine.fastResend = m_input.below(3);
        config.engine.acksAreDelayed = m_input.flag();
    }
    if (bits & 64U) {
        config.connectTimeout = m_input.oneOf<kcp::Duration>({ 10s, 0s, 1s });
        config.idleTimeout = m_input.oneOf<kcp::Duration>({ 0s, 1s, 30s });
        config.keepAliveInterval = m_input.oneOf<kcp::Duration>({ 0s, 1s, 10s });
        config.lingerTime = m_input.oneOf<kcp::Duration>({ 10s, 0s, 1s });
    }
    if (bits & 128U) {
        config.maximumMessageSize = m_input.oneOf<std::uint32_t>({ 16U << 20U, 0, 10, 1000 });
        config.receiveLimit = m_input.u16();
    }
    return config;
}

AcceptConfig EndpointFuzz::takeAcceptConfig()
{
    AcceptConfig config;
    const std::uint8_t bits = m_input.u8();
    config.session = takeConfig();
    config.session.mode = serverMode();
    config.profiles = static_cast<std::uint8_t>((bits & 1U) ? 3 : (bits & 2U) ? 2 : 1);
    config.accepting = (bits & 0xfcU) != 0xfcU;
    config.maximumConnections = 1 + m_input.below(8);
    config.maximumConnectionsPerAddress = m_input.below(4);
    config.maximumPending = 1 + m_input.below(4);
    return config;
}

void EndpointFuzz::run()
{
    while (!m_input.isEmpty()) {
        step();
        m_world.checkLimits();
    }
    if (m_options & 1U)
        m_world.checkDelivered();
    m_world.windUp((m_options & 2U) != 0);
}

void EndpointFuzz::step()
{
    const std::uint8_t op = m_input.u8();
    const std::size_t which = (op >> 5U) % EndpointWorld::NodeCount;
    const std::uint8_t what = op & 0x1fU;
    if (what <= 6)
        application(*m_world.nodes[which]);
    else if (what >= 8 && what <= 16)
        stepNetwork(what);
    else
        stepCaller(which, what);
}

void EndpointFuzz::stepNetwork(std::uint8_t what)
{
    switch (what) {
    case 10:
        return replay();
    case 11:
    case 12:
    case 13:
        return intrude();
    case 14:
        return forge();
    case 15:
    case 16:
        return spoofFrame();
    default:
        return network();
    }
}

// Those who own the endpoints, and time.
void EndpointFuzz::stepCaller(std::size_t which, std::uint8_t what)
{
    Node &node = *m_world.nodes[which];
    switch (what) {
    case 7:
        return m_world.connect(1 + which % 2, takeConfig());
    case 17:
    case 18:
        return passTime();
    case 19: {
        const std::uint8_t port = m_input.u8();
        return m_world.moveClient(1 + which % 2, port, m_input.flag());
    }
    case 20:
        return node.endpoint->handleUnreachable(m_world.now, { {}, m_world.server().where });
    case 21:
        return m_world.listen(takeAcceptConfig());
    case 22:
        if (m_input.u8() == 0xee)
            m_world.restartServer();
        return;
    case 23:
    case 24:
    case 25:
        return m_world.turn(node, what != 25);
    case 26:
    case 27:
        return m_world.deliverNext();
    default: // all of them, as in every turn of an event loop
        for (std::size_t n = m_world.underWay.size(); n > 0; --n)
            m_world.deliverNext();
        for (const auto &each : m_world.nodes)
            m_world.turn(*each, true);
    }
}

// What the owner of a session does with it.
void EndpointFuzz::application(Node &node)
{
    const std::uint8_t what = m_input.u8();
    if (node.records.empty())
        return;
    auto it = node.records.begin();
    std::advance(it, (what >> 4U) % node.records.size());
    Record &record = it->second;
    switch (what & 15U) {
    case 0:
    case 1:
    case 2:
        m_world.write(node, record, m_input.u8());
        break;
    case 3:
        m_world.write(node, record, m_input.u16() / 4U);
        break;
    case 4:
    case 5:
        m_world.readSome(node, record, m_input.u8());
        break;
    case 6:
        m_world.readAll(node, record);
        break;
    case 7:
        m_world.sendDatagram(node, record, m_input.u8() * 8U);
        break;
    case 8:
        node.endpoint->take(record.id);
        break;
    case 9:
    case 10:
        m_world.close(node, record, m_input.u32());
        break;
    case 11:
        m_world.abort(node, record);
        break;
    case 12:
        m_world.release(node, record);
        break;
    case 13:
        if (!record.released)
            node.endpoint->setReceiveLimit(record.id, m_input.u16());
        break;
    case 14:
        node.endpoint->reconfigure(record.id, takeConfig());
        break;
    default: {
        const Session *session = node.endpoint->session(record.id);
        if (session && session->config().mode == Mode::Stream) // an empty message would be skipped
            FUZZ_CHECK(node.endpoint->skip(record.id, 0) == 0);
    }
    }
}

// Loss, duplication, reordering.
void EndpointFuzz::network()
{
    const std::uint8_t what = m_input.u8();
    std::deque<Packet> &underWay = m_world.underWay;
    if (underWay.empty())
        return;
    const auto at = underWay.begin() + static_cast<std::ptrdiff_t>((what >> 2U) % underWay.size());
    const Packet packet = *at;
    if ((what & 3U) != 1)
        underWay.erase(at);
    if ((what & 3U) == 1 || (what & 3U) == 2)
        underWay.push_back(packet);
    else if ((what & 3U) == 3)
        underWay.push_front(packet);
}

Packet EndpointFuzz::takeCaptured()
{
    const std::size_t count = m_world.captured.size();
    const std::size_t index = m_input.u8();
    return count == 0 ? Packet() : m_world.captured[count - 1 - index % count];
}

// The network delivers something once more, however late.
void EndpointFuzz::replay()
{
    const Packet packet = takeCaptured();
    if (!packet.data.empty())
        m_world.spoof(packet);
}

Bytes EndpointFuzz::mutated(Bytes data)
{
    for (int n = 1 + static_cast<int>(m_input.below(3)); n > 0 && !data.empty(); --n) {
        const std::size_t position = m_input.u16() % data.size();
        const std::uint8_t mask = m_input.u8();
        if (mask == 0)
            data.resize(position);
        else
            data[position] ^= mask;
    }
    return data;
}

// From an address that nobody has: anything, or what was seen, whole or changed.
void EndpointFuzz::intrude()
{
    const std::uint8_t what = m_input.u8();
    const Node &target = *m_world.nodes[(what >> 2U) % EndpointWorld::NodeCount];
    Bytes data;
    if ((what & 3U) == 0)
        data = m_input.bytes(m_input.u8());
    else
        data = takeCaptured().data;
    if ((what & 3U) == 2)
        data = mutated(std::move(data));
    if ((what & 0x80U) && data.size() < 256)
        data.resize(256);
    m_world.intrude(target.where, data);
}

// Someone on the path changes what he sees.
void EndpointFuzz::forge()
{
    Packet packet = takeCaptured();
    if (packet.data.empty())
        return;
    m_world.forged = true;
    packet.data = mutated(std::move(packet.data));
    m_world.spoof(packet);
}

// Someone off the path knows addresses and conversation, but no tag, cookie or nonce. He can do
// nothing: what is promised still holds.
void EndpointFuzz::spoofFrame()
{
    const Packet seen = takeCaptured();
    if (seen.data.size() < 6)
        return;
    Bytes data(seen.data.begin(), seen.data.begin() + 4); // the conversation
    const std::uint8_t type = static_cast<std::uint8_t>(0xa0 + m_input.below(16));
    data.push_back(type);
    data.push_back(m_input.flag() ? m_input.u8() : std::uint8_t(1));
    const Bytes body = m_input.bytes(m_input.u8());
    data.insert(data.end(), body.begin(), body.end());
    if (type <= 0xa5)
        data.resize(std::max<std::size_t>(data.size(), 256));
    m_world.deliverHarmless({ seen.from, seen.to, data });
}

void EndpointFuzz::passTime()
{
    const std::uint32_t amount = m_input.u16();
    if ((amount & 3U) == 0) { // to the next deadline of anybody
        kcp::Instant next = kcp::Never;
        for (const auto &node : m_world.nodes)
            next = std::min(next, node->endpoint->pollTimeout());
        if (next != kcp::Never)
            m_world.now = std::max(m_world.now, next);
    } else if ((amount & 3U) == 1) {
        m_world.now += std::chrono::milliseconds(amount >> 6U);
    } else if ((amount & 3U) == 2) {
        m_world.now += std::chrono::milliseconds(amount);
    } else {
        m_world.now += std::chrono::seconds(amount);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    FuzzInput input(data, size);
    std::uint64_t seed = 0xcbf29ce484222325ULL;
    for (std::size_t i = 0; i < size; ++i)
        seed = (seed ^ data[i]) * 0x100000001b3ULL;
    EndpointFuzz(input, seed).run();
    return 0;
}
