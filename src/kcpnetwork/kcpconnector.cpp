// SPDX-License-Identifier: MIT
#include "kcpconnector_p.h"
#include "kcpaddressconversion_p.h"
#include "kcpconfiguration_p.h"
#include "kcpsocket_p.h"

#include <QtCore/qcoreapplication.h>

#include <algorithm>

namespace {

constexpr kcp::Duration StaggerDelay = std::chrono::milliseconds(250);
// A host may publish more addresses than anyone wants to try.
constexpr qsizetype MaximumAddresses = 16;
// With several attempts under way their sockets are waited for in turns.
constexpr kcp::Duration WaitSlice = std::chrono::milliseconds(5);

} // namespace

struct KcpConnector::Attempt final : KcpSessionHandler
{
    Attempt(KcpConnector *connector, const QHostAddress &address)
        : connector(connector), address(address)
    {
    }
    ~Attempt()
    {
        if (!driver)
            return;
        // Nobody is to answer a connection that was not wanted in the end.
        driver->setHandler(id, nullptr);
        driver->endpoint().abort(driver->now(), id);
        driver->releaseSession(id);
        driver->release();
    }
    Q_DISABLE_COPY_MOVE(Attempt)

    void handleSessionEvent(const kcpnet::Event &event) override
    {
        connector->handleEvent(this, event);
    }
    // Its driver is a child of the socket: they move together.
    const QObject *handlerObject() const override { return connector->m_socket->q; }
    void handleParting() override { Q_UNREACHABLE(); }

    KcpConnector *connector;
    QHostAddress address;
    QPointer<KcpDriver> driver; // with a reference; null: the attempt is over
    kcpnet::SessionId id;
};

KcpConnector::KcpConnector(KcpSocketPrivate *socket, quint16 port,
                           QAbstractSocket::NetworkLayerProtocol protocol)
    : m_socket(socket), m_port(port), m_protocol(protocol)
{
}

KcpConnector::~KcpConnector()
{
    if (m_lookup) {
        m_lookup->forget();
        m_lookup->deleteLater(); // this may be its slot
    }
}

void KcpHostLookup::finish(const QHostInfo &info)
{
    if (m_connector)
        m_connector->lookedUp(info);
}

void KcpConnector::lookUp()
{
    if (!m_untried.isEmpty()) {
        m_socket->startConnecting(QList<QHostAddress>(m_untried));
        return;
    }
    m_lookup = new KcpHostLookup(this, m_socket->q);
    QHostInfo::lookupHost(m_socket->q->peerName(), m_lookup, SLOT(finish(QHostInfo)));
}

void KcpConnector::finishLookUp()
{
    if (!m_lookup) { // not begun
        if (m_untried.isEmpty())
            lookedUp(QHostInfo::fromName(m_socket->q->peerName()));
        else
            lookUp();
        return;
    }
    m_lookup->forget();
    lookedUp(QHostInfo::fromName(m_socket->q->peerName()));
}

void KcpConnector::lookedUp(const QHostInfo &info)
{
    m_socket->startConnecting(info.addresses());
}

QList<QHostAddress> KcpConnector::usable(const QList<QHostAddress> &addresses) const
{
    QList<QHostAddress> first;
    QList<QHostAddress> second;
    for (const QHostAddress &address : addresses) {
        const auto protocol = address.protocol();
        if (address.isNull())
            continue;
        if (m_protocol != QAbstractSocket::AnyIPProtocol && protocol != m_protocol)
            continue;
        // The resolver's first address tells the family it prefers.
        (first.isEmpty() || first.first().protocol() == protocol ? first : second).append(address);
    }
    QList<QHostAddress> result;
    for (qsizetype i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size())
            result.append(first.at(i));
        if (i < second.size())
            result.append(second.at(i));
    }
    if (result.size() > MaximumAddresses)
        result.resize(MaximumAddresses);
    return result;
}

void KcpConnector::queueMessage(const QByteArray &message)
{
    m_earlyMessages.append(message);
    m_earlyMessageBytes += message.size();
}

