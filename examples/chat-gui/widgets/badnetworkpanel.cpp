// SPDX-License-Identifier: MIT
#include "widgets/badnetworkpanel.h"

#include "widgets/theme.h"

#include <QtCore/QSignalBlocker>
#include <QtWidgets/QGridLayout>
#include <QtWidgets/QLabel>
#include <QtWidgets/QSlider>

using namespace Qt::StringLiterals;

static constexpr int MaximumLoss = 50; // percent
static constexpr int MaximumDelay = 500; // ms

BadNetworkPanel::BadNetworkPanel(QWidget *parent)
    : QFrame(parent),
      m_loss(new QSlider(Qt::Horizontal)),
      m_delay(new QSlider(Qt::Horizontal)),
      m_lossValue(new QLabel),
      m_delayValue(new QLabel)
{
    setObjectName(u"badNetworkPanel"_s);
    auto *layout = new QGridLayout(this);
    layout->setContentsMargins(2 * Spacing, 1.5 * Spacing, 2 * Spacing, 1.5 * Spacing);
    layout->setHorizontalSpacing(2 * Spacing);
    layout->setVerticalSpacing(Spacing);

    auto *text = new QLabel(tr("Bad network: what you send gets lost or comes late."));
    text->setWordWrap(true);
    text->setProperty("secondary", true);
    layout->addWidget(text, 0, 0, 1, 3);

    m_loss->setObjectName(u"lossSlider"_s);
    m_loss->setRange(0, MaximumLoss);
    m_delay->setObjectName(u"delaySlider"_s);
    m_delay->setRange(0, MaximumDelay);
    m_delay->setPageStep(50);
    auto *lossLabel = new QLabel(tr("&Loss"));
    lossLabel->setBuddy(m_loss);
    auto *delayLabel = new QLabel(tr("&Delay"));
    delayLabel->setBuddy(m_delay);
    const int valueWidth = fontMetrics().horizontalAdvance(u"500 ms "_s);
    for (QLabel *value : { m_lossValue, m_delayValue }) {
        value->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
        value->setMinimumWidth(valueWidth);
    }
    layout->addWidget(lossLabel, 1, 0);
    layout->addWidget(m_loss, 1, 1);
    layout->addWidget(m_lossValue, 1, 2);
    layout->addWidget(delayLabel, 2, 0);
    layout->addWidget(m_delay, 2, 1);
    layout->addWidget(m_delayValue, 2, 2);

    for (QSlider *slider : { m_loss, m_delay }) {
        connect(slider, &QSlider::valueChanged, this, [this] {
            showValues();
            emit changed(m_loss->value(), m_delay->value());
        });
    }
    showValues();
}

void BadNetworkPanel::reset()
{
    const QSignalBlocker loss(m_loss);
    const QSignalBlocker delay(m_delay);
    m_loss->setValue(0);
    m_delay->setValue(0);
    showValues();
}

void BadNetworkPanel::showValues()
{
    m_lossValue->setText(tr("%1 %").arg(m_loss->value()));
    m_delayValue->setText(tr("%1 ms").arg(m_delay->value()));
}
