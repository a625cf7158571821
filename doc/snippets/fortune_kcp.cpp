// SPDX-License-Identifier: MIT
// Hands out fortunes over the network:
//     fortune_kcp server PORT        fortune_kcp client HOST PORT COUNT
#include <QtCore/QCoreApplication>
#include <QtCore/QDataStream>
#include <QtCore/QRandomGenerator>
#include <QtCore/QTextStream>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

// A visitor gets a fortune, and the connection is closed.
class FortuneServer : public KcpServer
{
public:
    FortuneServer()
    {
        connect(this, &KcpServer::newConnection, this, [this] {
            while (KcpSocket *visitor = nextPendingConnection())
                serve(visitor);
        });
    }

private:
    void serve(KcpSocket *visitor)
    {
        connect(visitor, &KcpSocket::disconnected, visitor, &QObject::deleteLater);
        QDataStream out(visitor);
        out << m_fortunes.at(QRandomGenerator::global()->bounded(m_fortunes.size()));
        visitor->disconnectFromHost();
    }

    const QStringList m_fortunes{
        QStringLiteral("The packet you worry about has long arrived."),
        QStringLiteral("A pleasant surprise waits in your read buffer."),
        QStringLiteral("Today is a good day to handle errors."),
        QStringLiteral("He who counts round trips sleeps well."),
    };
};

// Asks for fortunes, one connection after the other.
class FortuneClient : public QObject
{
public:
    FortuneClient(const QString &host, quint16 port, int count)
        : m_host(host), m_port(port), m_wanted(count)
    {
        m_in.setDevice(&m_socket);
        connect(&m_socket, &QIODevice::readyRead, this, &FortuneClient::read);
        connect(&m_socket, &KcpSocket::disconnected, this, &FortuneClient::next);
        connect(&m_socket, &KcpSocket::errorOccurred, this, &FortuneClient::fail);
    }

    void next()
    {
        if (m_wanted-- > 0)
            m_socket.connectToHost(m_host, m_port);
        else
            QCoreApplication::quit();
    }

private:
    void read()
    {
        QString fortune;
        m_in.startTransaction();
        m_in >> fortune;
        if (m_in.commitTransaction()) // else the rest comes later
            QTextStream(stdout) << fortune << Qt::endl;
    }

    void fail(QAbstractSocket::SocketError error)
    {
        if (error == QAbstractSocket::RemoteHostClosedError)
            return; // as it should be
        QTextStream(stderr) << m_socket.errorString() << Qt::endl;
        QCoreApplication::exit(1);
    }

    const QString m_host;
    const quint16 m_port;
    int m_wanted;
    KcpSocket m_socket;
    QDataStream m_in;
};

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);
    const QStringList arguments = app.arguments();
    if (arguments.size() == 3 && arguments.at(1) == QLatin1String("server")) {
        FortuneServer server;
        if (!server.listen(QHostAddress::Any, arguments.at(2).toUShort()))
            qFatal("%s", qPrintable(server.errorString()));
        qInfo("Listening on port %d", server.serverPort());
        return app.exec();
    }
    if (arguments.size() == 5 && arguments.at(1) == QLatin1String("client")) {
        FortuneClient client(arguments.at(2), arguments.at(3).toUShort(), arguments.at(4).toInt());
        QMetaObject::invokeMethod(&client, &FortuneClient::next, Qt::QueuedConnection);
        return app.exec();
    }
    qFatal("usage: server PORT | client HOST PORT COUNT");
}
