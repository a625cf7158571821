// SPDX-License-Identifier: MIT
#include "client/chatclient.h"

#include "records/names.h"

#include <QtCore/QDateTime>
#include <QtKcpNetwork/KcpStatistics>

#include <utility>

using namespace std::chrono_literals;

// One "is typing" is believed for so long, and repeated earlier.
static constexpr qint64 TypingShown = 4000; // ms
static constexpr qint64 TypingRepeated = 1500; // ms
static constexpr auto FilesRetryInterval = 2s;

// The server's clock is not ours; but no chat was before 1970 or is after 9999.
static qint64 believable(qint64 time)
{
    return qBound(qint64(0), time, qint64(253402300799999)); // ms
}

// Trying again would not change the answer.
static bool isFinal(Chat::Reason reason)
{
    switch (reason) {
    case Chat::Reason::None:
    case Chat::Reason::ServerClosing: // it may be started again
        return false;
    default:
        return true;
    }
}

ChatClient::ChatClient(QObject *parent) : QObject(parent)
{
    m_retry.setSingleShot(true);
    connect(&m_retry, &QTimer::timeout, this, &ChatClient::connectToServer);
    m_filesRetry.setSingleShot(true);
    connect(&m_filesRetry, &QTimer::timeout, this, &ChatClient::attachFiles);
    m_typingTimer.setInterval(500);
    connect(&m_typingTimer, &QTimer::timeout, this, &ChatClient::clearTyping);
}

ChatClient::~ChatClient()
{
    if (m_link)
        m_link->disconnect(this);
    if (m_filesLink)
        m_filesLink->disconnect(this);
}

void ChatClient::join(const QString &host, quint16 port, const QString &name)
{
    leave();
    m_host = host;
    m_port = port;
    m_name = Chat::cleanName(name);
    m_token.clear();
    m_wasOnline = false;
    m_backoff.reset();
    connectToServer();
}

void ChatClient::leave(bool wait)
{
    m_retry.stop();
    m_filesRetry.stop();
    if (wait && m_link && m_link->socket()->state() == QAbstractSocket::ConnectedState) {
        m_link->disconnect(this);
        m_link->close(Chat::Reason::None);
        m_link->socket()->waitForDisconnected(500);
    }
    dropLinks();
    dropPending();
    m_files.detach();
    m_files.dropReceived();
    m_people.clear();
    delete std::exchange(m_badNetwork, nullptr);
    setState(Offline);
}

void ChatClient::retryNow()
{
    if (m_state == Waiting)
        connectToServer();
}

quint32 ChatClient::say(const QString &text)
{
    const QString clean = Chat::cleanText(text);
    if (m_state != Online || clean.isEmpty() || !m_lines.take(QDateTime::currentMSecsSinceEpoch())
        || !m_link->send(Chat::Say{ m_lastTag + 1, clean }))
        return 0;
    m_typingSent.invalidate();
    m_pending.append(++m_lastTag);
    return m_lastTag;
}

//! [typing]
void ChatClient::setTyping()
{
    if (m_state != Online || (m_typingSent.isValid() && !m_typingSent.hasExpired(TypingRepeated)))
        return;
    m_typingSent.start();
    m_link->sendDatagram(Chat::Typing{});
}
//! [typing]

//! [bad network]
void ChatClient::useBadNetwork(double lossPercent, std::chrono::milliseconds delay)
{
    if (!m_badNetwork) {
        if (m_state != Online)
            return;
        auto relay = std::make_unique<BadNetwork>();
        if (!relay->start(m_link->socket()->peerAddress(), m_link->socket()->peerPort()))
            return;
        m_badNetwork = relay.release();
        m_badNetwork->setParent(this);
        // With our token nobody else notices. The old session must not end before: that would be
        // a goodbye. Its server ends it.
        m_oldLink = std::exchange(m_link, nullptr);
        disconnect(m_oldLink, &RecordLink::ended, this, nullptr);
        connect(m_oldLink, &RecordLink::ended, m_oldLink, &QObject::deleteLater);
        if (m_files.isIdle())
            dropFilesLink();
        else // a file that is on its way arrives as it has begun
            connect(&m_files, &FileTransfers::becameIdle, m_filesLink, [this] {
                dropFilesLink();
                m_filesRetry.start(0ms);
            });
        openLink();
    }
    m_badNetwork->setLoss(lossPercent);
    m_badNetwork->setDelay(delay);
}
//! [bad network]

