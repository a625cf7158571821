// SPDX-License-Identifier: MIT
// KCP's C interface: fields in, one call of the Engine, fields out.
#include <kcp/ikcp.h>

#include <kcp/engine.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <vector>

namespace {

using kcp::ByteView;
using kcp::Duration;
using kcp::Engine;
using kcp::Instant;
using std::chrono::milliseconds;

using AllocateFunction = void *(*)(std::size_t);
using FreeFunction = void (*)(void *);

AllocateFunction allocateHook = nullptr;
FreeFunction freeHook = nullptr;

constexpr IUINT32 MinimumReceiveWindow = 128; // of ikcp_wndsize: a message of 127 fragments must fit
constexpr IUINT32 MaximumInterval = 5000; // ms
constexpr IUINT32 MinimumTunedInterval = 10; // ms, of ikcp_nodelay; an assigned one may be 1
constexpr IINT32 MaximumMinimumRto = 60000; // ms
constexpr IUINT32 NoDeadLink = 0x80000000U;
constexpr Duration DeadLinkTime = std::chrono::seconds(60);
// A clock that goes back this far was set anew; less is two sources that disagree a little.
constexpr std::int32_t ClockRestart = -10000; // ms

// What a program may assign to the control block.
struct Settings
{
    IUINT32 conv, mtu, mss, snd_wnd, rcv_wnd, nodelay, interval, dead_link;
    IINT32 rx_minrto;
    int fastresend, fastlimit, nocwnd, stream;

    static Settings of(const ikcpcb &kcp)
    {
        return { .conv = kcp.conv,
                 .mtu = kcp.mtu,
                 .mss = kcp.mss,
                 .snd_wnd = kcp.snd_wnd,
                 .rcv_wnd = kcp.rcv_wnd,
                 .nodelay = kcp.nodelay,
                 .interval = kcp.interval,
                 .dead_link = kcp.dead_link,
                 .rx_minrto = kcp.rx_minrto,
                 .fastresend = kcp.fastresend,
                 .fastlimit = kcp.fastlimit,
                 .nocwnd = kcp.nocwnd,
                 .stream = kcp.stream };
    }

    bool operator==(const Settings &) const = default;
};

kcp::Config originalDefaults(IUINT32 conv)
{
    kcp::Config config;
    config.conv = conv;
    config.minimumRto = milliseconds(100);
    config.deadLinkTime = DeadLinkTime;
    return config;
}

IINT32 toMilliseconds(Duration duration)
{
    return static_cast<IINT32>(std::chrono::duration_cast<milliseconds>(duration).count());
}

class Shim : public ikcpcb
{
public:
    Shim(IUINT32 conversation, void *userPointer, FreeFunction freeFunction);

    static Shim &from(ikcpcb *kcp) { return *static_cast<Shim *>(kcp); }
    static const Shim &from(const ikcpcb *kcp) { return *static_cast<const Shim *>(kcp); }
    static void destroy(Shim *shim);

    Engine &engine() { return m_engine; }
    const Engine &engine() const { return m_engine; }

    // In front of and after each call into the engine.
    void takeSettings();
    void publish();

    Instant advance(); // takes the time from `current`
    void update(IUINT32 time);
    void flush();
    IUINT32 check(IUINT32 time) const;

    void useCubic(bool cubic);
    bool logs(int mask) const { return writelog && (logmask & mask) != 0; }
    void logSegments(ByteView datagram, const char *direction, int pushMask);

private:
    void applyWindows(const Settings &wanted);
    void applyTiming(const Settings &wanted);
    void applyMtu(const Settings &wanted);
    void applyCongestionControl();
    void restart(IUINT32 time);
    Instant instantOf(IUINT32 time) const;
    Instant nextFlush(Instant now) const;
    void handOut(ByteView datagram);

