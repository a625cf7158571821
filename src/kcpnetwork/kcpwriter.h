// SPDX-License-Identifier: MIT
#ifndef KCPWRITER_H
#define KCPWRITER_H

#include <QtKcpNetwork/qtkcpnetworkglobal.h>

#include <QtCore/qbytearray.h>
#include <QtCore/qobjectdefs.h>
#include <QtCore/qstring.h>

#include <memory>

class KcpSocket;
class KcpWriterQueue;

class Q_KCPNETWORK_EXPORT KcpWriter
{
    Q_GADGET
public:
    enum Error {
        NoError,
        LimitReached,
        MessageTooLarge,
        WrongMode,
        Ended,
    };
    Q_ENUM(Error)

    KcpWriter();
    KcpWriter(const KcpWriter &other);
    KcpWriter(KcpWriter &&other) noexcept;
    ~KcpWriter();
    KcpWriter &operator=(const KcpWriter &other);
    KcpWriter &operator=(KcpWriter &&other) noexcept;

    bool write(const QByteArray &data, int msecs = -1, Error *error = nullptr) const;
    bool writeMessage(const QByteArray &message, int msecs = -1, Error *error = nullptr) const;

    bool isOpen() const;
    QString errorString() const;
    qint64 bytesQueued() const;

private:
    friend class KcpSocket;
    explicit KcpWriter(std::shared_ptr<KcpWriterQueue> queue);

    std::shared_ptr<KcpWriterQueue> d;
};

#endif // KCPWRITER_H
