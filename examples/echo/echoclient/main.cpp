// SPDX-License-Identifier: MIT
#include "echoclient.h"

#include <QtCore/QBuffer>
#include <QtCore/QCommandLineParser>
#include <QtCore/QCoreApplication>
#include <QtCore/QFile>
#include <QtCore/QMetaEnum>

#include <cstdio>
#include <optional>

using namespace Qt::StringLiterals;

namespace {

enum ExitStatus { Success = 0, Failure = 1, WrongUsage = 2 };

struct Arguments
{
    EchoClient::Options client;
    QString host;
    quint16 port = 0;
    QString file; // empty: the text is sent
    QByteArray text;
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

// Takes host and port off the end of words; what is left of them is the text. Returns an error
// text, empty if all is well.
QString parsePositional(QStringList words, bool newline, Arguments *arguments)
{
    if (words.size() < 2)
        return u"A host and a port are needed."_s;
    const QString port = words.takeLast();
    bool isNumber = false;
    arguments->port = port.toUShort(&isNumber);
    if (!isNumber || arguments->port == 0)
        return u"'%1' is not a port."_s.arg(port);
    arguments->host = words.takeLast();
    if (words.isEmpty() == arguments->file.isEmpty())
        return u"Either a text or --file is needed."_s;
    arguments->text = words.join(u' ').toUtf8() + (newline ? "\n" : "");
    return {};
}

QString parse(QCommandLineParser &parser, const QStringList &words, Arguments *arguments)
{
    const QCommandLineOption noNewline(u"n"_s, u"No newline after the text."_s);
    const QCommandLineOption preset(u"preset"_s, u"default, normal, fast or adaptive."_s,
                                    u"preset"_s, u"adaptive"_s);
    const QCommandLineOption plain(u"plain"_s, u"Speak plain KCP, without sessions."_s);
    const QCommandLineOption message(u"message"_s, u"Message mode instead of a stream."_s);
    const QCommandLineOption file(u"file"_s, u"Send <file> instead of a text."_s, u"file"_s);
    const QCommandLineOption chunk(u"chunk"_s, u"Write <bytes> at a time; default 65536."_s,
                                   u"bytes"_s, u"65536"_s);
    const QCommandLineOption digest(u"sha256"_s, u"Print the SHA-256 of what came back."_s);
    parser.addOptions({ noNewline, preset, plain, message, file, chunk, digest });
    const QCommandLineOption help = parser.addHelpOption();
    parser.addPositionalArgument(u"text"_s, u"What to send, unless --file says it."_s,
                                 u"[text...]"_s);
    parser.addPositionalArgument(u"host"_s, u"The server's name or address."_s);
    parser.addPositionalArgument(u"port"_s, u"The server's port."_s);

    if (!parser.parse(words))
        return parser.errorText();
    if (parser.isSet(help))
        parser.showHelp(Success);

    const std::optional<KcpConfiguration> configuration = configurationOf(parser.value(preset));
    if (!configuration)
        return u"'%1' is not a preset."_s.arg(parser.value(preset));
    arguments->client.configuration = *configuration;
    if (parser.isSet(plain))
        arguments->client.configuration.setProfile(KcpConfiguration::PlainKcp);
    if (parser.isSet(message))
        arguments->client.configuration.setMode(KcpConfiguration::Message);
    bool isNumber = false;
    arguments->client.chunkSize = parser.value(chunk).toInt(&isNumber);
    if (!isNumber || arguments->client.chunkSize <= 0)
        return u"'%1' is not a number of bytes."_s.arg(parser.value(chunk));
    arguments->client.printDigest = parser.isSet(digest);
    if (parser.isSet(file)) {
        arguments->file = parser.value(file);
        if (arguments->file.isEmpty())
            return u"--file needs a name."_s;
    }
    return parsePositional(parser.positionalArguments(), !parser.isSet(noNewline), arguments);
}

//! [source]
// nullptr, with a message on stderr, if the file cannot be read.
std::unique_ptr<QIODevice> openSource(const Arguments &arguments)
{
    if (arguments.file.isEmpty()) {
        auto buffer = std::make_unique<QBuffer>();
        buffer->setData(arguments.text);
        buffer->open(QIODevice::ReadOnly);
        return buffer;
    }
    auto file = std::make_unique<QFile>(arguments.file);
    if (!file->open(QIODevice::ReadOnly)) {
        std::fprintf(stderr, "echoclient: %s: %s\n", qPrintable(arguments.file),
                     qPrintable(file->errorString()));
        return nullptr;
    }
    if (file->isSequential()) { // it is read twice
        std::fprintf(stderr, "echoclient: %s: not a regular file\n", qPrintable(arguments.file));
        return nullptr;
    }
    return file;
}
//! [source]

} // namespace

//! [main]
int main(int argc, char *argv[])
{
    QCoreApplication app(argc, argv);
    QCommandLineParser parser;
    parser.setApplicationDescription(
            u"Sends a text or a file to an echo server and checks what comes back."_s);

    Arguments arguments;
    const QString error = parse(parser, app.arguments(), &arguments);
    if (!error.isEmpty()) {
        std::fprintf(stderr, "echoclient: %s See --help.\n", qPrintable(error));
        return WrongUsage;
    }

    auto outgoing = openSource(arguments);
    auto expected = outgoing ? openSource(arguments) : nullptr;
    if (!expected)
        return Failure;

    EchoClient client(arguments.client, std::move(outgoing), std::move(expected));
    QObject::connect(&client, &EchoClient::finished, &app, &QCoreApplication::exit);
    QMetaObject::invokeMethod( // exit() works only once the event loop runs
            &client, [&] { client.start(arguments.host, arguments.port); }, Qt::QueuedConnection);
    return app.exec();
}
//! [main]
