// SPDX-License-Identifier: MIT
#include "driver.h"

#include "widgets/bubble.h"
#include "widgets/chatpage.h"
#include "widgets/mainwindow.h"
#include "widgets/messagemodel.h"
#include "widgets/messageview.h"

#include <QtCore/QFile>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QMetaEnum>
#include <QtCore/QMimeData>
#include <QtCore/QSocketNotifier>
#include <QtCore/QUrl>
#include <QtGui/QDragEnterEvent>
#include <QtGui/QInputMethodEvent>
#include <QtTest/QTest>
#include <QtWidgets/QAbstractButton>
#include <QtWidgets/QAbstractSlider>
#include <QtWidgets/QApplication>
#include <QtWidgets/QLabel>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QListWidget>
#include <QtWidgets/QPlainTextEdit>
#include <QtWidgets/QSpinBox>

#include <cstdio>
#include <unistd.h>

using namespace Qt::StringLiterals;

Driver::Driver(MainWindow *window) : QObject(window), m_window(window)
{
    auto *notifier = new QSocketNotifier(STDIN_FILENO, QSocketNotifier::Read, this);
    connect(notifier, &QSocketNotifier::activated, this, &Driver::readLines);
}

void Driver::readLines()
{
    char buffer[4096];
    const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (size <= 0) { // whoever drives has gone
        qApp->exit(3);
        return;
    }
    m_input.append(buffer, size);
    for (qsizetype end = m_input.indexOf('\n'); end >= 0; end = m_input.indexOf('\n')) {
        const QJsonArray command = QJsonDocument::fromJson(m_input.first(end)).array();
        m_input.remove(0, end + 1);
        const QByteArray answer =
                QJsonDocument(QJsonArray{ run(command) }).toJson(QJsonDocument::Compact);
        std::printf("%s\n", answer.constData());
        std::fflush(stdout);
    }
}

QJsonValue Driver::run(const QJsonArray &command)
{
    const QString name = command.at(0).toString();
    const QJsonValue done = act(name, command);
    return done.isUndefined() ? ask(name, command) : done;
}

// true = done, false = that widget is not to be seen, undefined = not such a command
QJsonValue Driver::act(const QString &name, const QJsonArray &command)
{
    const QString text = command.at(2).toString();
    QWidget *target = widget(command.at(1).toString());
    if (name == u"type"_s)
        return target && target->isEnabled() ? type(target, text) : QJsonValue(false);
    if (name == u"click"_s) {
        if (!target || !target->isEnabled())
            return false;
        QTest::mouseClick(target, Qt::LeftButton);
        return true;
    }
    if (name == u"key"_s) {
        if (!target)
            return false;
        const auto modifiers = Qt::KeyboardModifiers(command.at(3).toInt());
        QTest::keyClick(target, Qt::Key(command.at(2).toInt()), modifiers);
        return true;
    }
    if (name == u"slide"_s) {
        auto *slider = qobject_cast<QAbstractSlider *>(target);
        if (!slider)
            return false;
        slider->setValue(command.at(2).toInt());
        return true;
    }
    if (name == u"drop"_s) {
        QStringList paths;
        for (int i = 1; i < command.size(); ++i)
            paths.append(command.at(i).toString());
        return drop(paths);
    }
    if (name == u"resize"_s) {
        m_window->resize(command.at(1).toInt(), command.at(2).toInt());
        return true;
    }
    if (name == u"close"_s) {
        QMetaObject::invokeMethod(m_window, &QWidget::close, Qt::QueuedConnection);
        return true;
    }
    return QJsonValue::Undefined;
}

QJsonValue Driver::ask(const QString &name, const QJsonArray &command)
{
    if (name == u"messages"_s)
        return messages();
    if (name == u"people"_s)
        return people();
    if (name == u"grab"_s)
        return m_window->grab().save(command.at(1).toString());
    QWidget *target = widget(command.at(1).toString());
    if (name == u"visible"_s)
        return target != nullptr;
    if (name == u"enabled"_s)
        return target && target->isEnabled();
    if (name == u"text"_s) {
        if (const auto *label = qobject_cast<QLabel *>(target))
            return label->text();
        if (const auto *button = qobject_cast<QAbstractButton *>(target))
            return button->text();
        if (const auto *edit = qobject_cast<QPlainTextEdit *>(target))
            return edit->toPlainText();
        if (const auto *line = qobject_cast<QLineEdit *>(target))
            return line->text();
        return QJsonValue::Null;
    }
    return u"no such command: %1"_s.arg(name);
}

QWidget *Driver::widget(const QString &name) const
{
    const QList<QWidget *> widgets = m_window->findChildren<QWidget *>(name);
    for (QWidget *widget : widgets) {
        if (widget->isVisible())
            return widget;
    }
    return nullptr;
}

// As an input method does it: every character of Unicode can be typed.
QJsonValue Driver::type(QWidget *target, const QString &text)
{
    target->setFocus();
    if (auto *box = qobject_cast<QSpinBox *>(target)) {
        box->setValue(text.toInt());
        return true;
    }
    if (auto *line = qobject_cast<QLineEdit *>(target))
        line->clear();
    QInputMethodEvent event;
    event.setCommitString(text);
    QApplication::sendEvent(target, &event);
    return true;
}

QJsonValue Driver::messages() const
{
    auto *view = m_window->findChild<MessageView *>();
    QJsonArray result;
    const auto *model = static_cast<const MessageModel *>(view->model());
    for (int row = 0; row < model->rowCount(); ++row) {
        const QModelIndex index = model->index(row);
        const MessageModel::Message &message = model->message(index);
        const QRect rect = view->visualRect(index);
        const QRect bubble = Bubble(message, view->font(), view->viewport()->width()).bubbleRect();
        QJsonObject object{
            { u"kind"_s, int(message.kind) },
            { u"own"_s, message.isOwn },
            { u"name"_s, message.name },
            { u"text"_s, index.data().toString() },
            { u"shown"_s, index.data(Qt::AccessibleTextRole).toString() },
            { u"delivery"_s, int(message.delivery) },
            { u"visible"_s, view->isVisible() && rect.intersects(view->viewport()->rect()) },
            { u"left"_s, bubble.left() },
            { u"right"_s, view->viewport()->width() - bubble.right() },
        };
        if (message.kind == MessageModel::File) {
            const auto states = QMetaEnum::fromType<FileTransfers::State>();
            object.insert(u"state"_s,
                          QString::fromLatin1(states.valueToKey(message.transfer.state)));
            object.insert(u"done"_s, double(message.transfer.done));
            object.insert(u"size"_s, double(message.transfer.size));
            object.insert(u"path"_s, message.transfer.path);
            object.insert(u"picture"_s, !message.thumbnail.isNull());
        }
        result.append(object);
    }
    return result;
}

QJsonValue Driver::people() const
{
    auto *list = m_window->findChild<QListWidget *>(u"peopleList"_s);
    QJsonArray result;
    for (int row = 0; row < list->count(); ++row)
        result.append(list->item(row)->data(Qt::AccessibleTextRole).toString());
    return result;
}

QJsonValue Driver::drop(const QStringList &paths)
{
    QWidget *page = m_window->findChild<ChatPage *>();
    QMimeData data;
    QList<QUrl> urls;
    for (const QString &path : paths)
        urls.append(QUrl::fromLocalFile(path));
    data.setUrls(urls);
    const QPoint middle = page->rect().center();
    QDragEnterEvent enter(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(page, &enter);
    if (!enter.isAccepted())
        return false;
    QDropEvent event(middle, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(page, &event);
    return event.isAccepted();
}
