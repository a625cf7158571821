// SPDX-License-Identifier: MIT
// Views of bytes, and a little-endian Reader and Writer that cannot overrun.
#ifndef KCP_BYTES_H
#define KCP_BYTES_H

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kcp {

using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

inline ByteView asBytes(const void *data, std::size_t size)
{
    return { static_cast<const std::uint8_t *>(data), size };
}

// Unchecked little-endian access for code that has checked the size before: one move on
// little-endian machines.
template <typename T>
inline T loadLittleEndian(const std::uint8_t *p)
{
    T value = 0;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(&value, p, sizeof(T));
    } else {
        for (std::size_t i = 0; i < sizeof(T); ++i)
            value = static_cast<T>(value | (static_cast<T>(p[i]) << (8 * i)));
    }
    return value;
}

template <typename T>
inline void storeLittleEndian(std::uint8_t *p, T value)
{
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(p, &value, sizeof(T));
    } else {
        for (std::size_t i = 0; i < sizeof(T); ++i)
            p[i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
}

// Reads from the front of a view. The first read beyond the end makes the reader bad for good;
// a bad reader returns zeros and empty views.
class Reader
{
public:
    explicit Reader(ByteView bytes) : m_rest(bytes) { }

    std::uint8_t u8() { return read<std::uint8_t>(); }
    std::uint16_t u16() { return read<std::uint16_t>(); }
    std::uint32_t u32() { return read<std::uint32_t>(); }
    std::uint64_t u64() { return read<std::uint64_t>(); }

    ByteView bytes(std::size_t size)
    {
        if (!take(size))
            return {};
        const ByteView result = m_rest.first(size);
        m_rest = m_rest.subspan(size);
        return result;
    }

    ByteView rest() const { return m_rest; }
    std::size_t remaining() const { return m_rest.size(); }
    bool ok() const { return m_ok; }

private:
    template <typename T>
    T read()
    {
        if (!take(sizeof(T)))
            return 0;
        const T value = loadLittleEndian<T>(m_rest.data());
        m_rest = m_rest.subspan(sizeof(T));
        return value;
    }

    bool take(std::size_t size)
    {
        if (m_rest.size() < size) {
            m_ok = false;
            m_rest = {};
        }
        return m_ok;
    }

    ByteView m_rest;
    bool m_ok = true;
};

// Writes to the front of a buffer. The first write that does not fit makes the writer bad for
// good; a bad writer writes nothing.
class Writer
{
public:
    explicit Writer(MutableBytes buffer) : m_buffer(buffer) { }

    void u8(std::uint8_t value) { write(value); }
    void u16(std::uint16_t value) { write(value); }
    void u32(std::uint32_t value) { write(value); }
    void u64(std::uint64_t value) { write(value); }

    void bytes(ByteView bytes)
    {
        if (!take(bytes.size()) || bytes.empty())
            return;
        std::memcpy(m_buffer.data() + m_size, bytes.data(), bytes.size());
        m_size += bytes.size();
    }

    void zeros(std::size_t size)
    {
        if (!take(size) || size == 0)
            return;
        std::memset(m_buffer.data() + m_size, 0, size);
        m_size += size;
    }

    std::size_t size() const { return m_size; }
    std::size_t remaining() const { return m_buffer.size() - m_size; }
    bool ok() const { return m_ok; }

private:
    template <typename T>
    void write(T value)
    {
        if (!take(sizeof(T)))
            return;
        storeLittleEndian(m_buffer.data() + m_size, value);
        m_size += sizeof(T);
    }

    bool take(std::size_t size)
    {
        if (remaining() < size)
            m_ok = false;
        return m_ok;
    }

    MutableBytes m_buffer;
    std::size_t m_size = 0;
    bool m_ok = true;
};

} // namespace kcp

#endif // KCP_BYTES_H
