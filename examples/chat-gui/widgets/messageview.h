// SPDX-License-Identifier: MIT
#ifndef CHAT_MESSAGEVIEW_H
#define CHAT_MESSAGEVIEW_H

#include "widgets/bubble.h"
#include "widgets/messagemodel.h"

#include <QtCore/QHash>
#include <QtWidgets/QListView>

// The list of messages. Follows the newest while the person has not scrolled back.
class MessageView : public QListView
{
    Q_OBJECT
public:
    explicit MessageView(MessageModel *model, QWidget *parent = nullptr);

    // In the width that there is.
    int heightOf(const QModelIndex &index) const;

Q_SIGNALS:
    void linkActivated(const QString &url);
    void actionRequested(Bubble::Action action, quint32 transferNumber);

protected:
    void changeEvent(QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void mouseReleaseEvent(QMouseEvent *event) override;
    void contextMenuEvent(QContextMenuEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;

private:
    Bubble bubble(const QModelIndex &index) const;
    void copy(const QModelIndex &index);
    void followNewest();

    MessageModel *m_model;
    // The list asks for all heights again and again, and each is a text to be laid out.
    mutable QHash<quint64, int> m_heights; // pixels, by the message's id
    mutable int m_heightsWidth = 0; // that they are for
    bool m_atEnd = true;
    bool m_isSettling = false;
};

#endif // CHAT_MESSAGEVIEW_H
