// SPDX-License-Identifier: MIT
// The functions that block, without an event loop. The servers live in threads of their own.
#include "compliance.h"

#include <QtCore/qelapsedtimer.h>
#include <QtCore/qtimer.h>

using namespace compliance;

static constexpr char group[] = "waiting";

SCENARIO(synchronousApi)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    QVERIFY2(socket.waitForConnected(5000), qPrintable(socket.errorString()));
    QVERIFY(socket.waitForConnected(0)); // it is
    QByteArray sent;
    QByteArray received;
    for (int i = 0; i < 50; ++i) {
        const QByteArray line = "line " + QByteArray::number(i) + '\n';
        sent += line;
        socket.write(line);
        QVERIFY(socket.waitForBytesWritten(5000));
        QCOMPARE(socket.bytesToWrite(), 0);
        while (received.size() < sent.size()) {
            QVERIFY(socket.waitForReadyRead(5000));
            received += socket.readAll();
        }
    }
    QCOMPARE(received, sent);
    socket.disconnectFromHost();
    QVERIFY(isUnconnected(socket) || socket.waitForDisconnected(5000));
    QVERIFY(isUnconnected(socket));
}

SCENARIO(bulk)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    const QByteArray sent = pattern(1500000);
    socket.write(sent);
    QByteArray received;
    while (received.size() < sent.size()) {
        QVERIFY2(socket.waitForReadyRead(10000), qPrintable(socket.errorString()));
        received += socket.readAll();
    }
    QVERIFY(received == sent);
}

SCENARIO(withoutLimit)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    QVERIFY(socket.waitForConnected(-1));
    socket.write("abc");
    QVERIFY(socket.waitForBytesWritten(-1));
    QVERIFY(socket.waitForReadyRead(-1));
    QCOMPARE(socket.readAll(), QByteArray("abc"));
    socket.write("close");
    QVERIFY(socket.waitForBytesWritten(-1));
    QVERIFY(socket.waitForDisconnected(-1));
    QCOMPARE(socket.error(), QAbstractSocket::RemoteHostClosedError);
}

SCENARIO(waitForConnectedByName)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(QStringLiteral("localhost"), server.port);
    QVERIFY2(socket.waitForConnected(10000), qPrintable(socket.errorString()));
    QCOMPARE(socket.peerAddress(), localHost);

    typename Net::Socket nowhere;
    nowhere.connectToHost(QStringLiteral("no-such-host.invalid"), 1);
    QVERIFY(!nowhere.waitForConnected(30000));
    QCOMPARE(nowhere.error(), QAbstractSocket::HostNotFoundError);
    QCOMPARE(nowhere.state(), QAbstractSocket::UnconnectedState);
}

SCENARIO(waitForConnectedRefused)
{
    typename Net::Socket socket;
    QSignalSpy errors(&socket, &Net::Socket::errorOccurred);
    socket.connectToHost(localHost, unusedPort());
    QVERIFY(!socket.waitForConnected(5000));
    QCOMPARE(socket.error(), QAbstractSocket::ConnectionRefusedError);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
    QCOMPARE(errors.count(), 1);
}

SCENARIO(withoutConnection)
{
    typename Net::Socket socket;
    QVERIFY(!socket.waitForConnected(10));
    QVERIFY(!socket.waitForReadyRead(10));
    const auto expectWarning = [](const char *function) {
        const QByteArray warning = QByteArray(Net::socketName) + "::" + function
                + "() is not allowed in UnconnectedState";
        QTest::ignoreMessage(QtWarningMsg, warning.constData());
    };
    expectWarning("waitForBytesWritten");
    QVERIFY(!socket.waitForBytesWritten(10));
    expectWarning("waitForDisconnected");
    QVERIFY(!socket.waitForDisconnected(10));
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
}

SCENARIO(dontCloseOnTimeout)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    QVERIFY(socket.waitForConnected(5000));
    QSignalSpy errors(&socket, &Net::Socket::errorOccurred);
    QVERIFY(!socket.waitForReadyRead(20));
    QCOMPARE(socket.error(), QAbstractSocket::SocketTimeoutError);
    QCOMPARE(socket.state(), QAbstractSocket::ConnectedState);
    QVERIFY(!socket.waitForDisconnected(20));
    QCOMPARE(socket.error(), QAbstractSocket::SocketTimeoutError);
    QCOMPARE(socket.state(), QAbstractSocket::ConnectedState);
    QCOMPARE(errors.count(), 2);
    QVERIFY(socket.isOpen());
    socket.write("x");
    QVERIFY(socket.waitForReadyRead(5000));
    QCOMPARE(socket.readAll(), QByteArray("x"));
}

