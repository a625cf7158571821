// SPDX-License-Identifier: MIT
#ifndef CHAT_MAINWINDOW_H
#define CHAT_MAINWINDOW_H

#include "client/chatclient.h"
#include "server/hostedserver.h"

#include <QtWidgets/QMainWindow>

class ChatPage;
class QStackedWidget;
class StartPage;

// Start page and chat page, and what they are about.
class MainWindow : public QMainWindow
{
    Q_OBJECT
public:
    explicit MainWindow(QWidget *parent = nullptr);
    ~MainWindow() override;

    void host(quint16 port, const QString &name);
    void join(const QString &host, quint16 port, const QString &name);

protected:
    void closeEvent(QCloseEvent *event) override;

private:
    void handleState(ChatClient::State state);
    void openChat();
    void leave();
    void toggleTheme();

    ChatClient m_client;
    HostedServer m_server;
    QStackedWidget *m_pages;
    StartPage *m_startPage;
    ChatPage *m_chatPage;
};

#endif // CHAT_MAINWINDOW_H
