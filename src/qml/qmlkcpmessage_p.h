// SPDX-License-Identifier: MIT
// Bytes on the wire, strings and ArrayBuffers in QML.
#ifndef QMLKCPMESSAGE_P_H
#define QMLKCPMESSAGE_P_H

#include <QtCore/qbytearray.h>

#include <optional>

QT_BEGIN_NAMESPACE
class QJSValue;
QT_END_NAMESPACE

// The bytes of a string (in UTF-8), of an ArrayBuffer or of a view of one; nothing for other values.
std::optional<QByteArray> qmlKcpToBytes(const QJSValue &message);

#endif // QMLKCPMESSAGE_P_H
