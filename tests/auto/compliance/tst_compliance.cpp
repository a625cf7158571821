// SPDX-License-Identifier: MIT
// Runs the scenarios for both kinds of connection:
//     tst_compliance [--group NAME[,NAME...]] [QTest arguments]
// One of them alone: tst_compliance scenario:reading.peek/kcp
#include "compliance.h"

#include <QtCore/qcoreapplication.h>
#include <QtCore/qfile.h>
#include <QtCore/qregularexpression.h>
#include <QtCore/qset.h>
#include <QtNetwork/qudpsocket.h>

#include <cstdio>

namespace compliance {

std::vector<Scenario> &scenarios()
{
    static std::vector<Scenario> all;
    return all;
}

namespace {

QSet<QString> &notedDifferences()
{
    static QSet<QString> titles;
    return titles;
}

} // namespace

void noteDifference(const char *title)
{
    notedDifferences().insert(QString::fromLatin1(title));
}

QByteArray pattern(qsizetype size)
{
    QByteArray bytes(size, Qt::Uninitialized);
    quint32 state = 54321;
    for (char &byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = char(state >> 24);
    }
    return bytes;
}

quint16 unusedPort()
{
    for (;;) {
        QTcpServer tcp;
        QUdpSocket udp;
        if (tcp.listen(localHost) && udp.bind(localHost, tcp.serverPort()))
            return tcp.serverPort();
    }
}

} // namespace compliance

class tst_Compliance : public QObject
{
    Q_OBJECT
public:
    explicit tst_Compliance(const QStringList &groups) : m_groups(groups) { }

private Q_SLOTS:
    void scenario_data();
    void scenario();
    void differencesAreListed();
    void cleanupTestCase();

private:
    bool isChosen(const compliance::Scenario &scenario) const
    {
        return m_groups.isEmpty() || m_groups.contains(QLatin1String(scenario.group));
    }

    const QStringList m_groups; // empty: all
    int m_passed[2] = {}; // tcp, kcp
};

Q_DECLARE_METATYPE(const compliance::Scenario *)

void tst_Compliance::scenario_data()
{
    QTest::addColumn<const compliance::Scenario *>("scenario");
    QTest::addColumn<bool>("kcp");
    for (const compliance::Scenario &scenario : compliance::scenarios()) {
        if (!isChosen(scenario))
            continue;
        QTest::addRow("%s.%s/tcp", scenario.group, scenario.name) << &scenario << false;
        QTest::addRow("%s.%s/kcp", scenario.group, scenario.name) << &scenario << true;
    }
}

void tst_Compliance::scenario()
{
    QFETCH(const compliance::Scenario *, scenario);
    QFETCH(bool, kcp);
    (kcp ? scenario->kcp : scenario->tcp)();
    if (!QTest::currentTestFailed())
        ++m_passed[kcp];
}

void tst_Compliance::differencesAreListed()
{
    QFile page(QStringLiteral(COMING_FROM_QTCPSOCKET_PAGE));
    QVERIFY(page.open(QIODevice::ReadOnly));
    const QString text = QString::fromUtf8(page.readAll());
    const qsizetype start = text.indexOf(QLatin1String("\\section1 What Is Different"));
    QVERIFY(start >= 0);
    const QString chapter =
            text.mid(start, text.indexOf(QLatin1String("\\section1"), start + 1) - start);
    QSet<QString> listed;
    static const QRegularExpression section(QStringLiteral("\\\\section2 (.*)\n"));
    for (const QRegularExpressionMatch &match : section.globalMatch(chapter))
        listed.insert(match.captured(1));
    for (const QString &title : compliance::notedDifferences())
        QVERIFY2(listed.contains(title), qPrintable(title));
    // With some of the scenarios only, some of the differences are asserted.
    if (m_groups.isEmpty()
        && m_passed[0] + m_passed[1] == int(2 * compliance::scenarios().size())) {
        for (const QString &title : std::as_const(listed))
            QVERIFY2(compliance::notedDifferences().contains(title), qPrintable(title));
    }
}

void tst_Compliance::cleanupTestCase()
{
    std::printf(
            "Scenarios passed: %d with QTcpSocket, %d with KcpSocket; %d differences asserted\n",
            m_passed[0], m_passed[1], int(compliance::notedDifferences().size()));
    std::fflush(stdout);
}

int main(int argc, char *argv[])
{
    QCoreApplication application(argc, argv);
    QStringList arguments = application.arguments();
    QStringList groups;
    const qsizetype option = arguments.indexOf(QLatin1String("--group"));
    if (option >= 0 && option + 1 < arguments.size()) {
        groups = arguments.at(option + 1).split(QLatin1Char(','));
        arguments.remove(option, 2);
    }
    tst_Compliance test(groups);
    return QTest::qExec(&test, arguments);
}

#include "tst_compliance.moc"
