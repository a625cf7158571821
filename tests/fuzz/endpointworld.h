// SPDX-License-Identifier: MIT
// A server, two clients and a stranger: endpoints, the datagrams between them, what the
// applications wrote, and what must hold of it whatever happens on the way.
#ifndef KCPFUZZ_ENDPOINTWORLD_H
#define KCPFUZZ_ENDPOINTWORLD_H

#include "fuzzinput.h"

#include "endpoint.h"
#include "fakecrypto.h"
#include "session.h"

#include <deque>
#include <map>
#include <memory>
#include <set>

namespace kcpfuzz {

// What one side of a session writes. Its first byte, or the first of each message, is its number;
// the others follow from the number and the position.
struct Written
{
    std::uint64_t bytes = 0;
    std::vector<std::size_t> messages; // sizes
};

// What an application knows of a session.
struct Record
{
    kcpnet::SessionId id;
    bool isServer = false;
    bool isNative = false; // a client's
    bool isStrangers = false; // a plain one made for the stranger
    bool connected = false; // or accepted
    bool peerFinished = false;
    bool closed = false;
    bool released = false;
    std::uint32_t conv = 0; // 0 = not known
    int out = -1; // number of what it writes
    int in = -1; // of what it reads
    std::uint64_t read = 0; // bytes or messages of it
    std::set<std::uint32_t> datagrams; // received
};

struct Node
{
    Node(std::uint64_t seed, const kcpnet::Address &at) : crypto(seed), where(at) { }

    FakeCrypto crypto;
    kcpnet::Address where;
    std::unique_ptr<kcpnet::Endpoint> endpoint;
    std::map<std::uint64_t, Record> records; // by recordKey()
    std::uint32_t mostConnections = 0; // the limits of a server, the largest so far
    std::uint32_t mostPending = 0;
};

struct Packet
{
    kcpnet::Address from;
    kcpnet::Address to;
    Bytes data;
};

class EndpointWorld
{
public:
    static constexpr std::size_t Server = 0;
    static constexpr std::size_t NodeCount = 3;
    static constexpr std::size_t MostUnderWay = 96; // datagrams; the oldest are lost
    static constexpr std::size_t MostCaptured = 64; // the oldest are forgotten
    static constexpr std::size_t MostStreams = 200;

    // seed: of nonces and keys, so that an input cannot contain what nobody can guess.
    EndpointWorld(kcp::Instant start, std::uint64_t seed);

    // --- applications -----------------------------------------------------------------------

    void listen(const kcpnet::AcceptConfig &config);
    void restartServer();
    void connect(std::size_t client, const kcpnet::SessionConfig &config);
    void write(Node &node, Record &record, std::size_t size);
    void sendDatagram(Node &node, Record &record, std::size_t size);
    void readSome(Node &node, Record &record, std::size_t size);
    void readAll(Node &node, Record &record);
    void close(Node &node, Record &record, std::uint32_t code);
    void abort(Node &node, Record &record);
    void release(Node &node, Record &record);
    // The address as the server sees it changes; the client may know or not.
    void moveClient(std::size_t client, std::uint16_t port, bool knows);

    // --- network ----------------------------------------------------------------------------

    void deliverNext();
    // Somebody else's datagram, from an address that is no client's. Checks the answer's size.
    void intrude(const kcpnet::Address &to, const Bytes &datagram);
    // A datagram in the name of another, who may have sent it.
    void spoof(const Packet &packet) { deliver(packet); }
    // The same, but nobody can have sent it: it ends no session and moves none.
    void deliverHarmless(const Packet &packet);

    // --- turns ------------------------------------------------------------------------------

    // What a driver does: timeouts (if wanted), transmits, events. Nothing is due afterwards.
    void turn(Node &node, bool timeouts);
    // Time goes on with a clean network and reading applications.
    void runClean(kcp::Duration time);
    void checkLimits() const;
    // Everybody has closed; nothing may be left.
    void windUp(bool gracefully);
    // With a clean network everything that was written to a living session has arrived.
    void checkDelivered();

    Node &server() { return *nodes[Server]; }
    static std::uint64_t recordKey(kcpnet::SessionId id)
    {
        return (static_cast<std::uint64_t>(id.generation) << 32U) | id.index;
    }

    std::vector<std::unique_ptr<Node>> nodes;
    kcp::Instant now;
    std::deque<Packet> underWay;
    std::deque<Packet> captured; // what an observer has seen
    kcpnet::Address stranger;
    // Datagrams were changed, or made up by someone who sees the traffic: content may be wrong.
    bool forged = false;

private:
    void send(Node &node, const kcpnet::Path &path, ByteView datagram);
    std::size_t transmit(Node &node);
    void deliver(const Packet &packet);
    void takeEvents(Node &node);
    void handle(Node &node, const kcpnet::Event &event);
    void checkClosed(Node &node, Record &record, const kcpnet::Event &event);
    void checkBytes(Record &record, ByteView bytes);
    void checkMessage(Record &record, ByteView message);
    bool readMessage(Node &node, Record &record);
    void readDatagrams(Node &node, Record &record);
    const Record *peerOf(const Record &record) const;

    std::vector<kcpnet::Address> livingPaths() const;
    bool isNative(std::uint32_t conv) const;
    std::size_t undelivered() const;

    std::vector<Written> m_written;
    Bytes m_buffer;
    std::uint64_t m_bytesToStranger = 0;
    std::uint64_t m_totalWritten = 0;
    std::uint32_t m_datagrams = 0; // unreliable ones, to tell them apart
    bool m_clean = false; // nothing is lost any more
    bool m_restarted = false;
    bool m_moved = false;
    bool m_movedSilently = false;
    bool m_strangerAccepted = false; // a plain session was made for it
    bool m_ending = false;
};

} // namespace kcpfuzz

#endif // KCPFUZZ_ENDPOINTWORLD_H
