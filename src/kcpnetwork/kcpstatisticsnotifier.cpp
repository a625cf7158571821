// SPDX-License-Identifier: MIT
#include "kcpstatisticsnotifier_p.h"

#include <chrono>
#include <utility>

QEvent::Type KcpStatisticsNotifier::listenerEvent()
{
    static const auto type = static_cast<QEvent::Type>(QEvent::registerEventType());
    return type;
}

KcpStatisticsNotifier::KcpStatisticsNotifier(QObject *parent, Source source)
    : m_timer(KcpRuntime::current()->createTimer(parent, [this] { fire(); })),
      m_source(std::move(source))
{
}

void KcpStatisticsNotifier::noteListener()
{
    m_listening = true;
    noteActivity();
}

void KcpStatisticsNotifier::start()
{
    m_running = true;
    m_timer->start(std::chrono::milliseconds(m_interval));
}

void KcpStatisticsNotifier::stop()
{
    m_running = false;
    m_timer->stop();
}

void KcpStatisticsNotifier::fire()
{
    m_running = false;
    const quint64 count = m_source.count();
    if (std::exchange(m_told, count) == count)
        return;
    m_listening = m_source.isListenedTo();
    if (!m_listening)
        return;
    start(); // first: a slot may delete us
    m_source.tell();
}
