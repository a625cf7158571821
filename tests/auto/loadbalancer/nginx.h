// SPDX-License-Identifier: MIT
// nginx with the configuration that the documentation shows; ports and nothing else are replaced.
#ifndef NGINX_H
#define NGINX_H

#include <QtCore/QProcess>
#include <QtCore/QTemporaryDir>

class Nginx
{
public:
    ~Nginx();

    // Where nothing listens at this moment; nginx shall.
    quint16 port() const { return m_port; }
    QByteArray log() const;

    bool start(const QList<quint16> &servers);
    bool reload(); // as "nginx -s reload"

private:
    bool writeConfiguration(const QList<quint16> &servers);

    QTemporaryDir m_folder;
    QProcess m_process;
    quint16 m_port = 0;
};

#endif // NGINX_H
