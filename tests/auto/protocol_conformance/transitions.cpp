// SPDX-License-Identifier: MIT
#include "transitions.h"

using namespace kcpnet;
using State = Session::State;

Scene::Scene(bool asClient)
    : isClient(asClient), peer(asClient ? static_cast<HandSession *>(&server) : &client)
{
    config.engine.nodelay = 1;
}

QString Scene::state() const
{
    const Session *session = bench.endpoint.session(id);
    if (!session)
        return QStringLiteral("none");
    switch (session->state()) {
    case State::Connecting:
        return QStringLiteral("Connecting");
    case State::Connected:
        return QStringLiteral("Connected");
    case State::Closing:
        return QStringLiteral("Closing");
    case State::Closed:
        return QStringLiteral("Closed");
    }
    return {};
}

bool Scene::isState(State state) const
{
    const Session *session = bench.endpoint.session(id);
    return session && session->state() == state;
}

void Scene::listen()
{
    AcceptConfig accept;
    accept.session = config;
    accept.profiles = static_cast<std::uint8_t>(config.profile);
    bench.endpoint.setAcceptConfig(accept);
    peer->parameters.mode = static_cast<quint8>(config.mode);
}

void Scene::begin()
{
    id = bench.endpoint.connectTo(bench.now, bench.path(), config);
    peer->parameters.mode = static_cast<quint8>(config.mode);
}

void Scene::connect()
{
    begin();
    server.takeHello();
}

void Scene::takeCookie()
{
    connect();
    server.giveCookie();
    bench.flush();
}

void Scene::confirm(const QByteArray &segments)
{
    in(client.confirm(segments));
    if (const Event *accepted = bench.find(Event::Type::Accepted))
        id = accepted->session;
}

void Scene::establish()
{
    if (isClient) {
        takeCookie();
        server.giveAccept();
    } else {
        listen();
        client.sayHello();
        confirm();
        in(encode::ping(client.conv, client.tagC, 1)); // so that ACCEPT is over
    }
    bench.flush();
}

void Scene::acceptOtherMode()
{
    server.parameters.mode ^= 1;
    server.giveAccept();
}

void Scene::closeDelivered()
{
    establish();
    close();
    bench.flush();
}

void Scene::closeUndelivered()
{
    establish();
    write();
    bench.flush();
    close();
    bench.flush();
}

void Scene::holdBrokenMessage()
{
    config.mode = Mode::Message;
    config.receiveLimit = 1;
    establish();
    in(segment({}, QByteArray("\1a") + BrokenPrefix));
}

void Scene::readMessage()
{
    std::vector<std::uint8_t> message;
    bench.endpoint.readMessage(id, message);
}

void Scene::connectPlain()
{
    config.profile = Profile::PlainKcp;
    peer->conv = 99;
    id = bench.endpoint.connectTo(bench.now, bench.path(), config, peer->conv);
    bench.flush();
}

void Scene::establishPlain()
{
    if (isClient) {
        connectPlain();
        in(segment({ .cmd = 84 }));
    } else {
        config.profile = Profile::PlainKcp;
        peer->conv = 99;
        listen();
        in(segment({}, "first"));
        if (const Event *accepted = bench.find(Event::Type::Accepted))
            id = accepted->session;
    }
    bench.flush();
}

void Scene::wait()
{
    const QString before = state();
    bench.flush();
    // What is sent before the timer in question is of no interest; each step starts anew.
    const kcp::Instant end = bench.now + std::chrono::minutes(10);
    while (state() == before && bench.endpoint.pollTimeout() <= end) {
        bench.flush();
        bench.sent.clear();
        bench.now = std::max(bench.now, bench.endpoint.pollTimeout());
        bench.endpoint.handleTimeout(bench.now);
        if (state() == before)
            bench.flush();
    }
}

