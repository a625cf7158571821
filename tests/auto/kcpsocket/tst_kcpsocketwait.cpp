// SPDX-License-Identifier: MIT
// The functions that wait, without an event loop on this side.
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QtCore/qthread.h>
#include <QtNetwork/qudpsocket.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <chrono>
#include <future>
#include <memory>

using namespace std::chrono_literals;

Q_DECLARE_METATYPE(KcpConfiguration::Profile)

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

// An echo server in a thread of its own.
class ServerThread : public QThread
{
public:
    explicit ServerThread(KcpConfiguration::Profile profile = KcpConfiguration::Native)
        : m_profile(profile)
    {
        std::future<quint16> port = m_port.get_future();
        start();
        serverPort = port.get();
    }
    ~ServerThread() override
    {
        quit();
        wait();
    }
    quint16 serverPort = 0;

protected:
    void run() override
    {
        KcpServer server;
        server.setAcceptedProfiles(m_profile);
        connect(&server, &KcpServer::newConnection, &server, [&] {
            KcpSocket *socket = server.nextPendingConnection();
            const auto echo = [socket] {
                const QByteArray data = socket->readAll();
                if (data == "close")
                    socket->disconnectFromHost();
                else
                    socket->write(data);
            };
            connect(socket, &KcpSocket::readyRead, socket, echo);
            echo();
        });
        server.listen(localHost);
        m_port.set_value(server.serverPort());
        exec();
    }

private:
    KcpConfiguration::Profile m_profile;
    std::promise<quint16> m_port;
};

} // namespace

class tst_KcpSocketWait : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void synchronousApi_data();
    void synchronousApi();
    void socketInAThread();
    void waitForConnectedByName();
    void waitForConnectedTimeout();
    void waitForConnectedRefused();
    void dontCloseOnTimeout();
    void waitForReadyReadInASlot();
    void waitForBytesWritten();
    void waitForDisconnected();
    void remoteCloseEndsAWait();
    void otherSocketsAreToldLater();
    void deletedWhileWaiting();
    void endOfAThread();
    void withoutConnection();
};

void tst_KcpSocketWait::synchronousApi_data()
{
    QTest::addColumn<KcpConfiguration::Profile>("profile");
    QTest::newRow("native") << KcpConfiguration::Native;
    QTest::newRow("plain") << KcpConfiguration::PlainKcp;
}

void tst_KcpSocketWait::synchronousApi()
{
    QFETCH(KcpConfiguration::Profile, profile);
    ServerThread server(profile);
    KcpConfiguration configuration;
    configuration.setProfile(profile);
    KcpSocket socket;
    socket.setConfiguration(configuration);
    socket.connectToHost(localHost, server.serverPort);
    QVERIFY2(socket.waitForConnected(5000), qPrintable(socket.errorString()));
    QByteArray sent;
    QByteArray received;
    for (int i = 0; i < 50; ++i) {
        const QByteArray line = "line " + QByteArray::number(i) + '\n';
        sent += line;
        socket.write(line);
        QVERIFY(socket.waitForBytesWritten(5000));
        while (received.size() < sent.size()) {
            QVERIFY(socket.waitForReadyRead(5000));
            received += socket.readAll();
        }
    }
    QCOMPARE(received, sent);
    const QByteArray bulk(3000000, 'b');
    socket.write(bulk);
    qint64 size = 0;
    while (size < bulk.size()) {
        QVERIFY2(socket.waitForReadyRead(10000), qPrintable(socket.errorString()));
        size += socket.readAll().size();
    }
    QCOMPARE(size, bulk.size());
    socket.disconnectFromHost();
    QVERIFY(socket.waitForDisconnected(5000));
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
}