void KcpConnector::moveQueueTo(KcpDriver *driver, kcpnet::SessionId id)
{
    if (!m_earlyBytes.isEmpty()) {
        driver->endpoint().write(
                id, kcp::asBytes(m_earlyBytes.constData(), std::size_t(m_earlyBytes.size())));
    }
    for (const QByteArray &message : std::as_const(m_earlyMessages)) {
        driver->endpoint().writeMessage(
                id, kcp::asBytes(message.constData(), std::size_t(message.size())));
    }
    driver->scheduleFlush();
}

bool KcpConnector::anyAlive() const
{
    return std::any_of(m_attempts.begin(), m_attempts.end(),
                       [](const auto &attempt) { return !attempt->driver.isNull(); });
}

// Begins the next attempt that can be begun; fails the socket when none is left.
void KcpConnector::startNext()
{
    m_nextAt = kcp::Never;
    while (!m_untried.isEmpty()) {
        const bool isOnly = m_untried.size() == 1 && !anyAlive();
        std::unique_ptr<Attempt> attempt = openAttempt(m_untried.takeFirst());
        if (!attempt)
            continue;
        if (isOnly) {
            // No race: the session takes early writes itself, so that they leave with the first
            // datagram that may carry them.
            succeed(attempt.get());
            return;
        }
        m_attempts.push_back(std::move(attempt));
        scheduleNext();
        return;
    }
    if (!anyAlive())
        m_socket->failConnecting(m_error, m_errorText);
}

void KcpConnector::scheduleNext()
{
    // A socket that was bound has one port: its attempts follow each other.
    if (m_untried.isEmpty() || (m_socket->extra && !m_socket->extra->boundAddress.isNull()))
        return;
    KcpRuntime *runtime = KcpRuntime::current();
    m_nextAt = runtime->now() + StaggerDelay;
    if (!m_timer)
        m_timer = runtime->createTimer(m_socket->q, [this] { startNext(); });
    m_timer->start(StaggerDelay);
}

std::unique_ptr<KcpConnector::Attempt> KcpConnector::openAttempt(const QHostAddress &address)
{
    auto attempt = std::make_unique<Attempt>(this, address);
    KcpDriver *driver = m_socket->driver.data();
    if (driver) { // bound before
        m_socket->driver = nullptr;
    } else {
        driver = KcpDriver::create(m_socket->q);
        if (m_proxy.type() != QNetworkProxy::NoProxy)
            driver->useProxy(m_proxy);
        const KcpSocketPrivate::Rare *bound = m_socket->extra.get();
        if (bound && !bound->boundAddress.isNull()
            && !driver->bind(bound->boundAddress, bound->boundPort, bound->bindMode)) {
            noteFailure(driver->channel()->error(), driver->channel()->errorString());
            driver->release();
            return nullptr;
        }
    }
    if (!driver->connectToPeer(address, m_port)) {
        noteFailure(driver->channel()->error(),
                    QCoreApplication::translate("KcpSocket", "Cannot reach %1 port %2: %3")
                            .arg(address.toString(), QString::number(m_port),
                                 driver->channel()->errorString()));
        driver->release();
        return nullptr;
    }
    m_socket->applySocketOptions(driver);
    kcpnet::SessionConfig config =
            KcpConfigurationPrivate::toSessionConfig(m_socket->configuration);
    config.receiveLimit = std::size_t(m_socket->readBufferSize);
    const kcpnet::Path path{ {}, kcpToAddress(address, m_port) };
    const quint32 conv = m_socket->extra ? m_socket->extra->conversationId : 0;
    attempt->id = driver->endpoint().connectTo(driver->now(), path, config, conv);
    if (attempt->id.isNull()) {
        noteFailure(QAbstractSocket::UnsupportedSocketOperationError,
                    QCoreApplication::translate("KcpSocket", "The configuration is impossible"));
        driver->release();
        return nullptr;
    }
    driver->setHandler(attempt->id, attempt.get());
    driver->scheduleFlush();
    attempt->driver = driver;
    return attempt;
}

