// SPDX-License-Identifier: MIT
#include "nginx.h"

#include <QtCore/QDir>
#include <QtCore/QFile>
#include <QtNetwork/QUdpSocket>

#include <csignal>

#include <sys/types.h>
#ifdef Q_OS_LINUX
#  include <sys/prctl.h>
#endif

using namespace Qt::StringLiterals;

namespace {

constexpr int StartTime = 20000; // ms
// Those of doc/loadbalancer/kcp-stream.conf.
constexpr quint16 DocumentedPort = 7000;

quint16 freePort()
{
    QUdpSocket socket;
    socket.bind(QHostAddress::LocalHost);
    return socket.localPort();
}

bool write(const QString &name, const QByteArray &content)
{
    QFile file(name);
    return file.open(QIODevice::WriteOnly) && file.write(content) == content.size();
}

} // namespace

Nginx::~Nginx()
{
    m_process.terminate(); // workers end with it
    if (!m_process.waitForFinished(StartTime))
        m_process.kill();
}

QByteArray Nginx::log() const
{
    QFile file(m_folder.filePath(u"error.log"_s));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

bool Nginx::writeConfiguration(const QList<quint16> &servers)
{
    QFile shown(QStringLiteral(KCPNET_NGINX_CONF));
    if (!shown.open(QIODevice::ReadOnly))
        return false;
    QByteArray stream = shown.readAll();
    QList<quint16> ports{ m_port };
    ports += servers;
    for (qsizetype i = 0; i < ports.size(); ++i) {
        const QByteArray documented = "127.0.0.1:" + QByteArray::number(DocumentedPort + i);
        if (stream.count(documented) != 1)
            return false;
        stream.replace(documented, "127.0.0.1:" + QByteArray::number(ports.at(i)));
    }

    // The rest of nginx.conf: nothing outside of the folder, no right that a user does not have.
    const QByteArray folder = m_folder.path().toUtf8();
    const QByteArray module = KCPNET_NGINX_STREAM_MODULE;
    const QByteArray main = (module.isEmpty() ? QByteArray() : "load_module " + module + ";\n")
            + "daemon off;\n"
              "worker_processes 2;\n"
              "pid "
            + folder
            + "/nginx.pid;\n"
              "error_log "
            + folder
            + "/error.log info;\n"
              "events { worker_connections 256; }\n"
              "stream { include "
            + folder + "/kcp-stream.conf; }\n";
    return write(m_folder.filePath(u"kcp-stream.conf"_s), stream)
            && write(m_folder.filePath(u"nginx.conf"_s), main);
}

bool Nginx::start(const QList<quint16> &servers)
{
    m_port = freePort();
    if (!m_folder.isValid() || !writeConfiguration(servers))
        return false;
    m_process.setProcessChannelMode(QProcess::ForwardedChannels);
#ifdef Q_OS_LINUX
    // A test that is killed leaves no nginx behind.
    m_process.setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGTERM); });
#endif
    m_process.start(QStringLiteral(KCPNET_NGINX),
                    { u"-p"_s, m_folder.path(), u"-c"_s, m_folder.filePath(u"nginx.conf"_s),
                      u"-e"_s, m_folder.filePath(u"error.log"_s) });
    return m_process.waitForStarted(StartTime);
}

bool Nginx::reload()
{
    return ::kill(pid_t(m_process.processId()), SIGHUP) == 0;
}
