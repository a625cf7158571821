// SPDX-License-Identifier: MIT
// What QIODevice's reading functions do.
#include "compliance.h"

#include <QtCore/qregularexpression.h>

using namespace compliance;

static constexpr char group[] = "reading";

SCENARIO(partialRead)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.peer->write("0123456789");
    QTRY_COMPARE(pair.client.bytesAvailable(), 10);
    char buffer[20];
    for (char expected = '0'; expected < '4'; ++expected) {
        QCOMPARE(pair.client.read(buffer, 1), 1);
        QCOMPARE(buffer[0], expected);
    }
    QCOMPARE(pair.client.bytesAvailable(), 6);
    QCOMPARE(pair.client.read(buffer, sizeof buffer), 6);
    QCOMPARE(QByteArray(buffer, 6), QByteArray("456789"));
    QCOMPARE(pair.client.read(buffer, sizeof buffer), 0);
}

SCENARIO(unget)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.peer->write("abc\r\n");
    QTRY_COMPARE(pair.client.bytesAvailable(), 5);
    char byte;
    QVERIFY(pair.client.getChar(&byte));
    QCOMPARE(byte, 'a');
    pair.client.ungetChar(byte);
    QCOMPARE(pair.client.bytesAvailable(), 5);
    QVERIFY(pair.client.canReadLine());
    QByteArray read;
    while (pair.client.getChar(&byte)) {
        pair.client.ungetChar(byte);
        read += pair.client.read(1);
    }
    QCOMPARE(read, QByteArray("abc\r\n"));
    pair.client.ungetChar('\n'); // also when nothing waits
    QVERIFY(pair.client.canReadLine());
    QCOMPARE(pair.client.readLine(), QByteArray("\n"));
}

SCENARIO(peek)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QCOMPARE(pair.client.peek(10), QByteArray());
    pair.peer->write("first ");
    QTRY_COMPARE(pair.client.bytesAvailable(), 6);
    QCOMPARE(pair.client.peek(3), QByteArray("fir"));
    QCOMPARE(pair.client.peek(100), QByteArray("first "));
    QCOMPARE(pair.client.bytesAvailable(), 6);
    pair.peer->write("second");
    QTRY_COMPARE(pair.client.bytesAvailable(), 12);
    QCOMPARE(pair.client.peek(100), QByteArray("first second"));
    QCOMPARE(pair.client.read(6), QByteArray("first "));
    QCOMPARE(pair.client.peek(2), QByteArray("se"));
    QCOMPARE(pair.client.readAll(), QByteArray("second"));
}

SCENARIO(skip)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.peer->write("0123456789");
    QTRY_COMPARE(pair.client.bytesAvailable(), 10);
    QCOMPARE(pair.client.peek(1), QByteArray("0"));
    QCOMPARE(pair.client.skip(4), 4);
    QCOMPARE(pair.client.read(2), QByteArray("45"));
    QCOMPARE(pair.client.skip(100), 4);
    QCOMPARE(pair.client.skip(1), 0);
}

SCENARIO(readLine)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QVERIFY(!pair.client.canReadLine());
    pair.peer->write("one\ntwo\r\n\nthree");
    QTRY_COMPARE(pair.client.bytesAvailable(), 15);
    QVERIFY(pair.client.canReadLine());
    char buffer[64];
    QCOMPARE(pair.client.readLine(buffer, sizeof buffer), 4);
    QCOMPARE(buffer, "one\n");
    QCOMPARE(pair.client.readLine(4), QByteArray("two"));
    QVERIFY(pair.client.canReadLine());
    QCOMPARE(pair.client.readLine(), QByteArray("\r\n"));
    QCOMPARE(pair.client.readLine(), QByteArray("\n"));
    QVERIFY(!pair.client.canReadLine());
    QCOMPARE(pair.client.readLine(), QByteArray("three")); // what is there
    pair.peer->write("four\n");
    QTRY_VERIFY(pair.client.canReadLine());
    QCOMPARE(pair.client.readLine(), QByteArray("four\n"));
}

// The loop of most line protocols: lines come cut anywhere.
SCENARIO(readLineLoop)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QList<QByteArray> lines;
    QObject::connect(&pair.client, &QIODevice::readyRead, &pair.client, [&] {
        while (pair.client.canReadLine())
            lines += pair.client.readLine().trimmed();
    });
    QByteArray sent;
    for (int i = 0; i < 2000; ++i)
        sent += "line " + QByteArray::number(i) + QByteArray(i % 50, 'x') + "\r\n";
    const QList<QByteArray> expected = [&] {
        QList<QByteArray> result = sent.split('\n');
        result.removeLast();
        for (QByteArray &line : result)
            line = line.trimmed();
        return result;
    }();
    for (qsizetype at = 0, size = 1; at < sent.size(); at += size, size = size * 5 % 997 + 1) {
        pair.peer->write(sent.mid(at, size));
        if (size % 4 == 0)
            QCoreApplication::processEvents();
    }
    QTRY_COMPARE(lines.size(), expected.size());
    QVERIFY(lines == expected);
}

