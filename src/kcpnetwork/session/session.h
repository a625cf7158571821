// SPDX-License-Identifier: MIT
// The life of one connection, whatever its peer speaks.
//
// State transitions; everything that is not here does not happen.
//
//   from        to          when
//   (new)       Connecting  connectTo()
//   (new)       Connected   a stranger is accepted; connectTo() with connectWithoutReply
//   Connecting  Connected   native: COOKIE; plain: the first segment that fits the conversation
//   Connecting  Closing     close() with something written
//   Connecting  Closed      close() with nothing written, abort(), REFUSE, unreachable port,
//                           connectTimeout
//   Connected   Closing     close()
//   Connected   Closed      abort(), CLOSE, RESET, idleTimeout, dead link, broken rule; native
//                           before ACCEPT also REFUSE and connectTimeout
//   Closing     Closed      all delivered and, native, acknowledged by CLOSE_ACK or CLOSE;
//                           lingerTime; whatever closes a Connected session, and a Connecting one
//                           when it was closed while connecting
#ifndef KCPNET_SESSION_SESSION_H
#define KCPNET_SESSION_SESSION_H

#include "endpoint.h"

#include <string>

namespace kcpnet {

class MessageFramer;
class SessionProtocol;
struct DatagramQueues;
struct SessionContext;

// All sessions that a server has accepted hold the same one.
using SharedConfig = std::shared_ptr<const SessionConfig>;

class Session
{
public:
    enum class State : std::uint8_t { Connecting, Connected, Closing, Closed };
    enum class Role : std::uint8_t { Client, Server };

    // --- for the layers above ----------------------------------------------------------------

    State state() const { return m_state; }
    // As it was made, but for reconfigure().
    const SessionConfig &config() const { return *m_config; }
    const Path &path() const { return m_path; }
    std::uint32_t conversation() const { return m_engine.conversation(); } // 0: not known yet
    const kcp::Engine &engine() const { return m_engine; } // statistics, rtt, windows
    Role role() const { return m_role; }

    std::size_t readableBytes() const; // stream mode
    std::size_t peek(std::size_t offset, kcp::MutableBytes buffer) const;
    std::optional<std::size_t> findByte(std::uint8_t byte, std::size_t limit) const;
    std::optional<std::size_t> nextMessageSize() const;
    std::size_t pendingMessageBytes() const; // of complete unread messages
    bool hasDatagram() const;

    // Accepted, not yet sent for the first time. Native message mode counts the length prefixes
    // (1 to 5 bytes a message) here, in unacknowledgedBytes() and in Event::Written.
    std::size_t unsentBytes() const { return m_engine.unsentBytes(); }
    std::size_t unacknowledgedBytes() const { return m_engine.unacknowledgedBytes(); }
    std::size_t maximumDatagramSize() const; // of sendDatagram(); 0 = this peer cannot
    std::size_t maximumMessageSize() const; // of writeMessage() to this peer

    std::uint64_t datagramsDropped() const; // unreliable ones that found no room

    // --- for the endpoint and the protocols (the layers above hold it const) -----------------

    Session(SessionContext &context, SessionId id, Role role, SharedConfig config, const Path &path,
            const kcp::Config &engine);
    ~Session();
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    void setProtocol(std::unique_ptr<SessionProtocol> protocol);
    SessionProtocol &protocol() { return *m_protocol; }
    SessionContext &context() { return m_context; }
    kcp::Engine &engine() { return m_engine; }
    SessionId id() const { return m_id; }
    bool isReleased() const { return m_released; }
    bool isTaken() const { return m_taken; }

    void setState(State state) { m_state = state; }
    void setPath(const Path &path) { m_path = path; }
    void setTaken() { m_taken = true; }
    bool reconfigure(const SessionConfig &config);
    // Messages are framed inside the stream from now on, instead of by the engine.
    void useMessageFramer();

    bool write(kcp::ByteView data);
    bool writeMessage(kcp::ByteView message);
    std::size_t read(kcp::MutableBytes buffer);
    std::size_t skip(std::size_t size);
    bool readMessage(std::vector<std::uint8_t> &message);
    void setReceiveLimit(std::size_t bytes);

    bool queueDatagram(kcp::ByteView payload); // for sending
    const std::vector<std::uint8_t> *nextDatagram() const; // to send; null when there is none
    void dropDatagram(bool wasSent); // the next one
    void deliverDatagram(kcp::ByteView payload);
    bool readDatagram(std::vector<std::uint8_t> &payload);

    void close(kcp::Instant now, std::uint32_t code, std::string_view text);
    void abort();
    void release();
    // The end. The first call counts.
    void finish(CloseReason reason, Refusal refusal = Refusal::None, std::uint32_t code = 0,
                std::string text = {});

    // Hands a datagram of segments to the engine and raises what follows from it.
    kcp::Engine::Input handleSegments(kcp::Instant now, kcp::ByteView datagram);
    // Runs the engine's timers; false when the link is dead.
    bool handleEngineTimeout(kcp::Instant now);
    std::size_t pollEngine(kcp::Instant now, kcp::MutableBytes buffer);
    // Whether too many transmissions without an answer end the session: not while connecting,
    // where connectTimeout decides.
    void setDeadLinkCounts(bool counts);

    // To be called when there is nothing to transmit. True while something is under way, waits to be
    // sent or waits to be read; else the memory for it is given back until there is.
    bool isBusyElseTrim();
    bool isBusy() const { return m_busy; }
    void setBusy(bool busy) { m_busy = busy; }

    void markDirty();
    void clearDirty() { m_dirty = false; }
    void raise(Event::Type type);
    // Takes the next event, in the order of their types; false when there is none.
    bool takeEvent(Event &event);

private:
    struct Ending;

    void raiseReadable();
    bool isReadable() const;
    void afterRead();
    void discardReceived();

    SessionContext &m_context;
    SharedConfig m_config;
    Path m_path;
    kcp::Engine m_engine;
    std::unique_ptr<SessionProtocol> m_protocol;
    std::unique_ptr<MessageFramer> m_framer; // native message mode only
    std::unique_ptr<DatagramQueues> m_datagrams; // from the first one on
    std::unique_ptr<Ending> m_ending; // from finish() on
    std::uint64_t m_writtenBytes = 0; // for the next Written event
    SessionId m_id;
    std::uint16_t m_events = 0; // bits by Event::Type
    State m_state;
    Role m_role;
    bool m_dirty = false; // is in the context's dirty queue
    bool m_eventful = false; // is in the context's event queue
    bool m_busy = false; // the endpoint counts it as busy
    bool m_readableTold = false; // nothing was read since the last Readable
    bool m_released = false;
    bool m_taken = false;
    bool m_deadLinkCounts = true;
    bool m_deadLinkTimeRelaxed = false; // after a standstill
};

} // namespace kcpnet

#endif // KCPNET_SESSION_SESSION_H
