// SPDX-License-Identifier: MIT
#ifndef CHAT_BUBBLE_H
#define CHAT_BUBBLE_H

#include "widgets/messagemodel.h"

#include <QtGui/QFont>
#include <QtGui/QTextDocument>

#include <memory>

class QPainter;

// One message, laid out for a width: where everything is, and how it is painted. Text is never read
// as HTML; links become anchors by the characters that they are made of.
class Bubble
{
public:
    enum Action { None, Save, Cancel };

    Bubble(const MessageModel::Message &message, const QFont &font, int width);

    int height() const { return m_height; }
    void paint(QPainter *painter, bool isSelected) const;

    // What is at a position relative to the top left of the item.
    Action actionAt(const QPointF &position) const;
    QString linkAt(const QPointF &position) const;
    QRect bubbleRect() const { return m_bubble.toAlignedRect(); }

    static Action possibleAction(const MessageModel::Message &message);

private:
    void layOutSystem(int width);
    void layOutText(int width);
    void layOutFile(int width);
    void place(qreal contentWidth, qreal contentHeight, int width);
    void makeDocument(qreal width);
    QString footnote() const; // time, or what has become of it
    void paintSystem(QPainter *painter) const;
    void paintFile(QPainter *painter) const;

    const MessageModel::Message &m_message;
    QFont m_font;
    QFont m_smallFont;
    QFont m_nameFont;
    std::unique_ptr<QTextDocument> m_document;
    int m_height = 0;
    qreal m_nameHeight = 0; // 0 when no name is shown
    QRectF m_bubble;
    QRectF m_content; // within the bubble's margins, below the name
    QRectF m_avatar;
    QRectF m_footnote;
    QRectF m_picture;
    QRectF m_fileIcon;
    QRectF m_fileName;
    QRectF m_fileStatus;
    QRectF m_progress;
    QRectF m_actionRect;
    Action m_action = None;
};

// The name of what can be done with a file, translated.
QString actionText(Bubble::Action action);

#endif // CHAT_BUBBLE_H
