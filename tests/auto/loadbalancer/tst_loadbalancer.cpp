// SPDX-License-Identifier: MIT
// Several KcpServers behind nginx, with the configuration of the page "Behind a Load Balancer".
#include "echoprocess.h"
#include "loadbalancerconfiguration.h"
#include "nginx.h"

#include <QtCore/QTimer>
#include <QtKcpNetwork/KcpSocket>
#include <QtTest/QTest>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <vector>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

namespace {

// Three servers get no client with a chance of 3 * (2/3)^Clients: 3e-7.
constexpr int Clients = 40;
constexpr int Patience = 30000; // ms

// A client that asks who serves it, and connects again when its connection has ended.
class Client : public QObject
{
public:
    explicit Client(quint16 port) : m_port(port)
    {
        m_socket.setConfiguration(loadBalancerConfiguration());
        connect(&m_socket, &KcpSocket::connected, this, &Client::ask);
        connect(&m_socket, &KcpSocket::readyRead, this, &Client::readAnswers);
        connect(&m_socket, &KcpSocket::errorOccurred, this,
                [this](QAbstractSocket::SocketError error) { m_errors.insert(error); });
        connect(&m_socket, &KcpSocket::disconnected, this, [this] { ++m_ends; });
        // Also after an attempt that failed, which disconnected() does not tell.
        connect(&m_socket, &KcpSocket::stateChanged, this,
                [this](QAbstractSocket::SocketState state) {
                    if (state == QAbstractSocket::UnconnectedState)
                        QTimer::singleShot(100ms, this, &Client::open);
                });
        open();
    }

    void open()
    {
        m_answers.clear();
        m_asked = 0;
        m_socket.connectToHost(u"127.0.0.1"_s, m_port);
    }

    void ask()
    {
        ++m_asked;
        m_socket.write("who?\n");
    }

    bool isAnswered() const { return m_asked > 0 && int(m_answers.size()) == m_asked; }
    QByteArray server() const { return m_answers.empty() ? QByteArray() : m_answers.back(); }
    // The port that its server knows it by: one of nginx's.
    QByteArray portSeen() const { return m_portSeen; }
    bool stayed() const
    {
        return std::all_of(m_answers.begin(), m_answers.end(),
                           [this](const QByteArray &name) { return name == m_answers.front(); });
    }
    int ends() const { return m_ends; }
    void forget()
    {
        m_ends = 0;
        m_errors.clear();
    }
    const std::set<QAbstractSocket::SocketError> &errors() const { return m_errors; }

private:
    void readAnswers()
    {
        while (m_socket.canReadLine()) {
            const QList<QByteArray> words = m_socket.readLine().trimmed().split(' ');
            m_answers.push_back(words.front());
            m_portSeen = words.back();
        }
    }

    KcpSocket m_socket;
    quint16 m_port;
    std::vector<QByteArray> m_answers; // of this connection
    std::set<QAbstractSocket::SocketError> m_errors;
    QByteArray m_portSeen;
    int m_asked = 0;
    int m_ends = 0;
};

} // namespace

class tst_LoadBalancer : public QObject
{
    Q_OBJECT
private slots:
    void initTestCase();
    void cleanup();
    void sessionsStayOnTheirServer();
    void sessionsSurviveAReload();
    void crashEndsOnlyItsOwnSessions();
    void shutdownEndsOnlyItsOwnSessions();

private:
    bool allAnswered() const;
    QList<QByteArray> servers() const;
    void askAll();
    void takeDown(EchoProcess *server, void (EchoProcess::*how)(),
                  QAbstractSocket::SocketError expected);

    std::array<EchoProcess, 3> m_servers{ EchoProcess(u"anna"_s), EchoProcess(u"berta"_s),
                                          EchoProcess(u"clara"_s) };
    Nginx m_nginx;
    std::vector<std::unique_ptr<Client>> m_clients;
};

bool tst_LoadBalancer::allAnswered() const
{
    return std::all_of(m_clients.begin(), m_clients.end(),
                       [](const auto &client) { return client->isAnswered(); });
}

// By client.
QList<QByteArray> tst_LoadBalancer::servers() const
{
    QList<QByteArray> names;
    for (const auto &client : m_clients)
        names.append(client->server());
    return names;
}

void tst_LoadBalancer::askAll()
{
    for (const auto &client : m_clients)
        client->ask();
}

void tst_LoadBalancer::initTestCase()
{
    QList<quint16> ports;
    for (EchoProcess &server : m_servers) {
        QVERIFY(server.start());
        ports.append(server.port());
    }
    QVERIFY(m_nginx.start(ports));
    QTRY_VERIFY_WITH_TIMEOUT(m_nginx.log().contains("start worker process"), Patience);
    for (int i = 0; i < Clients; ++i)
        m_clients.push_back(std::make_unique<Client>(m_nginx.port()));
    QTRY_VERIFY_WITH_TIMEOUT(allAnswered(), Patience);
    for (const auto &client : m_clients)
        client->forget();
}

