// SPDX-License-Identifier: MIT
// What the applications do with their sessions, and what they may read.
#include "endpointworld.h"

namespace kcpfuzz {

using namespace kcpnet;

namespace {

constexpr std::uint64_t MostBytes = 48U << 10U; // written in a run

// Messages have an origin of their own, so that one cannot pass for another.
std::uint64_t originOf(std::uint64_t message)
{
    return message << 20U;
}

} // namespace

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
    for (const auto &[key, record] : node.records) {
        // A plain client from another address is another client: two sessions of the server then
        // speak to it.
        const Session *session = node.endpoint->session(record.id);
        if (session && session->config().profile == Profile::PlainKcp)
            forged = true;
    }
    if (!knows) {
        m_movedSilently = true; // nobody knows before it sends something
        return;
    }
    for (auto &[key, record] : node.records)
        node.endpoint->rebind(now, record.id, { {}, server().where });
}

} // namespace kcpfuzz
