// SPDX-License-Identifier: MIT
// What the session layer asks of cryptography. Injected like the clock: the driver implements it
// with Qt, tests with a fake.
#ifndef KCPNET_SESSION_CRYPTO_H
#define KCPNET_SESSION_CRYPTO_H

#include <kcp/bytes.h>

#include <array>
#include <cstdint>

namespace kcpnet {

class Crypto
{
public:
    using Digest = std::array<std::uint8_t, 32>;

    virtual ~Crypto();

    // HMAC-SHA-256(key, label || data). Labels are part of the protocol.
    virtual Digest mac(kcp::ByteView key, kcp::ByteView label, kcp::ByteView data) = 0;

    // Fills the buffer from the operating system's generator of secrets.
    virtual void entropy(kcp::MutableBytes buffer) = 0;

    // Compares in a time that depends on the length alone.
    static bool equal(kcp::ByteView a, kcp::ByteView b);
};

} // namespace kcpnet

#endif // KCPNET_SESSION_CRYPTO_H