SCENARIO(readChunks)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    const QByteArray sent = pattern(500000);
    pair.peer->write(sent);
    QByteArray received;
    qsizetype chunk = 1;
    while (received.size() < sent.size()) {
        QTRY_VERIFY(pair.client.bytesAvailable() > 0);
        received += pair.client.read(chunk);
        chunk = chunk * 7 % 40009;
    }
    QVERIFY(received == sent);
    QCOMPARE(pair.client.bytesAvailable(), 0);
}

SCENARIO(atEnd)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QVERIFY(pair.client.atEnd()); // of a sequential device: nothing can be read now
    pair.peer->write("ab");
    QTRY_COMPARE(pair.client.bytesAvailable(), 2);
    QVERIFY(!pair.client.atEnd());
    QCOMPARE(pair.client.read(1), QByteArray("a"));
    QVERIFY(!pair.client.atEnd());
    QCOMPARE(pair.client.peek(1), QByteArray("b"));
    QVERIFY(!pair.client.atEnd());
    QCOMPARE(pair.client.readAll(), QByteArray("b"));
    QVERIFY(pair.client.atEnd());
}

SCENARIO(sequentialDevice)
{
    Pair<Net> pair;
    QVERIFY(pair.client.isSequential());
    QVERIFY(pair.connect());
    pair.peer->write("abc");
    QTRY_COMPARE(pair.client.bytesAvailable(), 3);
    QCOMPARE(pair.client.pos(), 0);
    QCOMPARE(pair.client.size(), 3); // bytesAvailable()
    QTest::ignoreMessage(QtWarningMsg,
                         QRegularExpression(QStringLiteral("QIODevice::seek .*sequential.*")));
    QVERIFY(!pair.client.seek(1));
    QCOMPARE(pair.client.read(2), QByteArray("ab"));
    QCOMPARE(pair.client.pos(), 0);
    QVERIFY(!pair.client.isTextModeEnabled());
}

SCENARIO(zeroAndMinusOneReturns)
{
    using Socket = typename Net::Socket;
    {
        Socket socket;
        char buffer[10];
        const QRegularExpression notOpen(QStringLiteral("QIODevice::.* device not open"));
        for (int i = 0; i < 6; ++i)
            QTest::ignoreMessage(QtWarningMsg, notOpen);
        QCOMPARE(socket.write("x"), -1);
        QCOMPARE(socket.read(buffer, 1), -1);
        QCOMPARE(socket.read(buffer, 0), -1);
        QCOMPARE(socket.readLine(buffer, sizeof buffer), -1);
        QCOMPARE(socket.readAll(), QByteArray());
        QCOMPARE(socket.peek(buffer, 1), -1);
    }
    Pair<Net> pair;
    QVERIFY(pair.connect());
    char buffer[10];
    QCOMPARE(pair.client.read(buffer, 10), 0);
    QCOMPARE(pair.client.read(buffer, 0), 0);
    QCOMPARE(pair.client.readLine(buffer, sizeof buffer), 0);
    QCOMPARE(pair.client.write("x", 0), 0);
    QCOMPARE(pair.client.write(QByteArray()), 0);
    QVERIFY(!pair.client.getChar(buffer));
    pair.peer->write("y");
    pair.peer->disconnectFromHost();
    QTRY_VERIFY(isUnconnected(pair.client));
    QVERIFY(pair.client.isOpen());
    QCOMPARE(pair.client.read(buffer, 10), 1);
    QCOMPARE(pair.client.read(buffer, 10), -1); // the end
    QCOMPARE(pair.client.readLine(buffer, sizeof buffer), -1);
    QVERIFY(!pair.client.getChar(buffer));
}

SCENARIO(readAllAfterClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.peer->write("too late");
    QTRY_COMPARE(pair.client.bytesAvailable(), 8);
    pair.client.close();
    QVERIFY(!pair.client.isOpen());
    QCOMPARE(pair.client.bytesAvailable(), 0);
    QTest::ignoreMessage(QtWarningMsg,
                         QRegularExpression(QStringLiteral("QIODevice::.* device not open")));
    QCOMPARE(pair.client.readAll(), QByteArray());
}

SCENARIO(halfReadAtClose)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    const QByteArray sent = pattern(100000);
    pair.peer->write(sent);
    pair.peer->disconnectFromHost();
    QTRY_VERIFY(pair.client.bytesAvailable() > 1000);
    QByteArray received = pair.client.read(1000);
    QTRY_VERIFY(isUnconnected(pair.client));
    // The rest can be read in pieces after the end.
    QCOMPARE(pair.client.bytesAvailable(), sent.size() - 1000);
    QVERIFY(pair.client.isReadable());
    received += pair.client.read(1000);
    received += pair.client.peek(1);
    received.chop(1);
    received += pair.client.readAll();
    QVERIFY(received == sent);
    QVERIFY(pair.client.atEnd());
}