std::chrono::milliseconds ChatClient::waitTime() const
{
    return m_retry.isActive() ? m_retry.remainingTimeAsDuration() : 0ms;
}

ChatClient::Counters ChatClient::counters() const
{
    Counters counters;
    if (!m_link)
        return counters;
    const KcpStatistics chat = m_link->socket()->statistics();
    const KcpStatistics files = m_filesLink ? m_filesLink->socket()->statistics() : KcpStatistics();
    const quint64 segments = chat.segmentsSent() + files.segmentsSent();
    const quint64 repeated = chat.retransmissions() + files.retransmissions();
    counters.rtt = double(chat.smoothedRtt().count()) / 1000;
    counters.loss = segments ? double(repeated) / double(segments) : 0;
    counters.bytesSent = chat.bytesSent() + files.bytesSent();
    counters.bytesReceived = chat.bytesReceived() + files.bytesReceived();
    return counters;
}

//! [connect]
KcpSocket *ChatClient::openSocket()
{
    auto *socket = new KcpSocket;
    socket->setConfiguration(chatConfiguration());
    if (m_badNetwork)
        socket->connectToHost(m_badNetwork->address(), m_badNetwork->port());
    else
        socket->connectToHost(m_host, m_port);
    return socket;
}

void ChatClient::connectToServer()
{
    m_retry.stop();
    dropLinks();
    openLink();
}

void ChatClient::openLink()
{
    m_link = new RecordLink(openSocket(), this);
    connect(m_link, &RecordLink::received, this, &ChatClient::handle);
    connect(m_link, &RecordLink::datagramReceived, this, &ChatClient::handleDatagram);
    connect(m_link, &RecordLink::malformed, m_link->socket(), &KcpSocket::abort);
    connect(m_link, &RecordLink::ended, this, &ChatClient::handleEnd);
    // What is written before connected() travels with the handshake.
    m_link->send(Chat::Hello{ Chat::Magic, Chat::Version, m_name, m_token });
    setState(Connecting);
}
//! [connect]

void ChatClient::attachFiles()
{
    if (m_state != Online || m_filesLink)
        return;
    m_filesLink = new RecordLink(openSocket(), this);
    connect(m_filesLink, &RecordLink::malformed, m_filesLink->socket(), &KcpSocket::abort);
    connect(m_filesLink, &RecordLink::ended, this, &ChatClient::handleFilesEnd);
    m_filesLink->send(Chat::Attach{ Chat::Magic, Chat::Version, m_token });
    m_files.attach(m_filesLink);
}

void ChatClient::handle(const Chat::Record &record)
{
    if (const auto *welcome = std::get_if<Chat::Welcome>(&record)) {
        handleWelcome(*welcome);
    } else if (const auto *said = std::get_if<Chat::Said>(&record)) {
        handleSaid(*said);
    } else if (const auto *joined = std::get_if<Chat::Joined>(&record)) {
        Person person;
        person.id = joined->person.id;
        person.name = Chat::cleanName(joined->person.name);
        if (m_people.size() >= Chat::MaxPeople || m_people.contains(person.id))
            return;
        m_people.insert(person.id, person);
        emit personJoined(person);
        emit peopleChanged();
    } else if (const auto *left = std::get_if<Chat::Left>(&record)) {
        if (!m_people.contains(left->id))
            return;
        emit personLeft(m_people.take(left->id), left->reason);
        emit peopleChanged();
    } else if (const auto *latencies = std::get_if<Chat::Latencies>(&record)) {
        for (const Chat::Latency &latency : latencies->list) {
            if (const auto it = m_people.find(latency.id); it != m_people.end())
                it->latency = int(qMin(latency.milliseconds, 60000u));
        }
        emit peopleChanged();
    }
}

