// SPDX-License-Identifier: MIT
#ifndef CHAT_RECORDS_H
#define CHAT_RECORDS_H

#include "records/limits.h"

#include <QtCore/QByteArray>
#include <QtCore/QList>
#include <QtCore/QMetaType>
#include <QtCore/QString>

#include <optional>
#include <variant>

// What client and server say to each other: each record is one message of a KcpSocket, or one
// unreliable datagram. The first byte tells the type, the rest is written with QDataStream.
namespace Chat {

// Why the server ends a session: the code of KcpSocket::disconnectFromHost().
enum class Reason : quint32 {
    None = 0,
    WrongVersion = 1,
    NotAChat = 2, // no Hello at the beginning, or none in time
    BadRecord = 3,
    BadName = 4,
    NameTaken = 5,
    Full = 6,
    TooManyMessages = 7,
    Replaced = 8, // the same person came in again
    ServerClosing = 9,
};

enum class LeaveReason : quint8 { Left, Lost, Removed };

enum class FileEnd : quint8 {
    Complete,
    CancelledBySender,
    SenderGone,
    Refused, // the server does not take it
};

struct Person
{
    quint32 id = 0;
    QString name;
};

struct Latency
{
    quint32 id = 0;
    quint32 milliseconds = 0;
};

// client to server, the first record of the chat session. A client that was there before shows its
// token and takes over its old place.
struct Hello
{
    quint32 magic = Magic;
    quint16 version = Version;
    QString name;
    QByteArray token;
};

// client to server, the first record of the file session
struct Attach
{
    quint32 magic = Magic;
    quint16 version = Version;
    QByteArray token;
};

// server to client, the answer to Hello
struct Welcome
{
    quint32 id = 0;
    QByteArray token;
    QList<Person> people; // with the client itself
};

// server to client, the answer to Attach
struct Attached
{
};

struct Joined
{
    Person person;
};

struct Left
{
    quint32 id = 0;
    LeaveReason reason = LeaveReason::Left;
};

// client to server; the tag comes back with Said
struct Say
{
    quint32 tag = 0;
    QString text;
};

struct Said
{
    quint32 id = 0;
    quint32 tag = 0; // 0 unless the receiver has said it
    qint64 time = 0; // milliseconds since 1970, UTC
    QString text;
};

struct Latencies
{
    QList<Latency> list;
};

// an unreliable datagram, both ways; the server fills in who it is
struct Typing
{
    quint32 id = 0;
};

// Client to server: a file follows. The transfer's number is the client's.
struct FileOffer
{
    quint32 transfer = 0;
    QString name;
    quint32 size = 0; // bytes
};

// Server to client: somebody's file follows. The transfer's number is the server's.
struct FileStart
{
    quint32 transfer = 0;
    quint32 person = 0;
    QString name;
    quint32 size = 0; // bytes
};

struct FileChunk
{
    quint32 transfer = 0;
    QByteArray data;
};

// Both ways. A server that says Complete to the sender has passed everything on.
struct FileFinish
{
    quint32 transfer = 0;
    FileEnd end = FileEnd::Complete;
};

using Record = std::variant<Hello, Attach, Welcome, Attached, Joined, Left, Say, Said, Latencies,
                            Typing, FileOffer, FileStart, FileChunk, FileFinish>;

QByteArray encode(const Record &record);

// Returns nothing for what is not exactly one record within the limits. A Hello or Attach of
// another version is returned without what follows the version.
std::optional<Record> decode(const QByteArray &data);

} // namespace Chat

Q_DECLARE_METATYPE(Chat::Record)

#endif // CHAT_RECORDS_H
