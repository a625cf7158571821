// SPDX-License-Identifier: MIT
#include "kcpdriver_p.h"
#include "kcpaddressconversion_p.h"
#include "kcplogging_p.h"

#include <QtCore/qabstracteventdispatcher.h>
#include <QtCore/qcoreapplication.h>
#include <QtCore/qcoreevent.h>
#include <QtCore/qpointer.h>
#include <QtCore/qthread.h>

#include <algorithm>
#include <utility>

namespace {

// Receive calls of one turn: other objects of the thread want their time, too.
constexpr int MaximumReceiveCalls = 4;
// Batches sent in one turn: a megabyte, so that acknowledgements are read in between.
constexpr int MaximumTransmitBatches = 4;
// Events told in one go.
constexpr int MaximumEvents = 512;
// So many dispatches in a row that took no longer than this: the next one is expected to be quick.
constexpr int QuickDispatches = 4;
constexpr kcp::Duration QuickDispatchTime = std::chrono::microseconds(100);
// How often handlers may answer with something to send before the event loop has its turn.
constexpr int MaximumRounds = 4;
// Turns that end with datagrams left in the socket, after which timeouts are judged all the same:
// what had arrived before has been read by then, whatever the size of the socket's buffer.
constexpr int MaximumUndrainedTurns = 64;
// Looking for another local address more often than this would only load a machine without one.
constexpr kcp::Duration RebindPause = std::chrono::seconds(1);

const QEvent::Type turnEvent = static_cast<QEvent::Type>(QEvent::registerEventType());

thread_local bool serverDriversAreGone = false; // without a destructor: valid to the very end

// nullptr at the end of the thread: drivers of static objects are destroyed after that.
std::vector<KcpDriver *> *serverDrivers()
{
    struct Drivers
    {
        ~Drivers() { serverDriversAreGone = true; }
        std::vector<KcpDriver *> list;
    };
    thread_local Drivers drivers;
    return serverDriversAreGone ? nullptr : &drivers.list;
}

const QObject *rootOf(const QObject *object)
{
    while (object && object->parent())
        object = object->parent();
    return object;
}

} // namespace

// A dispatch on the stack of the thread. A slot may run an event loop of its own, a dialog for one:
// what was written before it must leave although the dispatch that would send it has not ended.
class KcpDriver::Dispatching
{
public:
    Dispatching(KcpDriver *driver, const KcpPresence::Guard &guard)
        : m_driver(driver), m_guard(guard), m_below(std::exchange(innermost, this))
    {
        watchEventLoops();
    }
    ~Dispatching() { innermost = m_below; }

private:
    Q_DISABLE_COPY_MOVE(Dispatching)

    // One connection a thread: an event loop that is about to block tells so.
    static void watchEventLoops()
    {
        thread_local QPointer<QAbstractEventDispatcher> watched;
        QAbstractEventDispatcher *dispatcher = QAbstractEventDispatcher::instance();
        if (!dispatcher || watched == dispatcher)
            return;
        watched = dispatcher;
        connect(dispatcher, &QAbstractEventDispatcher::aboutToBlock, dispatcher, [] {
            for (const Dispatching *one = innermost; one; one = one->m_below) {
                if (one->m_guard.isHere())
                    one->m_driver->flushInNestedLoop();
            }
        });
    }

    static thread_local Dispatching *innermost;

    KcpDriver *m_driver;
    const KcpPresence::Guard &m_guard;
    Dispatching *m_below;
};

thread_local KcpDriver::Dispatching *KcpDriver::Dispatching::innermost = nullptr;

// On the stack while the driver works: it is not deleted underneath, but it may move to another
// thread. Then it goes on there by itself, and this turn has nothing more to do.
class KcpDriver::Turn
{
public:
    explicit Turn(KcpDriver *driver)
        : m_driver(driver),
          m_outermost(!driver->m_presence.isGuarded()),
          m_guard(driver->m_presence)
    {
    }
    ~Turn()
    {
        if (isHere() && m_outermost)
            m_driver->finishIfIdle();
    }
    Q_DISABLE_COPY_MOVE(Turn)
    bool isHere() const { return m_guard.isHere(); }

private:
    KcpDriver *m_driver;
    bool m_outermost;
    KcpPresence::Guard m_guard;
};

KcpDriver *KcpDriver::create(QObject *parent)
{
    return new KcpDriver(parent);
}

