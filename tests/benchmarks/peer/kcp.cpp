// SPDX-License-Identifier: MIT
#include "qtpeer.h"

#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

namespace {

// The configuration of a default-constructed KcpSocket, but for what the options change.
KcpConfiguration configurationFor(const Options &options)
{
    using namespace std::chrono_literals;
    KcpConfiguration configuration;
    configuration.setMtu(options.mtu);
    if (options.window > 0) {
        configuration.setSendWindow(options.window);
        configuration.setReceiveWindow(options.window);
    }
    if (!options.congestionControl)
        configuration.setCongestionControl(KcpConfiguration::NoCongestionControl);
    if (!options.keepAlive) {
        configuration.setKeepAliveInterval(0ms);
        configuration.setIdleTimeout(0ms);
    }
    return configuration;
}

} // namespace

int kcpMain(const Options &options)
{
    QtPeer<KcpSocket> peer(options);
    KcpServer server;
    KcpSocket client;
    if (options.role == Role::Sink || options.role == Role::EchoServer) {
        answerHeapRequests(&server);
        server.setConfiguration(configurationFor(options));
        server.setAcceptedProfiles(KcpConfiguration::Native | KcpConfiguration::PlainKcp);
        server.setMaxConnections(options.connections);
        server.setMaxConnectionsPerAddress(0);
        server.setMaxPendingConnections(4096);
        QObject::connect(&server, &KcpServer::newConnection, &peer, [&] {
            while (KcpSocket *socket = server.nextPendingConnection())
                peer.addConnection(socket);
        });
        if (!server.listen(QHostAddress::LocalHost))
            return 1;
        announce(server.serverPort());
    } else {
        client.setConfiguration(configurationFor(options));
        QObject::connect(&client, &KcpSocket::errorOccurred, &peer,
                         [&] { peer.failWith(&client); });
        QObject::connect(&client, &KcpSocket::connected, &peer, [&] { peer.startClient(&client); });
        client.connectToHost(QHostAddress(QHostAddress::LocalHost), options.port);
    }
    return QCoreApplication::exec();
}
