// SPDX-License-Identifier: MIT
// What stands behind a control block of KCP's C interface.
#ifndef KCP_IKCPCONTROL_H
#define KCP_IKCPCONTROL_H

#include "ikcpoperations.h"

#include <kcp/engine.h>
#include <kcp/ikcp.h>

#include <vector>

namespace kcp {

inline IINT32 toMilliseconds(Duration duration)
{
    return static_cast<IINT32>(
            std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// Sets a flag while the program is called, also when it throws.
struct FlagGuard
{
    explicit FlagGuard(bool &flag) : m_flag(flag) { m_flag = true; }
    ~FlagGuard() { m_flag = false; }
    FlagGuard(const FlagGuard &) = delete;
    FlagGuard &operator=(const FlagGuard &) = delete;

    bool &m_flag;
};

// What a program may assign to the control block.
struct ControlSettings
{
    IUINT32 conv, mtu, mss, snd_wnd, rcv_wnd, nodelay, interval, dead_link;
    IINT32 rx_minrto;
    int fastresend, fastlimit, nocwnd, stream;

    static ControlSettings of(const ikcpcb &kcp)
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

    bool operator==(const ControlSettings &) const = default;
};

// The whole control block, of which a C program sees the base. Its fields go in with
// takeSettings() before a call of the engine, and come out with publish() after it.
class ControlBlock : public ikcpcb
{
public:
    using FreeFunction = void (*)(void *);

    ControlBlock(IUINT32 conversation, void *userPointer, FreeFunction freeFunction);

    static ControlBlock &from(ikcpcb *kcp) { return *static_cast<ControlBlock *>(kcp); }
    static const ControlBlock &from(const ikcpcb *kcp)
    {
        return *static_cast<const ControlBlock *>(kcp);
    }
    static void destroy(ControlBlock *control);

    Engine &engine() { return m_engine; }
    const Engine &engine() const { return m_engine; }

    // In front of and after each call into the engine.
    void takeSettings();
    void publish();

    Instant advance(); // takes the time from `current`
    Engine::Input input(ByteView datagram);
    void update(IUINT32 time);
    void flush();
    IUINT32 check(IUINT32 time) const;

    // Of ikcp_setcc: its result.
    int useOperations(const IKCPOPS *operations);
    bool &inOperation() { return m_inOperation; } // one of them is running
    bool logs(int mask) const { return writelog && (logmask & mask) != 0; }
    void logSegments(ByteView datagram, const char *direction, int pushMask);

private:
    void applyWindows(const ControlSettings &wanted);
    void applyTiming(const ControlSettings &wanted);
    void applyMtu(const ControlSettings &wanted);
    void applyCongestionControl();
    void useBuiltIn();
    void releaseOperations(const IKCPOPS &operations);
    void restart(IUINT32 time);
    Instant instantOf(IUINT32 time) const;
    Instant nextFlush(Instant now) const;
    std::size_t nextDatagram(Instant now);
    void handOut(ByteView datagram);

    Engine m_engine;
    OperationsControl *m_operations = nullptr; // the engine's controller; null: the built-in one
    FreeFunction m_free;
    ControlSettings m_known{};
    std::vector<std::uint8_t> m_buffer; // one datagram
    Instant m_now{};
    Instant m_nextFlush{};
    IUINT32 m_lastCurrent = 0; // what `current` was at m_now
    bool m_flushing = false;
    bool m_inOperation = false;
    bool m_toldDead = false;
};

} // namespace kcp

#endif // KCP_IKCPCONTROL_H
