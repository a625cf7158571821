// SPDX-License-Identifier: MIT
// A server and many clients on the simulated network, each with a program that talks, closes and
// comes back, while the network loses, delays, doubles and reorders, forgets NAT mappings and goes
// away for a while. Both ends of every conversation are compared all the time.
#ifndef KCPNET_TEST_SOAKWORLD_H
#define KCPNET_TEST_SOAKWORLD_H

#include "fakecrypto.h"
#include "nativepair.h"

#include <simulatednetwork.h>

#include <array>
#include <functional>
#include <queue>
#include <string>
#include <unordered_map>

class SoakWorld
{
public:
    // What happened, for people and to see that enough did.
    struct Summary
    {
        std::uint64_t conversations = 0;
        std::uint64_t reconnects = 0;
        std::uint64_t gracefulEnds = 0; // closed, everything delivered, both sides counted
        std::uint64_t aborts = 0;
        std::uint64_t timeouts = 0; // idle, dead link, linger, connecting
        std::uint64_t otherEnds = 0;
        std::uint64_t rebinds = 0;
        std::uint64_t moves = 0; // rebinds that a server noticed while the session lived
        std::uint64_t blackOuts = 0;
        std::uint64_t bytes = 0; // delivered to programs
        std::uint64_t retransmissions = 0;
    };

    SoakWorld(std::uint64_t seed, int clients);

    void run(kcp::Duration time);
    // From now on everybody closes, nobody comes back, and the network only loses.
    void stop() { m_stopping = true; }

    const Summary &summary() const { return m_summary; }
    const kcptest::NetworkStats &network() const { return m_network.stats(); }
    const std::string &error() const { return m_error; } // the first broken promise; empty: none
    const kcpnet::Endpoint &server() const { return *m_machines.front().endpoint; }

    // The first gauge that is not zero; empty when all are.
    std::string leftOver() const;

private:
    enum Side : std::uint8_t { ClientSide, ServerSide };

    // One conversation as both programs see it.
    struct Talk
    {
        std::uint32_t number = 0;
        std::uint32_t client = 0; // its machine
        std::array<kcpnet::SessionId, 2> ids; // by side
        std::array<std::uint64_t, 2> written{}; // by that side's program
        std::array<std::uint64_t, 2> received{}; // by that side's program
        std::array<bool, 2> ended{};
    };

    struct Machine
    {
        std::unique_ptr<FakeCrypto> crypto;
        std::unique_ptr<kcpnet::Endpoint> endpoint;
        kcptest::NodeId node = 0;
        kcptest::LinkConfig link;
        kcp::Instant wake = kcp::Never; // the earliest one in m_wakes
        kcp::Instant act = kcp::Never; // when its program does something
        std::int64_t talk = -1; // the client's current one
        std::uint64_t talks = 0;
    };

    struct Wake
    {
        kcp::Instant time;
        std::uint32_t machine;
        bool operator>(const Wake &other) const
        {
            return time != other.time ? time > other.time : machine > other.machine;
        }
    };

    static constexpr std::uint32_t HeadSize = 4; // a client's stream begins with the talk's number
    static std::uint8_t spoken(const Talk &talk, Side side, std::uint64_t n);

    bool chance(std::uint32_t oneIn) { return m_random.below(oneIn) == 0; }
    kcp::Duration upTo(kcp::Duration time);
    void wakeAt(std::uint32_t index, kcp::Instant time);
    void wake(std::uint32_t index);
    void act(std::uint32_t index);
    void connect(std::uint32_t index);
    void speak(Talk &talk, Side side, std::uint32_t size);
    void disturb(std::uint32_t index);
    void flush(std::uint32_t index);
    void tell(std::uint32_t index, const kcpnet::Event &event);
    Talk *talkOf(std::uint32_t index, kcpnet::SessionId id);
    Talk *introduce(kcpnet::SessionId id);
    void read(std::uint32_t index, kcpnet::SessionId id);
    void ended(std::uint32_t index, const kcpnet::Event &event);
    void judge(const Talk &talk, Side side, const kcpnet::Event &event);
    void fail(const Talk &talk, const std::string &text);

    kcp::Pcg32 m_random;
    kcptest::SimulatedNetwork m_network;
    std::vector<Machine> m_machines; // the server first
    std::vector<Talk> m_talks;
    std::unordered_map<std::uint64_t, std::uint32_t> m_serverTalks; // by the server's id
    std::priority_queue<Wake, std::vector<Wake>, std::greater<>> m_wakes;
    Summary m_summary;
    std::string m_error;
    bool m_stopping = false;
};

#endif // KCPNET_TEST_SOAKWORLD_H