void ChatClient::handleWelcome(const Chat::Welcome &welcome)
{
    const bool isSamePlace = m_token == welcome.token;
    m_id = welcome.id;
    m_token = welcome.token;
    const QMap<quint32, Person> before = std::exchange(m_people, {});
    for (const Chat::Person &other : welcome.people) {
        Person person = isSamePlace ? before.value(other.id) : Person();
        person.id = other.id;
        person.name = Chat::cleanName(other.name);
        m_people.insert(other.id, person);
    }
    const bool again = std::exchange(m_wasOnline, true);
    const bool wasLost = m_ending.socketReason != KcpSocket::NotClosed;
    m_ending = {};
    m_backoff.reset();
    setState(Online);
    if (!again || wasLost)
        emit joined(again);
    emit peopleChanged();
    attachFiles();
}

void ChatClient::handleSaid(const Chat::Said &said)
{
    if (said.id == m_id) {
        if (m_pending.removeOne(said.tag))
            emit delivered(said.tag, believable(said.time));
        return;
    }
    if (m_typing.remove(said.id) && m_people.contains(said.id)) {
        m_people[said.id].isTyping = false;
        emit peopleChanged();
    }
    emit this->said({ said.id, m_people.value(said.id).name, Chat::cleanText(said.text),
                      believable(said.time) });
}

void ChatClient::handleDatagram(const Chat::Record &record)
{
    const auto *typing = std::get_if<Chat::Typing>(&record);
    if (!typing || typing->id == m_id || !m_people.contains(typing->id))
        return;
    m_typing[typing->id].start();
    m_typingTimer.start();
    m_people[typing->id].isTyping = true;
    emit peopleChanged();
}

void ChatClient::clearTyping()
{
    bool changed = false;
    for (auto it = m_typing.begin(); it != m_typing.end();) {
        if (!it->hasExpired(TypingShown)) {
            ++it;
            continue;
        }
        if (m_people.contains(it.key()))
            m_people[it.key()].isTyping = false;
        it = m_typing.erase(it);
        changed = true;
    }
    if (m_typing.isEmpty())
        m_typingTimer.stop();
    if (changed)
        emit peopleChanged();
}

//! [reconnect]
void ChatClient::handleEnd()
{
    const KcpSocket *socket = m_link->socket();
    m_ending.socketReason = socket->closeReason();
    m_ending.socketText = socket->errorString();
    m_ending.reason = m_ending.socketReason == KcpSocket::RemoteClose
            ? Chat::Reason(socket->closeCode())
            : Chat::Reason::None;
    dropLinks();
    dropPending();
    m_people.clear();
    emit peopleChanged();
    if (!m_wasOnline || isFinal(m_ending.reason)) {
        m_files.detach();
        setState(Offline);
        return;
    }
    m_retry.start(m_backoff.next());
    setState(Waiting);
}
//! [reconnect]

void ChatClient::handleFilesEnd()
{
    m_files.detach();
    std::exchange(m_filesLink, nullptr)->deleteLater();
    m_filesRetry.start(FilesRetryInterval);
}

void ChatClient::dropFilesLink()
{
    m_filesRetry.stop();
    drop(std::exchange(m_filesLink, nullptr));
    m_files.detach();
}

void ChatClient::dropLinks()
{
    dropFilesLink();
    drop(std::exchange(m_link, nullptr));
    drop(m_oldLink);
    m_oldLink = nullptr;
}

void ChatClient::drop(RecordLink *link)
{
    if (!link)
        return;
    link->disconnect(this);
    link->close(Chat::Reason::None);
    link->deleteLater(); // says goodbye in the background
}

void ChatClient::dropPending()
{
    const QList<quint32> pending = std::exchange(m_pending, {});
    for (const quint32 tag : pending)
        emit undelivered(tag);
}

void ChatClient::setState(State state)
{
    if (m_state == state)
        return;
    m_state = state;
    emit stateChanged(state);
}
