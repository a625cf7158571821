// SPDX-License-Identifier: MIT
// One scene for each row of the page's tables of transitions: how the module gets into the state,
// and what happens then.
#ifndef TRANSITIONS_H
#define TRANSITIONS_H

#include "handpeer.h"

#include <functional>

// A session of the module, as client or server, with a peer by hand.
struct Scene
{
    explicit Scene(bool isClient);

    // "none" before there is a session.
    QString state() const;
    bool isState(kcpnet::Session::State state) const;

    // --- native -------------------------------------------------------------------------------

    void listen();
    void begin(); // HELLO is to leave
    void connect(); // HELLO has left
    void takeCookie();
    void confirm(const QByteArray &segments = {}); // a server's session begins
    void establish();
    void acceptOtherMode();
    void closeDelivered(); // CLOSE has left
    void closeUndelivered();
    void in(const QByteArray &frame) { bench.in(frame); }
    void inBrokenMessage() { in(segment({}, BrokenPrefix)); }
    // One message that fills the limit, and behind it what can be found broken only by reading.
    void holdBrokenMessage();
    void readMessage();

    // --- plain --------------------------------------------------------------------------------

    void connectPlain();
    void establishPlain();

    // --- both ---------------------------------------------------------------------------------

    QByteArray segment(const encode::SegmentFields &fields, const QByteArray &data = {}) const
    {
        return encode::segment(peer->conv, fields, data);
    }
    void write() { bench.endpoint.write(id, bytesOf("data")); }
    void acknowledge() { in(segment({ .cmd = 82, .una = 1 })); }
    void close() { bench.endpoint.close(bench.now, id); }
    void abort() { bench.endpoint.abort(bench.now, id); }
    void unreachable() { bench.endpoint.handleUnreachable(bench.now, bench.path()); }
    // Until a timer changes the state; what was sent before is forgotten.
    void wait();

    // The peer's, and what the peer has to see.
    QByteArray peerTag() const { return isClient ? peer->tagS : peer->tagC; }
    QByteArray ownTag() const { return isClient ? peer->tagC : peer->tagS; }

    // Two bytes for a 0: not the shortest form.
    inline static const QByteArray BrokenPrefix{ "\x80\0", 2 };

    const bool isClient;
    Bench bench;
    HandClient client{ bench };
    HandServer server{ bench };
    HandSession *peer; // one of these
    kcpnet::SessionConfig config; // of the module's session
    kcpnet::SessionId id;
};

struct Transition
{
    std::function<void(Scene &)> prepare;
    std::function<void(Scene &)> trigger;
};

const QHash<QString, Transition> &transitions(); // by the id of the row

#endif // TRANSITIONS_H
