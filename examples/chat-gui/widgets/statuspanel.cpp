// SPDX-License-Identifier: MIT
#include "widgets/statuspanel.h"

#include "widgets/theme.h"
#include "widgets/words.h"

#include <QtCore/QLocale>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLabel>

using namespace Qt::StringLiterals;

StatusPanel::StatusPanel(QWidget *parent)
    : QFrame(parent),
      m_dot(new QLabel),
      m_state(new QLabel),
      m_rtt(new QLabel),
      m_loss(new QLabel),
      m_bytes(new QLabel)
{
    setObjectName(u"statusBar"_s);
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(2 * Spacing, 5, 2 * Spacing, 5);
    layout->setSpacing(2 * Spacing);
    auto *state = new QHBoxLayout;
    state->setSpacing(Spacing);
    state->addWidget(m_dot);
    state->addWidget(m_state);
    layout->addLayout(state);
    layout->addStretch(1);
    layout->addWidget(m_rtt);
    layout->addWidget(m_loss);
    layout->addWidget(m_bytes);

    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.85);
    for (QLabel *label : { m_state, m_rtt, m_loss, m_bytes }) {
        label->setFont(small);
        label->setProperty("secondary", true);
    }
    m_dot->setFixedSize(Spacing, Spacing);
    m_state->setObjectName(u"stateLabel"_s);
    m_rtt->setObjectName(u"rttLabel"_s);
    m_rtt->setToolTip(tr("Time to the host and back"));
    m_loss->setObjectName(u"lossLabel"_s);
    m_loss->setToolTip(tr("Share of segments that were sent again"));
    m_bytes->setObjectName(u"bytesLabel"_s);
    m_bytes->setToolTip(tr("Sent and received"));
}

void StatusPanel::show(const ChatClient &client)
{
    const Theme &theme = Theme::current();
    QColor color = theme.warning;
    switch (client.state()) {
    case ChatClient::Online:
        color = theme.good;
        m_state->setText(tr("Connected"));
        break;
    case ChatClient::Connecting:
        m_state->setText(tr("Connecting…"));
        break;
    case ChatClient::Waiting:
        m_state->setText(tr("Reconnecting…"));
        break;
    case ChatClient::Offline:
        color = theme.danger;
        m_state->setText(tr("Not connected"));
        break;
    }
    m_dot->setStyleSheet(u"background: %1; border-radius: 4px;"_s.arg(color.name()));
    const ChatClient::Counters counters = client.counters();
    const bool isOnline = client.state() == ChatClient::Online;
    for (QLabel *label : { m_rtt, m_loss, m_bytes })
        label->setVisible(isOnline);
    const QLocale locale;
    m_rtt->setText(
            tr("RTT %1 ms").arg(locale.toString(counters.rtt, 'f', counters.rtt < 10 ? 1 : 0)));
    m_loss->setText(tr("loss %1 %").arg(locale.toString(counters.loss * 100, 'f', 1)));
    m_bytes->setText(u"↑ %1  ↓ %2"_s.arg(Words::size(qint64(counters.bytesSent)),
                                         Words::size(qint64(counters.bytesReceived))));
}
