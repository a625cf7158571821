// SPDX-License-Identifier: MIT
// A client whose machine changes its address. The two machines are network namespaces of this
// process, joined by a virtual cable; they have no names, so that they go with the process however
// it ends, and nothing else on the machine sees them.
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

#include <QtCore/qcoreapplication.h>
#include <QtCore/qfile.h>
#include <QtCore/qprocess.h>
#include <QtCore/qstandardpaths.h>
#include <QtTest/qsignalspy.h>
#include <QtTest/qtest.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

// The client's machine, which this thread is on, and the server's, as file descriptors.
int clientMachine = -1;
int serverMachine = -1;
QString whyNot; // there are no machines

QString programIp()
{
    return QStandardPaths::findExecutable(QStringLiteral("ip"),
                                          { QStringLiteral("/usr/sbin"), QStringLiteral("/sbin"),
                                            QStringLiteral("/usr/bin"), QStringLiteral("/bin") });
}

bool ip(const QString &arguments)
{
    QProcess process;
    process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
    process.start(programIp(), arguments.split(u' '));
    return process.waitForFinished(10000) && process.exitStatus() == QProcess::NormalExit
            && process.exitCode() == 0;
}

bool writeFile(const char *name, const QByteArray &text)
{
    QFile file(QString::fromLatin1(name));
    return file.open(QIODevice::WriteOnly | QIODevice::Unbuffered)
            && file.write(text) == text.size();
}

// Root may simply do it; others may where the kernel lets them be root in a user namespace of their
// own, as long as the process has one thread.
bool leaveNetwork()
{
    if (::unshare(CLONE_NEWNET) == 0)
        return true;
    const QByteArray user = QByteArray::number(::getuid());
    const QByteArray group = QByteArray::number(::getgid());
    return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && writeFile("/proc/self/setgroups", "deny")
            && writeFile("/proc/self/uid_map", "0 " + user + " 1")
            && writeFile("/proc/self/gid_map", "0 " + group + " 1");
}

int currentMachine()
{
    return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

// Lets what is made while it lives, sockets and processes, be on another machine.
class On
{
public:
    explicit On(int machine) { ok = ::setns(machine, CLONE_NEWNET) == 0; }
    ~On() { ::setns(clientMachine, CLONE_NEWNET); }
    bool ok = false;
};

void makeMachines()
{
    if (programIp().isEmpty()) {
        whyNot = QStringLiteral("the program ip is not installed (Debian: iproute2)");
        return;
    }
    if (!leaveNetwork()) {
        whyNot = QStringLiteral("no network namespace can be made here: %1")
                         .arg(QString::fromLocal8Bit(std::strerror(errno)));
        return;
    }
    serverMachine = currentMachine();
    if (serverMachine < 0 || ::unshare(CLONE_NEWNET) != 0) {
        whyNot = QStringLiteral("no second network namespace can be made here");
        return;
    }
    clientMachine = currentMachine();
    const QString other = QStringLiteral("/proc/%1/fd/%2")
                                  .arg(QCoreApplication::applicationPid())
                                  .arg(serverMachine);
    if (!ip(QStringLiteral("link add c0 type veth peer name s0 netns ") + other))
        whyNot = QStringLiteral("the kernel has no virtual Ethernet (veth)");
}

QByteArray pattern(qsizetype size)
{
    QByteArray bytes(size, Qt::Uninitialized);
    quint32 state = 7;
    for (char &byte : bytes) {
        state = state * 1664525 + 1013904223;
        byte = char(state >> 24);
    }
    return bytes;
}

} // namespace

class tst_RoamingNamespace : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void addressChanges_data();
    void addressChanges();
    void addressIsGoneForAWhile();
    void multiHomedServer();
};

void tst_RoamingNamespace::initTestCase()
{
    if (!whyNot.isEmpty())
        QSKIP(qPrintable(whyNot));
    QVERIFY(ip("link set lo up"));
    QVERIFY(ip("link set c0 up"));
    const On machine(serverMachine);
    QVERIFY(machine.ok);
    QVERIFY(ip("link set lo up"));
    QVERIFY(ip("address add 10.77.0.1/24 dev s0"));
    QVERIFY(ip("address add 10.77.0.9/24 dev s0"));
    QVERIFY(ip("link set s0 up"));
}

void tst_RoamingNamespace::init()
{
    QVERIFY(ip("address flush dev c0"));
    QVERIFY(ip("address add 10.77.0.2/24 dev c0"));
}

namespace {

struct Pair
{
    Pair()
    {
        KcpConfiguration configuration;
        configuration.setKeepAliveInterval(500ms);
        server.setConfiguration(configuration);
        client.setConfiguration(configuration);
    }

