// SPDX-License-Identifier: MIT
// A server's counters, and who wants to hear of them.
#include "kcpserver.h"
#include "kcpserver_p.h"
#include "kcplogging_p.h"
#include "kcpstatistics_p.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qcoreevent.h>
#include <QtCore/qmetaobject.h>

/*!
    Returns the counters of the server's UDP socket: all connections and strangers together.
*/
KcpStatistics KcpServer::statistics() const
{
    return d->driver ? KcpStatisticsPrivate::fromEndpoint(d->driver->endpoint().stats())
                     : KcpStatistics();
}

/*!
    Returns the least time between two statisticsChanged() in milliseconds.
*/
int KcpServer::statisticsInterval() const
{
    return d->statisticsInterval;
}

/*!
    Lets at least \a msecs milliseconds, 1 or more, pass between two statisticsChanged(). The default
    is 500.
*/
void KcpServer::setStatisticsInterval(int msecs)
{
    if (msecs < 1) {
        qCWarning(lcKcp, "KcpServer::setStatisticsInterval(%d) is refused: it is 1 or more", msecs);
        return;
    }
    d->statisticsInterval = msecs;
    if (d->notifier)
        d->notifier->setInterval(msecs);
}

/*!
    \reimp
*/
void KcpServer::connectNotify(const QMetaMethod &signal)
{
    // Perhaps in another thread: it is the caller of connect() who runs this.
    if (signal == QMetaMethod::fromSignal(&KcpServer::statisticsChanged))
        QCoreApplication::postEvent(this, new QEvent(KcpStatisticsNotifier::listenerEvent()));
}

bool KcpServer::isStatisticsListenedTo() const
{
    static const QMetaMethod signal = QMetaMethod::fromSignal(&KcpServer::statisticsChanged);
    return isSignalConnected(signal);
}

void KcpServerPrivate::handleStatisticsListener()
{
    if (!notifier) {
        notifier = std::make_unique<KcpStatisticsNotifier>(
                q,
                KcpStatisticsNotifier::Source{ [this] {
                                                  const KcpStatistics now = q->statistics();
                                                  return now.datagramsSent()
                                                          + now.datagramsReceived();
                                              },
                                               [this] { return q->isStatisticsListenedTo(); },
                                               [this] { Q_EMIT q->statisticsChanged(); } });
        notifier->setInterval(statisticsInterval);
    }
    notifier->noteListener();
    if (driver)
        driver->setReportsActivity(true);
}

void KcpServerPrivate::handleActivity()
{
    if (notifier)
        notifier->noteActivity();
}
