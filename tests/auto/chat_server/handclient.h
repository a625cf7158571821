// SPDX-License-Identifier: MIT
// A client that says what the test tells it to, and keeps what it hears.
#ifndef HANDCLIENT_H
#define HANDCLIENT_H

#include "link/recordlink.h"
#include "records/records.h"

#include <QtKcpNetwork/KcpSocket>
#include <QtNetwork/QHostAddress>

#include <algorithm>

class HandClient : public QObject
{
public:
    explicit HandClient(quint16 port, const KcpConfiguration &configuration = chatConfiguration())
    {
        socket.setConfiguration(configuration);
        connect(&socket, &KcpSocket::readyRead, this, [this] {
            while (reading && socket.hasPendingMessages())
                heard.append(Chat::decode(socket.readMessage()).value());
        });
        connect(&socket, &KcpSocket::datagramReceived, this, [this](const QByteArray &payload) {
            datagrams.append(Chat::decode(payload).value());
        });
        socket.connectToHost(QHostAddress(QHostAddress::LocalHost), port);
    }

    void send(const Chat::Record &record) { socket.writeMessage(Chat::encode(record)); }
    void hello(const QString &name, const QByteArray &token = {})
    {
        send(Chat::Hello{ Chat::Magic, Chat::Version, name, token });
    }

    template <typename R>
    int count() const
    {
        return int(std::count_if(heard.begin(), heard.end(), [](const Chat::Record &record) {
            return std::holds_alternative<R>(record);
        }));
    }
    // The last one; there must be one.
    template <typename R>
    R last() const
    {
        const auto it = std::find_if(heard.rbegin(), heard.rend(), [](const Chat::Record &record) {
            return std::holds_alternative<R>(record);
        });
        return it == heard.rend() ? R() : std::get<R>(*it);
    }

    bool isWelcome() const { return count<Chat::Welcome>() == 1; }
    bool isEnded() const { return socket.state() == QAbstractSocket::UnconnectedState; }
    Chat::Reason reason() const { return Chat::Reason(socket.closeCode()); }

    KcpSocket socket;
    QList<Chat::Record> heard;
    QList<Chat::Record> datagrams;
    bool reading = true;
};

#endif // HANDCLIENT_H
