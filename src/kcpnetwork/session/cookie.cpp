// SPDX-License-Identifier: MIT
#include "cookie.h"

#include <algorithm>
#include <string_view>

namespace kcpnet {

namespace {

kcp::ByteView label(std::string_view text)
{
    return kcp::asBytes(text.data(), text.size());
}

void writeAddress(kcp::Writer &writer, const Address &address)
{
    writer.bytes(address.ip);
    writer.u16(address.port);
}

template <std::size_t N>
std::array<std::uint8_t, N> firstBytes(const Crypto::Digest &digest)
{
    std::array<std::uint8_t, N> result;
    std::copy_n(digest.begin(), N, result.begin());
    return result;
}

} // namespace

SessionKeys deriveKeys(Crypto &crypto, const Cookie &cookie)
{
    SessionKeys keys;
    keys.clientTag = firstBytes<8>(crypto.mac(cookie, label("kcp1 tag c2s"), {}));
    keys.serverTag = firstBytes<8>(crypto.mac(cookie, label("kcp1 tag s2c"), {}));
    keys.pathKey = crypto.mac(cookie, label("kcp1 path"), {});
    return keys;
}

ResetToken makeResetToken(Crypto &crypto, kcp::ByteView resetKey, std::uint32_t conv,
                          const Address &client)
{
    std::array<std::uint8_t, 22> data;
    kcp::Writer writer(data);
    writer.u32(conv);
    writeAddress(writer, client);
    return firstBytes<16>(crypto.mac(resetKey, label("kcp1 reset"), data));
}

Tag makePathResponse(Crypto &crypto, const Crypto::Digest &pathKey, const Tag &challenge)
{
    return firstBytes<8>(crypto.mac(pathKey, label("kcp1 response"), challenge));
}

Tag makePathChallenge(Crypto &crypto, kcp::ByteView secret, const ChallengeInput &input)
{
    std::array<std::uint8_t, 30> data;
    kcp::Writer writer(data);
    writer.u32(input.conv);
    writer.u32(input.moves);
    writer.u32(static_cast<std::uint32_t>(input.period));
    writeAddress(writer, input.address);
    return firstBytes<8>(crypto.mac(secret, label("kcp1 challenge"), data));
}

CookieJar::CookieJar(Crypto *crypto) : m_crypto(*crypto)
{
    std::array<std::uint8_t, 4> offset;
    m_crypto.entropy(offset);
    m_timeOffset = kcp::loadLittleEndian<std::uint32_t>(offset.data());
}

// Lazily, so that no timer is needed. The previous secret is kept for the cookies under way.
void CookieJar::rotate(kcp::Instant now)
{
    if (now < m_rotation)
        return;
    if (now < m_rotation + Life)
        m_previous = m_current;
    else
        m_crypto.entropy(m_previous); // its cookies are too old in any case
    m_crypto.entropy(m_current);
    m_rotation = now + SecretLife;
}

Cookie CookieJar::compute(const Secret &secret, const Path &path, std::uint64_t nonce,
                          std::uint32_t conv, std::uint32_t issued)
{
    std::array<std::uint8_t, 52> data;
    kcp::Writer writer(data);
    writeAddress(writer, path.local);
    writeAddress(writer, path.peer);
    writer.u64(nonce);
    writer.u32(conv);
    writer.u32(issued);
    return m_crypto.mac(secret, label("kcp1 cookie"), data);
}

Cookie CookieJar::make(kcp::Instant now, const Path &path, std::uint64_t nonce, std::uint32_t conv,
                       std::uint32_t issued)
{
    rotate(now);
    return compute(m_current, path, nonce, conv, issued);
}

CookieJar::Check CookieJar::check(kcp::Instant now, const Path &path, const ConfirmFrame &confirm)
{
    rotate(now);
    // The age first: it costs nothing, and a wrong one cannot be valid.
    const std::int32_t age = kcp::serialDistance(issueTime(now), confirm.issued);
    if (age < 0 || std::chrono::milliseconds(age) > Life)
        return Check::Expired;
    for (const Secret *secret : { &m_current, &m_previous }) {
        const Cookie expected = compute(*secret, path, confirm.nonce, confirm.conv, confirm.issued);
        if (Crypto::equal(expected, confirm.cookie))
            return Check::Valid;
    }
    return Check::Forged;
}

} // namespace kcpnet