SCENARIO(timeoutIsKept)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    QVERIFY(socket.waitForConnected(5000));
    QElapsedTimer timer;
    timer.start();
    QVERIFY(!socket.waitForReadyRead(100));
    QVERIFY(timer.elapsed() >= 99);
    QVERIFY(!socket.waitForReadyRead(0)); // looks only
}

SCENARIO(waitForReadyReadInASlot)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    QByteArray received;
    QObject::connect(&socket, &Net::Socket::connected, &socket, [&] {
        socket.write("in a slot");
        while (received.size() < 9 && socket.waitForReadyRead(5000))
            received += socket.readAll();
    });
    socket.connectToHost(localHost, server.port);
    QTRY_COMPARE(received, QByteArray("in a slot"));
}

// In readyRead() itself, which is not emitted again meanwhile.
SCENARIO(waitForReadyReadInReadyRead)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    QByteArray received;
    int depth = 0;
    int deepest = 0;
    QObject::connect(&socket, &QIODevice::readyRead, &socket, [&] {
        deepest = qMax(deepest, ++depth);
        received += socket.readAll();
        for (int i = 0; received.size() < 5 && i < 5; ++i) {
            socket.write("x");
            if (socket.waitForReadyRead(5000))
                received += socket.readAll();
        }
        --depth;
    });
    socket.connectToHost(localHost, server.port);
    socket.write("x");
    QTRY_COMPARE(received, QByteArray("xxxxx"));
    QCOMPARE(deepest, 1);
}

// A wait reads and tells; the next data is told again, with and without an event loop.
SCENARIO(readyReadSignalsAfterWaitForReadyRead)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    QSignalSpy readyRead(&socket, &QIODevice::readyRead);
    socket.connectToHost(localHost, server.port);
    socket.write("one");
    QVERIFY(socket.waitForReadyRead(5000));
    QCOMPARE(readyRead.count(), 1);
    QCOMPARE(socket.readAll(), QByteArray("one"));
    socket.write("two");
    QTRY_COMPARE(readyRead.count(), 2);
    QCOMPARE(socket.readAll(), QByteArray("two"));
    socket.write("three");
    QVERIFY(socket.waitForReadyRead(5000));
    QCOMPARE(readyRead.count(), 3);
    QCOMPARE(socket.readAll(), QByteArray("three"));
}

// It waits for more than there is.
SCENARIO(waitForReadyReadWithDataWaiting)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    socket.write("abc");
    QVERIFY(socket.waitForReadyRead(5000));
    QCOMPARE(socket.bytesAvailable(), 3);
    QVERIFY(!socket.waitForReadyRead(30));
    socket.write("d");
    QVERIFY(socket.waitForReadyRead(5000));
    QCOMPARE(socket.readAll(), QByteArray("abcd"));
}

// What comes while the end is waited for can be read afterwards.
SCENARIO(dataDuringWaitForDisconnected)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    QSignalSpy readyRead(&socket, &QIODevice::readyRead);
    socket.connectToHost(localHost, server.port);
    QVERIFY(socket.waitForConnected(5000));
    socket.write("echo me");
    QVERIFY(socket.waitForReadyRead(5000));
    socket.write("once more");
    socket.flush();
    QVERIFY(!socket.waitForDisconnected(200));
    QCOMPARE(socket.bytesAvailable(), 16);
    QCOMPARE(readyRead.count(), 2);
    socket.write("close");
    QVERIFY(socket.waitForDisconnected(5000));
    QCOMPARE(socket.readAll(), QByteArray("echo meonce more"));
}

SCENARIO(signalsInsideAWait)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    SignalLog log(&socket);
    socket.connectToHost(localHost, server.port);
    QVERIFY(socket.waitForConnected(5000));
    QCOMPARE(log.names(),
             QStringList({ "HostLookupState", "ConnectingState", "hostFound", "ConnectedState",
                           "connected" }));
    log.clear();
    socket.write("close");
    QVERIFY(socket.waitForDisconnected(5000));
    QCOMPARE(log.names(),
             QStringList({ "RemoteHostClosedError", "ClosingState", "UnconnectedState",
                           "readChannelFinished", "disconnected" }));
}

