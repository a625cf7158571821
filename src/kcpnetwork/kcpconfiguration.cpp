// SPDX-License-Identifier: MIT
#include "kcpconfiguration.h"
#include "kcpconfiguration_p.h"
#include "kcplogging_p.h"

#include <QtCore/qdebug.h>
#include <QtCore/qmetaobject.h>

#include <limits>

using std::chrono::milliseconds;

/*!
    \class KcpConfiguration
    \inmodule QtKcpNetwork
    \ingroup kcpnetwork
    \brief The KcpConfiguration class holds the parameters of KCP connections.

    A configuration is an implicitly shared value. Give it to KcpSocket::setConfiguration() before
    connecting, or to KcpServer::setConfiguration() for the connections that the server accepts from
    then on.

    The presets are a good start:

    \table
    \header
        \li Preset \li noDelay \li interval \li fastResend \li congestionControl
        \li sendWindow \li receiveWindow \li idleTimeout \li keepAliveInterval
    \row \li Default \li 0 \li 100 ms \li 0 \li classic \li 32 \li 128 \li none \li off
    \row \li Normal \li 1 \li 40 ms \li 2 \li classic \li 64 \li 128 \li 60 s \li 20 s
    \row \li Fast \li 1 \li 10 ms \li 2 \li none \li 128 \li 128 \li 30 s \li 10 s
    \row \li Adaptive \li 1 \li 10 ms \li 2 \li CUBIC \li 4096 \li 4096 \li 30 s \li 10 s
    \endtable

    A setter never bends a value: an impossible one is refused, the setter returns \c false, the old
    value stays, and one warning in the category \c{qt.network.kcp} names the field, the value and
    the range.

    \sa KcpSocket, KcpServer
*/

/*!
    \enum KcpConfiguration::Preset

    \value Default The defaults of the original KCP: a slow and polite link.
    \value Normal Retransmits earlier; still with KCP's own congestion control.
    \value Fast Lowest latency for little data: no congestion control, so keep it for links that
        you know. Bulk data over a bottleneck will drown in its own losses.
    \value Adaptive Low latency, and a congestion control that shares the Internet with TCP. What a
        default-constructed configuration is.
*/

/*!
    \enum KcpConfiguration::CongestionControl

    \value NoCongestionControl Only the windows of the two sides limit (KCP's \c{nc=1}).
    \value ClassicCongestionControl What the original KCP does: slow start and a linear increase
        that is hardly usable above a few hundred kilobytes a second. For comparison and
        compatibility.
    \value CubicCongestionControl CUBIC (RFC 9438) with the slow start of RFC 5681.
*/

/*!
    \enum KcpConfiguration::Mode

    \value Stream Bytes, as with TCP: use QIODevice's functions.
    \value Message Messages that keep their boundaries: use KcpSocket::writeMessage() and
        KcpSocket::readMessage().
*/

/*!
    \enum KcpConfiguration::Profile

    \value Native The session protocol of this module around KCP segments: connections are made,
        closed and kept alive, and survive a change of network.
    \value PlainKcp Bare KCP segments, as other KCP implementations speak. There is no handshake and
        no close on the wire.
*/

namespace {

// One warning a refusal: it is a mistake in the program, and made where the program sets it up.
bool refuse(const char *field, qint64 value, qint64 minimum, qint64 maximum)
{
    qCWarning(lcKcp, "KcpConfiguration: %s = %lld is refused; the range is %lld .. %lld", field,
              static_cast<long long>(value), static_cast<long long>(minimum),
              static_cast<long long>(maximum));
    return false;
}

// Longest durations that are taken: they stay far from overflow in microseconds.
constexpr qint64 MaximumTimeout = qint64(24) * 3600 * 1000 * 365;

} // namespace

KcpConfigurationPrivate::KcpConfigurationPrivate(KcpConfiguration::Preset preset)
{
    switch (preset) {
    case KcpConfiguration::Default:
        noDelay = 0;
        interval = milliseconds(100);
        fastResend = 0;
        congestionControl = KcpConfiguration::ClassicCongestionControl;
        sendWindow = 32;
        receiveWindow = 128;
        idleTimeout = milliseconds(0);
        keepAliveInterval = milliseconds(0);
        break;
    case KcpConfiguration::Normal:
        interval = milliseconds(40);
        congestionControl = KcpConfiguration::ClassicCongestionControl;
        sendWindow = 64;
        receiveWindow = 128;
        idleTimeout = milliseconds(60000);
        keepAliveInterval = milliseconds(20000);
        break;
    case KcpConfiguration::Fast:
        congestionControl = KcpConfiguration::NoCongestionControl;
        sendWindow = 128;
        receiveWindow = 128;
        break;
    case KcpConfiguration::Adaptive:
        break; // the members' initial values
    }
}

