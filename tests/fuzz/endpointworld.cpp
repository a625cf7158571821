// SPDX-License-Identifier: MIT
#include "endpointworld.h"

namespace kcpfuzz {

using namespace kcpnet;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t MostTurnDatagrams = 20000;
constexpr std::uint64_t MostBytes = 48U << 10U; // written in a run

std::uint8_t contentAt(int number, std::uint64_t position)
{
    const std::uint64_t mixed = (position + 1) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::uint8_t>((mixed >> 56U) + static_cast<std::uint64_t>(number));
}

// Messages have an origin of their own, so that one cannot pass for another.
std::uint64_t originOf(std::uint64_t message)
{
    return message << 20U;
}

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

// --- applications ---------------------------------------------------------------------------

void EndpointWorld::listen(const AcceptConfig &config)
{
    server().endpoint->setAcceptConfig(config);
    server().mostConnections = std::max(server().mostConnections, config.maximumConnections);
    server().mostPending = std::max(server().mostPending, config.maximumPending);
}

void EndpointWorld::restartServer()
{
    Node &node = server();
    node.endpoint = std::make_unique<Endpoint>(&node.crypto, 77);
    node.endpoint->setResetKey(kcp::asBytes("kept", 4));
    node.records.clear();
    m_restarted = true;
}

void EndpointWorld::connect(std::size_t client, const SessionConfig &config)
{
    Node &node = *nodes[client];
    const SessionId id = node.endpoint->connectTo(now, { {}, server().where }, config);
    FUZZ_CHECK(!id.isNull());
    Record record;
    record.id = id;
    record.isNative = config.profile == Profile::Native;
    FUZZ_CHECK(node.records.emplace(recordKey(id), record).second);
}

void EndpointWorld::write(Node &node, Record &record, std::size_t size)
{
    const Session *session = node.endpoint->session(record.id);
    if (!session || record.released || (record.out < 0 && m_written.size() >= MostStreams))
        return;
    if (m_totalWritten + size > MostBytes)
        return;
    const bool isNew = record.out < 0;
    const int number = isNew ? static_cast<int>(m_written.size()) : record.out;
    Written written = isNew ? Written() : m_written[static_cast<std::size_t>(number)];
    Bytes data(isNew ? std::max<std::size_t>(size, 1) : size);
    const bool isMessage = session->config().mode == Mode::Message;
    const std::uint64_t origin = isMessage ? originOf(written.messages.size()) : written.bytes;
    for (std::size_t i = 0; i < data.size(); ++i)
        data[i] = contentAt(number, origin + i);
    if (!data.empty() && (isMessage || isNew))
        data[0] = static_cast<std::uint8_t>(number);
    const Session::State state = session->state();
    if (isMessage ? !node.endpoint->writeMessage(record.id, data)
                  : !node.endpoint->write(record.id, data)) {
        FUZZ_CHECK(isMessage || state == Session::State::Closing
                   || state == Session::State::Closed);
        return;
    }
    m_totalWritten += data.size();
    written.bytes += data.size();
    if (isMessage)
        written.messages.push_back(data.size());
    record.out = number;
    m_written.resize(std::max(m_written.size(), static_cast<std::size_t>(number) + 1));
    m_written[static_cast<std::size_t>(number)] = std::move(written);
}

void EndpointWorld::sendDatagram(Node &node, Record &record, std::size_t size)
{
    Bytes payload(4 + size, 0x77);
    kcp::storeLittleEndian(payload.data(), m_datagrams);
    if (!record.released && node.endpoint->sendDatagram(record.id, payload))
        ++m_datagrams;
}

void EndpointWorld::checkBytes(Record &record, ByteView bytes)
{
    if (forged || record.isStrangers || bytes.empty())
        return;
    if (record.read == 0)
        record.in = bytes[0];
    FUZZ_CHECK(static_cast<std::size_t>(record.in) < m_written.size());
    FUZZ_CHECK(record.read + bytes.size() <= m_written[static_cast<std::size_t>(record.in)].bytes);
    for (std::size_t i = record.read == 0 ? 1 : 0; i < bytes.size(); ++i)
        FUZZ_CHECK(bytes[i] == contentAt(record.in, record.read + i));
    record.read += bytes.size();
}

void EndpointWorld::checkMessage(Record &record, ByteView message)
{
    if (forged || record.isStrangers)
        return;
    if (record.read == 0) {
        FUZZ_CHECK(!message.empty());
        record.in = message[0];
    }
    FUZZ_CHECK(static_cast<std::size_t>(record.in) < m_written.size());
    const std::vector<std::size_t> &sizes = m_written[static_cast<std::size_t>(record.in)].messages;
    FUZZ_CHECK(record.read < sizes.size());
    FUZZ_CHECK(message.size() == sizes[record.read]);
    FUZZ_CHECK(message.empty() || message[0] == record.in);
    for (std::size_t i = 1; i < message.size(); ++i)
        FUZZ_CHECK(message[i] == contentAt(record.in, originOf(record.read) + i));
    ++record.read;
}

bool EndpointWorld::readMessage(Node &node, Record &record)
{
    const Session *session = node.endpoint->session(record.id);
    const std::optional<std::size_t> size = session->nextMessageSize();
    Bytes message;
    const bool taken = node.endpoint->readMessage(record.id, message);
    FUZZ_CHECK(taken == size.has_value());
    if (taken) {
        FUZZ_CHECK(message.size() == *size);
        checkMessage(record, message);
    }
    return taken;
}

void EndpointWorld::readSome(Node &node, Record &record, std::size_t size)
{
    const Session *session = node.endpoint->session(record.id);
    if (!session || record.released)
        return;
    if (session->config().mode == Mode::Message) {
        readMessage(node, record);
        return;
    }
    Bytes bytes(size);
    bytes.resize(node.endpoint->read(record.id, bytes));
    checkBytes(record, bytes);
}

void EndpointWorld::readAll(Node &node, Record &record)
{
    const Session *session = node.endpoint->session(record.id);
    if (!session || record.released)
        return;
    if (session->config().mode == Mode::Message) {
        while (readMessage(node, record)) { }
    } else {
        while (const std::size_t size = session->readableBytes())
            readSome(node, record, size);
    }
    readDatagrams(node, record);
}

void EndpointWorld::readDatagrams(Node &node, Record &record)
{
    Bytes payload;
    while (node.endpoint->readDatagram(record.id, payload)) {
        if (forged)
            continue;
        FUZZ_CHECK(payload.size() >= 4);
        const auto number = kcp::loadLittleEndian<std::uint32_t>(payload.data());
        FUZZ_CHECK(number < m_datagrams);
        FUZZ_CHECK(record.datagrams.insert(number).second);
    }
}

void EndpointWorld::close(Node &node, Record &record, std::uint32_t code)
{
    if (!record.released)
        node.endpoint->close(now, record.id, code, "the end");
}

void EndpointWorld::abort(Node &node, Record &record)
{
    if (!record.released)
        node.endpoint->abort(now, record.id);
}

void EndpointWorld::release(Node &node, Record &record)
{
    if (record.closed && !record.released)
        readAll(node, record);
    node.endpoint->release(now, record.id);
    record.released = true;
}

void EndpointWorld::moveClient(std::size_t client, std::uint16_t port, bool knows)
{
    m_moved = true;
    Node &node = *nodes[client];
    node.where = Address::fromIPv4(0x0a000010U + static_cast<std::uint32_t>(client) * 16 + port % 3,
                                   static_cast<std::uint16_t>(2000 + port % 50));
    if (!knows) {
        m_movedSilently = true; // nobody knows before it sends something
        return;
    }
    for (auto &[key, record] : node.records)
        node.endpoint->rebind(now, record.id, { {}, server().where });
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
        FUZZ_CHECK(record.connected && !record.peerFinished);
        FUZZ_CHECK(session->readableBytes() > 0 || session->nextMessageSize());
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
        runClean(60s);
    } while (undelivered() != before);
    if (forged || m_restarted || m_movedSilently)
        return;
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
