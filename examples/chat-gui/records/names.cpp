// SPDX-License-Identifier: MIT
#include "records/names.h"
#include "records/limits.h"

#include <QtCore/QSet>

using namespace Qt::StringLiterals;

namespace Chat {

namespace {

constexpr char32_t ZeroWidthNonJoiner = 0x200c; // Persian and others need it
constexpr char32_t ZeroWidthJoiner = 0x200d; // families of emoji need it
constexpr char32_t FirstTag = 0xe0020; // flags of England and others
constexpr char32_t LastTag = 0xe007f;

bool isWelcome(char32_t c)
{
    if (c == QChar::ReplacementCharacter) // what half a surrogate pair has become
        return false;
    if (c == ZeroWidthJoiner || c == ZeroWidthNonJoiner || (c >= FirstTag && c <= LastTag))
        return true;
    switch (QChar::category(c)) {
    case QChar::Other_Control:
    case QChar::Other_Format: // turns of direction, invisible characters
    case QChar::Other_Surrogate:
    case QChar::Other_NotAssigned:
    case QChar::Other_PrivateUse:
    case QChar::Separator_Line:
    case QChar::Separator_Paragraph:
        return false;
    default:
        return true;
    }
}

// Nothing is seen of it, though some of these change what stands beside them.
bool isInvisible(char32_t c)
{
    switch (c) {
    case 0x034f: // joins graphemes
    case 0x115f: // fillers of Hangul; compatible ones have become these
    case 0x1160:
    case 0x17b4: // vowels of Khmer that are not written
    case 0x17b5:
    case 0x2800: // Braille without a dot
        return true;
    default:
        return QChar::category(c) == QChar::Other_Format // joiners, tags
                || (c >= 0x180b && c <= 0x180f) || (c >= 0xfe00 && c <= 0xfe0f) // variations
                || (c >= 0xe0000 && c <= 0xe0fff);
    }
}

// Whole characters only: half a surrogate pair is none.
QString cut(QString text, qsizetype maximum)
{
    if (text.size() <= maximum)
        return text;
    if (text.at(maximum - 1).isHighSurrogate())
        --maximum;
    text.truncate(maximum);
    return text;
}

template <typename Keep>
QString filtered(const QString &text, Keep keep)
{
    QString result;
    result.reserve(text.size());
    for (const uint character : text.toUcs4()) {
        const char32_t c = character;
        if (keep(c))
            result += QString::fromUcs4(&c, 1);
    }
    return result;
}

// What Windows takes for a device, whatever the suffix.
bool isDevice(const QString &stem)
{
    static const QSet<QString> devices{ u"con"_s, u"prn"_s, u"aux"_s, u"nul"_s };
    const QString name = stem.toLower();
    return devices.contains(name)
            || (name.size() == 4 && (name.startsWith("com"_L1) || name.startsWith("lpt"_L1))
                && name.at(3).isDigit());
}

} // namespace

QString cleanName(const QString &name)
{
    const QString line = filtered(name.normalized(QString::NormalizationForm_C), [](char32_t c) {
        return c == '\t' || c == '\n' || isWelcome(c);
    });
    const QString clean = cut(line.simplified(), MaxNameLength).trimmed();
    return nameSkeleton(clean).isEmpty() ? QString() : clean;
}

QString nameSkeleton(const QString &name)
{
    const QString folded = name.normalized(QString::NormalizationForm_KC).toCaseFolded();
    const QString visible = filtered(folded, [](char32_t c) { return !isInvisible(c); });
    // Characters that have come together may be one; folding may have taken some apart.
    return visible.normalized(QString::NormalizationForm_KC).simplified();
}

QString cleanText(const QString &text)
{
    QString lines = text;
    lines.replace("\r\n"_L1, "\n"_L1).replace(u'\r', u'\n');
    // Marks and isolates of direction are needed in a text, and end with it.
    lines = filtered(lines, [](char32_t c) {
        return c == '\n' || c == '\t' || isWelcome(c) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e
                || c == 0x200f || QChar::category(c) == QChar::Other_PrivateUse
                || QChar::category(c) == QChar::Other_NotAssigned;
    });
    lines = cut(lines.trimmed(), MaxTextLength).trimmed();
    qsizetype end = -1;
    for (int line = 1; line < MaxLines; ++line) {
        end = lines.indexOf(u'\n', end + 1);
        if (end < 0)
            return lines;
    }
    return lines.first(end + 1) + lines.sliced(end + 1).simplified();
}

QString cleanFileName(const QString &name)
{
    const qsizetype folderEnd = qMax(name.lastIndexOf(u'/'), name.lastIndexOf(u'\\'));
    QString result = filtered(name.sliced(folderEnd + 1), [](char32_t c) {
        return isWelcome(c) && !(c < 128 && QLatin1StringView("<>:\"|?*").contains(QChar(c)));
    });
    result = result.simplified();
    while (result.startsWith(u'.') || result.startsWith(u' ')) // hidden, or a way upwards
        result.remove(0, 1);
    while (result.endsWith(u'.') || result.endsWith(u' '))
        result.chop(1);

    if (isDevice(result.section(u'.', 0, 0).trimmed()))
        result.prepend(u'_');
    if (result.size() > MaxFileNameLength) {
        const qsizetype dot = result.lastIndexOf(u'.');
        const QString suffix =
                dot > 0 && result.size() - dot <= 16 ? result.sliced(dot) : QString();
        result = cut(result, MaxFileNameLength - suffix.size()) + suffix;
    }
    return result.isEmpty() ? u"file"_s : result;
}

} // namespace Chat
