// SPDX-License-Identifier: MIT
// What only C++ can do: peers that see bytes, and objects that are deleted inside of a signal.
#ifndef CPPPEER_H
#define CPPPEER_H

#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QtCore/qobject.h>
#include <QtCore/qpointer.h>
#include <QtNetwork/qudpsocket.h>
#include <QtQml/qqml.h>

// A server in message mode that keeps what it hears.
class CppPeer : public QObject
{
    Q_OBJECT
    QML_ELEMENT
    Q_PROPERTY(int port READ port CONSTANT FINAL)
    Q_PROPERTY(int connectionCount READ connectionCount NOTIFY connectionCountChanged FINAL)
    Q_PROPERTY(QString received READ received NOTIFY receivedChanged FINAL)
public:
    explicit CppPeer(QObject *parent = nullptr);

    int port() const { return m_server.serverPort(); }
    int connectionCount() const { return m_connectionCount; }
    // The last message in hexadecimal digits.
    QString received() const { return QString::fromLatin1(m_received.toHex()); }

    Q_INVOKABLE void send(const QString &hex);
    Q_INVOKABLE void closeConnection(int code, const QString &text);
    Q_INVOKABLE void abortConnection();

    // Deletes object at once when it emits its signal of that name.
    Q_INVOKABLE void deleteInSignal(QObject *object, const QString &signal);
    // A UDP port that nobody uses, and one that never answers.
    Q_INVOKABLE static int freePort();
    Q_INVOKABLE int silentPort();

Q_SIGNALS:
    void connectionCountChanged();
    void receivedChanged();
    void deleted();

private Q_SLOTS:
    void deleteSender();

private:
    KcpServer m_server;
    QUdpSocket m_silent;
    QPointer<KcpSocket> m_connection;
    int m_connectionCount = 0;
    QByteArray m_received;
};

#endif // CPPPEER_H
