// SPDX-License-Identifier: MIT
#ifndef CHAT_CHATPAGE_H
#define CHAT_CHATPAGE_H

#include "client/chatclient.h"
#include "widgets/bubble.h"

#include <QtCore/QTimer>
#include <QtWidgets/QWidget>

class BadNetworkPanel;
class InputEdit;
class MessageModel;
class MessageView;
class PeoplePanel;
class QFrame;
class QLabel;
class QPushButton;
class QToolButton;
class StatusPanel;

// The chat itself: header, messages, people, input, status.
class ChatPage : public QWidget
{
    Q_OBJECT
public:
    explicit ChatPage(ChatClient *client, QWidget *parent = nullptr);

    void open(const QString &title); // an empty page for a new chat
    void updateIcons(); // after a change of the theme

    // Sends files as if they had been dropped; tells in the list which ones cannot be sent.
    void sendFiles(const QStringList &paths);

Q_SIGNALS:
    void leaveRequested();
    void themeToggled();

protected:
    void resizeEvent(QResizeEvent *event) override;
    void dragEnterEvent(QDragEnterEvent *event) override;
    void dragLeaveEvent(QDragLeaveEvent *event) override;
    void dropEvent(QDropEvent *event) override;

private:
    QWidget *makeHeader();
    QWidget *makeBanner();
    QWidget *makeInput();
    QToolButton *makeButton(const char *objectName, const QString &toolTip);
    void connectClient();
    void connectFiles();

    void send();
    void showState(ChatClient::State state);
    void showPeople();
    void updateBanner();
    void updatePanels();
    void addFile(quint32 number);
    void updateFile(quint32 number);
    void saveFile(quint32 number);
    void openLink(const QString &url);
    void handleAction(Bubble::Action action, quint32 number);

    ChatClient *m_client;
    MessageModel *m_model;
    MessageView *m_view;
    PeoplePanel *m_people;
    BadNetworkPanel *m_badNetwork;
    StatusPanel *m_status;
    InputEdit *m_input = nullptr;
    QLabel *m_title = nullptr;
    QLabel *m_subtitle = nullptr;
    QFrame *m_banner = nullptr;
    QLabel *m_bannerText = nullptr;
    QLabel *m_typing = nullptr;
    QLabel *m_dropHint = nullptr;
    QToolButton *m_peopleButton = nullptr;
    QToolButton *m_networkButton = nullptr;
    QToolButton *m_themeButton = nullptr;
    QToolButton *m_leaveButton = nullptr;
    QToolButton *m_attachButton = nullptr;
    QToolButton *m_sendButton = nullptr;
    QTimer m_refresh;
    bool m_peopleWanted = true;
    bool m_lossTold = false; // of the connection
};

#endif // CHAT_CHATPAGE_H
