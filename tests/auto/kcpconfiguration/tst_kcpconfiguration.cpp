// SPDX-License-Identifier: MIT
#include "kcpconfiguration.h"
#include "kcpconfiguration_p.h"
#include "kcpstatistics.h"

#include <QtCore/qmetaobject.h>
#include <QtCore/qregularexpression.h>
#include <QtCore/qvariant.h>
#include <QtTest/qtest.h>

#include <functional>

using namespace std::chrono_literals;

class tst_KcpConfiguration : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void presets_data();
    void presets();
    void defaults();
    void valueSemantics();
    void refusals_data();
    void refusals();
    void acceptedEnds();
    void sessionConfig();
    void debugOutput();
    void statistics();
};

void tst_KcpConfiguration::presets_data()
{
    QTest::addColumn<int>("preset");
    QTest::addColumn<int>("noDelay");
    QTest::addColumn<int>("interval");
    QTest::addColumn<int>("fastResend");
    QTest::addColumn<int>("control");
    QTest::addColumn<int>("sendWindow");
    QTest::addColumn<int>("receiveWindow");
    QTest::addColumn<int>("idleTimeout");
    QTest::addColumn<int>("keepAlive");
    QTest::newRow("Default") << int(KcpConfiguration::Default) << 0 << 100 << 0
                             << int(KcpConfiguration::ClassicCongestionControl) << 32 << 128 << 0
                             << 0;
    QTest::newRow("Normal") << int(KcpConfiguration::Normal) << 1 << 40 << 2
                            << int(KcpConfiguration::ClassicCongestionControl) << 64 << 128 << 60000
                            << 20000;
    QTest::newRow("Fast") << int(KcpConfiguration::Fast) << 1 << 10 << 2
                          << int(KcpConfiguration::NoCongestionControl) << 128 << 128 << 30000
                          << 10000;
    QTest::newRow("Adaptive") << int(KcpConfiguration::Adaptive) << 1 << 10 << 2
                              << int(KcpConfiguration::CubicCongestionControl) << 4096 << 4096
                              << 30000 << 10000;
}

void tst_KcpConfiguration::presets()
{
    QFETCH(int, preset);
    const auto configuration =
            KcpConfiguration::fromPreset(static_cast<KcpConfiguration::Preset>(preset));
    QTEST(configuration.noDelay(), "noDelay");
    QTEST(int(configuration.interval().count()), "interval");
    QTEST(configuration.fastResend(), "fastResend");
    QTEST(int(configuration.congestionControl()), "control");
    QTEST(configuration.sendWindow(), "sendWindow");
    QTEST(configuration.receiveWindow(), "receiveWindow");
    QTEST(int(configuration.idleTimeout().count()), "idleTimeout");
    QTEST(int(configuration.keepAliveInterval().count()), "keepAlive");
}

void tst_KcpConfiguration::defaults()
{
    const KcpConfiguration configuration;
    QCOMPARE(configuration, KcpConfiguration(KcpConfiguration::Adaptive));
    QCOMPARE(configuration.mtu(), 1400);
    QCOMPARE(configuration.mode(), KcpConfiguration::Stream);
    QCOMPARE(configuration.maxMessageSize(), 16 * 1024 * 1024);
    QCOMPARE(configuration.minimumRto(), 0ms);
    QCOMPARE(configuration.deadLink(), 20);
    QCOMPARE(configuration.connectTimeout(), 10s);
    QCOMPARE(configuration.lingerTime(), 10s);
    QVERIFY(configuration.ackNoDelay());
    QVERIFY(!configuration.connectWithoutReply());
    QCOMPARE(configuration.profile(), KcpConfiguration::Native);
}

