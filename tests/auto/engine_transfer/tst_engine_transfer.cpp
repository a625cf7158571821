// SPDX-License-Identifier: MIT
// Random transfers in both directions at once over networks with every impairment: each message
// or byte arrives exactly once, in order and unchanged, and in the end everything is quiet.
#include "qtscript.h"

using namespace std::chrono_literals;
using namespace kcptest;

class tst_EngineTransfer : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addStartRows(); }

    void impairments_data();
    void impairments();
    void windows_data();
    void windows();
    void settings_data();
    void settings();
    void blackOut();
    void corruptedDatagramsDoNoHarm();
    void sameSeedSameTrace();
};

namespace {

LinkConfig linkWith(Duration delay, double loss = 0)
{
    LinkConfig link;
    link.delay = delay;
    link.loss = loss;
    return link;
}

struct Named
{
    const char *name;
    LinkConfig link;
};

std::vector<Named> impairmentList()
{
    std::vector<Named> list;
    const auto add = [&list](const char *name, Duration delay, auto change) {
        LinkConfig link = linkWith(delay);
        change(link);
        list.push_back({ name, link });
    };
    add("nothing", 0ms, [](LinkConfig &) {});
    add("delay", 40ms, [](LinkConfig &) {});
    add("jitter", 20ms, [](LinkConfig &link) { link.jitter = 30ms; });
    add("1 % loss", 20ms, [](LinkConfig &link) { link.loss = 0.01; });
    add("10 % loss", 20ms, [](LinkConfig &link) { link.loss = 0.1; });
    add("40 % loss", 20ms, [](LinkConfig &link) { link.loss = 0.4; });
    add("bursts", 20ms, [](LinkConfig &link) {
        link.badChance = 0.02;
        link.goodChance = 0.2;
    });
    add("duplication", 20ms, [](LinkConfig &link) { link.duplication = 0.3; });
    add("reordering", 20ms, [](LinkConfig &link) {
        link.reordering = 0.3;
        link.reorderingDelay = 25ms;
    });
    add("corruption", 20ms, [](LinkConfig &link) { link.corruption = 0.1; });
    add("bottleneck", 20ms, [](LinkConfig &link) {
        link.rate = 200000;
        link.queueLimit = 10000;
    });
    add("everything", 20ms, [](LinkConfig &link) {
        link.jitter = 20ms;
        link.loss = 0.05;
        link.badChance = 0.01;
        link.goodChance = 0.3;
        link.duplication = 0.1;
        link.reordering = 0.1;
        link.reorderingDelay = 30ms;
        link.corruption = 0.03;
        link.rate = 500000;
        link.queueLimit = 20000;
    });
    return list;
}

kcp::Config configOf(int nodelay, std::uint32_t resend, kcp::CongestionControl control, bool stream)
{
    kcp::Config config;
    config.nodelay = static_cast<std::uint8_t>(nodelay);
    config.interval = 10ms;
    config.fastResend = resend;
    config.congestionControl = control;
    config.stream = stream;
    config.sendWindow = config.receiveWindow = 128;
    config.deadLink = 0;
    config.deadLinkTime = 0s;
    return config;
}

// One direction: what was sent and how far it has been received.
class Flow
{
public:
    Flow(kcp::Engine &from, kcp::Engine &to, std::uint64_t seed)
        : m_from(from), m_to(to), m_random(seed)
    {
    }

    // Messages of random sizes, empty ones among them.
    void send(std::size_t largest)
    {
        Bytes data(m_random.chance(0.1) ? 0 : m_random.below(static_cast<std::uint32_t>(largest)));
        for (std::uint8_t &byte : data)
            byte = static_cast<std::uint8_t>(m_random.next());
        if (!m_from.send(data))
            return;
        if (m_from.config().stream)
            m_stream.insert(m_stream.end(), data.begin(), data.end());
        else
            m_messages.push_back(std::move(data));
    }

    void receive()
    {
        if (!m_to.config().stream) {
            while (m_to.nextMessageSize()) {
                const Bytes message = nextMessage(m_to);
                m_intact &= m_received < m_messages.size() && message == m_messages[m_received];
                ++m_received;
            }
            return;
        }
        const Bytes data = readAll(m_to);
        m_intact &= m_received + data.size() <= m_stream.size()
                && std::equal(data.begin(), data.end(),
                              m_stream.begin() + static_cast<std::ptrdiff_t>(m_received));
        m_received += data.size();
    }

