// SPDX-License-Identifier: MIT
#ifndef KCPNET_SESSION_SESSION_H
#define KCPNET_SESSION_SESSION_H

#include "endpoint.h"

namespace kcpnet {

// What the layers above may ask of a session (the owner of this file completes the class; these
// getters are the contract).
class Session
{
public:
    enum class State : std::uint8_t { Connecting, Connected, Closing, Closed };

    State state() const;
    const SessionConfig &config() const;
    const Path &path() const;
    std::uint32_t conversation() const;
    const kcp::Engine &engine() const; // statistics, rtt, windows

    std::size_t readableBytes() const; // stream mode
    std::size_t peek(std::size_t offset, kcp::MutableBytes buffer) const;
    std::optional<std::size_t> findByte(std::uint8_t byte, std::size_t limit) const;
    std::optional<std::size_t> nextMessageSize() const;
    std::size_t pendingMessageBytes() const; // of complete unread messages
    bool hasDatagram() const;

    std::size_t unsentBytes() const; // accepted, not yet sent for the first time
    std::size_t unacknowledgedBytes() const; // sent, not acknowledged
    std::size_t maximumDatagramSize() const; // of sendDatagram(); 0 = this peer cannot
    std::size_t maximumMessageSize() const; // of writeMessage() to this peer

    std::uint64_t datagramsDropped() const; // unreliable ones that found no room
};

} // namespace kcpnet

#endif // KCPNET_SESSION_SESSION_H
