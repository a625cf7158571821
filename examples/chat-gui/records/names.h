// SPDX-License-Identifier: MIT
#ifndef CHAT_NAMES_H
#define CHAT_NAMES_H

#include <QtCore/QString>

// Texts that come from others, made harmless. Each of these returns what it was given if there is
// nothing wrong with it.
namespace Chat {

// For a line of its own: no control characters, nothing that turns the direction of what follows,
// single spaces, at most MaxNameLength. Empty, which is no name, if nothing of it can be seen.
QString cleanName(const QString &name);

// Two names are the same for a reader if these are: without case, compatible forms and characters
// that are not seen. Not for display. Letters of different scripts that look alike are different.
QString nameSkeleton(const QString &name);

// At most MaxLines lines, the rest follows in the last one, and MaxTextLength characters; without spaces at its ends. May be empty.
QString cleanText(const QString &text);

// A name without folders that no system takes for anything else; never empty. Only a proposal for
// where to save: nothing is written under it unless a person says so.
QString cleanFileName(const QString &name);

} // namespace Chat

#endif // CHAT_NAMES_H