KcpDriver::KcpDriver(QObject *parent)
    : QObject(parent),
      m_runtime(KcpRuntime::current()),
      m_endpoint(m_runtime->crypto(), m_runtime->seed()),
      m_timer(m_runtime->createTimer(this, [this] { timerFired(); })),
      m_channel(m_runtime->createChannel(this, this)),
      m_unattended(!QAbstractEventDispatcher::instance())
{
    if (m_unattended)
        postTurn(); // arrives when an event loop begins
}

KcpDriver::~KcpDriver()
{
    if (m_listed && !m_moved && serverDrivers())
        std::erase(*serverDrivers(), this);
    // Not idle means that the thread ends: the last words leave if they can.
    if (m_channel && !m_endpoint.isIdle() && !m_backlog && !KcpTransmitBatch::threadEnds()) {
        const kcp::Instant now = this->now();
        for (std::uint32_t i = 0; i < m_slots.size(); ++i)
            m_endpoint.abort(now, { i, m_slots[i].generation });
        transmit(now);
    }
}

KcpDriver *KcpDriver::findAbandonedServer(const QHostAddress &address, quint16 port)
{
    if (port == 0)
        return nullptr;
    for (KcpDriver *driver : *serverDrivers()) {
        if (!driver->m_acceptor && !driver->m_doomed && driver->m_channel->localPort() == port
            && driver->m_channel->localAddress() == address)
            return driver;
    }
    return nullptr;
}

void KcpDriver::release()
{
    Q_ASSERT(m_references > 0);
    if (--m_references > 0)
        return;
    if (m_presence.isGuarded()) { // the outermost turn looks again
        adoptByThread();
        return;
    }
    if (m_endpoint.isIdle() || !canLinger()) {
        delete this;
        return;
    }
    adoptByThread();
    scheduleFlush();
}

// Static sockets may outlive the application, and others are deleted when their thread finishes: no
// event loop comes then.
bool KcpDriver::canLinger() const
{
    return QCoreApplication::instance() && thread() && !thread()->isFinished();
}

// Nobody has a pointer any more; sessions are being closed in the background. The thread's end, or
// the application's, is the limit.
void KcpDriver::adoptByThread()
{
    if (!canLinger()) {
        setParent(nullptr);
        return;
    }
    disconnect(thread(), &QThread::finished, this, &QObject::deleteLater);
    QCoreApplication *application = QCoreApplication::instance();
    if (application && application->thread() == thread()) {
        setParent(application);
        return;
    }
    setParent(nullptr);
    connect(thread(), &QThread::finished, this, &QObject::deleteLater);
}

bool KcpDriver::movesWith(const QObject *object) const
{
    return rootOf(this) == rootOf(object);
}

// Still in the old thread. Children of ours hear of it after us.
void KcpDriver::leaveThread()
{
    if (m_listed && !std::exchange(m_moved, true))
        std::erase(*serverDrivers(), this);
    for (std::size_t i = 0; i < m_slots.size(); ++i) {
        KcpSessionHandler *handler = m_slots[i].handler;
        if (handler && !movesWith(handler->handlerObject()))
            handler->handleParting();
    }
    if (m_acceptor && !movesWith(m_acceptor->handlerObject()))
        m_acceptor->handleParting();
    // What is on the stack belongs to the old thread.
    m_presence.leave();
    m_dispatchLoopLevel = -1;
    m_quickDispatches = 0;
    m_timer->stop();
    m_timerAt = kcp::Never;
    m_unattended = true; // the new one may have no event loop yet
    m_flushWanted = true;
    postTurn(); // arrives in the new thread, and arms the timer there
}

void KcpDriver::finishIfIdle()
{
    if (m_references > 0 || m_doomed || !m_endpoint.isIdle())
        return;
    // We may be in a slot of our own channel's notifier.
    m_doomed = true;
    m_timer->stop();
    m_channel.reset(); // the port is free again
    deleteLater();
}

bool KcpDriver::bind(const QHostAddress &address, quint16 port, QAbstractSocket::BindMode mode)
{
    return m_channel->bind(address, port, mode);
}

bool KcpDriver::adopt(qintptr descriptor, KcpUdpChannel::Use use)
{
    return m_channel->adopt(descriptor, use);
}

void KcpDriver::useProxy(const QNetworkProxy &proxy)
{
    m_channel = KcpUdpChannel::createProxied(this, this, proxy);
    m_proxied = true;
}

