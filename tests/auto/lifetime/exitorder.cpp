// SPDX-License-Identifier: MIT
// exitorder CASE: a program that ends with sockets and servers in a certain order. Prints "end" and
// returns 0 when main() has come to its end; what follows must not crash (nor leak: LeakSanitizer).
#include <QtKcpNetwork/KcpServer>
#include <QtKcpNetwork/KcpSocket>

#include <QtCore/qcoreapplication.h>
#include <QtCore/qeventloop.h>
#include <QtCore/qthread.h>
#include <QtCore/qtimer.h>

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace {

const QHostAddress localHost(QHostAddress::LocalHost);

// Built before main(), and so before anything of the module has run; destroyed after it.
std::unique_ptr<KcpSocket> staticSocket;
std::unique_ptr<KcpServer> staticServer;
std::unique_ptr<QThread> staticThread;

struct World
{
    std::unique_ptr<KcpServer> server = std::make_unique<KcpServer>();
    std::unique_ptr<KcpSocket> client = std::make_unique<KcpSocket>();
    KcpSocket *peer = nullptr;

    bool connect()
    {
        QEventLoop loop;
        QObject::connect(server.get(), &KcpServer::newConnection, &loop, [&] {
            peer = server->nextPendingConnection();
            loop.quit();
        });
        QTimer::singleShot(10000, &loop, [&loop] { loop.exit(1); });
        server->listen(localHost);
        client->connectToHost(localHost, server->serverPort());
        client->write("hello");
        return loop.exec() == 0;
    }
};

using Case = std::function<bool(World &)>;

const std::map<std::string, Case> cases{
    { "static-connected",
      [](World &world) {
          staticSocket = std::move(world.client);
          return true;
      } },
    { "static-lingering",
      [](World &world) {
          staticSocket = std::move(world.client);
          staticSocket->write(QByteArray(1000000, 'x'));
          staticSocket->disconnectFromHost();
          return staticSocket->state() == QAbstractSocket::ClosingState;
      } },
    { "static-server",
      [](World &world) {
          staticServer = std::move(world.server);
          world.client->write(QByteArray(1000000, 'x'));
          return true;
      } },
    { "after-application", [](World &) { return true; } }, // see main()
    { "server-first",
      [](World &world) {
          world.peer->setParent(world.client.get());
          world.server.reset();
          world.peer->write("more");
          world.client.reset();
          return true;
      } },
    { "sockets-first",
      [](World &world) {
          delete world.peer;
          world.client.reset();
          world.server.reset();
          return true;
      } },
    { "children-of-application",
      [](World &world) {
          world.client.release()->setParent(qApp);
          world.peer->setParent(qApp);
          world.server.release()->setParent(qApp);
          return true;
      } },
    { "thread-running",
      [](World &world) {
          // The thread is ended when static objects are destroyed, without the application.
          staticThread = std::make_unique<QThread>();
          KcpSocket *socket = world.client.release();
          QObject::connect(staticThread.get(), &QThread::finished, socket, &QObject::deleteLater);
          socket->moveToThread(staticThread.get());
          staticThread->start();
          return true;
      } },
    { "quit-in-slot",
      [](World &world) {
          QObject::connect(world.peer, &KcpSocket::readyRead, qApp, [&world] {
              world.peer->readAll();
              QCoreApplication::quit();
          });
          world.client->write("quit");
          return QCoreApplication::exec() == 0;
      } },
};

struct EndOfThread
{
    ~EndOfThread()
    {
        if (!staticThread)
            return;
        staticThread->quit();
        staticThread->wait();
    }
} endOfThread;

} // namespace

int main(int argc, char **argv)
{
    const std::string name = argc > 1 ? argv[1] : "";
    const auto chosen = cases.find(name);
    if (chosen == cases.end())
        return 2;
    auto application = std::make_unique<QCoreApplication>(argc, argv);
    World world;
    if (!world.connect() || !chosen->second(world)) {
        std::puts("not connected");
        return 1;
    }
    if (name == "after-application") {
        world.client->write(QByteArray(1000000, 'x'));
        application.reset();
    }
    std::puts("end");
    return 0;
}
