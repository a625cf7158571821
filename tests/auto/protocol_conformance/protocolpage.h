// SPDX-License-Identifier: MIT
// The protocol page of the documentation as tables. What a test knows of the protocol it knows from
// here, or has checked against it.
#ifndef PROTOCOLPAGE_H
#define PROTOCOLPAGE_H

#include <QtCore/qhash.h>
#include <QtCore/qstringlist.h>

struct PageTable
{
    QStringList header;
    QList<QStringList> rows; // each as long as the header

    QString cell(const QStringList &row, const QString &column) const;
    // The first row with this text in this column; empty when there is none.
    QStringList find(const QString &column, const QString &text) const;
};

struct FieldSpec
{
    QString name;
    int offset = 0;
    int size = 0; // the least
    bool isOpen = false; // may have more bytes

    friend bool operator==(const FieldSpec &, const FieldSpec &) = default;
};

struct FrameSpec
{
    QString name;
    int type = 0;
    int size = 0; // the least
    bool isOpen = false;
    QList<FieldSpec> fields;

    const FieldSpec &field(const QString &name) const;
    quint64 number(const QByteArray &datagram, const QString &field) const;
    QByteArray bytes(const QByteArray &datagram, const QString &field) const;
};

class ProtocolPage
{
public:
    static const ProtocolPage &instance();

    // By the title of its section.
    const PageTable &table(const QString &title) const;
    const QList<FrameSpec> &frames() const { return m_frames; }
    const FrameSpec &frame(const QString &name) const;
    const FrameSpec *frameOfType(int type) const;
    const FrameSpec &segment() const { return m_segment; }
    qint64 constant(const QString &name) const;

    // A row of the table of derivations, computed. The values are the key and the data.
    QByteArray derive(const QString &result, const QHash<QString, QByteArray> &values) const;

private:
    ProtocolPage();
    void readFrames();

    QHash<QString, PageTable> m_tables;
    QStringList m_titles; // in the page's order
    QList<FrameSpec> m_frames;
    FrameSpec m_segment;
};

// HMAC-SHA-256(key, label || data), by Qt alone.
QByteArray pageMac(const QByteArray &key, const QByteArray &label, const QByteArray &data);

#endif // PROTOCOLPAGE_H
