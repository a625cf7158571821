// SPDX-License-Identifier: MIT
// What both sides of the test use: they notice within two seconds that a peer has gone.
#ifndef LOADBALANCERCONFIGURATION_H
#define LOADBALANCERCONFIGURATION_H

#include <QtKcpNetwork/KcpConfiguration>

inline KcpConfiguration loadBalancerConfiguration()
{
    using namespace std::chrono_literals;
    KcpConfiguration configuration(KcpConfiguration::Adaptive);
    configuration.setKeepAliveInterval(300ms);
    configuration.setIdleTimeout(2s);
    return configuration;
}

#endif // LOADBALANCERCONFIGURATION_H
