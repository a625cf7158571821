// SPDX-License-Identifier: MIT
#ifndef CHAT_LIMITS_H
#define CHAT_LIMITS_H

#include <QtCore/QtGlobal>

// Every bound of the chat, in one place. Both sides hold to them, and neither trusts the other to.
namespace Chat {

inline constexpr quint32 Magic = 0x4b434854; // "KCHT": what is not a chat is found out at once
inline constexpr quint16 Version = 1;

// Lengths of texts are in UTF-16 code units.
inline constexpr int MaxNameLength = 32;
inline constexpr int MaxTextLength = 4000;
inline constexpr int MaxLines = 60; // of a text: nobody's screen is for one person alone
inline constexpr int MaxFileNameLength = 120;
inline constexpr int TokenSize = 16; // bytes
inline constexpr int MaxPeople = 64;
inline constexpr int ChunkSize = 16 * 1024; // bytes of a file in one record
// Larger than every record: KcpSocket refuses what is longer before it is in memory.
inline constexpr int MaxRecordSize = 24 * 1024; // bytes
inline constexpr quint32 MaxFileSize = 64 * 1024 * 1024; // bytes

// What a client sends at most, and what the server takes: more at once, because an outage of some
// seconds comes out as a burst. Who passes it does not hold to the rules and is dropped.
inline constexpr int LinesPerSecond = 4;
inline constexpr int LinesAtOnce = 8;
inline constexpr int LinesTaken = 40;
// Of all who join from one address: a household, and everybody comes back when a host was restarted.
inline constexpr int JoinsPerSecond = 1;
inline constexpr int JoinsAtOnce = 32;
inline constexpr int RefusalTime = 10000; // ms in which an address of a removed flooder is refused
inline constexpr int FilesPerSecond = 1;
inline constexpr int FilesAtOnce = 8;
inline constexpr int FilesTaken = 16;
// "Is typing"; more are not passed on.
inline constexpr int DatagramsPerSecond = 4;
inline constexpr int DatagramsAtOnce = 8;

} // namespace Chat

#endif // CHAT_LIMITS_H
