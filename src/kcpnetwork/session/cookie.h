// SPDX-License-Identifier: MIT
// What a server gives a stranger to remember, instead of remembering the stranger; and the keys
// that both sides derive from it.
//
//     cookie = mac(server secret, "kcp1 cookie",
//                  local ip [16] | local port u16 | client ip [16] | client port u16 |
//                  clientNonce u64 | conv u32 | issued u32)
//     tagC       = mac(cookie, "kcp1 tag c2s", "") [8], the tag of the client's frames
//     tagS       = mac(cookie, "kcp1 tag s2c", "") [8], the tag of the server's frames
//     pathKey    = mac(cookie, "kcp1 path", "")
//     resetToken = mac(resetKey, "kcp1 reset", conv u32 | client ip [16] | client port u16) [16]
//     challenge  = mac(path secret, "kcp1 challenge",
//                      conv u32 | moves u32 | time u32 | new ip [16] | new port u16) [8]
//     response   = mac(pathKey, "kcp1 response", challenge) [8]
//
// The cookie's and the challenge's input is the server's own matter; the rest both sides compute.
// Addresses are IPv6, IPv4 ones mapped (::ffff:a.b.c.d).
#ifndef KCPNET_SESSION_COOKIE_H
#define KCPNET_SESSION_COOKIE_H

#include "address.h"
#include "crypto.h"
#include "frames.h"

namespace kcpnet {

struct SessionKeys
{
    Tag clientTag{};
    Tag serverTag{};
    Crypto::Digest pathKey{};
};

SessionKeys deriveKeys(Crypto &crypto, const Cookie &cookie);
ResetToken makeResetToken(Crypto &crypto, kcp::ByteView resetKey, std::uint32_t conv,
                          const Address &client);
Tag makePathResponse(Crypto &crypto, const Crypto::Digest &pathKey, const Tag &challenge);

// Challenges are good for one to two of these.
inline constexpr kcp::Duration ChallengePeriod = std::chrono::seconds(4);

struct ChallengeInput
{
    std::uint32_t conv = 0;
    std::uint32_t moves = 0; // of the session so far: an old response cannot move it back
    Address address;
    std::int64_t period = 0; // ChallengePeriods since the clock's origin
};

Tag makePathChallenge(Crypto &crypto, kcp::ByteView secret, const ChallengeInput &input);

// Makes and checks cookies. Stateless but for two secrets, which take turns.
class CookieJar
{
public:
    static constexpr kcp::Duration Life = std::chrono::seconds(10);
    static constexpr kcp::Duration SecretLife = std::chrono::seconds(60);

    enum class Check { Valid, Expired, Forged };

    explicit CookieJar(Crypto *crypto);

    std::uint32_t issueTime(kcp::Instant now) const { return kcp::wireTime(now) + m_timeOffset; }
    Cookie make(kcp::Instant now, const Path &path, std::uint64_t nonce, std::uint32_t conv,
                std::uint32_t issued);
    Check check(kcp::Instant now, const Path &path, const ConfirmFrame &confirm);

private:
    using Secret = std::array<std::uint8_t, 32>;

    void rotate(kcp::Instant now);
    Cookie compute(const Secret &secret, const Path &path, std::uint64_t nonce, std::uint32_t conv,
                   std::uint32_t issued);

    Crypto &m_crypto;
    Secret m_current{};
    Secret m_previous{};
    kcp::Instant m_rotation{ kcp::Duration::min() }; // when m_current is to be replaced
    std::uint32_t m_timeOffset = 0; // hides for how long the server has been up
};

} // namespace kcpnet

#endif // KCPNET_SESSION_COOKIE_H
