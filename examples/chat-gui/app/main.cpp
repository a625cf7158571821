// SPDX-License-Identifier: MIT
#include "app/arguments.h"
#include "app/interrupt.h"
#include "server/chatserver.h"
#include "widgets/application.h"
#include "widgets/mainwindow.h"

#include <QtCore/QCoreApplication>

#include <cstdio>

using namespace Qt::StringLiterals;

static int runHeadless(int &argc, char **argv, const Arguments &arguments)
{
    QCoreApplication app(argc, argv);
    ChatServer server;
    QObject::connect(&server, &ChatServer::logged, [](const QString &line) {
        std::printf("%s\n", qPrintable(line));
        std::fflush(stdout);
    });
    if (!server.listen(QHostAddress(QHostAddress::Any), arguments.hostPort)) {
        std::fprintf(stderr, "chat-gui: cannot listen: %s\n", qPrintable(server.errorString()));
        return 1;
    }
    std::printf("Listening on port %d\n", server.port());
    std::fflush(stdout);
    Interrupt interrupt;
    QObject::connect(&interrupt, &Interrupt::interrupted, &server, &ChatServer::finish);
    QObject::connect(&server, &ChatServer::finished, &app, &QCoreApplication::quit);
    return app.exec();
}

//! [main]
int main(int argc, char *argv[])
{
    QStringList words;
    for (int i = 0; i < argc; ++i)
        words.append(QString::fromLocal8Bit(argv[i]));
    Arguments arguments;
    if (const int status = parseArguments(words, &arguments); status >= 0)
        return status;
    if (arguments.isHeadless) // before anything that needs a screen
        return runHeadless(argc, argv, arguments);

    QApplication app(argc, argv);
    setUpApplication();
    MainWindow window;
    window.show();
    if (arguments.hasHostPort)
        window.host(arguments.hostPort, arguments.name);
    else if (!arguments.joinHost.isEmpty())
        window.join(arguments.joinHost, arguments.joinPort, arguments.name);
    return app.exec();
}
//! [main]
