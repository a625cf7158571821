// SPDX-License-Identifier: MIT
#ifndef KCPLOGGING_P_H
#define KCPLOGGING_P_H

#include <QtCore/qloggingcategory.h>

// "qt.network.kcp": warnings about local misuse; debug output about connections, never one line a
// datagram.
Q_DECLARE_LOGGING_CATEGORY(lcKcp)

#endif // KCPLOGGING_P_H
