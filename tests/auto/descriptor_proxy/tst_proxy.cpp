// SPDX-License-Identifier: MIT
// Connections through a SOCKS5 proxy, and proxies that cannot carry them.
#include "socks5relay.h"

#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QtCore/qthread.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>

class tst_Proxy : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void cleanup();
    void property();
    void client();
    void boundClient();
    void proxyGoesAway();
    void noProxyListens();
    void httpCannot();
    void httpServerCannot();
    void applicationProxy();
    void applicationProxyIsNotForThisMachine();
    void applicationProxyThatCannot();
};

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

// A relay in a thread of its own: the negotiation blocks.
class RelayThread : public QThread
{
public:
    RelayThread()
    {
        start();
        proxy = m_ready.get_future().get();
    }
    ~RelayThread() override
    {
        quit();
        wait();
    }
    QNetworkProxy proxy;
    std::atomic_int associations = 0;
    std::atomic_int relayed = 0;

protected:
    void run() override
    {
        Socks5Relay relay;
        m_ready.set_value(relay.proxy());
        exec();
        associations = relay.associations;
        relayed = relay.relayed;
    }

private:
    std::promise<QNetworkProxy> m_ready;
};

class EchoServer : public KcpServer
{
public:
    EchoServer()
    {
        connect(this, &KcpServer::newConnection, this, [this] {
            KcpSocket *socket = nextPendingConnection();
            connect(socket, &KcpSocket::readyRead, socket,
                    [socket] { socket->write(socket->readAll()); });
            socket->write(socket->readAll());
        });
        listen(localHost);
    }
};

const char unusable[] = "The proxy does not carry UDP: only SOCKS5 proxies do";

} // namespace

void tst_Proxy::cleanup()
{
    QNetworkProxy::setApplicationProxy(QNetworkProxy::NoProxy);
}

void tst_Proxy::property()
{
    KcpSocket socket;
    KcpServer server;
    QCOMPARE(socket.proxy().type(), QNetworkProxy::DefaultProxy);
    QCOMPARE(server.proxy().type(), QNetworkProxy::DefaultProxy);
    const QNetworkProxy proxy(QNetworkProxy::Socks5Proxy, QStringLiteral("proxy.example"), 1080);
    socket.setProxy(proxy);
    server.setProxy(proxy);
    QCOMPARE(socket.proxy(), proxy);
    QCOMPARE(server.proxy(), proxy);
}

void tst_Proxy::client()
{
    EchoServer server;
    RelayThread relay;
    {
        KcpSocket socket;
        socket.setProxy(relay.proxy);
        socket.connectToHost(localHost, server.serverPort());
        QTRY_COMPARE_WITH_TIMEOUT(socket.state(), QAbstractSocket::ConnectedState, 10000);
        const QByteArray sent(200000, 'x');
        QByteArray received;
        connect(&socket, &KcpSocket::readyRead, this, [&] { received += socket.readAll(); });
        socket.write(sent);
        QTRY_COMPARE_WITH_TIMEOUT(received.size(), sent.size(), 20000);
        QVERIFY(received == sent);
        QCOMPARE(socket.peerPort(), server.serverPort());
        QVERIFY(!socket.rebind()); // the proxy is where the peer finds us
        socket.disconnectFromHost();
        QTRY_COMPARE(socket.state(), QAbstractSocket::UnconnectedState);
        QCOMPARE(socket.closeReason(), KcpSocket::LocalClose);
    }
    relay.quit();
    relay.wait();
    QCOMPARE(relay.associations.load(), 1);
    QVERIFY(relay.relayed > 200);
}

void tst_Proxy::boundClient()
{
    EchoServer server;
    RelayThread relay;
    KcpSocket socket;
    socket.setProxy(relay.proxy);
    QVERIFY2(socket.bind(QHostAddress(QHostAddress::AnyIPv4)), qPrintable(socket.errorString()));
    socket.connectToHost(localHost, server.serverPort());
    socket.write("hello");
    QTRY_COMPARE_WITH_TIMEOUT(socket.bytesAvailable(), 5, 10000);
}

