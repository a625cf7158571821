// SPDX-License-Identifier: MIT
// All that the world gives us: the time, timers, UDP channels, entropy and a seed. Tests put a
// simulated world in its place.
#ifndef KCPRUNTIME_P_H
#define KCPRUNTIME_P_H

#include "kcpudpchannel_p.h"

#include <kcp/time.h>

#include <functional>
#include <memory>

namespace kcpnet {
class Crypto;
}

// Fires once for each start(); a second start() replaces the first.
class KcpTimer
{
public:
    virtual ~KcpTimer();
    virtual void start(kcp::Duration delay) = 0; // never fires early
    virtual void stop() = 0;
};

class KcpRuntime
{
public:
    virtual ~KcpRuntime();

    virtual kcp::Instant now() = 0; // monotone
    // What belongs to a timer or channel in the event loop is a child of parent and follows it to
    // other threads.
    virtual std::unique_ptr<KcpTimer> createTimer(QObject *parent,
                                                  std::function<void()> callback) = 0;
    virtual std::unique_ptr<KcpUdpChannel> createChannel(QObject *parent,
                                                         KcpUdpChannel::Listener *listener) = 0;
    virtual kcpnet::Crypto *crypto() = 0;
    virtual quint64 seed() = 0; // for jitter and hashing

    // The world of this thread: the real one unless a test has set another.
    static KcpRuntime *current();
    static void setCurrent(KcpRuntime *runtime); // nullptr = the real one
};

#endif // KCPRUNTIME_P_H
