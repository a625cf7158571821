// SPDX-License-Identifier: MIT
// The formats: draft-ietf-opsawg-pcap (file), RFC 791 (IPv4), RFC 768 (UDP).
#include "pcapfile.h"

#include <QtCore/QDataStream>

#include <chrono>

namespace {

constexpr quint32 MagicMicroseconds = 0xa1b2c3d4;
constexpr quint32 LinkTypeRaw = 101;
constexpr quint32 SnapLength = 65535;
constexpr quint8 ProtocolUdp = 17;
constexpr int Ipv4Size = 20;
constexpr int UdpSize = 8;

quint16 ipv4Checksum(const QByteArray &header)
{
    quint32 sum = 0;
    for (qsizetype i = 0; i < header.size(); i += 2)
        sum += quint32(quint8(header[i])) << 8 | quint8(header[i + 1]);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return quint16(~sum);
}

QByteArray ipv4Header(quint32 from, quint32 to, quint16 totalSize, quint16 checksum)
{
    QByteArray header;
    QDataStream stream(&header, QIODevice::WriteOnly);
    stream << quint8(0x45) << quint8(0) << totalSize << quint32(0) // identification, fragments
           << quint8(64) << ProtocolUdp << checksum << from << to;
    return header;
}

} // namespace

bool PcapFile::open(const QString &name)
{
    m_file.setFileName(name);
    if (!m_file.open(QIODevice::WriteOnly))
        return false;
    QDataStream stream(&m_file);
    stream << MagicMicroseconds << quint16(2) << quint16(4) << quint32(0) << quint32(0)
           << SnapLength << LinkTypeRaw;
    return stream.status() == QDataStream::Ok;
}

void PcapFile::write(const Endpoint &from, const Endpoint &to, const QByteArray &datagram)
{
    using namespace std::chrono;
    const auto now = system_clock::now().time_since_epoch();
    const auto seconds = duration_cast<std::chrono::seconds>(now);
    const quint32 fromIp = from.address.toIPv4Address();
    const quint32 toIp = to.address.toIPv4Address();
    const auto size = quint16(Ipv4Size + UdpSize + datagram.size());
    const quint16 checksum = ipv4Checksum(ipv4Header(fromIp, toIp, size, 0));

    QDataStream stream(&m_file);
    stream << quint32(seconds.count())
           << quint32(duration_cast<microseconds>(now - seconds).count()) << quint32(size)
           << quint32(size);
    m_file.write(ipv4Header(fromIp, toIp, size, checksum));
    stream << from.port << to.port << quint16(UdpSize + datagram.size())
           << quint16(0); // UDP over IPv4 may go without a checksum
    m_file.write(datagram);
}
