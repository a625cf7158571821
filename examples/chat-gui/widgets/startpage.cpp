// SPDX-License-Identifier: MIT
#include "widgets/startpage.h"

#include "records/limits.h"
#include "records/names.h"
#include "widgets/icons.h"
#include "widgets/theme.h"

#include <QtCore/QSettings>
#include <QtGui/QPainter>
#include <QtWidgets/QButtonGroup>
#include <QtWidgets/QFrame>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QSpinBox>
#include <QtWidgets/QStackedWidget>
#include <QtWidgets/QVBoxLayout>

using namespace Qt::StringLiterals;

namespace {

QLabel *label(const QString &text, bool isSecondary = false)
{
    auto *label = new QLabel(text);
    label->setTextFormat(Qt::PlainText); // also for what comes from outside
    label->setWordWrap(true);
    label->setProperty("secondary", isSecondary);
    return label;
}

QFont scaledFont(const QWidget *widget, qreal factor, QFont::Weight weight)
{
    QFont font = widget->font();
    font.setPointSizeF(font.pointSizeF() * factor);
    font.setWeight(weight);
    return font;
}

// A speech bubble in a square of the accent colour.
class Logo : public QWidget
{
public:
    Logo() { setFixedSize(56, 56); }

protected:
    void paintEvent(QPaintEvent *) override
    {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(Theme::current().accent);
        painter.drawRoundedRect(rect(), 16, 16);
        drawSymbol(&painter, QRectF(rect()).adjusted(13, 13, -13, -13), Symbol::Chat,
                   Theme::current().onAccent);
    }
};

} // namespace

StartPage::StartPage(QWidget *parent) : QWidget(parent)
{
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(2 * Spacing, 2 * Spacing, 2 * Spacing, 2 * Spacing);
    layout->addStretch(1);
    auto *column = new QVBoxLayout;
    column->addStretch(1);
    column->addWidget(makeCard());
    column->addStretch(1);
    layout->addLayout(column, 1000);
    layout->addStretch(1);
    load();
    updateMode();
}

QWidget *StartPage::makeCard()
{
    auto *card = new QFrame;
    card->setObjectName(u"card"_s);
    card->setMaximumWidth(420);
    auto *layout = new QVBoxLayout(card);
    layout->setContentsMargins(3 * Spacing, 3 * Spacing, 3 * Spacing, 3 * Spacing);
    layout->setSpacing(Spacing);

    auto *logo = new Logo;
    layout->addWidget(logo, 0, Qt::AlignHCenter);
    auto *title = label(u"KCP Chat"_s);
    title->setFont(scaledFont(this, 1.7, QFont::DemiBold));
    title->setAlignment(Qt::AlignHCenter);
    layout->addWidget(title);
    auto *subtitle = label(tr("Talk over UDP, without waiting for it"), true);
    subtitle->setAlignment(Qt::AlignHCenter);
    layout->addWidget(subtitle);
    layout->addSpacing(Spacing);
    layout->addWidget(makeSegments());
    layout->addSpacing(Spacing);

    auto *nameLabel = label(tr("&Nickname"));
    m_name = new QLineEdit;
    m_name->setObjectName(u"nameEdit"_s);
    m_name->setMaxLength(Chat::MaxNameLength);
    m_name->setPlaceholderText(tr("How others will see you"));
    nameLabel->setBuddy(m_name);
    layout->addWidget(nameLabel);
    layout->addWidget(m_name);

    m_whereLabel = label(QString());
    m_address = new QLineEdit;
    m_address->setObjectName(u"addressEdit"_s);
    m_address->setPlaceholderText(tr("host:port"));
    m_port = new QSpinBox;
    m_port->setObjectName(u"portEdit"_s);
    m_port->setRange(1, 65535);
    m_port->setButtonSymbols(QSpinBox::NoButtons);
    m_where = new QStackedWidget;
    m_where->addWidget(m_address);
    m_where->addWidget(m_port);
    m_where->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    layout->addWidget(m_whereLabel);
    layout->addWidget(m_where);
    m_hint = label(QString(), true);
    layout->addWidget(m_hint);

    m_error = label(QString());
    m_error->setObjectName(u"errorLabel"_s);
    m_error->hide();
    layout->addWidget(m_error);
    layout->addSpacing(Spacing);
    m_go = new QPushButton;
    m_go->setObjectName(u"goButton"_s);
    m_go->setProperty("primary", true);
    m_go->setDefault(true);
    layout->addWidget(m_go);

    connect(m_go, &QPushButton::clicked, this, &StartPage::go);
    connect(m_name, &QLineEdit::returnPressed, this, &StartPage::go);
    connect(m_address, &QLineEdit::returnPressed, this, &StartPage::go);
    return card;
}