bool KcpConfigurationPrivate::operator==(const KcpConfigurationPrivate &other) const
{
    return interval == other.interval && minimumRto == other.minimumRto
            && connectTimeout == other.connectTimeout && idleTimeout == other.idleTimeout
            && keepAliveInterval == other.keepAliveInterval && lingerTime == other.lingerTime
            && maxMessageSize == other.maxMessageSize && noDelay == other.noDelay
            && fastResend == other.fastResend && mtu == other.mtu && sendWindow == other.sendWindow
            && receiveWindow == other.receiveWindow && deadLink == other.deadLink
            && congestionControl == other.congestionControl && mode == other.mode
            && profile == other.profile && ackNoDelay == other.ackNoDelay
            && connectWithoutReply == other.connectWithoutReply;
}

const KcpConfiguration &KcpConfigurationPrivate::adaptive()
{
    static const KcpConfiguration configuration(KcpConfiguration::Adaptive);
    return configuration;
}

kcpnet::SessionConfig
KcpConfigurationPrivate::toSessionConfig(const KcpConfiguration &configuration)
{
    const KcpConfigurationPrivate &from = *configuration.d;
    kcpnet::SessionConfig to;
    to.profile = from.profile == KcpConfiguration::Native ? kcpnet::Profile::Native
                                                          : kcpnet::Profile::PlainKcp;
    to.mode = from.mode == KcpConfiguration::Stream ? kcpnet::Mode::Stream : kcpnet::Mode::Message;
    to.connectTimeout = from.connectTimeout;
    to.idleTimeout = from.idleTimeout;
    to.keepAliveInterval = from.keepAliveInterval;
    to.lingerTime = from.lingerTime;
    to.connectWithoutReply = from.connectWithoutReply;
    to.maximumMessageSize = static_cast<std::uint32_t>(from.maxMessageSize);

    kcp::Config &engine = to.engine;
    engine.nodelay = static_cast<std::uint8_t>(from.noDelay);
    engine.interval = from.interval;
    engine.fastResend = static_cast<std::uint32_t>(from.fastResend);
    switch (from.congestionControl) {
    case KcpConfiguration::NoCongestionControl:
        engine.congestionControl = kcp::CongestionControl::Off;
        break;
    case KcpConfiguration::ClassicCongestionControl:
        engine.congestionControl = kcp::CongestionControl::Classic;
        break;
    case KcpConfiguration::CubicCongestionControl:
        engine.congestionControl = kcp::CongestionControl::Cubic;
        break;
    }
    engine.mtu = static_cast<std::uint32_t>(from.mtu);
    engine.sendWindow = static_cast<std::uint32_t>(from.sendWindow);
    engine.receiveWindow = static_cast<std::uint32_t>(from.receiveWindow);
    engine.minimumRto = from.minimumRto;
    engine.deadLink = static_cast<std::uint32_t>(from.deadLink);
    engine.acksAreDelayed = !from.ackNoDelay;
    return to;
}

/*!
    Constructs the configuration of the Adaptive preset.
*/
KcpConfiguration::KcpConfiguration() : KcpConfiguration(KcpConfigurationPrivate::adaptive()) { }

/*!
    Constructs the configuration of the given \a preset.
*/
KcpConfiguration::KcpConfiguration(Preset preset) : d(new KcpConfigurationPrivate(preset)) { }

/*!
    Constructs a copy of \a other.
*/
KcpConfiguration::KcpConfiguration(const KcpConfiguration &other) = default;

/*!
    \fn KcpConfiguration::KcpConfiguration(KcpConfiguration &&other)
    Moves \a other into this configuration. \a other may only be assigned to or destroyed then.
*/
KcpConfiguration::KcpConfiguration(KcpConfiguration &&other) noexcept = default;

/*!
    Destroys the configuration.
*/
KcpConfiguration::~KcpConfiguration() = default;

/*!
    Makes this configuration equal to \a other and returns a reference to it.
*/
KcpConfiguration &KcpConfiguration::operator=(const KcpConfiguration &other) = default;

/*!
    \fn KcpConfiguration &KcpConfiguration::operator=(KcpConfiguration &&other)
    Moves \a other into this configuration and returns a reference to it. \a other may only be
    assigned to or destroyed then.
*/
KcpConfiguration &KcpConfiguration::operator=(KcpConfiguration &&other) noexcept = default;

