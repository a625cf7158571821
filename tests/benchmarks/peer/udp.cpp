// SPDX-License-Identifier: MIT
// QUdpSocket with nothing on top: no reliability, no flow control.
#include "work.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qtimer.h>
#include <QtNetwork/qhostaddress.h>
#include <QtNetwork/qnetworkproxy.h>
#include <QtNetwork/qudpsocket.h>

#include <memory>

namespace {

constexpr qint64 Largest = 65507;
// Datagrams of a source between two looks at the event loop.
constexpr int Burst = 64;
constexpr int SocketBuffer = 4 << 20;

struct Peer
{
    explicit Peer(const Options &o) : options(o), sink(o), echoes(o), buffer(Largest) { }

    // Reading until there is nothing costs one system call a datagram; asking
    // hasPendingDatagrams() first costs two, asking for the sender five allocations.
    template <typename Handler>
    void readAll(Handler handler)
    {
        qint64 size = 0;
        while ((size = socket.readDatagram(buffer.data(), Largest)) >= 0)
            handler(buffer.data(), size);
    }

    void answerAll()
    {
        qint64 size = 0;
        while ((size = socket.readDatagram(buffer.data(), Largest, &sender, &senderPort)) >= 0)
            socket.writeDatagram(buffer.data(), size, sender, senderPort);
    }

    // The clients are connected: the kernel need not look for the route of each datagram.
    void burst()
    {
        for (int i = 0; i < Burst; ++i)
            socket.write(Pattern::at(0), options.mtu);
    }

    void sendEchoes()
    {
        for (std::uint32_t i = echoes.wanted(); i > 0; --i) {
            socket.write(echoes.message(), qint64(options.message));
            echoes.sent();
        }
    }

    Options options;
    QUdpSocket socket;
    Sink sink;
    Echoes echoes;
    std::vector<char> buffer;
    QHostAddress sender;
    quint16 senderPort = 0;
};

} // namespace

int udpMain(const Options &options)
{
    Peer peer(options);
    QTimer sending;
    peer.socket.setProxy(QNetworkProxy::NoProxy);
    const bool serves = options.role == Role::Sink || options.role == Role::EchoServer;
    if (!serves)
        peer.socket.connectToHost(QHostAddress(QHostAddress::LocalHost), options.port);
    else if (!peer.socket.bind(QHostAddress::LocalHost))
        return 1;
    peer.socket.setSocketOption(QAbstractSocket::ReceiveBufferSizeSocketOption, SocketBuffer);
    const auto whenReadable = [&](auto slot) {
        QObject::connect(&peer.socket, &QUdpSocket::readyRead, &peer.socket, slot);
    };
    switch (options.role) {
    case Role::Sink:
        whenReadable([&] {
            peer.readAll([&](const char *data, qint64 size) {
                peer.sink.received(data, std::size_t(size));
            });
        });
        announce(peer.socket.localPort());
        break;
    case Role::Source:
        QObject::connect(&sending, &QTimer::timeout, &peer.socket, [&] { peer.burst(); });
        sending.start(0);
        break;
    case Role::EchoServer:
        whenReadable([&] { peer.answerAll(); });
        announce(peer.socket.localPort());
        break;
    case Role::EchoClient:
        whenReadable([&] {
            peer.readAll([&](const char *data, qint64 size) {
                peer.echoes.received(data, std::size_t(size));
            });
            peer.sendEchoes();
        });
        peer.sendEchoes();
        break;
    }
    return QCoreApplication::exec();
}