void tst_LoadBalancer::cleanup()
{
    if (QTest::currentTestFailed())
        qInfo("nginx says:\n%s", m_nginx.log().constData());
}

void tst_LoadBalancer::sessionsStayOnTheirServer()
{
    const QList<QByteArray> before = servers();
    QCOMPARE(std::set<QByteArray>(before.begin(), before.end()).size(), m_servers.size());
    for (int round = 0; round < 20; ++round) {
        askAll();
        QTRY_VERIFY_WITH_TIMEOUT(allAnswered(), Patience);
    }
    QCOMPARE(servers(), before);
    for (const auto &client : m_clients) {
        QVERIFY(client->stayed());
        QCOMPARE(client->ends(), 0);
    }
}

// New workers know no client, and so the servers hear all of them from new ports; they challenge
// the new addresses, and the sessions move.
void tst_LoadBalancer::sessionsSurviveAReload()
{
    const QList<QByteArray> before = servers();
    std::vector<QByteArray> portsBefore;
    for (const auto &client : m_clients)
        portsBefore.push_back(client->portSeen());
    QVERIFY(m_nginx.reload());
    QTRY_VERIFY_WITH_TIMEOUT(m_nginx.log().contains("worker process")
                                     && m_nginx.log().contains("gracefully shutting down"),
                             Patience);
    const auto allMoved = [&] {
        // Backwards: taking servers in turn must not give the same ones by chance.
        for (auto client = m_clients.rbegin(); client != m_clients.rend(); ++client)
            (*client)->ask();
        for (std::size_t i = 0; i < m_clients.size(); ++i) {
            if (m_clients[i]->portSeen() == portsBefore[i])
                return false;
        }
        return true;
    };
    QTRY_VERIFY_WITH_TIMEOUT(allMoved(), Patience);
    QTRY_VERIFY_WITH_TIMEOUT(allAnswered(), Patience);
    QCOMPARE(servers(), before);
    for (const auto &client : m_clients) {
        QVERIFY(client->stayed());
        QCOMPARE(client->ends(), 0);
    }
}

void tst_LoadBalancer::takeDown(EchoProcess *server, void (EchoProcess::*how)(),
                                QAbstractSocket::SocketError expected)
{
    const QList<QByteArray> before = servers();
    QVERIFY(before.contains(server->name()));
    (server->*how)();

    const auto concerned = [&](qsizetype i) { return before.at(i) == server->name(); };
    const auto movedAway = [&] {
        for (qsizetype i = 0; i < before.size(); ++i) {
            const Client &client = *m_clients[std::size_t(i)];
            if (concerned(i)
                && (client.ends() == 0 || !client.isAnswered()
                    || client.server() == server->name()))
                return false;
        }
        return true;
    };
    // The others work all the while.
    QTimer others;
    connect(&others, &QTimer::timeout, this, [&] {
        for (qsizetype i = 0; i < before.size(); ++i) {
            if (!concerned(i))
                m_clients[std::size_t(i)]->ask();
        }
    });
    others.start(50ms);
    QTRY_VERIFY_WITH_TIMEOUT(movedAway(), Patience);
    others.stop();
    askAll();
    QTRY_VERIFY_WITH_TIMEOUT(allAnswered(), Patience);

    for (qsizetype i = 0; i < before.size(); ++i) {
        Client &client = *m_clients[std::size_t(i)];
        if (concerned(i)) {
            QVERIFY(client.errors().count(expected) == 1);
        } else {
            QCOMPARE(client.ends(), 0);
            QVERIFY(client.errors().empty());
            QCOMPARE(client.server(), before.at(i));
        }
        QVERIFY(client.stayed());
        client.forget();
    }
}

void tst_LoadBalancer::crashEndsOnlyItsOwnSessions()
{
    takeDown(&m_servers[0], &EchoProcess::kill, QAbstractSocket::SocketTimeoutError);
}

void tst_LoadBalancer::shutdownEndsOnlyItsOwnSessions()
{
    takeDown(&m_servers[1], &EchoProcess::shutDown, QAbstractSocket::RemoteHostClosedError);
    QTRY_VERIFY_WITH_TIMEOUT(!m_servers[1].isRunning(), Patience);
}

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    const QStringList arguments = app.arguments();
    if (arguments.size() == 3 && arguments.at(1) == u"--server"_s)
        return runServer(arguments.at(2));
    tst_LoadBalancer test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_loadbalancer.moc"
