// SPDX-License-Identifier: MIT
// QHostAddress to the session layer's plain address and back.
#ifndef KCPADDRESSCONVERSION_P_H
#define KCPADDRESSCONVERSION_P_H

#include "address.h"

#include <QtNetwork/qhostaddress.h>

// IPv4 becomes ::ffff:a.b.c.d, so that both spellings of a peer are one key.
kcpnet::Address kcpToAddress(const QHostAddress &address, quint16 port);

// A mapped address becomes an IPv4 one, as QAbstractSocket shows it; a null one becomes null.
QHostAddress kcpToHostAddress(const kcpnet::Address &address);

#endif // KCPADDRESSCONVERSION_P_H
