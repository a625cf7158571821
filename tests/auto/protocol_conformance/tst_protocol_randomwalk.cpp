// SPDX-License-Identifier: MIT
// Clients and a server of the module, with anything happening to them at random: no session ever
// makes a transition that the protocol page does not list.
#include "frameencoder.h"

#include "endpoint.h"
#include "fakecrypto.h"
#include "session.h"

#include <QtTest/QtTest>

#include <cstdlib>
#include <map>
#include <set>

using namespace kcpnet;
using namespace std::chrono_literals;

namespace {

constexpr int Worlds = 300;
constexpr int Steps = 500;

quint64 testSeed()
{
    const char *text = std::getenv("KCP_TEST_SEED");
    return text && *text ? std::strtoull(text, nullptr, 0) : 20250301;
}

QString nameOf(Session::State state)
{
    switch (state) {
    case Session::State::Connecting:
        return QStringLiteral("Connecting");
    case Session::State::Connected:
        return QStringLiteral("Connected");
    case Session::State::Closing:
        return QStringLiteral("Closing");
    case Session::State::Closed:
        return QStringLiteral("Closed");
    }
    return {};
}

// profile, role, from, event, to
using Step = std::array<QString, 5>;

// The page's tables, without their conditions.
std::set<Step> allowedSteps()
{
    std::set<Step> steps;
    for (const QString &profile : { QStringLiteral("Native"), QStringLiteral("Plain") }) {
        const PageTable &table =
                ProtocolPage::instance().table(profile + QStringLiteral(" transitions"));
        for (const QStringList &row : table.rows) {
            const auto cell = [&](const char *column) {
                return table.cell(row, QLatin1String(column));
            };
            for (const QString &role : { QStringLiteral("client"), QStringLiteral("server") }) {
                if (cell("Role") == role || cell("Role") == QStringLiteral("both"))
                    steps.insert({ profile, role, cell("From"), cell("Event"), cell("To") });
            }
        }
    }
    return steps;
}

struct Packet
{
    Address from;
    Address to;
    QByteArray data;
};

// One endpoint whose sessions are watched: around each call.
class Watched
{
public:
    Watched(std::uint64_t seed, const Address &where) : crypto(seed), where(where)
    {
        restart(seed);
    }

    void restart(std::uint64_t seed)
    {
        m_sessions.clear();
        endpoint = std::make_unique<Endpoint>(&crypto, seed);
    }

    // Calls, and notes every step that a session made. The call may return the id of a new one.
    template <typename Call>
    void call(const QString &event, Call function)
    {
        SessionId made;
        if constexpr (std::is_same_v<decltype(function()), SessionId>)
            made = function();
        else
            function();
        Event told;
        while (endpoint->pollEvent(told)) {
            if (told.type == Event::Type::Accepted)
                add(told.session);
        }
        if (!made.isNull())
            add(made);
        for (auto it = m_sessions.begin(); it != m_sessions.end();) {
            const Session *session = endpoint->session(it->second.id);
            note(it->second, event, session ? session->state() : Session::State::Closed);
            it = session ? std::next(it) : m_sessions.erase(it);
        }
    }

    SessionId any(kcp::Pcg32 &random) const
    {
        if (m_sessions.empty())
            return {};
        auto it = m_sessions.begin();
        std::advance(it, random.below(static_cast<std::uint32_t>(m_sessions.size())));
        return it->second.id;
    }
    std::size_t sessions() const { return m_sessions.size(); }

    FakeCrypto crypto;
    Address where;
    std::unique_ptr<Endpoint> endpoint;
    std::map<Step, int> seen;

private:
    struct Known
    {
        SessionId id;
        QString profile;
        QString role;
        QString state;
    };

    void add(SessionId id)
    {
        const std::uint64_t key = (std::uint64_t(id.generation) << 32U) | id.index;
        const Session *session = endpoint->session(id);
        if (!session || m_sessions.contains(key))
            return;
        m_sessions[key] = { id,
                            session->config().profile == Profile::Native ? QStringLiteral("Native")
                                                                         : QStringLiteral("Plain"),
                            session->role() == Session::Role::Client ? QStringLiteral("client")
                                                                     : QStringLiteral("server"),
                            QStringLiteral("none") };
    }
    void note(Known &known, const QString &event, Session::State state)
    {
        const QString name = nameOf(state);
        // One call can let a session begin and end: its first segments break a rule.
        if (known.state == QStringLiteral("none") && state == Session::State::Closed)
            note(known, event, Session::State::Connected);
        if (known.state != name)
            ++seen[{ known.profile, known.role, known.state, event, name }];
        known.state = name;
    }

