// SPDX-License-Identifier: MIT
// Memory: a busy conversation allocates nothing, an idle one holds little.
#include "qtscript.h"

#include <atomic>
#include <cstdlib>
#include <new>

using namespace std::chrono_literals;
using namespace kcptest;

namespace {

std::atomic<std::uint64_t> allocations{ 0 };
std::atomic<std::int64_t> liveBlocks{ 0 };

void *counted(std::size_t size)
{
    ++allocations;
    ++liveBlocks;
    if (void *memory = std::malloc(size == 0 ? 1 : size))
        return memory;
    throw std::bad_alloc();
}

void freed(void *memory)
{
    if (!memory)
        return;
    --liveBlocks;
    std::free(memory);
}

} // namespace

void *operator new(std::size_t size)
{
    return counted(size);
}
void *operator new[](std::size_t size)
{
    return counted(size);
}
void operator delete(void *memory) noexcept
{
    freed(memory);
}
void operator delete[](void *memory) noexcept
{
    freed(memory);
}
void operator delete(void *memory, std::size_t) noexcept
{
    freed(memory);
}
void operator delete[](void *memory, std::size_t) noexcept
{
    freed(memory);
}

class tst_EngineAllocation : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data() { addStartRows(); }

    void countingWorks();
    void steadyStateAllocatesNothing_data();
    void steadyStateAllocatesNothing();
    void nothingLeaks();
    void idleEngineHoldsLittle();
};

void tst_EngineAllocation::countingWorks()
{
    const std::uint64_t before = allocations;
    const Bytes bytes(100);
    QCOMPARE(allocations - before, 1U);
    QCOMPARE(bytes.size(), std::size_t(100));
}

void tst_EngineAllocation::steadyStateAllocatesNothing_data()
{
    QTest::addColumn<bool>("stream");
    QTest::addColumn<std::uint32_t>("window");
    QTest::addColumn<double>("loss");
    for (const bool stream : { false, true }) {
        for (const std::uint32_t window : { 32U, 128U, 1024U }) {
            for (const double loss : { 0.0, 0.1 })
                QTest::addRow("%s, window %u, %d %% loss", stream ? "stream" : "messages", window,
                              int(loss * 100))
                        << stream << window << loss;
        }
    }
}

void tst_EngineAllocation::steadyStateAllocatesNothing()
{
    QFETCH_GLOBAL(Start, start);
    QFETCH(bool, stream);
    QFETCH(std::uint32_t, window);
    QFETCH(double, loss);
    kcp::Config config;
    config.conv = 9;
    config.nodelay = 1;
    config.interval = 10ms;
    config.fastResend = 2;
    config.congestionControl = kcp::CongestionControl::Off;
    config.sendWindow = config.receiveWindow = window;
    config.stream = stream;
    config.initialSendSn = start.sendSn;
    kcp::Engine a(config);
    config.initialSendSn = 0;
    config.initialReceiveSn = start.sendSn;
    kcp::Engine b(config);

    const Bytes chunk(stream ? 5000 : 1024, 'x');
    Bytes buffer(2000);
    Bytes sink(1 << 16);
    kcp::Pcg32 random(testSeed(61));
    kcp::Instant now = start.time;
    const auto transfer = [&](std::uint64_t until) {
        while (b.stats().segmentsIn < until) {
            now += 1ms;
            while (a.waitingSegments() < 2 * std::size_t(window))
                a.send(chunk);
            while (const std::size_t size = a.pollTransmit(now, buffer)) {
                if (!random.chance(loss))
                    b.handleDatagram(now, kcp::ByteView(buffer).first(size));
            }
            while (const std::size_t size = b.pollTransmit(now, buffer)) {
                if (!random.chance(loss))
                    a.handleDatagram(now, kcp::ByteView(buffer).first(size));
            }
            if (stream) {
                while (b.read(sink) > 0) { }
            } else {
                while (b.receiveMessage(sink)) { }
            }
            a.handleTimeout(now);
            b.handleTimeout(now);
        }
    };
    transfer(50000); // every ring and pool has its size now
    const std::uint64_t before = allocations;
    transfer(150000);
    // Not one per thousand segments: a pool may find a new high-water mark at any time, when
    // losses bunch more than ever before.
    QVERIFY2(allocations - before <= 5, qPrintable(QString::number(allocations - before)));
}

void tst_EngineAllocation::nothingLeaks()
{
    QFETCH_GLOBAL(Start, start);
    const std::int64_t before = liveBlocks;
    for (int round = 0; round < 20; ++round) {
        EnginePair::Options options;
        options.a.stream = options.b.stream = round % 2 == 0;
        options.link.delay = 10ms;
        options.link.loss = 0.2;
        options.seed = testSeed(62) + static_cast<std::uint64_t>(round);
        options.start = start;
        EnginePair pair(options);
        for (int i = 0; i < 50; ++i)
            pair.a().send(Bytes(3000, 'x'));
        pair.run(round * 50ms); // destroyed in the middle of everything
    }
    QCOMPARE(liveBlocks - before, 0);
}

void tst_EngineAllocation::idleEngineHoldsLittle()
{
    QFETCH_GLOBAL(Start, start);
    kcp::BlockPool pool;
    EnginePair::Options options;
    options.a.sendWindow = options.b.receiveWindow = 4096;
    options.a.congestionControl = kcp::CongestionControl::Off;
    options.a.stream = options.b.stream = true;
    options.link.delay = 10ms;
    options.start = start;
    EnginePair pair(options);
    pair.a().send(Bytes(8000000, 'x'));
    pair.onStep = [&] { pair.b().skip(SIZE_MAX); };
    QVERIFY(pair.runUntilQuiet(60s));
    // All that an idle engine keeps is small; free blocks lie in its pool, up to the retention.
    const std::int64_t idle = liveBlocks;
    kcp::Config config;
    config.initialSendSn = start.sendSn;
    {
        kcp::Engine engine(config, &pool);
        Bytes buffer(1400);
        engine.send(Bytes(100000, 'x'));
        while (engine.pollTransmit(start.time, buffer) > 0) { }
        QVERIFY(liveBlocks - idle > 3);
    }
    QVERIFY(pool.retainedBytes() >= 100000); // a shared pool has everything back
    pool.trim();
    QCOMPARE(liveBlocks - idle, 0);
}

QTEST_APPLESS_MAIN(tst_EngineAllocation)

#include "tst_engine_allocation.moc"
