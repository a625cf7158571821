// SPDX-License-Identifier: MIT
// What all sessions of one endpoint share, and where they leave what they want.
#ifndef KCPNET_SESSION_SESSIONCONTEXT_H
#define KCPNET_SESSION_SESSIONCONTEXT_H

#include "endpoint.h"
#include "ratelimit.h"
#include "ringqueue.h"

#include <kcp/blockpool.h>
#include <kcp/random.h>

#include <array>

namespace kcpnet {

// A small datagram that no session has to remember: replies to strangers and last words.
struct Reply
{
    static constexpr std::size_t MaximumSize = 64;

    Path path;
    std::uint8_t size = 0;
    std::array<std::uint8_t, MaximumSize> data{};
};

struct SessionContext
{
    // Replies to strangers that may wait for pollTransmit(): more than a receive batch can cause.
    static constexpr std::size_t MaximumReplies = 256;

    // Each kind of reply that strangers can cause has a budget of its own, so that garbage does not
    // keep anybody from connecting, moving or closing.
    static constexpr std::uint32_t HandshakesPerSecond = 5000; // COOKIE, REFUSE, WINS
    static constexpr std::uint32_t HandshakeBurst = 1000;
    static constexpr std::uint32_t NoticesPerSecond = 1000; // RESET
    static constexpr std::uint32_t NoticeBurst = 500;
    // PATH_CHALLENGE, and CLOSE_ACK and CLOSE of what has ended: whoever wants one has to know a
    // conversation.
    static constexpr std::uint32_t AcquaintancesPerSecond = 1000;
    static constexpr std::uint32_t AcquaintanceBurst = 500;

    SessionContext(Crypto *functions, std::uint64_t seed) : crypto(*functions), random(seed) { }

    // Whether a stranger may have a reply; take it before computing one.
    bool mayReply(kcp::Instant now, RateLimit &limit)
    {
        if (replies.size() < MaximumReplies && limit.take(now))
            return true;
        ++stats.repliesSuppressed;
        return false;
    }

    // Last words of sessions are not limited:
    // there is one of each session.
    template <typename Frame>
    void reply(const Path &path, const Frame &frame)
    {
        Reply item;
        item.path = path;
        item.size = static_cast<std::uint8_t>(frame.write(item.data));
        replies.push(item);
    }

    Crypto &crypto;
    kcp::Pcg32 random;
    kcp::BlockPool pool; // of all engines, which therefore die before it
    EndpointStats stats;
    kcp::Instant thaw{ kcp::Duration::min() }; // see liveness.h
    std::vector<std::uint8_t> resetKey; // of RESET tokens
    std::array<std::uint8_t, 32> pathSecret{}; // of path challenges

    RateLimit handshakes{ HandshakesPerSecond, HandshakeBurst };
    RateLimit notices{ NoticesPerSecond, NoticeBurst };
    RateLimit acquaintances{ AcquaintancesPerSecond, AcquaintanceBurst };

    RingQueue<SessionId> dirty; // may have something to transmit
    RingQueue<SessionId> eventful; // have events that were not polled
    RingQueue<Reply> replies;
    std::vector<SessionId> ended; // became Closed since the endpoint looked last
};

} // namespace kcpnet

#endif // KCPNET_SESSION_SESSIONCONTEXT_H
