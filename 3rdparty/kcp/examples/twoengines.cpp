// SPDX-License-Identifier: MIT
// Two engines joined in memory by a line that loses every fifth datagram. The time is a variable:
// the engine asks no clock.
#include <kcp/engine.h>

#include <array>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

static int datagrams = 0;

// Hands all that one engine wants to send to the other.
static void carry(kcp::Engine &from, kcp::Engine &to, kcp::Instant now)
{
    std::array<std::uint8_t, 1400> datagram;
    while (const std::size_t size = from.pollTransmit(now, datagram)) {
        if (++datagrams % 5 != 0)
            to.handleDatagram(now, kcp::ByteView(datagram).first(size));
    }
}

int main()
{
    const kcp::Config config{ .conv = 7, .nodelay = 1, .interval = 10ms, .stream = true };
    kcp::Engine client(config);
    kcp::Engine server(config);
    const std::string text(200'000, 'k');
    client.send(kcp::asBytes(text.data(), text.size()));

    std::string received(text.size(), '\0');
    std::size_t size = 0;
    kcp::Instant now{};
    for (; size < text.size() && !client.isDead(); now += 1ms) {
        client.handleTimeout(now); // a program waits until pollTimeout() instead
        server.handleTimeout(now);
        carry(client, server, now);
        carry(server, client, now);
        size += server.read(
                { reinterpret_cast<std::uint8_t *>(&received[size]), text.size() - size });
    }
    std::printf("%zu bytes in %d datagrams and %lld ms: %s\n", size, datagrams,
                static_cast<long long>(now.time_since_epoch() / 1ms),
                received == text ? "identical" : "different");
    return received == text ? 0 : 1;
}
