// SPDX-License-Identifier: MIT
#include "widgets/theme.h"

#include <QtGui/QPalette>
#include <QtWidgets/QApplication>
#include <QtWidgets/QStyleFactory>

#include <array>

using namespace Qt::StringLiterals;

namespace {

Theme currentTheme = Theme::light();
Theme::Choice currentChoice = Theme::FollowSystem;

// Dark enough for white initials.
const std::array<QRgb, 8> avatarColors{ 0xffb3261e, 0xff9c5700, 0xff2e7d32, 0xff00756a,
                                        0xff0b6e99, 0xff3f51b5, 0xff7b3fa0, 0xffad1457 };

std::size_t colorIndex(const QString &name)
{
    quint32 hash = 2166136261u; // FNV-1a: qHash() differs in each process
    const QByteArray utf8 = name.toUtf8();
    for (const char byte : utf8)
        hash = (hash ^ quint8(byte)) * 16777619u;
    return (hash ^ (hash >> 16)) % avatarColors.size();
}

bool isSystemDark()
{
    static const bool dark = QGuiApplication::palette().color(QPalette::Window).lightness() < 128;
    return dark;
}

QPalette paletteOf(const Theme &theme)
{
    QPalette palette;
    palette.setColor(QPalette::Window, theme.window);
    palette.setColor(QPalette::WindowText, theme.text);
    palette.setColor(QPalette::Base, theme.surface);
    palette.setColor(QPalette::AlternateBase, theme.window);
    palette.setColor(QPalette::Text, theme.text);
    palette.setColor(QPalette::Button, theme.surface);
    palette.setColor(QPalette::ButtonText, theme.text);
    palette.setColor(QPalette::ToolTipBase, theme.surface);
    palette.setColor(QPalette::ToolTipText, theme.text);
    palette.setColor(QPalette::PlaceholderText, theme.secondary);
    palette.setColor(QPalette::Highlight, theme.accent);
    palette.setColor(QPalette::HighlightedText, theme.onAccent);
    palette.setColor(QPalette::Link, theme.accentText);
    palette.setColor(QPalette::LinkVisited, theme.accentText);
    for (const auto role : { QPalette::WindowText, QPalette::Text, QPalette::ButtonText })
        palette.setColor(QPalette::Disabled, role, theme.secondary);
    return palette;
}

QString styleSheetOf(const Theme &theme)
{
    QString sheet = uR"(
        QFrame#card, QFrame#inputFrame, QFrame#badNetworkPanel {
            background: @surface; border: 1px solid @border; border-radius: 12px; }
        QFrame#header, QFrame#statusBar { background: @surface; border: none; }
        QFrame#header { border-bottom: 1px solid @border; }
        QFrame#statusBar { border-top: 1px solid @border; }
        QFrame#peoplePanel { background: @surface; border: none; border-left: 1px solid @border; }
        QFrame#banner { background: @surface; border: 1px solid @warning; border-radius: 8px; }
        QFrame#segments { background: @window; border: 1px solid @border; border-radius: 8px; }
        QLabel[secondary="true"] { color: @secondary; }
        QLabel#errorLabel { color: @danger; }
        QLineEdit, QSpinBox { background: @window; color: @text; border: 1px solid @border;
            border-radius: 8px; padding: 7px 10px; selection-background-color: @accent;
            selection-color: @onAccent; }
        QLineEdit:focus, QSpinBox:focus { border: 1px solid @accentText; }
        QSpinBox::up-button, QSpinBox::down-button { width: 0; border: none; }
        QPlainTextEdit { background: transparent; border: none; }
        QListView { background: transparent; border: none; outline: none; }
        QPushButton { background: @surface; color: @text; border: 1px solid @border;
            border-radius: 8px; padding: 7px 16px; }
        QPushButton:hover { border-color: @secondary; }
        QPushButton:focus { border-color: @accentText; }
        QPushButton[primary="true"] { background: @accent; color: @onAccent; font-weight: 600;
            border: 1px solid @accent; padding: 9px 16px; }
        QPushButton[primary="true"]:focus { border: 1px solid @text; }
        QPushButton[primary="true"]:disabled { background: @border; color: @secondary;
            border-color: @border; }
        QPushButton[segment="true"] { background: transparent; border: 1px solid transparent;
            border-radius: 7px; color: @secondary; padding: 6px 12px; }
        QPushButton[segment="true"]:checked { background: @surface; color: @text;
            border: 1px solid @border; font-weight: 600; }
        QPushButton[segment="true"]:focus { border: 1px solid @accentText; }
        QToolButton { background: transparent; border: 1px solid transparent;
            border-radius: 8px; padding: 6px; }
        QToolButton:hover { background: @hover; }
        QToolButton:focus { border-color: @accentText; }
        QToolButton:checked { background: @hover; }
        QToolButton#sendButton { background: @accent; border-radius: 18px; padding: 0; }
        QToolButton#sendButton:focus { border: 1px solid @text; }
        QToolButton#sendButton:disabled { background: @border; }
        QToolTip { background: @surface; color: @text; border: 1px solid @border; padding: 4px; }
        QMenu { background: @surface; color: @text; border: 1px solid @border; padding: 4px; }
        QMenu::item { padding: 6px 20px; border-radius: 6px; }
        QMenu::item:selected { background: @hover; }
        QSlider { min-height: 20px; }
        QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: @border; }
        QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: @accent; }
        QSlider::handle:horizontal { width: 16px; height: 16px; margin: -6px 0;
            border-radius: 8px; background: @accent; }
        QSlider::handle:horizontal:focus { background: @text; }
        QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
        QScrollBar::handle:vertical { background: @scroll; border-radius: 3px; min-height: 32px; }
        QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
        QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
    )"_s;
    const auto set = [&sheet](QLatin1StringView name, const QColor &color) {
        sheet.replace(u'@' + name + u';', color.name() + u';');
        sheet.replace(u'@' + name + u' ', color.name() + u' ');
    };
    set("surface"_L1, theme.surface);
    set("border"_L1, theme.border);
    set("warning"_L1, theme.warning);
    set("window"_L1, theme.window);
    set("secondary"_L1, theme.secondary);
    set("danger"_L1, theme.danger);
    set("text"_L1, theme.text);
    set("accent"_L1, theme.accent);
    set("accentText"_L1, theme.accentText);
    set("onAccent"_L1, theme.onAccent);
    set("hover"_L1, theme.isDark ? QColor(0x2c323b) : QColor(0xeceff3));
    set("scroll"_L1, theme.isDark ? QColor(0x4a525e) : QColor(0xc3c9d2));
    return sheet;
}

} // namespace

