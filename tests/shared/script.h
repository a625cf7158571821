// SPDX-License-Identifier: MIT
// One engine against a scripted peer, as a trace of packets and times:
//
//     Script s(config);
//     s.send("hello");
//     s.out(0, push(0, "hello"));
//     s.quiet(199);
//     s.out(200, push(0, "hello"));       // the first timeout
//     s.in(250, ack(0).withUna(1));
//     QVERIFY2(s.ok(), s.report().c_str());
//
// Times are milliseconds after the start. Serial numbers are relative to where each side starts,
// ts to the time of the start, so that one script runs at any start and across the wraps.
// The first failure stops the script: later steps do nothing.
#ifndef KCPTEST_SCRIPT_H
#define KCPTEST_SCRIPT_H

#include "testsegment.h"

#include <kcp/engine.h>

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace kcptest {

// Where clocks and serial numbers begin.
struct Start
{
    kcp::Instant time{};
    std::uint32_t sendSn = 0; // of the engine
    std::uint32_t receiveSn = 0; // of the peer

    static Start zero() { return {}; }
    // A few segments before sn wraps, and as many milliseconds before the 32-bit time does.
    static Start beforeWrap(std::uint32_t segments = 3, int milliseconds = 300);
};

class Script
{
public:
    explicit Script(kcp::Config config, const Start &start = Start::zero());

    // The peer's datagram arrives. Nothing may have been sent that no out() has asked for.
    // Fields that are not given: conv is right; una and wnd are those of the datagram before
    // (at first 0 and 128); the ts of an ACK is that of the newest transmission of its sn; any
    // other ts is the peer's time, which equals ours.
    void in(double milliseconds, const Packet &packet, int line = __builtin_LINE());
    void inRaw(double milliseconds, const Bytes &datagram, int line = __builtin_LINE());
    // Exactly at this time the engine sends exactly these segments in one datagram. Fields that
    // are not given are not compared, but for: conv; the ts of a PUSH is the time; the ts of an
    // ACK is that of a PUSH of in() with this sn; len is the length of data.
    void out(double milliseconds, const Packet &packet, int line = __builtin_LINE());
    // Nothing was sent up to this time, this time included, but what out() has asked for.
    void quiet(double milliseconds, int line = __builtin_LINE());
    // Moves on and forgets what was sent until then, at this time included.
    void skipTo(double milliseconds, int line = __builtin_LINE());
    void check(bool condition, const char *what, int line = __builtin_LINE());

    // Commands at the present time; what they cause to be sent leaves at once.
    void send(std::string_view data, int line = __builtin_LINE());
    void send(const Bytes &data, int line = __builtin_LINE());
    // The next message is this one.
    void receives(std::string_view data, int line = __builtin_LINE());
    void receives(const Bytes &data, int line = __builtin_LINE());
    void receivesNothing(int line = __builtin_LINE());
    // The stream has at least these bytes, and they are taken.
    void reads(std::string_view data, int line = __builtin_LINE());
    // After a command given to engine() itself.
    void flush();

    kcp::Engine &engine() { return m_engine; }
    const kcp::Engine::Input &lastInput() const { return m_lastInput; }
    double now() const; // milliseconds
    kcp::Instant instant(double milliseconds) const;

    bool ok() const { return m_failure.empty(); }
    const std::string &report() const { return m_failure; }
    void fail(int line, const std::string &what);

private:
    struct Sent
    {
        kcp::Instant time;
        std::vector<Segment> segments; // relative
        bool malformed = false;
        std::size_t size = 0;
    };

    void advance(kcp::Instant to, int line);
    void drain();
    bool nothingUnexpected(int line);
    Segment relative(Segment segment) const;
    std::string mismatch(const Segment &expected, const Segment &actual) const;
    std::string describe(const Sent &sent) const;

    Start m_start;
    std::uint32_t m_conv;
    kcp::Engine m_engine;
    kcp::Engine::Input m_lastInput;
    kcp::Instant m_now;
    std::deque<Sent> m_sent;
    std::unordered_map<std::uint32_t, std::uint32_t> m_pushTs; // sn -> ts, of the engine
    std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> m_peerTs; // of the peer's PUSHes
    std::uint32_t m_peerUna = 0; // relative
    std::uint16_t m_peerWindow = 128;
    std::string m_failure;
};

} // namespace kcptest

#endif // KCPTEST_SCRIPT_H
