// SPDX-License-Identifier: MIT
// A fast writer and a slow reader on the virtual clock: what both sides hold stays bounded, and the
// flow starts again when the reader does.
#include "heapmeter.h"
#include "simulatedpair.h"
#include "testseed.h"

#include <QtTest/qtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

Q_DECLARE_METATYPE(KcpConfiguration::Profile)

namespace {

constexpr qint64 MiB = 1024 * 1024;

// Sanitizers make everything ten times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr qint64 TransferSize = 64 * MiB;
#else
constexpr qint64 TransferSize = 1024 * MiB;
#endif

KcpConfiguration configurationFor(KcpConfiguration::Profile profile)
{
    KcpConfiguration configuration;
    configuration.setProfile(profile);
    return configuration;
}

// Any stretch of an endless stream without a period that a lost or doubled segment could fit.
void fill(char *bytes, qint64 offset, qint64 size)
{
    for (qint64 i = 0; i < size; i += 8) {
        quint64 word = quint64(offset + i) * 0x9e3779b97f4a7c15U;
        word ^= word >> 29;
        std::memcpy(bytes + i, &word, std::size_t(std::min(qint64(8), size - i)));
    }
}

// Writes as fast as write() takes it.
class Writer
{
public:
    Writer(KcpSocket *socket, qint64 total) : m_socket(socket), m_total(total), m_block(64 * 1024)
    {
        QObject::connect(socket, &KcpSocket::bytesWritten, socket, [this] { pump(); });
        pump();
    }
    void pump()
    {
        while (m_written < m_total) {
            const qint64 at = m_written / 8 * 8; // fill() begins at whole words
            fill(m_block.data(), at, qint64(m_block.size()));
            const qint64 wanted = std::min(m_total - m_written, qint64(m_block.size()) - 8);
            const qint64 taken = m_socket->write(m_block.data() + (m_written - at), wanted);
            m_partialWrites += taken < wanted;
            mostHeld =
                    std::max(mostHeld, m_socket->bytesToWrite() + m_socket->bytesUnacknowledged());
            if (taken <= 0)
                return;
            m_written += taken;
        }
    }
    qint64 partialWrites() const { return m_partialWrites; }

    qint64 mostHeld = 0;

private:
    KcpSocket *m_socket;
    qint64 m_total;
    qint64 m_written = 0;
    qint64 m_partialWrites = 0;
    std::vector<char> m_block;
};

// Reads at a rate, in bytes a second, by the virtual clock.
class Reader
{
public:
    Reader(SimulatedPair *pair, qint64 rate)
        : m_pair(pair),
          m_rate(rate),
          m_start(pair->world.now()),
          m_buffer(256 * 1024),
          m_expected(256 * 1024)
    {
        m_timer = pair->world.createTimer(nullptr, [this] { turn(); });
        m_timer->start(Tick);
    }
    qint64 taken() const { return m_taken; }
    bool isEqual() const { return m_equal; }

    qint64 mostWaiting = 0;

private:
    static constexpr kcp::Duration Tick = 10ms;

    void turn()
    {
        KcpSocket *socket = m_pair->peer.get();
        mostWaiting = std::max(mostWaiting, socket->bytesAvailable());
        const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(
                m_pair->world.now() - m_start);
        qint64 allowed = m_rate * elapsed.count() / 1000000 - m_taken;
        while (allowed > 0) {
            const qint64 at = m_taken / 8 * 8;
            const qint64 wanted = std::min(allowed, qint64(m_buffer.size()) - 8);
            const qint64 size = socket->read(m_buffer.data(), wanted);
            if (size <= 0)
                break;
            fill(m_expected.data(), at, size + (m_taken - at));
            m_equal = m_equal
                    && std::memcmp(m_buffer.data(), m_expected.data() + (m_taken - at),
                                   std::size_t(size))
                            == 0;
            m_taken += size;
            allowed -= size;
        }
        m_timer->start(Tick);
    }

    SimulatedPair *m_pair;
    qint64 m_rate;
    kcp::Instant m_start;
    qint64 m_taken = 0;
    bool m_equal = true;
    std::vector<char> m_buffer;
    std::vector<char> m_expected;
    std::unique_ptr<KcpTimer> m_timer;
};

} // namespace

class tst_Backpressure : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void heldBytesAreBounded_data();
    void heldBytesAreBounded();
    void lostWins_data() { addProfiles(); }
    void lostWins();
    void messagesUnderLoss();
    void plainMessageLimit_data();
    void plainMessageLimit();

