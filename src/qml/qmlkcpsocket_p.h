// SPDX-License-Identifier: MIT
#ifndef QMLKCPSOCKET_P_H
#define QMLKCPSOCKET_P_H

#include "qmlkcpstatistics_p.h"

#include <QtKcpNetwork/kcpconfiguration.h>
#include <QtKcpNetwork/kcpsocket.h>

#include <QtCore/qobject.h>
#include <QtCore/qpointer.h>
#include <QtCore/qproperty.h>
#include <QtCore/qvariant.h>
#include <QtQml/qjsvalue.h>
#include <QtQml/qqml.h>
#include <QtQml/qqmlparserstatus.h>

#include <optional>

// KcpSocket in QML: one KcpSocket in message mode for each connection, one after the other.
class QmlKcpSocket : public QObject, public QQmlParserStatus
{
    Q_OBJECT
    Q_INTERFACES(QQmlParserStatus)
    QML_NAMED_ELEMENT(KcpSocket)
    Q_PROPERTY(QString host READ host WRITE setHost NOTIFY hostChanged BINDABLE bindableHost FINAL)
    Q_PROPERTY(int port READ port WRITE setPort NOTIFY portChanged BINDABLE bindablePort FINAL)
    Q_PROPERTY(bool active READ isActive WRITE setActive NOTIFY activeChanged BINDABLE
                       bindableActive FINAL)
    Q_PROPERTY(Preset preset READ preset WRITE setPreset NOTIFY presetChanged BINDABLE
                       bindablePreset FINAL)
    Q_PROPERTY(MessageType messageType READ messageType WRITE setMessageType NOTIFY
                       messageTypeChanged BINDABLE bindableMessageType FINAL)
    Q_PROPERTY(Status status READ status NOTIFY statusChanged BINDABLE bindableStatus FINAL)
    Q_PROPERTY(QString errorString READ errorString NOTIFY errorStringChanged BINDABLE
                       bindableErrorString FINAL)
    Q_PROPERTY(QmlKcpStatistics statistics READ statistics NOTIFY statisticsChanged FINAL)
public:
    enum Status { Connecting, Open, Closing, Closed, Error };
    Q_ENUM(Status)

    // KcpConfiguration::Preset, for QML
    enum Preset { Default, Normal, Fast, Adaptive };
    Q_ENUM(Preset)

    enum MessageType { Text, Binary };
    Q_ENUM(MessageType)

    explicit QmlKcpSocket(QObject *parent = nullptr);
    // For a connection that a server has accepted; takes the socket.
    QmlKcpSocket(KcpSocket *accepted, Preset preset, QObject *parent);
    ~QmlKcpSocket() override;

    static KcpConfiguration toConfiguration(Preset preset);

    QString host() const { return m_host; }
    void setHost(const QString &host) { m_host = host; }
    QBindable<QString> bindableHost() { return &m_host; }

    int port() const { return m_port; }
    void setPort(int port) { m_port = port; }
    QBindable<int> bindablePort() { return &m_port; }

    bool isActive() const { return m_active; }
    void setActive(bool active) { m_active = active; }
    QBindable<bool> bindableActive() { return &m_active; }

    Preset preset() const { return m_preset; }
    void setPreset(Preset preset) { m_preset = preset; }
    QBindable<Preset> bindablePreset() { return &m_preset; }

    MessageType messageType() const { return m_messageType; }
    void setMessageType(MessageType type) { m_messageType = type; }
    QBindable<MessageType> bindableMessageType() { return &m_messageType; }

    Status status() const { return m_status; }
    QBindable<Status> bindableStatus() const { return &m_status; }

    QString errorString() const { return m_errorString; }
    QBindable<QString> bindableErrorString() const { return &m_errorString; }

    QmlKcpStatistics statistics() const;

    Q_INVOKABLE bool sendMessage(const QJSValue &message);
    Q_INVOKABLE bool sendDatagram(const QJSValue &payload);

    void classBegin() override { m_complete = false; }
    void componentComplete() override;

    // Tells what has come before somebody listened.
    void deliverMessages();

public Q_SLOTS:
    void open();
    void close() { setActive(false); }

Q_SIGNALS:
    void hostChanged();
    void portChanged();
    void activeChanged();
    void presetChanged();
    void messageTypeChanged();
    void statusChanged();
    void errorStringChanged();
    void statisticsChanged();

    void connected();
    void disconnected();
    void messageReceived(const QVariant &message);
    void datagramReceived(const QVariant &payload);
    void errorOccurred(const QString &message);

private:
    void watchProperties();
    void applyActive();
    void applyAddress();
    void applyPreset();
    void scheduleOpen();
    void openNow();
    void adopt(KcpSocket *socket);
    bool dropConnection();
    void closeConnection();
    void releaseSocket();

    void handleConnected();
    void handleError();
    void handleDisconnected();
    void handleDatagram(const QByteArray &payload);

    void end(Status status, const QString &message);
    void fail(const QString &message);
    std::optional<QByteArray> bytesToSend(const QJSValue &value, const char *function);
    QVariant toVariant(const QByteArray &bytes) const;

    QPointer<KcpSocket> m_socket;
    KcpStatistics m_lastStatistics;
    bool m_complete = true;
    bool m_accepted = false;
    bool m_wasConnected = false;
    bool m_openScheduled = false;

    Q_OBJECT_BINDABLE_PROPERTY(QmlKcpSocket, QString, m_host, &QmlKcpSocket::hostChanged)
    Q_OBJECT_BINDABLE_PROPERTY(QmlKcpSocket, QString, m_errorString,
                               &QmlKcpSocket::errorStringChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpSocket, int, m_port, 0, &QmlKcpSocket::portChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpSocket, bool, m_active, false,
                                         &QmlKcpSocket::activeChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpSocket, QmlKcpSocket::Preset, m_preset, Adaptive,
                                         &QmlKcpSocket::presetChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpSocket, QmlKcpSocket::MessageType, m_messageType,
                                         Text, &QmlKcpSocket::messageTypeChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpSocket, QmlKcpSocket::Status, m_status, Closed,
                                         &QmlKcpSocket::statusChanged)
};

#endif // QMLKCPSOCKET_P_H
