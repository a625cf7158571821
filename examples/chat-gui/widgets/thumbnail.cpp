// SPDX-License-Identifier: MIT
#include "widgets/thumbnail.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QPointer>
#include <QtCore/QSet>
#include <QtCore/QThreadPool>
#include <QtGui/QImageReader>

#include <utility>

// What the largest cameras make.
static constexpr int MaximumSide = 16384; // pixels
static constexpr qint64 MaximumPixels = 50 * 1000 * 1000;
static constexpr int MaximumMegabytes = 256; // while it is decoded

//! [picture]
QImage loadThumbnail(const QString &path, qreal devicePixelRatio)
{
    static const QSet<QByteArray> formats{ "png", "jpg", "jpeg", "gif", "bmp", "webp" };
    QImageReader::setAllocationLimit(MaximumMegabytes);
    QImageReader reader(path);
    reader.setDecideFormatFromContent(true); // not from a name that somebody else gave
    if (!formats.contains(reader.format()))
        return QImage();
    const QSize size = reader.size(); // from the header: nothing is decoded yet
    if (size.isEmpty() || size.width() > MaximumSide || size.height() > MaximumSide
        || qint64(size.width()) * size.height() > MaximumPixels)
        return QImage();

    const QSize box = QSize(ThumbnailWidth, ThumbnailHeight) * devicePixelRatio;
    QSize scaled = size.scaled(box, Qt::KeepAspectRatio).expandedTo(QSize(1, 1));
    if (scaled.width() > size.width())
        scaled = size;
    reader.setScaledSize(scaled);
    reader.setAutoTransform(true);
    QImage image = reader.read();
    image.setDevicePixelRatio(devicePixelRatio);
    return image;
}
//! [picture]

// One at a time: each may take the whole memory allowed, and they come as fast as somebody sends.
static QThreadPool *decoder()
{
    static QPointer<QThreadPool> pool;
    if (!pool) {
        pool = new QThreadPool(qApp);
        pool->setMaxThreadCount(1);
        QObject::connect(qApp, &QCoreApplication::aboutToQuit, pool, &QThreadPool::clear);
    }
    return pool;
}

void loadThumbnailLater(const QString &path, qreal devicePixelRatio, QObject *receiver,
                        std::function<void(const QImage &)> done)
{
    // Lives in the receiver's thread, and takes the result there.
    auto *courier = new QObject(receiver);
    decoder()->start(
            [path, devicePixelRatio, courier = QPointer<QObject>(courier), done = std::move(done)] {
                const QImage image = loadThumbnail(path, devicePixelRatio);
                QMetaObject::invokeMethod(qApp, [courier, done, image] {
                    if (!courier)
                        return;
                    done(image);
                    courier->deleteLater();
                });
            });
}
