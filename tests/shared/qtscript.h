// SPDX-License-Identifier: MIT
// What QtTest needs to run scripts and engine pairs. The only header here that knows Qt; nothing
// of kcp_testsupport includes it.
#ifndef KCPTEST_QTSCRIPT_H
#define KCPTEST_QTSCRIPT_H

#include "enginepair.h"
#include "script.h"
#include "testseed.h"

#include <QTest>

#define VERIFY_SCRIPT(script) QVERIFY2((script).ok(), (script).report().c_str())

namespace kcptest {

// For initTestCase_data(): every test of the class runs at both starts. QFETCH_GLOBAL(Start, start).
inline void addStartRows()
{
    QTest::addColumn<Start>("start");
    QTest::newRow("from 0") << Start::zero();
    QTest::newRow("before the wrap") << Start::beforeWrap();
}

// Bytes that show where they belong.
inline Bytes pattern(std::size_t size, std::uint32_t seed = 1)
{
    kcp::Pcg32 random(seed);
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::uint8_t>(random.next());
    return bytes;
}

inline Bytes readAll(kcp::Engine &engine)
{
    Bytes bytes(engine.readableBytes());
    bytes.resize(engine.read(bytes));
    return bytes;
}

// The next message; one byte 0 when there is none, so that it differs from an empty message.
inline Bytes nextMessage(kcp::Engine &engine)
{
    const std::optional<std::size_t> size = engine.nextMessageSize();
    if (!size)
        return { 0 };
    Bytes bytes(*size);
    engine.receiveMessage(bytes);
    return bytes;
}

} // namespace kcptest

#endif // KCPTEST_QTSCRIPT_H