    std::map<std::uint64_t, Known> m_sessions;
};

class World
{
public:
    World(std::uint64_t seed, bool messages)
        : random(seed, 3),
          server(random.next(), Address::fromIPv4(0x0a000001, 7000)),
          client(random.next(), Address::fromIPv4(0x0a000002, 40000))
    {
        m_accept.profiles = static_cast<std::uint8_t>(Profile::Native)
                | static_cast<std::uint8_t>(Profile::PlainKcp);
        m_accept.maximumPending = 10000;
        m_accept.session = randomConfig();
        m_accept.session.mode = messages ? Mode::Message : Mode::Stream;
        setUpServer();
    }

    void step()
    {
        switch (random.below(20)) {
        case 0:
            return connect();
        case 1:
            return close(random.chance(0.5) ? client : server);
        case 2:
            return random.chance(0.8) ? write(client) : rarely();
        case 3:
            return write(random.chance(0.5) ? client : server);
        case 4:
            return read(random.chance(0.5) ? client : server);
        case 5:
        case 6:
            return wait();
        case 7:
            return inject();
        default:
            flush(client);
            flush(server);
            for (int i = 0; i < 3; ++i)
                deliver();
        }
    }

    kcp::Pcg32 random;
    Watched server;
    Watched client;

private:
    SessionConfig randomConfig()
    {
        SessionConfig config;
        config.engine.nodelay = 1;
        config.engine.deadLink = 5;
        config.mode = m_accept.session.mode;
        if (random.chance(0.1))
            config.mode = config.mode == Mode::Stream ? Mode::Message : Mode::Stream;
        if (random.chance(0.3))
            config.profile = Profile::PlainKcp;
        if (random.chance(0.2))
            config.lingerTime = kcp::Duration::zero();
        if (random.chance(0.3))
            config.connectTimeout = 400ms;
        if (random.chance(0.4))
            config.idleTimeout = 1s;
        if (random.chance(0.3))
            config.keepAliveInterval = 300ms;
        config.connectWithoutReply = random.chance(0.2);
        config.receiveLimit = random.chance(0.5) ? 1 : 0;
        return config;
    }

    void setUpServer()
    {
        server.endpoint->setAcceptConfig(m_accept);
        server.endpoint->setResetKey(kcp::asBytes("key", 3));
    }

    void connect()
    {
        if (client.sessions() >= 8)
            return;
        const SessionConfig config = randomConfig();
        client.call(QStringLiteral("connect"), [&] {
            return client.endpoint->connectTo(m_now, { {}, server.where }, config);
        });
    }

    void close(Watched &side)
    {
        const SessionId id = side.any(random);
        switch (random.below(4)) {
        case 0:
            return side.call(QStringLiteral("abort"), [&] { side.endpoint->abort(m_now, id); });
        case 1:
            return side.call(QStringLiteral("close"), [&] { side.endpoint->release(m_now, id); });
        default:
            return side.call(QStringLiteral("close"),
                             [&] { side.endpoint->close(m_now, id, random.below(3)); });
        }
    }

    void write(Watched &side)
    {
        const SessionId id = side.any(random);
        const QByteArray data(int(random.below(3000)), 'w');
        side.call(QStringLiteral("write"), [&] {
            side.endpoint->take(id);
            side.endpoint->write(id, kcp::asBytes(data.constData(), std::size_t(data.size())));
            side.endpoint->writeMessage(id,
                                        kcp::asBytes(data.constData(), std::size_t(data.size())));
            side.endpoint->sendDatagram(
                    id, kcp::asBytes(data.constData(), std::min<std::size_t>(data.size(), 10)));
        });
    }

    void read(Watched &side)
    {
        const SessionId id = side.any(random);
        side.call(QStringLiteral("read"), [&] {
            std::uint8_t buffer[1000];
            std::vector<std::uint8_t> message;
            side.endpoint->read(id, buffer);
            side.endpoint->readMessage(id, message);
        });
    }

    void rarely()
    {
        switch (random.below(4)) {
        case 0:
            return client.call(QStringLiteral("unreachable"), [&] {
                client.endpoint->handleUnreachable(m_now, { {}, server.where });
            });
        case 1:
            client.where.port = static_cast<std::uint16_t>(40000 + random.below(5));
            return client.call(QStringLiteral("rebind"), [&] {
                client.endpoint->rebind(m_now, client.any(random), { {}, server.where });
            });
        case 2:
            server.restart(random.next());
            return setUpServer();
        default:
            m_accept.accepting = !m_accept.accepting;
            server.endpoint->setAcceptConfig(m_accept);
        }
    }

