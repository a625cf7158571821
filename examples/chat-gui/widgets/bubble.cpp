// SPDX-License-Identifier: MIT
#include "widgets/bubble.h"

#include "widgets/icons.h"
#include "widgets/theme.h"
#include "widgets/thumbnail.h"
#include "widgets/words.h"

#include <QtCore/QRegularExpression>
#include <QtGui/QAbstractTextDocumentLayout>
#include <QtGui/QFontMetricsF>
#include <QtGui/QPainter>
#include <QtGui/QPainterPath>
#include <QtGui/QTextBlock>
#include <QtGui/QTextCursor>

#include <cmath>

using namespace Qt::StringLiterals;

namespace {

constexpr qreal Margin = 2 * Spacing; // beside the bubbles
constexpr qreal AvatarSize = 4 * Spacing;
constexpr qreal PaddingX = 12;
constexpr qreal PaddingY = Spacing;
constexpr qreal Radius = 14;
constexpr qreal MaximumBubbleWidth = 520;
constexpr qreal FileWidth = 280;

QFont scaled(QFont font, qreal factor)
{
    if (font.pixelSize() > 0)
        font.setPixelSize(qRound(font.pixelSize() * factor));
    else
        font.setPointSizeF(font.pointSizeF() * factor);
    return font;
}

// A closing bracket or full stop behind an address belongs to the sentence.
qsizetype linkLength(const QString &match)
{
    qsizetype length = match.size();
    while (length > 0 && u".,;:!?'\")]}>"_s.contains(match.at(length - 1)))
        --length;
    return length;
}

} // namespace

Bubble::Bubble(const MessageModel::Message &message, const QFont &font, int width)
    : m_message(message), m_font(font), m_smallFont(scaled(font, 0.85)), m_nameFont(m_smallFont)
{
    m_nameFont.setWeight(QFont::DemiBold);
    switch (message.kind) {
    case MessageModel::System:
        layOutSystem(width);
        break;
    case MessageModel::Text:
        layOutText(width);
        break;
    case MessageModel::File:
        layOutFile(width);
        break;
    }
}

// --- where everything is --------------------------------------------------------------------------

void Bubble::layOutSystem(int width)
{
    const QFontMetricsF metrics(m_smallFont);
    const qreal available = width - 2 * Margin - 2 * PaddingX;
    const QRectF bounds = metrics.boundingRect(QRectF(0, 0, available, 1e4),
                                               Qt::AlignHCenter | Qt::TextWordWrap, m_message.text);
    const QSizeF size(std::ceil(bounds.width()) + 2 * PaddingX, std::ceil(bounds.height()) + 6);
    m_bubble = QRectF(QPointF((width - size.width()) / 2, Spacing / 2.0), size);
    m_height = int(m_bubble.bottom()) + 2;
}

static qreal maximumContentWidth(int width)
{
    const qreal beside = 2 * Margin + AvatarSize + Spacing;
    return qMin(MaximumBubbleWidth, (width - beside) * 0.86) - 2 * PaddingX;
}

void Bubble::layOutText(int width)
{
    const qreal maximum = maximumContentWidth(width);
    makeDocument(maximum);
    const QFontMetricsF small(m_smallFont);
    const QSizeF footnoteSize(small.horizontalAdvance(footnote()), small.height());

    // The time stands behind the last line if there is room.
    const QTextBlock block = m_document->lastBlock();
    const QTextLine last = block.layout()->lineAt(block.layout()->lineCount() - 1);
    const bool leftToRight = block.textDirection() == Qt::LeftToRight;
    const qreal beside = last.naturalTextWidth() + PaddingX + footnoteSize.width();
    const bool fits = leftToRight && beside <= maximum;
    qreal contentWidth = qMax(m_document->idealWidth(), footnoteSize.width());
    qreal contentHeight = m_document->size().height();
    if (fits)
        contentWidth = qMax(contentWidth, beside);
    else
        contentHeight += footnoteSize.height();
    if (!m_message.isOwn && m_message.isFirst) {
        const qreal name = QFontMetricsF(m_nameFont).horizontalAdvance(m_message.name);
        contentWidth = qMin(maximum, qMax(contentWidth, name));
    }
    place(std::ceil(contentWidth), std::ceil(contentHeight), width);
    m_footnote = QRectF(m_content.right() - footnoteSize.width(),
                        m_content.bottom() - footnoteSize.height() + 1, footnoteSize.width(),
                        footnoteSize.height());
}

