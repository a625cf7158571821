// SPDX-License-Identifier: MIT
#include "kcpwakeup_p.h"

#ifdef Q_OS_LINUX
#  include <sys/eventfd.h>
#  include <unistd.h>

#  include <cstdint>
#endif

KcpWakeup::KcpWakeup()
{
#ifdef Q_OS_LINUX
    m_descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
#endif
}

KcpWakeup::~KcpWakeup()
{
#ifdef Q_OS_LINUX
    if (m_descriptor >= 0)
        ::close(m_descriptor);
#endif
}

void KcpWakeup::wake()
{
    m_wanted = true;
    if (!m_sleeps)
        return;
#ifdef Q_OS_LINUX
    const std::uint64_t one = 1;
    // Fails only when the counter is full: then the sleeper wakes up anyway.
    [[maybe_unused]] const auto written = ::write(m_descriptor, &one, sizeof one);
#endif
}

bool KcpWakeup::begin()
{
    m_sleeps = true;
    return !m_wanted;
}

void KcpWakeup::end()
{
    m_sleeps = false;
    m_wanted = false;
#ifdef Q_OS_LINUX
    std::uint64_t count = 0;
    [[maybe_unused]] const auto size = ::read(m_descriptor, &count, sizeof count);
#endif
}
