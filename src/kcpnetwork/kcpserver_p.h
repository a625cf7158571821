// SPDX-License-Identifier: MIT
#ifndef KCPSERVER_P_H
#define KCPSERVER_P_H

#include "kcpdriver_p.h"
#include "kcpserver.h"
#include "kcpstatisticsnotifier_p.h"

#include <QtCore/qlist.h>
#include <QtCore/qpointer.h>
#include <QtNetwork/qnetworkproxy.h>

#include <memory>

class KcpServerPrivate final : public KcpSessionHandler
{
public:
    explicit KcpServerPrivate(KcpServer *q) : q(q) { }

    void handleSessionEvent(const kcpnet::Event &event) override; // Accepted
    const QObject *handlerObject() const override { return q; }
    void handleParting() override;
    void handleActivity() override;
    void handleStatisticsListener();
    void startListening(KcpDriver *newDriver);
    void applyAcceptConfig();
    void setError(QAbstractSocket::SocketError code, const QString &text);

    KcpServer *q;
    KcpPresence presence;
    QPointer<KcpDriver> driver; // we hold a reference while listening
    QList<QPointer<KcpSocket>> pending;
    KcpConfiguration configuration;
    QNetworkProxy proxy;
    QByteArray resetKey;
    std::unique_ptr<KcpStatisticsNotifier> notifier; // when there was a listener
    QString errorString;
    QAbstractSocket::SocketError error = QAbstractSocket::UnknownSocketError;
    KcpConfiguration::Profiles profiles = KcpConfiguration::Native;
    int maximumPending = 30;
    int maximumConnections = 10000;
    int maximumPerAddress = 256;
    int statisticsInterval = KcpStatisticsNotifier::DefaultInterval;
    bool paused = false;
};

#endif // KCPSERVER_P_H
