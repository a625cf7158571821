// SPDX-License-Identifier: MIT
#include "widgets/peoplepanel.h"

#include "widgets/icons.h"
#include "widgets/theme.h"

#include <QtGui/QPainter>
#include <QtWidgets/QLabel>
#include <QtWidgets/QListWidget>
#include <QtWidgets/QStyledItemDelegate>
#include <QtWidgets/QVBoxLayout>

#include <algorithm>

using namespace Qt::StringLiterals;

namespace {

constexpr int NameRole = Qt::UserRole;
constexpr int DetailRole = Qt::UserRole + 1; // what stands below the name
constexpr int RowHeight = 6 * Spacing;

class PersonDelegate : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem &, const QModelIndex &) const override
    {
        return QSize(120, RowHeight);
    }

    void paint(QPainter *painter, const QStyleOptionViewItem &option,
               const QModelIndex &index) const override
    {
        const Theme &theme = Theme::current();
        painter->save();
        const QRectF row = option.rect;
        const QRectF avatar(row.left() + 2 * Spacing, row.center().y() - 2 * Spacing, 4 * Spacing,
                            4 * Spacing);
        const QString name = index.data(NameRole).toString();
        drawAvatar(painter, avatar, name);

        const qreal left = avatar.right() + 1.5 * Spacing;
        const qreal width = row.right() - Spacing - left;
        const QFontMetricsF metrics(option.font);
        QFont small = option.font;
        small.setPointSizeF(small.pointSizeF() * 0.85);
        const QFontMetricsF smallMetrics(small);
        qreal y = row.center().y() - (metrics.height() + smallMetrics.height()) / 2;
        painter->setPen(theme.text);
        painter->setFont(option.font);
        painter->drawText(QRectF(left, y, width, metrics.height()), Qt::AlignVCenter,
                          metrics.elidedText(name, Qt::ElideRight, width));
        y += metrics.height();
        painter->setFont(small);
        painter->setPen(theme.secondary);
        painter->drawText(
                QRectF(left, y, width, smallMetrics.height()), Qt::AlignVCenter,
                smallMetrics.elidedText(index.data(DetailRole).toString(), Qt::ElideRight, width));
        painter->restore();
    }
};

} // namespace

PeoplePanel::PeoplePanel(QWidget *parent)
    : QFrame(parent), m_title(new QLabel), m_list(new QListWidget)
{
    setObjectName(u"peoplePanel"_s);
    setFixedWidth(200);
    m_title->setContentsMargins(2 * Spacing, 2 * Spacing, Spacing, Spacing);
    m_title->setProperty("secondary", true);
    m_list->setObjectName(u"peopleList"_s);
    m_list->setItemDelegate(new PersonDelegate(m_list));
    m_list->setSelectionMode(QAbstractItemView::NoSelection);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setAccessibleName(tr("People in the chat"));
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_title);
    layout->addWidget(m_list);
}

void PeoplePanel::setPeople(const QList<ChatClient::Person> &people, quint32 ownId)
{
    QList<ChatClient::Person> sorted = people;
    std::sort(sorted.begin(), sorted.end(), [ownId](const auto &a, const auto &b) {
        if ((a.id == ownId) != (b.id == ownId))
            return a.id == ownId;
        return a.name.localeAwareCompare(b.name) < 0;
    });
    m_title->setText(people.isEmpty() ? QString() : tr("People: %1").arg(people.size()));
    while (m_list->count() > sorted.size())
        delete m_list->takeItem(m_list->count() - 1);
    while (m_list->count() < sorted.size())
        m_list->addItem(new QListWidgetItem);
    for (int i = 0; i < sorted.size(); ++i) {
        const ChatClient::Person &person = sorted.at(i);
        QString detail = person.latency < 0 ? tr("just joined") : tr("%1 ms").arg(person.latency);
        if (person.id == ownId)
            detail = tr("you, %1").arg(detail);
        else if (person.isTyping)
            detail = tr("typing…");
        QListWidgetItem *item = m_list->item(i);
        item->setData(NameRole, person.name);
        item->setData(DetailRole, detail);
        item->setData(Qt::AccessibleTextRole, u"%1, %2"_s.arg(person.name, detail));
    }
}
