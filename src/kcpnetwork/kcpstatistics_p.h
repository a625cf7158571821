// SPDX-License-Identifier: MIT
#ifndef KCPSTATISTICS_P_H
#define KCPSTATISTICS_P_H

#include "kcpstatistics.h"

#include "session.h"

class KcpStatisticsPrivate : public QSharedData
{
public:
    static KcpStatistics fromSession(const kcpnet::Session &session);
    static KcpStatistics fromEndpoint(const kcpnet::EndpointStats &stats);

    quint64 bytesSent = 0;
    quint64 bytesReceived = 0;
    quint64 datagramsSent = 0;
    quint64 datagramsReceived = 0;
    quint64 segmentsSent = 0;
    quint64 segmentsReceived = 0;
    quint64 timeoutRetransmissions = 0;
    quint64 fastRetransmissions = 0;
    quint64 duplicatesReceived = 0;
    quint64 malformedDropped = 0;
    quint64 unreliableDropped = 0;
    std::chrono::microseconds srtt{ 0 };
    std::chrono::microseconds rttvar{ 0 };
    std::chrono::microseconds rto{ 0 };
    int congestionWindow = 0;
    int peerWindow = 0;
    qint64 bytesInFlight = 0;
    qint64 bytesQueued = 0;
    quint64 connectionsAccepted = 0;
    quint64 connectionsRefused = 0;
};

#endif // KCPSTATISTICS_P_H
