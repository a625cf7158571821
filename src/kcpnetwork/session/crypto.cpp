// SPDX-License-Identifier: MIT
#include "crypto.h"

namespace kcpnet {

Crypto::~Crypto() = default;

bool Crypto::equal(kcp::ByteView a, kcp::ByteView b)
{
    if (a.size() != b.size())
        return false;
    // volatile: the compiler must not end the loop at the first difference.
    volatile std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

} // namespace kcpnet
