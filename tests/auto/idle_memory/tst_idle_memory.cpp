// SPDX-License-Identifier: MIT
// What an accepted connection that does nothing costs the server. The clients live in a process of
// their own: this program, called with the server's port.
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QtCore/qcoreapplication.h>
#include <QtCore/qprocess.h>
#include <QtTest/qtest.h>

#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int Connections = 300;
constexpr int FirstConnections = 16; // pay for what the thread has once
constexpr int MessageSize = 64;
constexpr double Bound = 2560; // bytes

KcpConfiguration configuration(bool messages)
{
    KcpConfiguration result;
    result.setKeepAliveInterval(0ms);
    result.setIdleTimeout(0ms);
    if (messages)
        result.setMode(KcpConfiguration::Message);
    return result;
}

std::size_t heapBytes()
{
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

struct Clients
{
    quint16 port = 0;
    int count = 0;
    bool speak = false;
    bool messages = false;
};

int runClients(const Clients &wanted)
{
    const QByteArray message(MessageSize, 'x');
    std::vector<std::unique_ptr<KcpSocket>> sockets;
    for (int i = 0; i < wanted.count; ++i) {
        auto socket = std::make_unique<KcpSocket>();
        socket->setConfiguration(configuration(wanted.messages));
        socket->connectToHost(QHostAddress(QHostAddress::LocalHost), wanted.port);
        if (wanted.speak && wanted.messages)
            socket->writeMessage(message);
        else if (wanted.speak)
            socket->write(message);
        sockets.push_back(std::move(socket));
    }
    for (const auto &socket : sockets) {
        if (socket->state() != QAbstractSocket::ConnectedState && !socket->waitForConnected(10000))
            return 1;
    }
    for (const auto &socket : sockets) {
        while (wanted.speak && !socket->hasPendingMessages()
               && socket->bytesAvailable() < MessageSize) {
            if (!socket->waitForReadyRead(10000))
                return 1;
        }
    }
    std::puts("ready");
    std::fflush(stdout);
    std::getchar(); // the server is done
    std::_Exit(0); // without a farewell
}

// A server, and processes of clients.
class World
{
public:
    World(bool messages, bool slot)
    {
        server.setConfiguration(configuration(messages));
        server.setMaxConnections(2 * Connections);
        server.setMaxConnectionsPerAddress(0);
        server.setMaxPendingConnections(2 * Connections);
        QObject::connect(&server, &KcpServer::newConnection, &server, [this, slot] {
            while (KcpSocket *socket = server.nextPendingConnection()) {
                sockets.push_back(socket);
                if (slot)
                    QObject::connect(socket, &KcpSocket::readyRead, &server, [] {});
            }
        });
        sockets.reserve(Connections + FirstConnections);
    }

    ~World()
    {
        for (const auto &process : processes) {
            process->closeWriteChannel();
            process->waitForFinished();
        }
    }

    bool connectClients(Clients wanted)
    {
        wanted.port = server.serverPort();
        auto process = std::make_unique<QProcess>();
        process->start(QCoreApplication::applicationFilePath(),
                       { QStringLiteral("--clients"), QString::number(wanted.port),
                         QString::number(wanted.count), QString::number(int(wanted.speak)),
                         QString::number(int(wanted.messages)) });
        const bool ready = QTest::qWaitFor(
                [&] {
                    echo();
                    return process->canReadLine() || process->state() == QProcess::NotRunning;
                },
                60000);
        const bool done = ready && process->readLine() == "ready\n";
        processes.push_back(std::move(process));
        return done;
    }

    // Without slots, so that only the socket is measured.
    void echo()
    {
        for (KcpSocket *socket : sockets) {
            if (socket->hasPendingMessages())
                socket->writeMessage(socket->readMessage());
            else if (socket->bytesAvailable() > 0)
                socket->write(socket->readAll());
        }
    }

    bool isAllAcknowledged() const
    {
        for (const KcpSocket *socket : sockets) {
            if (socket->bytesToWrite() + socket->bytesUnacknowledged() > 0)
                return false;
        }
        return true;
    }

    KcpServer server;
    std::vector<KcpSocket *> sockets;
    std::vector<std::unique_ptr<QProcess>> processes;
};

} // namespace

class tst_IdleMemory : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void acceptedConnection_data();
    void acceptedConnection();
};

void tst_IdleMemory::acceptedConnection_data()
{
    QTest::addColumn<bool>("speak");
    QTest::addColumn<bool>("messages");
    QTest::addColumn<bool>("slot");
    QTest::newRow("fresh") << false << false << false;
    QTest::newRow("has echoed a stream") << true << false << false;
    QTest::newRow("has echoed a message") << true << true << false;
    QTest::newRow("has echoed, readyRead connected") << true << false << true;
}

void tst_IdleMemory::acceptedConnection()
{
    QFETCH(bool, speak);
    QFETCH(bool, messages);
    QFETCH(bool, slot);

    World world(messages, slot);
    QVERIFY(world.server.listen(QHostAddress::LocalHost));
    QVERIFY(world.connectClients({ 0, FirstConnections, speak, messages }));
    QTRY_VERIFY(world.isAllAcknowledged());
    const std::size_t before = heapBytes();
    QVERIFY(world.connectClients({ 0, Connections, speak, messages }));
    QTRY_COMPARE(int(world.sockets.size()), Connections + FirstConnections);
    QTRY_VERIFY(world.isAllAcknowledged());

    // Memory is given back where it is noticed that nothing is under way: with the last
    // acknowledgement, and with the next timer that finds everything quiet.
    const double bound = Bound + (slot ? 512 : 0) + (messages ? 256 : 0);
    const auto perConnection = [&] { return double(heapBytes() - before) / Connections; };
    const bool small = QTest::qWaitFor([&] { return perConnection() <= bound; });
    qInfo("%.0f bytes of heap a connection", perConnection());
    QVERIFY(small);
}

int main(int argc, char **argv)
{
    QCoreApplication application(argc, argv);
    const QStringList arguments = QCoreApplication::arguments();
    if (arguments.size() == 6 && arguments.at(1) == QLatin1String("--clients")) {
        return runClients({ quint16(arguments.at(2).toInt()), arguments.at(3).toInt(),
                            arguments.at(4) == QLatin1String("1"),
                            arguments.at(5) == QLatin1String("1") });
    }
    tst_IdleMemory test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_idle_memory.moc"
