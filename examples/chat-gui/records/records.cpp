// SPDX-License-Identifier: MIT
#include "records/records.h"

#include <QtCore/QDataStream>
#include <QtCore/QIODevice>

#include <array>
#include <utility>

namespace Chat {

namespace {

constexpr auto StreamVersion = QDataStream::Qt_6_0;

// Writer and Reader walk over the same list of fields, so they cannot disagree.
class Writer
{
public:
    explicit Writer(QByteArray *data) : m_stream(data, QIODevice::WriteOnly)
    {
        m_stream.setVersion(StreamVersion);
    }

    template <typename Number>
    void number(const Number &value)
    {
        m_stream << value;
    }
    template <typename Enum>
    void choice(const Enum &value, Enum)
    {
        m_stream << quint8(value);
    }
    void bytes(const QByteArray &value, int) { m_stream.writeBytes(value.data(), value.size()); }
    void text(const QString &value, int maximum) { bytes(value.toUtf8(), 3 * maximum); }
    template <typename Item, typename Fields>
    void list(const QList<Item> &items, Fields fields)
    {
        number(quint16(items.size()));
        for (const Item &item : items)
            fields(*this, item);
    }
    // The version decides over everything behind it.
    bool version(quint32 magic, quint16 version)
    {
        m_stream << magic << version;
        return true;
    }

private:
    QDataStream m_stream;
};

class Reader
{
public:
    explicit Reader(const QByteArray &data) : m_stream(data) { m_stream.setVersion(StreamVersion); }

    // Everything was there, within the limits, and nothing is left.
    bool isComplete() const
    {
        return m_stream.status() == QDataStream::Ok && (m_otherVersion || m_stream.atEnd());
    }

    template <typename Number>
    void number(Number &value)
    {
        m_stream >> value;
    }
    template <typename Enum>
    void choice(Enum &value, Enum last)
    {
        quint8 read = 0;
        m_stream >> read;
        if (read > quint8(last))
            fail();
        else
            value = Enum(read);
    }
    // A length is believed only as far as there are bytes behind it.
    void bytes(QByteArray &value, int maximum)
    {
        quint32 size = 0;
        m_stream >> size;
        if (m_stream.status() != QDataStream::Ok || size > quint32(maximum)
            || qint64(size) > m_stream.device()->bytesAvailable()) {
            fail();
            return;
        }
        value.resize(int(size));
        m_stream.readRawData(value.data(), int(size));
    }
    void text(QString &value, int maximum)
    {
        QByteArray utf8;
        bytes(utf8, 3 * maximum);
        value = QString::fromUtf8(utf8);
        if (value.size() > maximum)
            fail();
    }
    template <typename Item, typename Fields>
    void list(QList<Item> &items, Fields fields)
    {
        quint16 size = 0;
        m_stream >> size;
        if (size > MaxPeople)
            fail();
        for (int i = 0; i < size && m_stream.status() == QDataStream::Ok; ++i) {
            Item item;
            fields(*this, item);
            items.append(item);
        }
    }
    bool version(quint32 &magic, quint16 &version)
    {
        m_stream >> magic >> version;
        if (magic != Magic)
            fail();
        m_otherVersion = version != Version;
        return !m_otherVersion;
    }

private:
    void fail() { m_stream.setStatus(QDataStream::ReadCorruptData); }

    QDataStream m_stream;
    bool m_otherVersion = false;
};

template <typename Coder, typename PersonType>
void personFields(Coder &coder, PersonType &person)
{
    coder.number(person.id);
    coder.text(person.name, MaxNameLength);
}

const auto eachPerson = [](auto &coder, auto &person) { personFields(coder, person); };
const auto eachLatency = [](auto &coder, auto &latency) {
    coder.number(latency.id);
    coder.number(latency.milliseconds);
};

template <typename R, typename Type>
inline constexpr bool is = std::is_same_v<std::remove_const_t<R>, Type>;

template <typename Coder, typename R>
void sessionFields(Coder &coder, R &record)
{
    if constexpr (is<R, Hello>) {
        if (coder.version(record.magic, record.version)) {
            coder.text(record.name, MaxNameLength);
            coder.bytes(record.token, TokenSize);
        }
    } else if constexpr (is<R, Attach>) {
        if (coder.version(record.magic, record.version))
            coder.bytes(record.token, TokenSize);
    } else if constexpr (is<R, Welcome>) {
        coder.number(record.id);
        coder.bytes(record.token, TokenSize);
        coder.list(record.people, eachPerson);
    } else {
        static_assert(is<R, Attached>);
    }
}

template <typename Coder, typename R>
void chatFields(Coder &coder, R &record)
{
    if constexpr (is<R, Joined>) {
        personFields(coder, record.person);
    } else if constexpr (is<R, Left>) {
        coder.number(record.id);
        coder.choice(record.reason, LeaveReason::Removed);
    } else if constexpr (is<R, Say>) {
        coder.number(record.tag);
        coder.text(record.text, MaxTextLength);
    } else if constexpr (is<R, Said>) {
        coder.number(record.id);
        coder.number(record.tag);
        coder.number(record.time);
        coder.text(record.text, MaxTextLength);
    } else if constexpr (is<R, Latencies>) {
        coder.list(record.list, eachLatency);
    } else if constexpr (is<R, Typing>) {
        coder.number(record.id);
    } else {
        sessionFields(coder, record);
    }
}

template <typename Coder, typename R>
void fields(Coder &coder, R &record)
{
    if constexpr (is<R, FileOffer>) {
        coder.number(record.transfer);
        coder.text(record.name, MaxFileNameLength);
        coder.number(record.size);
    } else if constexpr (is<R, FileStart>) {
        coder.number(record.transfer);
        coder.number(record.person);
        coder.text(record.name, MaxFileNameLength);
        coder.number(record.size);
    } else if constexpr (is<R, FileChunk>) {
        coder.number(record.transfer);
        coder.bytes(record.data, ChunkSize);
    } else if constexpr (is<R, FileFinish>) {
        coder.number(record.transfer);
        coder.choice(record.end, FileEnd::Refused);
    } else {
        chatFields(coder, record);
    }
}

template <std::size_t Index>
std::optional<Record> read(Reader &reader)
{
    std::variant_alternative_t<Index, Record> record;
    fields(reader, record);
    if (!reader.isComplete())
        return std::nullopt;
    return Record(std::move(record));
}

using ReadFunction = std::optional<Record> (*)(Reader &);

template <std::size_t... Indexes>
constexpr std::array<ReadFunction, sizeof...(Indexes)> readers(std::index_sequence<Indexes...>)
{
    return { &read<Indexes>... };
}

} // namespace

QByteArray encode(const Record &record)
{
    QByteArray data;
    Writer writer(&data);
    writer.number(quint8(record.index()));
    std::visit([&](const auto &value) { fields(writer, value); }, record);
    return data;
}

std::optional<Record> decode(const QByteArray &data)
{
    constexpr auto table = readers(std::make_index_sequence<std::variant_size_v<Record>>());
    Reader reader(data);
    quint8 type = 255;
    reader.number(type);
    if (type >= table.size())
        return std::nullopt;
    return table[type](reader);
}

} // namespace Chat
