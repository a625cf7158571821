// SPDX-License-Identifier: MIT
// write(), flush(), and what bytesToWrite() and bytesWritten() say of them.
#include "compliance.h"

#include <QtCore/qregularexpression.h>

#include <numeric>

using namespace compliance;

static constexpr char group[] = "writing";

SCENARIO(writeBeforeConnected)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    socket.connectToHost(localHost, server.serverPort());
    QVERIFY(socket.isOpen());
    QCOMPARE(socket.write("early "), 6);
    QCOMPARE(socket.write("words"), 5);
    QCOMPARE(socket.bytesToWrite(), 11);
    QTRY_COMPARE(socket.bytesAvailable(), 11);
    QCOMPARE(socket.readAll(), QByteArray("early words"));
    QCOMPARE(socket.bytesToWrite(), 0);
}

SCENARIO(writeInClosedStates)
{
    typename Net::Socket socket;
    QTest::ignoreMessage(QtWarningMsg,
                         QRegularExpression(QStringLiteral("QIODevice::.* device not open")));
    QCOMPARE(socket.write("x"), -1);
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.peer->disconnectFromHost();
    QTRY_VERIFY(isUnconnected(pair.client));
    QVERIFY(pair.client.isOpen());
    QVERIFY(pair.client.isWritable());
    QCOMPARE(pair.client.write("x"), -1);
    QCOMPARE(pair.client.error(), QAbstractSocket::UnknownSocketError);
    QCOMPARE(pair.client.errorString(), QStringLiteral("Socket is not connected"));
    QCOMPARE(pair.client.bytesToWrite(), 0);
    pair.client.close();
    QTest::ignoreMessage(QtWarningMsg,
                         QRegularExpression(QStringLiteral("QIODevice::.* device not open")));
    QCOMPARE(pair.client.write("x"), -1);
}

SCENARIO(openModes)
{
    const QRegularExpression readOnly(QStringLiteral("QIODevice::write .*ReadOnly device"));
    const QRegularExpression writeOnly(QStringLiteral("QIODevice::read .*WriteOnly device"));
    {
        Pair<Net> pair;
        QVERIFY(pair.connect(QIODevice::ReadOnly));
        QVERIFY(pair.client.isReadable());
        QVERIFY(!pair.client.isWritable());
        QTest::ignoreMessage(QtWarningMsg, readOnly);
        QCOMPARE(pair.client.write("x"), -1);
        pair.peer->write("abc");
        QTRY_COMPARE(pair.client.bytesAvailable(), 3);
        QCOMPARE(pair.client.readAll(), QByteArray("abc"));
    }
    Pair<Net> pair;
    QVERIFY(pair.connect(QIODevice::WriteOnly));
    QVERIFY(!pair.client.isReadable());
    QVERIFY(pair.client.isWritable());
    QSignalSpy readyRead(&pair.client, &QIODevice::readyRead);
    pair.client.write("abc");
    QTRY_COMPARE(pair.peer->bytesAvailable(), 3);
    QTest::ignoreMessage(QtWarningMsg, writeOnly);
    char byte;
    QCOMPARE(pair.client.read(&byte, 1), -1);
    QCOMPARE(readyRead.count(), 0);
}

SCENARIO(bytesWrittenAddsUp)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    qint64 told = 0;
    bool positive = true;
    QObject::connect(&pair.client, &QIODevice::bytesWritten, &pair.client, [&](qint64 bytes) {
        told += bytes;
        positive = positive && bytes > 0;
    });
    qint64 sent = 0;
    for (const int size : { 1, 1000, 70000, 1500000 }) {
        QCOMPARE(pair.client.write(QByteArray(size, 'x')), size);
        sent += size;
        QCOMPARE(told + pair.client.bytesToWrite(), sent);
    }
    QByteArray received;
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(),
                     [&] { received += pair.peer->readAll(); });
    QTRY_COMPARE_WITH_TIMEOUT(received.size(), sent, 20000);
    QTRY_COMPARE(told, sent);
    QCOMPARE(pair.client.bytesToWrite(), 0);
    QVERIFY(positive);
}

// Nothing is written by write() alone, nothing is told before the event loop runs.
SCENARIO(bytesWrittenComesLater)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QSignalSpy spy(&pair.client, &QIODevice::bytesWritten);
    pair.client.write("abc");
    QCOMPARE(pair.client.bytesToWrite(), 3);
    QCOMPARE(spy.count(), 0);
    QTRY_COMPARE(spy.count(), 1);
    QCOMPARE(spy.at(0).at(0).toLongLong(), 3);
}

