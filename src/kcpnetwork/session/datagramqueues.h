// SPDX-License-Identifier: MIT
// The unreliable side channel of a session: bounded both ways, made with the first datagram.
#ifndef KCPNET_SESSION_DATAGRAMQUEUES_H
#define KCPNET_SESSION_DATAGRAMQUEUES_H

#include "ringqueue.h"

#include <kcp/bytes.h>

#include <cstdint>
#include <vector>

namespace kcpnet {

struct DatagramQueues
{
    // In one direction. A reader that falls so far behind gets the newest; a writer that is so far
    // ahead of the flush is told.
    static constexpr std::size_t MaximumCount = 64;

    RingQueue<std::vector<std::uint8_t>> in;
    RingQueue<std::vector<std::uint8_t>> out;
    std::uint64_t dropped = 0;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_DATAGRAMQUEUES_H
