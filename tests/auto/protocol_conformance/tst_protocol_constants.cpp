// SPDX-License-Identifier: MIT
// The codes and constants of the protocol page against the module's.
#include "protocolpage.h"

#include "datagramqueues.h"
#include "liveness.h"
#include "messageframer.h"
#include "nativeprotocol.h"
#include "plainprotocol.h"
#include "sessioncontext.h"
#include "tombstones.h"

#include <QtTest/QtTest>

using namespace kcpnet;

namespace {

qint64 milliseconds(kcp::Duration duration)
{
    return duration / std::chrono::milliseconds(1);
}

} // namespace

class tst_ProtocolConstants : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void refuseReasons();
    void closeCodes();
    void constants_data();
    void constants();
};

void tst_ProtocolConstants::refuseReasons()
{
    const PageTable &table = ProtocolPage::instance().table(QStringLiteral("REFUSE reasons"));
    const std::pair<Refusal, const char *> reasons[] = {
        { Refusal::Full, "Full" },
        { Refusal::Version, "Version" },
        { Refusal::NotAccepting, "NotAccepting" },
        { Refusal::Mode, "Mode" },
        { Refusal::CookieExpired, "CookieExpired" },
        { Refusal::AddressLimit, "AddressLimit" },
    };
    QCOMPARE(std::size_t(table.rows.size()), std::size(reasons));
    for (const auto &[reason, name] : reasons) {
        const QStringList row = table.find(QStringLiteral("Name"), QLatin1String(name));
        QCOMPARE(table.cell(row, QStringLiteral("Reason")).toInt(), int(reason));
    }
}

void tst_ProtocolConstants::closeCodes()
{
    const PageTable &table = ProtocolPage::instance().table(QStringLiteral("CLOSE codes"));
    const auto first = [&](const char *name) {
        const QStringList row = table.find(QStringLiteral("Name"), QLatin1String(name));
        return table.cell(row, QStringLiteral("From")).toUInt(nullptr, 16);
    };
    QCOMPARE(first("Application"), 0U);
    QCOMPARE(first("Reserved"), FirstReservedCloseCode);
    QCOMPARE(first("MessageSize"), CloseCodeMessageSize);
    QCOMPARE(first("Protocol"), CloseCodeProtocol);
    QCOMPARE(first("Abort"), CloseCodeAbort);
    quint64 next = 0; // the rows cover everything
    for (const QStringList &row : table.rows) {
        QCOMPARE(table.cell(row, QStringLiteral("From")).toULongLong(nullptr, 16), next);
        next = table.cell(row, QStringLiteral("To")).toULongLong(nullptr, 16) + 1;
    }
    QCOMPARE(next, quint64(1) << 32);
}

void tst_ProtocolConstants::constants_data()
{
    QTest::addColumn<qint64>("value");
    const std::pair<const char *, qint64> constants[] = {
        { "ProtocolVersion", ProtocolVersion },
        { "FirstRetry", milliseconds(NativeProtocol::FirstRetry) },
        { "LongestRetry", milliseconds(NativeProtocol::LongestRetry) },
        { "MaximumConfirms", NativeProtocol::MaximumConfirms },
        { "CookieUse", milliseconds(NativeProtocol::CookieUse) },
        { "CookieLife", milliseconds(CookieJar::Life) },
        { "SecretLife", milliseconds(CookieJar::SecretLife) },
        { "ConnectTimeout", milliseconds(SessionConfig().connectTimeout) },
        { "LingerTime", milliseconds(SessionConfig().lingerTime) },
        { "HandshakeMtu", NativeProtocol::HandshakeMtu },
        { "FirstFlight", NativeProtocol::FirstFlight },
        { "MaximumEarly", qint64(NativeProtocol::MaximumEarly) },
        { "AcceptRepeats", NativeProtocol::AcceptRepeats },
        { "ChallengePeriod", milliseconds(ChallengePeriod) },
        { "ProbeRetry", milliseconds(Liveness::ProbeRetry) },
        { "PatientProbes", Liveness::PatientProbes },
        { "ThawGrace", milliseconds(ThawGrace) },
        { "ShortestCloseRetry", milliseconds(NativeProtocol::ShortestCloseRetry) },
        { "LongestCloseRetry", milliseconds(NativeProtocol::LongestCloseRetry) },
        { "TombstoneLife", milliseconds(NativeProtocol::TombstoneLife) },
        { "PlainTombstoneLife", milliseconds(PlainProtocol::TombstoneLife) },
        { "MaximumTombstones", qint64(Tombstones::DefaultCapacity) },
        { "Amplification", qint64(PlainProtocol::Amplification) },
        { "HandshakesPerSecond", SessionContext::HandshakesPerSecond },
        { "HandshakeBurst", SessionContext::HandshakeBurst },
        { "NoticesPerSecond", SessionContext::NoticesPerSecond },
        { "NoticeBurst", SessionContext::NoticeBurst },
        { "AcquaintancesPerSecond", SessionContext::AcquaintancesPerSecond },
        { "AcquaintanceBurst", SessionContext::AcquaintanceBurst },
        { "MaximumReplies", qint64(SessionContext::MaximumReplies) },
        { "MaximumCloseText", qint64(CloseFrame::MaximumText) },
        { "MaximumMessagePrefix", qint64(MessageFramer::MaximumPrefix) },
        { "DefaultMaximumMessageSize", SessionConfig().maximumMessageSize },
        { "MaximumDatagramsWaiting", qint64(DatagramQueues::MaximumCount) },
    };
    const PageTable &table =
            ProtocolPage::instance().table(QStringLiteral("Constants of the protocol"));
    QCOMPARE(std::size_t(table.rows.size()), std::size(constants));
    for (const auto &[name, value] : constants)
        QTest::newRow(name) << value;
}

void tst_ProtocolConstants::constants()
{
    QFETCH(qint64, value);
    QCOMPARE(ProtocolPage::instance().constant(QLatin1String(QTest::currentDataTag())), value);
}

QTEST_APPLESS_MAIN(tst_ProtocolConstants)

#include "tst_protocol_constants.moc"
