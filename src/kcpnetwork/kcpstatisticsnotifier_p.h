// SPDX-License-Identifier: MIT
// Tells from time to time that statistics have changed, to those who listen.
#ifndef KCPSTATISTICSNOTIFIER_P_H
#define KCPSTATISTICSNOTIFIER_P_H

#include "kcpruntime_p.h"

#include <QtCore/qcoreevent.h>

#include <functional>
#include <memory>

// At rest nothing runs: activity starts the timer, and it stops when nothing has changed for one
// interval. Exists only for those who have had a listener.
class KcpStatisticsNotifier
{
public:
    static constexpr int DefaultInterval = 500; // milliseconds
    static QEvent::Type listenerEvent(); // posted to the parent by its connectNotify()

    struct Source
    {
        std::function<quint64()> count; // another one whenever statistics have changed
        std::function<bool()> isListenedTo;
        std::function<void()> tell; // emits
    };
    KcpStatisticsNotifier(QObject *parent, Source source);

    int interval() const { return m_interval; }
    void setInterval(int milliseconds) { m_interval = milliseconds; }
    void noteListener(); // there may be one now
    void noteActivity()
    {
        if (m_listening && !m_running)
            start();
    }
    void stop();

private:
    void start();
    void fire();

    std::unique_ptr<KcpTimer> m_timer;
    Source m_source;
    quint64 m_told = 0;
    int m_interval = DefaultInterval;
    bool m_listening = false;
    bool m_running = false;
};

#endif // KCPSTATISTICSNOTIFIER_P_H
