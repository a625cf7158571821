// SPDX-License-Identifier: MIT
#ifndef KCPSOCKET_P_H
#define KCPSOCKET_P_H

#include "kcpconfiguration.h"
#include "kcpdriver_p.h"
#include "kcppresence_p.h"
#include "kcpsocket.h"
#include "kcpstatistics.h"
#include "kcpstatisticsnotifier_p.h"
#include "kcpwriterqueue_p.h"

#include <QtCore/qpointer.h>

#include <QtCore/qvariant.h>
#include <QtNetwork/qnetworkproxy.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

class KcpConnector;

// What `wanted` comes to for this host, as with QAbstractSocket: NoProxy, or one that carries UDP.
// False when there are only others.
bool kcpChooseProxy(const QNetworkProxy &wanted, const QString &hostName, quint16 port,
                    QNetworkProxy &chosen);
QString kcpUnusableProxyText();

// Small: a server has one for each of its connections. What few sockets need is in Rare.
class KcpSocketPrivate final : public KcpSessionHandler
{
public:
    struct Rare
    {
        QString peerName;
        QString closeText;
        std::optional<KcpStatistics> lastStatistics; // of the connection that has ended
        QHostAddress boundAddress; // by bind(), and what follows
        quint16 boundPort = 0;
        QAbstractSocket::BindMode bindMode = QAbstractSocket::DefaultForPlatform;
        quint32 conversationId = 0; // wanted; 0 = any
        quint32 pendingCloseCode = 0;
        QString pendingCloseText;
        QHostAddress localAddress; // with keepsAddresses
        quint16 localPort = 0;
        std::shared_ptr<KcpWriterQueue> writers; // of this connection
        KcpWriterQueue::Batch written; // by them
        QNetworkProxy proxy; // as set
        // Of the UDP socket, for all that are to come.
        std::vector<std::pair<QAbstractSocket::SocketOption, QVariant>> options;
        std::unique_ptr<KcpStatisticsNotifier> notifier; // when there was a listener
        int statisticsInterval = KcpStatisticsNotifier::DefaultInterval;
    };

    // For functions that emit: whether the socket is still there afterwards, and at the same thing.
    class Guard
    {
    public:
        explicit Guard(KcpSocketPrivate *d) : m_guard(d->presence), m_d(d), m_epoch(d->epoch) { }
        bool isHere() const { return m_guard.isHere(); }
        bool isUnchanged() const { return isHere() && m_d->epoch == m_epoch; }

    private:
        KcpPresence::Guard m_guard;
        KcpSocketPrivate *m_d;
        quint32 m_epoch;
    };

    explicit KcpSocketPrivate(KcpSocket *q);
    ~KcpSocketPrivate();
    static KcpSocketPrivate *of(KcpSocket *socket) { return socket->d.get(); }

    void handleSessionEvent(const kcpnet::Event &event) override;
    const QObject *handlerObject() const override { return q; }
    void handleParting() override;

    void handleStatisticsListener(); // there is one, or was when this was posted
    void handleThreadChange();
    void handleMoved(); // the first that happens in the new thread
    void reportParting();

    // An accepted session of a server's driver.
    void adoptAccepted(KcpDriver *server, kcpnet::SessionId session,
                       const KcpConfiguration &serverConfiguration);
    // A session that a connector has begun. Takes over the reference to the driver.
    void adoptSession(KcpDriver *client, kcpnet::SessionId session);

    // What a socket does around its signals, one step for each. A slot may move the socket to
    // another thread: then the rest is done there.
    enum class Step : quint8 {
        None,
        EnterHostLookup,
        LookUp,
        EnterConnecting,
        TellHostFound,
        StartAttempts,
        EnterConnected,
        TellConnected,
        CloseIfWanted,
        TellFailure, // to connect
        TellError,
        TellEnd, // of a connection
        EnterClosing,
        EnterUnconnected,
        TellReadChannelFinished,
        TellDisconnected,
        ForgetAddresses,
    };
    void proceed(Step step); // with it and those that follow
    Step take(Step step); // returns the next one

