// SPDX-License-Identifier: MIT
#ifndef CHAT_APPLICATION_H
#define CHAT_APPLICATION_H

#include <QtWidgets/QApplication>

// What the QApplication needs before the first window: names for QSettings, language, theme.
void setUpApplication();

#endif // CHAT_APPLICATION_H