QWidget *StartPage::makeSegments()
{
    auto *frame = new QFrame;
    frame->setObjectName(u"segments"_s);
    auto *layout = new QHBoxLayout(frame);
    layout->setContentsMargins(2, 2, 2, 2);
    layout->setSpacing(2);
    m_joinSegment = new QPushButton(tr("&Join a chat"));
    m_joinSegment->setObjectName(u"joinSegment"_s);
    m_hostSegment = new QPushButton(tr("&Host a chat"));
    m_hostSegment->setObjectName(u"hostSegment"_s);
    auto *group = new QButtonGroup(this);
    for (QPushButton *segment : { m_joinSegment, m_hostSegment }) {
        segment->setProperty("segment", true);
        segment->setCheckable(true);
        segment->setAutoDefault(false);
        layout->addWidget(segment, 1);
        group->addButton(segment);
    }
    m_joinSegment->setChecked(true);
    connect(group, &QButtonGroup::buttonToggled, this, &StartPage::updateMode);
    return frame;
}

void StartPage::updateMode()
{
    const bool hosts = m_hostSegment->isChecked();
    m_where->setCurrentWidget(hosts ? static_cast<QWidget *>(m_port) : m_address);
    m_whereLabel->setText(hosts ? tr("&Port") : tr("&Address"));
    m_whereLabel->setBuddy(m_where->currentWidget());
    m_hint->setText(hosts ? tr("Others join with your address and this port (UDP).")
                          : tr("Ask the host for it. Without a port it is %1.").arg(DefaultPort));
    m_go->setEnabled(!m_busy);
    m_go->setText(m_busy ? tr("Connecting…") : hosts ? tr("Start the chat") : tr("Join"));
    if (!m_busy)
        showError(QString());
}

void StartPage::setBusy(bool busy)
{
    m_busy = busy;
    updateMode();
}

void StartPage::showError(const QString &text)
{
    m_error->setText(text);
    m_error->setVisible(!text.isEmpty());
}

bool StartPage::parseAddress(const QString &text, QString *host, quint16 *port)
{
    QString name = text.trimmed();
    QString number;
    if (name.startsWith(u'[')) {
        const qsizetype end = name.indexOf(u']');
        if (end < 0)
            return false;
        number = name.sliced(end + 1);
        name = name.sliced(1, end - 1);
        if (!number.isEmpty() && !number.startsWith(u':'))
            return false;
        number.remove(0, 1);
    } else if (name.count(u':') == 1) {
        number = name.section(u':', 1);
        name = name.section(u':', 0, 0);
        if (number.isEmpty())
            return false;
    }
    bool isNumber = true;
    *port = number.isEmpty() ? DefaultPort : number.toUShort(&isNumber);
    *host = name;
    return isNumber && *port != 0 && !name.isEmpty() && !name.contains(u' ');
}

void StartPage::go()
{
    if (m_busy)
        return;
    const QString name = Chat::cleanName(m_name->text());
    if (name.isEmpty()) {
        showError(tr("Please enter a nickname."));
        m_name->setFocus();
        return;
    }
    QString host;
    quint16 port = quint16(m_port->value());
    const bool hosts = m_hostSegment->isChecked();
    if (!hosts && !parseAddress(m_address->text(), &host, &port)) {
        showError(tr("Please enter an address, such as 192.168.0.7:%1.").arg(DefaultPort));
        m_address->setFocus();
        return;
    }
    showError(QString());
    save();
    if (hosts)
        emit hostRequested(port, name);
    else
        emit joinRequested(host, port, name);
}

void StartPage::load()
{
    const QSettings settings;
    m_name->setText(settings.value("start/name").toString());
    m_address->setText(settings.value("start/address").toString());
    m_port->setValue(settings.value("start/port", DefaultPort).toInt());
    m_hostSegment->setChecked(settings.value("start/hosts", false).toBool());
    m_joinSegment->setChecked(!m_hostSegment->isChecked());
}

void StartPage::save() const
{
    QSettings settings;
    settings.setValue("start/name", m_name->text());
    settings.setValue("start/address", m_address->text());
    settings.setValue("start/port", m_port->value());
    settings.setValue("start/hosts", m_hostSegment->isChecked());
}

void StartPage::showEvent(QShowEvent *event)
{
    QWidget::showEvent(event);
    if (m_name->text().isEmpty())
        m_name->setFocus();
    else
        m_where->currentWidget()->setFocus();
}
