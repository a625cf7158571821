// SPDX-License-Identifier: MIT
#include "widgets/messagemodel.h"

#include "widgets/words.h"

#include <QtCore/QDateTime>

#include <utility>

using namespace Qt::StringLiterals;

// Enough to read back; more would only cost.
static constexpr int MaximumMessages = 1000;
// What one person says in this time stands together.
static constexpr qint64 GroupTime = 3 * 60 * 1000; // ms

MessageModel::MessageModel(QObject *parent) : QAbstractListModel(parent) { }

int MessageModel::rowCount(const QModelIndex &parent) const
{
    return parent.isValid() ? 0 : int(m_messages.size());
}

QVariant MessageModel::data(const QModelIndex &index, int role) const
{
    if (!index.isValid() || index.row() >= m_messages.size())
        return QVariant();
    const Message &message = m_messages.at(index.row());
    switch (role) {
    case MessageRole:
        return QVariant::fromValue(message);
    case Qt::DisplayRole:
        return message.kind == File ? message.transfer.name : message.text;
    case Qt::AccessibleTextRole:
        if (message.kind == System)
            return message.text;
        return u"%1: %2"_s.arg(message.name,
                               message.kind == File ? message.transfer.name + u", "_s
                                               + Words::transfer(message.transfer)
                                                    : message.text);
    default:
        return QVariant();
    }
}

void MessageModel::addText(const QString &name, const QString &text, qint64 time)
{
    Message message;
    message.name = name;
    message.text = text;
    message.time = time;
    add(message);
}

void MessageModel::addOwnText(const QString &name, const QString &text, quint32 tag)
{
    Message message;
    message.isOwn = true;
    message.name = name;
    message.text = text;
    message.tag = tag;
    message.delivery = Pending;
    message.time = QDateTime::currentMSecsSinceEpoch();
    add(message);
}

void MessageModel::addSystem(const QString &text)
{
    Message message;
    message.kind = System;
    message.text = text;
    add(message);
}

void MessageModel::addFile(const QString &name, const FileTransfers::Transfer &transfer,
                           qint64 time)
{
    Message message;
    message.kind = File;
    message.isOwn = transfer.isOwn;
    message.name = name;
    message.time = time;
    message.transfer = transfer;
    add(message);
}

void MessageModel::add(Message message)
{
    message.id = ++m_lastId;
    if (!m_messages.isEmpty() && message.kind != System) {
        const Message &before = m_messages.constLast();
        message.isFirst = before.kind == System || before.isOwn != message.isOwn
                || before.name != message.name || message.time - before.time > GroupTime;
    }
    if (m_messages.size() >= MaximumMessages) {
        beginRemoveRows(QModelIndex(), 0, 0);
        m_messages.removeFirst();
        endRemoveRows();
    }
    const int row = int(m_messages.size());
    beginInsertRows(QModelIndex(), row, row);
    m_messages.append(std::move(message));
    endInsertRows();
}

void MessageModel::setDelivery(quint32 tag, Delivery delivery, qint64 time)
{
    for (int row = int(m_messages.size()) - 1; row >= 0; --row) {
        Message &message = m_messages[row];
        if (message.tag != tag || message.tag == 0)
            continue;
        message.tag = 0; // a next session counts anew
        message.delivery = delivery;
        if (time != 0)
            message.time = time;
        emit dataChanged(index(row), index(row));
        return;
    }
}

int MessageModel::rowOfTransfer(quint32 number) const
{
    for (int row = int(m_messages.size()) - 1; row >= 0; --row) {
        if (m_messages.at(row).kind == File && m_messages.at(row).transfer.number == number)
            return row;
    }
    return -1;
}

void MessageModel::setTransfer(const FileTransfers::Transfer &transfer)
{
    if (const int row = rowOfTransfer(transfer.number); row >= 0) {
        m_messages[row].transfer = transfer;
        emit dataChanged(index(row), index(row));
    }
}

void MessageModel::setThumbnail(quint32 transferNumber, const QImage &thumbnail)
{
    if (const int row = rowOfTransfer(transferNumber); row >= 0) {
        m_messages[row].thumbnail = thumbnail;
        emit dataChanged(index(row), index(row));
    }
}

void MessageModel::setSaved(quint32 transferNumber, const QString &path)
{
    if (const int row = rowOfTransfer(transferNumber); row >= 0) {
        m_messages[row].savedAs = path;
        emit dataChanged(index(row), index(row));
    }
}

void MessageModel::clear()
{
    beginResetModel();
    m_messages.clear();
    endResetModel();
}