void KcpDriver::setSocketOption(QAbstractSocket::SocketOption option, const QVariant &value)
{
    std::erase_if(m_options, [option](const auto &held) { return held.first == option; });
    m_options.emplace_back(option, value);
    m_channel->setSocketOption(option, value);
}

bool KcpDriver::connectToPeer(const QHostAddress &address, quint16 port)
{
    if (!m_channel->connectToPeer(address, port))
        return false;
    m_peerPath = { {}, kcpToAddress(address, port) };
    return true;
}

bool KcpDriver::rebind()
{
    return rebindAt(now());
}

bool KcpDriver::rebindAt(kcp::Instant now)
{
    if (m_proxied) // the proxy is where the peer finds us
        return false;
    auto channel = m_runtime->createChannel(this, this);
    const quint16 port = m_peerPath.peer.port;
    if (!channel->connectToPeer(kcpToHostAddress(m_peerPath.peer), port)) {
        qCDebug(lcKcp) << "no new socket to" << kcpToHostAddress(m_peerPath.peer) << port << ':'
                       << channel->errorString();
        return false;
    }
    m_channel = std::move(channel);
    m_channel->setWakeup(m_wakeup);
    for (const auto &[option, value] : m_options)
        m_channel->setSocketOption(option, value);
    m_backlog.reset();
    m_drained = true;
    for (std::uint32_t i = 0; i < m_slots.size(); ++i)
        m_endpoint.rebind(now, { i, m_slots[i].generation }, m_peerPath);
    scheduleFlush();
    return true;
}

std::shared_ptr<KcpWakeup> KcpDriver::wakeup()
{
    if (!m_wakeup) {
        m_wakeup = std::make_shared<KcpWakeup>();
        m_channel->setWakeup(m_wakeup);
    }
    return m_wakeup;
}

void KcpDriver::setHandler(kcpnet::SessionId id, KcpSessionHandler *handler)
{
    if (id.isNull())
        return;
    if (id.index >= m_slots.size())
        m_slots.resize(std::size_t(id.index) + 1);
    Slot &slot = m_slots[id.index];
    if (!handler && slot.generation != id.generation)
        return; // the slot has been given to another session
    slot = { id.generation, handler };
}

void KcpDriver::setAcceptor(KcpSessionHandler *acceptor)
{
    m_acceptor = acceptor;
    if (!std::exchange(m_listed, true))
        serverDrivers()->push_back(this);
}

void KcpDriver::releaseSession(kcpnet::SessionId id)
{
    setHandler(id, nullptr);
    m_endpoint.release(now(), id);
    scheduleFlush();
}

void KcpDriver::scheduleFlush()
{
    m_flushWanted = true;
    // The end of the dispatch that runs will do, unless a slot runs an event loop of its own.
    if (m_dispatchLoopLevel < 0 || thread()->loopLevel() > m_dispatchLoopLevel)
        postTurn();
}

void KcpDriver::postTurn()
{
    if (m_turnPosted || m_doomed)
        return;
    m_turnPosted = true;
    QCoreApplication::postEvent(this, new QEvent(turnEvent));
}

bool KcpDriver::event(QEvent *event)
{
    if (event->type() == QEvent::ThreadChange)
        leaveThread();
    if (event->type() != turnEvent)
        return QObject::event(event);
    m_turnPosted = false;
    if (std::exchange(m_moved, false) && m_listed)
        serverDrivers()->push_back(this);
    const bool attends = m_unattended && !m_doomed && QAbstractEventDispatcher::instance();
    if (attends) {
        m_unattended = false;
        m_timerAt = kcp::Never;
        m_channel->attend();
    }
    run(attends);
    return true;
}

void KcpDriver::flush()
{
    const Turn turn(this);
    const kcp::Instant now = this->now();
    transmit(now);
    armTimer(now);
    // What came of it (bytes were sent) is told later: the caller is in the middle of something.
    postTurn();
}

void KcpDriver::flushInNestedLoop()
{
    if (m_flushWanted && thread()->loopLevel() > m_dispatchLoopLevel)
        flush();
}

void KcpDriver::channelReadable()
{
    run(true);
}

void KcpDriver::channelWritable()
{
    m_flushWanted = true;
    run(false);
}

