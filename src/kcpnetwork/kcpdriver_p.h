// SPDX-License-Identifier: MIT
// Joins one UDP channel, one Endpoint, one clock and one timer. A server and its sockets share one;
// a client has its own.
#ifndef KCPDRIVER_P_H
#define KCPDRIVER_P_H

#include "endpoint.h"
#include "kcppresence_p.h"
#include "kcpruntime_p.h"
#include "session.h"

#include <QtCore/qobject.h>

#include <memory>
#include <utility>
#include <vector>

// Who hears about a session. It may do anything from within, also detach or destroy itself and
// every other user of the driver.
class KcpSessionHandler
{
public:
    virtual void handleSessionEvent(const kcpnet::Event &event) = 0;
    // The object that decides which thread this is called in.
    virtual const QObject *handlerObject() const = 0;
    // The driver moves to another thread and that object does not: let go of the driver.
    virtual void handleParting() = 0;
    // To the acceptor: something was received or sent. See setReportsActivity().
    virtual void handleActivity() { }

protected:
    ~KcpSessionHandler() = default;
};

// The order of one turn: read what has arrived, judge timeouts, send what is to be sent (with quick
// handlers: together with their answers), tell the handlers, send what they wrote. Work in one turn is bounded; what is left comes in the next.
//
// It moves to another thread with its parent. Sessions whose handlers stay behind, or leave without
// it, lose them.
//
// Reference counted. With the last reference gone the driver lives on until its sessions are
// closed, then it deletes itself.
class KcpDriver final : public QObject, private KcpUdpChannel::Listener
{
    Q_OBJECT
public:
    // With one reference. While it has a parent it moves to other threads with it.
    static KcpDriver *create(QObject *parent);
    // The driver that is bound to this address in this thread and has no acceptor, or nullptr.
    static KcpDriver *findAbandonedServer(const QHostAddress &address, quint16 port);

    void ref() { ++m_references; }
    void release();
    // Whoever was the parent may be deleted before the driver.
    void adoptByThread();
    // Whether a move of this object to another thread takes the driver along.
    bool movesWith(const QObject *object) const;

    bool bind(const QHostAddress &address, quint16 port, QAbstractSocket::BindMode mode);
    bool adopt(qintptr descriptor, KcpUdpChannel::Use use);
    // Before it is bound or connected.
    void useProxy(const QNetworkProxy &proxy);
    // Of the UDP socket, and of those that come after it.
    void setSocketOption(QAbstractSocket::SocketOption option, const QVariant &value);
    bool connectToPeer(const QHostAddress &address, quint16 port);
    // A new UDP socket under the same session; false when none can be had. For clients.
    bool rebind();
    KcpUdpChannel *channel() const { return m_channel.get(); }
    std::shared_ptr<KcpWakeup> wakeup(); // ends wait() from any thread; made when first asked for
    std::uint64_t timerEvents() const { return m_timerEvents; } // how often the timer has fired

    kcp::Instant now() const { return m_runtime->now(); }
    kcpnet::Endpoint &endpoint() { return m_endpoint; }
    const kcpnet::Session *session(kcpnet::SessionId id) const { return m_endpoint.session(id); }

    void setHandler(kcpnet::SessionId id, KcpSessionHandler *handler);
    // Hears Accepted; nullptr: nobody does.
    void setAcceptor(KcpSessionHandler *acceptor);
    void setReportsActivity(bool reports) { m_reportsActivity = reports; }
    // Endpoint::release(), and no handler any more.
    void releaseSession(kcpnet::SessionId id);

    // Something may have to be sent: at the end of this turn of the event loop.
    void scheduleFlush();
    // Sends now what can be sent.
    void flush();
    // Blocks until something happens or the deadline is there, and tells this handler alone;
    // others hear about theirs in the next turn of the event loop. False once the deadline has
    // passed.
    bool wait(KcpSessionHandler *waiter, kcp::Instant deadline);

protected:
    bool event(QEvent *event) override;

private:
    class Turn;
    class Dispatching;
    struct Slot
    {
        std::uint32_t generation = 0;
        KcpSessionHandler *handler = nullptr;
    };

    explicit KcpDriver(QObject *parent);
    ~KcpDriver() override;

    void channelReadable() override;
    void channelWritable() override;
    void timerFired();

    void run(bool read, KcpSessionHandler *only = nullptr);
    void receive(kcp::Instant now);
    void judgeTimeouts(kcp::Instant now);
    void transmit(kcp::Instant now);
    bool fillBatch(kcp::Instant now, KcpTransmitBatch &batch);
    void sendBatch(kcp::Instant now, KcpTransmitBatch &batch);
    bool rebindAt(kcp::Instant now);
    void rebindAfterLoss(kcp::Instant now);
    bool dispatch(kcp::Instant &now, KcpSessionHandler *only);
    bool tell(kcpnet::Event &event, KcpSessionHandler *only);
    bool nextEvent(kcpnet::Event &event, KcpSessionHandler *only);
    void defer(kcpnet::Event &&event);
    KcpSessionHandler *handlerOf(const kcpnet::Event &event) const;
    void armTimer(kcp::Instant now);
    void flushInNestedLoop();
    void postTurn();
    void finishIfIdle();
    bool canLinger() const;
    void leaveThread();

    KcpRuntime *m_runtime;
    kcpnet::Endpoint m_endpoint;
    std::unique_ptr<KcpTimer> m_timer;
    std::unique_ptr<KcpUdpChannel> m_channel;
    std::shared_ptr<KcpWakeup> m_wakeup;
    std::unique_ptr<KcpTransmitBatch> m_backlog; // did not fit into the socket
    kcpnet::Path m_peerPath; // of a connected channel
    std::vector<Slot> m_slots; // by SessionId::index
    std::vector<kcpnet::Event> m_deferred; // of other handlers, while one waits
    KcpSessionHandler *m_acceptor = nullptr;
    KcpPresence m_presence; // its guards are the turns on the stack: slots may start nested ones
    kcp::Instant m_timerAt = kcp::Never; // Never: it is not running
    kcp::Instant m_lastRebind{};
    int m_references = 1;
    int m_dispatchLoopLevel = -1; // of the event loop that the innermost dispatch runs in
    int m_undrainedTurns = 0;
    int m_quickDispatches = 0; // in a row
    std::uint64_t m_told = 0; // events
    std::uint64_t m_timerEvents = 0;
    bool m_drained = true;
    bool m_transmitPending = false; // more than one turn may send
    bool m_flushWanted = false;
    bool m_turnPosted = false;
    bool m_unattended; // the thread had no event loop yet: only waits look at the channel
    bool m_listed = false; // among the servers' drivers of its thread
    bool m_moved = false; // and not listed in the new thread yet
    std::vector<std::pair<QAbstractSocket::SocketOption, QVariant>> m_options;
    bool m_reportsActivity = false;
    bool m_proxied = false;
    bool m_doomed = false;
};

#endif // KCPDRIVER_P_H
