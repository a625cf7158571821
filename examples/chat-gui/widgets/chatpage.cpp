// SPDX-License-Identifier: MIT
#include "widgets/chatpage.h"

#include "records/names.h"
#include "widgets/badnetworkpanel.h"
#include "widgets/icons.h"
#include "widgets/inputedit.h"
#include "widgets/messagemodel.h"
#include "widgets/messageview.h"
#include "widgets/peoplepanel.h"
#include "widgets/statuspanel.h"
#include "widgets/theme.h"
#include "widgets/words.h"

#include <QtWidgets/QFrame>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QToolButton>
#include <QtWidgets/QVBoxLayout>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

// Below it the list of people would leave no room for what they say.
static constexpr int MinimumWidthForPeople = 620;

ChatPage::ChatPage(ChatClient *client, QWidget *parent)
    : QWidget(parent),
      m_client(client),
      m_model(new MessageModel(this)),
      m_view(new MessageView(m_model)),
      m_people(new PeoplePanel),
      m_badNetwork(new BadNetworkPanel),
      m_status(new StatusPanel)
{
    setAcceptDrops(true);
    m_view->setObjectName(u"messageView"_s);
    m_view->setAccessibleName(tr("Messages"));
    auto *page = new QVBoxLayout(this);
    page->setContentsMargins(0, 0, 0, 0);
    page->setSpacing(0);
    page->addWidget(makeHeader());
    auto *middle = new QHBoxLayout;
    middle->setSpacing(0);
    auto *column = new QVBoxLayout;
    column->setSpacing(0);
    auto *top = new QVBoxLayout;
    top->setContentsMargins(2 * Spacing, Spacing, 2 * Spacing, Spacing);
    top->setSpacing(Spacing);
    top->addWidget(makeBanner());
    top->addWidget(m_badNetwork);
    column->addLayout(top);
    column->addWidget(m_view, 1);
    column->addWidget(makeInput());
    middle->addLayout(column, 1);
    middle->addWidget(m_people);
    page->addLayout(middle, 1);
    page->addWidget(m_status);
    m_badNetwork->hide();

    m_dropHint = new QLabel(tr("Drop to send"), this);
    m_dropHint->setAlignment(Qt::AlignCenter);
    m_dropHint->setAttribute(Qt::WA_TransparentForMouseEvents);
    m_dropHint->hide();

    connectClient();
    connectFiles();
    connect(m_view, &MessageView::linkActivated, this, &ChatPage::openLink);
    connect(m_view, &MessageView::actionRequested, this, &ChatPage::handleAction);
    connect(m_badNetwork, &BadNetworkPanel::changed, this, [this](int loss, int delay) {
        m_client->useBadNetwork(loss, std::chrono::milliseconds(delay));
    });
    m_refresh.setInterval(250ms);
    connect(&m_refresh, &QTimer::timeout, this, [this] {
        updateBanner();
        m_status->show(*m_client);
    });
    updateIcons();
    const QList<QWidget *> order{ m_input,        m_attachButton,  m_sendButton,  m_view,
                                  m_peopleButton, m_networkButton, m_themeButton, m_leaveButton };
    for (qsizetype i = 1; i < order.size(); ++i)
        setTabOrder(order.at(i - 1), order.at(i));
}

QToolButton *ChatPage::makeButton(const char *objectName, const QString &toolTip)
{
    auto *button = new QToolButton;
    button->setObjectName(QLatin1StringView(objectName));
    button->setToolTip(toolTip);
    button->setAccessibleName(toolTip);
    button->setIconSize(QSize(20, 20));
    button->setFocusPolicy(Qt::StrongFocus);
    return button;
}

QWidget *ChatPage::makeHeader()
{
    auto *header = new QFrame;
    header->setObjectName(u"header"_s);
    auto *layout = new QHBoxLayout(header);
    layout->setContentsMargins(2 * Spacing, Spacing, Spacing, Spacing);
    layout->setSpacing(Spacing / 2);
    auto *texts = new QVBoxLayout;
    texts->setSpacing(0);
    m_title = new QLabel;
    m_title->setObjectName(u"titleLabel"_s);
    m_title->setTextFormat(Qt::PlainText);
    m_title->setMinimumWidth(1); // long names must not widen the window
    QFont bold = font();
    bold.setWeight(QFont::DemiBold);
    bold.setPointSizeF(bold.pointSizeF() * 1.1);
    m_title->setFont(bold);
    m_subtitle = new QLabel;
    m_subtitle->setProperty("secondary", true);
    texts->addWidget(m_title);
    texts->addWidget(m_subtitle);
    layout->addLayout(texts, 1);

    m_peopleButton = makeButton("peopleButton", tr("Who is here"));
    m_peopleButton->setCheckable(true);
    m_networkButton = makeButton("networkButton", tr("Bad network"));
    m_networkButton->setCheckable(true);
    m_themeButton = makeButton("themeButton", tr("Light or dark"));
    m_leaveButton = makeButton("leaveButton", tr("Leave the chat"));
    for (QToolButton *button : { m_peopleButton, m_networkButton, m_themeButton, m_leaveButton })
        layout->addWidget(button);
    connect(m_peopleButton, &QToolButton::clicked, this, [this](bool checked) {
        m_peopleWanted = checked;
        updatePanels();
    });
    connect(m_networkButton, &QToolButton::toggled, m_badNetwork, &QWidget::setVisible);
    connect(m_themeButton, &QToolButton::clicked, this, &ChatPage::themeToggled);
    connect(m_leaveButton, &QToolButton::clicked, this, &ChatPage::leaveRequested);
    return header;
}