    bool isIntact() const { return m_intact; }
    bool isComplete() const { return m_received == m_messages.size() + m_stream.size(); }

private:
    kcp::Engine &m_from;
    kcp::Engine &m_to;
    kcp::Pcg32 m_random;
    std::vector<Bytes> m_messages;
    Bytes m_stream;
    std::size_t m_received = 0;
    bool m_intact = true;
};

// An empty text when all is well.
QString transfer(const EnginePair::Options &options, int messages, std::size_t largest)
{
    EnginePair pair(options);
    Flow there(pair.a(), pair.b(), options.seed);
    Flow back(pair.b(), pair.a(), options.seed + 1);
    kcp::Pcg32 random(options.seed, 99);
    pair.onStep = [&] {
        there.receive();
        back.receive();
    };
    for (int i = 0; i < messages; ++i) {
        (random.chance(0.7) ? there : back).send(largest);
        if (random.chance(0.3))
            pair.run(Duration(random.below(20000)));
    }
    const QString seed = QStringLiteral("KCP_TEST_SEED=%1: ").arg(options.seed);
    const bool quiet = pair.runUntilQuiet(3600s);
    if (!there.isIntact() || !back.isIntact())
        return seed + QStringLiteral("received what was not sent");
    if (!there.isComplete() || !back.isComplete())
        return seed + QStringLiteral("not everything arrived");
    if (!quiet)
        return seed + QStringLiteral("a timer runs on");
    if (pair.idleTimeouts() > 1)
        return seed + QStringLiteral("%1 timeouts for nothing").arg(pair.idleTimeouts());
    if (pair.oversizedDatagrams() > 0)
        return seed + QStringLiteral("larger than the MTU");
    if (pair.a().waitingSegments() + pair.b().waitingSegments() + pair.a().readableBytes()
                + pair.b().readableBytes()
        > 0)
        return seed + QStringLiteral("gauges are not zero");
    return {};
}

} // namespace

void tst_EngineTransfer::impairments_data()
{
    QTest::addColumn<std::size_t>("index");
    QTest::addColumn<bool>("stream");
    const auto list = impairmentList();
    for (std::size_t i = 0; i < list.size(); ++i) {
        for (const bool stream : { false, true })
            QTest::addRow("%s, %s", list[i].name, stream ? "stream" : "messages") << i << stream;
    }
}

void tst_EngineTransfer::impairments()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(std::size_t, index);
    QFETCH(bool, stream);
    for (std::uint64_t i = 0; i < 12; ++i) {
        EnginePair::Options options;
        const auto control = static_cast<kcp::CongestionControl>(i % 3);
        options.a = options.b = configOf(int(i / 3) % 3, i % 4 == 3 ? 0 : 2, control, stream);
        options.link = impairmentList()[index].link;
        options.seed = testSeed(1000) + i;
        options.start = start.sendSn == 0 ? start : Start::beforeWrap(20, 500);
        const QString error = transfer(options, 120, 5000);
        QVERIFY2(error.isEmpty(), qPrintable(error));
    }
}

void tst_EngineTransfer::windows_data()
{
    QTest::addColumn<std::uint32_t>("sendWindow");
    QTest::addColumn<std::uint32_t>("receiveWindow");
    QTest::addColumn<double>("loss");
    for (const std::uint32_t window : { 1U, 2U, 3U, 31U, 128U, 1000U, 32768U, 65535U }) {
        for (const double loss : { 0.0, 0.1 }) {
            QTest::addRow("both %u, %d %% loss", window, int(loss * 100))
                    << window << window << loss;
            QTest::addRow("send %u, receive 128, %d %% loss", window, int(loss * 100))
                    << window << 128U << loss;
            QTest::addRow("send 256, receive %u, %d %% loss", window, int(loss * 100))
                    << 256U << window << loss;
        }
    }
}

void tst_EngineTransfer::windows()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(std::uint32_t, sendWindow);
    QFETCH(std::uint32_t, receiveWindow);
    QFETCH(double, loss);
    for (const bool stream : { false, true }) {
        EnginePair::Options options;
        options.a = options.b = configOf(1, 2, kcp::CongestionControl::Off, stream);
        options.a.sendWindow = options.b.sendWindow = sendWindow;
        options.a.receiveWindow = options.b.receiveWindow = receiveWindow;
        options.a.mtu = options.b.mtu = 200;
        options.link = linkWith(5ms, loss);
        options.seed = testSeed(2000) + sendWindow;
        options.start = start;
        const QString error = transfer(options, 150, 3000);
        QVERIFY2(error.isEmpty(), qPrintable(error));
    }
}

