// SPDX-License-Identifier: MIT
// From a host name to a session: looks the name up, then tries the addresses, each 250 ms after the
// one before or as soon as that has failed; the first that answers wins (after RFC 8305).
#ifndef KCPCONNECTOR_P_H
#define KCPCONNECTOR_P_H

#include "kcpdriver_p.h"

#include <QtCore/qbytearray.h>
#include <QtCore/qlist.h>
#include <QtNetwork/qhostaddress.h>
#include <QtNetwork/qhostinfo.h>
#include <QtNetwork/qnetworkproxy.h>

#include <memory>
#include <vector>

class KcpConnector;
class KcpSocketPrivate;

// Receives the result of a lookup. (Qt leaks the functor of a lookup whose result is not wanted any
// more, therefore a slot.)
class KcpHostLookup : public QObject
{
    Q_OBJECT
public:
    KcpHostLookup(KcpConnector *connector, QObject *parent)
        : QObject(parent), m_connector(connector)
    {
    }
    void forget() { m_connector = nullptr; }

public Q_SLOTS:
    void finish(const QHostInfo &info);

private:
    KcpConnector *m_connector;
};

class KcpConnector
{
public:
    KcpConnector(KcpSocketPrivate *socket, quint16 port,
                 QAbstractSocket::NetworkLayerProtocol protocol);
    ~KcpConnector(); // gives up every attempt
    quint16 port() const { return m_port; }

    // The name of the socket's peer, unless addresses are known.
    void lookUp();
    // Blocks for the result that lookUp() has not brought yet.
    void finishLookUp();

    // Leaves only what the wanted protocol can use, and lets the address families alternate.
    QList<QHostAddress> usable(const QList<QHostAddress> &addresses) const;
    void setProxy(const QNetworkProxy &proxy) { m_proxy = proxy; }
    void setAddresses(const QList<QHostAddress> &addresses) { m_untried = addresses; }
    // The socket may have its session, or have failed, when this returns; then the connector is
    // gone.
    void start() { startNext(); }

    // What was written before there is one session to take it.
    void queue(const char *data, qint64 size) { m_earlyBytes.append(data, size); }
    void queueMessage(const QByteArray &message);
    qint64 queuedBytes() const { return m_earlyBytes.size() + m_earlyMessageBytes; }
    void moveQueueTo(KcpDriver *driver, kcpnet::SessionId id);

    // The timer does not run while the socket moves to another thread.
    void pauseTimer();
    void resumeTimer();

    // A step of waiting without an event loop. False once the deadline has passed.
    bool wait(kcp::Instant deadline);

private:
    friend class KcpHostLookup;
    struct Attempt;

    void lookedUp(const QHostInfo &info);
    void startNext();
    std::unique_ptr<Attempt> openAttempt(const QHostAddress &address);
    void handleEvent(Attempt *attempt, const kcpnet::Event &event);
    void succeed(Attempt *attempt);
    void noteFailure(const kcpnet::Event &event, const QHostAddress &address);
    void noteFailure(QAbstractSocket::SocketError error, const QString &text);
    bool anyAlive() const;
    void scheduleNext();

    KcpSocketPrivate *m_socket;
    KcpHostLookup *m_lookup = nullptr; // a child of the socket
    std::vector<std::unique_ptr<Attempt>> m_attempts;
    QList<QHostAddress> m_untried;
    QNetworkProxy m_proxy = QNetworkProxy::NoProxy;
    std::unique_ptr<KcpTimer> m_timer;
    kcp::Instant m_nextAt = kcp::Never;
    QByteArray m_earlyBytes;
    QList<QByteArray> m_earlyMessages;
    QString m_errorText;
    qint64 m_earlyMessageBytes = 0;
    QAbstractSocket::SocketError m_error = QAbstractSocket::UnknownSocketError;
    quint16 m_port;
    QAbstractSocket::NetworkLayerProtocol m_protocol;
};

// The error and the text of a session that ended, for people: what happened, where, and why.
struct KcpEndDescription
{
    QAbstractSocket::SocketError error = QAbstractSocket::UnknownSocketError;
    QString text; // empty: the end was wanted
};
KcpEndDescription kcpDescribeEnd(const kcpnet::Event &event, const QHostAddress &peer,
                                 quint16 port);

#endif // KCPCONNECTOR_P_H