    void applySocketOptions(KcpDriver *driver);
    // False, and the error is told, when there is no way.
    bool chooseProxy(const QString &hostName, quint16 port, QNetworkProxy &chosen);
    bool enterBound(KcpDriver *newDriver, bool isBound);
    bool closeDevice(); // emits; false when the socket is gone or busy with something else then
    void startConnecting(const QList<QHostAddress> &addresses);
    void failConnecting(QAbstractSocket::SocketError code, const QString &text);
    bool beginConnect(QIODevice::OpenMode mode);

    const kcpnet::Session *session() const { return driver ? driver->session(id) : nullptr; }
    bool isMessageMode() const { return configuration.mode() == KcpConfiguration::Message; }
    bool isEnded() const; // no session will come or is left
    bool hasPeer() const;
    Rare &rare();
    void setError(QAbstractSocket::SocketError code, const QString &text);
    // These emit: false when the socket is gone, or has begun something else, afterwards.
    bool changeState(QAbstractSocket::SocketState newState);
    bool emitError();
    void keepAddresses();
    void forgetAddresses();

    // Forgets the session; what was not read is lost. One that is still open is closed in the
    // background.
    void releaseSession();
    void releaseIfReadOut();
    void closeSession(quint32 code, const QString &text);
    void abortSession();

    qint64 acceptableBytes(qint64 size) const; // below the write buffer limit
    qint64 outstandingBytes() const; // unsent and unacknowledged, what writers wrote included
    qint64 connectionBytes() const; // without that
    // Hand over to the connection; false when it has ended or does not take it.
    bool send(const char *data, qint64 size);
    bool sendMessage(const QByteArray &message);

    void takeFromWriters();
    void settleWriters();
    void closeWriters(const QString &reason);
    void endWriters(const QString &reason);
    void connectWriters(); // the session is there
    bool refuseInMode(bool messageFunction, const char *function);
    void noteRead(bool windowWasClosed);
    bool isWindowClosed() const;
    void applyLiveConfiguration();

    enum class Wait : quint8 { Done, TimedOut, Gone };
    template <typename Done>
    Wait waitUntil(kcp::Instant deadline, Done done);
    kcp::Instant deadlineIn(int msecs) const;
    bool step(kcp::Instant deadline);
    bool waitForEstablished(kcp::Instant deadline); // for the waits that need a connection
    bool waitForLookup();
    void reportWaitTimeout();

    KcpSocket *q;
    QPointer<KcpDriver> driver; // we hold a reference
    std::unique_ptr<KcpConnector> connector; // while connecting
    std::unique_ptr<Rare> extra;
    KcpPresence presence;
    KcpConfiguration configuration;
    kcpnet::SessionId id;
    kcpnet::Address peer;
    qint64 readBufferSize = 0;
    qint64 writeBufferLimit = 0;
    qint64 unreportedBytes = 0; // written, while bytesWritten() was being emitted
    qint64 knownOutstanding = 0; // with a write buffer limit: unsent and unacknowledged
    quint32 closeCode = 0;
    quint32 readableEvents = 0; // counters that waits look at
    quint32 writtenEvents = 0;
    quint32 epoch = 0; // grows with each connectToHost() and abort()
    QAbstractSocket::SocketState state = QAbstractSocket::UnconnectedState;
    QAbstractSocket::SocketError error = QAbstractSocket::UnknownSocketError;
    KcpSocket::CloseReason closeReason = KcpSocket::NotClosed;
    bool emittingReadyRead = false;
    bool emittingBytesWritten = false;
    Step resumeAt = Step::None; // when the step that is being taken moves the socket
    bool pendingClose = false; // disconnectFromHost() before the connection was made
    bool wasConnected = false; // while the steps of an end are taken
    bool warnedAboutMode = false;
    bool keepsAddresses = false; // the connection is over, its slots are being called

private:
    void handleConnected();
    void closeIfWanted();
    void handleReadable();
    void handleWritten(qint64 bytes);
    void handleDatagrams();
    void handleClosed(const kcpnet::Event &event);
};

#endif // KCPSOCKET_P_H
