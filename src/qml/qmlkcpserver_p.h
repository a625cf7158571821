// SPDX-License-Identifier: MIT
#ifndef QMLKCPSERVER_P_H
#define QMLKCPSERVER_P_H

#include "qmlkcpsocket_p.h"

#include <QtKcpNetwork/kcpserver.h>

#include <QtCore/qobject.h>
#include <QtCore/qproperty.h>
#include <QtQml/qqml.h>
#include <QtQml/qqmlparserstatus.h>

// KcpServer in QML. The sockets that it hands out are its children and live as long as their
// connections.
class QmlKcpServer : public QObject, public QQmlParserStatus
{
    Q_OBJECT
    Q_INTERFACES(QQmlParserStatus)
    QML_NAMED_ELEMENT(KcpServer)
    Q_PROPERTY(QString host READ host WRITE setHost NOTIFY hostChanged BINDABLE bindableHost FINAL)
    Q_PROPERTY(int port READ port WRITE setPort NOTIFY portChanged BINDABLE bindablePort FINAL)
    Q_PROPERTY(bool active READ isActive WRITE setActive NOTIFY activeChanged BINDABLE
                       bindableActive FINAL)
    Q_PROPERTY(QmlKcpSocket::Preset preset READ preset WRITE setPreset NOTIFY presetChanged BINDABLE
                       bindablePreset FINAL)
    Q_PROPERTY(bool listening READ isListening NOTIFY listeningChanged BINDABLE bindableListening
                       FINAL)
    Q_PROPERTY(int serverPort READ serverPort NOTIFY serverPortChanged BINDABLE bindableServerPort
                       FINAL)
    Q_PROPERTY(QString errorString READ errorString NOTIFY errorStringChanged BINDABLE
                       bindableErrorString FINAL)
    Q_PROPERTY(int connectionCount READ connectionCount NOTIFY statisticsChanged FINAL)
    Q_PROPERTY(QmlKcpStatistics statistics READ statistics NOTIFY statisticsChanged FINAL)
public:
    explicit QmlKcpServer(QObject *parent = nullptr);
    ~QmlKcpServer() override;

    QString host() const { return m_host; }
    void setHost(const QString &host) { m_host = host; }
    QBindable<QString> bindableHost() { return &m_host; }

    int port() const { return m_port; }
    void setPort(int port) { m_port = port; }
    QBindable<int> bindablePort() { return &m_port; }

    bool isActive() const { return m_active; }
    void setActive(bool active) { m_active = active; }
    QBindable<bool> bindableActive() { return &m_active; }

    QmlKcpSocket::Preset preset() const { return m_preset; }
    void setPreset(QmlKcpSocket::Preset preset) { m_preset = preset; }
    QBindable<QmlKcpSocket::Preset> bindablePreset() { return &m_preset; }

    bool isListening() const { return m_listening; }
    QBindable<bool> bindableListening() const { return &m_listening; }

    int serverPort() const { return m_serverPort; }
    QBindable<int> bindableServerPort() const { return &m_serverPort; }

    QString errorString() const { return m_errorString; }
    QBindable<QString> bindableErrorString() const { return &m_errorString; }

    int connectionCount() const { return m_server.connectionCount(); }
    QmlKcpStatistics statistics() const { return QmlKcpStatistics(m_server.statistics()); }

    void classBegin() override { m_complete = false; }
    void componentComplete() override;

Q_SIGNALS:
    void hostChanged();
    void portChanged();
    void activeChanged();
    void presetChanged();
    void listeningChanged();
    void serverPortChanged();
    void errorStringChanged();
    void statisticsChanged();

    void clientConnected(QmlKcpSocket *client);
    void errorOccurred(const QString &message);

private:
    void applyPreset();
    void scheduleUpdate();
    void update();
    void listen();
    void fail(const QString &message);
    void handleConnections();

    KcpServer m_server;
    bool m_complete = true;
    bool m_updateScheduled = false;

    Q_OBJECT_BINDABLE_PROPERTY(QmlKcpServer, QString, m_host, &QmlKcpServer::hostChanged)
    Q_OBJECT_BINDABLE_PROPERTY(QmlKcpServer, QString, m_errorString,
                               &QmlKcpServer::errorStringChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpServer, int, m_port, 0, &QmlKcpServer::portChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpServer, bool, m_active, false,
                                         &QmlKcpServer::activeChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpServer, QmlKcpSocket::Preset, m_preset,
                                         QmlKcpSocket::Adaptive, &QmlKcpServer::presetChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpServer, bool, m_listening, false,
                                         &QmlKcpServer::listeningChanged)
    Q_OBJECT_BINDABLE_PROPERTY_WITH_ARGS(QmlKcpServer, int, m_serverPort, 0,
                                         &QmlKcpServer::serverPortChanged)
};

#endif // QMLKCPSERVER_P_H