// The pump of many programs: the next block goes out when the last one has left.
SCENARIO(writeInBytesWritten)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    const QByteArray block = pattern(5000);
    int blocks = 1;
    int depth = 0;
    int deepest = 0;
    QObject::connect(&pair.client, &QIODevice::bytesWritten, &pair.client, [&] {
        deepest = qMax(deepest, ++depth);
        if (pair.client.bytesToWrite() == 0 && blocks < 100) {
            ++blocks;
            pair.client.write(block);
        }
        --depth;
    });
    pair.client.write(block);
    QByteArray received;
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(),
                     [&] { received += pair.peer->readAll(); });
    QTRY_COMPARE(received.size(), 100 * block.size());
    QCOMPARE(deepest, 1);
}

// A slot that waits inside bytesWritten() is not called again underneath.
SCENARIO(waitInBytesWritten)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    int depth = 0;
    int deepest = 0;
    qint64 told = 0;
    QObject::connect(&pair.client, &QIODevice::bytesWritten, &pair.client, [&](qint64 bytes) {
        deepest = qMax(deepest, ++depth);
        told += bytes;
        if (told == 3) {
            pair.client.write("de");
            pair.client.waitForBytesWritten(2000);
        }
        --depth;
    });
    pair.client.write("abc");
    QTRY_COMPARE(pair.peer->bytesAvailable(), 5);
    QCOMPARE(pair.peer->readAll(), QByteArray("abcde"));
    QCOMPARE(deepest, 1);
    if (differs<Net>("bytesWritten() leaves nothing out"))
        QTRY_COMPARE(told, 5);
    else
        QCOMPARE(told, 3);
}

SCENARIO(flush)
{
    Pair<Net> pair;
    QVERIFY(!pair.client.flush()); // not connected
    QVERIFY(pair.connect());
    QVERIFY(!pair.client.flush()); // nothing to send
    pair.client.write("now");
    QCOMPARE(pair.client.bytesToWrite(), 3);
    QVERIFY(pair.client.flush());
    QCOMPARE(pair.client.bytesToWrite(), 0);
    QVERIFY(!pair.client.flush());
    QVERIFY(pair.peer->waitForReadyRead(2000)); // no turn of our event loop was needed
    QCOMPARE(pair.peer->readAll(), QByteArray("now"));
}

SCENARIO(bytesWrittenByFlush)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QSignalSpy spy(&pair.client, &QIODevice::bytesWritten);
    pair.client.write("now");
    QVERIFY(pair.client.flush());
    if (differs<Net>("flush() emits later"))
        QCOMPARE(spy.count(), 0);
    QTRY_COMPARE(spy.count(), 1);
    QCOMPARE(spy.at(0).at(0).toLongLong(), 3);
}

SCENARIO(putChar)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    for (char byte = 'a'; byte <= 'z'; ++byte)
        QVERIFY(pair.client.putChar(byte));
    QCOMPARE(pair.client.bytesToWrite(), 26);
    QTRY_COMPARE(pair.peer->bytesAvailable(), 26);
    QCOMPARE(pair.peer->readAll(), QByteArray("abcdefghijklmnopqrstuvwxyz"));
}

SCENARIO(zeroBytesAreBytes)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    const QByteArray sent("\0a\0\n\0", 5);
    QCOMPARE(pair.client.write(sent), 5);
    QCOMPARE(pair.client.write("text\0hidden"), 4); // a C string ends at its zero
    QTRY_COMPARE(pair.peer->bytesAvailable(), 9);
    QCOMPARE(pair.peer->readAll(), sent + "text");
}

SCENARIO(bulkBothWays)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    const QByteArray there = pattern(3000000);
    const QByteArray back = pattern(2000000);
    QByteArray atPeer;
    QByteArray atClient;
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(),
                     [&] { atPeer += pair.peer->readAll(); });
    QObject::connect(&pair.client, &QIODevice::readyRead, &pair.client,
                     [&] { atClient += pair.client.readAll(); });
    pair.client.write(there);
    pair.peer->write(back);
    QTRY_COMPARE_WITH_TIMEOUT(atPeer.size(), there.size(), 20000);
    QTRY_COMPARE_WITH_TIMEOUT(atClient.size(), back.size(), 20000);
    QVERIFY(atPeer == there);
    QVERIFY(atClient == back);
}

// Small requests and answers, one at a time.
SCENARIO(pingPong)
{
    EchoServer<Net> server;
    QVERIFY(server.listen(localHost));
    typename Net::Socket socket;
    int answers = 0;
    QObject::connect(&socket, &Net::Socket::connected, &socket, [&] { socket.write("ping"); });
    QObject::connect(&socket, &QIODevice::readyRead, &socket, [&] {
        if (socket.bytesAvailable() < 4)
            return;
        socket.readAll();
        if (++answers < 200)
            socket.write("ping");
        else
            socket.disconnectFromHost();
    });
    socket.connectToHost(localHost, server.serverPort());
    QTRY_COMPARE(answers, 200);
    QTRY_VERIFY(isUnconnected(socket));
}
