// SPDX-License-Identifier: MIT
#include "kcpstatistics.h"
#include "kcpstatistics_p.h"

#include <QtCore/qdebug.h>

#include <algorithm>

/*!
    \class KcpStatistics
    \inmodule QtKcpNetwork
    \ingroup kcpnetwork
    \brief The KcpStatistics class is a snapshot of the counters of a connection or a server.

    KcpSocket::statistics() returns those of one connection; the values stay after its end until the
    socket connects anew. KcpServer::statistics() returns those of the server's UDP socket: bytes,
    datagrams and connections of all peers together; what belongs to one connection is 0 there.

    Counters only grow. A snapshot does not change by itself.
*/

/*!
    \property KcpStatistics::bytesSent
    \brief bytes of all UDP payloads sent, headers of KCP included
*/

/*!
    \property KcpStatistics::bytesReceived
    \brief bytes of all UDP payloads received, headers of KCP included
*/

/*!
    \property KcpStatistics::datagramsSent
    \brief UDP datagrams sent
*/

/*!
    \property KcpStatistics::datagramsReceived
    \brief UDP datagrams received
*/

/*!
    \property KcpStatistics::segmentsSent
    \brief data segments sent, retransmissions included
*/

/*!
    \property KcpStatistics::segmentsReceived
    \brief data segments received, duplicates included
*/

/*!
    \property KcpStatistics::timeoutRetransmissions
    \brief segments sent again because no acknowledgement came in time
*/

/*!
    \property KcpStatistics::fastRetransmissions
    \brief segments sent again because later ones were acknowledged
*/

/*!
    \property KcpStatistics::retransmissions
    \brief all segments sent again
*/

/*!
    \property KcpStatistics::lossRate
    \brief share of sent segments that were retransmissions, 0 to 1
*/

/*!
    \property KcpStatistics::duplicatesReceived
    \brief data segments that had arrived before
*/

/*!
    \property KcpStatistics::malformedDropped
    \brief datagrams or segments dropped as impossible
*/

/*!
    \property KcpStatistics::unreliableDropped
    \brief datagrams of KcpSocket::sendDatagram() that found no room
*/

/*!
    \property KcpStatistics::smoothedRtt
    \brief smoothed round-trip time in milliseconds; 0 before the first sample
*/

/*!
    \property KcpStatistics::rttVariation
    \brief variation of the round-trip time in milliseconds
*/

/*!
    \property KcpStatistics::retransmissionTimeout
    \brief current retransmission timeout in milliseconds
*/

/*!
    \property KcpStatistics::congestionWindow
    \brief segments that the congestion control allows under way; the send window when nothing limits
*/

/*!
    \property KcpStatistics::peerWindow
    \brief receive window of the peer in segments, as last told
*/

/*!
    \property KcpStatistics::bytesInFlight
    \brief bytes sent and not acknowledged
*/

/*!
    \property KcpStatistics::bytesQueued
    \brief bytes not yet sent for the first time
*/

/*!
    \property KcpStatistics::connectionsAccepted
    \brief connections that a server has accepted
*/

/*!
    \property KcpStatistics::connectionsRefused
    \brief connections that a server has refused
*/

KcpStatistics KcpStatisticsPrivate::fromSession(const kcpnet::Session &session)
{
    const kcp::Engine &engine = session.engine();
    const kcp::Stats &stats = engine.stats();
    KcpStatistics result;
    KcpStatisticsPrivate &d = *result.d;
    d.bytesSent = stats.bytesOut;
    d.bytesReceived = stats.bytesIn;
    d.datagramsSent = stats.datagramsOut;
    d.datagramsReceived = stats.datagramsIn;
    d.segmentsSent = stats.segmentsOut;
    d.segmentsReceived = stats.segmentsIn;
    d.timeoutRetransmissions = stats.timeoutRetransmissions;
    d.fastRetransmissions = stats.fastRetransmissions;
    d.duplicatesReceived = stats.duplicatesIn;
    d.malformedDropped = stats.malformedIn;
    d.unreliableDropped = session.datagramsDropped();
    d.srtt = engine.rtt().srtt();
    d.rttvar = engine.rtt().rttvar();
    d.rto = engine.rtt().rto();
    d.congestionWindow = int(std::min(engine.congestionWindow(), engine.config().sendWindow));
    d.peerWindow = int(engine.peerWindow());
    d.bytesInFlight = qint64(session.unacknowledgedBytes());
    d.bytesQueued = qint64(session.unsentBytes());
    return result;
}

KcpStatistics KcpStatisticsPrivate::fromEndpoint(const kcpnet::EndpointStats &stats)
{
    KcpStatistics result;
    KcpStatisticsPrivate &d = *result.d;
    d.bytesSent = stats.bytesOut;
    d.bytesReceived = stats.bytesIn;
    d.datagramsSent = stats.datagramsOut;
    d.datagramsReceived = stats.datagramsIn;
    d.malformedDropped = stats.malformedIn + stats.unknownConversationIn;
    d.connectionsAccepted = stats.accepted;
    d.connectionsRefused = stats.refused;
    return result;
}