void tst_EngineTransfer::settings_data()
{
    QTest::addColumn<int>("nodelay");
    QTest::addColumn<std::uint32_t>("resend");
    QTest::addColumn<bool>("delayedAcks");
    for (const int nodelay : { 0, 1, 2 }) {
        for (const std::uint32_t resend : { 0U, 1U, 2U, 16U }) {
            for (const bool delayed : { false, true })
                QTest::addRow("nodelay %d, resend %u%s", nodelay, resend,
                              delayed ? ", delayed ACKs" : "")
                        << nodelay << resend << delayed;
        }
    }
}

void tst_EngineTransfer::settings()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(int, nodelay);
    QFETCH(std::uint32_t, resend);
    QFETCH(bool, delayedAcks);
    for (const auto control : { kcp::CongestionControl::Off, kcp::CongestionControl::Classic,
                                kcp::CongestionControl::Cubic }) {
        EnginePair::Options options;
        options.a = options.b = configOf(nodelay, resend, control, nodelay == 1);
        options.a.acksAreDelayed = options.b.acksAreDelayed = delayedAcks;
        options.link = impairmentList().back().link;
        options.seed = testSeed(3000) + resend;
        options.start = start;
        const QString error = transfer(options, 150, 4000);
        QVERIFY2(error.isEmpty(), qPrintable(error));
    }
}

void tst_EngineTransfer::blackOut()
{
    QFETCH_GLOBAL(Start, start);
    for (const bool stream : { false, true }) {
        EnginePair::Options options;
        options.a = options.b = configOf(1, 2, kcp::CongestionControl::Cubic, stream);
        options.link = linkWith(20ms, 0.02);
        const Instant from = start.time + 200ms;
        options.link.blackOuts = { { from, from + 10s }, { from + 11s, from + 15s } };
        options.seed = testSeed(4000);
        options.start = start;
        const QString error = transfer(options, 400, 5000);
        QVERIFY2(error.isEmpty(), qPrintable(error));
    }
}

// Without UDP's checksum a flipped bit may change what is delivered, or confuse the other side
// for good; but nothing crashes, spins or grows.
void tst_EngineTransfer::corruptedDatagramsDoNoHarm()
{
    QFETCH_GLOBAL(Start, start);
    for (std::uint64_t i = 0; i < 30; ++i) {
        EnginePair::Options options;
        options.a = options.b = configOf(1, 2, kcp::CongestionControl::Off, i % 2 == 0);
        options.link = linkWith(10ms, 0.05);
        options.link.corruption = 0.3;
        options.deliversCorrupted = true;
        options.seed = testSeed(5000) + i;
        options.start = start;
        EnginePair pair(options);
        Bytes message(1 << 16);
        pair.onStep = [&] {
            while (pair.b().nextMessageSize())
                pair.b().receiveMessage(message);
            pair.b().skip(SIZE_MAX);
        };
        for (std::uint32_t k = 0; k < 100; ++k) {
            pair.a().send(pattern(k * 30, k));
            pair.run(10ms);
            QVERIFY(pair.b().readableBytes() <= 400U * 1400);
            QVERIFY(pair.a().unacknowledgedSegments() <= 128);
            QVERIFY(pair.idleTimeouts() < 10);
        }
    }
}

void tst_EngineTransfer::sameSeedSameTrace()
{
    QFETCH_GLOBAL(Start, start);
    const auto trace = [&start](std::uint64_t seed) {
        EnginePair::Options options;
        options.a = options.b = configOf(1, 2, kcp::CongestionControl::Cubic, false);
        options.link = impairmentList().back().link;
        options.seed = seed;
        options.start = start;
        EnginePair pair(options);
        pair.network().setTracing(true);
        pair.onStep = [&] {
            while (pair.b().nextMessageSize())
                nextMessage(pair.b());
        };
        for (std::uint32_t i = 0; i < 200; ++i)
            pair.a().send(pattern(700, i));
        pair.runUntilQuiet(600s);
        return pair.network().trace();
    };
    const std::uint64_t seed = testSeed(6000);
    const auto first = trace(seed);
    QVERIFY(first.size() > 300);
    QVERIFY(first == trace(seed));
    QVERIFY(first != trace(seed + 1));
}

QTEST_APPLESS_MAIN(tst_EngineTransfer)

#include "tst_engine_transfer.moc"