namespace {

using S = Scene;

void closeFrame(S &s, quint32 code)
{
    s.in(encode::close(s.peer->conv, s.peerTag(), code));
}

// A client of the server that begins again before it has heard ACCEPT: two cookies, of which the
// first makes the session.
void twoAttempts(S &s)
{
    s.listen();
    s.client.sayHello();
    HandClient first = s.client;
    ++s.client.nonce;
    s.client.sayHello();
    s.in(first.confirm());
    s.id = s.bench.find(Event::Type::Accepted)->session;
    s.bench.flush();
}

void addNativeConnecting(QHash<QString, Transition> &t)
{
    const auto refuse = [](S &s) { s.in(encode::refuse(s.peer->nonce, 1)); };
    const auto shortTimeout = [](S &s) { s.config.connectTimeout = 2s; };
    const auto connect = [](S &s) { s.connect(); };
    const auto close = [](S &s) { s.close(); };
    t.insert("N1", { [](S &) {}, [](S &s) { s.begin(); } });
    t.insert("N2",
             { [](S &s) {
                  s.listen();
                  s.client.sayHello();
              },
               [](S &s) { s.confirm(); } });
    t.insert("N3", { connect, [](S &s) { s.server.giveCookie(); } });
    t.insert("N4", { connect, refuse });
    t.insert("N5", { connect, [](S &s) { s.unreachable(); } });
    t.insert("N6",
             { [=](S &s) {
                  shortTimeout(s);
                  s.connect();
              },
               [](S &s) { s.wait(); } });
    t.insert("N7", { connect, close });
    t.insert("N8",
             { [](S &s) {
                  s.connect();
                  s.write();
              },
               close });
    t.insert("N9",
             { [](S &s) {
                  s.connect();
                  s.write();
              },
               [](S &s) { s.abort(); } });
    t.insert("N16", { [](S &s) { s.takeCookie(); }, refuse });
    t.insert("N17", { [](S &s) { s.takeCookie(); }, [](S &s) { s.acceptOtherMode(); } });
    t.insert("N23",
             { [=](S &s) {
                  shortTimeout(s);
                  s.takeCookie();
              },
               [](S &s) { s.wait(); } });
    t.insert("N32",
             { [=](S &s) {
                  shortTimeout(s);
                  s.takeCookie();
                  s.close();
              },
               [](S &s) { s.wait(); } });
    t.insert("N34",
             { [](S &s) {
                  s.takeCookie();
                  s.close();
              },
               refuse });
    t.insert("N35",
             { [](S &s) {
                  s.connect();
                  s.write();
                  s.close();
              },
               [](S &s) { s.unreachable(); } });
    t.insert("N36",
             { [](S &s) {
                  s.takeCookie();
                  s.close();
              },
               [](S &s) { s.acceptOtherMode(); } });
}

void addNativeConnected(QHash<QString, Transition> &t)
{
    const auto establish = [](S &s) { s.establish(); };
    const auto messages = [](S &s) {
        s.config.mode = Mode::Message;
        s.establish();
    };
    t.insert("N10", { establish, [](S &s) { s.close(); } });
    t.insert("N11",
             { [](S &s) {
                  s.config.lingerTime = 0s;
                  s.establish();
                  s.write();
              },
               [](S &s) { s.close(); } });
    t.insert("N12", { establish, [](S &s) { s.abort(); } });
    t.insert("N13", { establish, [](S &s) { closeFrame(s, 5); } });
    t.insert("N14", { establish, [](S &s) { closeFrame(s, 0xffffff00); } });
    t.insert("N15",
             { establish, [](S &s) { s.in(encode::reset(s.peer->conv, s.peer->resetToken)); } });
    t.insert("N18", { messages, [](S &s) { s.inBrokenMessage(); } });
    t.insert("N19",
             { messages, [](S &s) { s.in(s.client.confirm(s.segment({}, S::BrokenPrefix))); } });
    t.insert("N20", { twoAttempts, [](S &s) { s.in(s.client.confirm()); } });
    t.insert("N21", { [](S &s) { s.holdBrokenMessage(); }, [](S &s) { s.readMessage(); } });
    t.insert("N22",
             { [](S &s) {
                  s.config.idleTimeout = 3s;
                  s.establish();
              },
               [](S &s) { s.wait(); } });
}

void addNativeClosing(QHash<QString, Transition> &t)
{
    const auto delivered = [](S &s) { s.closeDelivered(); };
    const auto shortLinger = [](S &s) { s.config.lingerTime = 2s; };
    const auto wait = [](S &s) { s.wait(); };
    const auto messages = [](S &s) {
        s.config.mode = Mode::Message;
        s.closeDelivered();
    };
    t.insert("N24", { delivered, [](S &s) { s.in(encode::closeAck(s.peer->conv, s.peerTag())); } });
    t.insert("N25", { delivered, [](S &s) { closeFrame(s, 0); } });
    t.insert("N26",
             { [](S &s) {
                  s.closeUndelivered();
                  closeFrame(s, 0);
                  s.acknowledge();
              },
               [](S &s) { s.bench.flush(); } });
    t.insert("N27", { delivered, [](S &s) { closeFrame(s, 0xffffffff); } });
    t.insert("N28", { delivered, [](S &s) { s.abort(); } });
    t.insert("N29",
             { [=](S &s) {
                  shortLinger(s);
                  s.closeDelivered();
              },
               wait });
    t.insert("N30",
             { [=](S &s) {
                  shortLinger(s);
                  s.closeUndelivered();
              },
               wait });
    t.insert("N31",
             { [](S &s) {
                  s.config.idleTimeout = 2s;
                  s.closeUndelivered();
              },
               wait });
    t.insert("N33",
             { delivered, [](S &s) { s.in(encode::reset(s.peer->conv, s.peer->resetToken)); } });
    t.insert("N37", { messages, [](S &s) { s.inBrokenMessage(); } });
    t.insert("N38",
             { messages, [](S &s) { s.in(s.client.confirm(s.segment({}, S::BrokenPrefix))); } });
    t.insert("N39",
             { [](S &s) {
                  twoAttempts(s);
                  s.close();
              },
               [](S &s) { s.in(s.client.confirm()); } });
    t.insert("N40",
             { [](S &s) {
                  s.holdBrokenMessage();
                  s.close();
              },
               [](S &s) { s.readMessage(); } });
}

void addPlain(QHash<QString, Transition> &t)
{
    const auto connect = [](S &s) { s.connectPlain(); };
    const auto connectAndWrite = [](S &s) {
        s.connectPlain();
        s.write();
    };
    const auto establish = [](S &s) { s.establishPlain(); };
    const auto undelivered = [](S &s) {
        s.establishPlain();
        s.write();
        s.bench.flush();
        s.close();
    };
    const auto close = [](S &s) { s.close(); };
    const auto abort = [](S &s) { s.abort(); };
    const auto wait = [](S &s) { s.wait(); };
    const auto unreachable = [](S &s) { s.unreachable(); };
    t.insert("P1", { [](S &) {}, connect });
    t.insert("P2", { [](S &s) { s.config.connectWithoutReply = true; }, connect });
    t.insert("P3", { [](S &) {}, establish });
    t.insert("P4", { connect, [](S &s) { s.in(s.segment({ .cmd = 84 })); } });
    t.insert("P5", { connect, unreachable });
    t.insert("P6", { connect, wait });
    t.insert("P7", { connect, close });
    t.insert("P8", { connectAndWrite, close });
    t.insert("P9", { connectAndWrite, abort });
    t.insert("P10", { establish, close });
    t.insert("P11",
             { [](S &s) {
                  s.config.lingerTime = 0s;
                  s.establishPlain();
              },
               close });
    t.insert("P12", { establish, abort });
    t.insert("P13",
             { [](S &s) {
                  s.config.idleTimeout = 3s;
                  s.establishPlain();
              },
               wait });
    t.insert("P14",
             { [=](S &s) {
                  undelivered(s);
                  s.acknowledge();
              },
               [](S &s) { s.bench.flush(); } });
    t.insert("P15", { undelivered, wait });
    t.insert("P16",
             { [=](S &s) {
                  s.config.connectTimeout = 2s;
                  connectAndWrite(s);
                  s.close();
              },
               wait });
    t.insert("P17",
             { [=](S &s) {
                  connectAndWrite(s);
                  s.close();
              },
               unreachable });
    t.insert("P18", { undelivered, abort });
}

} // namespace

const QHash<QString, Transition> &transitions()
{
    static const QHash<QString, Transition> all = [] {
        QHash<QString, Transition> t;
        addNativeConnecting(t);
        addNativeConnected(t);
        addNativeClosing(t);
        addPlain(t);
        return t;
    }();
    return all;
}
