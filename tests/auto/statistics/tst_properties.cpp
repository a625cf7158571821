// SPDX-License-Identifier: MIT
#include "simulatedpair.h"

#include "kcpstatistics.h"

#include <QtCore/qmetaobject.h>
#include <QtCore/qthread.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

class tst_Properties : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void readable_data();
    void readable();
    void statesAreNotified();
    void writable();
    void refusedInterval();
    void nothingWithoutListener();
    void throttled();
    void quietWhenNothingHappens();
    void stopsWithoutListener();
    void listenerFromAnotherThread();
    void endIsTold();
    void server();
    void deletedInTheSlot();
};

namespace {

KcpConfiguration silentConfiguration()
{
    KcpConfiguration configuration;
    configuration.setKeepAliveInterval(0ms);
    configuration.setIdleTimeout(0ms);
    return configuration;
}

int timersWithin(SimulatedPair &pair, kcp::Duration time)
{
    const auto before = pair.world.timerEvents();
    pair.world.run(time);
    return int(pair.world.timerEvents() - before);
}

} // namespace

void tst_Properties::readable_data()
{
    QTest::addColumn<bool>("isServer");
    QTest::addColumn<QByteArray>("name");
    for (const bool isServer : { false, true }) {
        const QMetaObject &type =
                isServer ? KcpServer::staticMetaObject : KcpSocket::staticMetaObject;
        for (int i = type.propertyOffset(); i < type.propertyCount(); ++i) {
            const QByteArray name = type.property(i).name();
            QTest::newRow(type.className() + ("." + name)) << isServer << name;
        }
    }
}

void tst_Properties::readable()
{
    QFETCH(bool, isServer);
    QFETCH(QByteArray, name);
    SimulatedPair pair;
    QVERIFY(pair.connect());
    QObject *object = isServer ? static_cast<QObject *>(pair.server.get()) : pair.client.get();
    const QVariant value = object->property(name.constData());
    QVERIFY(value.isValid());
    if (name == "state")
        QCOMPARE(value.value<QAbstractSocket::SocketState>(), QAbstractSocket::ConnectedState);
    if (name == "peerName")
        QCOMPARE(value.toString(), serverHost.toString());
    if (name == "statistics" && !isServer)
        QVERIFY(value.value<KcpStatistics>().congestionWindow() > 0);
    if (name == "connectionCount")
        QCOMPARE(value.toInt(), 1);
    if (name == "serverPort")
        QCOMPARE(value.toInt(), int(ServerPort));
}

void tst_Properties::statesAreNotified()
{
    SimulatedPair pair;
    const QMetaObject &type = KcpSocket::staticMetaObject;
    for (const char *name : { "state", "closeReason", "closeCode", "closeText", "peerName" }) {
        const QMetaProperty property = type.property(type.indexOfProperty(name));
        QVERIFY2(property.hasNotifySignal(), name);
        QCOMPARE(property.notifySignal(), QMetaMethod::fromSignal(&KcpSocket::stateChanged));
    }
    // What is told belongs to the state: already there when the signal comes.
    QVERIFY(pair.connect());
    QList<QVariant> reasons;
    connect(pair.client.get(), &KcpSocket::stateChanged, this,
            [&] { reasons.append(pair.client->property("closeCode")); });
    pair.peer->disconnectFromHost(42, QStringLiteral("enough"));
    pair.world.run(1s);
    QCOMPARE(reasons, QList<QVariant>({ 42U, 42U })); // closing, unconnected
    QCOMPARE(pair.client->property("closeText").toString(), QStringLiteral("enough"));
}

void tst_Properties::writable()
{
    KcpSocket socket;
    QVERIFY(socket.setProperty("readBufferSize", 1000));
    QCOMPARE(socket.readBufferSize(), 1000);
    QVERIFY(socket.setProperty("writeBufferLimit", 2000));
    QCOMPARE(socket.writeBufferLimit(), 2000);
    KcpConfiguration configuration = socket.configuration();
    configuration.setMtu(600);
    QVERIFY(socket.setProperty("configuration", QVariant::fromValue(configuration)));
    QCOMPARE(socket.configuration().mtu(), 600);
    QVERIFY(socket.setProperty("statisticsInterval", 50));
    QCOMPARE(socket.statisticsInterval(), 50);
    KcpServer server;
    QVERIFY(server.setProperty("maxConnections", 3));
    QCOMPARE(server.maxConnections(), 3);
    QVERIFY(server.setProperty("statisticsInterval", 70));
    QCOMPARE(server.statisticsInterval(), 70);
}

void tst_Properties::refusedInterval()
{
    KcpSocket socket;
    KcpServer server;
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpSocket::setStatisticsInterval(0) is refused: it is 1 or more");
    socket.setStatisticsInterval(0);
    QCOMPARE(socket.statisticsInterval(), 500);
    QTest::ignoreMessage(QtWarningMsg,
                         "KcpServer::setStatisticsInterval(-1) is refused: it is 1 or more");
    server.setStatisticsInterval(-1);
    QCOMPARE(server.statisticsInterval(), 500);
}

