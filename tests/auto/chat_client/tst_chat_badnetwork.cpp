// SPDX-License-Identifier: MIT
#include "client/backoff.h"
#include "client/badnetwork.h"
#include "testseed.h"

#include <QtCore/QElapsedTimer>
#include <QtTest/QTest>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

class tst_ChatBadNetwork : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void init();
    void cleanup();
    void passesBothWays();
    void loses();
    void delaysAndKeepsOrder();
    void strangersAreNotHeard();
    void manyClients();
    void backoff();

private:
    QByteArray read(QUdpSocket &socket);

    std::unique_ptr<BadNetwork> m_network;
    std::unique_ptr<QUdpSocket> m_host;
    std::unique_ptr<QUdpSocket> m_client;
};

static const QHostAddress localHost(QHostAddress::LocalHost);

void tst_ChatBadNetwork::init()
{
    m_host = std::make_unique<QUdpSocket>();
    m_client = std::make_unique<QUdpSocket>();
    m_network = std::make_unique<BadNetwork>();
    QVERIFY(m_host->bind(localHost, 0));
    QVERIFY(m_client->bind(localHost, 0));
    QVERIFY(m_network->start(localHost, m_host->localPort()));
    QCOMPARE(m_network->address(), localHost);
}

void tst_ChatBadNetwork::cleanup()
{
    m_network.reset();
}

QByteArray tst_ChatBadNetwork::read(QUdpSocket &socket)
{
    QByteArray data(2000, '\0');
    const qint64 size = socket.readDatagram(data.data(), data.size());
    return size < 0 ? QByteArray() : data.first(size);
}

void tst_ChatBadNetwork::passesBothWays()
{
    m_client->writeDatagram("there", localHost, m_network->port());
    QTRY_VERIFY(m_host->hasPendingDatagrams());
    QByteArray data(100, '\0');
    QHostAddress from;
    quint16 port = 0;
    data.resize(m_host->readDatagram(data.data(), data.size(), &from, &port));
    QCOMPARE(data, QByteArray("there"));
    QVERIFY(port != m_client->localPort());
    m_host->writeDatagram("back", from, port);
    QTRY_VERIFY(m_client->hasPendingDatagrams());
    QCOMPARE(read(*m_client), QByteArray("back"));
}

void tst_ChatBadNetwork::loses()
{
    m_network->setSeed(quint32(kcptest::testSeed(7)));
    m_network->setLoss(100);
    m_client->writeDatagram("lost", localHost, m_network->port());
    QTRY_COMPARE(m_network->lostDatagrams(), quint64(1));

    m_network->setLoss(30);
    int arrived = 0;
    for (int sent = 1; sent <= 500; ++sent) { // few at a time: the kernel's queues are short
        m_client->writeDatagram(QByteArray::number(sent), localHost, m_network->port());
        const auto all = [&] {
            while (!read(*m_host).isEmpty())
                ++arrived;
            return arrived + int(m_network->lostDatagrams()) - 1 == sent;
        };
        if (sent % 50 == 0)
            QTRY_VERIFY2(all(), qPrintable(u"%1 arrived"_s.arg(arrived)));
    }
    QVERIFY2(arrived > 290 && arrived < 410, qPrintable(u"%1 arrived"_s.arg(arrived)));
    // what comes back is never lost
    m_network->setLoss(0);
    passesBothWays();
}

void tst_ChatBadNetwork::delaysAndKeepsOrder()
{
    QElapsedTimer clock;
    clock.start();
    m_network->setDelay(80ms);
    for (int i = 0; i < 20; ++i)
        m_client->writeDatagram(QByteArray::number(i), localHost, m_network->port());
    QList<QByteArray> arrived;
    const auto receive = [&](qsizetype count) {
        for (QByteArray data = read(*m_host); !data.isEmpty(); data = read(*m_host))
            arrived.append(data);
        return arrived.size() == count;
    };
    QTRY_VERIFY(receive(20));
    QVERIFY(clock.elapsed() >= 80);
    m_client->writeDatagram("slow", localHost, m_network->port());
    m_client->waitForBytesWritten(0);
    QTRY_VERIFY(receive(21));
    for (int i = 0; i < 20; ++i)
        QCOMPARE(arrived.at(i), QByteArray::number(i));
}

void tst_ChatBadNetwork::strangersAreNotHeard()
{
    passesBothWays();
    QUdpSocket stranger;
    // Every port of ours is somebody's; none takes what does not come from the host.
    const auto sockets = m_network->findChildren<QUdpSocket *>();
    for (const QUdpSocket *socket : sockets)
        stranger.writeDatagram("forged", localHost, socket->localPort());
    passesBothWays(); // loopback keeps the order: it would have come first
}

void tst_ChatBadNetwork::manyClients()
{
    for (int i = 0; i < 100; ++i) {
        QUdpSocket client;
        QVERIFY(client.bind(localHost, 0));
        client.writeDatagram("x", localHost, m_network->port());
        QTRY_VERIFY(m_host->hasPendingDatagrams());
        QCOMPARE(read(*m_host), QByteArray("x"));
    }
    QVERIFY(m_network->findChildren<QUdpSocket *>().size() <= 8);
    passesBothWays();
}

void tst_ChatBadNetwork::backoff()
{
    Backoff backoff;
    QList<qint64> waits;
    for (int i = 0; i < 7; ++i)
        waits.append(backoff.next(0).count());
    QCOMPARE(waits, QList<qint64>({ 500, 1000, 2000, 4000, 8000, 15000, 15000 }));
    QCOMPARE(backoff.next(1).count(), qint64(11250));
    backoff.reset();
    QCOMPARE(backoff.next(1).count(), qint64(375));
}

QTEST_GUILESS_MAIN(tst_ChatBadNetwork)
#include "tst_chat_badnetwork.moc"