SCENARIO(waitForBytesWritten)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    QVERIFY(socket.waitForConnected(5000));
    QVERIFY(!socket.waitForBytesWritten(10)); // nothing waits
    QSignalSpy written(&socket, &QIODevice::bytesWritten);
    socket.write(QByteArray(300000, 'x'));
    int waits = 0;
    while (socket.bytesToWrite() > 0) {
        QVERIFY2(socket.waitForBytesWritten(5000), qPrintable(socket.errorString()));
        ++waits;
    }
    QVERIFY(waits > 0);
    QVERIFY(written.count() >= waits);
    qint64 told = 0;
    for (const auto &arguments : written)
        told += arguments.at(0).toLongLong();
    QCOMPARE(told, 300000);
}

// What was written before the connection stood goes out in the wait for it.
SCENARIO(waitForBytesWrittenWhileConnecting)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    socket.write("early");
    QVERIFY(socket.waitForBytesWritten(5000));
    QCOMPARE(socket.bytesToWrite(), 0);
    QVERIFY(socket.waitForReadyRead(5000));
    QCOMPARE(socket.readAll(), QByteArray("early"));
}

SCENARIO(remoteCloseEndsAWait)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    socket.write("close");
    QVERIFY(!socket.waitForReadyRead(10000));
    QCOMPARE(socket.error(), QAbstractSocket::RemoteHostClosedError);
    QCOMPARE(socket.state(), QAbstractSocket::UnconnectedState);
}

SCENARIO(waitForDisconnectedDelivers)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    QVERIFY(socket.waitForConnected(5000));
    socket.write(QByteArray(500000, 'x'));
    socket.disconnectFromHost();
    QVERIFY(isUnconnected(socket) || socket.waitForDisconnected(20000));
    QCOMPARE(socket.bytesToWrite(), 0);
}

SCENARIO(deletedInAWait)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    bool slotRan = false;
    QObject::connect(&socket, &QIODevice::readyRead, &socket, [&] {
        slotRan = true;
        socket.close();
    });
    socket.connectToHost(localHost, server.port);
    socket.write("x");
    socket.waitForReadyRead(5000);
    QVERIFY(slotRan);
    QVERIFY(!socket.isOpen());
}

// Two sockets of one thread, each waited for in turn; no slot of the other runs meanwhile.
SCENARIO(twoSocketsInOneThread)
{
    EchoThread<Net> server;
    typename Net::Socket first;
    typename Net::Socket second;
    int told = 0;
    QObject::connect(&second, &QIODevice::readyRead, &second, [&] { ++told; });
    for (auto *socket : { &first, &second }) {
        socket->connectToHost(localHost, server.port);
        QVERIFY(socket->waitForConnected(5000));
    }
    for (int i = 0; i < 20; ++i) {
        second.write("second");
        QVERIFY(second.waitForBytesWritten(5000));
        first.write("first");
        QVERIFY(first.waitForReadyRead(5000));
        QCOMPARE(first.readAll(), QByteArray("first"));
        QCOMPARE(told, i);
        QVERIFY(second.waitForReadyRead(5000));
        QCOMPARE(told, i + 1);
        QCOMPARE(second.readAll(), QByteArray("second"));
    }
}

// Timers and queued calls of the program do not run inside a wait: there is no event loop in it.
SCENARIO(noEventLoopInside)
{
    EchoThread<Net> server;
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.port);
    QVERIFY(socket.waitForConnected(5000));
    bool timerFired = false;
    bool queuedCallRan = false;
    QTimer::singleShot(0, &socket, [&] { timerFired = true; });
    QMetaObject::invokeMethod(
            &socket, [&] { queuedCallRan = true; }, Qt::QueuedConnection);
    socket.write("x");
    QVERIFY(socket.waitForReadyRead(5000));
    QVERIFY(!socket.waitForReadyRead(30));
    QVERIFY(!timerFired);
    QVERIFY(!queuedCallRan);
    QTRY_VERIFY(timerFired && queuedCallRan);
}