Theme Theme::light()
{
    Theme theme;
    theme.window = 0xf3f5f8;
    theme.surface = 0xffffff;
    theme.border = 0xdfe3e9;
    theme.text = 0x1b1f24;
    theme.secondary = 0x59626f;
    theme.accent = 0x2563eb;
    theme.accentText = 0x1d56d6;
    theme.onAccent = 0xffffff;
    theme.ownBubble = 0x2563eb;
    theme.onOwnBubble = 0xffffff;
    theme.onOwnBubbleSecondary = 0xeef3ff;
    theme.otherBubble = 0xffffff;
    theme.good = 0x1a7f37;
    theme.warning = 0x945600;
    theme.danger = 0xc0271f;
    return theme;
}

Theme Theme::dark()
{
    Theme theme;
    theme.isDark = true;
    theme.window = 0x14171c;
    theme.surface = 0x1c2027;
    theme.border = 0x323944;
    theme.text = 0xe8eaed;
    theme.secondary = 0xa3abb7;
    theme.accent = 0x2b5fd0;
    theme.accentText = 0x8ab0ff;
    theme.onAccent = 0xffffff;
    theme.ownBubble = 0x2b5fd0;
    theme.onOwnBubble = 0xffffff;
    theme.onOwnBubbleSecondary = 0xe3ebff;
    theme.otherBubble = 0x262b34;
    theme.good = 0x5fd38a;
    theme.warning = 0xf0b54a;
    theme.danger = 0xff8a80;
    return theme;
}

const Theme &Theme::current()
{
    return currentTheme;
}

Theme::Choice Theme::choice()
{
    return currentChoice;
}

void Theme::apply(Choice choice)
{
    const bool dark = choice == Dark || (choice == FollowSystem && isSystemDark());
    currentChoice = choice;
    currentTheme = dark ? Theme::dark() : Theme::light();
    QApplication::setStyle(QStyleFactory::create(u"Fusion"_s));
    QApplication::setPalette(paletteOf(currentTheme));
    qApp->setStyleSheet(styleSheetOf(currentTheme));
}

QColor Theme::avatar(const QString &name) const
{
    return QColor(avatarColors.at(colorIndex(name)));
}

QColor Theme::nameColor(const QString &name) const
{
    const QColor color = avatar(name);
    return isDark ? QColor::fromHslF(color.hslHueF(), 0.65f, 0.76f) : color;
}
