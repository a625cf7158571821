// SPDX-License-Identifier: MIT
#include "server/joinlimits.h"

#include "records/limits.h"

#include <QtCore/QtEndian>
#include <QtNetwork/QHostAddress>

#include <algorithm>

// Each has completed a handshake: its address is real.
static constexpr size_t MaximumEntries = 1024;

// An IPv4 address, or the 64 bits that one IPv6 customer has at least.
static quint64 networkOf(const QHostAddress &address)
{
    bool isV4 = false;
    const quint32 v4 = address.toIPv4Address(&isV4); // also one that is mapped
    if (isV4)
        return v4;
    const Q_IPV6ADDR v6 = address.toIPv6Address();
    return qFromBigEndian<quint64>(&v6);
}

bool JoinLimits::take(const QHostAddress &address, qint64 now)
{
    Entry &known = entry(address, now);
    const qint64 elapsed = now - known.refusedSince;
    // A clock that was set back must not shut anybody out for a day.
    if (known.isRefused && elapsed >= 0 && elapsed < Chat::RefusalTime)
        return false;
    known.isRefused = false;
    return known.joins.take(now);
}

void JoinLimits::refuse(const QHostAddress &address, qint64 now)
{
    Entry &known = entry(address, now);
    known.isRefused = true;
    known.refusedSince = now;
}

JoinLimits::Entry &JoinLimits::entry(const QHostAddress &address, qint64 now)
{
    const quint64 network = networkOf(address);
    auto it = m_entries.find(network);
    if (it == m_entries.end()) {
        if (m_entries.size() >= MaximumEntries) {
            m_entries.erase(std::min_element(m_entries.begin(), m_entries.end(),
                                             [](const auto &a, const auto &b) {
                                                 return a.second.lastUsed < b.second.lastUsed;
                                             }));
        }
        const RateLimit joins(Chat::JoinsPerSecond, Chat::JoinsAtOnce);
        it = m_entries.emplace(network, Entry{ joins }).first;
    }
    it->second.lastUsed = now;
    return it->second;
}
