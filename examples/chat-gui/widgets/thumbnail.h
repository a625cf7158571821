// SPDX-License-Identifier: MIT
#ifndef CHAT_THUMBNAIL_H
#define CHAT_THUMBNAIL_H

#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtGui/QImage>

#include <functional>

inline constexpr int ThumbnailWidth = 280;
inline constexpr int ThumbnailHeight = 200;

// A small version of a picture; null if it is none, or one that nobody would send: pictures come from
// strangers, and some are made to fill the memory.
QImage loadThumbnail(const QString &path, qreal devicePixelRatio);

// The same in another thread; done is called in the receiver's, unless the receiver has gone.
void loadThumbnailLater(const QString &path, qreal devicePixelRatio, QObject *receiver,
                        std::function<void(const QImage &)> done);

#endif // CHAT_THUMBNAIL_H
