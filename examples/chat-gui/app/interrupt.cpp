// SPDX-License-Identifier: MIT
#include "app/interrupt.h"

#include <QtCore/QSocketNotifier>

#ifdef Q_OS_WIN
#  include <QtCore/qt_windows.h>
#else
#  include <csignal>
#  include <unistd.h>
#endif

#ifdef Q_OS_WIN

static Interrupt *instance = nullptr;

// Windows calls this in a thread of its own.
static BOOL WINAPI handleConsoleEvent(DWORD)
{
    QMetaObject::invokeMethod(instance, &Interrupt::interrupted, Qt::QueuedConnection);
    return TRUE;
}

Interrupt::Interrupt(QObject *parent) : QObject(parent)
{
    instance = this;
    SetConsoleCtrlHandler(handleConsoleEvent, TRUE);
}

Interrupt::~Interrupt()
{
    SetConsoleCtrlHandler(handleConsoleEvent, FALSE);
    instance = nullptr;
}

#else

static int pipeEnds[2] = { -1, -1 };

// Hardly anything may be called in here: the byte wakes the event loop, which does the rest.
static void handleSignal(int)
{
    const char byte = 0;
    [[maybe_unused]] const auto written = ::write(pipeEnds[1], &byte, 1);
}

//! [signals]
Interrupt::Interrupt(QObject *parent) : QObject(parent)
{
    if (::pipe(pipeEnds) != 0)
        return; // Ctrl-C ends the program the hard way
    auto *notifier = new QSocketNotifier(pipeEnds[0], QSocketNotifier::Read, this);
    connect(notifier, &QSocketNotifier::activated, this, [this] {
        char byte;
        if (::read(pipeEnds[0], &byte, 1) == 1)
            emit interrupted();
    });
    std::signal(SIGINT, handleSignal);
    std::signal(SIGTERM, handleSignal);
}
//! [signals]

Interrupt::~Interrupt()
{
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    for (int end : pipeEnds) {
        if (end >= 0)
            ::close(end);
    }
}

#endif
