// SPDX-License-Identifier: MIT
#ifndef CHAT_RATELIMIT_H
#define CHAT_RATELIMIT_H

#include <QtCore/QtGlobal>

// So many at once, and so many a second in the long run. Time comes in as milliseconds of any clock.
class RateLimit
{
public:
    RateLimit(int perSecond, int atOnce)
        : m_perSecond(perSecond), m_capacity(qint64(atOnce) * 1000), m_left(m_capacity)
    {
    }

    // Takes one, if there is one.
    bool take(qint64 now)
    {
        const qint64 elapsed = qBound(qint64(0), now - m_last, m_capacity / m_perSecond + 1);
        m_last = now;
        m_left = qMin(m_capacity, m_left + elapsed * m_perSecond);
        if (m_left < 1000)
            return false;
        m_left -= 1000;
        return true;
    }

private:
    qint64 m_perSecond;
    qint64 m_capacity; // thousandths, so that a millisecond counts
    qint64 m_left;
    qint64 m_last = 0;
};

#endif // CHAT_RATELIMIT_H
