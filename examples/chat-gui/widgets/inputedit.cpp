// SPDX-License-Identifier: MIT
#include "widgets/inputedit.h"

#include <QtCore/QMimeData>
#include <QtCore/QUrl>
#include <QtGui/QKeyEvent>
#include <QtGui/QTextBlock>

static constexpr int MaximumLines = 6;

InputEdit::InputEdit(QWidget *parent) : QPlainTextEdit(parent)
{
    setAcceptDrops(false); // the page takes files, wherever they fall
    setTabChangesFocus(true);
    setFrameShape(NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    document()->setDocumentMargin(4);
    connect(this, &QPlainTextEdit::textChanged, this, &InputEdit::adjustHeight);
    adjustHeight();
}

void InputEdit::keyPressEvent(QKeyEvent *event)
{
    const bool isEnter = event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter;
    if (isEnter && !(event->modifiers() & Qt::ShiftModifier))
        emit submitted();
    else
        QPlainTextEdit::keyPressEvent(event);
}

bool InputEdit::canInsertFromMimeData(const QMimeData *source) const
{
    return source->hasText() || source->hasUrls();
}

void InputEdit::insertFromMimeData(const QMimeData *source)
{
    QStringList paths;
    const QList<QUrl> urls = source->urls();
    for (const QUrl &url : urls) {
        if (url.isLocalFile())
            paths.append(url.toLocalFile());
    }
    if (!paths.isEmpty())
        emit pastedFiles(paths);
    else
        insertPlainText(source->text());
}

void InputEdit::resizeEvent(QResizeEvent *event)
{
    QPlainTextEdit::resizeEvent(event);
    adjustHeight();
}

void InputEdit::adjustHeight()
{
    int lines = 0; // as they are shown, with those that are wrapped
    for (QTextBlock block = document()->begin(); block.isValid(); block = block.next())
        lines += qMax(1, block.lineCount());
    const int shown = qBound(1, lines, MaximumLines);
    setVerticalScrollBarPolicy(lines > MaximumLines ? Qt::ScrollBarAsNeeded
                                                    : Qt::ScrollBarAlwaysOff);
    setFixedHeight(shown * fontMetrics().lineSpacing() + 2 * int(document()->documentMargin()) + 2);
}
