// SPDX-License-Identifier: MIT
#ifndef CHAT_RECORDLINK_H
#define CHAT_RECORDLINK_H

#include "records/records.h"

#include <QtCore/QObject>
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpSocket>

// How both sides set up their sessions.
KcpConfiguration chatConfiguration();

// A session that carries records, and the limits that hold for it whoever is on the other side.
// Takes over the socket.
class RecordLink : public QObject
{
    Q_OBJECT
public:
    explicit RecordLink(KcpSocket *socket, QObject *parent = nullptr);
    ~RecordLink() override;

    KcpSocket *socket() const { return m_socket; }

    // Returns false when the other side has not taken what it was sent before; then it is too slow.
    bool send(const Chat::Record &record);
    void sendDatagram(const Chat::Record &record);

    // Bytes that the other side has not acknowledged.
    qint64 queuedBytes() const;

    // While paused nothing is read: the window closes, and the other side has to wait.
    void setPaused(bool paused);

    // Tells the other side why, and hears nothing of it any more. ended() comes when it knows.
    void close(Chat::Reason reason, const QString &text = QString());
    // For another side that takes nothing any more, not even a reason.
    void abort();
    bool isClosing() const { return m_closing; }

Q_SIGNALS:
    void received(const Chat::Record &record);
    void datagramReceived(const Chat::Record &record);
    void malformed(); // something that is no record
    void acknowledged(); // there is room for more
    void ended();

private:
    void read();
    void readLater();
    void readDatagram(const QByteArray &payload);

    KcpSocket *m_socket;
    bool m_paused = false;
    bool m_closing = false;
    bool m_scheduled = false; // another turn of read() is on its way
};

#endif // CHAT_RECORDLINK_H
