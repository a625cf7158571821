// SPDX-License-Identifier: MIT
// The order of a socket's states and signals, QAbstractSocket's, one step for each signal: a slot may
// move the socket to another thread, where the rest follows.
#include "kcpsocket_p.h"
#include "kcpconnector_p.h"

void KcpSocketPrivate::proceed(Step step)
{
    const Guard guard(this);
    while (step != Step::None) {
        step = take(step);
        // A slot that waits takes the rest of the steps itself.
        if (!guard.isUnchanged() || resumeAt != step)
            return;
    }
}

KcpSocketPrivate::Step KcpSocketPrivate::take(Step step)
{
    // First what follows, for after a move; then what this step does. Nothing touches the socket
    // after a signal.
    const auto then = [this](Step next) {
        resumeAt = next;
        return next;
    };
    Step next = Step::None;
    switch (step) {
    case Step::None:
        break;
    case Step::EnterHostLookup:
        next = then(Step::LookUp);
        changeState(QAbstractSocket::HostLookupState);
        break;
    case Step::LookUp:
        then(Step::None);
        if (connector)
            connector->lookUp();
        break;
    case Step::EnterConnecting:
        next = then(Step::TellHostFound);
        changeState(QAbstractSocket::ConnectingState);
        break;
    case Step::TellHostFound:
        next = then(Step::StartAttempts);
        Q_EMIT q->hostFound();
        break;
    case Step::StartAttempts:
        then(Step::None);
        if (connector)
            connector->start();
        break;
    case Step::EnterConnected:
        next = then(Step::TellConnected);
        changeState(QAbstractSocket::ConnectedState);
        break;
    case Step::TellConnected:
        next = then(Step::CloseIfWanted);
        Q_EMIT q->connected();
        break;
    case Step::CloseIfWanted:
        then(Step::None);
        closeIfWanted();
        break;
    case Step::TellFailure:
        next = then(Step::TellError);
        changeState(QAbstractSocket::UnconnectedState);
        break;
    case Step::TellError:
        then(Step::None);
        emitError();
        break;
    case Step::TellEnd:
        next = then(Step::EnterClosing);
        emitError();
        break;
    case Step::EnterClosing:
        pendingClose = false;
        wasConnected =
                state == QAbstractSocket::ConnectedState || state == QAbstractSocket::ClosingState;
        next = then(Step::EnterUnconnected);
        if (closeReason != KcpSocket::LocalAbort) // that goes straight, as QAbstractSocket's
            changeState(QAbstractSocket::ClosingState);
        break;
    case Step::EnterUnconnected:
        next = then(Step::TellReadChannelFinished);
        changeState(QAbstractSocket::UnconnectedState);
        break;
    case Step::TellReadChannelFinished:
        next = then(wasConnected ? Step::TellDisconnected : Step::ForgetAddresses);
        Q_EMIT q->readChannelFinished();
        break;
    case Step::TellDisconnected:
        next = then(Step::ForgetAddresses);
        Q_EMIT q->disconnected();
        break;
    case Step::ForgetAddresses:
        then(Step::None);
        forgetAddresses();
        break;
    }
    return next;
}
