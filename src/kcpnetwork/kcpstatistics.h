// SPDX-License-Identifier: MIT
#ifndef KCPSTATISTICS_H
#define KCPSTATISTICS_H

#include <QtKcpNetwork/qtkcpnetworkglobal.h>

#include <QtCore/qmetatype.h>
#include <QtCore/qobjectdefs.h>
#include <QtCore/qshareddata.h>

#include <chrono>

QT_BEGIN_NAMESPACE
class QDebug;
QT_END_NAMESPACE

class KcpStatisticsPrivate;

class Q_KCPNETWORK_EXPORT KcpStatistics
{
    Q_GADGET
    Q_PROPERTY(quint64 bytesSent READ bytesSent)
    Q_PROPERTY(quint64 bytesReceived READ bytesReceived)
    Q_PROPERTY(quint64 datagramsSent READ datagramsSent)
    Q_PROPERTY(quint64 datagramsReceived READ datagramsReceived)
    Q_PROPERTY(quint64 segmentsSent READ segmentsSent)
    Q_PROPERTY(quint64 segmentsReceived READ segmentsReceived)
    Q_PROPERTY(quint64 timeoutRetransmissions READ timeoutRetransmissions)
    Q_PROPERTY(quint64 fastRetransmissions READ fastRetransmissions)
    Q_PROPERTY(quint64 retransmissions READ retransmissions)
    Q_PROPERTY(double lossRate READ lossRate)
    Q_PROPERTY(quint64 duplicatesReceived READ duplicatesReceived)
    Q_PROPERTY(quint64 malformedDropped READ malformedDropped)
    Q_PROPERTY(quint64 unreliableDropped READ unreliableDropped)
    Q_PROPERTY(double smoothedRtt READ smoothedRttMilliseconds)
    Q_PROPERTY(double rttVariation READ rttVariationMilliseconds)
    Q_PROPERTY(double retransmissionTimeout READ retransmissionTimeoutMilliseconds)
    Q_PROPERTY(int congestionWindow READ congestionWindow)
    Q_PROPERTY(int peerWindow READ peerWindow)
    Q_PROPERTY(qint64 bytesInFlight READ bytesInFlight)
    Q_PROPERTY(qint64 bytesQueued READ bytesQueued)
    Q_PROPERTY(quint64 connectionsAccepted READ connectionsAccepted)
    Q_PROPERTY(quint64 connectionsRefused READ connectionsRefused)
public:
    KcpStatistics();
    KcpStatistics(const KcpStatistics &other);
    KcpStatistics(KcpStatistics &&other) noexcept;
    ~KcpStatistics();
    KcpStatistics &operator=(const KcpStatistics &other);
    KcpStatistics &operator=(KcpStatistics &&other) noexcept;

    void swap(KcpStatistics &other) noexcept { d.swap(other.d); }

    quint64 bytesSent() const;
    quint64 bytesReceived() const;
    quint64 datagramsSent() const;
    quint64 datagramsReceived() const;
    quint64 segmentsSent() const;
    quint64 segmentsReceived() const;
    quint64 timeoutRetransmissions() const;
    quint64 fastRetransmissions() const;
    quint64 retransmissions() const;
    double lossRate() const;
    quint64 duplicatesReceived() const;
    quint64 malformedDropped() const;
    quint64 unreliableDropped() const;

    std::chrono::microseconds smoothedRtt() const;
    std::chrono::microseconds rttVariation() const;
    std::chrono::microseconds retransmissionTimeout() const;

    int congestionWindow() const;
    int peerWindow() const;
    qint64 bytesInFlight() const;
    qint64 bytesQueued() const;

    quint64 connectionsAccepted() const;
    quint64 connectionsRefused() const;

private:
    double smoothedRttMilliseconds() const;
    double rttVariationMilliseconds() const;
    double retransmissionTimeoutMilliseconds() const;

    friend class KcpStatisticsPrivate;
    QSharedDataPointer<KcpStatisticsPrivate> d;
};

Q_DECLARE_SHARED(KcpStatistics)

#ifndef QT_NO_DEBUG_STREAM
Q_KCPNETWORK_EXPORT QDebug operator<<(QDebug debug, const KcpStatistics &statistics);
#endif

Q_DECLARE_METATYPE(KcpStatistics)

#endif // KCPSTATISTICS_H
