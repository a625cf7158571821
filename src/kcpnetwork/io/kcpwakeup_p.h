// SPDX-License-Identifier: MIT
// Ends KcpUdpChannel::wait() from another thread. Costs a system call only while somebody waits.
#ifndef KCPWAKEUP_P_H
#define KCPWAKEUP_P_H

#include <QtCore/qglobal.h>

#include <atomic>

class KcpWakeup
{
public:
    KcpWakeup();
    ~KcpWakeup();

    void wake(); // from any thread

    // The thread that waits, before and after it sleeps. It may not sleep when begin() is false.
    bool begin();
    void end();
    // Readable when the sleep is over; -1 where the system has nothing to be waited for beside a
    // socket: there the waiting thread looks often.
    int descriptor() const { return m_descriptor; }

private:
    Q_DISABLE_COPY_MOVE(KcpWakeup)

    // Whoever is second of "I sleep" and "wake up" sees the other: both orders are sequential.
    std::atomic_bool m_wanted = false;
    std::atomic_bool m_sleeps = false;
    int m_descriptor = -1;
};

#endif // KCPWAKEUP_P_H
