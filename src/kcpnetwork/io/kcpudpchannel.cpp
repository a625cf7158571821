// SPDX-License-Identifier: MIT
#include "kcpudpchannel_p.h"
#include "kcpudpchannel_qt_p.h"

#include <QtNetwork/qnetworkproxy.h>

KcpUdpChannel::~KcpUdpChannel() = default;

std::unique_ptr<KcpUdpChannel> KcpUdpChannel::createProxied(QObject *parent, Listener *listener,
                                                            const QNetworkProxy &proxy)
{
    return std::make_unique<KcpUdpChannelQt>(parent, listener, proxy);
}

std::unique_ptr<KcpUdpChannel> KcpUdpChannel::create(QObject *parent, Listener *listener,
                                                     Batching limit)
{
    if (qEnvironmentVariableIntValue("KCPNETWORK_NO_BATCHING") != 0)
        limit = Batching::None;
#ifdef Q_OS_LINUX
    if (limit != Batching::None) {
        if (auto channel = kcpCreateLinuxChannel(parent, listener, limit))
            return channel;
    }
#endif
    return std::make_unique<KcpUdpChannelQt>(parent, listener);
}
