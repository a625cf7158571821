// SPDX-License-Identifier: MIT
#include "script.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace kcptest {

using kcp::Duration;
using kcp::Instant;

namespace {

// More timeouts than this at one instant mean that the engine spins.
constexpr int MaximumTimeoutsAtOnce = 100;
// More datagrams than this in one flush mean that it never ends: a window of 65535 and ACKs.
constexpr int MaximumDatagramsAtOnce = 200000;

kcp::Config withStart(kcp::Config config, const Start &start)
{
    if (config.conv == 0)
        config.conv = 0x11223344;
    config.initialSendSn = start.sendSn;
    config.initialReceiveSn = start.receiveSn;
    return config;
}

std::string millisecondsText(double milliseconds)
{
    char text[40];
    std::snprintf(text, sizeof text, "%.10g ms", milliseconds);
    return text;
}

} // namespace

Start Start::beforeWrap(std::uint32_t segments, int milliseconds)
{
    Start start;
    start.time = Instant(Duration((std::int64_t(1) << 32) * 1000 - milliseconds * 1000LL));
    start.sendSn = 0U - segments;
    start.receiveSn = 0U - segments;
    return start;
}

Script::Script(kcp::Config config, const Start &start)
    : m_start(start),
      m_conv(withStart(config, start).conv),
      m_engine(withStart(config, start)),
      m_now(start.time)
{
}

double Script::now() const
{
    return static_cast<double>((m_now - m_start.time).count()) / 1000.0;
}

Instant Script::instant(double milliseconds) const
{
    return m_start.time + Duration(std::llround(milliseconds * 1000.0));
}

void Script::in(double milliseconds, const Packet &packet, int line)
{
    if (!ok())
        return;
    advance(instant(milliseconds), line); // first: the ts of an ACK is that of the last PUSH
    Packet absolute = packet;
    const std::uint32_t startTs = kcp::wireTime(m_start.time);
    for (Segment &segment : absolute.segments) {
        segment.convId = segment.convId.value_or(m_conv);
        m_peerUna = segment.una.value_or(m_peerUna);
        m_peerWindow = segment.wnd.value_or(m_peerWindow);
        segment.una = m_peerUna + m_start.sendSn;
        segment.wnd = m_peerWindow;
        std::uint32_t ts = kcp::wireTime(instant(milliseconds)) - startTs;
        if (segment.cmd == AckCommand && m_pushTs.count(*segment.sn))
            ts = m_pushTs[*segment.sn];
        ts = segment.ts.value_or(ts);
        segment.ts = ts + startTs;
        if (segment.cmd == PushCommand) {
            m_peerTs[*segment.sn].push_back(ts);
            *segment.sn += m_start.receiveSn;
        } else if (segment.cmd == AckCommand) {
            *segment.sn += m_start.sendSn;
        }
    }
    inRaw(milliseconds, encode(absolute), line);
}

void Script::inRaw(double milliseconds, const Bytes &datagram, int line)
{
    if (!ok())
        return;
    advance(instant(milliseconds), line);
    if (!nothingUnexpected(line))
        return;
    m_lastInput = m_engine.handleDatagram(m_now, datagram);
    drain();
}

void Script::out(double milliseconds, const Packet &packet, int line)
{
    if (!ok())
        return;
    const Instant time = instant(milliseconds);
    if (time > m_now)
        advance(time, line);
    if (!ok())
        return;
    const std::string expected = "line " + std::to_string(line) + "\n  expected at "
            + millisecondsText(milliseconds) + ": " + toText(packet.segments) + "\n  actual ";
    if (m_sent.empty()) {
        m_failure = expected + "up to " + millisecondsText(now()) + ": nothing";
        return;
    }
    const Sent sent = std::move(m_sent.front());
    m_sent.pop_front();
    std::string difference;
    if (sent.malformed)
        difference = "it is no run of complete segments";
    else if (sent.time != time)
        difference = "the time";
    else if (sent.segments.size() != packet.segments.size())
        difference = "the number of segments";
    for (std::size_t i = 0; difference.empty() && i < sent.segments.size(); ++i)
        difference = mismatch(packet.segments[i], sent.segments[i]);
    if (!difference.empty())
        m_failure = expected + describe(sent) + "\n  differs in " + difference;
}

std::string Script::mismatch(const Segment &expected, const Segment &actual) const
{
    if (actual.convId != expected.convId.value_or(m_conv))
        return "conv";
    if (actual.cmd != expected.cmd)
        return "cmd";
    if (expected.sn && actual.sn != expected.sn)
        return "sn";
    if (actual.frg != expected.frg)
        return "frg";
    if (expected.una && actual.una != expected.una)
        return "una";
    if (expected.wnd && actual.wnd != expected.wnd)
        return "wnd";
    if (actual.data != expected.data)
        return "data";
    if (expected.ts)
        return actual.ts == expected.ts ? "" : "ts";
    if (actual.cmd == PushCommand
        && actual.ts != kcp::wireTime(m_now) - kcp::wireTime(m_start.time))
        return "ts, which is not the time of sending";
    if (actual.cmd == AckCommand) {
        const auto found = m_peerTs.find(*actual.sn);
        if (found == m_peerTs.end()
            || std::find(found->second.begin(), found->second.end(), *actual.ts)
                    == found->second.end())
            return "ts, which no PUSH of this sn had";
    }
    return {};
}

