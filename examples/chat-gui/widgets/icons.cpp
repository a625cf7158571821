// SPDX-License-Identifier: MIT
#include "widgets/icons.h"

#include "widgets/theme.h"

#include <QtCore/QTextBoundaryFinder>
#include <QtGui/QIconEngine>
#include <QtGui/QPainter>

using namespace Qt::StringLiterals;

namespace {

// In a square of 24 x 24.
QPainterPath pathOf(Symbol symbol)
{
    QPainterPath path;
    switch (symbol) {
    case Symbol::Attach:
        path.moveTo(19.5, 11.5);
        path.lineTo(12, 19);
        path.cubicTo(9.5, 21.5, 6, 21, 4.6, 19);
        path.cubicTo(3, 17, 3.2, 14.6, 5, 12.8);
        path.lineTo(13, 4.8);
        path.cubicTo(14.6, 3.2, 17, 3.2, 18.3, 4.6);
        path.cubicTo(19.7, 6, 19.6, 8.2, 18, 9.8);
        path.lineTo(10.6, 17.2);
        path.cubicTo(9.8, 18, 8.6, 18, 7.9, 17.3);
        path.cubicTo(7.2, 16.6, 7.2, 15.4, 8, 14.6);
        path.lineTo(14.5, 8.1);
        break;
    case Symbol::Send:
        path.moveTo(12, 19.5);
        path.lineTo(12, 5);
        path.moveTo(5.5, 11.2);
        path.lineTo(12, 4.7);
        path.lineTo(18.5, 11.2);
        break;
    case Symbol::People:
        path.addEllipse(QPointF(9, 8), 3.6, 3.6);
        path.moveTo(2.5, 20);
        path.cubicTo(2.5, 15.5, 5.5, 14, 9, 14);
        path.cubicTo(12.5, 14, 15.5, 15.5, 15.5, 20);
        path.moveTo(15.5, 4.6);
        path.cubicTo(19.6, 5, 19.6, 11, 15.5, 11.4);
        path.moveTo(18, 14.4);
        path.cubicTo(20.6, 15.2, 21.5, 17, 21.5, 20);
        break;
    case Symbol::Network:
        for (const qreal y : { 6.0, 12.0, 18.0 }) {
            const qreal knob = y == 12.0 ? 16 : 8;
            path.moveTo(3, y);
            path.lineTo(knob - 2.4, y);
            path.moveTo(knob + 2.4, y);
            path.lineTo(21, y);
            path.addEllipse(QPointF(knob, y), 2.4, 2.4);
        }
        break;
    case Symbol::Light:
        path.addEllipse(QPointF(12, 12), 4.2, 4.2);
        for (int i = 0; i < 8; ++i) {
            const QLineF ray = QLineF::fromPolar(1, i * 45);
            path.moveTo(QPointF(12, 12) + 7.2 * ray.p2());
            path.lineTo(QPointF(12, 12) + 9.4 * ray.p2());
        }
        break;
    case Symbol::Dark:
        path.moveTo(20, 14);
        path.cubicTo(14, 16.5, 7.5, 10, 10, 4);
        path.cubicTo(5.5, 5.4, 2.8, 10, 4.2, 14.6);
        path.cubicTo(6.2, 21.2, 16.5, 22.6, 20, 14);
        break;
    case Symbol::Leave:
        path.moveTo(10, 4);
        path.lineTo(5, 4);
        path.lineTo(5, 20);
        path.lineTo(10, 20);
        path.moveTo(10, 12);
        path.lineTo(20.5, 12);
        path.moveTo(16.5, 8);
        path.lineTo(20.5, 12);
        path.lineTo(16.5, 16);
        break;
    case Symbol::File:
        path.moveTo(13.5, 3);
        path.lineTo(6, 3);
        path.lineTo(6, 21);
        path.lineTo(18, 21);
        path.lineTo(18, 7.5);
        path.lineTo(13.5, 3);
        path.lineTo(13.5, 7.5);
        path.lineTo(18, 7.5);
        break;
    case Symbol::Chat:
        path.addRoundedRect(QRectF(3, 4, 18, 13), 4, 4);
        path.moveTo(8, 17);
        path.lineTo(8, 21);
        path.lineTo(12.5, 17);
        path.moveTo(7.5, 9);
        path.lineTo(16.5, 9);
        path.moveTo(7.5, 12.5);
        path.lineTo(13, 12.5);
        break;
    }
    return path;
}

class SymbolEngine : public QIconEngine
{
public:
    SymbolEngine(Symbol symbol, const QColor &color) : m_symbol(symbol), m_color(color) { }

    void paint(QPainter *painter, const QRect &rect, QIcon::Mode mode, QIcon::State) override
    {
        const QColor color = mode == QIcon::Disabled ? Theme::current().secondary : m_color;
        drawSymbol(painter, QRectF(rect), m_symbol, color);
    }
    QPixmap pixmap(const QSize &size, QIcon::Mode mode, QIcon::State state) override
    {
        QPixmap pixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect(QPoint(), size), mode, state);
        return pixmap;
    }
    QIconEngine *clone() const override { return new SymbolEngine(*this); }

private:
    Symbol m_symbol;
    QColor m_color;
};

QString firstCharacter(const QString &word)
{
    QTextBoundaryFinder finder(QTextBoundaryFinder::Grapheme, word);
    return word.first(qMax(finder.toNextBoundary(), qsizetype(0)));
}

} // namespace

QIcon icon(Symbol symbol, const QColor &color)
{
    return QIcon(new SymbolEngine(symbol, color));
}

void drawSymbol(QPainter *painter, const QRectF &rect, Symbol symbol, const QColor &color)
{
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->translate(rect.topLeft());
    painter->scale(rect.width() / 24, rect.height() / 24);
    painter->setPen(QPen(color, 1.8, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter->setBrush(Qt::NoBrush);
    painter->drawPath(pathOf(symbol));
    painter->restore();
}

QString initials(const QString &name)
{
    const QStringList words = name.split(u' ', Qt::SkipEmptyParts);
    if (words.isEmpty())
        return u"?"_s;
    QString result = firstCharacter(words.first());
    // One Chinese character or emoji is wide enough.
    if (words.size() > 1 && result.size() == 1 && result.at(0).unicode() < 0x2000)
        result += firstCharacter(words.last());
    return result.toUpper();
}

void drawAvatar(QPainter *painter, const QRectF &rect, const QString &name)
{
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    painter->setBrush(Theme::current().avatar(name));
    painter->drawEllipse(rect);
    QFont font = painter->font();
    font.setPixelSize(qRound(rect.height() * 0.4));
    font.setWeight(QFont::DemiBold);
    painter->setFont(font);
    painter->setPen(Qt::white);
    painter->drawText(rect, Qt::AlignCenter, initials(name));
    painter->restore();
}
