// SPDX-License-Identifier: MIT
#include "lossyrelay.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QSocketNotifier>

#include <csignal>
#include <cstdio>
#include <optional>

#ifdef Q_OS_UNIX
#  include <unistd.h>
#endif

using namespace Qt::StringLiterals;

namespace {

enum ExitStatus { Success = 0, Failure = 1, Usage = 2 };

#ifdef Q_OS_UNIX
int signalPipe[2];

void handleSignal(int)
{
    const char byte = 0;
    [[maybe_unused]] const auto written = ::write(signalPipe[1], &byte, 1);
}

void quitOnSignals(QCoreApplication *app)
{
    if (::pipe(signalPipe) != 0)
        return;
    auto *notifier = new QSocketNotifier(signalPipe[0], QSocketNotifier::Read, app);
    QObject::connect(notifier, &QSocketNotifier::activated, app, &QCoreApplication::quit);
    std::signal(SIGTERM, handleSignal);
    std::signal(SIGINT, handleSignal);
}

void quitAtEndOfInput(QCoreApplication *app)
{
    auto *notifier = new QSocketNotifier(STDIN_FILENO, QSocketNotifier::Read, app);
    QObject::connect(notifier, &QSocketNotifier::activated, app, [app] {
        char buffer[256];
        if (::read(STDIN_FILENO, buffer, sizeof buffer) <= 0)
            app->quit();
    });
}
#else
void quitOnSignals(QCoreApplication *) { }
void quitAtEndOfInput(QCoreApplication *) { }
#endif

bool parseEndpoint(const QString &text, QHostAddress *address, quint16 *port)
{
    const qsizetype colon = text.lastIndexOf(u':');
    if (colon < 0)
        return false;
    QString host = text.first(colon);
    if (host.startsWith(u'[') && host.endsWith(u']'))
        host = host.sliced(1, host.size() - 2);
    bool ok = false;
    *port = text.sliced(colon + 1).toUShort(&ok);
    return ok && *port != 0 && address->setAddress(host);
}

template <typename T>
bool parseNumber(const QString &text, T minimum, T maximum, T *value)
{
    bool ok = false;
    const double number = text.toDouble(&ok);
    if (!ok || number < double(minimum) || number > double(maximum))
        return false;
    *value = T(number);
    return true;
}

struct Arguments
{
    LossyRelay::Options relay;
    int runTime = 0; // seconds
    bool endWithInput = false;
};

std::optional<Arguments> parseArguments(const QCoreApplication &app)
{
    QCommandLineParser parser;
    parser.setApplicationDescription(u"Relays UDP on loopback and loses datagrams on the way."_s);
    parser.addHelpOption();
    parser.addOptions({
            { u"listen"_s, u"Listen on <port>; 0 (default) = a free one."_s, u"port"_s, u"0"_s },
            { u"to"_s, u"The server's numeric <address:port>."_s, u"address:port"_s },
            { u"loss"_s, u"Lose <percent>, each direction."_s, u"percent"_s, u"0"_s },
            { u"duplicate"_s, u"Duplicate <percent>."_s, u"percent"_s, u"0"_s },
            { u"reorder"_s, u"Hold <percent> back for 1 to 10 ms."_s, u"percent"_s, u"0"_s },
            { u"delay"_s, u"Delay everything by <ms>."_s, u"ms"_s, u"0"_s },
            { u"seed"_s, u"The random <seed>."_s, u"seed"_s, u"1"_s },
            { u"pcap"_s, u"Write what arrives to <file>, for tshark."_s, u"file"_s },
            { u"run-time"_s, u"End after <seconds>; default 600."_s, u"seconds"_s, u"600"_s },
            { u"until-eof"_s, u"End when standard input ends."_s },
    });
    parser.process(app);

    Arguments arguments;
    LossyRelay::Options &relay = arguments.relay;
    int delay = 0;
    const bool valid = parser.positionalArguments().isEmpty()
            && parseNumber<quint16>(parser.value(u"listen"_s), 0, 65535, &relay.port)
            && parseEndpoint(parser.value(u"to"_s), &relay.serverAddress, &relay.serverPort)
            && parseNumber<double>(parser.value(u"loss"_s), 0, 100, &relay.loss)
            && parseNumber<double>(parser.value(u"duplicate"_s), 0, 100, &relay.duplicate)
            && parseNumber<double>(parser.value(u"reorder"_s), 0, 100, &relay.reorder)
            && parseNumber<int>(parser.value(u"delay"_s), 0, 10000, &delay)
            && parseNumber<quint32>(parser.value(u"seed"_s), 0, 0xffffffff, &relay.seed)
            && parseNumber<int>(parser.value(u"run-time"_s), 1, 86400, &arguments.runTime);
    if (!valid)
        return std::nullopt;
    relay.delay = std::chrono::milliseconds(delay);
    relay.pcapFile = parser.value(u"pcap"_s);
    arguments.endWithInput = parser.isSet(u"until-eof"_s);
    return arguments;
}

} // namespace

int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    const std::optional<Arguments> arguments = parseArguments(app);
    if (!arguments) {
        std::fprintf(stderr, "lossyrelay: wrong arguments, see --help\n");
        return Usage;
    }

    LossyRelay relay(arguments->relay);
    if (!relay.listen()) {
        std::fprintf(stderr, "lossyrelay: %s\n", qPrintable(relay.errorString()));
        return Failure;
    }
    quitOnSignals(&app);
    if (arguments->endWithInput)
        quitAtEndOfInput(&app);
    QTimer::singleShot(std::chrono::seconds(arguments->runTime), &app, &QCoreApplication::quit);

    const bool ipv6 = relay.address().protocol() == QAbstractSocket::IPv6Protocol;
    std::printf(ipv6 ? "Listening on [%s]:%u (loss %g %%, seed %u)\n"
                     : "Listening on %s:%u (loss %g %%, seed %u)\n",
                qPrintable(relay.address().toString()), uint(relay.port()), arguments->relay.loss,
                arguments->relay.seed);
    std::fflush(stdout);
    app.exec();

    const LossyRelay::Counters &counters = relay.counters();
    std::fprintf(stderr,
                 "lossyrelay: %llu received, %llu sent, %llu lost, %llu duplicated, "
                 "%llu reordered\n",
                 counters.received, counters.sent, counters.lost, counters.duplicated,
                 counters.reordered);
    return Success;
}
