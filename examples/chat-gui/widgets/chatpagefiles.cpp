// SPDX-License-Identifier: MIT
// The part of the chat page that has to do with files and links.
#include "widgets/chatpage.h"

#include "widgets/messagemodel.h"
#include "widgets/messageview.h"
#include "widgets/thumbnail.h"
#include "widgets/words.h"

#include <QtCore/QDateTime>
#include <QtCore/QDir>
#include <QtCore/QFileInfo>
#include <QtCore/QMimeData>
#include <QtCore/QStandardPaths>
#include <QtCore/QUrl>
#include <QtGui/QDesktopServices>
#include <QtGui/QDragEnterEvent>
#include <QtWidgets/QFileDialog>
#include <QtWidgets/QLabel>
#include <QtWidgets/QToolButton>

using namespace Qt::StringLiterals;

void ChatPage::connectFiles()
{
    connect(m_client->files(), &FileTransfers::added, this, &ChatPage::addFile);
    connect(m_client->files(), &FileTransfers::changed, this, &ChatPage::updateFile);
    connect(m_attachButton, &QToolButton::clicked, this,
            [this] { sendFiles(QFileDialog::getOpenFileNames(this, tr("Send files"))); });
}

void ChatPage::sendFiles(const QStringList &paths)
{
    for (const QString &path : paths) {
        const FileTransfers::Refusal refusal = m_client->files()->send(path);
        if (refusal != FileTransfers::Accepted)
            m_model->addSystem(Words::refusal(refusal, QFileInfo(path).fileName()));
    }
}

void ChatPage::addFile(quint32 number)
{
    const FileTransfers::Transfer transfer = m_client->files()->transfer(number);
    const QString name =
            transfer.isOwn ? m_client->ownName() : m_client->person(transfer.person).name;
    m_model->addFile(name, transfer, QDateTime::currentMSecsSinceEpoch());
    if (transfer.isOwn) {
        m_view->scrollToBottom();
        loadThumbnailLater(transfer.path, devicePixelRatioF(), this,
                           [this, number](const QImage &thumbnail) {
                               m_model->setThumbnail(number, thumbnail);
                           });
    }
}

void ChatPage::updateFile(quint32 number)
{
    const FileTransfers::Transfer transfer = m_client->files()->transfer(number);
    m_model->setTransfer(transfer);
    if (!transfer.isOwn && transfer.state == FileTransfers::Complete) {
        loadThumbnailLater(transfer.path, devicePixelRatioF(), this,
                           [this, number](const QImage &thumbnail) {
                               m_model->setThumbnail(number, thumbnail);
                           });
    }
}

void ChatPage::handleAction(Bubble::Action action, quint32 number)
{
    if (action == Bubble::Cancel)
        m_client->files()->cancel(number);
    else if (action == Bubble::Save)
        saveFile(number);
}

//! [save]
void ChatPage::saveFile(quint32 number)
{
    const FileTransfers::Transfer transfer = m_client->files()->transfer(number);
    const QString folder = QStandardPaths::writableLocation(QStandardPaths::DownloadLocation);
    // The name is only proposed; the person says where, and is asked before something is replaced.
    const QString path = QFileDialog::getSaveFileName(this, tr("Save file"),
                                                      QDir(folder).filePath(transfer.name));
    if (path.isEmpty())
        return;
    if (QFile::exists(transfer.path)) // it may have made room for another while the person chose
        QFile::remove(path);
    if (QFile::copy(transfer.path, path))
        m_model->addSystem(tr("Saved as %1").arg(QDir::toNativeSeparators(path)));
    else
        m_model->addSystem(tr("%1 could not be saved").arg(QDir::toNativeSeparators(path)));
}
//! [save]

void ChatPage::openLink(const QString &url)
{
    const QUrl parsed(url, QUrl::StrictMode);
    // A chat partner chooses the address: nothing but the web is opened.
    if (parsed.isValid() && (parsed.scheme() == "https"_L1 || parsed.scheme() == "http"_L1))
        QDesktopServices::openUrl(parsed);
}

// --- dragging and dropping ------------------------------------------------------------------------

static QStringList localFiles(const QMimeData *data)
{
    QStringList paths;
    const QList<QUrl> urls = data->urls();
    for (const QUrl &url : urls) {
        if (url.isLocalFile())
            paths.append(url.toLocalFile());
    }
    return paths;
}

void ChatPage::dragEnterEvent(QDragEnterEvent *event)
{
    if (localFiles(event->mimeData()).isEmpty())
        return;
    event->acceptProposedAction();
    m_dropHint->raise();
    m_dropHint->show();
}

void ChatPage::dragLeaveEvent(QDragLeaveEvent *)
{
    m_dropHint->hide();
}

void ChatPage::dropEvent(QDropEvent *event)
{
    m_dropHint->hide();
    const QStringList paths = localFiles(event->mimeData());
    if (paths.isEmpty())
        return;
    event->acceptProposedAction();
    sendFiles(paths);
}
