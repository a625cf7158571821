// SPDX-License-Identifier: MIT
#include "widgets/messageview.h"

#include <QtCore/QTimer>
#include <QtGui/QClipboard>
#include <QtGui/QContextMenuEvent>
#include <QtGui/QGuiApplication>
#include <QtGui/QMouseEvent>
#include <QtGui/QPainter>
#include <QtWidgets/QMenu>
#include <QtWidgets/QScrollBar>
#include <QtWidgets/QStyledItemDelegate>

#include <utility>

namespace {

class BubbleDelegate : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter *painter, const QStyleOptionViewItem &option,
               const QModelIndex &index) const override
    {
        const auto *model = static_cast<const MessageModel *>(index.model());
        painter->save();
        painter->setClipRect(option.rect); // a tower of accents stays in its message
        painter->translate(option.rect.topLeft());
        Bubble(model->message(index), option.font, option.rect.width())
                .paint(painter, option.state & QStyle::State_Selected);
        painter->restore();
    }

    QSize sizeHint(const QStyleOptionViewItem &option, const QModelIndex &index) const override
    {
        const auto *view = static_cast<const MessageView *>(option.widget);
        return QSize(view->viewport()->width(), view->heightOf(index));
    }
};

} // namespace

MessageView::MessageView(MessageModel *model, QWidget *parent) : QListView(parent), m_model(model)
{
    // Before the list itself hears of it.
    const auto forget = [this](const QModelIndex &index) {
        m_heights.remove(m_model->message(index).id);
    };
    connect(model, &QAbstractItemModel::dataChanged, this, forget);
    connect(model, &QAbstractItemModel::rowsAboutToBeRemoved, this,
            [this, forget](const QModelIndex &, int first, int last) {
                for (int row = first; row <= last; ++row)
                    forget(m_model->index(row));
            });
    connect(model, &QAbstractItemModel::modelAboutToBeReset, this, [this] { m_heights.clear(); });
    setModel(model);
    setItemDelegate(new BubbleDelegate(this));
    setVerticalScrollMode(ScrollPerPixel);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setResizeMode(Adjust);
    setSelectionMode(SingleSelection);
    setEditTriggers(NoEditTriggers);
    setMouseTracking(true);
    setFrameShape(NoFrame);
    setAcceptDrops(false);
    verticalScrollBar()->setSingleStep(24);

    connect(verticalScrollBar(), &QScrollBar::valueChanged, this, [this](int value) {
        if (!m_isSettling)
            m_atEnd = value >= verticalScrollBar()->maximum() - 8;
    });
    connect(verticalScrollBar(), &QScrollBar::rangeChanged, this, &MessageView::followNewest);
    // A bubble may have become higher: a thumbnail, a progress bar that has gone.
    connect(model, &QAbstractItemModel::dataChanged, this, [this](const QModelIndex &first) {
        if (visualRect(first).height() != sizeHintForIndex(first).height())
            scheduleDelayedItemsLayout();
    });
}

void MessageView::followNewest()
{
    // While the list is laid out its range comes and goes, and takes the value along.
    if (!std::exchange(m_isSettling, true))
        QTimer::singleShot(0, this, [this] { m_isSettling = false; });
    if (m_atEnd)
        verticalScrollBar()->setValue(verticalScrollBar()->maximum());
}

void MessageView::resizeEvent(QResizeEvent *event)
{
    const bool wasAtEnd = m_atEnd;
    QListView::resizeEvent(event);
    scheduleDelayedItemsLayout();
    m_atEnd = wasAtEnd;
}

void MessageView::changeEvent(QEvent *event)
{
    m_heights.clear(); // another font, style or language
    QListView::changeEvent(event);
}

int MessageView::heightOf(const QModelIndex &index) const
{
    const int width = viewport()->width();
    if (std::exchange(m_heightsWidth, width) != width)
        m_heights.clear();
    int &height = m_heights[m_model->message(index).id];
    if (height == 0)
        height = bubble(index).height();
    return height;
}

Bubble MessageView::bubble(const QModelIndex &index) const
{
    return Bubble(m_model->message(index), font(), viewport()->width());
}

void MessageView::mouseMoveEvent(QMouseEvent *event)
{
    bool isHand = false;
    const QModelIndex index = indexAt(event->pos());
    if (index.isValid()) {
        const Bubble item = bubble(index);
        const QPointF position = event->position() - visualRect(index).topLeft();
        isHand = !item.linkAt(position).isEmpty() || item.actionAt(position) != Bubble::None;
    }
    viewport()->setCursor(isHand ? Qt::PointingHandCursor : Qt::ArrowCursor);
    QListView::mouseMoveEvent(event);
}

void MessageView::mouseReleaseEvent(QMouseEvent *event)
{
    QListView::mouseReleaseEvent(event);
    const QModelIndex index = indexAt(event->pos());
    if (!index.isValid() || event->button() != Qt::LeftButton)
        return;
    const Bubble item = bubble(index);
    const QPointF position = event->position() - visualRect(index).topLeft();
    const QString link = item.linkAt(position);
    if (!link.isEmpty())
        emit linkActivated(link);
    else if (const Bubble::Action action = item.actionAt(position); action != Bubble::None)
        emit actionRequested(action, m_model->message(index).transfer.number);
}

void MessageView::contextMenuEvent(QContextMenuEvent *event)
{
    const bool byKey = event->reason() == QContextMenuEvent::Keyboard;
    const QModelIndex index = byKey ? currentIndex() : indexAt(event->pos());
    if (!index.isValid())
        return;
    QMenu menu(this);
    menu.addAction(tr("Copy"), this, [this, index] { copy(index); });
    const Bubble::Action action = Bubble::possibleAction(m_model->message(index));
    const quint32 number = m_model->message(index).transfer.number;
    if (action != Bubble::None) {
        menu.addAction(actionText(action), this,
                       [this, action, number] { emit actionRequested(action, number); });
    }
    menu.exec(byKey ? viewport()->mapToGlobal(visualRect(index).center()) : event->globalPos());
}

void MessageView::keyPressEvent(QKeyEvent *event)
{
    const QModelIndex index = currentIndex();
    if (index.isValid() && event->matches(QKeySequence::Copy)) {
        copy(index);
        return;
    }
    if (index.isValid() && (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter)) {
        const Bubble::Action action = Bubble::possibleAction(m_model->message(index));
        if (action != Bubble::None)
            emit actionRequested(action, m_model->message(index).transfer.number);
        return;
    }
    QListView::keyPressEvent(event);
}

void MessageView::copy(const QModelIndex &index)
{
    QGuiApplication::clipboard()->setText(index.data().toString());
}