    Engine m_engine;
    FreeFunction m_free;
    Settings m_known{};
    std::vector<std::uint8_t> m_buffer; // one datagram
    Instant m_now{};
    Instant m_nextFlush{};
    IUINT32 m_lastCurrent = 0; // what `current` was at m_now
    bool m_cubic = false;
    bool m_flushing = false;
    bool m_toldDead = false;
};

Shim::Shim(IUINT32 conversation, void *userPointer, FreeFunction freeFunction)
    : ikcpcb{}, m_engine(originalDefaults(conversation)), m_free(freeFunction)
{
    const kcp::Config &config = m_engine.config();
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
    m_known = Settings::of(*this);
    publish();
}

void Shim::destroy(Shim *shim)
{
    const FreeFunction release = shim->m_free;
    shim->~Shim();
    release(shim);
}

void Shim::takeSettings()
{
    const Settings wanted = Settings::of(*this);
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
    m_known = Settings::of(*this);
}

void Shim::applyMtu(const Settings &wanted)
{
    constexpr auto Header = static_cast<IUINT32>(kcp::HeaderSize);
    if (wanted.mtu != m_known.mtu) {
        m_engine.setMtu(std::clamp(wanted.mtu, kcp::Config::MinimumMtu,
                                   static_cast<IUINT32>(kcp::MaximumDatagramSize)));
    } else if (wanted.mss != m_known.mss) {
        m_engine.setMtu(std::clamp(wanted.mss, kcp::Config::MinimumMtu - Header,
                                   static_cast<IUINT32>(kcp::MaximumDatagramSize) - Header)
                        + Header);
    }
    mtu = m_engine.config().mtu;
    mss = m_engine.mss();
}

void Shim::applyWindows(const Settings &wanted)
{
    snd_wnd = std::clamp(wanted.snd_wnd, IUINT32{ 1 }, kcp::Config::MaximumWindow);
    rcv_wnd = std::clamp(wanted.rcv_wnd, IUINT32{ 1 }, kcp::Config::MaximumWindow);
    if (snd_wnd != m_known.snd_wnd)
        m_engine.setSendWindow(snd_wnd);
    if (rcv_wnd != m_known.rcv_wnd)
        m_engine.setReceiveWindow(rcv_wnd);
}

void Shim::applyTiming(const Settings &wanted)
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

void Shim::applyCongestionControl()
{
    using kcp::CongestionControl;
    const CongestionControl enabled = m_cubic ? CongestionControl::Cubic : CongestionControl::Classic;
    m_engine.setCongestionControl(nocwnd != 0 ? CongestionControl::Off : enabled);
}

void Shim::useCubic(bool cubic)
{
    if (cubic == m_cubic)
        return;
    m_cubic = cubic;
    applyCongestionControl();
    m_known.nocwnd = nocwnd;
}

void Shim::publish()
{
    const kcp::RttEstimator &rtt = m_engine.rtt();
    rx_srtt = rtt.hasSample() ? std::max(toMilliseconds(rtt.srtt()), 1) : 0;
    rx_rttval = toMilliseconds(rtt.rttvar());
    rx_rto = toMilliseconds(rtt.rto());
    rmt_wnd = m_engine.peerWindow();
    cwnd = nocwnd != 0 ? snd_wnd : m_engine.congestionWindow();
    ssthresh = m_engine.slowStartThreshold();
    xmit = static_cast<IUINT32>(m_engine.stats().timeoutRetransmissions);
    nsnd_buf = m_engine.unacknowledgedSegments();
    nsnd_que = static_cast<IUINT32>(m_engine.waitingSegments()) - nsnd_buf;
    if (updated)
        ts_flush = m_lastCurrent + static_cast<IUINT32>(toMilliseconds(m_nextFlush - m_now));
    if (m_engine.isDead() && !m_toldDead) {
        m_toldDead = true;
        state = static_cast<IUINT32>(-1);
    }
}

// The engine's clock is the program's, made monotone: it stands still while the program's is a
// little behind, and goes on from where it was when the program's starts anew.
Instant Shim::instantOf(IUINT32 time) const
{
    return m_now + milliseconds(std::max(kcp::serialDistance(time, m_lastCurrent), 0));
}

Instant Shim::advance()
{
    const std::int32_t step = kcp::serialDistance(current, m_lastCurrent);
    m_now = instantOf(current);
    if (step > 0 || step < ClockRestart)
        m_lastCurrent = current;
    return m_now;
}

// The first time that is told is no time that passed.
void Shim::restart(IUINT32 time)
{
    updated = 1;
    m_lastCurrent = time;
    m_now = std::max(m_now, Instant(milliseconds(time)));
    m_nextFlush = m_now;
}

// A shorter interval and a clock that was set anew must not leave the flush far ahead.
Instant Shim::nextFlush(Instant now) const
{
    return std::min(m_nextFlush, now + milliseconds(interval));
}

void Shim::update(IUINT32 time)
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

IUINT32 Shim::check(IUINT32 time) const
{
    if (!updated)
        return time;
    const Instant now = instantOf(time);
    const Instant next = std::min(nextFlush(now), m_engine.pollTimeout());
    if (next <= now)
        return time;
    return time + static_cast<IUINT32>(std::chrono::ceil<milliseconds>(next - now).count());
}

void Shim::flush()
{
    // An output callback that flushes again would overwrite the datagram it is looking at.
    if (!updated || m_flushing)
        return;
    const Instant now = advance();
    m_flushing = true;
    m_engine.handleTimeout(now);
    m_buffer.resize(std::max(m_buffer.size(), m_engine.maximumTransmitSize()));
    while (const std::size_t size = m_engine.pollTransmit(now, m_buffer))
        handOut(ByteView(m_buffer).first(size));
    m_flushing = false;
}

void Shim::handOut(ByteView datagram)
{
    if (logs(IKCP_LOG_OUTPUT))
        ikcp_log(this, IKCP_LOG_OUTPUT, "output: %zu bytes", datagram.size());
    logSegments(datagram, "out", IKCP_LOG_OUT_DATA);
    if (output) {
        output(reinterpret_cast<const char *>(datagram.data()), static_cast<int>(datagram.size()),
               this, user);
    }
}

// The bits of the four commands follow that of data, in the order of the commands.
void Shim::logSegments(ByteView datagram, const char *direction, int pushMask)
{
    static constexpr const char *Names[] = { "data", "ack", "probe", "window" };
    if (!logs(pushMask * 15))
        return;
    kcp::SegmentView segment;
    while (kcp::parseSegment(conv, datagram, segment) == kcp::ParseError::None) {
        const int index = static_cast<int>(segment.header.command)
                - static_cast<int>(kcp::Command::Push);
        ikcp_log(this, pushMask << index, "%s %s: sn=%u una=%u wnd=%u ts=%u frg=%u len=%zu",
                 direction, Names[index], segment.header.sn, segment.header.una,
                 unsigned{ segment.header.window }, segment.header.timestamp,
                 unsigned{ segment.header.fragment }, segment.data.size());
    }
}

// The return value of ikcp_input for a datagram that the engine did not like.
int inputError(IUINT32 conv, ByteView datagram)
{
    kcp::SegmentView segment;
    for (;;) {
        switch (kcp::parseSegment(conv, datagram, segment)) {
        case kcp::ParseError::None:
            continue;
        case kcp::ParseError::End:
            return 0; // well-formed, only impossible: as if lost
        case kcp::ParseError::WrongConversation:
            return -1;
        case kcp::ParseError::BadLength:
            return -2;
        case kcp::ParseError::BadCommand:
            return -3;
        }
    }
}

// Takes the settings, calls, publishes. No C++ exception leaves: there is only one, for want of
// memory, and the engine's state stays consistent.
template <typename Call>
int withShim(ikcpcb *kcp, int failure, Call call)
{
    if (!kcp)
        return -1;
    Shim &shim = Shim::from(kcp);
    int result = failure;
    try {
        shim.takeSettings();
        result = call(shim);
    } catch (const std::bad_alloc &) {
    }
    shim.publish();
    return result;
}

int takeMessage(Engine &engine, std::uint8_t *buffer, std::size_t size, bool peek)
{
    if (peek && buffer) {
        engine.peek(0, { buffer, size });
    } else if (buffer) {
        engine.receiveMessage({ buffer, size });
    } else if (!peek) {
        std::vector<std::uint8_t> dropped(size);
        engine.receiveMessage(dropped);
    }
    return static_cast<int>(size);
}

} // namespace

