// SPDX-License-Identifier: MIT
// A server and a client of the public face in a simulated world.
#ifndef SIMULATEDPAIR_H
#define SIMULATEDPAIR_H

#include "kcpserver.h"
#include "kcpserver_p.h"
#include "kcpsocket.h"
#include "kcpsocket_p.h"
#include "simulatedruntime.h"

#include <chrono>
#include <memory>

using namespace std::chrono_literals;

inline const QHostAddress serverHost(QStringLiteral("10.0.0.1"));
inline const QHostAddress clientHost(QStringLiteral("10.0.0.2"));
constexpr quint16 ServerPort = 7000;

struct SimulatedPair
{
    explicit SimulatedPair(std::uint64_t seed = 1, kcp::Duration delay = 10ms) : world(seed)
    {
        kcptest::LinkConfig link;
        link.delay = delay;
        world.network().setDefaultLink(link);
        server = std::make_unique<KcpServer>();
        client = std::make_unique<KcpSocket>();
    }
    ~SimulatedPair()
    {
        peer.reset();
        server.reset();
        client.reset();
        world.run(30s); // what is closed in the background
    }

    void configure(const KcpConfiguration &configuration)
    {
        server->setConfiguration(configuration);
        server->setAcceptedProfiles(configuration.profile());
        client->setConfiguration(configuration);
    }
    bool listen()
    {
        world.setHost(serverHost);
        return server->listen(serverHost, ServerPort);
    }
    void startConnecting()
    {
        world.setHost(clientHost);
        client->connectToHost(serverHost, ServerPort);
    }
    // A connected pair; `peer` is the server's side.
    bool connect()
    {
        if (!listen())
            return false;
        startConnecting();
        const bool plain = client->configuration().profile() == KcpConfiguration::PlainKcp;
        if (plain)
            client->write("?"); // a plain server learns of a client from its first data
        if (!world.run(5s, [this] { return server->hasPendingConnections(); }))
            return false;
        peer.reset(server->nextPendingConnection());
        world.run(1s); // the handshake's rest
        if (plain)
            peer->readAll();
        return client->state() == QAbstractSocket::ConnectedState;
    }
    KcpDriver *clientDriver() { return KcpSocketPrivate::of(client.get())->driver; }

    kcptest::SimulatedRuntime world;
    std::unique_ptr<KcpServer> server;
    std::unique_ptr<KcpSocket> client;
    std::unique_ptr<KcpSocket> peer;
};

#endif // SIMULATEDPAIR_H