QWidget *ChatPage::makeBanner()
{
    m_banner = new QFrame;
    m_banner->setObjectName(u"banner"_s);
    auto *layout = new QHBoxLayout(m_banner);
    layout->setContentsMargins(1.5 * Spacing, Spacing, Spacing, Spacing);
    m_bannerText = new QLabel;
    m_bannerText->setObjectName(u"bannerLabel"_s);
    m_bannerText->setTextFormat(Qt::PlainText);
    m_bannerText->setWordWrap(true);
    auto *retry = new QPushButton(tr("Try now"));
    retry->setObjectName(u"retryButton"_s);
    layout->addWidget(m_bannerText, 1);
    layout->addWidget(retry);
    connect(retry, &QPushButton::clicked, m_client, &ChatClient::retryNow);
    m_banner->hide();
    return m_banner;
}

QWidget *ChatPage::makeInput()
{
    auto *area = new QWidget;
    auto *layout = new QVBoxLayout(area);
    layout->setContentsMargins(2 * Spacing, Spacing, 2 * Spacing, 1.5 * Spacing);
    layout->setSpacing(Spacing / 2);
    m_typing = new QLabel;
    m_typing->setObjectName(u"typingLabel"_s);
    m_typing->setTextFormat(Qt::PlainText);
    m_typing->setProperty("secondary", true);
    m_typing->setMinimumWidth(1);
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.85);
    m_typing->setFont(small);
    m_typing->setFixedHeight(QFontMetrics(small).height() + 2); // nothing jumps when it comes
    layout->addWidget(m_typing);

    auto *frame = new QFrame;
    frame->setObjectName(u"inputFrame"_s);
    auto *row = new QHBoxLayout(frame);
    row->setContentsMargins(6, 5, 6, 5);
    row->setSpacing(Spacing / 2);
    m_attachButton = makeButton("attachButton", tr("Send a file"));
    m_input = new InputEdit;
    m_input->setObjectName(u"inputEdit"_s);
    m_input->setPlaceholderText(tr("Write a message"));
    m_input->setAccessibleName(tr("Message"));
    m_sendButton = makeButton("sendButton", tr("Send"));
    m_attachButton->setFixedSize(36, 36);
    m_sendButton->setFixedSize(36, 36); // a circle
    row->addWidget(m_attachButton, 0, Qt::AlignBottom);
    row->addWidget(m_input, 1, Qt::AlignVCenter);
    row->addWidget(m_sendButton, 0, Qt::AlignBottom);
    layout->addWidget(frame);

    connect(m_input, &InputEdit::submitted, this, &ChatPage::send);
    connect(m_input, &InputEdit::pastedFiles, this, &ChatPage::sendFiles);
    connect(m_input, &QPlainTextEdit::textChanged, this, [this] {
        if (!m_input->document()->isEmpty())
            m_client->setTyping();
        m_sendButton->setEnabled(m_client->state() == ChatClient::Online
                                 && !m_input->document()->isEmpty());
    });
    connect(m_sendButton, &QToolButton::clicked, this, &ChatPage::send);
    return area;
}

void ChatPage::connectClient()
{
    connect(m_client, &ChatClient::stateChanged, this, &ChatPage::showState);
    connect(m_client, &ChatClient::peopleChanged, this, &ChatPage::showPeople);
    connect(m_client, &ChatClient::joined, this, [this](bool again) {
        m_model->addSystem(again ? tr("Connected again")
                                 : tr("You joined as %1").arg(m_client->ownName()));
    });
    connect(m_client, &ChatClient::personJoined, this, [this](const ChatClient::Person &person) {
        m_model->addSystem(tr("%1 joined").arg(person.name));
    });
    connect(m_client, &ChatClient::personLeft, this,
            [this](const ChatClient::Person &person, Chat::LeaveReason reason) {
                m_model->addSystem(Words::leaving(person.name, reason));
            });
    connect(m_client, &ChatClient::said, this, [this](const ChatClient::Line &line) {
        m_model->addText(line.name, line.text, line.time);
    });
    connect(m_client, &ChatClient::delivered, this, [this](quint32 tag, qint64 time) {
        m_model->setDelivery(tag, MessageModel::Delivered, time);
    });
    connect(m_client, &ChatClient::undelivered, this,
            [this](quint32 tag) { m_model->setDelivery(tag, MessageModel::Undelivered, 0); });
}

