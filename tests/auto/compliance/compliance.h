// SPDX-License-Identifier: MIT
// Scenarios that QTcpSocket and KcpSocket pass alike. A scenario is a function template on the kind
// of connection; it is run for both, and TCP says what is right.
#ifndef COMPLIANCE_H
#define COMPLIANCE_H

#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QtCore/qeventloop.h>
#include <QtCore/qmetaobject.h>
#include <QtCore/qpointer.h>
#include <QtNetwork/qtcpserver.h>
#include <QtNetwork/qtcpsocket.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace compliance {

struct Tcp
{
    using Socket = QTcpSocket;
    using Server = QTcpServer;
    static constexpr bool isKcp = false;
    static constexpr char socketName[] = "QAbstractSocket"; // in warnings
    static constexpr char serverName[] = "QTcpServer";
};

struct Kcp
{
    using Socket = KcpSocket;
    using Server = KcpServer;
    static constexpr bool isKcp = true;
    static constexpr char socketName[] = "KcpSocket";
    static constexpr char serverName[] = "KcpServer";
};

struct Scenario
{
    const char *group;
    const char *name;
    void (*tcp)();
    void (*kcp)();
};

// In the order of the sources.
std::vector<Scenario> &scenarios();

struct Registration
{
    explicit Registration(const Scenario &scenario) { scenarios().push_back(scenario); }
};

// A source names its group once: static constexpr char group[] = "reading";
#define SCENARIO(name)                                       \
  template <typename Net>                                    \
  static void name();                                        \
  static const compliance::Registration registration_##name( \
          { group, #name, &name<Tcp>, &name<Kcp> });         \
  template <typename Net>                                    \
  static void name()

// A difference that must be. The runner compares the titles with the sections of the page "Coming
// from QTcpSocket", both ways.
void noteDifference(const char *title);

// What KcpSocket does otherwise is asserted where this returns true.
template <typename Net>
bool differs(const char *title)
{
    noteDifference(title);
    return Net::isKcp;
}

inline const QHostAddress localHost(QHostAddress::LocalHost);

QByteArray pattern(qsizetype size);
// A port where nobody listens, neither on TCP nor on UDP.
quint16 unusedPort();

template <typename Socket>
bool isConnected(const Socket &socket)
{
    return socket.state() == QAbstractSocket::ConnectedState;
}

template <typename Socket>
bool isUnconnected(const Socket &socket)
{
    return socket.state() == QAbstractSocket::UnconnectedState;
}

// A connected pair: the server's side is taken.
template <typename Net>
struct Pair
{
    bool connect(QIODevice::OpenMode mode = QIODevice::ReadWrite)
    {
        if (!server.listen(localHost))
            return false;
        client.connectToHost(localHost, server.serverPort(), mode);
        if (!QTest::qWaitFor(
                    [this] { return server.hasPendingConnections() && isConnected(client); }))
            return false;
        peer.reset(server.nextPendingConnection());
        return peer != nullptr;
    }

    typename Net::Server server;
    typename Net::Socket client;
    std::unique_ptr<typename Net::Socket> peer;
};

// Sends back what it receives. A connection on which "close" has come as the last word is closed.
template <typename Net>
class EchoServer : public Net::Server
{
public:
    EchoServer()
    {
        QObject::connect(this, &Net::Server::newConnection, this, [this] {
            while (auto *socket = this->nextPendingConnection()) {
                ++accepted;
                const auto echo = [socket] {
                    const QByteArray bytes = socket->readAll();
                    if (bytes.endsWith("close"))
                        socket->disconnectFromHost();
                    else
                        socket->write(bytes);
                };
                QObject::connect(socket, &Net::Socket::readyRead, socket, echo);
                QObject::connect(socket, &Net::Socket::disconnected, socket, &QObject::deleteLater);
                echo();
            }
        });
    }
    int accepted = 0;
};

// Threads of tests meet in what ThreadSanitizer can see: std::jthread, std::promise, std::mutex and
// atomics. It does not see the locks of a Qt that was built without it.

// An EchoServer in a thread of its own, for clients that block.
template <typename Net>
class EchoThread
{
public:
    EchoThread()
        : m_thread([this] {
              QEventLoop loop;
              EchoServer<Net> server;
              server.listen(localHost);
              m_loop = &loop;
              m_port.set_value(server.serverPort());
              loop.exec();
          }),
          port(m_port.get_future().get())
    {
    }
    ~EchoThread() { QMetaObject::invokeMethod(m_loop, "quit", Qt::QueuedConnection); }

private:
    QEventLoop *m_loop = nullptr;
    std::promise<quint16> m_port;
    std::jthread m_thread;

public:
    const quint16 port;
};

// Writes down the signals of a socket in their order.
template <typename Socket>
class SignalLog
{
public:
    explicit SignalLog(Socket *socket)
    {
        const auto note = [this](const char *name) { return [this, name] { *this << name; }; };
        QObject::connect(socket, &Socket::stateChanged, &m_context, [this](auto state) {
            *this << QMetaEnum::fromType<QAbstractSocket::SocketState>().valueToKey(state);
        });
        QObject::connect(socket, &Socket::errorOccurred, &m_context, [this](auto error) {
            *this << QMetaEnum::fromType<QAbstractSocket::SocketError>().valueToKey(error);
        });
        QObject::connect(socket, &Socket::hostFound, &m_context, note("hostFound"));
        QObject::connect(socket, &Socket::connected, &m_context, note("connected"));
        QObject::connect(socket, &Socket::disconnected, &m_context, note("disconnected"));
        QObject::connect(socket, &QIODevice::readyRead, &m_context, note("readyRead"));
        QObject::connect(socket, &QIODevice::aboutToClose, &m_context, note("aboutToClose"));
        QObject::connect(socket, &QIODevice::readChannelFinished, &m_context,
                         note("readChannelFinished"));
    }
    SignalLog &operator<<(const char *name)
    {
        m_names << QString::fromLatin1(name);
        return *this;
    }
    const QStringList &names() const { return m_names; }
    void clear() { m_names.clear(); }

private:
    QObject m_context;
    QStringList m_names;
};

} // namespace compliance

#endif // COMPLIANCE_H