private:
    static void addProfiles()
    {
        QTest::addColumn<KcpConfiguration::Profile>("profile");
        QTest::newRow("native") << KcpConfiguration::Native;
        QTest::newRow("plain") << KcpConfiguration::PlainKcp;
    }
};

void tst_Backpressure::heldBytesAreBounded_data()
{
    addProfiles();
}

// A gigabyte at 16 MB/s: what is held does not depend on what passes through.
void tst_Backpressure::heldBytesAreBounded()
{
    QFETCH(KcpConfiguration::Profile, profile);
    constexpr qint64 Rate = 16 * 1000 * 1000;
    constexpr qint64 WriteLimit = 4 * MiB;
    constexpr qint64 ReadBuffer = 1 * MiB;
    const std::uint64_t seed = kcptest::testSeed(1024);
    qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(seed));
    SimulatedPair pair(seed, 5ms);
    KcpConfiguration configuration = configurationFor(profile);
    // Losses are to be repaired here, not taken for congestion.
    configuration.setCongestionControl(KcpConfiguration::NoCongestionControl);
    pair.configure(configuration);
    QVERIFY(pair.connect());
    kcptest::LinkConfig link;
    link.delay = 5ms;
    link.loss = 0.001;
    pair.world.network().setDefaultLink(link);
    pair.client->setWriteBufferLimit(WriteLimit);
    pair.peer->setReadBufferSize(ReadBuffer);

    heapmeter::startPeak();
    const std::size_t heapBefore = heapmeter::bytes();
    const kcp::Instant start = pair.world.now();
    Reader reader(&pair, Rate);
    Writer writer(pair.client.get(), TransferSize);
    QVERIFY(pair.world.run(600s, [&] { return reader.taken() == TransferSize; }));
    const std::size_t heap = heapmeter::peak() - heapBefore;
    const auto took = std::chrono::duration<double>(pair.world.now() - start).count();
    qInfo("%lld MiB in %.1f s: the writer held at most %.2f MiB, the reader %.2f MiB; the heap "
          "grew "
          "by %.2f MiB with everything under way",
          static_cast<long long>(TransferSize / MiB), took, double(writer.mostHeld) / double(MiB),
          double(reader.mostWaiting) / double(MiB), double(heap) / double(MiB));
    QVERIFY(reader.isEqual());
    QVERIFY(writer.partialWrites() > 0); // the reader was the slow one
    QVERIFY(writer.mostHeld <= WriteLimit);
    // What was under way when the window closed is taken as well.
    const qint64 window = qint64(configuration.receiveWindow()) * configuration.mtu();
    QVERIFY(reader.mostWaiting <= ReadBuffer + window);
    QVERIFY(heap < std::size_t(16 * MiB));
    // No stalls: it took as long as the reader.
    QVERIFY(took < double(TransferSize) / double(Rate) * 1.02 + 0.1);
    QVERIFY(pair.client->statistics().retransmissions() > 0);
}

// The window is closed, the reader reads, and its news is lost for a while: the flow goes on soon
// after the network works again, not when some probe of seconds ago would come round.
void tst_Backpressure::lostWins()
{
    QFETCH(KcpConfiguration::Profile, profile);
    for (const kcp::Duration outage : { 50ms, 300ms, 1000ms }) {
        SimulatedPair pair(1, 10ms);
        pair.configure(configurationFor(profile));
        QVERIFY(pair.connect());
        pair.peer->setReadBufferSize(100000);
        pair.client->write(QByteArray(400000, 'x'));
        pair.world.run(60s); // the window is closed, probes are rare by now
        const qint64 waiting = pair.peer->bytesAvailable();
        QVERIFY(waiting >= 100000 && waiting < 400000);
        QVERIFY(pair.client->bytesToWrite() > 0);

        kcptest::LinkConfig dead;
        dead.loss = 1;
        pair.world.network().setDefaultLink(dead);
        QCOMPARE(pair.peer->readAll().size(), waiting); // the window opens
        pair.world.run(outage);
        QCOMPARE(pair.peer->bytesAvailable(), 0);
        kcptest::LinkConfig alive;
        alive.delay = 10ms;
        pair.world.network().setDefaultLink(alive);
        const kcp::Instant since = pair.world.now();
        QVERIFY(pair.world.run(60s, [&] { return pair.peer->bytesAvailable() > 0; }));
        const auto stall =
                std::chrono::duration_cast<std::chrono::milliseconds>(pair.world.now() - since);
        qInfo("an outage of %lld ms: data after %lld ms more",
              static_cast<long long>(
                      std::chrono::duration_cast<std::chrono::milliseconds>(outage).count()),
              static_cast<long long>(stall.count()));
        QVERIFY2(stall <= std::max(1000ms,
                                   std::chrono::duration_cast<std::chrono::milliseconds>(outage)),
                 qPrintable(QString::number(stall.count())));
    }
}

