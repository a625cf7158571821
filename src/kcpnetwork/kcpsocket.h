// SPDX-License-Identifier: MIT
#ifndef KCPSOCKET_H
#define KCPSOCKET_H

#include <QtKcpNetwork/qtkcpnetworkglobal.h>

#include <QtCore/qiodevice.h>
#include <QtNetwork/qabstractsocket.h>

#include <memory>

QT_BEGIN_NAMESPACE
class QHostAddress;
class QNetworkProxy;
class QVariant;
QT_END_NAMESPACE

class KcpConfiguration;
class KcpServer;
class KcpServerPrivate;
class KcpSocketPrivate;
class KcpStatistics;
class KcpWriter;

class Q_KCPNETWORK_EXPORT KcpSocket : public QIODevice
{
    Q_OBJECT
    Q_PROPERTY(QAbstractSocket::SocketState state READ state NOTIFY stateChanged)
    Q_PROPERTY(QAbstractSocket::SocketError error READ error NOTIFY errorOccurred)
    Q_PROPERTY(QString errorString READ errorString NOTIFY errorOccurred)
    Q_PROPERTY(KcpSocket::CloseReason closeReason READ closeReason NOTIFY stateChanged)
    Q_PROPERTY(quint32 closeCode READ closeCode NOTIFY stateChanged)
    Q_PROPERTY(QString closeText READ closeText NOTIFY stateChanged)
    Q_PROPERTY(QString peerName READ peerName NOTIFY stateChanged)
    Q_PROPERTY(KcpConfiguration configuration READ configuration WRITE setConfiguration)
    Q_PROPERTY(qint64 readBufferSize READ readBufferSize WRITE setReadBufferSize)
    Q_PROPERTY(qint64 writeBufferLimit READ writeBufferLimit WRITE setWriteBufferLimit)
    Q_PROPERTY(KcpStatistics statistics READ statistics NOTIFY statisticsChanged)
    Q_PROPERTY(int statisticsInterval READ statisticsInterval WRITE setStatisticsInterval)
public:
    enum CloseReason {
        NotClosed,
        LocalClose,
        LocalAbort,
        RemoteClose,
        RemoteAbort,
        Refused,
        ConnectTimeout,
        IdleTimeout,
        DeadLink,
        LingerTimeout,
        ConnectionReset,
        ProtocolError,
    };
    Q_ENUM(CloseReason)

    explicit KcpSocket(QObject *parent = nullptr);
    ~KcpSocket() override;

    bool bind(const QHostAddress &address, quint16 port = 0,
              QAbstractSocket::BindMode mode = QAbstractSocket::DefaultForPlatform);
    bool bind(quint16 port = 0,
              QAbstractSocket::BindMode mode = QAbstractSocket::DefaultForPlatform);

    bool setSocketDescriptor(qintptr socketDescriptor);
    qintptr socketDescriptor() const;

    void
    connectToHost(const QString &hostName, quint16 port, OpenMode openMode = ReadWrite,
                  QAbstractSocket::NetworkLayerProtocol protocol = QAbstractSocket::AnyIPProtocol);
    void connectToHost(const QHostAddress &address, quint16 port, OpenMode openMode = ReadWrite);
    void disconnectFromHost();
    void disconnectFromHost(quint32 code, const QString &text = QString());
    void abort();
    bool flush();
    bool rebind();

    bool isValid() const;
    QAbstractSocket::SocketState state() const;
    QAbstractSocket::SocketError error() const;

    CloseReason closeReason() const;
    quint32 closeCode() const;
    QString closeText() const;

    quint16 localPort() const;
    QHostAddress localAddress() const;
    quint16 peerPort() const;
    QHostAddress peerAddress() const;
    QString peerName() const;

    quint32 conversationId() const;
    bool setConversationId(quint32 id);

    KcpConfiguration configuration() const;
    bool setConfiguration(const KcpConfiguration &configuration);
    KcpStatistics statistics() const;
    int statisticsInterval() const;
    void setStatisticsInterval(int msecs);

    void setProxy(const QNetworkProxy &networkProxy);
    QNetworkProxy proxy() const;

    void setSocketOption(QAbstractSocket::SocketOption option, const QVariant &value);
    QVariant socketOption(QAbstractSocket::SocketOption option);

    qint64 readBufferSize() const;
    void setReadBufferSize(qint64 size);
    qint64 writeBufferLimit() const;
    void setWriteBufferLimit(qint64 size);

    // QIODevice
    bool isSequential() const override;
    qint64 bytesAvailable() const override;
    qint64 bytesToWrite() const override;
    qint64 bytesUnacknowledged() const;
    bool canReadLine() const override;
    void close() override;

    // Message mode
    bool writeMessage(const QByteArray &message);
    bool writeMessage(const char *data, qint64 size);
    QByteArray readMessage(bool *ok = nullptr);
    bool hasPendingMessages() const;
    qint64 nextMessageSize() const;
    qint64 maximumMessageSize() const;

    // For other threads
    KcpWriter writer();

    // Unreliable side channel
    bool sendDatagram(const QByteArray &payload);
    qint64 maximumDatagramSize() const;

    bool waitForConnected(int msecs = 30000);
    bool waitForReadyRead(int msecs = 30000) override;
    bool waitForBytesWritten(int msecs = 30000) override;
    bool waitForDisconnected(int msecs = 30000);

Q_SIGNALS:
    void hostFound();
    void connected();
    void disconnected();
    void stateChanged(QAbstractSocket::SocketState state);
    void errorOccurred(QAbstractSocket::SocketError error);
    void datagramReceived(const QByteArray &payload);
    void peerAddressChanged();
    void statisticsChanged();

protected:
    bool event(QEvent *event) override;
    void connectNotify(const QMetaMethod &signal) override;
    qint64 readData(char *data, qint64 maxSize) override;
    qint64 readLineData(char *data, qint64 maxSize) override;
    qint64 skipData(qint64 maxSize) override;
    qint64 writeData(const char *data, qint64 size) override;

private:
    bool isStatisticsListenedTo() const;

    Q_DISABLE_COPY_MOVE(KcpSocket)
    friend class KcpSocketPrivate;
    friend class KcpServerPrivate;
    std::unique_ptr<KcpSocketPrivate> d;
};

#endif // KCPSOCKET_H
