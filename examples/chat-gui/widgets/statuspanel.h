// SPDX-License-Identifier: MIT
#ifndef CHAT_STATUSPANEL_H
#define CHAT_STATUSPANEL_H

#include "client/chatclient.h"

#include <QtWidgets/QFrame>

class QLabel;

// The line at the bottom: how the connection is.
class StatusPanel : public QFrame
{
    Q_OBJECT
public:
    explicit StatusPanel(QWidget *parent = nullptr);

    void show(const ChatClient &client);

private:
    QLabel *m_dot;
    QLabel *m_state;
    QLabel *m_rtt;
    QLabel *m_loss;
    QLabel *m_bytes;
};

#endif // CHAT_STATUSPANEL_H
