// SPDX-License-Identifier: MIT
#include "kcppresence_p.h"

KcpPresence::Guard::Guard(KcpPresence &presence) : m_presence(&presence), m_below(presence.m_top)
{
    presence.m_top = this;
}

void KcpPresence::leave()
{
    for (Guard *guard = m_top; guard; guard = guard->m_below)
        guard->m_presence = nullptr;
    m_top = nullptr;
}