/*!
    \fn void KcpConfiguration::swap(KcpConfiguration &other)
    Swaps this configuration with \a other. Never fails.
*/

/*!
    Returns the configuration of the given \a preset.
*/
KcpConfiguration KcpConfiguration::fromPreset(Preset preset)
{
    return KcpConfiguration(preset);
}

/*!
    \fn bool KcpConfiguration::operator==(const KcpConfiguration &lhs, const KcpConfiguration &rhs)
    Returns \c true if all fields of \a lhs and \a rhs are equal.
*/
/*!
    \fn bool KcpConfiguration::operator!=(const KcpConfiguration &lhs, const KcpConfiguration &rhs)
    Returns \c true if any field of \a lhs and \a rhs differs.
*/
bool KcpConfiguration::equals(const KcpConfiguration &other) const
{
    return d == other.d || *d == *other.d;
}

/*!
    Returns how eagerly a lost segment is sent again, KCP's \c nodelay: 0, 1 or 2.

    \sa setNoDelay()
*/
int KcpConfiguration::noDelay() const
{
    return d->noDelay;
}

/*!
    Sets KCP's \c nodelay to \a level: with 0 the retransmission timeout doubles each time and is at
    least 100 ms; with 1 it grows by half of itself and is at least 30 ms; with 2 it grows by half of
    the connection's timeout. Returns \c false when \a level is not 0, 1 or 2.
*/
bool KcpConfiguration::setNoDelay(int level)
{
    if (level < 0 || level > 2)
        return refuse("noDelay", level, 0, 2);
    d->noDelay = level;
    return true;
}

/*!
    Returns KCP's \c interval: the granularity term of the retransmission timeout, and the longest
    delay of an acknowledgement when ackNoDelay() is off. It is not a tick: an idle connection does
    not wake up.

    \sa setInterval()
*/
milliseconds KcpConfiguration::interval() const
{
    return d->interval;
}

/*!
    Sets KCP's \c interval to \a interval, 1 ms to 5 s. Returns \c false outside of it.
*/
bool KcpConfiguration::setInterval(milliseconds interval)
{
    if (interval.count() < 1 || interval.count() > 5000)
        return refuse("interval", interval.count(), 1, 5000);
    d->interval = interval;
    return true;
}

/*!
    Returns after how many acknowledgements of later segments a segment is sent again at once;
    0 = never, only the timeout counts.

    \sa setFastResend()
*/
int KcpConfiguration::fastResend() const
{
    return d->fastResend;
}

/*!
    Sets KCP's \c resend to \a count, 0 to 16. Returns \c false outside of it.
*/
bool KcpConfiguration::setFastResend(int count)
{
    constexpr int Maximum = int(kcp::Config::MaximumFastResend);
    if (count < 0 || count > Maximum)
        return refuse("fastResend", count, 0, Maximum);
    d->fastResend = count;
    return true;
}

/*!
    Returns what limits the data under way besides the windows of the two sides.

    \sa setCongestionControl()
*/
KcpConfiguration::CongestionControl KcpConfiguration::congestionControl() const
{
    return d->congestionControl;
}

/*!
    Sets the congestion control to \a control. Returns \c false when it is not a value of the enum.
*/
bool KcpConfiguration::setCongestionControl(CongestionControl control)
{
    if (control < NoCongestionControl || control > CubicCongestionControl)
        return refuse("congestionControl", control, NoCongestionControl, CubicCongestionControl);
    d->congestionControl = control;
    return true;
}

/*!
    Returns the largest size of a datagram in bytes, without the headers of UDP and IP.

    \sa setMtu()
*/
int KcpConfiguration::mtu() const
{
    return d->mtu;
}

/*!
    Sets the size of datagrams to \a bytes, 576 to 65507. The default of 1400 fits almost everywhere;
    1200 is safe where tunnels are under way. Larger values than the path takes cost fragmentation or
    are lost. Returns \c false outside of the range.
*/
bool KcpConfiguration::setMtu(int bytes)
{
    // Session frames need up to a few hundred bytes; 576 is what every IPv4 host must take.
    if (bytes < 576 || bytes > 65507)
        return refuse("mtu", bytes, 576, 65507);
    d->mtu = bytes;
    return true;
}

/*!
    Returns how many segments may be under way at most. It is a limit; memory follows use.

    \sa setSendWindow()
*/
int KcpConfiguration::sendWindow() const
{
    return d->sendWindow;
}

/*!
    Sets the send window to \a segments, 1 to 65535. Returns \c false outside of it.
*/
bool KcpConfiguration::setSendWindow(int segments)
{
    if (segments < 1 || segments > 65535)
        return refuse("sendWindow", segments, 1, 65535);
    d->sendWindow = segments;
    return true;
}