void tst_KcpSocketWait::socketInAThread()
{
    ServerThread server;
    QByteArray received;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        KcpSocket socket;
        socket.connectToHost(localHost, server.serverPort);
        socket.write("from a thread");
        while (received.size() < 13 && socket.waitForReadyRead(5000))
            received += socket.readAll();
        socket.disconnectFromHost();
        socket.waitForDisconnected(5000);
    }));
    thread->start();
    QVERIFY(thread->wait(20000));
    QCOMPARE(received, QByteArray("from a thread"));
}

void tst_KcpSocketWait::waitForConnectedByName()
{
    ServerThread server;
    KcpSocket socket;
    socket.connectToHost(QStringLiteral("localhost"), server.serverPort);
    QCOMPARE(socket.state(), QAbstractSocket::HostLookupState);
    QVERIFY2(socket.waitForConnected(10000), qPrintable(socket.errorString()));
    QCOMPARE(socket.peerAddress(), localHost);
    socket.write("x");
    QVERIFY(socket.waitForReadyRead(5000));

    KcpSocket nowhere;
    nowhere.connectToHost(QStringLiteral("no-such-host.invalid"), 1);
    QVERIFY(!nowhere.waitForConnected(30000));
    QCOMPARE(nowhere.error(), QAbstractSocket::HostNotFoundError);
}

void tst_KcpSocketWait::waitForConnectedTimeout()
{
    QUdpSocket silent;
    QVERIFY(silent.bind(localHost));
    KcpSocket socket;
    QSignalSpy errors(&socket, &KcpSocket::errorOccurred);
    socket.connectToHost(localHost, silent.localPort());
    QVERIFY(!socket.waitForConnected(50));
    QCOMPARE(socket.error(), QAbstractSocket::SocketTimeoutError);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(errors.count(), 1);
}

void tst_KcpSocketWait::waitForConnectedRefused()
{
    QUdpSocket other;
    QVERIFY(other.bind(localHost));
    const quint16 port = other.localPort();
    other.close();
    KcpSocket socket;
    socket.connectToHost(localHost, port);
    QVERIFY(!socket.waitForConnected(5000));
    QCOMPARE(socket.error(), QAbstractSocket::ConnectionRefusedError);
}

void tst_KcpSocketWait::dontCloseOnTimeout()
{
    ServerThread server;
    KcpSocket socket;
    socket.connectToHost(localHost, server.serverPort);
    QVERIFY(socket.waitForConnected(5000));
    QVERIFY(!socket.waitForReadyRead(20));
    QCOMPARE(socket.error(), QAbstractSocket::SocketTimeoutError);
    QCOMPARE(socket.state(), QAbstractSocket::ConnectedState);
    QVERIFY(!socket.waitForDisconnected(20));
    QCOMPARE(socket.state(), QAbstractSocket::ConnectedState);
    socket.write("x");
    QVERIFY(socket.waitForReadyRead(5000));
}

void tst_KcpSocketWait::waitForReadyReadInASlot()
{
    ServerThread server;
    KcpSocket socket;
    QByteArray received;
    connect(&socket, &KcpSocket::connected, this, [&] {
        socket.write("in a slot");
        while (received.size() < 9 && socket.waitForReadyRead(5000))
            received += socket.readAll();
    });
    socket.connectToHost(localHost, server.serverPort);
    QTRY_COMPARE(received, QByteArray("in a slot"));
}

void tst_KcpSocketWait::waitForBytesWritten()
{
    ServerThread server;
    KcpSocket socket;
    socket.connectToHost(localHost, server.serverPort);
    QVERIFY(!socket.waitForBytesWritten(10)); // nothing waits
    socket.write(QByteArray(100000, 'x'));
    int waits = 0;
    while (socket.bytesToWrite() > 0) {
        QVERIFY(socket.waitForBytesWritten(5000));
        ++waits;
    }
    QVERIFY(waits > 0);
    socket.setWriteBufferLimit(1000);
    QTRY_COMPARE(socket.bytesUnacknowledged(), 0);
    QCOMPARE(socket.write(QByteArray(5000, 'y')), 1000);
    QVERIFY(socket.waitForBytesWritten(5000)); // acknowledged: there is room
    QVERIFY(socket.write("z") == 1);
}

