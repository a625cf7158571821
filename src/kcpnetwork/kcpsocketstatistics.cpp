// SPDX-License-Identifier: MIT
// A socket's counters, and who wants to hear of them.
#include "kcpsocket.h"
#include "kcpsocket_p.h"
#include "kcplogging_p.h"
#include "kcpstatistics_p.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qcoreevent.h>
#include <QtCore/qmetaobject.h>

/*!
    Returns the counters of the connection, or of the last one after its end.
*/
KcpStatistics KcpSocket::statistics() const
{
    if (d->extra && d->extra->lastStatistics)
        return *d->extra->lastStatistics;
    const kcpnet::Session *session = d->session();
    return session ? KcpStatisticsPrivate::fromSession(*session) : KcpStatistics();
}

/*!
    Returns the least time between two statisticsChanged() in milliseconds.
*/
int KcpSocket::statisticsInterval() const
{
    return d->extra ? d->extra->statisticsInterval : KcpStatisticsNotifier::DefaultInterval;
}

/*!
    Lets at least \a msecs milliseconds, 1 or more, pass between two statisticsChanged(). The default
    is 500.
*/
void KcpSocket::setStatisticsInterval(int msecs)
{
    if (msecs < 1) {
        qCWarning(lcKcp, "KcpSocket::setStatisticsInterval(%d) is refused: it is 1 or more", msecs);
        return;
    }
    KcpSocketPrivate::Rare &rare = d->rare();
    rare.statisticsInterval = msecs;
    if (rare.notifier)
        rare.notifier->setInterval(msecs);
}

void KcpSocketPrivate::handleStatisticsListener()
{
    Rare &rare = this->rare();
    if (!rare.notifier) {
        rare.notifier = std::make_unique<KcpStatisticsNotifier>(
                q,
                KcpStatisticsNotifier::Source{ [this] {
                                                  const KcpStatistics now = q->statistics();
                                                  return now.datagramsSent()
                                                          + now.datagramsReceived();
                                              },
                                               [this] { return q->isStatisticsListenedTo(); },
                                               [this] { Q_EMIT q->statisticsChanged(); } });
        rare.notifier->setInterval(rare.statisticsInterval);
    }
    rare.notifier->noteListener();
}

/*!
    \reimp
*/
void KcpSocket::connectNotify(const QMetaMethod &signal)
{
    // Perhaps in another thread: it is the caller of connect() who runs this.
    if (signal == QMetaMethod::fromSignal(&KcpSocket::statisticsChanged))
        QCoreApplication::postEvent(this, new QEvent(KcpStatisticsNotifier::listenerEvent()));
}

bool KcpSocket::isStatisticsListenedTo() const
{
    static const QMetaMethod signal = QMetaMethod::fromSignal(&KcpSocket::statisticsChanged);
    return isSignalConnected(signal);
}
