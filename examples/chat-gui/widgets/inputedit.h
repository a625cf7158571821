// SPDX-License-Identifier: MIT
#ifndef CHAT_INPUTEDIT_H
#define CHAT_INPUTEDIT_H

#include <QtWidgets/QPlainTextEdit>

// Some lines of text; Enter sends them, Shift+Enter begins a new one. Grows with its text.
class InputEdit : public QPlainTextEdit
{
    Q_OBJECT
public:
    explicit InputEdit(QWidget *parent = nullptr);

Q_SIGNALS:
    void submitted();
    void pastedFiles(const QStringList &paths);

protected:
    void keyPressEvent(QKeyEvent *event) override;
    void insertFromMimeData(const QMimeData *source) override;
    bool canInsertFromMimeData(const QMimeData *source) const override;
    void resizeEvent(QResizeEvent *event) override;

private:
    void adjustHeight();
};

#endif // CHAT_INPUTEDIT_H
