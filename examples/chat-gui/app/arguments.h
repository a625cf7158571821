// SPDX-License-Identifier: MIT
#ifndef CHAT_ARGUMENTS_H
#define CHAT_ARGUMENTS_H

#include <QtCore/QStringList>

struct Arguments
{
    bool isHeadless = false;
    bool hasHostPort = false;
    quint16 hostPort = 0;
    QString joinHost; // empty: the start page asks
    quint16 joinPort = 0;
    QString name;
};

// Returns the exit status if the program has nothing more to do, else -1.
int parseArguments(const QStringList &words, Arguments *arguments);

#endif // CHAT_ARGUMENTS_H
