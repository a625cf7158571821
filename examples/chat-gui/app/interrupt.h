// SPDX-License-Identifier: MIT
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <QtCore/QObject>

// Turns Ctrl-C and the request to terminate into a signal in the event loop. One a process.
class Interrupt : public QObject
{
    Q_OBJECT
public:
    explicit Interrupt(QObject *parent = nullptr);
    ~Interrupt() override;

Q_SIGNALS:
    void interrupted();
};

#endif // INTERRUPT_H
