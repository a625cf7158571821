// SPDX-License-Identifier: MIT
#ifndef KCPSERVER_H
#define KCPSERVER_H

#include <QtKcpNetwork/kcpconfiguration.h>
#include <QtKcpNetwork/qtkcpnetworkglobal.h>

#include <QtCore/qobject.h>
#include <QtNetwork/qabstractsocket.h>
#include <QtNetwork/qhostaddress.h>

#include <memory>

QT_BEGIN_NAMESPACE
class QNetworkProxy;
QT_END_NAMESPACE

class KcpServerPrivate;
class KcpSocket;
class KcpStatistics;

class Q_KCPNETWORK_EXPORT KcpServer : public QObject
{
    Q_OBJECT
    Q_PROPERTY(bool listening READ isListening)
    Q_PROPERTY(quint16 serverPort READ serverPort)
    Q_PROPERTY(int maxPendingConnections READ maxPendingConnections WRITE setMaxPendingConnections)
    Q_PROPERTY(int maxConnections READ maxConnections WRITE setMaxConnections)
    Q_PROPERTY(int maxConnectionsPerAddress READ maxConnectionsPerAddress WRITE
                       setMaxConnectionsPerAddress)
    Q_PROPERTY(KcpConfiguration configuration READ configuration WRITE setConfiguration)
    Q_PROPERTY(int connectionCount READ connectionCount NOTIFY statisticsChanged)
    Q_PROPERTY(KcpStatistics statistics READ statistics NOTIFY statisticsChanged)
    Q_PROPERTY(int statisticsInterval READ statisticsInterval WRITE setStatisticsInterval)
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

    bool setSocketDescriptor(qintptr socketDescriptor);
    qintptr socketDescriptor() const;

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

    void setProxy(const QNetworkProxy &networkProxy);
    QNetworkProxy proxy() const;

    KcpStatistics statistics() const;
    int statisticsInterval() const;
    void setStatisticsInterval(int msecs);

Q_SIGNALS:
    void newConnection();
    void pendingConnectionAvailable();
    void acceptError(QAbstractSocket::SocketError socketError);
    void statisticsChanged();

protected:
    bool event(QEvent *event) override;
    void connectNotify(const QMetaMethod &signal) override;
    virtual KcpSocket *createSocket(QObject *parent);
    virtual void incomingConnection(KcpSocket *socket);
    void addPendingConnection(KcpSocket *socket);

private:
    bool isStatisticsListenedTo() const;

    Q_DISABLE_COPY_MOVE(KcpServer)
    friend class KcpServerPrivate;
    std::unique_ptr<KcpServerPrivate> d;
};

#endif // KCPSERVER_H
