// SPDX-License-Identifier: MIT
// What is built upon a QIODevice works over a connection.
#include "compliance.h"

#include <QtCore/qdatastream.h>
#include <QtCore/qjsondocument.h>
#include <QtCore/qjsonobject.h>
#include <QtCore/qsavefile.h>
#include <QtCore/qtemporarydir.h>
#include <QtCore/qtextstream.h>
#include <QtCore/qxmlstream.h>

using namespace compliance;

static constexpr char group[] = "streams";

SCENARIO(dataStream)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QDataStream out(&pair.client);
    const QMap<QString, QVariant> map{ { "number", 42 }, { "text", "Grüße" } };
    out << qint32(-7) << QString("text") << 3.25 << map << QByteArray(100000, 'x');
    QCOMPARE(out.status(), QDataStream::Ok);
    QTRY_VERIFY(pair.peer->bytesAvailable() > 100000);
    QDataStream in(pair.peer.get());
    qint32 number = 0;
    QString text;
    double real = 0;
    QMap<QString, QVariant> readMap;
    QByteArray bytes;
    QTRY_VERIFY(pair.client.bytesToWrite() == 0);
    in >> number >> text >> real >> readMap >> bytes;
    QCOMPARE(in.status(), QDataStream::Ok);
    QCOMPARE(number, -7);
    QCOMPARE(text, QStringLiteral("text"));
    QCOMPARE(real, 3.25);
    QCOMPARE(readMap, map);
    QCOMPARE(bytes.size(), 100000);
    qint32 more;
    in >> more;
    QCOMPARE(in.status(), QDataStream::ReadPastEnd);
}

// Records of all sizes arrive in pieces; a transaction takes whole ones only.
SCENARIO(dataStreamTransactions)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    constexpr int Count = 1000;
    int received = 0;
    bool equal = true;
    QDataStream in(pair.peer.get());
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(), [&] {
        while (received < Count) {
            qint32 index = 0;
            QByteArray bytes;
            QString text;
            in.startTransaction();
            in >> index >> bytes >> text;
            if (!in.commitTransaction())
                return;
            equal = equal && index == received && bytes.size() == index * 37 % 5000
                    && text == QString::number(index);
            ++received;
        }
    });
    QByteArray records;
    QDataStream out(&records, QIODevice::WriteOnly);
    for (qint32 i = 0; i < Count; ++i)
        out << i << QByteArray(i * 37 % 5000, 'b') << QString::number(i);
    for (qsizetype at = 0, size = 1; at < records.size(); at += size, size = size * 31 % 8009 + 1) {
        pair.client.write(records.mid(at, size));
        QCoreApplication::processEvents();
    }
    QTRY_COMPARE(received, Count);
    QVERIFY(equal);
}

// A length before each block, and bytesAvailable(): what was written before there were transactions.
SCENARIO(blockSizes)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    quint32 blockSize = 0;
    QStringList fortunes;
    QDataStream in(pair.peer.get());
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(), [&] {
        for (;;) {
            if (blockSize == 0) {
                if (pair.peer->bytesAvailable() < qint64(sizeof(quint32)))
                    return;
                in >> blockSize;
            }
            if (pair.peer->bytesAvailable() < blockSize)
                return;
            QString fortune;
            in >> fortune;
            fortunes += fortune;
            blockSize = 0;
        }
    });
    for (int i = 0; i < 200; ++i) {
        QByteArray block;
        QDataStream out(&block, QIODevice::WriteOnly);
        out << quint32(0) << QString(i * 10, QChar('f'));
        out.device()->seek(0);
        out << quint32(block.size() - int(sizeof(quint32)));
        pair.client.write(block);
    }
    QTRY_COMPARE(fortunes.size(), 200);
    QCOMPARE(fortunes.at(199).size(), 1990);
}

