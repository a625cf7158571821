// SPDX-License-Identifier: MIT
// Writes UDP datagrams as a capture that tshark reads (libpcap's format, raw IPv4). Nobody needs
// the right to capture for it.
#ifndef PCAPFILE_H
#define PCAPFILE_H

#include <QtCore/QFile>
#include <QtNetwork/QHostAddress>

class PcapFile
{
public:
    struct Endpoint
    {
        QHostAddress address; // IPv4
        quint16 port = 0;
    };

    bool open(const QString &name);
    bool isOpen() const { return m_file.isOpen(); }
    QString errorString() const { return m_file.errorString(); }
    // Stamped with the time of the call.
    void write(const Endpoint &from, const Endpoint &to, const QByteArray &datagram);

private:
    QFile m_file;
};

#endif // PCAPFILE_H
