// SPDX-License-Identifier: MIT
#ifndef CHAT_BACKOFF_H
#define CHAT_BACKOFF_H

#include <QtCore/QRandomGenerator>

#include <algorithm>
#include <chrono>

// How long to wait before the next attempt: twice as long each time, up to a limit, and a little
// random, so that not everybody comes back in the same moment after the server was away.
class Backoff
{
public:
    static constexpr std::chrono::milliseconds First{ 500 };
    static constexpr std::chrono::milliseconds Longest{ 15000 };

    std::chrono::milliseconds next(double random = QRandomGenerator::global()->generateDouble())
    {
        const std::chrono::milliseconds base = m_base;
        m_base = std::min(Longest, 2 * m_base);
        return base - std::chrono::milliseconds(qint64(random * 0.25 * double(base.count())));
    }
    void reset() { m_base = First; }

private:
    std::chrono::milliseconds m_base = First;
};

#endif // CHAT_BACKOFF_H
