// SPDX-License-Identifier: MIT
// Each row of the protocol page's tables of transitions, driven against the module: the state
// before, the event, the state after, and what is sent.
#include "transitions.h"

#include <QtTest/QtTest>

class tst_ProtocolStates : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void everyRowHasAScene();
    void transition_data();
    void transition();
};

namespace {

const QString Tables[] = { QStringLiteral("Native transitions"),
                           QStringLiteral("Plain transitions") };

} // namespace

void tst_ProtocolStates::everyRowHasAScene()
{
    QStringList ids;
    for (const QString &title : Tables) {
        const PageTable &table = ProtocolPage::instance().table(title);
        for (const QStringList &row : table.rows)
            ids.append(table.cell(row, QStringLiteral("Id")));
    }
    QCOMPARE(ids.removeDuplicates(), 0);
    QStringList scenes = transitions().keys();
    ids.sort();
    scenes.sort();
    QCOMPARE(scenes, ids);
}

void tst_ProtocolStates::transition_data()
{
    QTest::addColumn<QString>("id");
    QTest::addColumn<bool>("isClient");
    QTest::addColumn<QString>("from");
    QTest::addColumn<QString>("to");
    QTest::addColumn<QString>("sent");
    for (const QString &title : Tables) {
        const PageTable &table = ProtocolPage::instance().table(title);
        const auto cell = [&](const QStringList &row, const char *column) {
            return table.cell(row, QLatin1String(column));
        };
        for (const QStringList &row : table.rows) {
            for (const QString &role : { QStringLiteral("client"), QStringLiteral("server") }) {
                if (cell(row, "Role") != role && cell(row, "Role") != QStringLiteral("both"))
                    continue;
                const QString name = cell(row, "Id") + QLatin1Char(' ') + role
                        + QStringLiteral(": ") + cell(row, "From") + QStringLiteral(", ")
                        + cell(row, "Event") + QStringLiteral(", ") + cell(row, "To");
                QTest::newRow(qPrintable(name))
                        << cell(row, "Id") << (role == QStringLiteral("client"))
                        << cell(row, "From") << cell(row, "To") << cell(row, "Sent");
            }
        }
    }
}

void tst_ProtocolStates::transition()
{
    QFETCH(QString, id);
    QFETCH(bool, isClient);
    QFETCH(QString, from);
    QFETCH(QString, to);
    QFETCH(QString, sent);
    const Transition transition = transitions().value(id);
    QVERIFY(transition.trigger);
    Scene scene(isClient);
    transition.prepare(scene);
    QCOMPARE(scene.state(), from);
    scene.bench.sent.clear();
    transition.trigger(scene);
    QCOMPARE(scene.state(), to);

    scene.bench.flush();
    const quint32 conv = scene.bench.endpoint.session(scene.id)->conversation();
    QStringList frames;
    for (const Bench::Sent &item : std::as_const(scene.bench.sent)) {
        if (const FrameSpec *frame = ProtocolPage::instance().frameOfType(item.type())) {
            // Not what another session sends, that of a later attempt.
            const quint64 itsConv = fieldOf(item.data, "conv");
            if (itsConv == 0 || itsConv == conv)
                frames.append(frame->name);
        } else if (item.type() == 83) {
            frames.append(QStringLiteral("WASK"));
        }
    }
    QCOMPARE(frames, sent.isEmpty() ? QStringList() : QStringList{ sent });
}

QTEST_APPLESS_MAIN(tst_ProtocolStates)

#include "tst_protocol_states.moc"
