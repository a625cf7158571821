// SPDX-License-Identifier: MIT
#ifndef CHAT_MESSAGEMODEL_H
#define CHAT_MESSAGEMODEL_H

#include "client/filetransfers.h"

#include <QtCore/QAbstractListModel>
#include <QtGui/QImage>

// What stands in the message list. The oldest goes when there is too much.
class MessageModel : public QAbstractListModel
{
    Q_OBJECT
public:
    enum Kind { Text, System, File };
    enum Delivery { Pending, Delivered, Undelivered };

    struct Message
    {
        quint64 id = 0; // never used twice
        Kind kind = Text;
        bool isOwn = false;
        bool isFirst = true; // of several of one person, that stand close together
        QString name;
        QString text; // plain, whatever it looks like
        qint64 time = 0; // ms since 1970; 0 = none
        Delivery delivery = Delivered;
        quint32 tag = 0; // of an own text that is not confirmed yet
        FileTransfers::Transfer transfer;
        QImage thumbnail;
        QString savedAs;
    };

    enum Role { MessageRole = Qt::UserRole };

    explicit MessageModel(QObject *parent = nullptr);

    int rowCount(const QModelIndex &parent = QModelIndex()) const override;
    QVariant data(const QModelIndex &index, int role) const override;
    const Message &message(const QModelIndex &index) const { return m_messages.at(index.row()); }

    void addText(const QString &name, const QString &text, qint64 time);
    void addOwnText(const QString &name, const QString &text, quint32 tag);
    void addSystem(const QString &text);
    void addFile(const QString &name, const FileTransfers::Transfer &transfer, qint64 time);
    void setDelivery(quint32 tag, Delivery delivery, qint64 time);
    void setTransfer(const FileTransfers::Transfer &transfer);
    void setThumbnail(quint32 transferNumber, const QImage &thumbnail);
    void setSaved(quint32 transferNumber, const QString &path);
    void clear();

private:
    void add(Message message);
    int rowOfTransfer(quint32 number) const;

    QList<Message> m_messages;
    quint64 m_lastId = 0;
};

Q_DECLARE_METATYPE(MessageModel::Message)

#endif // CHAT_MESSAGEMODEL_H
