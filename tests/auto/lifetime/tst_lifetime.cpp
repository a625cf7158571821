// SPDX-License-Identifier: MIT
// Deleting a socket or the server in every slot of theirs. Memory that is used after it was freed is
// best seen with a sanitizer; without one the test sees signals of the dead, and a server that does
// not go on.
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QtCore/qcoreapplication.h>
#include <QtCore/qdeadlinetimer.h>
#include <QtCore/qpointer.h>
#include <QtTest/qtest.h>

#include <functional>

class tst_Lifetime : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void deleteIn_data();
    void deleteIn();
    void deleteInWait_data();
    void deleteInWait();
};

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

enum class Victim { Client, Peer, Server };

// QTest::qWaitFor() would sleep 10 ms at a time.
bool runUntil(const std::function<bool()> &done)
{
    const QDeadlineTimer deadline(15000);
    while (!done()) {
        if (deadline.hasExpired())
            return false;
        QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 1);
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    }
    return true;
}

using Tell = std::function<void(const QByteArray &)>;

template <typename Object, typename Signal>
void tellOf(Object *object, Signal signal, const QByteArray &name, const Tell &tell)
{
    QObject::connect(object, signal, object, [tell, name] { tell(name); });
}

void observe(KcpSocket *socket, const QByteArray &who, const Tell &tell)
{
    tellOf(socket, &KcpSocket::hostFound, who + ".hostFound", tell);
    tellOf(socket, &KcpSocket::connected, who + ".connected", tell);
    tellOf(socket, &KcpSocket::bytesWritten, who + ".bytesWritten", tell);
    tellOf(socket, &KcpSocket::readyRead, who + ".readyRead", tell);
    tellOf(socket, &KcpSocket::datagramReceived, who + ".datagramReceived", tell);
    tellOf(socket, &KcpSocket::errorOccurred, who + ".errorOccurred", tell);
    tellOf(socket, &KcpSocket::readChannelFinished, who + ".readChannelFinished", tell);
    tellOf(socket, &KcpSocket::disconnected, who + ".disconnected", tell);
    tellOf(socket, &KcpSocket::aboutToClose, who + ".aboutToClose", tell);
    tellOf(socket, &KcpSocket::peerAddressChanged, who + ".peerAddressChanged", tell);
    QObject::connect(socket, &KcpSocket::stateChanged, socket,
                     [who, tell](QAbstractSocket::SocketState state) {
                         tell(who + ".state" + QByteArray::number(int(state)));
                     });
}

class TellingServer : public KcpServer
{
public:
    explicit TellingServer(const Tell &tell) : tell(tell)
    {
        tellOf(this, &KcpServer::newConnection, "server.newConnection", tell);
        tellOf(this, &KcpServer::pendingConnectionAvailable, "server.pendingConnectionAvailable",
               tell);
    }
    QPointer<KcpSocket> peer;
    Tell tell;

protected:
    void incomingConnection(KcpSocket *socket) override
    {
        if (!peer) {
            peer = socket;
            observe(socket, "peer", tell);
        }
        addPendingConnection(socket); // emits
    }
};

// A whole life: data and a datagram each way, the client moves, the peer closes, the client closes
// its device.
struct Life
{
    Life(Victim victim, const QByteArray &where)
    {
        const Tell tell = [this, victim, where](const QByteArray &name) {
            seen.append(name);
            if (isOver)
                late.append(name);
            if (name != where)
                return;
            isOver = true; // for the victim; the others may go on
            switch (victim) {
            case Victim::Client:
                delete client;
                break;
            case Victim::Peer:
                delete (server ? server->peer.data() : nullptr);
                break;
            case Victim::Server:
                delete server;
                break;
            }
        };
        server = new TellingServer(tell);
        server->listen(localHost);
        client = new KcpSocket;
        observe(client, "client", tell);
    }
    ~Life()
    {
        delete client;
        delete server;
    }
    KcpSocket *peer() const { return server ? server->peer.data() : nullptr; }

    // What happens next, given what was seen; the event loop runs in between.
    void step()
    {
        if (once("connect", client && true)) {
            client->connectToHost(localHost, server->serverPort());
            if (client)
                client->write("hello");
        }
        if (once("exchange", client && peer() && saw("client.connected"))) {
            peer()->write(QByteArray(5000, 'p'));
            peer()->sendDatagram("d");
            client->write(QByteArray(5000, 'c'));
            client->sendDatagram("d");
        }
        if (once("rebind",
                 client && saw("client.readyRead") && saw("peer.readyRead")
                         && client->state() == QAbstractSocket::ConnectedState)) {
            client->rebind();
            client->write("from elsewhere");
        }
        if (once("close", peer() && saw("peer.peerAddressChanged")))
            peer()->close();
        if (once("closeDevice", client && saw("client.disconnected")))
            client->close();
    }
    bool saw(const char *name) const { return seen.contains(name); }

