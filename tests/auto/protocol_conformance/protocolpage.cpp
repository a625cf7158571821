// SPDX-License-Identifier: MIT
#include "protocolpage.h"

#include <QtCore/qfile.h>
#include <QtCore/qmessageauthenticationcode.h>
#include <QtCore/qregularexpression.h>

namespace {

QStringList cells(const QString &row)
{
    QStringList result = row.split(QStringLiteral("\\li"));
    result.removeFirst(); // \row, \header
    for (QString &cell : result)
        cell = cell.simplified();
    return result;
}

[[noreturn]] void fail(const QString &what)
{
    qFatal("The protocol page: %s", qPrintable(what));
}

} // namespace

QString PageTable::cell(const QStringList &row, const QString &column) const
{
    const qsizetype index = header.indexOf(column);
    if (index < 0)
        fail(QStringLiteral("no column ") + column);
    return row.value(index);
}

QStringList PageTable::find(const QString &column, const QString &text) const
{
    for (const QStringList &row : rows) {
        if (cell(row, column) == text)
            return row;
    }
    return {};
}

const FieldSpec &FrameSpec::field(const QString &fieldName) const
{
    for (const FieldSpec &field : fields) {
        if (field.name == fieldName)
            return field;
    }
    fail(name + QStringLiteral(" has no field ") + fieldName);
}

quint64 FrameSpec::number(const QByteArray &datagram, const QString &fieldName) const
{
    const FieldSpec &spec = field(fieldName);
    quint64 value = 0;
    for (int i = spec.size - 1; i >= 0; --i)
        value = value << 8 | quint8(datagram.at(spec.offset + i));
    return value;
}

QByteArray FrameSpec::bytes(const QByteArray &datagram, const QString &fieldName) const
{
    const FieldSpec &spec = field(fieldName);
    return spec.isOpen ? datagram.mid(spec.offset) : datagram.mid(spec.offset, spec.size);
}

const ProtocolPage &ProtocolPage::instance()
{
    static const ProtocolPage page;
    return page;
}

// A section's title, then at most one table; a row begins with \row and goes on to the next one.
ProtocolPage::ProtocolPage()
{
    QFile file(QStringLiteral(KCPNET_PROTOCOL_PAGE));
    if (!file.open(QIODevice::ReadOnly | QIODevice::Text))
        fail(file.errorString());
    QString title;
    QString row;
    bool inTable = false;
    const auto endRow = [&] {
        PageTable &table = m_tables[title];
        if (row.startsWith(QStringLiteral("\\header")))
            table.header = cells(row);
        else if (!row.isEmpty())
            table.rows.append(cells(row));
        if (!row.isEmpty() && !table.rows.isEmpty()
            && table.rows.constLast().size() != table.header.size())
            fail(QStringLiteral("a row of another length: ") + row);
        row.clear();
    };
    const QStringList lines = QString::fromUtf8(file.readAll()).split(QLatin1Char('\n'));
    for (const QString &line : lines) {
        const QString text = line.trimmed();
        if (text.startsWith(QStringLiteral("\\section"))) {
            title = text.section(QLatin1Char(' '), 1);
        } else if (text == QStringLiteral("\\table")) {
            inTable = true;
            m_titles.append(title);
        } else if (text == QStringLiteral("\\endtable")) {
            endRow();
            inTable = false;
        } else if (inTable) {
            if (text.startsWith(QStringLiteral("\\row")))
                endRow();
            row += text + QLatin1Char(' ');
        }
    }
    readFrames();
}

void ProtocolPage::readFrames()
{
    static const QRegularExpression frameTitle(
            QStringLiteral("^(\\w+)(?:, 0x([0-9A-F]{2}))?, (\\d+)( or more)? bytes$"));
    static const QRegularExpression size(QStringLiteral("^(\\d+)( or more)?$"));
    for (const QString &title : std::as_const(m_titles)) {
        const QRegularExpressionMatch match = frameTitle.match(title);
        if (!match.hasMatch())
            continue;
        FrameSpec frame;
        frame.name = match.captured(1);
        frame.type = match.captured(2).toInt(nullptr, 16);
        frame.size = match.captured(3).toInt();
        frame.isOpen = !match.captured(4).isEmpty();
        const PageTable &fields = table(title);
        for (const QStringList &row : fields.rows) {
            const QString sizeText = fields.cell(row, QStringLiteral("Size"));
            const QRegularExpressionMatch sizes = size.match(sizeText);
            if (!sizes.hasMatch())
                fail(QStringLiteral("not a size: ") + sizeText);
            frame.fields.append({ fields.cell(row, QStringLiteral("Field")),
                                  fields.cell(row, QStringLiteral("Offset")).toInt(),
                                  sizes.captured(1).toInt(), !sizes.captured(2).isEmpty() });
        }
        if (frame.name == QStringLiteral("Segment"))
            m_segment = frame;
        else
            m_frames.append(frame);
    }
}

const PageTable &ProtocolPage::table(const QString &title) const
{
    const auto it = m_tables.constFind(title);
    if (it == m_tables.constEnd())
        fail(QStringLiteral("no table ") + title);
    return *it;
}

const FrameSpec &ProtocolPage::frame(const QString &name) const
{
    for (const FrameSpec &frame : m_frames) {
        if (frame.name == name)
            return frame;
    }
    fail(QStringLiteral("no frame ") + name);
}

const FrameSpec *ProtocolPage::frameOfType(int type) const
{
    for (const FrameSpec &frame : m_frames) {
        if (frame.type == type)
            return &frame;
    }
    return nullptr;
}

qint64 ProtocolPage::constant(const QString &name) const
{
    const PageTable &constants = table(QStringLiteral("Constants of the protocol"));
    const QStringList row = constants.find(QStringLiteral("Name"), name);
    if (row.isEmpty())
        fail(QStringLiteral("no constant ") + name);
    return constants.cell(row, QStringLiteral("Value")).toLongLong();
}

QByteArray ProtocolPage::derive(const QString &result,
                                const QHash<QString, QByteArray> &values) const
{
    const PageTable &derivations = table(QStringLiteral("Derivations"));
    const QStringList row = derivations.find(QStringLiteral("Result"), result);
    const auto value = [&](const QString &name) {
        if (!values.contains(name))
            fail(result + QStringLiteral(" needs ") + name);
        return values.value(name);
    };
    QByteArray data;
    const QString fields = derivations.cell(row, QStringLiteral("Data"));
    for (const QString &field : fields.split(QStringLiteral(", "), Qt::SkipEmptyParts)) {
        const QByteArray bytes = value(field.section(QLatin1Char(' '), 0, 0));
        if (bytes.size() != field.section(QLatin1Char(' '), 1).toInt())
            fail(QStringLiteral("another size: ") + field);
        data += bytes;
    }
    return pageMac(value(derivations.cell(row, QStringLiteral("Key"))),
                   derivations.cell(row, QStringLiteral("Label")).toLatin1(), data)
            .left(derivations.cell(row, QStringLiteral("Size")).toInt());
}

QByteArray pageMac(const QByteArray &key, const QByteArray &label, const QByteArray &data)
{
    return QMessageAuthenticationCode::hash(label + data, key, QCryptographicHash::Sha256);
}
