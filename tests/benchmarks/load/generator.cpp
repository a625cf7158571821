// SPDX-License-Identifier: MIT
#include "generator.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

using bench::add;
using bench::counters;

namespace {

// Handshakes under way: what any server's backlog holds.
constexpr std::uint32_t MostConnecting = 64;
constexpr int ServiceMilliseconds = 100;

} // namespace

Clients::Clients(const Options &options)
    : m_options(options), m_clients(options.connections), m_message(options.message)
{
}

bool Clients::isReady(const Client &client) const
{
    return client.isConnected && (!m_options.touch || client.number > 0);
}

void Clients::connected(std::uint32_t index)
{
    m_clients[index].isConnected = true;
    ++m_connected;
    if (isReady(m_clients[index]))
        add(counters().ready, 1);
    if (m_options.touch)
        m_due.push_back(index);
}

void Clients::failed(std::uint32_t index)
{
    throw std::runtime_error("connection " + std::to_string(index) + " has ended");
}

void Clients::received(std::uint32_t index, const char *data, std::size_t size)
{
    Client &client = m_clients[index];
    if (client.partial < sizeof client.firstBytes) {
        std::memcpy(reinterpret_cast<char *>(&client.firstBytes) + client.partial, data,
                    std::min(size, sizeof client.firstBytes - client.partial));
    }
    client.partial += std::uint32_t(size);
    if (client.partial >= m_options.message)
        complete(index);
}

void Clients::complete(std::uint32_t index)
{
    Client &client = m_clients[index];
    if (client.partial > m_options.message || client.firstBytes != client.number)
        add(counters().wrong, 1);
    if (client.number == 0 && m_options.touch)
        add(counters().ready, 1);
    client.partial = 0;
    ++client.number;
    counters().recordLatency(bench::monotonicNanoseconds() - client.sentAt);
    if (!m_options.hold)
        m_due.push_back(index);
}

void Clients::beginConnecting(Protocol &protocol)
{
    while (m_begun < m_clients.size() && m_begun - m_connected < MostConnecting)
        protocol.connect(m_begun++);
}

// Nobody sends before all are connected.
void Clients::run(Protocol &protocol)
{
    for (;;) {
        beginConnecting(protocol);
        if (!m_running && !m_options.hold && m_connected == m_clients.size()) {
            m_running = true;
            for (std::uint32_t i = 0; i < m_clients.size(); ++i)
                m_due.push_back(i);
        }
        m_sending.swap(m_due);
        for (const std::uint32_t index : m_sending) {
            Client &client = m_clients[index];
            std::memcpy(m_message.data(), &client.number, sizeof client.number);
            client.sentAt = bench::monotonicNanoseconds();
            protocol.send(index, m_message.data(), m_message.size());
        }
        m_sending.clear();
        protocol.service(m_begun < m_clients.size() ? 1 : ServiceMilliseconds);
    }
}
