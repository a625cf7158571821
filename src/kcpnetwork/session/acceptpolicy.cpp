// SPDX-License-Identifier: MIT
#include "acceptpolicy.h"

namespace kcpnet {

AcceptPolicy::AcceptPolicy(std::uint64_t seed) : m_perAddress(0, HostHash{ seed }) { }

std::size_t AcceptPolicy::HostHash::operator()(const Host &host) const
{
    return static_cast<std::size_t>(hashAddress({ .ip = host }, seed));
}

void AcceptPolicy::setConfig(const AcceptConfig &config)
{
    m_config = config;
    SessionConfig session = config.session;
    session.profile = Profile::Native;
    m_nativeConfig = std::make_shared<SessionConfig>(session);
    session.profile = Profile::PlainKcp;
    session.engine.stream = session.mode == Mode::Stream;
    m_plainConfig = std::make_shared<SessionConfig>(session);
    m_isServer = true;
}

bool AcceptPolicy::accepts(Profile profile) const
{
    return m_isServer && (m_config.profiles & static_cast<std::uint8_t>(profile)) != 0;
}

Refusal AcceptPolicy::check(const Address &peer) const
{
    if (!m_isServer || !m_config.accepting)
        return Refusal::NotAccepting;
    if (m_count >= m_config.maximumConnections || m_pending >= m_config.maximumPending)
        return Refusal::Full;
    if (m_config.maximumConnectionsPerAddress > 0) {
        const auto it = m_perAddress.find(peer.ip);
        if (it != m_perAddress.end() && it->second >= m_config.maximumConnectionsPerAddress)
            return Refusal::AddressLimit;
    }
    return Refusal::None;
}

void AcceptPolicy::add(const Address &peer)
{
    ++m_count;
    ++m_pending;
    addHost(peer);
}

void AcceptPolicy::remove(const Address &peer, bool wasTaken)
{
    --m_count;
    if (!wasTaken)
        --m_pending;
    removeHost(peer);
}

void AcceptPolicy::move(const Address &from, const Address &to)
{
    if (from.ip == to.ip)
        return;
    removeHost(from);
    addHost(to);
}

void AcceptPolicy::addHost(const Address &peer)
{
    ++m_perAddress[peer.ip];
}

void AcceptPolicy::removeHost(const Address &peer)
{
    const auto it = m_perAddress.find(peer.ip);
    if (it != m_perAddress.end() && --it->second == 0)
        m_perAddress.erase(it);
}

} // namespace kcpnet
