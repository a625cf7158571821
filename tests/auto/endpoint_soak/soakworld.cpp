// SPDX-License-Identifier: MIT
#include "soakworld.h"

#include <algorithm>

using namespace kcpnet;
using Type = Event::Type;

namespace {

constexpr kcp::Instant Start = kcp::instantFromMicroseconds(1000000);
constexpr std::uint16_t ServerPort = 7000;

Address toAddress(kcptest::Address address)
{
    return Address::fromIPv4(static_cast<std::uint32_t>(kcptest::hostOf(address)),
                             kcptest::portOf(address));
}

kcptest::Address fromAddress(const Address &address)
{
    std::uint32_t host = 0;
    for (std::size_t i = 12; i < 16; ++i)
        host = (host << 8U) | address.ip[i];
    return kcptest::makeAddress(host, address.port);
}

const kcptest::Address ServerAddress = kcptest::makeAddress(0x0a000000, ServerPort);

} // namespace

SoakWorld::SoakWorld(std::uint64_t seed, int clients)
    : m_random(seed), m_network(seed, Start), m_machines(static_cast<std::size_t>(clients) + 1)
{
    for (std::uint32_t i = 0; i < m_machines.size(); ++i) {
        Machine &machine = m_machines[i];
        machine.crypto = std::make_unique<FakeCrypto>(m_random.next());
        machine.endpoint = std::make_unique<Endpoint>(machine.crypto.get(), m_random.next());
        machine.node = m_network.addNode(kcptest::makeAddress(0x0a000000 + i, ServerPort));
        if (i == 0)
            continue;
        machine.link.delay = 5ms + upTo(40ms);
        machine.link.jitter = 20ms;
        machine.link.loss = m_random.unit() * 0.2;
        machine.link.duplication = 0.02;
        machine.link.reordering = 0.02;
        machine.link.reorderingDelay = 50ms;
        m_network.setBothLinks(machine.node, m_machines[0].node, machine.link);
        machine.act = Start + upTo(10s);
        wakeAt(i, machine.act);
    }
    AcceptConfig accept = nativeServer();
    accept.maximumPending = static_cast<std::uint32_t>(clients);
    m_machines[0].endpoint->setAcceptConfig(accept);
}

// --- time -------------------------------------------------------------------------------------

void SoakWorld::run(kcp::Duration time)
{
    const kcp::Instant end = m_network.now() + time;
    for (;;) {
        const kcp::Instant next = m_wakes.empty() ? kcp::Never : m_wakes.top().time;
        if (const auto datagram = m_network.receive(std::min(next, end))) {
            const std::uint32_t index = datagram->node; // nodes are numbered as machines are
            m_machines[index].endpoint->handleDatagram(
                    m_network.now(), { toAddress(datagram->to), toAddress(datagram->from) },
                    datagram->bytes);
            flush(index);
        } else if (next <= end) {
            m_network.advanceTo(std::max(next, m_network.now()));
            const std::uint32_t index = m_wakes.top().machine;
            m_wakes.pop();
            wake(index);
        } else {
            break;
        }
    }
    m_network.advanceTo(end);
}

kcp::Duration SoakWorld::upTo(kcp::Duration time)
{
    return kcp::Duration(m_random.below(static_cast<std::uint32_t>(time.count())));
}

void SoakWorld::wakeAt(std::uint32_t index, kcp::Instant time)
{
    if (time >= m_machines[index].wake)
        return;
    m_machines[index].wake = time;
    m_wakes.push({ time, index });
}

void SoakWorld::wake(std::uint32_t index)
{
    Machine &machine = m_machines[index];
    const kcp::Instant now = m_network.now();
    if (machine.wake <= now)
        machine.wake = kcp::Never; // else an earlier one was put before it
    if (machine.endpoint->pollTimeout() <= now)
        machine.endpoint->handleTimeout(now);
    if (machine.act <= now)
        act(index);
    flush(index);
}

void SoakWorld::flush(std::uint32_t index)
{
    Machine &machine = m_machines[index];
    std::uint8_t buffer[2000];
    Path path;
    for (bool busy = true; busy;) {
        busy = false;
        while (const std::size_t size =
                       machine.endpoint->pollTransmit(m_network.now(), buffer, path)) {
            busy = true;
            m_network.send(machine.node, fromAddress(path.peer), { buffer, size });
        }
        Event event;
        while (machine.endpoint->pollEvent(event)) {
            busy = true;
            tell(index, event);
        }
    }
    wakeAt(index, std::min(machine.endpoint->pollTimeout(), machine.act));
}

// --- the clients' programs --------------------------------------------------------------------

