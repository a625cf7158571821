// SPDX-License-Identifier: MIT
#include "server/filerelay.h"

#include "records/names.h"

#include <QtCore/QDateTime>

#include <algorithm>
#include <iterator>
#include <utility>

// What one receiver may owe before its sender has to wait. More would only stand in a queue.
static constexpr qint64 MaximumQueue = 512 * 1024;
// Below it they go on. So a receiver has to take half of it within the patience, not one byte.
static constexpr qint64 ResumeQueue = MaximumQueue / 2;

FileRelay::FileRelay(const Members &members, QObject *parent) : QObject(parent), m_members(members)
{
}

bool FileRelay::handle(Member &sender, const Chat::Record &record)
{
    if (const auto *chunk = std::get_if<Chat::FileChunk>(&record))
        return pass(sender, *chunk);
    if (const auto *offer = std::get_if<Chat::FileOffer>(&record))
        return start(sender, *offer);
    if (const auto *end = std::get_if<Chat::FileFinish>(&record)) {
        const auto upload = m_uploads.find(sender.id);
        // It may have ended here before the sender could know.
        if (upload == m_uploads.end() || upload->second.senderTransfer != end->transfer)
            return true;
        return finish(sender, Chat::FileEnd::CancelledBySender, Chat::FileEnd::CancelledBySender);
    }
    return false;
}

bool FileRelay::start(Member &sender, const Chat::FileOffer &offer)
{
    const bool isTooFast = !sender.offers.take(QDateTime::currentMSecsSinceEpoch());
    if (m_uploads.count(sender.id) || offer.size > Chat::MaxFileSize || isTooFast)
        return false; // a client that holds to the rules does not ask

    Upload upload;
    upload.transfer = ++m_lastTransfer;
    upload.senderTransfer = offer.transfer;
    upload.left = offer.size;
    for (const auto &[id, member] : m_members) {
        if (id != sender.id && member->files)
            upload.receivers.insert(id);
    }
    Upload &stored = m_uploads[sender.id] = upload;
    sendToReceivers(stored,
                    Chat::FileStart{ upload.transfer, sender.id, Chat::cleanFileName(offer.name),
                                     offer.size });
    return upload.left > 0 || finish(sender, Chat::FileEnd::Complete, Chat::FileEnd::Complete);
}

bool FileRelay::pass(Member &sender, const Chat::FileChunk &chunk)
{
    const auto it = m_uploads.find(sender.id);
    if (it == m_uploads.end() || it->second.senderTransfer != chunk.transfer)
        return false;
    Upload &upload = it->second;
    if (chunk.data.isEmpty() || quint32(chunk.data.size()) > upload.left)
        return false;
    upload.left -= quint32(chunk.data.size());
    sendToReceivers(upload, Chat::FileChunk{ upload.transfer, chunk.data });
    if (upload.left == 0)
        return finish(sender, Chat::FileEnd::Complete, Chat::FileEnd::Complete);
    pauseIfNeeded(sender);
    return true;
}

bool FileRelay::finish(Member &sender, Chat::FileEnd toReceivers, Chat::FileEnd toSender)
{
    const auto it = m_uploads.find(sender.id);
    sendToReceivers(it->second, Chat::FileFinish{ it->second.transfer, toReceivers });
    if (sender.files)
        sender.files->send(Chat::FileFinish{ it->second.senderTransfer, toSender });
    m_uploads.erase(it);
    forgetUnawaited();
    return true;
}

// Nobody waits for a receiver of no upload, however slow it is.
void FileRelay::forgetUnawaited()
{
    for (auto it = m_full.begin(); it != m_full.end();) {
        const quint32 id = it->first;
        const bool isAwaited =
                std::any_of(m_uploads.begin(), m_uploads.end(), [id](const auto &upload) {
                    return upload.second.receivers.contains(id);
                });
        it = isAwaited ? std::next(it) : m_full.erase(it);
    }
}

void FileRelay::sendToReceivers(Upload &upload, const Chat::Record &record)
{
    const QSet<quint32> receivers = upload.receivers;
    for (const quint32 id : receivers) {
        const auto it = m_members.find(id);
        if (it == m_members.end() || !it->second->files || !it->second->files->send(record))
            upload.receivers.remove(id);
    }
}

//! [back-pressure]
void FileRelay::pauseIfNeeded(Member &sender)
{
    const auto upload = m_uploads.find(sender.id);
    bool isFull = false;
    if (upload != m_uploads.end()) {
        for (const quint32 id : std::as_const(upload->second.receivers)) {
            const auto receiver = m_members.find(id);
            if (receiver == m_members.end() || !receiver->second->files)
                continue;
            const qint64 queued = receiver->second->files->queuedBytes();
            const bool wasFull = m_full.count(id) != 0;
            if (queued < (wasFull ? ResumeQueue : MaximumQueue)) {
                m_full.erase(id);
                continue;
            }
            isFull = true;
            if (!wasFull)
                m_full[id].start();
        }
    }
    if (sender.files)
        sender.files->setPaused(isFull);
}
//! [back-pressure]

void FileRelay::resume()
{
    for (const auto &[id, upload] : m_uploads) {
        const auto sender = m_members.find(id);
        if (sender != m_members.end())
            pauseIfNeeded(*sender->second);
    }
}

void FileRelay::forget(Member &member)
{
    if (m_uploads.count(member.id))
        finish(member, Chat::FileEnd::SenderGone, Chat::FileEnd::SenderGone);
    m_full.erase(member.id);
    for (auto &[id, upload] : m_uploads)
        upload.receivers.remove(member.id);
    resume(); // perhaps the others have waited for this one
}

QList<quint32> FileRelay::stalledMembers() const
{
    QList<quint32> result;
    for (const auto &[id, since] : m_full) {
        if (since.hasExpired(m_patience.count()))
            result.append(id);
    }
    return result;
}