void Bubble::layOutFile(int width)
{
    const qreal contentWidth = qMin(FileWidth, maximumContentWidth(width));
    const QFontMetricsF metrics(m_font);
    const QFontMetricsF small(m_smallFont);
    QSizeF picture;
    if (!m_message.thumbnail.isNull()) {
        const QSizeF natural = m_message.thumbnail.deviceIndependentSize();
        picture = natural.width() > contentWidth
                ? natural.scaled(contentWidth, natural.height(), Qt::KeepAspectRatio)
                : natural;
    }
    const qreal pictureHeight = picture.isEmpty() ? 0 : picture.height() + Spacing;
    const bool isRunning = m_message.transfer.state == FileTransfers::Running
            || m_message.transfer.state == FileTransfers::Queued;
    const qreal rowHeight = qMax(4.5 * Spacing, metrics.height() + small.height());
    m_action = possibleAction(m_message);
    // With nothing to do the time stands beside the size.
    const bool isShort = !isRunning && m_action == None;
    const qreal actionHeight = isShort ? 0 : small.height() + Spacing;
    place(contentWidth, pictureHeight + rowHeight + (isRunning ? 1.5 * Spacing : 0) + actionHeight,
          width);

    qreal y = m_content.top();
    if (!picture.isEmpty()) {
        m_picture = QRectF(QPointF(m_content.left(), y), picture);
        y += pictureHeight;
    }
    const qreal iconSize = 4.5 * Spacing;
    m_fileIcon = QRectF(m_content.left(), y + (rowHeight - iconSize) / 2, iconSize, iconSize);
    const qreal textLeft = m_fileIcon.right() + 1.5 * Spacing;
    const qreal textTop = y + (rowHeight - metrics.height() - small.height()) / 2;
    const qreal textWidth = m_content.right() - textLeft;
    m_fileName = QRectF(textLeft, textTop, textWidth, metrics.height());
    m_fileStatus = QRectF(textLeft, m_fileName.bottom(), textWidth, small.height());
    y += rowHeight;
    if (isRunning) {
        m_progress = QRectF(m_content.left(), y + Spacing, m_content.width(), 4);
        y += 1.5 * Spacing;
    }
    const qreal footnoteWidth = small.horizontalAdvance(footnote());
    m_footnote =
            QRectF(m_content.right() - footnoteWidth, y + Spacing, footnoteWidth, small.height());
    if (isShort) {
        m_footnote.moveBottom(m_fileStatus.bottom());
        m_fileStatus.setRight(m_footnote.left() - Spacing);
    }
    if (m_action != None) {
        m_actionRect = QRectF(m_content.left(), y + Spacing,
                              small.horizontalAdvance(actionText(m_action)), small.height());
    }
}

void Bubble::place(qreal contentWidth, qreal contentHeight, int width)
{
    const qreal top = m_message.isFirst ? 1.5 * Spacing : 3;
    if (!m_message.isOwn && m_message.isFirst)
        m_nameHeight = QFontMetricsF(m_nameFont).height() + 2;
    const QSizeF size(contentWidth + 2 * PaddingX, contentHeight + m_nameHeight + 2 * PaddingY);
    const qreal left =
            m_message.isOwn ? width - Margin - size.width() : Margin + AvatarSize + Spacing;
    m_bubble = QRectF(QPointF(left, top), size);
    m_content = m_bubble.adjusted(PaddingX, PaddingY + m_nameHeight, -PaddingX, -PaddingY);
    if (!m_message.isOwn && m_message.isFirst)
        m_avatar = QRectF(Margin, top, AvatarSize, AvatarSize);
    m_height = int(std::ceil(m_bubble.bottom())) + 1;
}

