// SPDX-License-Identifier: MIT
#ifndef CHAT_CHATSERVER_H
#define CHAT_CHATSERVER_H

#include "server/filerelay.h"
#include "server/joinlimits.h"
#include "server/member.h"

#include <QtCore/QTimer>
#include <QtKcpNetwork/KcpServer>
#include <QtNetwork/QHostAddress>

// Relays between the people of one chat. Keeps nothing of what they say.
class ChatServer : public QObject
{
    Q_OBJECT
public:
    explicit ChatServer(QObject *parent = nullptr);
    ~ChatServer() override;

    bool listen(const QHostAddress &address, quint16 port);
    quint16 port() const { return m_server.serverPort(); }
    QString errorString() const { return m_server.errorString(); }
    int memberCount() const { return int(m_members.size()); }

    // How long to wait for a stranger to say who it is (default 5 s), and for a member that takes
    // too little of a file (15 s).
    void setPatience(std::chrono::milliseconds stranger, std::chrono::milliseconds receiver);

    // Tells everybody and emits finished() when they know.
    void finish();

Q_SIGNALS:
    void logged(const QString &line); // for the person who runs it; not translated
    void finished();

private:
    void acceptConnections();
    void handleFirst(RecordLink *link, const Chat::Record &record);
    void handleHello(RecordLink *link, const Chat::Hello &hello);
    void handleAttach(RecordLink *link, const Chat::Attach &attach);
    void welcome(Member &member, RecordLink *link);
    void handleChat(quint32 id, const Chat::Record &record);
    void handleDatagram(quint32 id, const Chat::Record &record);
    void handleFiles(quint32 id, const Chat::Record &record);
    void handleEnd(RecordLink *link);
    void handleMalformed(RecordLink *link);

    void leave(quint32 id, Chat::LeaveReason reason);
    void remove(quint32 id, Chat::Reason reason);
    void removeSlow(quint32 id); // does not take what is sent to it
    void drop(RecordLink *link, Chat::Reason reason, const QString &text = QString());
    void detachFiles(Member &member); // the session has stalled, or there is a new one
    void broadcast(const Chat::Record &record, quint32 exceptId = 0);
    void tick();

    Member *memberOf(const RecordLink *link) const;
    Member *memberByToken(const QByteArray &token) const;

    KcpServer m_server;
    Members m_members;
    JoinLimits m_joins;
    FileRelay m_files{ m_members };
    QSet<RecordLink *> m_links; // all, also those that have not said who they are, or are closing
    QTimer m_ticker;
    std::chrono::milliseconds m_patience{ 5000 };
    quint32 m_lastId = 0;
    bool m_finishing = false;
};

#endif // CHAT_CHATSERVER_H
