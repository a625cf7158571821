// SPDX-License-Identifier: MIT
#ifndef CHAT_BADNETWORKPANEL_H
#define CHAT_BADNETWORKPANEL_H

#include <QtWidgets/QFrame>

class QLabel;
class QSlider;

// Makes one's own way to the host worse, to feel what KCP does about it.
class BadNetworkPanel : public QFrame
{
    Q_OBJECT
public:
    explicit BadNetworkPanel(QWidget *parent = nullptr);

    void reset(); // without a signal

Q_SIGNALS:
    void changed(int lossPercent, int delayMilliseconds);

private:
    void showValues();

    QSlider *m_loss;
    QSlider *m_delay;
    QLabel *m_lossValue;
    QLabel *m_delayValue;
};

#endif // CHAT_BADNETWORKPANEL_H
