// SPDX-License-Identifier: MIT
#ifndef ECHOCLIENT_H
#define ECHOCLIENT_H

#include "progressbar.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QElapsedTimer>
#include <QtCore/QTimer>
#include <QtKcpNetwork/KcpConfiguration>
#include <QtKcpNetwork/KcpSocket>

#include <memory>

// Sends what one device gives and compares what comes back with what a second device gives, which
// holds the same: so that neither side of a large file has to be in memory.
class EchoClient : public QObject
{
    Q_OBJECT
public:
    struct Options
    {
        KcpConfiguration configuration;
        qint64 chunkSize = 64 * 1024; // bytes of one write, or of one message
        bool printDigest = false;
    };

    EchoClient(const Options &options, std::unique_ptr<QIODevice> outgoing,
               std::unique_ptr<QIODevice> expected, QObject *parent = nullptr);

    void start(const QString &host, quint16 port);

Q_SIGNALS:
    void finished(int exitStatus);

private:
    void handleConnected();
    void send();
    void receive();
    bool compare(const QByteArray &data);
    void handleError();
    void handleSilence();
    void succeed();
    void fail(const QString &text);

    Options m_options;
    std::unique_ptr<QIODevice> m_outgoing;
    std::unique_ptr<QIODevice> m_expected;
    qint64 m_total; // bytes
    qint64 m_received = 0;
    KcpSocket m_socket;
    QCryptographicHash m_digest{ QCryptographicHash::Sha256 };
    QElapsedTimer m_clock;
    QTimer m_silence;
    ProgressBar m_progress;
    bool m_done = false;
};

#endif // ECHOCLIENT_H
