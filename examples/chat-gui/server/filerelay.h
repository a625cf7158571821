// SPDX-License-Identifier: MIT
#ifndef CHAT_FILERELAY_H
#define CHAT_FILERELAY_H

#include "server/member.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QObject>
#include <QtCore/QSet>

#include <chrono>

// Passes files on without ever having one: a sender is read only as fast as the slowest receiver
// takes. One file of each member at a time.
class FileRelay : public QObject
{
    Q_OBJECT
public:
    explicit FileRelay(const Members &members, QObject *parent = nullptr);

    // A record of a member's file session. Returns false if it breaks the rules.
    bool handle(Member &sender, const Chat::Record &record);

    // Some receiver has taken what it was sent: senders may go on.
    void resume();

    // The member has gone, or its file session has.
    void forget(Member &member);

    // A receiver that makes senders wait for so long does not hold up the others any more.
    void setPatience(std::chrono::milliseconds patience) { m_patience = patience; }
    // Members whose file session takes too little while others wait for it.
    QList<quint32> stalledMembers() const;

private:
    struct Upload
    {
        quint32 transfer = 0; // the server's number
        quint32 senderTransfer = 0; // the sender's own
        quint32 left = 0; // bytes
        QSet<quint32> receivers;
    };

    bool start(Member &sender, const Chat::FileOffer &offer);
    bool pass(Member &sender, const Chat::FileChunk &chunk);
    bool finish(Member &sender, Chat::FileEnd toReceivers, Chat::FileEnd toSender);
    void sendToReceivers(Upload &upload, const Chat::Record &record);
    void pauseIfNeeded(Member &sender);
    void forgetUnawaited();

    const Members &m_members;
    std::map<quint32, Upload> m_uploads; // by the sender's id
    std::map<quint32, QElapsedTimer> m_full; // receivers that a sender waits for, and since when
    std::chrono::milliseconds m_patience{ 15000 };
    quint32 m_lastTransfer = 0;
};

#endif // CHAT_FILERELAY_H
