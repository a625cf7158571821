// SPDX-License-Identifier: MIT
#ifndef CHAT_ICONS_H
#define CHAT_ICONS_H

#include <QtGui/QIcon>
#include <QtGui/QPainterPath>

enum class Symbol { Attach, Send, People, Network, Light, Dark, Leave, File, Chat };

// Drawn in the colour of the theme at any size and resolution.
QIcon icon(Symbol symbol, const QColor &color);
void drawSymbol(QPainter *painter, const QRectF &rect, Symbol symbol, const QColor &color);

// A circle in the person's colour with the first letters of the name.
void drawAvatar(QPainter *painter, const QRectF &rect, const QString &name);
QString initials(const QString &name);

#endif // CHAT_ICONS_H