void tst_Properties::nothingWithoutListener()
{
    SimulatedPair pair;
    pair.configure(silentConfiguration());
    QVERIFY(pair.connect());
    pair.client->write(QByteArray(100000, 'x'));
    pair.world.run(5s);
    QVERIFY(!KcpSocketPrivate::of(pair.client.get())->extra->notifier);
    const KcpSocketPrivate *peer = KcpSocketPrivate::of(pair.peer.get());
    QVERIFY(!peer->extra); // a server's socket has none of it
    QCOMPARE(timersWithin(pair, 60s), 0);
}

void tst_Properties::throttled()
{
    SimulatedPair pair;
    pair.configure(silentConfiguration());
    QVERIFY(pair.connect());
    pair.client->setStatisticsInterval(100);
    QSignalSpy changed(pair.client.get(), &KcpSocket::statisticsChanged);
    QList<quint64> sent;
    connect(pair.client.get(), &KcpSocket::statisticsChanged, this,
            [&] { sent.append(pair.client->statistics().bytesSent()); });
    for (int i = 0; i < 300; ++i) { // 3 s, datagrams all the time
        pair.client->write(QByteArray(1000, 'x'));
        pair.world.run(10ms);
    }
    QVERIFY2(changed.count() >= 28 && changed.count() <= 31, // one in 100 ms
             qPrintable(QString::number(changed.count())));
    QVERIFY(std::is_sorted(sent.begin(), sent.end()));
    pair.world.run(1s);
    QCOMPARE(sent.last(), pair.client->statistics().bytesSent()); // the last state is told
}

void tst_Properties::quietWhenNothingHappens()
{
    SimulatedPair pair;
    pair.configure(silentConfiguration());
    QVERIFY(pair.connect());
    QSignalSpy changed(pair.client.get(), &KcpSocket::statisticsChanged);
    pair.world.run(5s);
    const qsizetype before = changed.count();
    QCOMPARE(timersWithin(pair, 60s), 0);
    QCOMPARE(changed.count(), before);
    pair.peer->write("wake up");
    pair.world.run(2s);
    QVERIFY(changed.count() > before);
}

void tst_Properties::stopsWithoutListener()
{
    SimulatedPair pair;
    pair.configure(silentConfiguration());
    QVERIFY(pair.connect());
    {
        QSignalSpy changed(pair.client.get(), &KcpSocket::statisticsChanged);
        pair.client->write("x");
        pair.world.run(2s);
        QVERIFY(changed.count() > 0);
    }
    pair.client->write("x");
    pair.world.run(2s); // finds nobody
    pair.client->write("x");
    pair.world.run(200ms);
    QCOMPARE(timersWithin(pair, 10s), 0);
    QSignalSpy again(pair.client.get(), &KcpSocket::statisticsChanged);
    pair.client->write("x");
    pair.world.run(2s);
    QVERIFY(again.count() > 0);
}

void tst_Properties::listenerFromAnotherThread()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    int count = 0;
    const std::unique_ptr<QThread> thread(QThread::create([&] {
        connect(pair.client.get(), &KcpSocket::statisticsChanged, pair.client.get(),
                [&count] { ++count; });
    }));
    thread->start();
    QVERIFY(thread->wait(10000));
    pair.client->write("x");
    pair.world.run(2s);
    QVERIFY(count > 0);
}

void tst_Properties::endIsTold()
{
    SimulatedPair pair;
    pair.configure(silentConfiguration());
    QVERIFY(pair.connect());
    QSignalSpy changed(pair.client.get(), &KcpSocket::statisticsChanged);
    pair.world.run(2s);
    changed.clear();
    pair.client->write("last words");
    pair.client->disconnectFromHost();
    quint64 told = 0;
    connect(pair.client.get(), &KcpSocket::statisticsChanged, this,
            [&] { told = pair.client->statistics().bytesSent(); });
    pair.world.run(2s);
    QCOMPARE(pair.client->state(), QAbstractSocket::UnconnectedState);
    QVERIFY(changed.count() > 0);
    QCOMPARE(told, pair.client->statistics().bytesSent());
}

void tst_Properties::server()
{
    SimulatedPair pair;
    pair.configure(silentConfiguration());
    QSignalSpy changed(pair.server.get(), &KcpServer::statisticsChanged); // before listen()
    pair.server->setStatisticsInterval(100);
    QVERIFY(pair.connect());
    QVERIFY(changed.count() > 0);
    pair.world.run(1s);
    changed.clear();
    QCOMPARE(timersWithin(pair, 60s), 0);
    QCOMPARE(changed.count(), 0);
    for (int i = 0; i < 100; ++i) {
        pair.client->write(QByteArray(1000, 'x'));
        pair.world.run(10ms);
    }
    QVERIFY2(changed.count() >= 9 && changed.count() <= 11,
             qPrintable(QString::number(changed.count())));
}

void tst_Properties::deletedInTheSlot()
{
    SimulatedPair pair;
    QVERIFY(pair.connect());
    connect(pair.client.get(), &KcpSocket::statisticsChanged, this, [&] { pair.client.reset(); });
    connect(pair.server.get(), &KcpServer::statisticsChanged, this, [&] {
        pair.peer.reset();
        pair.server.reset();
    });
    pair.client->write("x");
    QVERIFY(pair.world.run(5s, [&] { return !pair.client && !pair.server; }));
}

QTEST_GUILESS_MAIN(tst_Properties)
#include "tst_properties.moc"
