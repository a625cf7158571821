// SPDX-License-Identifier: MIT
// A chat window in another process.
#ifndef DRIVEN_H
#define DRIVEN_H

#include <QtCore/QJsonArray>
#include <QtCore/QJsonDocument>
#include <QtCore/QJsonObject>
#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>

class Driven
{
public:
    Driven()
    {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("XDG_CONFIG_HOME", m_home.path()); // QSettings of its own
        environment.insert("LANGUAGE", "en");
        environment.insert("LC_ALL", "C.UTF-8");
        m_process.setProcessEnvironment(environment);
        m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        m_process.start(QStringLiteral(CHAT_GUI_DRIVER), QStringList());
    }
    ~Driven() { kill(); }

    // As a crash or a lost power line would.
    void kill()
    {
        m_process.kill();
        m_process.waitForFinished();
    }

    // Null when there is no answer.
    QJsonValue call(const QJsonArray &command)
    {
        m_process.write(QJsonDocument(command).toJson(QJsonDocument::Compact) + '\n');
        while (!m_process.canReadLine()) {
            if (!m_process.waitForReadyRead(20000))
                return QJsonValue::Null;
        }
        return QJsonDocument::fromJson(m_process.readLine()).array().at(0);
    }
    bool act(const QJsonArray &command) { return call(command).toBool(); }
    QString text(const char *widget) { return call({ "text", widget }).toString(); }
    bool isVisible(const char *widget) { return call({ "visible", widget }).toBool(); }
    bool isEnabled(const char *widget) { return call({ "enabled", widget }).toBool(); }

    bool say(const QString &text)
    {
        return act({ "type", "inputEdit", text })
                && act({ "key", "inputEdit", int(Qt::Key_Return) });
    }

    QList<QJsonObject> messages()
    {
        QList<QJsonObject> result;
        const QJsonArray array = call({ "messages" }).toArray();
        for (const QJsonValue &value : array)
            result.append(value.toObject());
        return result;
    }
    // The last message whose text is that; an empty object if there is none.
    QJsonObject message(const QString &text)
    {
        const QList<QJsonObject> all = messages();
        for (auto it = all.rbegin(); it != all.rend(); ++it) {
            if (it->value("text").toString() == text)
                return *it;
        }
        return {};
    }
    bool shows(const QString &text) { return message(text).value("visible").toBool(); }

    QStringList people()
    {
        QStringList result;
        const QJsonArray array = call({ "people" }).toArray();
        for (const QJsonValue &value : array)
            result.append(value.toString().section(u',', 0, 0));
        return result;
    }

    bool enter(const char *segment, const char *where, const QString &place, const QString &name)
    {
        return act({ "click", segment }) && act({ "type", where, place })
                && act({ "type", "nameEdit", name }) && act({ "click", "goButton" });
    }
    bool host(quint16 port, const QString &name)
    {
        return enter("hostSegment", "portEdit", QString::number(port), name);
    }
    bool join(quint16 port, const QString &name)
    {
        return enter("joinSegment", "addressEdit", QStringLiteral("127.0.0.1:%1").arg(port), name);
    }

private:
    QTemporaryDir m_home;
    QProcess m_process;
};

#endif // DRIVEN_H