    void wait()
    {
        const kcp::Instant next =
                std::min(server.endpoint->pollTimeout(), client.endpoint->pollTimeout());
        const kcp::Duration most = random.chance(0.02) ? 20s : 300ms;
        m_now = std::max(m_now, std::min(next, m_now + most));
        for (Watched *side : { &server, &client })
            side->call(QStringLiteral("timer"), [&] { side->endpoint->handleTimeout(m_now); });
    }

    void flush(Watched &side)
    {
        std::size_t size = 0;
        do {
            side.call(QStringLiteral("flush"), [&] {
                std::vector<std::uint8_t> buffer(side.endpoint->maximumTransmitSize());
                Path path;
                size = side.endpoint->pollTransmit(m_now, buffer, path);
                if (size > 0)
                    m_underWay.push_back({ side.where, path.peer,
                                           QByteArray(reinterpret_cast<char *>(buffer.data()),
                                                      qsizetype(size)) });
            });
        } while (size > 0);
    }

    void deliver()
    {
        if (m_underWay.empty())
            return;
        const std::size_t index = random.chance(0.8)
                ? 0
                : random.below(static_cast<std::uint32_t>(m_underWay.size()));
        const Packet packet = m_underWay[index];
        if (!random.chance(0.05))
            m_underWay.erase(m_underWay.begin() + static_cast<std::ptrdiff_t>(index));
        m_old.push_back(packet);
        m_now += std::chrono::milliseconds(random.below(10));
        if (!random.chance(0.1))
            receive(packet);
    }

    // Something old, or something made of it.
    void inject()
    {
        if (m_old.empty())
            return;
        Packet packet = m_old[random.below(static_cast<std::uint32_t>(m_old.size()))];
        const std::uint32_t changes = random.below(3);
        for (std::uint32_t i = 0; i < changes && !packet.data.isEmpty(); ++i) {
            const int length = int(packet.data.size());
            const int at = random.chance(0.5)
                    ? length - 1 - int(random.below(std::uint32_t(std::min(length, 60))))
                    : int(random.below(std::uint32_t(std::min(length, 60))));
            packet.data[at] = char(random.next());
        }
        if (random.chance(0.2) && packet.data.size() > 4)
            packet.data[4] = char(0xa0 + random.below(16));
        if (random.chance(0.2))
            packet.from.port ^= 1;
        receive(packet);
    }

    void receive(const Packet &packet)
    {
        Watched &side = packet.to == server.where ? server : client;
        const int type = packet.data.size() > 4 ? quint8(packet.data[4]) : 0;
        const FrameSpec *frame = ProtocolPage::instance().frameOfType(type);
        side.call(frame ? frame->name : QStringLiteral("segments"), [&] {
            side.endpoint->handleDatagram(
                    m_now, { packet.to, packet.from },
                    kcp::asBytes(packet.data.constData(), std::size_t(packet.data.size())));
        });
    }

    AcceptConfig m_accept;
    kcp::Instant m_now = kcp::instantFromMicroseconds(1000000);
    std::vector<Packet> m_underWay;
    std::vector<Packet> m_old;
};

} // namespace

class tst_ProtocolRandomWalk : public QObject
{
    Q_OBJECT

private Q_SLOTS:
    void walk();
};

void tst_ProtocolRandomWalk::walk()
{
    const quint64 seed = testSeed();
    qInfo("KCP_TEST_SEED=%llu", static_cast<unsigned long long>(seed));
    const std::set<Step> allowed = allowedSteps();
    std::map<Step, int> seen;
    for (int i = 0; i < Worlds; ++i) {
        World world(seed + quint64(i), i % 2 == 1);
        for (int step = 0; step < Steps; ++step)
            world.step();
        for (const Watched *side : { &world.server, &world.client }) {
            for (const auto &[step, count] : side->seen)
                seen[step] += count;
        }
    }
    QStringList strange;
    for (const auto &[step, count] : seen) {
        if (!allowed.contains(step))
            strange.append(QStringList(step.begin(), step.end()).join(QLatin1Char(' ')));
    }
    QCOMPARE(strange, QStringList());
    // The walk has been about.
    qInfo("%zu of %zu kinds of transitions were seen", seen.size(), allowed.size());
    QVERIFY(seen.size() >= allowed.size() / 2);
}

QTEST_APPLESS_MAIN(tst_ProtocolRandomWalk)

#include "tst_protocol_randomwalk.moc"
