// SPDX-License-Identifier: MIT
#ifndef CHAT_JOINLIMITS_H
#define CHAT_JOINLIMITS_H

#include "records/ratelimit.h"

#include <QtCore/QtGlobal>

#include <map>

QT_BEGIN_NAMESPACE
class QHostAddress;
QT_END_NAMESPACE

// Who joins how often, by address: what a member may do does not begin anew because it leaves and
// joins again. Time comes in as milliseconds of any clock.
class JoinLimits
{
public:
    // Whether somebody may join from there now; if so, that has been counted.
    bool take(const QHostAddress &address, qint64 now);

    // A member from there was removed because it would not stop: nobody joins from there for a while.
    void refuse(const QHostAddress &address, qint64 now);

private:
    struct Entry
    {
        RateLimit joins;
        qint64 lastUsed = 0;
        bool isRefused = false;
        qint64 refusedSince = 0;
    };
    Entry &entry(const QHostAddress &address, qint64 now);

    std::map<quint64, Entry> m_entries; // by network
};

#endif // CHAT_JOINLIMITS_H
