// SPDX-License-Identifier: MIT
#include "server/chatserver.h"

#include "records/names.h"

#include <QtCore/QDateTime>
#include <QtCore/QRandomGenerator>
#include <QtKcpNetwork/KcpSocket>
#include <QtKcpNetwork/KcpStatistics>

using namespace Qt::StringLiterals;
using namespace std::chrono_literals;

// Two sessions for each person, and some for those who have not said who they are.
static constexpr int MaximumConnections = 2 * Chat::MaxPeople + 32;
// A household behind one address, or a test.
static constexpr int MaximumConnectionsPerAddress = 48;
static constexpr auto LatencyInterval = 2s;

static QByteArray randomToken()
{
    QByteArray token(Chat::TokenSize, Qt::Uninitialized);
    for (char &byte : token)
        byte = char(QRandomGenerator::system()->bounded(256));
    return token;
}

static bool hasLeft(KcpSocket::CloseReason reason)
{
    return reason == KcpSocket::RemoteClose || reason == KcpSocket::RemoteAbort;
}

//! [constructor]
ChatServer::ChatServer(QObject *parent) : QObject(parent)
{
    m_server.setConfiguration(chatConfiguration());
    m_server.setMaxConnections(MaximumConnections);
    m_server.setMaxConnectionsPerAddress(MaximumConnectionsPerAddress);
    connect(&m_server, &KcpServer::newConnection, this, &ChatServer::acceptConnections);

    m_server.setParent(this); // they go with us to another thread
    m_files.setParent(this);
    m_ticker.setParent(this);
    m_ticker.setInterval(LatencyInterval);
    connect(&m_ticker, &QTimer::timeout, this, &ChatServer::tick);
}
//! [constructor]

ChatServer::~ChatServer()
{
    for (RecordLink *link : std::as_const(m_links))
        link->disconnect(this);
}

bool ChatServer::listen(const QHostAddress &address, quint16 port)
{
    if (!m_server.listen(address, port))
        return false;
    m_ticker.start();
    return true;
}

void ChatServer::setPatience(std::chrono::milliseconds stranger, std::chrono::milliseconds receiver)
{
    m_patience = stranger;
    m_files.setPatience(receiver);
    m_ticker.setInterval(std::min<std::chrono::milliseconds>(receiver, LatencyInterval));
}

//! [accept]
void ChatServer::acceptConnections()
{
    while (KcpSocket *socket = m_server.nextPendingConnection()) {
        auto *link = new RecordLink(socket, this);
        m_links.insert(link);
        connect(link, &RecordLink::received, this,
                [this, link](const Chat::Record &record) { handleFirst(link, record); });
        connect(link, &RecordLink::malformed, this, [this, link] { handleMalformed(link); });
        connect(link, &RecordLink::ended, this, [this, link] { handleEnd(link); });
        QTimer::singleShot(m_patience, link, [this, link] {
            if (!memberOf(link))
                drop(link, Chat::Reason::NotAChat, u"You did not say who you are"_s);
        });
    }
}
//! [accept]

//! [first]
void ChatServer::handleFirst(RecordLink *link, const Chat::Record &record)
{
    const auto *hello = std::get_if<Chat::Hello>(&record);
    const auto *attach = std::get_if<Chat::Attach>(&record);
    if (!hello && !attach) {
        drop(link, Chat::Reason::NotAChat, u"A chat begins with Hello"_s);
        return;
    }
    const quint16 version = hello ? hello->version : attach->version;
    if (version != Chat::Version) {
        drop(link, Chat::Reason::WrongVersion,
             u"This server speaks version %1 of the chat, you speak %2"_s.arg(Chat::Version)
                     .arg(version));
        return;
    }
    disconnect(link, &RecordLink::received, this, nullptr);
    if (hello)
        handleHello(link, *hello);
    else
        handleAttach(link, *attach);
}
//! [first]