//! [document]
void Bubble::makeDocument(qreal width)
{
    m_document = std::make_unique<QTextDocument>();
    m_document->setUndoRedoEnabled(false);
    m_document->setDocumentMargin(0);
    m_document->setDefaultFont(m_font);
    QTextOption option = m_document->defaultTextOption();
    option.setWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    m_document->setDefaultTextOption(option);

    static const QRegularExpression address(u"\\bhttps?://[^\\s<>\"]+"_s,
                                            QRegularExpression::CaseInsensitiveOption);
    const Theme &theme = Theme::current();
    QTextCharFormat plain;
    plain.setForeground(m_message.isOwn ? theme.onOwnBubble : theme.text);
    QTextCharFormat link = plain;
    link.setAnchor(true);
    link.setFontUnderline(true);
    if (!m_message.isOwn)
        link.setForeground(theme.accentText);

    QTextCursor cursor(m_document.get());
    qsizetype done = 0;
    for (auto it = address.globalMatch(m_message.text); it.hasNext();) {
        const QRegularExpressionMatch match = it.next();
        const QString url = match.captured().first(linkLength(match.captured()));
        cursor.insertText(m_message.text.mid(done, match.capturedStart() - done), plain);
        link.setAnchorHref(url);
        cursor.insertText(url, link);
        done = match.capturedStart() + url.size();
    }
    cursor.insertText(m_message.text.mid(done), plain);
    m_document->setTextWidth(width);
    // Right-to-left text would stand at the far right of the largest width.
    m_document->setTextWidth(std::ceil(qMin(width, m_document->idealWidth())));
}
//! [document]

QString Bubble::footnote() const
{
    switch (m_message.delivery) {
    case MessageModel::Pending:
        return QCoreApplication::translate("Bubble", "sending…");
    case MessageModel::Undelivered:
        return QCoreApplication::translate("Bubble", "not delivered");
    case MessageModel::Delivered:
        break;
    }
    return m_message.time != 0 ? Words::time(m_message.time) : QString();
}

// --- painting -------------------------------------------------------------------------------------

void Bubble::paint(QPainter *painter, bool isSelected) const
{
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setRenderHint(QPainter::SmoothPixmapTransform);
    if (m_message.kind == MessageModel::System) {
        paintSystem(painter);
        return;
    }
    const Theme &theme = Theme::current();
    const bool isOwn = m_message.isOwn;
    QColor border = isOwn ? theme.ownBubble : theme.border;
    if (isSelected)
        border = isOwn ? theme.text : theme.accentText;
    painter->setPen(QPen(border, 1));
    painter->setBrush(isOwn ? theme.ownBubble : theme.otherBubble);
    painter->drawRoundedRect(m_bubble.adjusted(0.5, 0.5, -0.5, -0.5), Radius, Radius);

    if (!m_avatar.isEmpty())
        drawAvatar(painter, m_avatar, m_message.name);
    if (m_nameHeight > 0) {
        painter->setFont(m_nameFont);
        painter->setPen(theme.nameColor(m_message.name));
        const QRectF rect(m_content.left(), m_bubble.top() + PaddingY, m_content.width(),
                          m_nameHeight);
        painter->drawText(
                rect, Qt::AlignLeft | Qt::AlignTop,
                QFontMetricsF(m_nameFont).elidedText(m_message.name, Qt::ElideRight, rect.width()));
    }
    if (m_document) {
        painter->save();
        painter->translate(m_content.topLeft());
        m_document->drawContents(painter);
        painter->restore();
    } else {
        paintFile(painter);
    }
    painter->setFont(m_smallFont);
    painter->setPen(isOwn ? theme.onOwnBubbleSecondary : theme.secondary);
    painter->drawText(m_footnote, Qt::AlignRight | Qt::AlignBottom | Qt::TextDontClip, footnote());
}