void KcpDriver::timerFired()
{
    ++m_timerEvents;
    m_timerAt = kcp::Never;
    m_endpoint.trim();
    // A deadline that was moved back leaves the timer as it is; this is where it follows.
    const kcp::Instant now = this->now();
    if (now < m_endpoint.pollTimeout())
        armTimer(now);
    else
        run(true);
}

void KcpDriver::run(bool read, KcpSessionHandler *only)
{
    if (m_doomed)
        return;
    const Turn turn(this);
    if (m_reportsActivity && m_acceptor)
        m_acceptor->handleActivity();
    kcp::Instant now = this->now();
    if (read) {
        receive(now);
        judgeTimeouts(now);
    }
    // Acknowledgements do not wait for slots, unless these have been quick of late: then they
    // travel with the answers, which saves a system call and a datagram.
    if (m_quickDispatches < QuickDispatches) {
        transmit(now);
        armTimer(now);
    } else {
        m_flushWanted = true;
    }
    for (int round = 0;; ++round) {
        const bool complete = dispatch(now, only);
        if (!turn.isHere() || !m_flushWanted)
            return;
        if (round == MaximumRounds) {
            postTurn();
            return;
        }
        transmit(now);
        armTimer(now);
        if (!complete)
            return;
    }
}

void KcpDriver::receive(kcp::Instant now)
{
    KcpReceiveBatch &batch = KcpReceiveBatch::forThread();
    for (int call = 0; call < MaximumReceiveCalls; ++call) {
        const KcpUdpChannel::ReceiveResult result = m_channel->receive(batch);
        m_drained = result.drained;
        batch.forEach([&](const kcpnet::Path &path, kcp::ByteView bytes) {
            m_endpoint.handleDatagram(now, path, bytes);
        });
        if (result.unreachable)
            m_endpoint.handleUnreachable(now, m_peerPath);
        if (m_drained)
            break;
    }
    m_undrainedTurns = m_drained ? 0 : m_undrainedTurns + 1;
}

void KcpDriver::judgeTimeouts(kcp::Instant now)
{
    // A program that stood still finds the answers of its peers in the socket: they count first.
    if (!m_drained && m_undrainedTurns < MaximumUndrainedTurns)
        return;
    if (now >= m_endpoint.pollTimeout())
        m_endpoint.handleTimeout(now);
}

void KcpDriver::transmit(kcp::Instant now)
{
    m_flushWanted = false;
    m_transmitPending = false;
    // Sending may find the local address gone, and rebind() drops what the old channel owes.
    if (std::unique_ptr<KcpTransmitBatch> backlog = std::move(m_backlog)) {
        sendBatch(now, *backlog);
        if (!backlog->isEmpty()) {
            m_backlog = std::move(backlog);
            return; // channelWritable() follows
        }
    }
    KcpTransmitBatch &batch = KcpTransmitBatch::forThread();
    for (int i = 0; i < MaximumTransmitBatches; ++i) {
        const bool full = fillBatch(now, batch);
        sendBatch(now, batch);
        if (!batch.isEmpty()) {
            m_backlog = batch.takeRest();
            return;
        }
        batch.clear();
        if (!full)
            return;
    }
    m_transmitPending = true;
    postTurn();
}

// True when the batch is full: there may be more.
bool KcpDriver::fillBatch(kcp::Instant now, KcpTransmitBatch &batch)
{
    const std::size_t maximum = m_endpoint.maximumTransmitSize();
    kcpnet::Path path;
    for (;;) {
        const kcp::MutableBytes slot = batch.slot(maximum);
        if (slot.empty())
            return true;
        const std::size_t size = m_endpoint.pollTransmit(now, slot, path);
        if (size == 0)
            return false;
        batch.commit(size, path);
    }
}

void KcpDriver::sendBatch(kcp::Instant now, KcpTransmitBatch &batch)
{
    if (batch.isEmpty())
        return;
    const KcpUdpChannel::SendResult result = m_channel->send(batch);
    if (result.unreachable)
        m_endpoint.handleUnreachable(now, m_peerPath);
    if (result.localAddressLost)
        rebindAfterLoss(now);
}

// The network has changed: another interface may reach the peer.
void KcpDriver::rebindAfterLoss(kcp::Instant now)
{
    if (m_peerPath.peer.isNull() || now < m_lastRebind + RebindPause)
        return;
    m_lastRebind = now;
    rebindAt(now);
}