void ChatServer::handleHello(RecordLink *link, const Chat::Hello &hello)
{
    if (hello.name.isEmpty() || Chat::cleanName(hello.name) != hello.name) {
        drop(link, Chat::Reason::BadName, u"This cannot be a name"_s);
        return;
    }
    Member *old = memberByToken(hello.token);
    if (old && old->name == hello.name) {
        // The same person over a new session: nobody else needs to know.
        RecordLink *before = old->chat;
        welcome(*old, link);
        drop(before, Chat::Reason::Replaced);
        return;
    }
    const QString skeleton = Chat::nameSkeleton(hello.name);
    for (const auto &[id, member] : m_members) {
        if (member->skeleton == skeleton) {
            drop(link, Chat::Reason::NameTaken, u"Somebody has this name"_s);
            return;
        }
    }
    if (m_members.size() >= Chat::MaxPeople) {
        drop(link, Chat::Reason::Full, u"%1 people are here already"_s.arg(Chat::MaxPeople));
        return;
    }
    if (!m_joins.take(link->socket()->peerAddress(), QDateTime::currentMSecsSinceEpoch())) {
        drop(link, Chat::Reason::TooManyMessages, u"Too much has come from your address"_s);
        return;
    }
    auto member = std::make_unique<Member>();
    member->id = ++m_lastId;
    member->name = hello.name;
    member->skeleton = skeleton;
    member->token = randomToken();
    Member &stored = *(m_members[member->id] = std::move(member));
    broadcast(Chat::Joined{ { stored.id, stored.name } }, stored.id);
    welcome(stored, link);
    emit logged(u"%1 joined from %2"_s.arg(stored.name, link->socket()->peerAddress().toString()));
}

void ChatServer::welcome(Member &member, RecordLink *link)
{
    member.chat = link;
    const quint32 id = member.id;
    connect(link, &RecordLink::received, this,
            [this, id](const Chat::Record &record) { handleChat(id, record); });
    connect(link, &RecordLink::datagramReceived, this,
            [this, id](const Chat::Record &record) { handleDatagram(id, record); });
    Chat::Welcome welcome{ id, member.token, {} };
    for (const auto &[otherId, other] : m_members)
        welcome.people.append({ otherId, other->name });
    link->send(welcome);
}

void ChatServer::handleAttach(RecordLink *link, const Chat::Attach &attach)
{
    Member *member = memberByToken(attach.token);
    if (!member) {
        drop(link, Chat::Reason::NotAChat, u"You are not in the chat"_s);
        return;
    }
    detachFiles(*member);
    member->files = link;
    const quint32 id = member->id;
    connect(link, &RecordLink::received, this,
            [this, id](const Chat::Record &record) { handleFiles(id, record); });
    connect(link, &RecordLink::acknowledged, &m_files, &FileRelay::resume);
    link->send(Chat::Attached{});
}

//! [chat]
void ChatServer::handleChat(quint32 id, const Chat::Record &record)
{
    const auto it = m_members.find(id);
    if (it == m_members.end())
        return;
    const auto *say = std::get_if<Chat::Say>(&record);
    if (!say) {
        remove(id, Chat::Reason::BadRecord);
        return;
    }
    if (!it->second->lines.take(QDateTime::currentMSecsSinceEpoch())) {
        remove(id, Chat::Reason::TooManyMessages);
        return;
    }
    Chat::Said said{ id, 0, QDateTime::currentMSecsSinceEpoch(), Chat::cleanText(say->text) };
    if (said.text.isEmpty())
        return;
    broadcast(said, id);
    said.tag = say->tag;
    if (const auto still = m_members.find(id); still != m_members.end())
        still->second->chat->send(said);
}
//! [chat]

void ChatServer::handleDatagram(quint32 id, const Chat::Record &record)
{
    const auto it = m_members.find(id);
    if (it == m_members.end() || !std::holds_alternative<Chat::Typing>(record)
        || !it->second->datagrams.take(QDateTime::currentMSecsSinceEpoch()))
        return; // nobody is dropped for what may be late or forged
    for (const auto &[otherId, other] : m_members) {
        if (otherId != id)
            other->chat->sendDatagram(Chat::Typing{ id });
    }
}

void ChatServer::handleFiles(quint32 id, const Chat::Record &record)
{
    const auto it = m_members.find(id);
    if (it != m_members.end() && !m_files.handle(*it->second, record))
        remove(id, Chat::Reason::BadRecord);
}

void ChatServer::handleMalformed(RecordLink *link)
{
    if (const Member *member = memberOf(link))
        remove(member->id, Chat::Reason::BadRecord);
    else
        drop(link, Chat::Reason::NotAChat, u"This is no record of a chat"_s);
}

