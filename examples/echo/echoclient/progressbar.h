// SPDX-License-Identifier: MIT
#ifndef PROGRESSBAR_H
#define PROGRESSBAR_H

#include <QtCore/QElapsedTimer>

// A bar in the last line of a terminal; nothing at all when standard output is no terminal.
class ProgressBar
{
public:
    ProgressBar();

    void show(qint64 done, qint64 total); // bytes
    void clear();

private:
    bool m_enabled;
    QElapsedTimer m_drawn;
};

#endif // PROGRESSBAR_H