void Script::quiet(double milliseconds, int line)
{
    if (!ok())
        return;
    advance(instant(milliseconds), line);
    nothingUnexpected(line);
}

void Script::skipTo(double milliseconds, int line)
{
    if (!ok())
        return;
    advance(instant(milliseconds), line);
    m_sent.clear();
}

void Script::check(bool condition, const char *what, int line)
{
    if (!condition)
        fail(line, std::string("not true: ") + what);
}

void Script::send(std::string_view data, int line)
{
    send(bytesOf(data), line);
}

void Script::send(const Bytes &data, int line)
{
    if (!ok())
        return;
    if (!m_engine.send(data))
        fail(line, "send() refused " + std::to_string(data.size()) + " bytes");
    drain();
}

void Script::receives(std::string_view data, int line)
{
    receives(bytesOf(data), line);
}

void Script::receives(const Bytes &data, int line)
{
    if (!ok())
        return;
    const std::optional<std::size_t> size = m_engine.nextMessageSize();
    if (!size)
        return fail(line, "there is no message");
    Bytes message(*size);
    const std::optional<std::size_t> taken = m_engine.receiveMessage(message);
    if (taken != size || message != data)
        fail(line, "another message: " + toText(push(0, message)));
    drain();
}

void Script::receivesNothing(int line)
{
    if (!ok())
        return;
    if (m_engine.nextMessageSize() || m_engine.isReadable())
        fail(line, "there is something to receive");
}

void Script::reads(std::string_view data, int line)
{
    if (!ok())
        return;
    Bytes bytes(data.size());
    const std::size_t size = m_engine.read(bytes);
    if (size != data.size() || bytes != bytesOf(data))
        fail(line, "another stream: " + toText(push(0, bytes)));
    drain();
}

void Script::flush()
{
    drain();
}

void Script::fail(int line, const std::string &what)
{
    if (ok())
        m_failure = "line " + std::to_string(line) + " at " + millisecondsText(now()) + ": " + what;
}

void Script::advance(Instant to, int line)
{
    if (to < m_now)
        return fail(line, "the script goes back in time");
    int timeouts = 0;
    while (ok() && m_engine.pollTimeout() <= to) {
        const Instant due = std::max(m_engine.pollTimeout(), m_now);
        timeouts = due == m_now ? timeouts + 1 : 0;
        if (timeouts > MaximumTimeoutsAtOnce)
            return fail(line, "the engine wants a timeout again and again at one instant");
        m_now = due;
        m_engine.handleTimeout(m_now);
        drain();
    }
    m_now = to;
}

void Script::drain()
{
    Bytes buffer(m_engine.maximumTransmitSize());
    const std::uint32_t startTs = kcp::wireTime(m_start.time);
    for (int i = 0; i < MaximumDatagramsAtOnce; ++i) {
        const std::size_t size = m_engine.pollTransmit(m_now, buffer);
        if (size == 0)
            return;
        Sent sent;
        sent.time = m_now;
        sent.size = size;
        const auto segments = decode({ buffer.data(), size });
        sent.malformed = !segments;
        if (segments) {
            for (const Segment &segment : *segments)
                sent.segments.push_back(relative(segment));
        }
        for (const Segment &segment : sent.segments) {
            if (segment.cmd == PushCommand)
                m_pushTs[*segment.sn] = kcp::wireTime(m_now) - startTs;
        }
        m_sent.push_back(std::move(sent));
    }
    fail(0, "pollTransmit() never returns 0");
}

Segment Script::relative(Segment segment) const
{
    *segment.una -= m_start.receiveSn;
    *segment.ts -= kcp::wireTime(m_start.time);
    if (segment.cmd == PushCommand)
        *segment.sn -= m_start.sendSn;
    else if (segment.cmd == AckCommand)
        *segment.sn -= m_start.receiveSn;
    return segment;
}

bool Script::nothingUnexpected(int line)
{
    if (ok() && !m_sent.empty())
        fail(line, "expected nothing but was sent " + describe(m_sent.front()));
    return ok();
}

std::string Script::describe(const Sent &sent) const
{
    const double time = static_cast<double>((sent.time - m_start.time).count()) / 1000.0;
    return "at " + millisecondsText(time) + ": "
            + (sent.malformed ? std::to_string(sent.size) + " bytes of nonsense"
                              : toText(sent.segments));
}

} // namespace kcptest
