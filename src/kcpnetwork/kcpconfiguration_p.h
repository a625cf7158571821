// SPDX-License-Identifier: MIT
#ifndef KCPCONFIGURATION_P_H
#define KCPCONFIGURATION_P_H

#include "kcpconfiguration.h"

#include "endpoint.h"

class KcpConfigurationPrivate : public QSharedData
{
public:
    using milliseconds = std::chrono::milliseconds;

    explicit KcpConfigurationPrivate(KcpConfiguration::Preset preset);

    // What the session layer makes of it. The read buffer size is not part of a configuration.
    static kcpnet::SessionConfig toSessionConfig(const KcpConfiguration &configuration);

    // A default-constructed configuration: all sockets share it.
    static const KcpConfiguration &adaptive();

    bool operator==(const KcpConfigurationPrivate &other) const;

    milliseconds interval{ 10 };
    milliseconds minimumRto{ 0 };
    milliseconds connectTimeout{ 10000 };
    milliseconds idleTimeout{ 30000 };
    milliseconds keepAliveInterval{ 10000 };
    milliseconds lingerTime{ 10000 };
    qint64 maxMessageSize = 16 << 20;
    int noDelay = 1;
    int fastResend = 2;
    int mtu = 1400;
    int sendWindow = 4096;
    int receiveWindow = 4096;
    int deadLink = 20;
    KcpConfiguration::CongestionControl congestionControl =
            KcpConfiguration::CubicCongestionControl;
    KcpConfiguration::Mode mode = KcpConfiguration::Stream;
    KcpConfiguration::Profile profile = KcpConfiguration::Native;
    bool ackNoDelay = true;
    bool connectWithoutReply = false;
};

#endif // KCPCONFIGURATION_P_H