    bool connect(const QString &address)
    {
        {
            const On machine(serverMachine);
            if (!machine.ok || !server.listen(QHostAddress::AnyIPv4))
                return false;
        }
        client.connectToHost(QHostAddress(address), server.serverPort());
        if (!QTest::qWaitFor([&] { return server.hasPendingConnections(); }))
            return false;
        peer.reset(server.nextPendingConnection());
        QObject::connect(peer.get(), &KcpSocket::readyRead, peer.get(),
                         [this] { atServer += peer->readAll(); });
        QObject::connect(&client, &KcpSocket::readyRead, &client,
                         [this] { atClient += client.readAll(); });
        return true;
    }

    KcpServer server;
    KcpSocket client;
    std::unique_ptr<KcpSocket> peer; // the server's end
    QByteArray atServer;
    QByteArray atClient;
};

} // namespace

void tst_RoamingNamespace::addressChanges_data()
{
    QTest::addColumn<bool>("busy");
    QTest::newRow("while data flows") << true;
    QTest::newRow("while idle") << false; // a PING finds out
}

// The address that the connection runs over is taken away, another is there.
void tst_RoamingNamespace::addressChanges()
{
    QFETCH(bool, busy);
    Pair p;
    QVERIFY(p.connect(QStringLiteral("10.77.0.1")));
    QCOMPARE(p.client.localAddress(), QHostAddress(QStringLiteral("10.77.0.2")));
    QTRY_COMPARE(p.peer->peerAddress(), QHostAddress(QStringLiteral("10.77.0.2")));
    QSignalSpy moved(p.peer.get(), &KcpSocket::peerAddressChanged);
    QSignalSpy clientErrors(&p.client, &KcpSocket::errorOccurred);
    QSignalSpy peerErrors(p.peer.get(), &KcpSocket::errorOccurred);
    const QByteArray data = pattern(busy ? 20000000 : 1000);
    p.client.write(data);
    p.peer->write(data);
    if (busy)
        QTRY_VERIFY_WITH_TIMEOUT(p.atClient.size() > 1000000 && p.atServer.size() > 1000000, 20000);
    else
        QTRY_VERIFY(p.atClient.size() == data.size() && p.atServer.size() == data.size());

    QVERIFY(ip("address flush dev c0"));
    QVERIFY(ip("address add 10.77.0.3/24 dev c0"));
    if (busy)
        QVERIFY(p.atServer.size() < data.size());
    QTRY_COMPARE_WITH_TIMEOUT(moved.count(), 1, 15000);
    QCOMPARE(p.peer->peerAddress(), QHostAddress(QStringLiteral("10.77.0.3")));
    QCOMPARE(p.client.localAddress(), QHostAddress(QStringLiteral("10.77.0.3")));
    p.client.write("and on");
    p.peer->write("and on");
    QTRY_COMPARE_WITH_TIMEOUT(p.atServer.size(), data.size() + 6, 30000);
    QTRY_COMPARE_WITH_TIMEOUT(p.atClient.size(), data.size() + 6, 30000);
    QVERIFY(p.atServer == data + "and on");
    QVERIFY(p.atClient == data + "and on");
    QCOMPARE(clientErrors.count() + peerErrors.count(), 0);
    QCOMPARE(p.server.connectionCount(), 1);
}

// Nothing can be bound for some seconds: the client tries again.
void tst_RoamingNamespace::addressIsGoneForAWhile()
{
    Pair p;
    QVERIFY(p.connect(QStringLiteral("10.77.0.1")));
    QSignalSpy moved(p.peer.get(), &KcpSocket::peerAddressChanged);
    QVERIFY(ip("address flush dev c0"));
    p.client.write("is there ");
    p.peer->write("there is ");
    QTRY_VERIFY_WITH_TIMEOUT(p.client.statistics().timeoutRetransmissions() >= 3, 15000);
    QCOMPARE(p.client.state(), QAbstractSocket::ConnectedState);
    QVERIFY(ip("address add 10.77.0.4/24 dev c0"));
    QTRY_COMPARE_WITH_TIMEOUT(moved.count(), 1, 15000);
    p.client.write("a way?");
    p.peer->write("a way.");
    QTRY_COMPARE_WITH_TIMEOUT(p.atServer, QByteArray("is there a way?"), 15000);
    QTRY_COMPARE_WITH_TIMEOUT(p.atClient, QByteArray("there is a way."), 15000);
}

// The server's second address is asked; its route would have it answer from the first.
void tst_RoamingNamespace::multiHomedServer()
{
    for (const char *asked : { "10.77.0.9", "10.77.0.1" }) {
        Pair p;
        QVERIFY(p.connect(QString::fromLatin1(asked)));
        QCOMPARE(p.peer->localAddress(), QHostAddress(QString::fromLatin1(asked)));
        p.peer->write("from here");
        QTRY_COMPARE(p.atClient, QByteArray("from here"));
    }
}

int main(int argc, char **argv)
{
    QCoreApplication application(argc, argv);
    makeMachines(); // before QtTest starts its watchdog thread
    tst_RoamingNamespace test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_roaming_namespace.moc"