/*! Constructs statistics with all values 0. */
KcpStatistics::KcpStatistics() : d(new KcpStatisticsPrivate) { }

/*! Constructs a copy of \a other. */
KcpStatistics::KcpStatistics(const KcpStatistics &other) = default;

/*! \fn KcpStatistics::KcpStatistics(KcpStatistics &&other)
    Moves \a other into these statistics. \a other may only be assigned to or destroyed then. */
KcpStatistics::KcpStatistics(KcpStatistics &&other) noexcept = default;

/*! Destroys the statistics. */
KcpStatistics::~KcpStatistics() = default;

/*! Makes these statistics equal to \a other and returns a reference to them. */
KcpStatistics &KcpStatistics::operator=(const KcpStatistics &other) = default;

/*! \fn KcpStatistics &KcpStatistics::operator=(KcpStatistics &&other)
    Moves \a other into these statistics and returns a reference to them. \a other may only be
    assigned to or destroyed then. */
KcpStatistics &KcpStatistics::operator=(KcpStatistics &&other) noexcept = default;

/*! \fn void KcpStatistics::swap(KcpStatistics &other)
    Swaps these statistics with \a other. Never fails. */

quint64 KcpStatistics::bytesSent() const
{
    return d->bytesSent;
}

quint64 KcpStatistics::bytesReceived() const
{
    return d->bytesReceived;
}

quint64 KcpStatistics::datagramsSent() const
{
    return d->datagramsSent;
}

quint64 KcpStatistics::datagramsReceived() const
{
    return d->datagramsReceived;
}

quint64 KcpStatistics::segmentsSent() const
{
    return d->segmentsSent;
}

quint64 KcpStatistics::segmentsReceived() const
{
    return d->segmentsReceived;
}

quint64 KcpStatistics::timeoutRetransmissions() const
{
    return d->timeoutRetransmissions;
}

quint64 KcpStatistics::fastRetransmissions() const
{
    return d->fastRetransmissions;
}

quint64 KcpStatistics::retransmissions() const
{
    return d->timeoutRetransmissions + d->fastRetransmissions;
}

double KcpStatistics::lossRate() const
{
    return d->segmentsSent ? double(retransmissions()) / double(d->segmentsSent) : 0;
}

quint64 KcpStatistics::duplicatesReceived() const
{
    return d->duplicatesReceived;
}

quint64 KcpStatistics::malformedDropped() const
{
    return d->malformedDropped;
}

quint64 KcpStatistics::unreliableDropped() const
{
    return d->unreliableDropped;
}

/*! Returns the smoothed round-trip time; 0 before the first sample. */
std::chrono::microseconds KcpStatistics::smoothedRtt() const
{
    return d->srtt;
}

/*! Returns the variation of the round-trip time. */
std::chrono::microseconds KcpStatistics::rttVariation() const
{
    return d->rttvar;
}

/*! Returns the current retransmission timeout. */
std::chrono::microseconds KcpStatistics::retransmissionTimeout() const
{
    return d->rto;
}

int KcpStatistics::congestionWindow() const
{
    return d->congestionWindow;
}

int KcpStatistics::peerWindow() const
{
    return d->peerWindow;
}

qint64 KcpStatistics::bytesInFlight() const
{
    return d->bytesInFlight;
}

qint64 KcpStatistics::bytesQueued() const
{
    return d->bytesQueued;
}

quint64 KcpStatistics::connectionsAccepted() const
{
    return d->connectionsAccepted;
}

quint64 KcpStatistics::connectionsRefused() const
{
    return d->connectionsRefused;
}

double KcpStatistics::smoothedRttMilliseconds() const
{
    return double(d->srtt.count()) / 1000;
}

double KcpStatistics::rttVariationMilliseconds() const
{
    return double(d->rttvar.count()) / 1000;
}

double KcpStatistics::retransmissionTimeoutMilliseconds() const
{
    return double(d->rto.count()) / 1000;
}

#ifndef QT_NO_DEBUG_STREAM
/*!
    \relates KcpStatistics
    Writes \a statistics to \a debug.
*/
QDebug operator<<(QDebug debug, const KcpStatistics &statistics)
{
    const QDebugStateSaver saver(debug);
    debug.nospace() << "KcpStatistics(out " << statistics.bytesSent() << " bytes in "
                    << statistics.datagramsSent() << " datagrams, in " << statistics.bytesReceived()
                    << " bytes in " << statistics.datagramsReceived()
                    << " datagrams, retransmissions " << statistics.timeoutRetransmissions()
                    << " + " << statistics.fastRetransmissions() << ", srtt "
                    << statistics.smoothedRtt().count() << " us, rto "
                    << statistics.retransmissionTimeout().count() << " us, cwnd "
                    << statistics.congestionWindow() << ", in flight " << statistics.bytesInFlight()
                    << ", queued " << statistics.bytesQueued() << ')';
    return debug;
}
#endif

#include "moc_kcpstatistics.cpp"