    QPointer<TellingServer> server;
    QPointer<KcpSocket> client;
    QList<QByteArray> seen;
    QList<QByteArray> late; // seen after the deletion
    bool isOver = false;

private:
    bool once(const char *what, bool condition)
    {
        if (!condition || m_done.contains(what))
            return false;
        m_done.append(what);
        return true;
    }
    QList<QByteArray> m_done;
};

bool echoes()
{
    KcpServer server;
    QObject::connect(&server, &KcpServer::newConnection, &server, [&server] {
        KcpSocket *socket = server.nextPendingConnection();
        QObject::connect(socket, &KcpSocket::readyRead, socket,
                         [socket] { socket->write(socket->readAll()); });
    });
    server.listen(localHost);
    KcpSocket socket;
    socket.connectToHost(localHost, server.serverPort());
    socket.write("still there?");
    return runUntil([&] { return socket.bytesAvailable() == 12; });
}

} // namespace

Q_DECLARE_METATYPE(Victim)

namespace {

void addRow(const char *name, Victim victim, const QByteArray &where)
{
    QTest::newRow(name + (" in " + where)) << victim << where;
}

void addClientRows()
{
    QTest::addColumn<Victim>("victim");
    QTest::addColumn<QByteArray>("where");
    for (const QByteArray signal :
         { "state1", "state2", "hostFound", "state3", "connected", "bytesWritten", "readyRead",
           "datagramReceived", "errorOccurred", "state6", "state0", "readChannelFinished",
           "disconnected", "aboutToClose" })
        addRow("client", Victim::Client, "client." + signal);
}

} // namespace

void tst_Lifetime::deleteIn_data()
{
    addClientRows();
    for (const QByteArray signal :
         { "bytesWritten", "readyRead", "datagramReceived", "peerAddressChanged", "aboutToClose",
           "state6", "state0", "readChannelFinished", "disconnected" }) {
        addRow("peer", Victim::Peer, "peer." + signal);
        addRow("server", Victim::Server, "peer." + signal);
        addRow("client", Victim::Client, "peer." + signal);
    }
    for (const QByteArray signal : { "newConnection", "pendingConnectionAvailable" }) {
        addRow("server", Victim::Server, "server." + signal);
        addRow("peer", Victim::Peer, "server." + signal);
        addRow("client", Victim::Client, "server." + signal);
    }
    for (const QByteArray signal : { "connected", "readyRead", "disconnected" })
        addRow("server", Victim::Server, "client." + signal);
}

void tst_Lifetime::deleteIn()
{
    QFETCH(Victim, victim);
    QFETCH(QByteArray, where);
    {
        Life life(victim, where);
        const bool happened = runUntil([&] {
            life.step();
            return life.isOver;
        });
        QVERIFY2(happened, qPrintable(life.seen.join(' ')));
        life.late.clear(); // of the signals that were under way anyway, below
        for (int i = 0; i < 50; ++i)
            QCoreApplication::processEvents();
        const QByteArray dead = victim == Victim::Client ? "client." : "peer.";
        for (const QByteArray &name : std::as_const(life.late))
            QVERIFY2(!name.startsWith(dead), name.constData());
    }
    QVERIFY(echoes());
}

void tst_Lifetime::deleteInWait_data()
{
    addClientRows();
}

// The same, with signals that come while the client waits.
void tst_Lifetime::deleteInWait()
{
    QFETCH(Victim, victim);
    QFETCH(QByteArray, where);
    {
        Life life(victim, where);
        const bool happened = runUntil([&] {
            life.step();
            if (life.client && life.client->state() >= QAbstractSocket::ConnectingState)
                life.client->waitForReadyRead(1); // a timeout ends nothing
            return life.isOver;
        });
        QVERIFY2(happened, qPrintable(life.seen.join(' ')));
        for (int i = 0; i < 50; ++i)
            QCoreApplication::processEvents();
    }
    QVERIFY(echoes());
}

QTEST_GUILESS_MAIN(tst_Lifetime)
#include "tst_lifetime.moc"
