// SPDX-License-Identifier: MIT
// Runs data/tst_*.qml.
#include <QtQuickTest/quicktest.h>

QUICK_TEST_MAIN(qml)
