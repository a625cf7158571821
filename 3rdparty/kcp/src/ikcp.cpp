// SPDX-License-Identifier: MIT
// KCP's C interface: fields in, one call of the Engine, fields out.
#include <kcp/ikcp.h>

#include "ikcpcontrol.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <vector>

namespace {

using kcp::ByteView;
using kcp::ControlBlock;
using kcp::Engine;

using AllocateFunction = void *(*)(std::size_t);
using FreeFunction = ControlBlock::FreeFunction;

AllocateFunction allocateHook = nullptr;
FreeFunction freeHook = nullptr;

// Of ikcp_wndsize: a message of 127 fragments must fit.
constexpr IUINT32 MinimumReceiveWindow = 128;
// Of ikcp_nodelay, ms; an assigned interval may be 1.
constexpr IUINT32 MinimumInterval = 10;
constexpr IUINT32 MaximumInterval = 5000;

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

// Takes the settings, calls, publishes; refused while an operation of the program's congestion
// control looks at the block. No C++ exception leaves: there is only one, for want of
// memory, and the engine's state stays consistent.
template <typename Call>
int withControl(ikcpcb *kcp, int failure, Call call)
{
    if (!kcp)
        return -1;
    ControlBlock &control = ControlBlock::from(kcp);
    if (control.inOperation())
        return -1;
    int result = failure;
    try {
        control.takeSettings();
        result = call(control);
    } catch (const std::bad_alloc &) {
    }
    control.publish();
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
    void *storage = allocate(sizeof(ControlBlock));
    if (!storage)
        return nullptr;
    try {
        return new (storage) ControlBlock(conv, user, release);
    } catch (const std::bad_alloc &) {
        release(storage);
        return nullptr;
    }
}

void ikcp_release(ikcpcb *kcp)
{
    if (kcp)
        ControlBlock::destroy(&ControlBlock::from(kcp));
}

void ikcp_setoutput(ikcpcb *kcp, int (*output)(const char *buf, int len, ikcpcb *kcp, void *user))
{
    kcp->output = output;
}

int ikcp_recv(ikcpcb *kcp, char *buffer, int len)
{
    return withControl(kcp, -1, [=](ControlBlock &control) {
        const std::optional<std::size_t> size = control.engine().nextMessageSize();
        if (!size)
            return control.engine().readableBytes() > 0 ? -2 : -1;
        const std::int64_t capacity = len < 0 ? -std::int64_t{ len } : std::int64_t{ len };
        if (static_cast<std::int64_t>(*size) > capacity)
            return -3;
        const int taken = takeMessage(control.engine(), reinterpret_cast<std::uint8_t *>(buffer),
                                      *size, len < 0);
        ikcp_log(&control, IKCP_LOG_RECV, "recv: %d bytes", taken);
        return taken;
    });
}

int ikcp_send(ikcpcb *kcp, const char *buffer, int len)
{
    if (len < 0 || (!buffer && len > 0))
        return -1;
    return withControl(kcp, -2, [=](ControlBlock &control) {
        const bool taken =
                control.engine().send(kcp::asBytes(buffer, static_cast<std::size_t>(len)));
        ikcp_log(&control, IKCP_LOG_SEND, "send: %d bytes%s", len, taken ? "" : ", too long");
        return taken ? len : -2;
    });
}

void ikcp_update(ikcpcb *kcp, IUINT32 current)
{
    withControl(kcp, 0, [=](ControlBlock &control) {
        control.update(current);
        return 0;
    });
}

IUINT32 ikcp_check(const ikcpcb *kcp, IUINT32 current)
{
    return ControlBlock::from(kcp).check(current);
}

int ikcp_input(ikcpcb *kcp, const char *data, long size)
{
    if (!data || size < static_cast<long>(kcp::HeaderSize))
        return -1;
    // Without memory the datagram is lost.
    return withControl(kcp, 0, [=](ControlBlock &control) {
        const ByteView datagram = kcp::asBytes(data, static_cast<std::size_t>(size));
        ikcp_log(&control, IKCP_LOG_INPUT, "input: %ld bytes", size);
        control.logSegments(datagram, "in", IKCP_LOG_IN_DATA);
        const Engine::Input input = control.input(datagram);
        if (!input.malformed && !input.wrongConversation)
            return 0;
        return inputError(control.conv, datagram);
    });
}

void ikcp_flush(ikcpcb *kcp)
{
    withControl(kcp, 0, [](ControlBlock &control) {
        control.flush();
        return 0;
    });
}

int ikcp_peeksize(const ikcpcb *kcp)
{
    if (!kcp)
        return -1;
    const std::optional<std::size_t> size = ControlBlock::from(kcp).engine().nextMessageSize();
    return size ? static_cast<int>(*size) : -1;
}

int ikcp_setmtu(ikcpcb *kcp, int mtu)
{
    if (mtu < static_cast<int>(kcp::Config::MinimumMtu)
        || mtu > static_cast<int>(kcp::MaximumDatagramSize))
        return -1;
    return withControl(kcp, -2, [=](ControlBlock &control) {
        control.mtu = static_cast<IUINT32>(mtu);
        control.takeSettings();
        return 0;
    });
}

int ikcp_wndsize(ikcpcb *kcp, int sndwnd, int rcvwnd)
{
    return withControl(kcp, -2, [=](ControlBlock &control) {
        if (sndwnd > 0)
            control.snd_wnd = static_cast<IUINT32>(sndwnd);
        if (rcvwnd > 0)
            control.rcv_wnd = std::max(static_cast<IUINT32>(rcvwnd), MinimumReceiveWindow);
        control.takeSettings();
        return 0;
    });
}

int ikcp_waitsnd(const ikcpcb *kcp)
{
    return static_cast<int>(ControlBlock::from(kcp).engine().waitingSegments());
}

int ikcp_nodelay(ikcpcb *kcp, int nodelay, int interval, int resend, int nc)
{
    return withControl(kcp, -2, [=](ControlBlock &control) {
        if (nodelay >= 0) {
            control.nodelay = static_cast<IUINT32>(nodelay);
            control.rx_minrto = nodelay > 0 ? 30 : 100;
        }
        if (interval >= 0) {
            control.interval =
                    std::clamp(static_cast<IUINT32>(interval), MinimumInterval, MaximumInterval);
        }
        if (resend >= 0)
            control.fastresend = resend;
        if (nc >= 0)
            control.nocwnd = nc;
        control.takeSettings();
        return 0;
    });
}

int ikcp_setcc(ikcpcb *kcp, const struct IKCPOPS *ops)
{
    return withControl(kcp, -2, [=](ControlBlock &control) {
        const int result = control.useOperations(ops);
        control.takeSettings();
        return result;
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