// About 200 bytes every ten seconds; now and then an end, and a new beginning the next time.
void SoakWorld::act(std::uint32_t index)
{
    Machine &machine = m_machines[index];
    const kcp::Instant now = m_network.now();
    machine.act = now + 5s + upTo(10s);
    if (!m_stopping)
        disturb(index);
    if (machine.talk < 0) {
        if (m_stopping)
            machine.act = kcp::Never;
        else
            connect(index);
        return;
    }
    Talk &talk = m_talks[static_cast<std::size_t>(machine.talk)];
    speak(talk, ClientSide, 100 + m_random.below(200));
    if (m_stopping || chance(60))
        machine.endpoint->close(now, talk.ids[ClientSide]);
    else if (chance(300))
        machine.endpoint->abort(now, talk.ids[ClientSide]);
}

void SoakWorld::connect(std::uint32_t index)
{
    Machine &machine = m_machines[index];
    Talk talk;
    talk.number = static_cast<std::uint32_t>(m_talks.size());
    talk.client = index;
    talk.ids[ClientSide] = machine.endpoint->connectTo(
            m_network.now(), { {}, toAddress(ServerAddress) }, nativeConfig());
    m_talks.push_back(talk);
    machine.talk = talk.number;
    ++m_summary.conversations;
    if (++machine.talks > 1)
        ++m_summary.reconnects;
    speak(m_talks.back(), ClientSide, HeadSize + m_random.below(500));
}

// Byte n of what one side says.
std::uint8_t SoakWorld::spoken(const Talk &talk, Side side, std::uint64_t n)
{
    if (side == ClientSide && n < HeadSize)
        return static_cast<std::uint8_t>(talk.number >> (8 * n));
    std::uint64_t x = (std::uint64_t(talk.number) << 33U) ^ (n << 1U) ^ side;
    x *= 0x9e3779b97f4a7c15ULL;
    return static_cast<std::uint8_t>(x >> 56U);
}

void SoakWorld::speak(Talk &talk, Side side, std::uint32_t size)
{
    std::vector<std::uint8_t> bytes(size);
    for (std::uint32_t i = 0; i < size; ++i)
        bytes[i] = spoken(talk, side, talk.written[side] + i);
    const Machine &machine = m_machines[side == ServerSide ? 0 : talk.client];
    if (machine.endpoint->write(talk.ids[side], bytes))
        talk.written[side] += size;
}

// A NAT that forgets; a way through a tunnel, every second one longer than the idle timeout.
void SoakWorld::disturb(std::uint32_t index)
{
    Machine &machine = m_machines[index];
    if (chance(100)) {
        const kcptest::Address before = m_network.address(machine.node);
        m_network.rebind(machine.node, before + 1); // the port
        ++m_summary.rebinds;
    }
    if (chance(200)) {
        const kcp::Instant now = m_network.now();
        machine.link.blackOuts = { { now, now + 1s + upTo(60s) } };
        m_network.setBothLinks(machine.node, m_machines[0].node, machine.link);
        ++m_summary.blackOuts;
    }
}

// --- both programs ----------------------------------------------------------------------------

void SoakWorld::tell(std::uint32_t index, const Event &event)
{
    Endpoint &endpoint = *m_machines[index].endpoint;
    switch (event.type) {
    case Type::Accepted:
        endpoint.take(event.session);
        break;
    case Type::Readable:
        read(index, event.session);
        if (index == 0 && chance(120))
            endpoint.close(m_network.now(), event.session);
        else if (index == 0 && chance(600))
            endpoint.abort(m_network.now(), event.session);
        break;
    case Type::PeerAddressChanged:
        ++m_summary.moves;
        break;
    case Type::Closed:
        read(index, event.session);
        ended(index, event);
        break;
    default:
        break;
    }
}

SoakWorld::Talk *SoakWorld::talkOf(std::uint32_t index, SessionId id)
{
    if (index != 0) {
        const std::int64_t talk = m_machines[index].talk;
        return talk < 0 ? nullptr : &m_talks[static_cast<std::size_t>(talk)];
    }
    const auto known = m_serverTalks.find(Node::key(id));
    return known != m_serverTalks.end() ? &m_talks[known->second] : nullptr;
}

// The server learns from the first bytes who speaks.
SoakWorld::Talk *SoakWorld::introduce(SessionId id)
{
    std::array<std::uint8_t, HeadSize> head;
    if (server().session(id)->peek(0, head) < HeadSize)
        return nullptr;
    const auto number = kcp::loadLittleEndian<std::uint32_t>(head.data());
    if (number >= m_talks.size()) {
        fail({}, "a session of nobody");
        return nullptr;
    }
    Talk &talk = m_talks[number];
    if (!talk.ids[ServerSide].isNull())
        fail(talk, "was accepted twice");
    talk.ids[ServerSide] = id;
    m_serverTalks.emplace(Node::key(id), number);
    return &talk;
}