extern "C" {

ikcpcb *ikcp_create(IUINT32 conv, void *user)
{
    const AllocateFunction allocate = allocateHook ? allocateHook : std::malloc;
    const FreeFunction release = freeHook ? freeHook : std::free;
    void *storage = allocate(sizeof(Shim));
    if (!storage)
        return nullptr;
    try {
        return new (storage) Shim(conv, user, release);
    } catch (const std::bad_alloc &) {
        release(storage);
        return nullptr;
    }
}

void ikcp_release(ikcpcb *kcp)
{
    if (kcp)
        Shim::destroy(&Shim::from(kcp));
}

void ikcp_setoutput(ikcpcb *kcp, int (*output)(const char *buf, int len, ikcpcb *kcp, void *user))
{
    kcp->output = output;
}

int ikcp_recv(ikcpcb *kcp, char *buffer, int len)
{
    return withShim(kcp, -1, [=](Shim &shim) {
        const std::optional<std::size_t> size = shim.engine().nextMessageSize();
        if (!size)
            return shim.engine().readableBytes() > 0 ? -2 : -1;
        const std::int64_t capacity = len < 0 ? -std::int64_t{ len } : std::int64_t{ len };
        if (static_cast<std::int64_t>(*size) > capacity)
            return -3;
        const int taken = takeMessage(shim.engine(), reinterpret_cast<std::uint8_t *>(buffer),
                                      *size, len < 0);
        ikcp_log(&shim, IKCP_LOG_RECV, "recv: %d bytes", taken);
        return taken;
    });
}

int ikcp_send(ikcpcb *kcp, const char *buffer, int len)
{
    if (len < 0 || (!buffer && len > 0))
        return -1;
    return withShim(kcp, -2, [=](Shim &shim) {
        const bool taken = shim.engine().send(kcp::asBytes(buffer, static_cast<std::size_t>(len)));
        ikcp_log(&shim, IKCP_LOG_SEND, "send: %d bytes%s", len, taken ? "" : ", too long");
        return taken ? len : -2;
    });
}

void ikcp_update(ikcpcb *kcp, IUINT32 current)
{
    withShim(kcp, 0, [=](Shim &shim) {
        shim.update(current);
        return 0;
    });
}

IUINT32 ikcp_check(const ikcpcb *kcp, IUINT32 current)
{
    return Shim::from(kcp).check(current);
}

int ikcp_input(ikcpcb *kcp, const char *data, long size)
{
    if (!data || size < static_cast<long>(kcp::HeaderSize))
        return -1;
    // Without memory the datagram is lost.
    return withShim(kcp, 0, [=](Shim &shim) {
        const ByteView datagram = kcp::asBytes(data, static_cast<std::size_t>(size));
        ikcp_log(&shim, IKCP_LOG_INPUT, "input: %ld bytes", size);
        shim.logSegments(datagram, "in", IKCP_LOG_IN_DATA);
        const Engine::Input input = shim.engine().handleDatagram(shim.advance(), datagram);
        if (!input.malformed && !input.wrongConversation)
            return 0;
        return inputError(shim.conv, datagram);
    });
}

void ikcp_flush(ikcpcb *kcp)
{
    withShim(kcp, 0, [](Shim &shim) {
        shim.flush();
        return 0;
    });
}

int ikcp_peeksize(const ikcpcb *kcp)
{
    if (!kcp)
        return -1;
    const std::optional<std::size_t> size = Shim::from(kcp).engine().nextMessageSize();
    return size ? static_cast<int>(*size) : -1;
}

int ikcp_setmtu(ikcpcb *kcp, int mtu)
{
    if (mtu < static_cast<int>(kcp::Config::MinimumMtu)
        || mtu > static_cast<int>(kcp::MaximumDatagramSize))
        return -1;
    return withShim(kcp, -2, [=](Shim &shim) {
        shim.mtu = static_cast<IUINT32>(mtu);
        shim.takeSettings();
        return 0;
    });
}

int ikcp_wndsize(ikcpcb *kcp, int sndwnd, int rcvwnd)
{
    return withShim(kcp, -2, [=](Shim &shim) {
        if (sndwnd > 0)
            shim.snd_wnd = static_cast<IUINT32>(sndwnd);
        if (rcvwnd > 0)
            shim.rcv_wnd = std::max(static_cast<IUINT32>(rcvwnd), MinimumReceiveWindow);
        shim.takeSettings();
        return 0;
    });
}

int ikcp_waitsnd(const ikcpcb *kcp)
{
    return static_cast<int>(Shim::from(kcp).engine().waitingSegments());
}

int ikcp_nodelay(ikcpcb *kcp, int nodelay, int interval, int resend, int nc)
{
    return withShim(kcp, -2, [=](Shim &shim) {
        if (nodelay >= 0) {
            shim.nodelay = static_cast<IUINT32>(nodelay);
            shim.rx_minrto = nodelay > 0 ? 30 : 100;
        }
        if (interval >= 0) {
            shim.interval = std::clamp(static_cast<IUINT32>(interval), MinimumTunedInterval,
                                       MaximumInterval);
        }
        if (resend >= 0)
            shim.fastresend = resend;
        if (nc >= 0)
            shim.nocwnd = nc;
        shim.takeSettings();
        return 0;
    });
}

int ikcp_setcc(ikcpcb *kcp, int cc)
{
    if (cc != IKCP_CC_CLASSIC && cc != IKCP_CC_OFF && cc != IKCP_CC_CUBIC)
        return -1;
    return withShim(kcp, -2, [=](Shim &shim) {
        shim.nocwnd = cc == IKCP_CC_OFF ? 1 : 0;
        shim.useCubic(cc == IKCP_CC_CUBIC);
        shim.takeSettings();
        return 0;
    });
}

void ikcp_log(ikcpcb *kcp, int mask, const char *fmt, ...)
{
    if (!kcp->writelog || (kcp->logmask & mask) == 0)
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, fmt);
    std::vsnprintf(line, sizeof line, fmt, arguments);
    va_end(arguments);
    kcp->writelog(line, kcp, kcp->user);
}

void ikcp_allocator(void *(*new_malloc)(size_t), void (*new_free)(void *))
{
    allocateHook = new_malloc;
    freeHook = new_free;
}

IUINT32 ikcp_getconv(const void *ptr)
{
    return kcp::loadLittleEndian<IUINT32>(static_cast<const std::uint8_t *>(ptr));
}

} // extern "C"
