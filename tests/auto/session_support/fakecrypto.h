// SPDX-License-Identifier: MIT
// Stands in for HMAC-SHA-256 and the system's entropy: fast, and the same in every run.
#ifndef KCPNET_TEST_FAKECRYPTO_H
#define KCPNET_TEST_FAKECRYPTO_H

#include "crypto.h"

#include <kcp/random.h>

class FakeCrypto final : public kcpnet::Crypto
{
public:
    explicit FakeCrypto(std::uint64_t seed) : m_random(seed, 7) { }

    Digest mac(kcp::ByteView key, kcp::ByteView label, kcp::ByteView data) override
    {
        ++macs;
        std::uint64_t hash = 0xcbf29ce484222325ULL;
        for (const kcp::ByteView part : { key, label, data }) {
            for (const std::uint8_t byte : part)
                hash = (hash ^ byte) * 0x100000001b3ULL;
            hash = (hash ^ part.size()) * 0x9e3779b97f4a7c15ULL;
            hash ^= hash >> 29U;
        }
        Digest digest;
        for (std::size_t i = 0; i < digest.size(); i += 8) {
            hash = (hash ^ (hash >> 31U)) * 0xbf58476d1ce4e5b9ULL + i;
            kcp::storeLittleEndian(digest.data() + i, hash);
        }
        return digest;
    }

    void entropy(kcp::MutableBytes buffer) override
    {
        for (std::uint8_t &byte : buffer)
            byte = static_cast<std::uint8_t>(m_random.next() >> 24U);
    }

    std::uint64_t macs = 0;

private:
    kcp::Pcg32 m_random;
};

#endif // KCPNET_TEST_FAKECRYPTO_H