void tst_Backpressure::messagesUnderLoss()
{
    const std::uint64_t seed = kcptest::testSeed(16);
    qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(seed));
    KcpConfiguration configuration;
    configuration.setMode(KcpConfiguration::Message);
    SimulatedPair pair(seed, 10ms);
    pair.configure(configuration);
    QVERIFY(pair.connect());
    kcptest::LinkConfig link;
    link.delay = 10ms;
    link.loss = 0.1;
    pair.world.network().setDefaultLink(link);

    constexpr qint64 sizes[] = { 0, 1, 1000000, 0, 16 * MiB, 1, 16000000 };
    QCOMPARE(pair.client->maximumMessageSize(), 16 * MiB);
    QList<QByteArray> received;
    QObject::connect(pair.peer.get(), &KcpSocket::readyRead, this, [&] {
        while (pair.peer->hasPendingMessages())
            received += pair.peer->readMessage();
    });
    for (const qint64 size : sizes) {
        QByteArray message(size, Qt::Uninitialized);
        fill(message.data(), size, size);
        QVERIFY(pair.client->writeMessage(message));
    }
    const kcp::Instant start = pair.world.now();
    QVERIFY(pair.world.run(600s, [&] { return received.size() == qsizetype(std::size(sizes)); }));
    qInfo("took %.1f s", std::chrono::duration<double>(pair.world.now() - start).count());
    for (qsizetype i = 0; i < received.size(); ++i) {
        QByteArray expected(sizes[i], Qt::Uninitialized);
        fill(expected.data(), sizes[i], sizes[i]);
        QVERIFY2(received.at(i) == expected, qPrintable(QString::number(i)));
    }
    QVERIFY(!pair.client->writeMessage(QByteArray(16 * MiB + 1, 'x')));
    QCOMPARE(pair.client->error(), QAbstractSocket::DatagramTooLargeError);
}

void tst_Backpressure::plainMessageLimit_data()
{
    QTest::addColumn<int>("mtu");
    QTest::newRow("default") << 1400;
    QTest::newRow("small") << 576;
}

// KCP's own framing: 127 fragments of the MTU without the 24 bytes of a segment's header.
void tst_Backpressure::plainMessageLimit()
{
    QFETCH(int, mtu);
    KcpConfiguration configuration = configurationFor(KcpConfiguration::PlainKcp);
    configuration.setMode(KcpConfiguration::Message);
    QVERIFY(configuration.setMtu(mtu));
    SimulatedPair pair;
    pair.configure(configuration);
    QVERIFY(pair.listen());
    pair.startConnecting();
    QVERIFY(pair.client->writeMessage("?"));
    QVERIFY(pair.world.run(5s, [&] { return pair.server->hasPendingConnections(); }));
    pair.peer.reset(pair.server->nextPendingConnection());
    pair.world.run(1s);
    QCOMPARE(pair.peer->readMessage(), QByteArray("?"));
    kcptest::LinkConfig link;
    link.delay = 10ms;
    link.loss = 0.1;
    pair.world.network().setDefaultLink(link);

    const qint64 limit = 127 * (mtu - 24);
    QCOMPARE(pair.client->maximumMessageSize(), limit);
    QByteArray largest(limit, Qt::Uninitialized);
    fill(largest.data(), 0, limit);
    QVERIFY(!pair.client->writeMessage(largest + 'x'));
    QCOMPARE(pair.client->error(), QAbstractSocket::DatagramTooLargeError);
    QVERIFY(pair.client->writeMessage(largest));
    QVERIFY(pair.client->writeMessage(QByteArray()));
    QVERIFY(pair.client->writeMessage("1"));
    QList<QByteArray> received;
    const bool complete = pair.world.run(60s, [&] {
        while (pair.peer->hasPendingMessages())
            received += pair.peer->readMessage();
        return received.size() == 3;
    });
    QVERIFY(complete);
    QVERIFY(received == QList<QByteArray>({ largest, QByteArray(), "1" }));
}

QTEST_GUILESS_MAIN(tst_Backpressure)
#include "tst_backpressure.moc"