void tst_KcpConfiguration::valueSemantics()
{
    KcpConfiguration a;
    KcpConfiguration b = a;
    QCOMPARE(a, b);
    QVERIFY(b.setMtu(1200));
    QVERIFY(a != b);
    QCOMPARE(a.mtu(), 1400);
    KcpConfiguration c = std::move(b);
    QCOMPARE(c.mtu(), 1200);
    a.swap(c);
    QCOMPARE(a.mtu(), 1200);
    b = a; // moved-from values may be assigned to
    QCOMPARE(b.mtu(), 1200);
    const QVariant variant = QVariant::fromValue(a);
    QCOMPARE(variant.value<KcpConfiguration>(), a);
    // Each field counts in comparisons.
    const KcpConfiguration base;
    const std::function<void(KcpConfiguration &)> changes[] = {
        [](auto &x) { x.setNoDelay(2); },
        [](auto &x) { x.setInterval(20ms); },
        [](auto &x) { x.setFastResend(3); },
        [](auto &x) { x.setCongestionControl(KcpConfiguration::NoCongestionControl); },
        [](auto &x) { x.setSendWindow(5); },
        [](auto &x) { x.setReceiveWindow(5); },
        [](auto &x) { x.setMode(KcpConfiguration::Message); },
        [](auto &x) { x.setMaxMessageSize(5); },
        [](auto &x) { x.setMinimumRto(5ms); },
        [](auto &x) { x.setDeadLink(5); },
        [](auto &x) { x.setConnectTimeout(5s); },
        [](auto &x) { x.setIdleTimeout(5s); },
        [](auto &x) { x.setKeepAliveInterval(5s); },
        [](auto &x) { x.setLingerTime(5s); },
        [](auto &x) { x.setAckNoDelay(false); },
        [](auto &x) { x.setConnectWithoutReply(true); },
        [](auto &x) { x.setProfile(KcpConfiguration::PlainKcp); },
    };
    for (const auto &change : changes) {
        KcpConfiguration changed;
        change(changed);
        QVERIFY(changed != base);
    }
}

using Setter = std::function<bool(KcpConfiguration &)>;
Q_DECLARE_METATYPE(Setter)

void tst_KcpConfiguration::refusals_data()
{
    QTest::addColumn<Setter>("setter");
    QTest::addColumn<QString>("warning");
    const auto add = [](const char *text, const Setter &setter) {
        QTest::newRow(text) << setter << QString::fromLatin1(text);
    };
    add("noDelay = 3 is refused; the range is 0 .. 2", [](auto &c) { return c.setNoDelay(3); });
    add("noDelay = -1 is refused; the range is 0 .. 2", [](auto &c) { return c.setNoDelay(-1); });
    add("interval = 0 is refused; the range is 1 .. 5000",
        [](auto &c) { return c.setInterval(0ms); });
    add("interval = 5001 is refused", [](auto &c) { return c.setInterval(5001ms); });
    add("fastResend = -1 is refused", [](auto &c) { return c.setFastResend(-1); });
    add("fastResend = 17 is refused", [](auto &c) { return c.setFastResend(17); });
    add("congestionControl = 9 is refused", [](auto &c) {
        return c.setCongestionControl(static_cast<KcpConfiguration::CongestionControl>(9));
    });
    add("mtu = 575 is refused; the range is 576 .. 65507", [](auto &c) { return c.setMtu(575); });
    add("mtu = 65508 is refused", [](auto &c) { return c.setMtu(65508); });
    add("sendWindow = 0 is refused", [](auto &c) { return c.setSendWindow(0); });
    add("sendWindow = 65536 is refused", [](auto &c) { return c.setSendWindow(65536); });
    add("receiveWindow = 0 is refused", [](auto &c) { return c.setReceiveWindow(0); });
    add("receiveWindow = 65536 is refused", [](auto &c) { return c.setReceiveWindow(65536); });
    add("mode = 7 is refused",
        [](auto &c) { return c.setMode(static_cast<KcpConfiguration::Mode>(7)); });
    add("maxMessageSize = 0 is refused", [](auto &c) { return c.setMaxMessageSize(0); });
    add("maxMessageSize = 2147483648 is refused",
        [](auto &c) { return c.setMaxMessageSize(Q_INT64_C(2147483648)); });
    add("minimumRto = -1 is refused", [](auto &c) { return c.setMinimumRto(-1ms); });
    add("minimumRto = 60001 is refused", [](auto &c) { return c.setMinimumRto(60001ms); });
    add("deadLink = -1 is refused", [](auto &c) { return c.setDeadLink(-1); });
    add("connectTimeout = 0 is refused", [](auto &c) { return c.setConnectTimeout(0ms); });
    add("idleTimeout = -1 is refused", [](auto &c) { return c.setIdleTimeout(-1ms); });
    add("keepAliveInterval = -1 is refused", [](auto &c) { return c.setKeepAliveInterval(-1ms); });
    add("lingerTime = 0 is refused", [](auto &c) { return c.setLingerTime(0ms); });
    add("profile = 3 is refused",
        [](auto &c) { return c.setProfile(static_cast<KcpConfiguration::Profile>(3)); });
}