void ChatServer::handleEnd(RecordLink *link)
{
    m_links.remove(link);
    link->deleteLater();
    if (Member *member = memberOf(link)) {
        const KcpSocket::CloseReason reason = link->socket()->closeReason();
        if (member->files == link) {
            member->files = nullptr;
            m_files.forget(*member);
        } else if (reason == KcpSocket::ProtocolError) { // a record of 10 MB, for one
            leave(member->id, Chat::LeaveReason::Removed);
        } else {
            leave(member->id, hasLeft(reason) ? Chat::LeaveReason::Left : Chat::LeaveReason::Lost);
        }
    }
    if (m_finishing && m_links.isEmpty())
        emit finished();
}

// The member's sessions end, and the others hear of it.
void ChatServer::leave(quint32 id, Chat::LeaveReason reason)
{
    const auto it = m_members.find(id);
    if (it == m_members.end())
        return;
    const std::unique_ptr<Member> member = std::move(it->second);
    m_members.erase(it);
    m_files.forget(*member);
    drop(member->chat, Chat::Reason::None);
    if (member->files)
        drop(member->files, Chat::Reason::None);
    broadcast(Chat::Left{ id, reason });
    static const char *const words[] = { "left", "was lost", "was removed" };
    emit logged(u"%1 %2"_s.arg(member->name, QLatin1StringView(words[int(reason)])));
}

void ChatServer::remove(quint32 id, Chat::Reason reason)
{
    const auto it = m_members.find(id);
    if (it == m_members.end())
        return;
    if (reason == Chat::Reason::TooManyMessages) {
        m_joins.refuse(it->second->chat->socket()->peerAddress(),
                       QDateTime::currentMSecsSinceEpoch());
    }
    drop(it->second->chat, reason, u"The server has removed you"_s);
    if (it->second->files)
        drop(it->second->files, reason);
    leave(id, Chat::LeaveReason::Removed);
}

void ChatServer::removeSlow(quint32 id)
{
    const auto it = m_members.find(id);
    if (it == m_members.end())
        return;
    RecordLink *link = it->second->chat;
    leave(id, Chat::LeaveReason::Removed);
    link->abort();
}

void ChatServer::drop(RecordLink *link, Chat::Reason reason, const QString &text)
{
    disconnect(link, &RecordLink::received, this, nullptr);
    disconnect(link, &RecordLink::datagramReceived, this, nullptr);
    link->close(reason, text);
}

void ChatServer::detachFiles(Member &member)
{
    RecordLink *link = std::exchange(member.files, nullptr);
    if (!link)
        return;
    m_files.forget(member);
    link->abort();
}

void ChatServer::broadcast(const Chat::Record &record, quint32 exceptId)
{
    QList<quint32> slow;
    for (const auto &[id, member] : m_members) {
        if (id != exceptId && member->chat && !member->chat->send(record))
            slow.append(id);
    }
    for (const quint32 id : std::as_const(slow))
        removeSlow(id);
}

void ChatServer::tick()
{
    const QList<quint32> stalled = m_files.stalledMembers();
    for (const quint32 id : stalled) {
        if (const auto it = m_members.find(id); it != m_members.end())
            detachFiles(*it->second);
    }
    Chat::Latencies latencies;
    for (const auto &[id, member] : m_members) {
        const auto rtt = member->chat->socket()->statistics().smoothedRtt();
        latencies.list.append(
                { id, quint32(std::chrono::ceil<std::chrono::milliseconds>(rtt).count()) });
    }
    broadcast(latencies);
}

//! [finish]
void ChatServer::finish()
{
    if (m_finishing)
        return;
    m_finishing = true;
    m_ticker.stop();
    m_server.close();
    m_members.clear();
    if (m_links.isEmpty())
        emit finished();
    const QSet<RecordLink *> links = m_links;
    for (RecordLink *link : links)
        drop(link, Chat::Reason::ServerClosing, u"The server closes"_s);
}
//! [finish]

Member *ChatServer::memberOf(const RecordLink *link) const
{
    for (const auto &[id, member] : m_members) {
        if (member->chat == link || member->files == link)
            return member.get();
    }
    return nullptr;
}

Member *ChatServer::memberByToken(const QByteArray &token) const
{
    if (token.size() != Chat::TokenSize)
        return nullptr;
    for (const auto &[id, member] : m_members) {
        if (member->token == token)
            return member.get();
    }
    return nullptr;
}