SCENARIO(readBufferSize)
{
    Pair<Net> pair;
    QCOMPARE(pair.client.readBufferSize(), 0);
    QVERIFY(pair.connect());
    pair.client.setReadBufferSize(10000);
    QCOMPARE(pair.client.readBufferSize(), 10000);
    const QByteArray sent = pattern(4000000);
    pair.peer->write(sent);
    QTRY_VERIFY(pair.client.bytesAvailable() >= 10000);
    const bool onlyAbout = differs<Net>("readBufferSize() is a bound of the receive window");
    if (onlyAbout)
        QVERIFY(pair.client.bytesAvailable() < 3000000);
    else
        QCOMPARE(pair.client.bytesAvailable(), 10000);
    QByteArray received;
    while (received.size() < sent.size()) {
        QTRY_VERIFY(pair.client.bytesAvailable() > 0);
        received += pair.client.readAll();
    }
    QVERIFY(received == sent);
}

SCENARIO(increaseReadBufferSize)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.client.setReadBufferSize(1000);
    pair.peer->write(QByteArray(300000, 'x'));
    QTRY_VERIFY(pair.client.bytesAvailable() >= 1000);
    pair.client.setReadBufferSize(400000);
    QTRY_COMPARE(pair.client.bytesAvailable(), 300000);
    pair.client.setReadBufferSize(0);
    pair.peer->write(QByteArray(200000, 'x'));
    QTRY_COMPARE(pair.client.bytesAvailable(), 500000);
}

// readyRead() does not recurse, and nothing that comes meanwhile is left unsaid.
SCENARIO(recursiveReadyRead)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    int depth = 0;
    int deepest = 0;
    QByteArray received;
    QObject::connect(&pair.client, &QIODevice::readyRead, &pair.client, [&] {
        deepest = qMax(deepest, ++depth);
        if (received.isEmpty()) {
            pair.peer->write("second");
            pair.peer->flush();
            pair.client.waitForReadyRead(2000);
        }
        received += pair.client.readAll();
        --depth;
    });
    pair.peer->write("first ");
    QTRY_COMPARE(received, QByteArray("first second"));
    QCOMPARE(deepest, 1);
}

// A slot that does not read is told again when more has come.
SCENARIO(readyReadWithoutReading)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QSignalSpy spy(&pair.client, &QIODevice::readyRead);
    for (int i = 1; i <= 5; ++i) {
        pair.peer->write("ab");
        QTRY_COMPARE(pair.client.bytesAvailable(), 2 * i);
        QCOMPARE(spy.count(), i);
    }
    QCOMPARE(pair.client.readAll(), QByteArray("ababababab"));
}

SCENARIO(readyReadAfterPeek)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QByteArray peeked;
    QObject::connect(&pair.client, &QIODevice::readyRead, &pair.client,
                     [&] { peeked = pair.client.peek(100); });
    pair.peer->write("ab");
    QTRY_COMPARE(peeked, QByteArray("ab"));
    pair.peer->write("cd");
    QTRY_COMPARE(peeked, QByteArray("abcd"));
}

SCENARIO(textMode)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.peer->write("one\r\ntwo\r\n");
    QTRY_COMPARE(pair.client.bytesAvailable(), 10);
    pair.client.setTextModeEnabled(true);
    QCOMPARE(pair.client.readLine(), QByteArray("one\n"));
    QCOMPARE(pair.client.readAll(), QByteArray("two\n"));
}

SCENARIO(transaction)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    pair.peer->write("part");
    QTRY_COMPARE(pair.client.bytesAvailable(), 4);
    pair.client.startTransaction();
    QVERIFY(pair.client.isTransactionStarted());
    QCOMPARE(pair.client.read(4), QByteArray("part"));
    QCOMPARE(pair.client.bytesAvailable(), 0);
    pair.client.rollbackTransaction();
    QCOMPARE(pair.client.bytesAvailable(), 4);
    pair.peer->write(" two");
    QTRY_COMPARE(pair.client.bytesAvailable(), 8);
    pair.client.startTransaction();
    QCOMPARE(pair.client.read(100), QByteArray("part two"));
    pair.client.commitTransaction();
    QVERIFY(!pair.client.isTransactionStarted());
    QCOMPARE(pair.client.bytesAvailable(), 0);
    // What a transaction has read and given back outlives the connection.
    pair.peer->write("last");
    pair.peer->disconnectFromHost();
    QTRY_VERIFY(isUnconnected(pair.client));
    pair.client.startTransaction();
    QCOMPARE(pair.client.read(2), QByteArray("la"));
    pair.client.rollbackTransaction();
    QCOMPARE(pair.client.readAll(), QByteArray("last"));
}
