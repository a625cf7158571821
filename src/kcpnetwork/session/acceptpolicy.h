// SPDX-License-Identifier: MIT
// Whether a stranger is let in: the limits of a server and what counts against them.
#ifndef KCPNET_SESSION_ACCEPTPOLICY_H
#define KCPNET_SESSION_ACCEPTPOLICY_H

#include "endpoint.h"
#include "session.h"

#include <array>
#include <unordered_map>

namespace kcpnet {

class AcceptPolicy
{
public:
    explicit AcceptPolicy(std::uint64_t seed);

    void setConfig(const AcceptConfig &config);
    const AcceptConfig &config() const { return m_config; }
    // What sessions of this profile are made with; conv is each session's own.
    const SharedConfig &sessionConfig(Profile profile) const
    {
        return profile == Profile::Native ? m_nativeConfig : m_plainConfig;
    }

    // False until the first setConfig(): such an endpoint does not even say no.
    bool isServer() const { return m_isServer; }
    bool accepts(Profile profile) const;

    // Refusal::None when a stranger from this address may come in now.
    Refusal check(const Address &peer) const;

    void add(const Address &peer); // accepted, and pending until taken
    void taken() { --m_pending; }
    void remove(const Address &peer, bool wasTaken);
    void move(const Address &from, const Address &to);

    std::uint32_t count() const { return m_count; }
    std::uint32_t pending() const { return m_pending; }
    std::size_t addresses() const { return m_perAddress.size(); }

private:
    // The port does not count: one machine may open many.
    using Host = std::array<std::uint8_t, 16>;
    struct HostHash
    {
        std::uint64_t seed;
        std::size_t operator()(const Host &host) const;
    };

    void addHost(const Address &peer);
    void removeHost(const Address &peer);

    AcceptConfig m_config;
    SharedConfig m_nativeConfig;
    SharedConfig m_plainConfig;
    bool m_isServer = false;
    std::uint32_t m_count = 0;
    std::uint32_t m_pending = 0;
    std::unordered_map<Host, std::uint32_t, HostHash> m_perAddress;
};

} // namespace kcpnet

#endif // KCPNET_SESSION_ACCEPTPOLICY_H
