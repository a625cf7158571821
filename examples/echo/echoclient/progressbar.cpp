// SPDX-License-Identifier: MIT
#include "progressbar.h"

#include <QtCore/QByteArray>

#include <cstdio>

#ifdef Q_OS_WIN
#  include <io.h>
#else
#  include <unistd.h>
#endif

static constexpr int Width = 40; // columns
static constexpr qint64 RedrawInterval = 100; // ms

static bool isTerminal()
{
#ifdef Q_OS_WIN
    return ::_isatty(::_fileno(stdout)) != 0;
#else
    return ::isatty(STDOUT_FILENO) != 0;
#endif
}

ProgressBar::ProgressBar() : m_enabled(isTerminal()) { }

void ProgressBar::show(qint64 done, qint64 total)
{
    if (!m_enabled || total <= 0 || (m_drawn.isValid() && m_drawn.elapsed() < RedrawInterval))
        return;
    m_drawn.start();
    const double part = double(done) / double(total);
    const QByteArray bar = QByteArray(int(part * Width), '#').leftJustified(Width, '.');
    std::printf("\r[%s] %3d %%", bar.constData(), int(part * 100));
    std::fflush(stdout);
}

void ProgressBar::clear()
{
    if (m_drawn.isValid())
        std::printf("\r%*s\r", Width + 8, "");
    m_drawn.invalidate();
}
