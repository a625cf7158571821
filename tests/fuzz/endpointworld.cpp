// SPDX-License-Identifier: MIT
#include "endpointworld.h"

namespace kcpfuzz {

using namespace kcpnet;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t MostTurnDatagrams = 20000;

} // namespace

EndpointWorld::EndpointWorld(kcp::Instant start, std::uint64_t seed)
    : now(start), stranger(Address::fromIPv4(0x0a0000fe, 666)), m_buffer(65536)
{
    for (std::uint32_t i = 0; i < NodeCount; ++i) {
        nodes.push_back(std::make_unique<Node>(
                seed + i, Address::fromIPv4(0x0a000001 + i, static_cast<std::uint16_t>(1000 + i))));
        nodes[i]->endpoint = std::make_unique<Endpoint>(&nodes[i]->crypto, seed);
    }
}

// --- network --------------------------------------------------------------------------------

void EndpointWorld::send(Node &node, const Path &path, ByteView datagram)
{
    if (path.peer == stranger)
        m_bytesToStranger += datagram.size();
    Packet packet{ path.local.isNull() ? node.where : path.local, path.peer,
                   Bytes(datagram.begin(), datagram.end()) };
    captured.push_back(packet);
    if (captured.size() > MostCaptured)
        captured.pop_front();
    underWay.push_back(std::move(packet));
    if (underWay.size() > MostUnderWay && !m_clean)
        underWay.pop_front();
}

void EndpointWorld::deliverNext()
{
    if (underWay.empty())
        return;
    const Packet packet = std::move(underWay.front());
    underWay.pop_front();
    deliver(packet);
}

void EndpointWorld::deliver(const Packet &packet)
{
    for (const auto &node : nodes) {
        if (node->where != packet.to)
            continue;
        // In memory of its own size, so that an overrun is seen.
        const auto data = std::make_unique<std::uint8_t[]>(packet.data.size());
        std::copy(packet.data.begin(), packet.data.end(), data.get());
        node->endpoint->handleDatagram(now, { packet.to, packet.from },
                                       { data.get(), packet.data.size() });
        takeEvents(*node);
    }
}

void EndpointWorld::intrude(const Address &to, const Bytes &datagram)
{
    for (const auto &node : nodes) {
        if (node->where == to)
            transmit(*node);
    }
    const std::uint64_t before = m_bytesToStranger;
    deliverHarmless({ stranger, to, datagram });
    for (const auto &node : nodes) {
        if (node->where == to)
            transmit(*node);
    }
    // A plain session is made for a stranger's PUSH; what it may be sent is another rule.
    if (!m_strangerAccepted)
        FUZZ_CHECK(m_bytesToStranger - before <= datagram.size());
}

// Where the peers of all living sessions are.
std::vector<Address> EndpointWorld::livingPaths() const
{
    std::vector<Address> paths;
    for (const auto &node : nodes) {
        for (const auto &[key, record] : node->records) {
            const Session *session = node->endpoint->session(record.id);
            if (session && session->state() != Session::State::Closed)
                paths.push_back(session->path().peer);
        }
    }
    return paths;
}

void EndpointWorld::deliverHarmless(const Packet &packet)
{
    for (const auto &node : nodes)
        takeEvents(*node);
    const std::vector<Address> before = livingPaths();
    const std::uint64_t accepted = server().endpoint->stats().accepted;
    deliver(packet);
    if (!forged && server().endpoint->stats().accepted == accepted)
        FUZZ_CHECK(livingPaths() == before);
}

// --- turns ----------------------------------------------------------------------------------

std::size_t EndpointWorld::transmit(Node &node)
{
    const std::size_t largest = node.endpoint->maximumTransmitSize();
    const kcp::MutableBytes buffer = kcp::MutableBytes(m_buffer).last(largest);
    std::size_t count = 0;
    Path path;
    while (const std::size_t size = node.endpoint->pollTransmit(now, buffer, path)) {
        FUZZ_CHECK(size <= largest);
        FUZZ_CHECK(++count < MostTurnDatagrams);
        send(node, path, buffer.first(size));
    }
    return count;
}

