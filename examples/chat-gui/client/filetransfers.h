// SPDX-License-Identifier: MIT
#ifndef CHAT_FILETRANSFERS_H
#define CHAT_FILETRANSFERS_H

#include "link/recordlink.h"
#include "records/ratelimit.h"

#include <QtCore/QFile>
#include <QtCore/QMap>
#include <QtCore/QObject>
#include <QtCore/QPointer>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTimer>

#include <memory>

// The files that go and come, over a session of their own.
class FileTransfers : public QObject
{
    Q_OBJECT
public:
    enum State {
        Queued, // our own, behind others of ours
        Running,
        Complete,
        Cancelled,
        Failed, // the connection or the sender has gone
        NoRoom, // we have too many files already, or newer ones, or the disk is full
    };
    Q_ENUM(State)

    enum Refusal { Accepted, Unreadable, TooLarge, TooMany, NotConnected };

    struct Transfer
    {
        quint32 number = 0; // ours
        bool isOwn = false;
        quint32 person = 0; // who sends it
        QString name; // cleaned; only what is proposed for saving
        quint32 size = 0; // bytes
        quint32 done = 0; // bytes
        State state = Queued;
        QString path; // our file, or where the received one is kept while it is Complete
    };

    explicit FileTransfers(QObject *parent = nullptr);
    ~FileTransfers() override;

    // Queues a file. On success *number is that of the transfer.
    Refusal send(const QString &path, quint32 *number = nullptr);
    void cancel(quint32 number);
    Transfer transfer(quint32 number) const { return m_transfers.value(number); }
    bool isIdle() const; // nothing is being sent or received

    // Received files that are kept until we leave (default 512 MiB); the oldest goes when a new one
    // needs its room.
    void setMaximumKept(qint64 bytes) { m_maximumKept = bytes; }

    void attach(RecordLink *link);
    void detach(); // what is not complete has failed
    void dropReceived(); // nobody can save them any more

Q_SIGNALS:
    void added(quint32 number);
    void changed(quint32 number);
    void becameIdle();

private:
    struct Incoming
    {
        quint32 number = 0;
        std::unique_ptr<QFile> file;
    };

    void handle(const Chat::Record &record);
    void handleStart(const Chat::FileStart &start);
    void handleChunk(const Chat::FileChunk &chunk);
    void handleFinish(const Chat::FileFinish &finish);
    void sendNext();
    void sendChunks();
    void finishOutgoing(State state);
    void setState(quint32 number, State state);
    void dropReceived(quint32 number);
    bool makeRoom(quint32 size);
    void insert(const Transfer &transfer);
    bool openIncoming(Transfer &transfer, QFile &file);

    QPointer<RecordLink> m_link;
    bool m_ready = false; // the server has said Attached
    QMap<quint32, Transfer> m_transfers;
    QList<quint32> m_queue; // of ours
    std::unique_ptr<QFile> m_outgoing;
    quint32 m_outgoingNumber = 0; // 0 = nothing is being sent
    quint32 m_sent = 0; // bytes of it that the socket has taken
    std::map<quint32, Incoming> m_incoming; // by the server's number
    std::unique_ptr<QTemporaryDir> m_folder;
    qint64 m_kept = 0; // bytes in the folder
    qint64 m_maximumKept = 512 * 1024 * 1024;
    RateLimit m_offers{ Chat::FilesPerSecond, Chat::FilesAtOnce };
    QTimer m_offerTimer; // when the next one may go
    quint32 m_lastNumber = 0;
};

#endif // CHAT_FILETRANSFERS_H
