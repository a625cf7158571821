// SPDX-License-Identifier: MIT
#include "app/arguments.h"

#include "widgets/startpage.h"

#include <QtCore/QCommandLineParser>

#include <cstdio>

using namespace Qt::StringLiterals;

static int fail(const QString &text)
{
    std::fprintf(stderr, "chat-gui: %s See --help.\n", qPrintable(text));
    return 2;
}

int parseArguments(const QStringList &words, Arguments *arguments)
{
    const QCommandLineOption host(u"host"_s, u"Host a chat on <port>."_s, u"port"_s);
    const QCommandLineOption headless(u"headless"_s, u"With --host: only the server, no window."_s);
    const QCommandLineOption join(u"join"_s, u"Join the chat at <host:port>."_s, u"host:port"_s);
    const QCommandLineOption name(u"name"_s, u"Your nickname, with --host or --join."_s, u"name"_s);
    QCommandLineParser parser;
    parser.setApplicationDescription(u"A chat over KCP: host one or join one."_s);
    parser.addOptions({ host, headless, join, name });
    const QCommandLineOption help({ u"h"_s, u"help"_s }, u"Print this."_s);
    parser.addOption(help);
    if (!parser.parse(words))
        return fail(parser.errorText());
    if (parser.isSet(help)) {
        std::printf("%s", qPrintable(parser.helpText()));
        return 0;
    }
    if (!parser.positionalArguments().isEmpty())
        return fail(u"'%1' is not an option."_s.arg(parser.positionalArguments().first()));
    arguments->name = parser.value(name);
    arguments->isHeadless = parser.isSet(headless);
    arguments->hasHostPort = parser.isSet(host);
    if (arguments->hasHostPort) {
        bool isNumber = false;
        arguments->hostPort = parser.value(host).toUShort(&isNumber);
        if (!isNumber)
            return fail(u"'%1' is not a port."_s.arg(parser.value(host)));
    }
    if (arguments->isHeadless && !arguments->hasHostPort)
        return fail(u"--headless needs --host."_s);
    if (parser.isSet(join)
        && (arguments->hasHostPort
            || !StartPage::parseAddress(parser.value(join), &arguments->joinHost,
                                        &arguments->joinPort)))
        return fail(u"'%1' cannot be joined."_s.arg(parser.value(join)));
    if (!arguments->isHeadless && (arguments->hasHostPort || parser.isSet(join))
        && arguments->name.isEmpty())
        return fail(u"A --name is needed."_s);
    return -1;
}
