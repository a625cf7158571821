// SPDX-License-Identifier: MIT
#ifndef QTKCPNETWORKGLOBAL_H
#define QTKCPNETWORKGLOBAL_H

#include <QtCore/qglobal.h>
#include <QtKcpNetwork/qtkcpnetworkversion.h>

// QT_KCPNETWORK_STATIC is a PUBLIC definition of the static build (also exported to qmake and
// pkg-config users); QT_BUILD_KCPNETWORK_LIB is set while building the library itself.
#if defined(QT_KCPNETWORK_STATIC)
#  define Q_KCPNETWORK_EXPORT
#elif defined(QT_BUILD_KCPNETWORK_LIB)
#  define Q_KCPNETWORK_EXPORT Q_DECL_EXPORT
#else
#  define Q_KCPNETWORK_EXPORT Q_DECL_IMPORT
#endif

#endif // QTKCPNETWORKGLOBAL_H
