// SPDX-License-Identifier: MIT
// Plain counters of one conversation, read by snapshot.
#ifndef KCP_STATS_H
#define KCP_STATS_H

#include <cstdint>

namespace kcp {

struct Stats
{
    std::uint64_t datagramsOut = 0;
    std::uint64_t datagramsIn = 0; // that held at least one valid segment
    std::uint64_t bytesOut = 0; // of datagrams, headers included
    std::uint64_t bytesIn = 0;

    std::uint64_t segmentsOut = 0; // data segments, retransmissions included
    std::uint64_t segmentsIn = 0; // data segments, duplicates included
    std::uint64_t acksOut = 0;
    std::uint64_t acksIn = 0;
    std::uint64_t probesOut = 0; // WASK
    std::uint64_t probesIn = 0;

    std::uint64_t timeoutRetransmissions = 0;
    std::uint64_t fastRetransmissions = 0;
    std::uint64_t duplicatesIn = 0; // data segments that had arrived before
    std::uint64_t outOfWindowIn = 0; // data segments beyond the receive window, dropped
    std::uint64_t malformedIn = 0; // segments or datagrams dropped as impossible
    std::uint64_t droppedAcks = 0; // ACKs left out at the bound: una covers nearly all of them
};

} // namespace kcp

#endif // KCP_STATS_H