KcpSessionHandler *KcpDriver::handlerOf(const kcpnet::Event &event) const
{
    if (event.type == kcpnet::Event::Type::Accepted)
        return m_acceptor;
    if (event.session.index >= m_slots.size())
        return nullptr;
    const Slot &slot = m_slots[event.session.index];
    return slot.generation == event.session.generation ? slot.handler : nullptr;
}

bool KcpDriver::nextEvent(kcpnet::Event &event, KcpSessionHandler *only)
{
    const auto wanted = std::find_if(m_deferred.begin(), m_deferred.end(), [&](const auto &held) {
        return !only || handlerOf(held) == only;
    });
    if (wanted != m_deferred.end()) {
        event = std::move(*wanted);
        m_deferred.erase(wanted);
        return true;
    }
    while (m_endpoint.pollEvent(event)) {
        if (!only || handlerOf(event) == only)
            return true;
        defer(std::move(event));
    }
    return false;
}

// Kept short: a thread that only waits has no event loop that would take what piles up.
void KcpDriver::defer(kcpnet::Event &&event)
{
    using Type = kcpnet::Event::Type;
    postTurn();
    const bool joinable = event.type == Type::Readable || event.type == Type::Written
            || event.type == Type::Acknowledged || event.type == Type::DatagramReceived;
    if (joinable) {
        for (kcpnet::Event &held : m_deferred) {
            if (held.type == event.type && held.session == event.session) {
                held.bytes += event.bytes;
                return;
            }
        }
    }
    m_deferred.push_back(std::move(event));
}

// Tells what happened, and what time it is afterwards. False when the bound ended it: the rest
// comes in a turn of its own.
bool KcpDriver::dispatch(kcp::Instant &now, KcpSessionHandler *only)
{
    kcpnet::Event event;
    if (!nextEvent(event, only))
        return true;
    const KcpPresence::Guard guard(m_presence);
    const Dispatching dispatching(this, guard);
    const int outerLevel = std::exchange(m_dispatchLoopLevel, thread()->loopLevel());
    // The turn's time is that before the system calls, which say nothing about the handlers.
    const kcp::Instant before = this->now();
    const bool complete = tell(event, only);
    if (!guard.isHere())
        return true;
    m_dispatchLoopLevel = outerLevel;
    now = this->now();
    m_quickDispatches =
            now - before < QuickDispatchTime ? std::min(m_quickDispatches + 1, QuickDispatches) : 0;
    return complete;
}

// Tells this event and those that follow.
bool KcpDriver::tell(kcpnet::Event &event, KcpSessionHandler *only)
{
    const KcpPresence::Guard guard(m_presence);
    for (int i = 0; i < MaximumEvents; ++i) {
        ++m_told;
        if (event.type == kcpnet::Event::Type::PathSilent)
            rebindAfterLoss(now());
        else if (KcpSessionHandler *handler = handlerOf(event))
            handler->handleSessionEvent(event);
        else if (event.type == kcpnet::Event::Type::Accepted)
            releaseSession(event.session); // the server has closed meanwhile
        if (!guard.isHere())
            return true;
        if (!nextEvent(event, only))
            return true;
    }
    m_deferred.insert(m_deferred.begin(), std::move(event));
    m_flushWanted = true;
    postTurn();
    return false;
}

void KcpDriver::armTimer(kcp::Instant now)
{
    const kcp::Instant deadline = m_endpoint.pollTimeout();
    // Restarting a timer costs; one that runs out early looks again.
    if (deadline == kcp::Never || deadline >= m_timerAt)
        return;
    m_timerAt = deadline;
    m_timer->start(deadline - now);
}

bool KcpDriver::wait(KcpSessionHandler *waiter, kcp::Instant deadline)
{
    const Turn turn(this);
    const std::uint64_t told = m_told;
    run(false, waiter); // what was written leaves; what nobody has been told yet is told
    if (!turn.isHere())
        return true;
    const kcp::Instant now = this->now();
    if (now >= deadline || m_told != told)
        return now < deadline;
    const kcp::Instant until =
            m_transmitPending ? now : std::min(deadline, m_endpoint.pollTimeout());
    const kcp::Duration timeout =
            until == kcp::Never ? kcp::Duration(-1) : std::max(until - now, kcp::Duration::zero());
    m_channel->wait(timeout, m_backlog != nullptr);
    run(true, waiter);
    return true;
}
