// SPDX-License-Identifier: MIT
#include "ikcpcontrol.h"

#include <algorithm>

namespace kcp {

using std::chrono::milliseconds;

namespace {

constexpr IUINT32 MaximumInterval = 5000; // ms
constexpr IINT32 MaximumMinimumRto = 60000; // ms
constexpr IUINT32 NoDeadLink = 0x80000000U;
constexpr Duration DeadLinkTime = std::chrono::seconds(60);
// A clock that goes back this far was set anew; less is two sources that disagree a little.
constexpr std::int32_t ClockRestart = -10000; // ms

Config originalDefaults(IUINT32 conv)
{
    Config config;
    config.conv = conv;
    config.minimumRto = milliseconds(100);
    config.deadLinkTime = DeadLinkTime;
    return config;
}

} // namespace

ControlBlock::ControlBlock(IUINT32 conversation, void *userPointer, FreeFunction freeFunction)
    : ikcpcb{}, m_engine(originalDefaults(conversation)), m_free(freeFunction)
{
    const Config &config = m_engine.config();
    conv = config.conv;
    mtu = config.mtu;
    mss = m_engine.mss();
    snd_wnd = config.sendWindow;
    rcv_wnd = config.receiveWindow;
    interval = static_cast<IUINT32>(toMilliseconds(config.interval));
    rx_minrto = toMilliseconds(config.minimumRto);
    fastlimit = static_cast<int>(config.fastLimit);
    dead_link = config.deadLink;
    user = userPointer;
    m_known = ControlSettings::of(*this);
    publish();
}

void ControlBlock::destroy(ControlBlock *control)
{
    if (control->m_operations)
        control->releaseOperations(control->m_operations->operations());
    const FreeFunction release = control->m_free;
    control->~ControlBlock();
    release(control);
}

void ControlBlock::takeSettings()
{
    const ControlSettings wanted = ControlSettings::of(*this);
    if (wanted == m_known)
        return;
    if (wanted.conv != m_known.conv)
        m_engine.setConversation(wanted.conv);
    applyMtu(wanted);
    applyWindows(wanted);
    applyTiming(wanted);
    if (wanted.fastresend != m_known.fastresend)
        m_engine.setFastResend(static_cast<std::uint32_t>(std::max(wanted.fastresend, 0)));
    if (wanted.fastlimit != m_known.fastlimit)
        m_engine.setFastLimit(static_cast<std::uint32_t>(std::max(wanted.fastlimit, 0)));
    if (wanted.stream != m_known.stream)
        m_engine.setSendStream(wanted.stream != 0);
    if (wanted.nocwnd != m_known.nocwnd)
        applyCongestionControl();
    m_known = ControlSettings::of(*this);
}

void ControlBlock::applyMtu(const ControlSettings &wanted)
{
    constexpr auto Header = static_cast<IUINT32>(HeaderSize);
    if (wanted.mtu != m_known.mtu) {
        m_engine.setMtu(std::clamp(wanted.mtu, Config::MinimumMtu,
                                   static_cast<IUINT32>(MaximumDatagramSize)));
    } else if (wanted.mss != m_known.mss) {
        m_engine.setMtu(std::clamp(wanted.mss, Config::MinimumMtu - Header,
                                   static_cast<IUINT32>(MaximumDatagramSize) - Header)
                        + Header);
    }
    mtu = m_engine.config().mtu;
    mss = m_engine.mss();
}

void ControlBlock::applyWindows(const ControlSettings &wanted)
{
    snd_wnd = std::clamp(wanted.snd_wnd, IUINT32{ 1 }, Config::MaximumWindow);
    rcv_wnd = std::clamp(wanted.rcv_wnd, IUINT32{ 1 }, Config::MaximumWindow);
    if (snd_wnd != m_known.snd_wnd)
        m_engine.setSendWindow(snd_wnd);
    if (rcv_wnd != m_known.rcv_wnd)
        m_engine.setReceiveWindow(rcv_wnd);
}

void ControlBlock::applyTiming(const ControlSettings &wanted)
{
    interval = std::clamp(wanted.interval, IUINT32{ 1 }, MaximumInterval);
    rx_minrto = std::clamp(wanted.rx_minrto, IINT32{ 1 }, MaximumMinimumRto);
    if (wanted.nodelay != m_known.nodelay)
        m_engine.setNoDelay(static_cast<std::uint8_t>(std::min(wanted.nodelay, IUINT32{ 2 })));
    if (interval != m_known.interval)
        m_engine.setInterval(milliseconds(interval));
    // Each time: the engine may have its own idea of it after a change of nodelay.
    m_engine.setMinimumRto(milliseconds(rx_minrto));
    if (wanted.dead_link != m_known.dead_link) {
        const bool never = wanted.dead_link == 0 || wanted.dead_link >= NoDeadLink;
        m_engine.setDeadLink(never ? 0 : wanted.dead_link, never ? Duration::zero() : DeadLinkTime);
    }
}

void ControlBlock::applyCongestionControl()
{
    if (m_operations)
        m_engine.readCongestionWindow();
    else
        useBuiltIn();
}

void ControlBlock::useBuiltIn()
{
    m_engine.setCongestionControl(nocwnd != 0 ? CongestionControl::Off
                                              : CongestionControl::Classic);
}

int ControlBlock::useOperations(const IKCPOPS *operations)
{
    // Memory first: without it all stays as it is.
    std::unique_ptr<OperationsControl> next;
    if (operations)
        next = std::make_unique<OperationsControl>(*this, *operations);
    if (m_operations) {
        const IKCPOPS &former = m_operations->operations();
        useBuiltIn();
        m_operations = nullptr;
        releaseOperations(former);
    }
    if (!operations)
        return 0;
    ccops = operations;
    if (operations->init) {
        const FlagGuard guard(m_inOperation);
        const int result = operations->init(this);
        if (result != 0) {
            ccops = nullptr;
            congest = nullptr;
            return result < 0 ? result : -1;
        }
    }
    m_operations = next.get();
    m_engine.setCongestionController(std::move(next));
    return 0;
}

void ControlBlock::releaseOperations(const IKCPOPS &operations)
{
    if (operations.release) {
        const FlagGuard guard(m_inOperation);
        operations.release(this);
    }
    ccops = nullptr;
    congest = nullptr;
}

void ControlBlock::publish()
{
    const RttEstimator &rtt = m_engine.rtt();
    rx_srtt = rtt.hasSample() ? std::max(toMilliseconds(rtt.srtt()), 1) : 0;
    rx_rttval = toMilliseconds(rtt.rttvar());
    rx_rto = toMilliseconds(rtt.rto());
    rmt_wnd = m_engine.peerWindow();
    if (!m_operations) {
        cwnd = nocwnd != 0 ? snd_wnd : m_engine.congestionWindow();
        ssthresh = m_engine.slowStartThreshold();
        incr = cwnd * mss;
    }
    xmit = static_cast<IUINT32>(m_engine.stats().timeoutRetransmissions);
    nsnd_buf = m_engine.unacknowledgedSegments();
    nsnd_que = static_cast<IUINT32>(m_engine.waitingSegments()) - nsnd_buf;
    snd_una = m_engine.sendQueue().una();
    snd_nxt = m_engine.sendQueue().next();
    rcv_nxt = m_engine.receiveQueue().next();
    nrcv_buf = m_engine.receiveQueue().earlySegments();
    nrcv_que = m_engine.receiveQueue().readySegments();
    probe_wait = static_cast<IUINT32>(toMilliseconds(m_engine.probeDelay()));
    const Instant probe = m_engine.probeDeadline();
    ts_probe = probe == Never ? 0
                              : m_lastCurrent + static_cast<IUINT32>(toMilliseconds(probe - m_now));
    if (updated)
        ts_flush = m_lastCurrent + static_cast<IUINT32>(toMilliseconds(m_nextFlush - m_now));
    if (m_engine.isDead() && !m_toldDead) {
        m_toldDead = true;
        state = static_cast<IUINT32>(-1);
    }
}

// The engine's clock is the program's, made monotone: it stands still while the program's is a
// little behind, and goes on from where it was when the program's starts anew.
Instant ControlBlock::instantOf(IUINT32 time) const
{
    return m_now + milliseconds(std::max(serialDistance(time, m_lastCurrent), 0));
}

Instant ControlBlock::advance()
{
    const std::int32_t step = serialDistance(current, m_lastCurrent);
    m_now = instantOf(current);
    if (step > 0 || step < ClockRestart)
        m_lastCurrent = current;
    return m_now;
}

// The first time that is told is no time that passed.
void ControlBlock::restart(IUINT32 time)
{
    updated = 1;
    m_lastCurrent = time;
    m_now = std::max(m_now, Instant(milliseconds(time)));
    m_nextFlush = m_now;
}

// A shorter interval and a clock that was set anew must not leave the flush far ahead.
Instant ControlBlock::nextFlush(Instant now) const
{
    return std::min(m_nextFlush, now + milliseconds(interval));
}

Engine::Input ControlBlock::input(ByteView datagram)
{
    const Instant now = advance();
    if (m_operations)
        m_operations->beforeInput(now, datagram);
    return m_engine.handleDatagram(now, datagram);
}

void ControlBlock::update(IUINT32 time)
{
    if (!updated)
        restart(time);
    current = time;
    const Instant now = advance();
    m_nextFlush = nextFlush(now);
    const bool onTick = now >= m_nextFlush;
    if (!onTick && now < m_engine.pollTimeout())
        return;
    // A late tick keeps the rhythm; a retransmission in between starts a new one.
    const Instant base = onTick && now - m_nextFlush < milliseconds(interval) ? m_nextFlush : now;
    m_nextFlush = base + milliseconds(interval);
    flush();
}

IUINT32 ControlBlock::check(IUINT32 time) const
{
    if (!updated)
        return time;
    const Instant now = instantOf(time);
    const Instant next = std::min(nextFlush(now), m_engine.pollTimeout());
    if (next <= now)
        return time;
    return time + static_cast<IUINT32>(std::chrono::ceil<milliseconds>(next - now).count());
}

void ControlBlock::flush()
{
    // An output callback that flushes again would overwrite the datagram it is looking at.
    if (!updated || m_flushing)
        return;
    const Instant now = advance();
    const FlagGuard guard(m_flushing);
    m_engine.handleTimeout(now);
    if (m_operations)
        m_operations->beforeSending();
    m_buffer.resize(std::max(m_buffer.size(), m_engine.maximumTransmitSize()));
    while (const std::size_t size = nextDatagram(now))
        handOut(ByteView(m_buffer).first(size));
    if (m_operations)
        m_operations->afterSending();
}

std::size_t ControlBlock::nextDatagram(Instant now)
{
    if (m_operations)
        m_engine.readCongestionWindow();
    return m_engine.pollTransmit(now, m_buffer);
}

void ControlBlock::handOut(ByteView datagram)
{
    if (logs(IKCP_LOG_OUTPUT))
        ikcp_log(this, IKCP_LOG_OUTPUT, "output: %zu bytes", datagram.size());
    logSegments(datagram, "out", IKCP_LOG_OUT_DATA);
    if (m_operations)
        m_operations->beforeOutput(datagram);
    if (output) {
        output(reinterpret_cast<const char *>(datagram.data()), static_cast<int>(datagram.size()),
               this, user);
    }
}

// The bits of the four commands follow that of data, in the order of the commands.
void ControlBlock::logSegments(ByteView datagram, const char *direction, int pushMask)
{
    static constexpr const char *Names[] = { "data", "ack", "probe", "window" };
    if (!logs(pushMask * 15))
        return;
    SegmentView segment;
    while (parseSegment(conv, datagram, segment) == ParseError::None) {
        const int index =
                static_cast<int>(segment.header.command) - static_cast<int>(Command::Push);
        ikcp_log(this, pushMask << index, "%s %s: sn=%u una=%u wnd=%u ts=%u frg=%u len=%zu",
                 direction, Names[index], segment.header.sn, segment.header.una,
                 unsigned{ segment.header.window }, segment.header.timestamp,
                 unsigned{ segment.header.fragment }, segment.data.size());
    }
}

} // namespace kcp
