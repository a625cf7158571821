// SPDX-License-Identifier: MIT
// A thousand clients and one server for two virtual hours, ten minutes with a sanitizer, or as many
// minutes as KCP_SOAK_MINUTES says. What the closing side wrote before a graceful close arrives once
// and in order, and at the end nothing is left.
#include "soakworld.h"

#include <QtTest/QtTest>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define KCPNET_TEST_IS_SLOW 1
#elif defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define KCPNET_TEST_IS_SLOW 1
#  endif
#endif

class tst_EndpointSoak : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void soak();
};

void tst_EndpointSoak::soak()
{
#ifdef KCPNET_TEST_IS_SLOW
    constexpr int Minutes = 10;
#else
    constexpr int Minutes = 120;
#endif
    constexpr int Clients = 1000;
    const int asked = qEnvironmentVariableIntValue("KCP_SOAK_MINUTES");
    const int minutes = asked > 0 ? asked : Minutes;
    qInfo("KCP_TEST_SEED=%llu, %d virtual minutes", static_cast<unsigned long long>(testSeed()),
          minutes);

    SoakWorld world(testSeed(), Clients);
    world.run(std::chrono::minutes(minutes));
    QVERIFY2(world.error().empty(), world.error().c_str());
    QVERIFY(world.server().sessionCount() > Clients * 3 / 4);
    world.stop();
    world.run(2min); // closes, black-outs, and the idle timeouts of those that were abandoned
    QVERIFY2(world.error().empty(), world.error().c_str());
    QVERIFY2(world.leftOver().empty(), world.leftOver().c_str());

    const SoakWorld::Summary &sum = world.summary();
    const kcptest::NetworkStats &network = world.network();
    const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
    qInfo("%llu conversations, %llu reconnects; ends, both sides counted: %llu graceful, "
          "%llu aborted, %llu timeouts, %llu others; %llu rebinds, %llu moves, %llu black-outs; "
          "%llu bytes, %llu retransmissions; %llu datagrams: %llu lost, %llu blacked out, "
          "%llu doubled, %llu reordered, %llu to nobody",
          number(sum.conversations), number(sum.reconnects), number(sum.gracefulEnds),
          number(sum.aborts), number(sum.timeouts), number(sum.otherEnds), number(sum.rebinds),
          number(sum.moves), number(sum.blackOuts), number(sum.bytes), number(sum.retransmissions),
          number(network.sent), number(network.lost), number(network.blackOutDrops),
          number(network.duplicated), number(network.reordered), number(network.unreachable));
    // Everything that it is about has happened, and not only that.
    QVERIFY(sum.gracefulEnds > sum.conversations);
    for (const std::uint64_t n :
         { sum.reconnects, sum.aborts, sum.timeouts, sum.moves, sum.retransmissions,
           network.duplicated, network.reordered, network.blackOutDrops, network.unreachable })
        QVERIFY(n > static_cast<std::uint64_t>(minutes));
}

QTEST_GUILESS_MAIN(tst_EndpointSoak)
#include "tst_endpoint_soak.moc"
