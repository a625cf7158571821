// SPDX-License-Identifier: MIT
#ifndef QMLKCPSTATISTICS_P_H
#define QMLKCPSTATISTICS_P_H

#include <QtKcpNetwork/kcpstatistics.h>

#include <QtCore/qobjectdefs.h>
#include <QtQml/qqml.h>

#include <chrono>

// KcpStatistics for QML, where numbers are doubles; the tools of Qt 6.4 do not know quint64.
class QmlKcpStatistics
{
    Q_GADGET
    QML_VALUE_TYPE(kcpStatistics)
    Q_PROPERTY(double bytesSent READ bytesSent FINAL)
    Q_PROPERTY(double bytesReceived READ bytesReceived FINAL)
    Q_PROPERTY(double datagramsSent READ datagramsSent FINAL)
    Q_PROPERTY(double datagramsReceived READ datagramsReceived FINAL)
    Q_PROPERTY(double segmentsSent READ segmentsSent FINAL)
    Q_PROPERTY(double segmentsReceived READ segmentsReceived FINAL)
    Q_PROPERTY(double timeoutRetransmissions READ timeoutRetransmissions FINAL)
    Q_PROPERTY(double fastRetransmissions READ fastRetransmissions FINAL)
    Q_PROPERTY(double retransmissions READ retransmissions FINAL)
    Q_PROPERTY(double lossRate READ lossRate FINAL)
    Q_PROPERTY(double duplicatesReceived READ duplicatesReceived FINAL)
    Q_PROPERTY(double malformedDropped READ malformedDropped FINAL)
    Q_PROPERTY(double unreliableDropped READ unreliableDropped FINAL)
    Q_PROPERTY(double smoothedRtt READ smoothedRtt FINAL)
    Q_PROPERTY(double rttVariation READ rttVariation FINAL)
    Q_PROPERTY(double retransmissionTimeout READ retransmissionTimeout FINAL)
    Q_PROPERTY(int congestionWindow READ congestionWindow FINAL)
    Q_PROPERTY(int peerWindow READ peerWindow FINAL)
    Q_PROPERTY(double bytesInFlight READ bytesInFlight FINAL)
    Q_PROPERTY(double bytesQueued READ bytesQueued FINAL)
    Q_PROPERTY(double connectionsAccepted READ connectionsAccepted FINAL)
    Q_PROPERTY(double connectionsRefused READ connectionsRefused FINAL)
public:
    QmlKcpStatistics() = default;
    explicit QmlKcpStatistics(const KcpStatistics &statistics) : m_statistics(statistics) { }

    double bytesSent() const { return double(m_statistics.bytesSent()); }
    double bytesReceived() const { return double(m_statistics.bytesReceived()); }
    double datagramsSent() const { return double(m_statistics.datagramsSent()); }
    double datagramsReceived() const { return double(m_statistics.datagramsReceived()); }
    double segmentsSent() const { return double(m_statistics.segmentsSent()); }
    double segmentsReceived() const { return double(m_statistics.segmentsReceived()); }
    double timeoutRetransmissions() const { return double(m_statistics.timeoutRetransmissions()); }
    double fastRetransmissions() const { return double(m_statistics.fastRetransmissions()); }
    double retransmissions() const { return double(m_statistics.retransmissions()); }
    double lossRate() const { return m_statistics.lossRate(); }
    double duplicatesReceived() const { return double(m_statistics.duplicatesReceived()); }
    double malformedDropped() const { return double(m_statistics.malformedDropped()); }
    double unreliableDropped() const { return double(m_statistics.unreliableDropped()); }
    double smoothedRtt() const { return milliseconds(m_statistics.smoothedRtt()); }
    double rttVariation() const { return milliseconds(m_statistics.rttVariation()); }
    double retransmissionTimeout() const
    {
        return milliseconds(m_statistics.retransmissionTimeout());
    }
    int congestionWindow() const { return m_statistics.congestionWindow(); }
    int peerWindow() const { return m_statistics.peerWindow(); }
    double bytesInFlight() const { return double(m_statistics.bytesInFlight()); }
    double bytesQueued() const { return double(m_statistics.bytesQueued()); }
    double connectionsAccepted() const { return double(m_statistics.connectionsAccepted()); }
    double connectionsRefused() const { return double(m_statistics.connectionsRefused()); }

private:
    static double milliseconds(std::chrono::microseconds time)
    {
        return std::chrono::duration<double, std::milli>(time).count();
    }

    KcpStatistics m_statistics;
};

#endif // QMLKCPSTATISTICS_P_H