void tst_Proxy::proxyGoesAway()
{
    EchoServer server;
    KcpSocket socket;
    KcpConfiguration configuration;
    configuration.setKeepAliveInterval(std::chrono::milliseconds(50));
    configuration.setIdleTimeout(std::chrono::milliseconds(500));
    socket.setConfiguration(configuration);
    auto relay = std::make_unique<RelayThread>();
    socket.setProxy(relay->proxy);
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE_WITH_TIMEOUT(socket.state(), QAbstractSocket::ConnectedState, 10000);
    relay.reset();
    socket.write("to nobody");
    QTRY_COMPARE_WITH_TIMEOUT(socket.state(), QAbstractSocket::UnconnectedState, 10000);
    QCOMPARE(socket.closeReason(), KcpSocket::IdleTimeout);
}

void tst_Proxy::noProxyListens()
{
    QTcpServer unused;
    QVERIFY(unused.listen(localHost));
    const quint16 port = unused.serverPort();
    unused.close();
    KcpSocket socket;
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    socket.setProxy(QNetworkProxy(QNetworkProxy::Socks5Proxy, QStringLiteral("127.0.0.1"), port));
    socket.connectToHost(localHost, 9);
    QTRY_COMPARE_WITH_TIMEOUT(errors.count(), 1, 10000);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QVERIFY2(socket.error() == QAbstractSocket::ProxyConnectionRefusedError,
             qPrintable(socket.errorString()));
}

void tst_Proxy::httpCannot()
{
    KcpSocket socket;
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    QSignalSpy states(&socket, &KcpSocket::stateChanged);
    socket.setProxy(QNetworkProxy(QNetworkProxy::HttpProxy, QStringLiteral("127.0.0.1"), 8080));
    socket.connectToHost(localHost, 9);
    QCOMPARE(errors.count(), 1);
    QCOMPARE(states.count(), 0);
    QCOMPARE(socket.error(), QAbstractSocket::UnsupportedSocketOperationError);
    QCOMPARE(socket.errorString(), QString::fromLatin1(unusable));
    QVERIFY(!socket.bind(localHost));
    QCOMPARE(socket.error(), QAbstractSocket::UnsupportedSocketOperationError);
    EchoServer server; // and without it all is well
    socket.setProxy(QNetworkProxy::NoProxy);
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(socket.state(), QAbstractSocket::ConnectedState);
}

void tst_Proxy::httpServerCannot()
{
    KcpServer server;
    server.setProxy(QNetworkProxy(QNetworkProxy::HttpProxy, QStringLiteral("127.0.0.1"), 8080));
    QVERIFY(!server.listen(localHost));
    QCOMPARE(server.serverError(), QAbstractSocket::UnsupportedSocketOperationError);
    QCOMPARE(server.errorString(), QString::fromLatin1(unusable));
    server.setProxy(QNetworkProxy::NoProxy);
    QVERIFY(server.listen(localHost));
}

void tst_Proxy::applicationProxy()
{
    // 192.0.2.1 is nobody's (RFC 5737): that the relay is asked is what counts.
    RelayThread relay;
    QNetworkProxy::setApplicationProxy(relay.proxy);
    {
        KcpSocket socket;
        socket.connectToHost(QHostAddress(QStringLiteral("192.0.2.1")), 9);
        QTRY_COMPARE(socket.state(), QAbstractSocket::ConnectingState);
    }
    QNetworkProxy::setApplicationProxy(QNetworkProxy::NoProxy);
    relay.quit();
    relay.wait();
    QCOMPARE(relay.associations.load(), 1);
}

void tst_Proxy::applicationProxyIsNotForThisMachine()
{
    EchoServer server;
    QNetworkProxy::setApplicationProxy(
            QNetworkProxy(QNetworkProxy::HttpProxy, QStringLiteral("127.0.0.1"), 8080));
    KcpSocket socket;
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort());
    QTRY_COMPARE(socket.state(), QAbstractSocket::ConnectedState);
    KcpServer another;
    QVERIFY(another.listen(localHost));
}

void tst_Proxy::applicationProxyThatCannot()
{
    QNetworkProxy::setApplicationProxy(
            QNetworkProxy(QNetworkProxy::HttpProxy, QStringLiteral("127.0.0.1"), 8080));
    KcpSocket socket;
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    socket.connectToHost(QHostAddress(QStringLiteral("192.0.2.1")), 9);
    QCOMPARE(errors.count(), 1);
    QCOMPARE(socket.error(), QAbstractSocket::UnsupportedSocketOperationError);
}

QTEST_GUILESS_MAIN(tst_Proxy)
#include "tst_proxy.moc"