void Bubble::paintSystem(QPainter *painter) const
{
    painter->setFont(m_smallFont);
    painter->setPen(Theme::current().secondary);
    painter->drawText(m_bubble, Qt::AlignCenter | Qt::TextWordWrap, m_message.text);
}

void Bubble::paintFile(QPainter *painter) const
{
    const Theme &theme = Theme::current();
    const bool isOwn = m_message.isOwn;
    const QColor text = isOwn ? theme.onOwnBubble : theme.text;
    const QColor secondary = isOwn ? theme.onOwnBubbleSecondary : theme.secondary;
    if (!m_picture.isEmpty()) {
        QPainterPath clip;
        clip.addRoundedRect(m_picture, Spacing, Spacing);
        painter->save();
        painter->setClipPath(clip);
        painter->drawImage(m_picture, m_message.thumbnail);
        painter->restore();
    }
    QColor circle = isOwn ? theme.onOwnBubble : theme.accentText;
    circle.setAlphaF(0.16f);
    painter->setPen(Qt::NoPen);
    painter->setBrush(circle);
    painter->drawEllipse(m_fileIcon);
    drawSymbol(painter, m_fileIcon.adjusted(8, 8, -8, -8), Symbol::File,
               isOwn ? theme.onOwnBubble : theme.accentText);

    painter->setFont(m_font);
    painter->setPen(text);
    painter->drawText(m_fileName, Qt::AlignLeft | Qt::AlignVCenter,
                      QFontMetricsF(m_font).elidedText(m_message.transfer.name, Qt::ElideMiddle,
                                                       m_fileName.width()));
    painter->setFont(m_smallFont);
    painter->setPen(secondary);
    painter->drawText(m_fileStatus, Qt::AlignLeft | Qt::AlignVCenter,
                      QFontMetricsF(m_smallFont)
                              .elidedText(Words::transfer(m_message.transfer), Qt::ElideRight,
                                          m_fileStatus.width()));
    if (!m_progress.isEmpty()) {
        const qreal size = m_message.transfer.size;
        QRectF bar = m_progress;
        QColor groove = text;
        groove.setAlphaF(0.2f);
        painter->setPen(Qt::NoPen);
        painter->setBrush(groove);
        painter->drawRoundedRect(bar, 2, 2);
        bar.setWidth(qMax(4.0, bar.width() * (size > 0 ? m_message.transfer.done / size : 1)));
        painter->setBrush(isOwn ? theme.onOwnBubble : theme.accentText);
        painter->drawRoundedRect(bar, 2, 2);
    }
    if (m_action != None) {
        QFont font = m_smallFont;
        font.setUnderline(true);
        painter->setFont(font);
        painter->setPen(isOwn ? theme.onOwnBubble : theme.accentText);
        painter->drawText(m_actionRect, Qt::AlignLeft | Qt::AlignBottom | Qt::TextDontClip,
                          actionText(m_action));
    }
}

// --- what is where --------------------------------------------------------------------------------

Bubble::Action Bubble::possibleAction(const MessageModel::Message &message)
{
    if (message.kind != MessageModel::File)
        return None;
    switch (message.transfer.state) {
    case FileTransfers::Queued:
    case FileTransfers::Running:
        return Cancel;
    case FileTransfers::Complete:
        return message.isOwn ? None : Save;
    default:
        return None;
    }
}

Bubble::Action Bubble::actionAt(const QPointF &position) const
{
    const qreal reach = Spacing; // a finger is not a point
    return m_actionRect.adjusted(-reach, -reach, reach, reach).contains(position) ? m_action : None;
}

QString Bubble::linkAt(const QPointF &position) const
{
    if (!m_document || !m_content.contains(position))
        return QString();
    return m_document->documentLayout()->anchorAt(position - m_content.topLeft());
}

QString actionText(Bubble::Action action)
{
    switch (action) {
    case Bubble::Save:
        return QCoreApplication::translate("Bubble", "Save as…");
    case Bubble::Cancel:
        return QCoreApplication::translate("Bubble", "Cancel");
    case Bubble::None:
        break;
    }
    return QString();
}
