// SPDX-License-Identifier: MIT
#include <kcp/engine.h>

#include <algorithm>
#include <utility>

namespace kcp {

using namespace std::chrono_literals;

namespace {

// Datagrams of a peer whose segments are larger than ours.
constexpr std::uint32_t CommonMss = 1400;

Duration defaultMinimumRto(std::uint8_t nodelay)
{
    return nodelay == 0 ? 100ms : 30ms;
}

} // namespace

const char *Config::invalidField() const
{
    if (nodelay > 2)
        return "nodelay";
    if (interval < 1ms || interval > 5s)
        return "interval";
    if (fastResend > MaximumFastResend)
        return "fastResend";
    if (mtu < MinimumMtu || mtu > MaximumDatagramSize)
        return "mtu";
    if (sendWindow < 1 || sendWindow > MaximumWindow)
        return "sendWindow";
    if (receiveWindow < 1 || receiveWindow > MaximumWindow)
        return "receiveWindow";
    if (minimumRto < Duration::zero() || minimumRto > RttEstimator::MaximumRto)
        return "minimumRto";
    if (deadLinkTime < Duration::zero())
        return "deadLinkTime";
    if (maximumFragments < 1 || maximumFragments > 255)
        return "maximumFragments";
    return nullptr;
}

Engine::Engine(const Config &config, BlockPool *pool)
    : m_config(config),
      m_ownPool(pool ? nullptr : std::make_unique<BlockPool>()),
      m_rtt(config.minimumRto > Duration::zero() ? config.minimumRto
                                                 : defaultMinimumRto(config.nodelay),
            config.interval),
      m_congestion(CongestionController::create(config.congestionControl, config.mtu - HeaderSize,
                                                config.fastResend)),
      m_send(pool ? pool : m_ownPool.get(), config.initialSendSn, mss()),
      m_receive(pool ? pool : m_ownPool.get(), config.initialReceiveSn, config.stream),
      m_acks(pool ? pool : m_ownPool.get()),
      m_peerWindow(Config::DefaultMaximumFragments + 1),
      m_peerUna(config.initialSendSn),
      m_sendEnd(config.initialSendSn),
      m_fullTransmission(m_send.transmissions())
{
    applyConfig();
}

Engine::~Engine() = default;

// Hands on what the queues need to know of m_config.
void Engine::applyConfig()
{
    m_send.setPolicy({ m_config.nodelay, m_config.fastLimit, m_config.maximumFragments });
    const std::size_t segmentBytes = std::max<std::size_t>(mss(), CommonMss);
    m_receive.setLimits(m_config.receiveWindow, m_config.receiveWindow * segmentBytes);
    readCongestionWindow();
}

void Engine::readCongestionWindow()
{
    const std::uint32_t before = m_window;
    m_window = m_congestion->window();
    m_windowLimitsAll = m_congestion->limitsRetransmissions();
    if (m_window < before)
        closeSendWindow();
}

void Engine::trim()
{
    m_send.trim();
    m_receive.trim();
    m_acks.trim();
}

// --- commands -------------------------------------------------------------------------------

std::size_t Engine::read(MutableBytes buffer)
{
    const std::size_t size = m_receive.read(buffer);
    noteReadProgress();
    return size;
}

std::size_t Engine::peek(std::size_t offset, MutableBytes buffer) const
{
    return m_receive.peek(offset, buffer);
}

std::size_t Engine::skip(std::size_t size)
{
    const std::size_t skipped = m_receive.skip(size);
    noteReadProgress();
    return skipped;
}

std::optional<std::size_t> Engine::findByte(std::uint8_t byte, std::size_t limit) const
{
    return m_receive.findByte(byte, limit);
}

std::optional<std::size_t> Engine::nextMessageSize() const
{
    return m_receive.nextMessageSize();
}

// A peer that was told of a closed window is told when it opens again.
void Engine::tellOpenWindow()
{
    if (advertisedWindow() == 0)
        return;
    m_windowWasClosed = false;
    m_control |= TellsWindow;
    m_tells = 1;
    m_awaitsNews = true;
}

std::optional<std::size_t> Engine::receiveFromClosedWindow(MutableBytes buffer)
{
    const std::optional<std::size_t> size = m_receive.receiveMessage(buffer);
    noteReadProgress();
    return size;
}

void Engine::requestProbe()
{
    m_control |= AsksWindow;
}

void Engine::requestWindowTell()
{
    m_control |= TellsWindow;
}

bool Engine::setMtu(std::uint32_t mtu)
{
    if (mtu < Config::MinimumMtu || mtu > MaximumDatagramSize)
        return false;
    m_config.mtu = mtu;
    m_congestion->setMss(mss());
    m_send.setMss(mss());
    applyConfig();
    return true;
}

bool Engine::setSendWindow(std::uint32_t segments)
{
    if (segments < 1 || segments > Config::MaximumWindow)
        return false;
    m_config.sendWindow = segments;
    closeSendWindow();
    return true;
}

bool Engine::setReceiveWindow(std::uint32_t segments)
{
    if (segments < 1 || segments > Config::MaximumWindow)
        return false;
    m_config.receiveWindow = segments;
    applyConfig();
    noteReadProgress();
    return true;
}

void Engine::setStream(bool stream)
{
    m_config.stream = stream;
    m_receive.setStream(stream);
}

void Engine::setNoDelay(std::uint8_t nodelay)
{
    m_config.nodelay = std::min<std::uint8_t>(nodelay, 2);
    m_rtt.setMinimumRto(m_config.minimumRto > Duration::zero()
                                ? m_config.minimumRto
                                : defaultMinimumRto(m_config.nodelay));
    applyConfig();
}

bool Engine::setInterval(Duration interval)
{
    if (interval < 1ms || interval > 5s)
        return false;
    m_config.interval = interval;
    m_rtt.setInterval(interval);
    return true;
}

void Engine::setFastResend(std::uint32_t fastResend)
{
    m_config.fastResend = std::min(fastResend, Config::MaximumFastResend);
    m_passed.fill(m_send.transmissions());
}

void Engine::setFastLimit(std::uint32_t fastLimit)
{
    m_config.fastLimit = fastLimit;
    applyConfig();
}

void Engine::setMinimumRto(Duration minimumRto)
{
    m_config.minimumRto = std::clamp(minimumRto, Duration::zero(), RttEstimator::MaximumRto);
    setNoDelay(m_config.nodelay);
}

void Engine::setDeadLink(std::uint32_t transmissions, Duration time)
{
    m_config.deadLink = transmissions;
    m_config.deadLinkTime = time;
}

void Engine::setCongestionControl(CongestionControl kind)
{
    m_congestion = CongestionController::create(kind, mss(), m_config.fastResend);
    m_config.congestionControl = kind;
    readCongestionWindow();
    closeSendWindow();
}

void Engine::setCongestionController(std::unique_ptr<CongestionController> controller)
{
    m_config.congestionControl = CongestionControl::Custom;
    m_congestion = std::move(controller);
    m_congestion->setMss(mss());
    readCongestionWindow();
    closeSendWindow();
}

void Engine::setConversation(std::uint32_t conv)
{
    m_config.conv = conv;
}

void Engine::setReceiveLimit(std::size_t bytes)
{
    m_receiveLimit = bytes;
    noteReadProgress();
}

// --- getters --------------------------------------------------------------------------------

// The window while setReceiveLimit() is in force.
std::uint32_t Engine::limitedWindow(std::uint32_t window) const
{
    const std::size_t closed = m_receive.closedBytes();
    const std::size_t room = m_receiveLimit > closed ? m_receiveLimit - closed : 0;
    return static_cast<std::uint32_t>(std::min<std::size_t>(window, (room + mss() - 1) / mss()));
}

std::size_t Engine::waitingSegments() const
{
    return m_send.unsentSegments() + m_send.flightSize();
}

std::size_t Engine::maximumTransmitSize() const
{
    std::uint32_t largest = m_send.largestLength();
    if (m_send.hasUnsent())
        largest = std::max(largest, m_send.nextLength());
    return std::max<std::size_t>(m_config.mtu, HeaderSize + largest);
}

} // namespace kcp