void SoakWorld::read(std::uint32_t index, SessionId id)
{
    const Side side = index == 0 ? ServerSide : ClientSide;
    const Side other = index == 0 ? ClientSide : ServerSide;
    Talk *talk = talkOf(index, id);
    if (!talk && side == ServerSide)
        talk = introduce(id);
    if (!talk)
        return;
    Endpoint &endpoint = *m_machines[index].endpoint;
    std::uint8_t buffer[4096];
    bool news = false;
    while (const std::size_t size = endpoint.read(id, buffer)) {
        news = true;
        m_summary.bytes += size;
        for (std::size_t i = 0; i < size; ++i) {
            if (buffer[i] != spoken(*talk, other, talk->received[side]++))
                fail(*talk, "byte " + std::to_string(talk->received[side] - 1) + " is wrong");
        }
    }
    if (talk->received[side] > talk->written[other])
        fail(*talk, "more arrived than was written");
    if (news && side == ServerSide)
        speak(*talk, ServerSide, 50 + m_random.below(200));
}

void SoakWorld::ended(std::uint32_t index, const Event &event)
{
    const Side side = index == 0 ? ServerSide : ClientSide;
    Machine &machine = m_machines[index];
    const kcp::Stats &stats = machine.endpoint->session(event.session)->engine().stats();
    m_summary.retransmissions += stats.timeoutRetransmissions + stats.fastRetransmissions;
    Talk *talk = talkOf(index, event.session);
    machine.endpoint->release(m_network.now(), event.session);
    if (side == ServerSide)
        m_serverTalks.erase(Node::key(event.session));
    else
        machine.talk = -1;
    if (!talk)
        return; // it was cut off before it said who it was
    if (talk->ended[side])
        fail(*talk, "ended twice");
    talk->ended[side] = true;
    judge(*talk, side, event);
}

// A graceful close, as the closer and as its peer see it, promises that all is there.
void SoakWorld::judge(const Talk &talk, Side side, const Event &event)
{
    const Side other = side == ServerSide ? ClientSide : ServerSide;
    switch (event.reason) {
    case CloseReason::LocalClose:
        ++m_summary.gracefulEnds;
        if (talk.received[other] != talk.written[side])
            fail(talk,
                 "the closer wrote " + std::to_string(talk.written[side]) + " bytes, "
                         + std::to_string(talk.received[other]) + " arrived");
        break;
    case CloseReason::RemoteClose:
        ++m_summary.gracefulEnds;
        if (talk.received[side] != talk.written[other])
            fail(talk,
                 std::to_string(talk.received[side]) + " bytes arrived of "
                         + std::to_string(talk.written[other]) + " that the closer wrote");
        break;
    case CloseReason::LocalAbort:
    case CloseReason::RemoteAbort:
        ++m_summary.aborts;
        break;
    case CloseReason::IdleTimeout:
    case CloseReason::DeadLink:
    case CloseReason::LingerTimeout:
    case CloseReason::ConnectTimeout:
        ++m_summary.timeouts;
        break;
    case CloseReason::ProtocolError:
        fail(talk, "broke a rule");
        break;
    default: // Reset, Refused
        ++m_summary.otherEnds;
        break;
    }
}

void SoakWorld::fail(const Talk &talk, const std::string &text)
{
    if (m_error.empty())
        m_error = "conversation " + std::to_string(talk.number) + " of client "
                + std::to_string(talk.client) + ": " + text;
}

// --- the end ----------------------------------------------------------------------------------

std::string SoakWorld::leftOver() const
{
    for (std::size_t i = 0; i < m_machines.size(); ++i) {
        const Machine &machine = m_machines[i];
        const Endpoint &endpoint = *machine.endpoint;
        const std::string who = "machine " + std::to_string(i) + ": ";
        if (endpoint.sessionCount() != 0)
            return who + std::to_string(endpoint.sessionCount()) + " sessions";
        if (endpoint.pendingCount() != 0)
            return who + std::to_string(endpoint.pendingCount()) + " pending";
        if (!endpoint.isIdle())
            return who + "not idle";
        if (endpoint.pollTimeout() != kcp::Never)
            return who + "a timer";
        if (machine.talk >= 0)
            return who + "a program that was not told of the end";
    }
    if (!m_serverTalks.empty())
        return "the server: a program that was not told of the end";
    if (m_network.datagramsUnderWay() != 0)
        return std::to_string(m_network.datagramsUnderWay()) + " datagrams";
    return {};
}