/*!
    Returns how many segments may wait for the application, and be out of order. It is a limit;
    memory follows use.

    \sa setReceiveWindow(), KcpSocket::setReadBufferSize()
*/
int KcpConfiguration::receiveWindow() const
{
    return d->receiveWindow;
}

/*!
    Sets the receive window to \a segments, 1 to 65535. The peer of a plain KCP connection takes 128
    for granted. Returns \c false outside of the range.
*/
bool KcpConfiguration::setReceiveWindow(int segments)
{
    if (segments < 1 || segments > 65535)
        return refuse("receiveWindow", segments, 1, 65535);
    d->receiveWindow = segments;
    return true;
}

/*!
    Returns whether connections carry bytes or messages. The default is Stream.

    \sa setMode()
*/
KcpConfiguration::Mode KcpConfiguration::mode() const
{
    return d->mode;
}

/*!
    Sets the mode to \a mode. With the native profile both sides must agree; a server refuses a
    client whose mode is not its own. Returns \c false when it is not a value of the enum.
*/
bool KcpConfiguration::setMode(Mode mode)
{
    if (mode != Stream && mode != Message)
        return refuse("mode", mode, Stream, Message);
    d->mode = mode;
    return true;
}

/*!
    Returns the size in bytes of the largest message that is accepted from the peer in message mode.
    The default is 16 MiB. A larger one closes the connection.

    \sa setMaxMessageSize(), KcpSocket::maximumMessageSize()
*/
qint64 KcpConfiguration::maxMessageSize() const
{
    return d->maxMessageSize;
}

/*!
    Sets the size of the largest message that is accepted to \a bytes, 1 to 2147483647. Returns
    \c false outside of it.
*/
bool KcpConfiguration::setMaxMessageSize(qint64 bytes)
{
    constexpr qint64 Maximum = std::numeric_limits<qint32>::max();
    if (bytes < 1 || bytes > Maximum)
        return refuse("maxMessageSize", bytes, 1, Maximum);
    d->maxMessageSize = bytes;
    return true;
}

/*!
    Returns the lower bound of the retransmission timeout; 0 = what noDelay() implies (100 ms with
    0, else 30 ms).

    \sa setMinimumRto()
*/
milliseconds KcpConfiguration::minimumRto() const
{
    return d->minimumRto;
}

/*!
    Sets the lower bound of the retransmission timeout to \a rto, 0 to 60 s. Returns \c false outside
    of it.
*/
bool KcpConfiguration::setMinimumRto(milliseconds rto)
{
    if (rto.count() < 0 || rto.count() > 60000)
        return refuse("minimumRto", rto.count(), 0, 60000);
    d->minimumRto = rto;
    return true;
}

/*!
    Returns after how many transmissions of one segment the connection is given up; 0 = never.

    \sa setDeadLink()
*/
int KcpConfiguration::deadLink() const
{
    return d->deadLink;
}

/*!
    Sets after how many \a transmissions of one segment the connection is given up, 0 to 65535; with
    0 only idleTimeout() ends it. The error is QAbstractSocket::SocketTimeoutError. Returns \c false
    outside of the range.
*/
bool KcpConfiguration::setDeadLink(int transmissions)
{
    if (transmissions < 0 || transmissions > 65535)
        return refuse("deadLink", transmissions, 0, 65535);
    d->deadLink = transmissions;
    return true;
}

/*!
    Returns how long a connection may take to be made. The default is 10 s.

    \sa setConnectTimeout()
*/
milliseconds KcpConfiguration::connectTimeout() const
{
    return d->connectTimeout;
}

/*!
    Sets how long a connection may take to be made to \a timeout, 1 ms to one year. Then
    KcpSocket::errorOccurred() is emitted with QAbstractSocket::SocketTimeoutError. Returns \c false
    outside of the range.
*/
bool KcpConfiguration::setConnectTimeout(milliseconds timeout)
{
    if (timeout.count() < 1 || timeout.count() > MaximumTimeout)
        return refuse("connectTimeout", timeout.count(), 1, MaximumTimeout);
    d->connectTimeout = timeout;
    return true;
}

/*!
    Returns after how much silence of the peer a connection is given up; 0 = never.

    \sa setIdleTimeout(), keepAliveInterval()
*/
milliseconds KcpConfiguration::idleTimeout() const
{
    return d->idleTimeout;
}

