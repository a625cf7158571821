// SPDX-License-Identifier: MIT
#include "qmlkcpmessage_p.h"

#include <QtCore/qstring.h>
#include <QtCore/qvariant.h>
#include <QtQml/qjsvalue.h>

namespace {

std::optional<QByteArray> arrayBufferBytes(const QJSValue &value)
{
    const QVariant variant = value.toVariant();
    if (variant.metaType() != QMetaType::fromType<QByteArray>())
        return std::nullopt;
    return variant.toByteArray();
}

} // namespace

std::optional<QByteArray> qmlKcpToBytes(const QJSValue &message)
{
    if (message.isString())
        return message.toString().toUtf8();
    const QJSValue buffer = message.property(QStringLiteral("buffer"));
    if (buffer.isUndefined())
        return arrayBufferBytes(message);
    // a typed array or a DataView
    std::optional<QByteArray> bytes = arrayBufferBytes(buffer);
    if (bytes) {
        *bytes = bytes->mid(message.property(QStringLiteral("byteOffset")).toInt(),
                            message.property(QStringLiteral("byteLength")).toInt());
    }
    return bytes;
}