void tst_KcpConfiguration::refusals()
{
    QFETCH(Setter, setter);
    QFETCH(QString, warning);
    KcpConfiguration configuration;
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QRegularExpression::escape(warning)));
    QVERIFY(!setter(configuration));
    QCOMPARE(configuration, KcpConfiguration());
}

void tst_KcpConfiguration::acceptedEnds()
{
    KcpConfiguration c;
    QVERIFY(c.setNoDelay(0) && c.setNoDelay(2));
    QVERIFY(c.setInterval(1ms) && c.setInterval(5000ms));
    QVERIFY(c.setFastResend(0) && c.setFastResend(16));
    QVERIFY(c.setMtu(576) && c.setMtu(65507));
    QVERIFY(c.setSendWindow(1) && c.setSendWindow(65535));
    QVERIFY(c.setReceiveWindow(1) && c.setReceiveWindow(65535));
    QVERIFY(c.setMaxMessageSize(1) && c.setMaxMessageSize(2147483647));
    QVERIFY(c.setMinimumRto(0ms) && c.setMinimumRto(60s));
    QVERIFY(c.setDeadLink(0) && c.setDeadLink(65535));
    QVERIFY(c.setConnectTimeout(1ms) && c.setIdleTimeout(0ms) && c.setKeepAliveInterval(0ms));
    QVERIFY(c.setLingerTime(1ms));
    // What the setters let through is possible for the engine as well.
    QCOMPARE(KcpConfigurationPrivate::toSessionConfig(c).engine.invalidField(), nullptr);
    c.setMtu(576);
    c.setSendWindow(1);
    c.setReceiveWindow(1);
    c.setInterval(1ms);
    QCOMPARE(KcpConfigurationPrivate::toSessionConfig(c).engine.invalidField(), nullptr);
}

void tst_KcpConfiguration::sessionConfig()
{
    KcpConfiguration c(KcpConfiguration::Fast);
    c.setProfile(KcpConfiguration::PlainKcp);
    c.setMode(KcpConfiguration::Message);
    c.setAckNoDelay(false);
    c.setConnectWithoutReply(true);
    c.setMtu(1200);
    c.setMinimumRto(20ms);
    c.setDeadLink(7);
    c.setLingerTime(3s);
    c.setConnectTimeout(4s);
    c.setMaxMessageSize(99);
    const kcpnet::SessionConfig s = KcpConfigurationPrivate::toSessionConfig(c);
    QVERIFY(s.profile == kcpnet::Profile::PlainKcp);
    QVERIFY(s.mode == kcpnet::Mode::Message);
    QVERIFY(s.connectWithoutReply);
    QVERIFY(s.connectTimeout == 4s && s.idleTimeout == 30s && s.keepAliveInterval == 10s);
    QVERIFY(s.lingerTime == 3s);
    QCOMPARE(s.maximumMessageSize, 99U);
    QCOMPARE(int(s.engine.nodelay), 1);
    QVERIFY(s.engine.interval == 10ms && s.engine.minimumRto == 20ms);
    QCOMPARE(s.engine.fastResend, 2U);
    QVERIFY(s.engine.congestionControl == kcp::CongestionControl::Off);
    QCOMPARE(s.engine.mtu, 1200U);
    QCOMPARE(s.engine.sendWindow, 128U);
    QCOMPARE(s.engine.receiveWindow, 128U);
    QCOMPARE(s.engine.deadLink, 7U);
    QVERIFY(s.engine.acksAreDelayed);
}

void tst_KcpConfiguration::debugOutput()
{
    QString text;
    QDebug(&text) << KcpConfiguration(KcpConfiguration::Fast);
    QVERIFY(text.contains("Native") && text.contains("128/128"));
    QDebug(&text) << KcpStatistics();
    QVERIFY(text.contains("KcpStatistics("));
}

void tst_KcpConfiguration::statistics()
{
    KcpStatistics statistics;
    const QMetaObject &meta = KcpStatistics::staticMetaObject;
    QVERIFY(meta.propertyCount() >= 20);
    for (int i = 0; i < meta.propertyCount(); ++i) {
        const QVariant value = meta.property(i).readOnGadget(&statistics);
        QVERIFY2(value.isValid() && value.toDouble() == 0, meta.property(i).name());
    }
    KcpStatistics copy = statistics;
    copy.swap(statistics);
    QCOMPARE(copy.retransmissions(), quint64(0));
}

QTEST_GUILESS_MAIN(tst_KcpConfiguration)
#include "tst_kcpconfiguration.moc"