/*!
    Sets after how much silence of the peer a connection is given up to \a timeout, 0 (never) to one
    year. Choose it several times longer than keepAliveInterval(), which keeps a healthy connection
    from being silent. Returns \c false outside of the range.
*/
bool KcpConfiguration::setIdleTimeout(milliseconds timeout)
{
    if (timeout.count() < 0 || timeout.count() > MaximumTimeout)
        return refuse("idleTimeout", timeout.count(), 0, MaximumTimeout);
    d->idleTimeout = timeout;
    return true;
}

/*!
    Returns after how much silence the peer is asked for a sign of life; 0 = never.

    \sa setKeepAliveInterval()
*/
milliseconds KcpConfiguration::keepAliveInterval() const
{
    return d->keepAliveInterval;
}

/*!
    Sets after how much silence the peer is asked for a sign of life to \a interval, 0 (never) to one
    year. A busy connection sends none. Returns \c false outside of the range.
*/
bool KcpConfiguration::setKeepAliveInterval(milliseconds interval)
{
    if (interval.count() < 0 || interval.count() > MaximumTimeout)
        return refuse("keepAliveInterval", interval.count(), 0, MaximumTimeout);
    d->keepAliveInterval = interval;
    return true;
}

/*!
    Returns how long KcpSocket::disconnectFromHost() may take to deliver what was written. The default
    is 10 s.

    \sa setLingerTime()
*/
milliseconds KcpConfiguration::lingerTime() const
{
    return d->lingerTime;
}

/*!
    Sets how long closing may take to \a time, 1 ms to one year. Then the rest is dropped and
    KcpSocket::errorOccurred() is emitted with QAbstractSocket::SocketTimeoutError. Returns \c false
    outside of the range.
*/
bool KcpConfiguration::setLingerTime(milliseconds time)
{
    if (time.count() < 1 || time.count() > MaximumTimeout)
        return refuse("lingerTime", time.count(), 1, MaximumTimeout);
    d->lingerTime = time;
    return true;
}

/*!
    Returns \c true if data is acknowledged in the same turn of the event loop in which it came.
    That is the default.

    \sa setAckNoDelay()
*/
bool KcpConfiguration::ackNoDelay() const
{
    return d->ackNoDelay;
}

/*!
    If \a enabled is \c true, data is acknowledged at once; else acknowledgements wait up to
    interval() for data to travel with, which saves datagrams and costs latency after a loss.
*/
void KcpConfiguration::setAckNoDelay(bool enabled)
{
    d->ackNoDelay = enabled;
}

/*!
    Returns \c true if a plain KCP client is connected at once, without a word from the peer. The
    default is \c false.

    \sa setConnectWithoutReply()
*/
bool KcpConfiguration::connectWithoutReply() const
{
    return d->connectWithoutReply;
}

/*!
    If \a enabled is \c true, a client of the PlainKcp profile emits KcpSocket::connected() at once,
    else when the first valid segment of the peer arrives. It means nothing for native connections.
*/
void KcpConfiguration::setConnectWithoutReply(bool enabled)
{
    d->connectWithoutReply = enabled;
}

/*!
    Returns what a client speaks on the wire. The default is Native. A server takes what
    KcpServer::setAcceptedProfiles() says.

    \sa setProfile()
*/
KcpConfiguration::Profile KcpConfiguration::profile() const
{
    return d->profile;
}

/*!
    Sets what a client speaks on the wire to \a profile. Returns \c false when it is not a value of
    the enum.
*/
bool KcpConfiguration::setProfile(Profile profile)
{
    if (profile != Native && profile != PlainKcp)
        return refuse("profile", profile, Native, PlainKcp);
    d->profile = profile;
    return true;
}

#ifndef QT_NO_DEBUG_STREAM
/*!
    \relates KcpConfiguration
    Writes \a configuration to \a debug.
*/
QDebug operator<<(QDebug debug, const KcpConfiguration &configuration)
{
    const QDebugStateSaver saver(debug);
    debug.nospace() << "KcpConfiguration(" << configuration.profile() << ", "
                    << configuration.mode() << ", noDelay " << configuration.noDelay()
                    << ", interval " << configuration.interval().count() << " ms, fastResend "
                    << configuration.fastResend() << ", " << configuration.congestionControl()
                    << ", mtu " << configuration.mtu() << ", windows " << configuration.sendWindow()
                    << '/' << configuration.receiveWindow() << ", idleTimeout "
                    << configuration.idleTimeout().count() << " ms, keepAliveInterval "
                    << configuration.keepAliveInterval().count() << " ms)";
    return debug;
}
#endif

#include "moc_kcpconfiguration.cpp"