void EndpointWorld::turn(Node &node, bool timeouts)
{
    // What waited for its first turn may find its deadline over; more than that is spinning.
    int rounds = 4;
    do {
        if (timeouts)
            node.endpoint->handleTimeout(now);
        transmit(node);
        takeEvents(node);
        transmit(node);
        FUZZ_CHECK(--rounds > 0);
    } while (timeouts && node.endpoint->pollTimeout() <= now);
}

void EndpointWorld::takeEvents(Node &node)
{
    Event event;
    std::size_t count = 0;
    while (node.endpoint->pollEvent(event)) {
        FUZZ_CHECK(++count < MostTurnDatagrams);
        handle(node, event);
    }
}

void EndpointWorld::handle(Node &node, const Event &event)
{
    const Session *session = node.endpoint->session(event.session);
    FUZZ_CHECK(session != nullptr);
    auto it = node.records.find(recordKey(event.session));
    if (event.type == Event::Type::Accepted) {
        FUZZ_CHECK(it == node.records.end() && &node == &server());
        it = node.records.emplace(recordKey(event.session), Record()).first;
        it->second.id = event.session;
        it->second.isServer = true;
        it->second.connected = true;
        it->second.conv = session->conversation();
        if (session->path().peer == stranger) // who writes what he likes
            m_strangerAccepted = it->second.isStrangers = true;
        // Segments of a native session that the server has forgotten look like a plain one's.
        if (session->config().profile == Profile::PlainKcp && isNative(session->conversation()))
            forged = true;
    }
    FUZZ_CHECK(it != node.records.end());
    Record &record = it->second;
    FUZZ_CHECK(!record.closed && !record.released);
    switch (event.type) {
    case Event::Type::Connected:
        FUZZ_CHECK(!record.connected && !record.isServer);
        record.connected = true;
        break;
    case Event::Type::Readable:
        // It may have been read between the arrival and this news.
        FUZZ_CHECK(record.connected && !record.peerFinished);
        break;
    case Event::Type::DatagramReceived:
        FUZZ_CHECK(record.connected && session->hasDatagram());
        break;
    case Event::Type::PeerFinished:
        FUZZ_CHECK(record.connected);
        record.peerFinished = true;
        break;
    case Event::Type::Closed:
        checkClosed(node, record, event);
        break;
    default:
        break;
    }
    record.conv = session->conversation();
    if (m_ending && event.type != Event::Type::Closed)
        node.endpoint->close(now, event.session);
}

void EndpointWorld::checkClosed(Node &node, Record &record, const Event &event)
{
    const Session *session = node.endpoint->session(record.id);
    FUZZ_CHECK(session->state() == Session::State::Closed);
    FUZZ_CHECK(event.reason != CloseReason::None);
    FUZZ_CHECK(event.closeText.size() <= 256);
    record.closed = true;
    record.conv = session->conversation();
    readAll(node, record);
    if (forged || m_restarted || event.reason != CloseReason::RemoteClose)
        return;
    // A peer that closes has delivered everything.
    const Record *peer = peerOf(record);
    if (!peer || peer->out < 0)
        return;
    const Written &written = m_written[static_cast<std::size_t>(peer->out)];
    const bool isMessage = session->config().mode == Mode::Message;
    FUZZ_CHECK(record.read == (isMessage ? written.messages.size() : written.bytes));
    FUZZ_CHECK(record.read == 0 || record.in == peer->out);
}

// Whether a client's native session has, or had, this conversation.
bool EndpointWorld::isNative(std::uint32_t conv) const
{
    for (const auto &node : nodes) {
        for (const auto &[key, record] : node->records) {
            if (record.isNative && record.conv == conv)
                return true;
        }
    }
    return false;
}

// The other end of the session, as far as the conversation id tells.
const Record *EndpointWorld::peerOf(const Record &record) const
{
    const Record *found = nullptr;
    if (record.conv == 0)
        return nullptr;
    for (std::size_t i = 0; i < NodeCount; ++i) {
        for (const auto &[key, other] : nodes[i]->records) {
            if (other.conv != record.conv || other.isServer == record.isServer)
                continue;
            if (found)
                return nullptr;
            found = &other;
        }
    }
    return found;
}