SCENARIO(textStream)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QTextStream out(&pair.client);
    out << "Grüße " << 42 << ' ' << Qt::hex << 255 << Qt::endl;
    out << "second line\n"
        << "word1 word2 ";
    out.flush();
    QTRY_COMPARE(pair.peer->bytesAvailable(), 38);
    QTextStream in(pair.peer.get());
    QCOMPARE(in.readLine(), QStringLiteral("Grüße 42 ff"));
    QCOMPARE(in.readLine(), QStringLiteral("second line"));
    QString word1;
    QString word2;
    in >> word1 >> word2;
    QCOMPARE(word1, QStringLiteral("word1"));
    QCOMPARE(word2, QStringLiteral("word2"));
}

SCENARIO(textStreamToTheEnd)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    {
        QTextStream out(&pair.client);
        for (int i = 0; i < 10000; ++i)
            out << "line " << i << '\n';
    }
    pair.client.disconnectFromHost();
    QTRY_VERIFY(isUnconnected(*pair.peer));
    QTextStream in(pair.peer.get());
    int count = 0;
    QString line;
    while (in.readLineInto(&line)) {
        QCOMPARE(line, QStringLiteral("line %1").arg(count));
        ++count;
    }
    QCOMPARE(count, 10000);
}

SCENARIO(saveFileCopy)
{
    QTemporaryDir folder;
    QVERIFY(folder.isValid());
    const QByteArray content = pattern(2500000);
    QFile source(folder.filePath("source"));
    QVERIFY(source.open(QIODevice::ReadWrite));
    source.write(content);
    source.seek(0);

    Pair<Net> pair;
    QVERIFY(pair.connect());
    // The sender keeps little in memory: the next block follows when the last has left.
    const auto send = [&] {
        if (pair.client.bytesToWrite() > 0 || !isConnected(pair.client))
            return;
        const QByteArray block = source.read(65536);
        if (block.isEmpty())
            pair.client.disconnectFromHost();
        else
            pair.client.write(block);
    };
    QObject::connect(&pair.client, &QIODevice::bytesWritten, &pair.client, send);
    QSaveFile target(folder.filePath("target"));
    QVERIFY(target.open(QIODevice::WriteOnly));
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, &target,
                     [&] { target.write(pair.peer->readAll()); });
    QSignalSpy finished(pair.peer.get(), &Net::Socket::disconnected);
    send();
    QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 20000);
    target.write(pair.peer->readAll());
    QVERIFY(target.commit());
    QFile result(folder.filePath("target"));
    QVERIFY(result.open(QIODevice::ReadOnly));
    QVERIFY(result.readAll() == content);
}

SCENARIO(jsonLines)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    int count = 0;
    bool equal = true;
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(), [&] {
        while (pair.peer->canReadLine()) {
            const QJsonObject object = QJsonDocument::fromJson(pair.peer->readLine()).object();
            equal = equal && object.value("id").toInt() == count;
            ++count;
        }
    });
    for (int i = 0; i < 500; ++i) {
        const QJsonObject object{ { "id", i }, { "text", QString(i, QChar('x')) } };
        pair.client.write(QJsonDocument(object).toJson(QJsonDocument::Compact) + '\n');
    }
    QTRY_COMPARE(count, 500);
    QVERIFY(equal);
}

// QXmlStreamReader asks its device for more, and goes on when there is more.
SCENARIO(xmlStream)
{
    Pair<Net> pair;
    QVERIFY(pair.connect());
    QXmlStreamWriter out(&pair.client);
    out.writeStartDocument();
    out.writeStartElement("list");
    for (int i = 0; i < 300; ++i)
        out.writeTextElement("item", QString::number(i));
    out.writeEndElement();
    out.writeEndDocument();
    QStringList items;
    QXmlStreamReader in;
    const auto read = [&] {
        in.addData(pair.peer->readAll());
        while (!in.atEnd()) {
            if (in.readNext() == QXmlStreamReader::Characters && !in.isWhitespace())
                items += in.text().toString();
        }
    };
    QObject::connect(pair.peer.get(), &QIODevice::readyRead, pair.peer.get(), read);
    read();
    QTRY_VERIFY(in.tokenType() == QXmlStreamReader::EndDocument);
    QCOMPARE(items.join(QString()).size(), 10 + 90 * 2 + 200 * 3);
}
