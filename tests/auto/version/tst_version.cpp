// SPDX-License-Identifier: MIT
// The macros of qtkcpnetworkversion.h, in the preprocessor and out of it.
#include <QtCore/QVersionNumber>
#include <QtKcpNetwork/qtkcpnetworkversion.h>
#include <QtTest/QTest>

// A release below the first one, and one that will be long in coming.
#if QTKCPNETWORK_VERSION < QT_VERSION_CHECK(0, 1, 0)
#  error "the version is less than the first one"
#endif
#if QTKCPNETWORK_VERSION >= QT_VERSION_CHECK(6, 0, 0)
#  error "from 6 on, CMake's package cannot tell our version from Qt's"
#endif

class tst_Version : public QObject
{
    Q_OBJECT
private slots:
    void macros();
};

void tst_Version::macros()
{
    const QVersionNumber expected =
            QVersionNumber::fromString(QStringLiteral(KCPNET_EXPECTED_VERSION));
    QCOMPARE(expected.segmentCount(), 3);
    QCOMPARE(QTKCPNETWORK_VERSION_MAJOR, expected.majorVersion());
    QCOMPARE(QTKCPNETWORK_VERSION_MINOR, expected.minorVersion());
    QCOMPARE(QTKCPNETWORK_VERSION_PATCH, expected.microVersion());
    QCOMPARE(QTKCPNETWORK_VERSION_STR, KCPNET_EXPECTED_VERSION);
    QCOMPARE(QTKCPNETWORK_VERSION,
             QT_VERSION_CHECK(expected.majorVersion(), expected.minorVersion(),
                              expected.microVersion()));
}

QTEST_APPLESS_MAIN(tst_Version)
#include "tst_version.moc"
