// SPDX-License-Identifier: MIT
#include "widgets/mainwindow.h"

#include "widgets/chatpage.h"
#include "widgets/startpage.h"
#include "widgets/theme.h"
#include "widgets/words.h"

#include <QtCore/QSettings>
#include <QtGui/QCloseEvent>
#include <QtWidgets/QStackedWidget>

using namespace Qt::StringLiterals;

MainWindow::MainWindow(QWidget *parent)
    : QMainWindow(parent),
      m_pages(new QStackedWidget),
      m_startPage(new StartPage),
      m_chatPage(new ChatPage(&m_client))
{
    setWindowTitle(u"KCP Chat"_s);
    setMinimumSize(360, 480);
    resize(880, 640);
    restoreGeometry(QSettings().value("window/geometry").toByteArray());
    setCentralWidget(m_pages);
    m_pages->addWidget(m_startPage);
    m_pages->addWidget(m_chatPage);

    connect(m_startPage, &StartPage::hostRequested, this, &MainWindow::host);
    connect(m_startPage, &StartPage::joinRequested, this, &MainWindow::join);
    connect(m_chatPage, &ChatPage::leaveRequested, this, &MainWindow::leave);
    connect(m_chatPage, &ChatPage::themeToggled, this, &MainWindow::toggleTheme);
    connect(&m_client, &ChatClient::stateChanged, this, &MainWindow::handleState);
}

MainWindow::~MainWindow()
{
    m_client.disconnect(this);
}

void MainWindow::host(quint16 port, const QString &name)
{
    if (!m_server.start(port)) {
        m_startPage->showError(
                tr("Port %1 cannot be used: %2").arg(port).arg(m_server.errorString()));
        return;
    }
    join(u"127.0.0.1"_s, m_server.port(), name);
}

void MainWindow::join(const QString &host, quint16 port, const QString &name)
{
    m_startPage->setBusy(true);
    m_client.join(host, port, name);
}

void MainWindow::handleState(ChatClient::State state)
{
    const bool isStarting = m_pages->currentWidget() == m_startPage;
    if (isStarting && state == ChatClient::Online) {
        openChat();
    } else if (state == ChatClient::Offline) { // refused, or the first attempt has failed
        m_pages->setCurrentWidget(m_startPage);
        m_startPage->setBusy(false);
        m_startPage->showError(Words::ending(m_client.ending()));
        m_server.stop();
    }
}

void MainWindow::openChat()
{
    const bool hosts = m_server.port() != 0;
    const bool isIpv6 = m_client.host().contains(u':');
    const QString address =
            (isIpv6 ? u"[%1]:%2"_s : u"%1:%2"_s).arg(m_client.host()).arg(m_client.port());
    m_startPage->setBusy(false);
    m_chatPage->open(hosts ? tr("Hosting on port %1").arg(m_server.port()) : address);
    m_pages->setCurrentWidget(m_chatPage);
}

void MainWindow::leave()
{
    m_client.disconnect(this); // this end needs no words
    m_client.leave(true);
    connect(&m_client, &ChatClient::stateChanged, this, &MainWindow::handleState);
    m_server.stop();
    m_startPage->setBusy(false);
    m_pages->setCurrentWidget(m_startPage);
}

void MainWindow::toggleTheme()
{
    const Theme::Choice choice = Theme::current().isDark ? Theme::Light : Theme::Dark;
    Theme::apply(choice);
    QSettings().setValue("window/theme", int(choice));
    m_chatPage->updateIcons();
}

void MainWindow::closeEvent(QCloseEvent *event)
{
    QSettings().setValue("window/geometry", saveGeometry());
    leave();
    QMainWindow::closeEvent(event);
}
