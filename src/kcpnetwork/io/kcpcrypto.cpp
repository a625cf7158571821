// SPDX-License-Identifier: MIT
#include "kcpcrypto_p.h"

#include <QtCore/qcryptographichash.h>
#include <QtCore/qmessageauthenticationcode.h>
#include <QtCore/qrandom.h>

#include <algorithm>
#include <cstring>

namespace {

QByteArray rawBytes(kcp::ByteView bytes)
{
    return QByteArray::fromRawData(reinterpret_cast<const char *>(bytes.data()),
                                   qsizetype(bytes.size()));
}

} // namespace

kcpnet::Crypto::Digest KcpCrypto::mac(kcp::ByteView key, kcp::ByteView label, kcp::ByteView data)
{
    QMessageAuthenticationCode code(QCryptographicHash::Sha256, rawBytes(key));
    code.addData(reinterpret_cast<const char *>(label.data()), qsizetype(label.size()));
    code.addData(reinterpret_cast<const char *>(data.data()), qsizetype(data.size()));
    const QByteArray result = code.result();
    Digest digest;
    Q_ASSERT(std::size_t(result.size()) == digest.size());
    std::memcpy(digest.data(), result.constData(), digest.size());
    return digest;
}

void KcpCrypto::entropy(kcp::MutableBytes buffer)
{
    auto *generator = QRandomGenerator::system();
    std::size_t at = 0;
    while (at < buffer.size()) {
        const quint64 word = generator->generate64();
        const std::size_t size = std::min(sizeof word, buffer.size() - at);
        std::memcpy(buffer.data() + at, &word, size);
        at += size;
    }
}
