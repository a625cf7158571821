// SPDX-License-Identifier: MIT
// The session layer's cryptography by Qt: QMessageAuthenticationCode and the system's generator.
#ifndef KCPCRYPTO_P_H
#define KCPCRYPTO_P_H

#include "crypto.h"

class KcpCrypto final : public kcpnet::Crypto
{
public:
    Digest mac(kcp::ByteView key, kcp::ByteView label, kcp::ByteView data) override;
    void entropy(kcp::MutableBytes buffer) override;
};

#endif // KCPCRYPTO_P_H
