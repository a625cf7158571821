// SPDX-License-Identifier: MIT
#ifndef ECHOSERVER_H
#define ECHOSERVER_H

#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtNetwork/QHostAddress>

// "127.0.0.1:4000" or "[::1]:4000"
QString endpointName(const QHostAddress &address, quint16 port);

class EchoServer : public QObject
{
    Q_OBJECT
public:
    explicit EchoServer(const KcpConfiguration &configuration, QObject *parent = nullptr);

    bool listen(const QHostAddress &address, quint16 port);
    QString name() const;
    QString errorString() const;

    // Lets nobody in any more and closes every connection, then emits finished().
    void finish();

Q_SIGNALS:
    void finished();

private:
    void acceptConnections();
    void countDown();

    KcpServer m_server;
    int m_connections = 0;
    bool m_finishing = false;
};

#endif // ECHOSERVER_H
