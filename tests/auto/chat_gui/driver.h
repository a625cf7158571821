// SPDX-License-Identifier: MIT
// Does to the windows what a person does, and tells what they show. Each line of the standard input
// is a JSON array, a command and its arguments; each is answered by one line of JSON.
#ifndef CHAT_GUI_DRIVER_H
#define CHAT_GUI_DRIVER_H

#include <QtCore/QJsonArray>
#include <QtCore/QJsonValue>
#include <QtCore/QObject>

class MainWindow;
class QWidget;

class Driver : public QObject
{
    Q_OBJECT
public:
    explicit Driver(MainWindow *window);

private:
    void readLines();
    QJsonValue run(const QJsonArray &command);
    QJsonValue act(const QString &name, const QJsonArray &command);
    QJsonValue ask(const QString &name, const QJsonArray &command);

    // The visible widget of that name.
    QWidget *widget(const QString &name) const;
    QJsonValue type(QWidget *target, const QString &text);
    QJsonValue messages() const;
    QJsonValue people() const;
    QJsonValue drop(const QStringList &paths);

    MainWindow *m_window;
    QByteArray m_input;
};

#endif // CHAT_GUI_DRIVER_H
