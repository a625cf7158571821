// SPDX-License-Identifier: MIT
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

#include <QtCore/qpointer.h>
#include <QtCore/qrandom.h>
#include <QtCore/qthread.h>
#include <QtNetwork/qudpsocket.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <chrono>
#include <memory>

using namespace std::chrono_literals;

Q_DECLARE_METATYPE(KcpConfiguration::Profile)

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

KcpConfiguration configurationFor(KcpConfiguration::Profile profile)
{
    KcpConfiguration configuration;
    configuration.setProfile(profile);
    return configuration;
}

QByteArray pattern(qsizetype size)
{
    QByteArray bytes(size, Qt::Uninitialized);
    quint32 state = 12345;
    for (char &byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = char(state >> 24);
    }
    return bytes;
}

// Sends back what it receives.
class EchoServer : public KcpServer
{
public:
    explicit EchoServer(KcpConfiguration::Profile profile)
    {
        setConfiguration(configurationFor(profile));
        setAcceptedProfiles(profile);
        connect(this, &KcpServer::newConnection, this, [this] {
            while (KcpSocket *socket = nextPendingConnection()) {
                const auto echo = [socket] { socket->write(socket->readAll()); };
                connect(socket, &KcpSocket::readyRead, socket, echo);
                connect(socket, &KcpSocket::disconnected, socket, &QObject::deleteLater);
                ++accepted;
                echo();
            }
        });
    }
    int accepted = 0;
};

// A connected pair: the server's side is taken.
struct Pair
{
    explicit Pair(const KcpConfiguration &configuration)
    {
        server.setConfiguration(configuration);
        server.setAcceptedProfiles(configuration.profile());
        client.setConfiguration(configuration);
    }
    bool connect()
    {
        if (!server.listen(localHost))
            return false;
        client.connectToHost(localHost, server.serverPort());
        // A plain server learns of a client from its first data.
        if (client.configuration().profile() == KcpConfiguration::PlainKcp) {
            client.write("?");
            if (!QTest::qWaitFor([this] { return server.hasPendingConnections(); }))
                return false;
            peer.reset(server.nextPendingConnection());
            if (!QTest::qWaitFor([this] { return peer->bytesAvailable() == 1; }))
                return false;
            peer->readAll();
        } else {
            if (!QTest::qWaitFor([this] { return server.hasPendingConnections(); }))
                return false;
            peer.reset(server.nextPendingConnection());
        }
        return QTest::qWaitFor([this] { return client.state() == QAbstractSocket::ConnectedState; });
    }

    KcpServer server;
    KcpSocket client;
    std::unique_ptr<KcpSocket> peer;
};

void addProfiles()
{
    QTest::addColumn<KcpConfiguration::Profile>("profile");
    QTest::newRow("native") << KcpConfiguration::Native;
    QTest::newRow("plain") << KcpConfiguration::PlainKcp;
}

} // namespace

class tst_KcpSocket : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void constructing();
    void echo_data() { addProfiles(); }
    void echo();
};

void tst_KcpSocket::constructing()
{
    KcpSocket socket;
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QVERIFY(socket.isSequential());
    QVERIFY(!socket.isOpen());
    QVERIFY(!socket.isValid());
    QCOMPARE(socket.bytesAvailable(), 0);
    QCOMPARE(socket.bytesToWrite(), 0);
    QVERIFY(!socket.canReadLine());
    QCOMPARE(socket.readBufferSize(), 0);
    QCOMPARE(socket.writeBufferLimit(), 0);
    QVERIFY(socket.localAddress().isNull());
    QCOMPARE(socket.localPort(), quint16(0));
    QVERIFY(socket.peerAddress().isNull());
    QCOMPARE(socket.peerPort(), quint16(0));
    QCOMPARE(socket.error(), QAbstractSocket::UnknownSocketError);
    QCOMPARE(socket.closeReason(), KcpSocket::NotClosed);
    QCOMPARE(socket.configuration(), KcpConfiguration(KcpConfiguration::Adaptive));
    QCOMPARE(socket.statistics().bytesSent(), quint64(0));
}

void tst_KcpSocket::echo()
{
    QFETCH(KcpConfiguration::Profile, profile);
    EchoServer server(profile);
    QVERIFY2(server.listen(localHost), qPrintable(server.errorString()));
    KcpSocket socket;
    socket.setConfiguration(configurationFor(profile));
    QSignalSpy connectedSpy(&socket, &KcpSocket::connected);
    QByteArray received;
    connect(&socket, &KcpSocket::readyRead, &socket, [&] { received += socket.readAll(); });

    const QByteArray sent = pattern(3 * 1024 * 1024);
    socket.connectToHost(localHost, server.serverPort());
    QCOMPARE(socket.write(sent), sent.size()); // before connected()
    QTRY_COMPARE(connectedSpy.count(), 1);
    QTRY_COMPARE_WITH_TIMEOUT(received.size(), sent.size(), 20000);
    QVERIFY(received == sent);
    QCOMPARE(server.accepted, 1);
}

QTEST_GUILESS_MAIN(tst_KcpSocket)
#include "tst_kcpsocket.moc"
