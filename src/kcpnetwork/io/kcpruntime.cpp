// SPDX-License-Identifier: MIT
#include "kcpruntime_p.h"
#include "kcpcrypto_p.h"

#include <QtCore/qabstracteventdispatcher.h>
#include <QtCore/qelapsedtimer.h>
#include <QtCore/qrandom.h>
#include <QtCore/qtimer.h>

#include <algorithm>
#include <chrono>
#include <utility>

KcpTimer::~KcpTimer() = default;
KcpRuntime::~KcpRuntime() = default;

namespace {

class RealTimer final : public KcpTimer
{
public:
    RealTimer(QObject *parent, std::function<void()> callback)
        : m_timer(new QTimer(parent)), m_context(new QObject(m_timer))
    {
        m_timer->setSingleShot(true);
        m_timer->setTimerType(Qt::PreciseTimer);
        QObject::connect(m_timer, &QTimer::timeout, m_context, std::move(callback));
    }
    ~RealTimer() override
    {
        // May happen in the timer's own slot: the object goes later, or with its parent.
        delete m_context;
        m_timer->stop();
        m_timer->deleteLater();
    }

    void start(kcp::Duration delay) override
    {
        using namespace std::chrono;
        if (!QAbstractEventDispatcher::instance())
            return; // a plain thread without an event loop: it waits, and looks at its deadlines
        const auto rounded = ceil<milliseconds>(std::max(delay, kcp::Duration::zero()));
        // Far deadlines are reached in steps; the owner looks at its clock when we fire.
        m_timer->start(std::min<milliseconds>(rounded, hours(24)));
    }
    void stop() override { m_timer->stop(); }

private:
    QTimer *m_timer;
    QObject *m_context;
};

class RealRuntime final : public KcpRuntime
{
public:
    RealRuntime() { m_clock.start(); }

    kcp::Instant now() override
    {
        return kcp::instantFromMicroseconds(m_clock.nsecsElapsed() / 1000 + Origin);
    }
    std::unique_ptr<KcpTimer> createTimer(QObject *parent, std::function<void()> callback) override
    {
        return std::make_unique<RealTimer>(parent, std::move(callback));
    }
    std::unique_ptr<KcpUdpChannel> createChannel(QObject *parent,
                                                 KcpUdpChannel::Listener *listener) override
    {
        return KcpUdpChannel::create(parent, listener);
    }
    kcpnet::Crypto *crypto() override { return &m_crypto; }
    quint64 seed() override { return QRandomGenerator::global()->generate64(); }

private:
    // Instants of zero mean "not yet" in places; a clock that starts later cannot meet them.
    static constexpr qint64 Origin = 1000000;

    QElapsedTimer m_clock;
    KcpCrypto m_crypto;
};

thread_local KcpRuntime *injectedRuntime = nullptr;

} // namespace

KcpRuntime *KcpRuntime::current()
{
    if (injectedRuntime)
        return injectedRuntime;
    // Const after construction: all threads may use it. Never destroyed: static sockets and servers
    // need it to the very end.
    static auto *const runtime = new RealRuntime;
    return runtime;
}

void KcpRuntime::setCurrent(KcpRuntime *runtime)
{
    injectedRuntime = runtime;
}