void ChatPage::open(const QString &title)
{
    m_model->clear();
    m_title->setText(title);
    m_input->clear();
    m_networkButton->setChecked(false);
    m_badNetwork->reset();
    m_lossTold = false;
    m_refresh.start();
    showState(m_client->state());
    showPeople();
    updatePanels();
    m_input->setFocus();
}

void ChatPage::send()
{
    const QString text = m_input->toPlainText();
    const quint32 tag = m_client->say(text);
    if (tag == 0) // not now: the text stays where it is
        return;
    m_model->addOwnText(m_client->ownName(), Chat::cleanText(text), tag);
    m_view->scrollToBottom();
    m_input->clear();
    m_input->setFocus();
}

void ChatPage::showState(ChatClient::State state)
{
    if (state == ChatClient::Waiting && !m_lossTold) {
        m_lossTold = true;
        m_model->addSystem(tr("%1 Reconnecting…").arg(Words::ending(m_client->ending())));
    } else if (state == ChatClient::Online) {
        m_lossTold = false;
    }
    const bool isOnline = state == ChatClient::Online;
    m_attachButton->setEnabled(isOnline);
    m_sendButton->setEnabled(isOnline && !m_input->document()->isEmpty());
    m_networkButton->setEnabled(isOnline || m_client->usesBadNetwork());
    if (state == ChatClient::Offline)
        m_refresh.stop();
    updateBanner();
    m_status->show(*m_client);
}

void ChatPage::updateBanner()
{
    QString text;
    if (m_client->state() == ChatClient::Waiting) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(m_client->waitTime());
        text = tr("Connection lost. Next attempt in %1 s.").arg(left.count());
    } else if (m_client->state() == ChatClient::Connecting && m_lossTold) {
        text = tr("Connection lost. Trying to reconnect…");
    }
    m_bannerText->setText(text);
    m_banner->setVisible(!text.isEmpty());
}

void ChatPage::showPeople()
{
    const QList<ChatClient::Person> people = m_client->people();
    m_people->setPeople(people, m_client->ownId());
    m_subtitle->setText(people.isEmpty() ? tr("Not connected") : tr("%1 here").arg(people.size()));
    QStringList typing;
    for (const ChatClient::Person &person : people) {
        if (person.isTyping)
            typing.append(person.name);
    }
    QString text;
    if (typing.size() == 1)
        text = tr("%1 is typing…").arg(typing.first());
    else if (!typing.isEmpty())
        text = tr("%1 and others are typing…").arg(typing.first());
    m_typing->setText(text);
}

void ChatPage::updatePanels()
{
    const bool hasRoom = width() >= MinimumWidthForPeople;
    // In a narrow window the list takes the place of the messages, as long as it is wanted.
    const bool shown = m_peopleWanted && (hasRoom || m_peopleButton->isChecked());
    m_people->setVisible(shown);
    m_peopleButton->setChecked(shown);
}

void ChatPage::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    const bool hasRoom = width() >= MinimumWidthForPeople;
    const bool hadRoom = event->oldSize().width() >= MinimumWidthForPeople;
    if (hasRoom != hadRoom || !event->oldSize().isValid()) {
        m_people->setVisible(hasRoom && m_peopleWanted);
        m_peopleButton->setChecked(hasRoom && m_peopleWanted);
    }
    m_dropHint->setGeometry(rect().adjusted(2 * Spacing, 2 * Spacing, -2 * Spacing, -2 * Spacing));
}

void ChatPage::updateIcons()
{
    const Theme &theme = Theme::current();
    m_peopleButton->setIcon(icon(Symbol::People, theme.text));
    m_networkButton->setIcon(icon(Symbol::Network, theme.text));
    m_themeButton->setIcon(icon(theme.isDark ? Symbol::Light : Symbol::Dark, theme.text));
    m_leaveButton->setIcon(icon(Symbol::Leave, theme.text));
    m_attachButton->setIcon(icon(Symbol::Attach, theme.secondary));
    m_sendButton->setIcon(icon(Symbol::Send, theme.onAccent));
    QColor veil = theme.surface;
    m_dropHint->setStyleSheet(
            u"background: %1; color: %2; border: 2px dashed %2; border-radius: 12px;"_s.arg(
                    veil.name(), theme.accentText.name()));
    m_status->show(*m_client);
}
