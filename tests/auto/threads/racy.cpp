// SPDX-License-Identifier: MIT
// A race on purpose, across QThread: cmake/tsan.supp must not silence it.
#include <QtCore/qthread.h>

#include <cstdio>
#include <memory>

int main()
{
    int shared = 0;
    const std::unique_ptr<QThread> thread(QThread::create([&shared] {
        for (int i = 0; i < 1000; ++i)
            ++shared;
    }));
    thread->start();
    for (int i = 0; i < 1000; ++i)
        ++shared;
    thread->wait();
    std::printf("%d\n", shared);
    return 0;
}
