// SPDX-License-Identifier: MIT
#ifndef ECHOCONNECTION_H
#define ECHOCONNECTION_H

#include <QtCore/QObject>

class KcpSocket;

// Sends back what one client sends. Lives as long as its socket.
class EchoConnection : public QObject
{
    Q_OBJECT
public:
    explicit EchoConnection(KcpSocket *socket);

private:
    void echo();
    void echoMessages();
    void logEnd();

    KcpSocket *m_socket;
    QString m_name; // the client's address and port
    qint64 m_echoed = 0; // bytes
};

#endif // ECHOCONNECTION_H
