// SPDX-License-Identifier: MIT
#ifndef CHAT_HOSTEDSERVER_H
#define CHAT_HOSTEDSERVER_H

#include <QtCore/QObject>
#include <QtCore/QThread>

class ChatServer;

// A ChatServer in a thread of its own: while the window of the host is busy, the chat of the others
// is not.
class HostedServer : public QObject
{
    Q_OBJECT
public:
    explicit HostedServer(QObject *parent = nullptr);
    ~HostedServer() override; // as stop()

    // Listens on all addresses. Returns whether it does; errorString() says why not.
    bool start(quint16 port);
    quint16 port() const { return m_port; }
    QString errorString() const { return m_errorString; }

    // Tells everybody, and returns when they know, at the latest after the linger time.
    void stop();

private:
    QThread m_thread;
    ChatServer *m_server = nullptr; // lives in the thread
    quint16 m_port = 0;
    QString m_errorString;
};

#endif // CHAT_HOSTEDSERVER_H
