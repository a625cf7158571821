// SPDX-License-Identifier: MIT
// Builds the frames of the protocol page, written from the page and without any code of the module.
// It notes the layout of what it builds, so that it can be checked against the page.
#ifndef FRAMEENCODER_H
#define FRAMEENCODER_H

#include "protocolpage.h"

#include <QtCore/qbytearray.h>

class FrameEncoder
{
public:
    FrameEncoder() = default;
    FrameEncoder(quint32 conv, quint8 type, quint8 version = 1)
    {
        u32("conv", conv).u8("type", type).u8("version", version);
    }

    FrameEncoder &u8(const char *field, quint8 value) { return integer(field, value, 1); }
    FrameEncoder &u16(const char *field, quint16 value) { return integer(field, value, 2); }
    FrameEncoder &u32(const char *field, quint32 value) { return integer(field, value, 4); }
    FrameEncoder &u64(const char *field, quint64 value) { return integer(field, value, 8); }
    FrameEncoder &raw(const char *field, const QByteArray &value)
    {
        note(field, int(value.size()), false);
        m_bytes += value;
        return *this;
    }
    // The last field, of which a frame has at least `least` bytes.
    FrameEncoder &rest(const char *field, const QByteArray &value, int least = 0)
    {
        note(field, least, true);
        m_bytes += value;
        return *this;
    }

    const QByteArray &bytes() const { return m_bytes; }
    operator QByteArray() const { return m_bytes; }
    const QList<FieldSpec> &layout() const { return m_layout; }

private:
    void note(const char *field, int size, bool isOpen)
    {
        m_layout.append({ QString::fromLatin1(field), int(m_bytes.size()), size, isOpen });
    }
    FrameEncoder &integer(const char *field, quint64 value, int size)
    {
        note(field, size, false);
        for (int i = 0; i < size; ++i)
            m_bytes += char(value >> (8 * i));
        return *this;
    }

    QByteArray m_bytes;
    QList<FieldSpec> m_layout;
};

inline QByteArray littleEndian(quint64 value, int size)
{
    QByteArray bytes;
    for (int i = 0; i < size; ++i)
        bytes += char(value >> (8 * i));
    return bytes;
}

struct EncodedParameters
{
    quint16 mtu = 1400;
    quint16 window = 128;
    quint8 mode = 0;
    quint32 maxMessageSize = 16777216;
    quint32 capabilities = 0;
};

namespace encode {

inline FrameEncoder hello(quint64 nonce, quint8 mode = 0, quint16 flags = 0, quint8 version = 1)
{
    return FrameEncoder(0, 0xa0, version)
            .u64("clientNonce", nonce)
            .u16("flags", flags)
            .u8("mode", mode)
            .rest("padding", QByteArray(239, '\0'), 239);
}

inline FrameEncoder cookie(quint64 nonce, quint32 newConv, quint32 issued, const QByteArray &cookie)
{
    return FrameEncoder(0, 0xa1)
            .u64("clientNonce", nonce)
            .u32("newConv", newConv)
            .u32("issued", issued)
            .raw("cookie", cookie);
}

inline FrameEncoder &parameters(FrameEncoder &frame, const EncodedParameters &values)
{
    return frame.u8("length", 13)
            .u16("mtu", values.mtu)
            .u16("window", values.window)
            .u8("mode", values.mode)
            .u32("maxMessageSize", values.maxMessageSize)
            .u32("capabilities", values.capabilities);
}

inline FrameEncoder confirm(quint32 conv, quint64 nonce, quint32 issued, const QByteArray &cookie,
                            const EncodedParameters &values, const QByteArray &segments = {})
{
    FrameEncoder frame(conv, 0xa2);
    frame.u64("clientNonce", nonce).u32("issued", issued).raw("cookie", cookie);
    return parameters(frame, values).rest("segments", segments);
}

inline FrameEncoder accept(quint32 conv, const QByteArray &tag, quint64 nonce,
                           const EncodedParameters &values, const QByteArray &resetToken,
                           const QByteArray &segments = {})
{
    FrameEncoder frame(conv, 0xa3);
    frame.raw("tag", tag).u64("clientNonce", nonce);
    return parameters(frame, values).raw("resetToken", resetToken).rest("segments", segments);
}

inline FrameEncoder refuse(quint64 nonce, quint16 reason, const QByteArray &versions = {},
                           quint8 version = 1)
{
    return FrameEncoder(0, 0xa4, version)
            .u64("clientNonce", nonce)
            .u16("reason", reason)
            .rest("versions", versions);
}

inline FrameEncoder ping(quint32 conv, const QByteArray &tag, quint32 sequence)
{
    return FrameEncoder(conv, 0xa5)
            .raw("tag", tag)
            .u32("sequence", sequence)
            .rest("padding", QByteArray(30, '\0'), 30);
}

inline FrameEncoder pong(quint32 conv, const QByteArray &tag, quint32 sequence)
{
    return FrameEncoder(conv, 0xa6).raw("tag", tag).u32("sequence", sequence);
}

inline FrameEncoder datagram(quint32 conv, const QByteArray &tag, quint32 sequence,
                             const QByteArray &payload)
{
    return FrameEncoder(conv, 0xa7)
            .raw("tag", tag)
            .u32("sequence", sequence)
            .rest("payload", payload);
}

inline FrameEncoder pathChallenge(quint32 conv, const QByteArray &challenge)
{
    return FrameEncoder(conv, 0xa8).raw("challenge", challenge);
}

inline FrameEncoder pathResponse(quint32 conv, const QByteArray &response)
{
    return FrameEncoder(conv, 0xa9).raw("response", response);
}

inline FrameEncoder close(quint32 conv, const QByteArray &tag, quint32 code,
                          const QByteArray &text = {})
{
    return FrameEncoder(conv, 0xaa).raw("tag", tag).u32("code", code).rest("text", text);
}

inline FrameEncoder closeAck(quint32 conv, const QByteArray &tag)
{
    return FrameEncoder(conv, 0xab).raw("tag", tag);
}

inline FrameEncoder reset(quint32 conv, const QByteArray &resetToken)
{
    return FrameEncoder(conv, 0xac).raw("resetToken", resetToken);
}

struct SegmentFields
{
    quint8 cmd = 81;
    quint8 frg = 0;
    quint16 wnd = 128;
    quint32 ts = 0;
    quint32 sn = 0;
    quint32 una = 0;
};

inline FrameEncoder segment(quint32 conv, const SegmentFields &fields, const QByteArray &data = {})
{
    return FrameEncoder()
            .u32("conv", conv)
            .u8("cmd", fields.cmd)
            .u8("frg", fields.frg)
            .u16("wnd", fields.wnd)
            .u32("ts", fields.ts)
            .u32("sn", fields.sn)
            .u32("una", fields.una)
            .u32("len", quint32(data.size()))
            .rest("data", data);
}

} // namespace encode

#endif // FRAMEENCODER_H
