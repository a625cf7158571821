// SPDX-License-Identifier: MIT
#ifndef CHAT_PEOPLEPANEL_H
#define CHAT_PEOPLEPANEL_H

#include "client/chatclient.h"

#include <QtWidgets/QFrame>

class QLabel;
class QListWidget;

// Who is there, and how far away: the time a datagram needs to the server and back.
class PeoplePanel : public QFrame
{
    Q_OBJECT
public:
    explicit PeoplePanel(QWidget *parent = nullptr);

    void setPeople(const QList<ChatClient::Person> &people, quint32 ownId);

private:
    QLabel *m_title;
    QListWidget *m_list;
};

#endif // CHAT_PEOPLEPANEL_H
