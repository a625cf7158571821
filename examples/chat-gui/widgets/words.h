// SPDX-License-Identifier: MIT
#ifndef CHAT_WORDS_H
#define CHAT_WORDS_H

#include "client/chatclient.h"

#include <QtCore/QCoreApplication>

// What happens, in words for the person in front of the screen. The texts that a server or a socket
// sends along are for programmers; here its codes become sentences in the right language.
class Words
{
    Q_DECLARE_TR_FUNCTIONS(Words)
public:
    static QString ending(const ChatClient::Ending &ending);
    static QString leaving(const QString &name, Chat::LeaveReason reason);
    static QString refusal(FileTransfers::Refusal refusal, const QString &fileName);
    static QString transfer(const FileTransfers::Transfer &transfer);
    static QString size(qint64 bytes);
    static QString time(qint64 millisecondsSinceEpoch);
};

#endif // CHAT_WORDS_H
