// SPDX-License-Identifier: MIT
#ifndef CHAT_THEME_H
#define CHAT_THEME_H

#include <QtCore/QString>
#include <QtGui/QColor>

// The colours of the chat, light or dark. Texts have a contrast of 4.5:1 or more to what they stand
// on; a test computes it.
struct Theme
{
    enum Choice { FollowSystem, Light, Dark };

    bool isDark = false;
    QColor window; // behind everything
    QColor surface; // cards, panels, input
    QColor border;
    QColor text;
    QColor secondary; // text that may be overlooked
    QColor accent; // what is to be pressed
    QColor accentText; // on window or surface
    QColor onAccent; // text on it
    QColor ownBubble;
    QColor onOwnBubble;
    QColor onOwnBubbleSecondary;
    QColor otherBubble;
    QColor good;
    QColor warning;
    QColor danger;

    static Theme light();
    static Theme dark();
    static const Theme &current();

    // Gives the application its palette and style.
    static void apply(Choice choice);
    static Choice choice();

    // The same person has the same colour with everybody.
    QColor avatar(const QString &name) const;
    QColor nameColor(const QString &name) const;
};

// What sizes and distances are multiples of, in device independent pixels.
inline constexpr int Spacing = 8;

#endif // CHAT_THEME_H