void tst_KcpSocketWait::waitForDisconnected()
{
    ServerThread server;
    KcpSocket socket;
    socket.connectToHost(localHost, server.serverPort);
    socket.disconnectFromHost();
    QVERIFY(socket.waitForDisconnected(5000));
    socket.connectToHost(localHost, server.serverPort);
    socket.write("close"); // the server closes
    QVERIFY(socket.waitForDisconnected(5000));
    QCOMPARE(socket.error(), QAbstractSocket::RemoteHostClosedError);
}

void tst_KcpSocketWait::remoteCloseEndsAWait()
{
    ServerThread server;
    KcpSocket socket;
    socket.connectToHost(localHost, server.serverPort);
    socket.write("close");
    QVERIFY(!socket.waitForReadyRead(10000));
    QCOMPARE(socket.error(), QAbstractSocket::RemoteHostClosedError);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
}

void tst_KcpSocketWait::otherSocketsAreToldLater()
{
    // Both accepted sockets share the driver that the wait runs.
    KcpServer server;
    QVERIFY(server.listen(localHost));
    KcpSocket clients[2];
    KcpSocket *accepted[2];
    for (int i = 0; i < 2; ++i) {
        clients[i].connectToHost(localHost, server.serverPort());
        QTRY_VERIFY(server.hasPendingConnections());
        accepted[i] = server.nextPendingConnection();
    }
    QSignalSpy other(accepted[1], &KcpSocket::readyRead);
    clients[1].write("for the other");
    clients[1].flush();
    clients[0].write("for the waiting one");
    clients[0].flush();
    QVERIFY(accepted[0]->waitForReadyRead(5000));
    QCOMPARE(accepted[0]->readAll(), QByteArray("for the waiting one"));
    QCOMPARE(other.count(), 0);
    QCOMPARE(accepted[1]->bytesAvailable(), 13); // it is there already
    QTRY_COMPARE(other.count(), 1);
}

void tst_KcpSocketWait::deletedWhileWaiting()
{
    ServerThread server;
    auto *socket = new KcpSocket;
    bool deleted = false;
    connect(socket, &KcpSocket::readyRead, this, [&] {
        delete socket;
        deleted = true;
    });
    socket->connectToHost(localHost, server.serverPort);
    socket->write("x");
    QVERIFY(!socket->waitForReadyRead(5000));
    QVERIFY(deleted);
}

void tst_KcpSocketWait::endOfAThread()
{
    // The socket dies with its connection open, and its thread has no time left for a close.
    KcpServer server;
    QVERIFY(server.listen(localHost));
    const quint16 port = server.serverPort();
    const std::unique_ptr<QThread> thread(QThread::create([port] {
        KcpSocket socket;
        socket.connectToHost(localHost, port);
        socket.waitForConnected(5000);
        socket.write("x");
        socket.waitForBytesWritten(5000);
    }));
    thread->start();
    QTRY_VERIFY(server.hasPendingConnections());
    KcpSocket *accepted = server.nextPendingConnection();
    QTRY_COMPARE(accepted->state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(accepted->error(), QAbstractSocket::RemoteHostClosedError);
    QVERIFY(thread->wait(10000));
}

void tst_KcpSocketWait::withoutConnection()
{
    KcpSocket socket;
    QVERIFY(!socket.waitForConnected(10));
    QVERIFY(!socket.waitForReadyRead(10));
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::waitForBytesWritten() is not allowed in UnconnectedState");
    QVERIFY(!socket.waitForBytesWritten(10));
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::waitForDisconnected() is not allowed in UnconnectedState");
    QVERIFY(!socket.waitForDisconnected(10));
}

QTEST_GUILESS_MAIN(tst_KcpSocketWait)
#include "tst_kcpsocketwait.moc"
