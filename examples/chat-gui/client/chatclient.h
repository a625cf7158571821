// SPDX-License-Identifier: MIT
#ifndef CHAT_CHATCLIENT_H
#define CHAT_CHATCLIENT_H

#include "client/backoff.h"
#include "client/badnetwork.h"
#include "client/filetransfers.h"
#include "link/recordlink.h"
#include "records/ratelimit.h"

#include <QtCore/QElapsedTimer>
#include <QtCore/QHash>
#include <QtCore/QMap>
#include <QtCore/QPointer>
#include <QtCore/QTimer>

// One person's side of the chat. Comes back by itself when the connection is lost.
class ChatClient : public QObject
{
    Q_OBJECT
public:
    enum State {
        Offline, // by will, or because the server does not want us
        Connecting,
        Online,
        Waiting, // for the next attempt to reconnect
    };
    Q_ENUM(State)

    struct Person
    {
        quint32 id = 0;
        QString name;
        int latency = -1; // ms, as the server measures it; -1 = not known yet
        bool isTyping = false;
    };

    struct Line
    {
        quint32 person = 0;
        QString name; // who may have left since
        QString text;
        qint64 time = 0; // ms since 1970
    };

    // Why there is no connection: the server's reason, or if it has given none, the socket's.
    struct Ending
    {
        Chat::Reason reason = Chat::Reason::None;
        KcpSocket::CloseReason socketReason = KcpSocket::NotClosed;
        QString socketText;
    };

    struct Counters
    {
        double rtt = 0; // ms
        double loss = 0; // 0 to 1
        quint64 bytesSent = 0;
        quint64 bytesReceived = 0;
    };

    explicit ChatClient(QObject *parent = nullptr);
    ~ChatClient() override;

    void join(const QString &host, quint16 port, const QString &name);
    // Says goodbye; waits for it to be heard if the program is about to end.
    void leave(bool wait = false);
    void retryNow();

    // Returns a tag; delivered() or undelivered() tells what has become of it. 0 if it was not sent:
    // there is no connection, nothing in it, or there were too many just before.
    quint32 say(const QString &text);
    void setTyping(); // call it with every key

    // Our own datagrams go through a bad network from now on. The first call reconnects.
    void useBadNetwork(double lossPercent, std::chrono::milliseconds delay);
    bool usesBadNetwork() const { return m_badNetwork != nullptr; }

    State state() const { return m_state; }
    const Ending &ending() const { return m_ending; }
    std::chrono::milliseconds waitTime() const; // until the next attempt
    QString host() const { return m_host; }
    quint16 port() const { return m_port; }
    quint32 ownId() const { return m_id; }
    QString ownName() const { return m_name; }
    QList<Person> people() const { return m_people.values(); }
    Person person(quint32 id) const { return m_people.value(id); }
    FileTransfers *files() { return &m_files; }
    Counters counters() const;

Q_SIGNALS:
    void stateChanged(ChatClient::State state);
    void joined(bool again); // we ourselves
    void personJoined(const ChatClient::Person &person);
    void personLeft(const ChatClient::Person &person, Chat::LeaveReason reason);
    void peopleChanged(); // also their latency, and whether they type
    void said(const ChatClient::Line &line); // by somebody else
    void delivered(quint32 tag, qint64 time);
    void undelivered(quint32 tag);

private:
    void connectToServer();
    void openLink();
    void attachFiles();
    KcpSocket *openSocket();
    void handleConnected();
    void handle(const Chat::Record &record);
    void handleWelcome(const Chat::Welcome &welcome);
    void handleSaid(const Chat::Said &said);
    void handleDatagram(const Chat::Record &record);
    void handleEnd();
    void handleFilesEnd();
    void drop(RecordLink *link);
    void dropFilesLink();
    void dropLinks();
    void dropPending();
    void clearTyping();
    void setState(State state);

    State m_state = Offline;
    Ending m_ending;
    QString m_host;
    quint16 m_port = 0;
    QString m_name;
    QByteArray m_token; // of our place in the chat
    quint32 m_id = 0;
    bool m_wasOnline = false; // since join(): then it is worth to come back
    RecordLink *m_link = nullptr;
    RecordLink *m_filesLink = nullptr;
    QPointer<RecordLink> m_oldLink; // heard until the server has taken the new one for it
    QMap<quint32, Person> m_people;
    QHash<quint32, QElapsedTimer> m_typing; // since when, by person
    QList<quint32> m_pending; // tags of lines that the server has not confirmed
    RateLimit m_lines{ Chat::LinesPerSecond, Chat::LinesAtOnce };
    quint32 m_lastTag = 0;
    QElapsedTimer m_typingSent;
    QTimer m_retry;
    QTimer m_filesRetry;
    QTimer m_typingTimer;
    Backoff m_backoff;
    BadNetwork *m_badNetwork = nullptr;
    FileTransfers m_files;
};

#endif // CHAT_CHATCLIENT_H
