// SPDX-License-Identifier: MIT
#ifndef CHAT_MEMBER_H
#define CHAT_MEMBER_H

#include "link/recordlink.h"
#include "records/limits.h"
#include "records/ratelimit.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>

#include <map>
#include <memory>

// A person in the chat, as the server sees it: one session for what is said, one for files.
struct Member
{
    quint32 id = 0;
    QString name;
    QString skeleton; // of the name: no two are the same
    QByteArray token; // who shows it is this person
    RecordLink *chat = nullptr;
    RecordLink *files = nullptr; // nullptr while there is none
    RateLimit lines{ Chat::LinesPerSecond, Chat::LinesTaken };
    RateLimit offers{ Chat::FilesPerSecond, Chat::FilesTaken };
    RateLimit datagrams{ Chat::DatagramsPerSecond, Chat::DatagramsAtOnce };
};

using Members = std::map<quint32, std::unique_ptr<Member>>;

#endif // CHAT_MEMBER_H