void KcpConnector::handleEvent(Attempt *attempt, const kcpnet::Event &event)
{
    if (event.type == kcpnet::Event::Type::Connected) {
        KcpSocketPrivate *socket = m_socket;
        succeed(attempt); // this connector is gone now
        socket->handleSessionEvent(event);
        return;
    }
    if (event.type != kcpnet::Event::Type::Closed)
        return;
    noteFailure(event, attempt->address);
    attempt->driver->releaseSession(attempt->id);
    attempt->driver->release();
    attempt->driver = nullptr;
    if (m_socket->extra && !m_socket->extra->boundAddress.isNull()) {
        // The driver gives its port back when its turn is over.
        m_timer = KcpRuntime::current()->createTimer(m_socket->q, [this] { startNext(); });
        m_nextAt = KcpRuntime::current()->now();
        m_timer->start(kcp::Duration::zero());
        return;
    }
    startNext();
}

void KcpConnector::succeed(Attempt *attempt)
{
    KcpSocketPrivate *socket = m_socket;
    KcpDriver *driver = attempt->driver;
    attempt->driver = nullptr; // the reference goes to the socket
    const kcpnet::SessionId id = attempt->id;
    const std::unique_ptr<KcpConnector> self = std::move(socket->connector);
    moveQueueTo(driver, id);
    socket->adoptSession(driver, id);
}

void KcpConnector::noteFailure(const kcpnet::Event &event, const QHostAddress &address)
{
    const KcpEndDescription end = kcpDescribeEnd(event, address, m_port);
    noteFailure(end.error, end.text);
}

// A refusal says more than silence, whichever came last.
void KcpConnector::noteFailure(QAbstractSocket::SocketError error, const QString &text)
{
    if (m_error == QAbstractSocket::ConnectionRefusedError)
        return;
    m_error = error;
    m_errorText = text;
}

void KcpConnector::pauseTimer()
{
    if (m_timer)
        m_timer->stop();
}

void KcpConnector::resumeTimer()
{
    if (m_timer && m_nextAt != kcp::Never)
        m_timer->start(m_nextAt - KcpRuntime::current()->now());
}

bool KcpConnector::wait(kcp::Instant deadline)
{
    const kcp::Instant now = KcpRuntime::current()->now();
    if (now >= deadline)
        return false;
    if (now >= m_nextAt) {
        startNext();
        return true;
    }
    std::vector<Attempt *> alive;
    for (const auto &attempt : m_attempts) {
        if (attempt->driver)
            alive.push_back(attempt.get());
    }
    KcpSocketPrivate *socket = m_socket;
    const kcp::Instant until = std::min(deadline, m_nextAt);
    const kcp::Instant slice = alive.size() > 1 ? std::min(until, now + WaitSlice) : until;
    const KcpSocketPrivate::Guard guard(m_socket);
    for (Attempt *attempt : alive) {
        attempt->driver->wait(attempt, slice);
        // An event may have decided the race: then the connector is gone.
        if (!guard.isUnchanged() || socket->connector.get() != this)
            return true;
    }
    return true;
}