void EndpointWorld::checkLimits() const
{
    const Node &node = *nodes[Server];
    FUZZ_CHECK(node.endpoint->sessionCount() <= node.mostConnections);
    FUZZ_CHECK(node.endpoint->pendingCount() <= node.mostPending);
    FUZZ_CHECK(node.endpoint->pendingCount() <= node.endpoint->sessionCount());
}

void EndpointWorld::runClean(kcp::Duration time)
{
    const kcp::Instant end = now + time;
    m_clean = true;
    for (int step = 0; step < 3000; ++step) {
        while (!underWay.empty())
            deliverNext();
        for (const auto &node : nodes) {
            for (auto &[key, record] : node->records) {
                node->endpoint->take(record.id);
                readAll(*node, record);
            }
            turn(*node, true);
        }
        checkLimits();
        if (!underWay.empty()) {
            now += 1ms;
            continue;
        }
        kcp::Instant next = kcp::Never;
        for (const auto &node : nodes)
            next = std::min(next, node->endpoint->pollTimeout());
        if (next > end)
            break;
        now = next;
    }
    m_clean = false;
}

std::size_t EndpointWorld::undelivered() const
{
    std::size_t bytes = 0;
    for (const auto &node : nodes) {
        for (const auto &[key, record] : node->records) {
            if (const Session *session = node->endpoint->session(record.id))
                bytes += session->unsentBytes() + session->unacknowledgedBytes();
        }
    }
    return bytes;
}

void EndpointWorld::checkDelivered()
{
    // A window of one tiny segment and delayed ACKs take their time: as long as something arrives.
    std::size_t before = 0;
    do {
        before = undelivered();
        runClean(130s); // a timeout that has grown is 60 s
    } while (undelivered() != before);
    if (forged || m_restarted || m_movedSilently)
        return;
    for (const auto &node : nodes) {
        for (auto &[key, record] : node->records) {
            // A client that began again has another conversation than when it told an event.
            if (const Session *session = node->endpoint->session(record.id))
                record.conv = session->conversation();
        }
    }
    for (const auto &node : nodes) {
        for (const auto &[key, record] : node->records) {
            const Session *session = node->endpoint->session(record.id);
            const Record *peer = peerOf(record);
            if (!session || session->state() != Session::State::Connected || !peer || peer->closed
                || peer->released)
                continue;
            // Plain sessions do not follow, and a stranger may take a client's words and place.
            if ((m_moved || m_strangerAccepted) && session->config().profile == Profile::PlainKcp)
                continue;
            FUZZ_CHECK(session->engine().isSendIdle());
            if (record.out < 0)
                continue;
            const Written &written = m_written[static_cast<std::size_t>(record.out)];
            const bool isMessage = session->config().mode == Mode::Message;
            FUZZ_CHECK(peer->read == (isMessage ? written.messages.size() : written.bytes));
        }
    }
}

void EndpointWorld::windUp(bool gracefully)
{
    m_ending = true;
    for (const auto &node : nodes) {
        takeEvents(*node);
        for (auto &[key, record] : node->records)
            gracefully ? close(*node, record, 7) : abort(*node, record);
    }
    // What was closed gently ends after lingerTime; a standstill before may add to it.
    for (int i = 0; i < 10; ++i)
        runClean(10s);
    for (const auto &node : nodes) {
        FUZZ_CHECK(node->endpoint->sessionCount() == 0);
        FUZZ_CHECK(node->endpoint->pendingCount() == 0);
        FUZZ_CHECK(node->endpoint->pollTimeout() == kcp::Never);
        for (auto &[key, record] : node->records) {
            FUZZ_CHECK(record.closed || record.released);
            release(*node, record);
            FUZZ_CHECK(node->endpoint->session(record.id) == nullptr);
        }
        FUZZ_CHECK(node->endpoint->isIdle());
    }
}

} // namespace kcpfuzz
