// SPDX-License-Identifier: MIT
#ifndef KCPSERVER_H
#define KCPSERVER_H

#include <QtKcpNetwork/kcpconfiguration.h>
#include <QtKcpNetwork/qtkcpnetworkglobal.h>

#include <QtCore/qobject.h>
#include <QtNetwork/qabstractsocket.h>
#include <QtNetwork/qhostaddress.h>

#include <memory>

class KcpServerPrivate;
class KcpSocket;
class KcpStatistics;

class Q_KCPNETWORK_EXPORT KcpServer : public QObject
{
    Q_OBJECT
public:
    explicit KcpServer(QObject *parent = nullptr);
    ~KcpServer() override;

    bool listen(const QHostAddress &address = QHostAddress::Any, quint16 port = 0);
    void close();
    bool isListening() const;

    void setMaxPendingConnections(int count);
    int maxPendingConnections() const;
    void setMaxConnections(int count);
    int maxConnections() const;
    void setMaxConnectionsPerAddress(int count);
    int maxConnectionsPerAddress() const;
    int connectionCount() const;

    quint16 serverPort() const;
    QHostAddress serverAddress() const;

    void setConfiguration(const KcpConfiguration &configuration);
    KcpConfiguration configuration() const;
    void setAcceptedProfiles(KcpConfiguration::Profiles profiles);
    KcpConfiguration::Profiles acceptedProfiles() const;
    void setResetKey(const QByteArray &key);

    bool waitForNewConnection(int msecs = 0, bool *timedOut = nullptr);
    virtual bool hasPendingConnections() const;
    virtual KcpSocket *nextPendingConnection();

    QAbstractSocket::SocketError serverError() const;
    QString errorString() const;

    void pauseAccepting();
    void resumeAccepting();

    KcpStatistics statistics() const;

Q_SIGNALS:
    void newConnection();
    void pendingConnectionAvailable();
    void acceptError(QAbstractSocket::SocketError socketError);

protected:
    bool event(QEvent *event) override;
    virtual KcpSocket *createSocket(QObject *parent);
    virtual void incomingConnection(KcpSocket *socket);
    void addPendingConnection(KcpSocket *socket);

private:
    Q_DISABLE_COPY_MOVE(KcpServer)
    friend class KcpServerPrivate;
    std::unique_ptr<KcpServerPrivate> d;
};

#endif // KCPSERVER_H
