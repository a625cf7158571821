// SPDX-License-Identifier: MIT
#include "client/filetransfers.h"

#include "records/names.h"

#include <QtCore/QDateTime>
#include <QtCore/QFileInfo>

#include <algorithm>
#include <utility>

// What the session may owe: enough for a fast network, and little to wait for when we cancel.
static constexpr qint64 MaximumQueue = 512 * 1024;
static constexpr int MaximumQueuedFiles = 16;
// As many as there are messages that show them. Files of 0 bytes count, too.
static constexpr qsizetype MaximumTransfers = 1000;

FileTransfers::FileTransfers(QObject *parent) : QObject(parent)
{
    m_offerTimer.setSingleShot(true);
    m_offerTimer.setInterval(1000 / Chat::FilesPerSecond);
    connect(&m_offerTimer, &QTimer::timeout, this, &FileTransfers::sendNext);
}

FileTransfers::~FileTransfers() = default;

FileTransfers::Refusal FileTransfers::send(const QString &path, quint32 *number)
{
    const QFileInfo info(path);
    if (!info.isFile() || !info.isReadable())
        return Unreadable;
    if (info.size() > Chat::MaxFileSize)
        return TooLarge;
    if (!m_link)
        return NotConnected;
    if (m_queue.size() >= MaximumQueuedFiles)
        return TooMany;

    Transfer transfer;
    transfer.number = ++m_lastNumber;
    transfer.isOwn = true;
    transfer.name = Chat::cleanFileName(info.fileName());
    transfer.size = quint32(info.size());
    transfer.path = info.absoluteFilePath();
    insert(transfer);
    m_queue.append(transfer.number);
    if (number)
        *number = transfer.number;
    emit added(transfer.number);
    sendNext();
    return Accepted;
}

void FileTransfers::cancel(quint32 number)
{
    const auto it = m_transfers.find(number);
    if (it == m_transfers.end() || (it->state != Queued && it->state != Running))
        return;
    if (m_queue.removeOne(number)) {
        setState(number, Cancelled);
    } else if (number == m_outgoingNumber) {
        m_link->send(Chat::FileFinish{ number, Chat::FileEnd::CancelledBySender });
        finishOutgoing(Cancelled);
    } else {
        // The others still want it: it goes on, and we do not look.
        for (auto incoming = m_incoming.begin(); incoming != m_incoming.end(); ++incoming) {
            if (incoming->second.number != number)
                continue;
            incoming->second.file->remove();
            m_kept -= it->size;
            m_incoming.erase(incoming);
            break;
        }
        setState(number, Cancelled);
    }
}

bool FileTransfers::isIdle() const
{
    return m_outgoingNumber == 0 && m_queue.isEmpty() && m_incoming.empty();
}

void FileTransfers::attach(RecordLink *link)
{
    m_link = link;
    connect(link, &RecordLink::received, this, &FileTransfers::handle);
    connect(link, &RecordLink::acknowledged, this, &FileTransfers::sendChunks);
}

void FileTransfers::detach()
{
    if (m_link)
        m_link->disconnect(this);
    m_link = nullptr;
    m_ready = false;
    m_outgoing.reset();
    m_outgoingNumber = 0;
    m_queue.clear();
    for (auto &[transfer, incoming] : m_incoming) {
        incoming.file->remove();
        m_kept -= m_transfers.value(incoming.number).size;
    }
    m_incoming.clear();
    const QList<quint32> numbers = m_transfers.keys();
    for (const quint32 number : numbers) {
        const State state = m_transfers.value(number).state;
        if (state == Queued || state == Running)
            setState(number, Failed);
    }
}

void FileTransfers::handle(const Chat::Record &record)
{
    if (std::holds_alternative<Chat::Attached>(record)) {
        m_ready = true;
        sendNext();
    } else if (const auto *chunk = std::get_if<Chat::FileChunk>(&record)) {
        handleChunk(*chunk);
    } else if (const auto *start = std::get_if<Chat::FileStart>(&record)) {
        handleStart(*start);
    } else if (const auto *finish = std::get_if<Chat::FileFinish>(&record)) {
        handleFinish(*finish);
    }
}

void FileTransfers::dropReceived()
{
    const QList<quint32> numbers = m_transfers.keys();
    for (const quint32 number : numbers)
        dropReceived(number);
    m_folder.reset();
}

// Does nothing with a transfer that has no complete file.
void FileTransfers::dropReceived(quint32 number)
{
    const Transfer transfer = m_transfers.value(number);
    if (transfer.isOwn || transfer.state != Complete)
        return;
    QFile::remove(transfer.path);
    m_kept -= transfer.size;
    setState(number, NoRoom);
}

bool FileTransfers::makeRoom(quint32 size)
{
    qint64 needed = size;
    for (const auto &[transfer, incoming] : m_incoming)
        needed += m_transfers.value(incoming.number).size;
    if (needed > m_maximumKept) // nothing to be gained
        return false;
    const QList<quint32> oldestFirst = m_transfers.keys();
    for (const quint32 number : oldestFirst) {
        if (m_kept + size <= m_maximumKept)
            break;
        dropReceived(number);
    }
    return m_kept + size <= m_maximumKept;
}

