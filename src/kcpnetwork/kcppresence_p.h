// SPDX-License-Identifier: MIT
// Whether an object is still there after a call that may do anything with it.
#ifndef KCPPRESENCE_P_H
#define KCPPRESENCE_P_H

#include <QtCore/qglobal.h>

// A member of an object that emits signals or calls handlers: a slot may delete the object, or move
// it to another thread, where it goes on at once. A function that made such a call asks its Guard
// before it touches the object again. Guards live on the stack of the object's thread only.
class KcpPresence
{
public:
    class Guard
    {
    public:
        // Not inline: compilers take what it keeps for a dangling pointer.
        explicit Guard(KcpPresence &presence);
        ~Guard()
        {
            if (m_presence)
                m_presence->m_top = m_below;
        }
        bool isHere() const { return m_presence != nullptr; }

    private:
        Q_DISABLE_COPY_MOVE(Guard)
        friend class KcpPresence;

        KcpPresence *m_presence;
        Guard *m_below;
    };

    KcpPresence() = default;
    ~KcpPresence() { leave(); }

    // For all that is on the stack now the object is gone.
    void leave();
    bool isGuarded() const { return m_top != nullptr; }

private:
    Q_DISABLE_COPY_MOVE(KcpPresence)

    Guard *m_top = nullptr; // the innermost one
};

#endif // KCPPRESENCE_P_H
