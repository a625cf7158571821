// SPDX-License-Identifier: MIT
#include "kcplogging_p.h"

Q_LOGGING_CATEGORY(lcKcp, "qt.network.kcp", QtWarningMsg)
