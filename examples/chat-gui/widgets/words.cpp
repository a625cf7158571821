// SPDX-License-Identifier: MIT
#include "widgets/words.h"

#include <QtCore/QDateTime>
#include <QtCore/QLocale>

using namespace Qt::StringLiterals;

QString Words::ending(const ChatClient::Ending &ending)
{
    switch (ending.reason) {
    case Chat::Reason::WrongVersion:
        return tr("The server speaks another version of this chat.");
    case Chat::Reason::NotAChat:
    case Chat::Reason::BadRecord:
        return tr("The server did not understand this program.");
    case Chat::Reason::BadName:
        return tr("This nickname is not possible. Please choose another one.");
    case Chat::Reason::NameTaken:
        return tr("Somebody in the chat has this nickname already.");
    case Chat::Reason::Full:
        return tr("The chat is full.");
    case Chat::Reason::TooManyMessages:
        return tr("The server has removed you: too many messages.");
    case Chat::Reason::Replaced:
        return tr("You have joined from somewhere else.");
    case Chat::Reason::ServerClosing:
        return tr("The host has closed the chat.");
    case Chat::Reason::None:
        break;
    }
    switch (ending.socketReason) {
    case KcpSocket::Refused:
        return tr("There is no chat at this address.");
    case KcpSocket::ConnectTimeout:
        return tr("Nobody answers at this address.");
    case KcpSocket::NotClosed: // there was no connection to begin with
        return tr("This address cannot be reached.");
    default:
        return tr("The connection was lost.");
    }
}

QString Words::leaving(const QString &name, Chat::LeaveReason reason)
{
    switch (reason) {
    case Chat::LeaveReason::Left:
        return tr("%1 left").arg(name);
    case Chat::LeaveReason::Lost:
        return tr("%1 lost the connection").arg(name);
    case Chat::LeaveReason::Removed:
        return tr("%1 was removed").arg(name);
    }
    return QString();
}

QString Words::refusal(FileTransfers::Refusal refusal, const QString &fileName)
{
    switch (refusal) {
    case FileTransfers::Unreadable:
        return tr("%1 cannot be read").arg(fileName);
    case FileTransfers::TooLarge:
        return tr("%1 is larger than %2").arg(fileName, size(Chat::MaxFileSize));
    case FileTransfers::TooMany:
        return tr("%1 was not sent: too many files are waiting").arg(fileName);
    case FileTransfers::NotConnected:
        return tr("%1 was not sent: there is no connection").arg(fileName);
    case FileTransfers::Accepted:
        break;
    }
    return QString();
}

QString Words::transfer(const FileTransfers::Transfer &transfer)
{
    switch (transfer.state) {
    case FileTransfers::Queued:
        return tr("%1, waiting").arg(size(transfer.size));
    case FileTransfers::Running:
        return tr("%1 of %2").arg(size(transfer.done), size(transfer.size));
    case FileTransfers::Complete:
        return size(transfer.size);
    case FileTransfers::Cancelled:
        return tr("%1, cancelled").arg(size(transfer.size));
    case FileTransfers::Failed:
        return tr("%1, connection lost").arg(size(transfer.size));
    case FileTransfers::NoRoom:
        return tr("%1, no room for it").arg(size(transfer.size));
    }
    return QString();
}

QString Words::size(qint64 bytes)
{
    return QLocale().formattedDataSize(bytes, bytes < 1024 ? 0 : 1, QLocale::DataSizeSIFormat);
}

QString Words::time(qint64 millisecondsSinceEpoch)
{
    const QDateTime time = QDateTime::fromMSecsSinceEpoch(millisecondsSinceEpoch);
    // Somebody else's clock; day and seconds are of no interest within a chat.
    QString format = QLocale().timeFormat(QLocale::ShortFormat);
    format.remove(u":ss"_s);
    return QLocale().toString(time.time(), format);
}