void FileTransfers::insert(const Transfer &transfer)
{
    if (m_transfers.size() >= MaximumTransfers) {
        const auto oldest = std::find_if(m_transfers.begin(), m_transfers.end(), [](const auto &t) {
            return t.state != Queued && t.state != Running;
        });
        if (oldest != m_transfers.end()) {
            const quint32 number = oldest.key();
            dropReceived(number);
            m_transfers.remove(number);
        }
    }
    m_transfers.insert(transfer.number, transfer);
}

//! [receive]
bool FileTransfers::openIncoming(Transfer &transfer, QFile &file)
{
    if (m_incoming.size() >= Chat::MaxPeople || !makeRoom(transfer.size))
        return false;
    if (!m_folder)
        m_folder = std::make_unique<QTemporaryDir>();
    // Never the name that came from outside.
    transfer.path = m_folder->filePath(QString::number(transfer.number));
    file.setFileName(transfer.path);
    return m_folder->isValid() && file.open(QIODevice::WriteOnly);
}
//! [receive]

void FileTransfers::handleStart(const Chat::FileStart &start)
{
    if (start.size > Chat::MaxFileSize || m_incoming.count(start.transfer))
        return;
    Transfer transfer;
    transfer.number = ++m_lastNumber;
    transfer.person = start.person;
    transfer.name = Chat::cleanFileName(start.name);
    transfer.size = start.size;
    transfer.state = Running;
    auto file = std::make_unique<QFile>();
    const bool isOpen = openIncoming(transfer, *file);
    if (isOpen) {
        m_kept += start.size;
        m_incoming[start.transfer] = { transfer.number, std::move(file) };
    } else {
        transfer.state = NoRoom;
    }
    insert(transfer);
    emit added(transfer.number);
}

void FileTransfers::handleChunk(const Chat::FileChunk &chunk)
{
    const auto it = m_incoming.find(chunk.transfer);
    if (it == m_incoming.end()) // cancelled
        return;
    const quint32 number = it->second.number;
    Transfer &transfer = m_transfers[number];
    const qint64 left = qint64(transfer.size) - transfer.done;
    if (chunk.data.size() > left || it->second.file->write(chunk.data) != chunk.data.size()) {
        it->second.file->remove();
        m_kept -= transfer.size;
        m_incoming.erase(it);
        setState(number, chunk.data.size() > left ? Failed : NoRoom);
        return;
    }
    transfer.done += quint32(chunk.data.size());
    emit changed(number);
}

void FileTransfers::handleFinish(const Chat::FileFinish &finish)
{
    const auto it = m_incoming.find(finish.transfer);
    if (it != m_incoming.end()) {
        const quint32 number = it->second.number;
        const Transfer transfer = m_transfers.value(number);
        const bool isWhole = transfer.done == transfer.size && it->second.file->flush();
        it->second.file->close();
        State state = Failed;
        if (finish.end == Chat::FileEnd::Complete && isWhole)
            state = Complete;
        else if (finish.end == Chat::FileEnd::CancelledBySender)
            state = Cancelled;
        if (state != Complete) {
            it->second.file->remove();
            m_kept -= transfer.size;
        }
        m_incoming.erase(it);
        setState(number, state);
    } else if (m_outgoingNumber != 0 && finish.transfer == m_outgoingNumber) {
        finishOutgoing(finish.end == Chat::FileEnd::Complete ? Complete : Failed);
    }
}

void FileTransfers::sendNext()
{
    if (!m_ready || m_outgoingNumber != 0 || m_queue.isEmpty())
        return;
    if (!m_offers.take(QDateTime::currentMSecsSinceEpoch())) {
        m_offerTimer.start();
        return;
    }
    const quint32 number = m_queue.takeFirst();
    Transfer &transfer = m_transfers[number];
    m_outgoing = std::make_unique<QFile>(transfer.path);
    if (!m_outgoing->open(QIODevice::ReadOnly)) {
        setState(number, Failed);
        sendNext();
        return;
    }
    m_outgoingNumber = number;
    m_sent = 0;
    m_link->send(Chat::FileOffer{ number, transfer.name, transfer.size });
    setState(number, Running);
    sendChunks();
}

//! [send]
void FileTransfers::sendChunks()
{
    if (m_outgoingNumber == 0)
        return;
    Transfer &transfer = m_transfers[m_outgoingNumber];
    while (m_sent < transfer.size && m_link->queuedBytes() < MaximumQueue) {
        const qint64 size = qMin(qint64(Chat::ChunkSize), qint64(transfer.size) - m_sent);
        const QByteArray data = m_outgoing->read(size);
        if (data.size() != size) { // somebody has made the file shorter
            cancel(m_outgoingNumber);
            return;
        }
        if (!m_link->send(Chat::FileChunk{ m_outgoingNumber, data }))
            return; // the link ends, and tells
        m_sent += quint32(size);
    }
    const quint32 done = quint32(qMax(qint64(m_sent) - m_link->queuedBytes(), qint64(0)));
    if (done != transfer.done) {
        transfer.done = done;
        emit changed(m_outgoingNumber);
    }
}
//! [send]

void FileTransfers::finishOutgoing(State state)
{
    const quint32 number = std::exchange(m_outgoingNumber, 0);
    m_outgoing.reset();
    setState(number, state);
    sendNext();
}

void FileTransfers::setState(quint32 number, State state)
{
    Transfer &transfer = m_transfers[number];
    transfer.state = state;
    if (state == Complete)
        transfer.done = transfer.size;
    emit changed(number);
    if (state != Running && isIdle())
        emit becameIdle();
}
