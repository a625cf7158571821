// SPDX-License-Identifier: MIT
#include "echoserver.h"
#include "interrupt.h"

#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QMetaEnum>

#include <cstdio>
#include <optional>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

namespace {

enum ExitStatus { Success = 0, Failure = 1, WrongUsage = 2 };

struct Arguments
{
    QHostAddress address;
    quint16 port = 0;
    QString preset;
    KcpConfiguration configuration;
    bool plain = false;
};

// "fast" is Preset::Fast, and so on.
std::optional<KcpConfiguration> configurationOf(const QString &name)
{
    const QString key = name.left(1).toUpper() + name.mid(1);
    bool ok = false;
    const int preset = QMetaEnum::fromType<KcpConfiguration::Preset>().keyToValue(
            key.toLatin1().constData(), &ok);
    if (!ok)
        return std::nullopt;
    return KcpConfiguration(KcpConfiguration::Preset(preset));
}

// An error text, empty if all is well.
QString parse(QCommandLineParser &parser, const QStringList &words, Arguments *arguments)
{
    const QCommandLineOption address({ u"a"_s, u"address"_s },
                                     u"Listen on <address>, 0.0.0.0 or :: for all."_s, u"address"_s,
                                     u"127.0.0.1"_s);
    const QCommandLineOption port({ u"p"_s, u"port"_s }, u"Listen on <port>, 0 for a free one."_s,
                                  u"port"_s, u"0"_s);
    const QCommandLineOption preset(u"preset"_s, u"default, normal, fast or adaptive."_s,
                                    u"preset"_s, u"adaptive"_s);
    const QCommandLineOption plain(u"plain"_s, u"Speak plain KCP, without sessions."_s);
    const QCommandLineOption message(u"message"_s, u"Message mode instead of a stream."_s);
    parser.addOptions({ address, port, preset, plain, message });
    const QCommandLineOption help = parser.addHelpOption();

    if (!parser.parse(words))
        return parser.errorText();
    if (parser.isSet(help))
        parser.showHelp(Success);
    if (!parser.positionalArguments().isEmpty())
        return u"Unexpected argument '%1'."_s.arg(parser.positionalArguments().constFirst());

    if (!arguments->address.setAddress(parser.value(address)))
        return u"'%1' is not an address."_s.arg(parser.value(address));
    bool isNumber = false;
    arguments->port = parser.value(port).toUShort(&isNumber);
    if (!isNumber)
        return u"'%1' is not a port."_s.arg(parser.value(port));
    arguments->preset = parser.value(preset);
    const std::optional<KcpConfiguration> configuration = configurationOf(arguments->preset);
    if (!configuration)
        return u"'%1' is not a preset."_s.arg(arguments->preset);
    arguments->configuration = *configuration;
    arguments->plain = parser.isSet(plain);
    if (arguments->plain)
        arguments->configuration.setProfile(KcpConfiguration::PlainKcp);
    if (parser.isSet(message))
        arguments->configuration.setMode(KcpConfiguration::Message);
    return {};
}

} // namespace

//! [main]
int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    QCommandLineParser parser;
    parser.setApplicationDescription(u"Sends back what its clients send, over KCP."_s);

    Arguments arguments;
    const QString error = parse(parser, app.arguments(), &arguments);
    if (!error.isEmpty()) {
        std::fprintf(stderr, "echoserver: %s See --help.\n", qPrintable(error));
        return WrongUsage;
    }
    arguments.configuration.setLingerTime(2s); // Ctrl-C must not take longer

    std::setvbuf(stdout, nullptr, _IONBF, 0); // who reads from a pipe waits for the first line

    EchoServer server(arguments.configuration);
    if (!server.listen(arguments.address, arguments.port)) {
        std::fprintf(stderr, "echoserver: Cannot listen: %s\n", qPrintable(server.errorString()));
        return Failure;
    }
    std::printf("Listening on %s (%s, %s)\n", qPrintable(server.name()),
                arguments.plain ? "plain" : "native", qPrintable(arguments.preset));

    Interrupt interrupt;
    QObject::connect(&interrupt, &Interrupt::interrupted, &server, &EchoServer::finish);
    QObject::connect(&server, &EchoServer::finished, &app, &QCoreApplication::quit);
    return app.exec();
}
//! [main]
