// SPDX-License-Identifier: MIT
// Two engines, the datagrams between them, and what must hold whatever happens to these.
#ifndef KCPFUZZ_ENGINEPAIRFUZZ_H
#define KCPFUZZ_ENGINEPAIRFUZZ_H

#include "fuzzinput.h"

#include <kcp/engine.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>

namespace kcpfuzz {

// What one direction carries.
enum class Content : std::uint8_t {
    Stream,
    Messages,
    Mixed, // the sender changes its mode at will; the reader takes bytes
};

class EnginePairFuzz
{
public:
    static constexpr std::size_t MostOnTheWay = 64; // datagrams to one side; the oldest are lost
    static constexpr std::uint64_t MostBytes = 20U << 10U; // sent by one side in a run
    static constexpr std::size_t LargestSegment = kcp::MaximumDatagramSize;
    static constexpr std::size_t MostFragments = 256; // that frg can announce

    explicit EnginePairFuzz(FuzzInput &input);

    // Does what the input says until it is used up, then heals the link and looks at the result.
    void run();

private:
    struct Side
    {
        std::unique_ptr<kcp::Engine> engine;
        std::deque<Bytes> arriving; // datagrams on their way to this side
        std::deque<std::size_t> messages; // sizes of sent ones that the other side has not read
        std::uint64_t sent = 0; // bytes
        std::uint64_t read = 0; // bytes of what the other side sent
        Content content = Content::Stream; // of what it sends
        // What the wire has told; a forger may know it too.
        std::uint32_t nextSn = 0; // one past the highest sn sent
        std::uint32_t una = 0; // of the newest datagram
        std::uint32_t timestamp = 0;
        // The largest of each so far, for the bounds.
        std::uint32_t sendWindow = 0;
        std::uint32_t receiveWindow = 0;
        std::uint32_t mss = 0;
    };

    kcp::Config takeConfig(std::uint32_t conv);
    Side &other(const Side &side) { return m_sides[&side == &m_sides[0] ? 1 : 0]; }

    void step();
    void stepApplication(Side &side, std::uint8_t what);
    void stepNetwork(Side &side, std::uint8_t what);
    void stepCaller(Side &side, std::uint8_t what);
    void send(Side &side);
    void readSome(Side &side);
    void readAll(Side &side);
    bool readMessage(Side &side, std::size_t room);
    void readBytes(Side &side, std::size_t size);
    void readMixed(Side &side);
    void checkContent(Side &side, ByteView bytes);
    void look(const Side &side);
    void deliver(Side &side);
    void disturb(Side &side);
    void replay(Side &side);
    void corrupt(Side &side);
    void forge(Side &side);
    void flood(Side &side);
    void forgeUna(Side &side);
    void forgeConversation(Side &side);
    void passTime();
    void reconfigure(Side &side);
    void reconfigureTimes(Side &side);

    kcp::Engine::Input hand(Side &side, const Bytes &datagram);
    void handGenuine(Side &side, const Bytes &datagram);
    bool transmitOne(Side &side, std::size_t bufferSize);
    void transmitAll(Side &side);
    void service(Side &side);
    void noteWire(Side &side, ByteView datagram);
    void checkBounds(const Side &side) const;
    void drain();
    bool isDone() const;

    FuzzInput &m_input;
    Bytes m_buffer;
    kcp::BlockPool m_pool;
    std::array<Side, 2> m_sides;
    kcp::Instant m_now;
    std::uint32_t m_conv = 0;
    // Somebody sent segments in a side's name: no promise about the content holds any more.
    bool m_forged = false;
    bool m_clean = false; // the link loses nothing any more
};

} // namespace kcpfuzz

#endif // KCPFUZZ_ENGINEPAIRFUZZ_H