namespace {

QString refusalText(kcpnet::Refusal refusal)
{
    const char *text = nullptr;
    switch (refusal) {
    case kcpnet::Refusal::Full:
        text = QT_TRANSLATE_NOOP("KcpSocket", "the server is full");
        break;
    case kcpnet::Refusal::Version:
        text = QT_TRANSLATE_NOOP("KcpSocket", "the server speaks another version of the protocol");
        break;
    case kcpnet::Refusal::NotAccepting:
        text = QT_TRANSLATE_NOOP("KcpSocket", "the server is closed and accepts no connections");
        break;
    case kcpnet::Refusal::Mode:
        text = QT_TRANSLATE_NOOP("KcpSocket",
                                 "the server does not accept this mode (stream or message)");
        break;
    case kcpnet::Refusal::CookieExpired:
        text = QT_TRANSLATE_NOOP("KcpSocket", "the handshake took too long");
        break;
    case kcpnet::Refusal::AddressLimit:
        text = QT_TRANSLATE_NOOP("KcpSocket",
                                 "the server has too many connections from this address");
        break;
    case kcpnet::Refusal::Unreachable:
    case kcpnet::Refusal::None:
        text = QT_TRANSLATE_NOOP("KcpSocket", "nothing listens on this port");
        break;
    }
    return QCoreApplication::translate("KcpSocket", text);
}

const char *endText(kcpnet::CloseReason reason)
{
    switch (reason) {
    case kcpnet::CloseReason::RemoteClose:
        return QT_TRANSLATE_NOOP("KcpSocket", "%1 closed the connection");
    case kcpnet::CloseReason::RemoteAbort:
        return QT_TRANSLATE_NOOP("KcpSocket", "%1 aborted the connection");
    case kcpnet::CloseReason::Refused:
        return QT_TRANSLATE_NOOP("KcpSocket", "Connection refused by %1");
    case kcpnet::CloseReason::ConnectTimeout:
        return QT_TRANSLATE_NOOP("KcpSocket", "No answer from %1 within the connect timeout");
    case kcpnet::CloseReason::IdleTimeout:
        return QT_TRANSLATE_NOOP("KcpSocket", "Nothing heard from %1 within the idle timeout");
    case kcpnet::CloseReason::DeadLink:
        return QT_TRANSLATE_NOOP("KcpSocket", "%1 does not acknowledge: the link is dead");
    case kcpnet::CloseReason::LingerTimeout:
        return QT_TRANSLATE_NOOP("KcpSocket",
                                 "%1 did not take all data within the linger time of the close");
    case kcpnet::CloseReason::Reset:
        return QT_TRANSLATE_NOOP("KcpSocket",
                                 "%1 does not know this connection any more (was it restarted?)");
    case kcpnet::CloseReason::ProtocolError:
        return QT_TRANSLATE_NOOP("KcpSocket",
                                 "%1 broke the protocol or sent a message that is too large");
    case kcpnet::CloseReason::None:
    case kcpnet::CloseReason::LocalClose:
    case kcpnet::CloseReason::LocalAbort:
        break;
    }
    return nullptr;
}

QAbstractSocket::SocketError endError(kcpnet::CloseReason reason)
{
    switch (reason) {
    case kcpnet::CloseReason::RemoteClose:
    case kcpnet::CloseReason::RemoteAbort:
    case kcpnet::CloseReason::Reset:
        return QAbstractSocket::RemoteHostClosedError;
    case kcpnet::CloseReason::Refused:
        return QAbstractSocket::ConnectionRefusedError;
    case kcpnet::CloseReason::ConnectTimeout:
    case kcpnet::CloseReason::IdleTimeout:
    case kcpnet::CloseReason::DeadLink:
    case kcpnet::CloseReason::LingerTimeout:
        return QAbstractSocket::SocketTimeoutError;
    case kcpnet::CloseReason::ProtocolError:
        return QAbstractSocket::NetworkError;
    case kcpnet::CloseReason::None:
    case kcpnet::CloseReason::LocalClose:
    case kcpnet::CloseReason::LocalAbort:
        break;
    }
    return QAbstractSocket::UnknownSocketError;
}

} // namespace

KcpEndDescription kcpDescribeEnd(const kcpnet::Event &event, const QHostAddress &peer, quint16 port)
{
    KcpEndDescription result;
    const char *text = endText(event.reason);
    if (!text)
        return result;
    result.error = endError(event.reason);
    const QString where = QCoreApplication::translate("KcpSocket", "%1 port %2")
                                  .arg(peer.toString(), QString::number(port));
    result.text = QCoreApplication::translate("KcpSocket", text).arg(where);
    if (event.reason == kcpnet::CloseReason::Refused)
        result.text += QStringLiteral(": ") + refusalText(event.refusal);
    const QString words =
            QString::fromUtf8(event.closeText.data(), qsizetype(event.closeText.size()));
    if (!words.isEmpty())
        result.text += QStringLiteral(": ") + words;
    return result;
}
