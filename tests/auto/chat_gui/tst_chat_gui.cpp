// SPDX-License-Identifier: MIT
// The real windows in processes of their own: a host and two who join. What is asked for is what
// the widgets show.
#include "driven.h"

#include <QtCore/QCryptographicHash>
#include <QtCore/QFile>
#include <QtNetwork/QUdpSocket>
#include <QtTest/QTest>

#include <memory>

using namespace Qt::StringLiterals;

class tst_ChatGui : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void startPage();
    void join();
    void messages();
    void typing();
    void file();
    void badNetwork();
    void clientIsKilled();
    void hostIsRestarted();
    void leaving();

private:
    QString makeFile(const QString &name, qint64 size);

    std::unique_ptr<Driven> m_host;
    std::unique_ptr<Driven> m_bob;
    std::unique_ptr<Driven> m_eve;
    QTemporaryDir m_folder;
    quint16 m_port = 0;
};

void tst_ChatGui::initTestCase()
{
    QUdpSocket probe; // a port that is free, and stays the same when the host comes again
    QVERIFY(probe.bind(QHostAddress(QHostAddress::Any), 0));
    m_port = probe.localPort();
    probe.close();
    m_host = std::make_unique<Driven>();
    m_bob = std::make_unique<Driven>();
    m_eve = std::make_unique<Driven>();
}

QString tst_ChatGui::makeFile(const QString &name, qint64 size)
{
    QFile file(m_folder.filePath(name));
    if (!file.open(QIODevice::WriteOnly))
        return {};
    QByteArray data(size, Qt::Uninitialized);
    for (qint64 i = 0; i < size; ++i)
        data[i] = char(i ^ (i >> 8) ^ (i >> 16));
    file.write(data);
    return file.fileName();
}

static QByteArray digest(const QString &path)
{
    QFile file(path);
    QCryptographicHash hash(QCryptographicHash::Sha256);
    return file.open(QIODevice::ReadOnly) && hash.addData(&file) ? hash.result() : QByteArray();
}

void tst_ChatGui::startPage()
{
    QVERIFY(m_bob->isVisible("goButton"));
    QVERIFY(m_bob->act({ "click", "goButton" }));
    QCOMPARE(m_bob->text("errorLabel"), u"Please enter a nickname."_s);
    QVERIFY(m_bob->join(m_port, u"Bob"_s)); // nobody hosts yet
    QTRY_COMPARE_WITH_TIMEOUT(m_bob->text("errorLabel"), u"There is no chat at this address."_s,
                              10000);
    QVERIFY(m_bob->isEnabled("goButton"));
}

void tst_ChatGui::join()
{
    QVERIFY(m_host->host(m_port, u"Ann"_s));
    QTRY_VERIFY(m_host->isVisible("messageView"));
    QCOMPARE(m_host->text("titleLabel"), u"Hosting on port %1"_s.arg(m_port));
    QVERIFY(m_bob->join(m_port, u"Bob"_s));
    QTRY_VERIFY(m_bob->isVisible("messageView"));
    QVERIFY(m_eve->join(m_port, u"ann"_s)); // taken
    QTRY_COMPARE(m_eve->text("errorLabel"), u"Somebody in the chat has this nickname already."_s);
    QVERIFY(m_eve->join(m_port, u"Eve 🦊"_s));
    QTRY_VERIFY(m_eve->isVisible("messageView"));

    const QStringList everybody{ u"Ann"_s, u"Bob"_s, u"Eve 🦊"_s };
    for (Driven *window : { m_host.get(), m_bob.get(), m_eve.get() }) {
        QTRY_COMPARE(window->text("stateLabel"), u"Connected"_s);
        QTRY_COMPARE(window->people().size(), 3);
        for (const QString &name : everybody)
            QVERIFY(window->people().contains(name));
    }
    QTRY_VERIFY(m_host->shows(u"Eve 🦊 joined"_s));
    QVERIFY(m_eve->shows(u"You joined as Eve 🦊"_s));
    QTRY_VERIFY(m_bob->text("rttLabel").endsWith(u" ms"_s));
    QVERIFY(m_bob->text("bytesLabel").contains(u"↑"_s));
}

void tst_ChatGui::messages()
{
    QVERIFY(m_bob->say(u"Hello 👋 你好"_s));
    QTRY_VERIFY(m_host->shows(u"Hello 👋 你好"_s));
    QTRY_VERIFY(m_eve->shows(u"Hello 👋 你好"_s));
    QTRY_COMPARE(m_bob->message(u"Hello 👋 你好"_s).value("delivery").toInt(), 1);
    QCOMPARE(m_bob->text("inputEdit"), QString());

    // Own ones at the right, others' at the left.
    const QJsonObject own = m_bob->message(u"Hello 👋 你好"_s);
    QVERIFY(own.value("own").toBool());
    QVERIFY(own.value("right").toInt() < own.value("left").toInt());
    const QJsonObject others = m_host->message(u"Hello 👋 你好"_s);
    QCOMPARE(others.value("name").toString(), u"Bob"_s);
    QVERIFY(others.value("left").toInt() < others.value("right").toInt());

    // The other way; Shift+Enter begins a line; HTML is text like any other.
    QVERIFY(m_host->act({ "type", "inputEdit", u"<b>bold</b>"_s }));
    QVERIFY(m_host->act({ "key", "inputEdit", int(Qt::Key_Return), int(Qt::ShiftModifier) }));
    QVERIFY(m_host->act({ "type", "inputEdit", u"https://www.qt.io"_s }));
    QVERIFY(m_host->act({ "click", "sendButton" }));
    QTRY_VERIFY(m_bob->shows(u"<b>bold</b>\nhttps://www.qt.io"_s));
    QTRY_VERIFY(m_eve->shows(u"<b>bold</b>\nhttps://www.qt.io"_s));
}

void tst_ChatGui::typing()
{
    QVERIFY(m_eve->act({ "type", "inputEdit", u"I am thin"_s }));
    QTRY_COMPARE(m_bob->text("typingLabel"), u"Eve 🦊 is typing…"_s);
    QVERIFY(m_eve->act({ "key", "inputEdit", int(Qt::Key_Return) }));
    QTRY_COMPARE(m_bob->text("typingLabel"), QString());
}

void tst_ChatGui::file()
{
    const QString path = makeFile(u"five megabytes.bin"_s, 5 * 1024 * 1024);
    QVERIFY(m_bob->act({ "drop", path }));
    const QString name = u"five megabytes.bin"_s;
    QTRY_VERIFY(m_bob->shows(name));
    QTRY_VERIFY(m_eve->shows(name));
    QVERIFY(m_eve->say(u"what is it?"_s));
    QTRY_VERIFY(m_bob->shows(u"what is it?"_s));
    for (Driven *window : { m_host.get(), m_bob.get(), m_eve.get() }) {
        QTRY_COMPARE_WITH_TIMEOUT(window->message(name).value("state").toString(), u"Complete"_s,
                                  30000);
        QCOMPARE(window->message(name).value("done").toInt(), 5 * 1024 * 1024);
        QCOMPARE(digest(window->message(name).value("path").toString()), digest(path));
    }
    QCOMPARE(m_eve->message(name).value("shown").toString(), u"Bob: five megabytes.bin, 5.2 MB"_s);

    QVERIFY(m_bob->act({ "drop", m_folder.filePath(u"not there"_s) }));
    QTRY_VERIFY(m_bob->shows(u"not there cannot be read"_s));
}

void tst_ChatGui::badNetwork()
{
    QVERIFY(!m_eve->isVisible("lossSlider"));
    QVERIFY(m_eve->act({ "click", "networkButton" }));
    QVERIFY(m_eve->act({ "slide", "delaySlider", 40 }));
    QVERIFY(m_eve->act({ "slide", "lossSlider", 20 }));
    QTRY_COMPARE(m_eve->text("stateLabel"), u"Connected"_s);
    QVERIFY(m_eve->say(u"through the storm"_s));
    QTRY_VERIFY_WITH_TIMEOUT(m_bob->shows(u"through the storm"_s), 15000);
    QTRY_VERIFY_WITH_TIMEOUT(m_eve->text("rttLabel").section(u' ', 1, 1).toDouble() >= 40, 15000);
    QVERIFY(m_eve->message(u"Connected again"_s).isEmpty()); // nobody has noticed
    QVERIFY(m_bob->message(u"Eve 🦊 left"_s).isEmpty());
    QVERIFY(m_eve->act({ "slide", "delaySlider", 0 }));
    QVERIFY(m_eve->act({ "slide", "lossSlider", 0 }));
}

void tst_ChatGui::clientIsKilled()
{
    m_eve->kill();
    QTRY_VERIFY_WITH_TIMEOUT(m_bob->shows(u"Eve 🦊 lost the connection"_s), 20000);
    QTRY_VERIFY(m_host->shows(u"Eve 🦊 lost the connection"_s));
    QCOMPARE(m_bob->people().size(), 2);

    m_eve = std::make_unique<Driven>(); // and comes again
    QVERIFY(m_eve->join(m_port, u"Eve 🦊"_s));
    QTRY_VERIFY(m_eve->isVisible("messageView"));
    QTRY_COMPARE(m_bob->people().size(), 3);
}

void tst_ChatGui::hostIsRestarted()
{
    m_host->kill();
    for (Driven *window : { m_bob.get(), m_eve.get() }) {
        QTRY_VERIFY_WITH_TIMEOUT(window->isVisible("bannerLabel"), 20000);
        QTRY_VERIFY(window->shows(u"The connection was lost. Reconnecting…"_s));
        QVERIFY(window->text("bannerLabel").startsWith(u"Connection lost."_s));
        QVERIFY(!window->isEnabled("sendButton"));
    }
    QVERIFY(m_bob->act({ "type", "inputEdit", u"wait for me"_s })); // what is typed stays
    QVERIFY(m_bob->act({ "key", "inputEdit", int(Qt::Key_Return) }));
    QCOMPARE(m_bob->text("inputEdit"), u"wait for me"_s);

    m_host = std::make_unique<Driven>();
    QVERIFY(m_host->host(m_port, u"Ann"_s));
    QTRY_VERIFY(m_host->isVisible("messageView"));
    for (Driven *window : { m_bob.get(), m_eve.get() }) {
        window->act({ "click", "retryButton" }); // rather than up to 15 s
        QTRY_COMPARE_WITH_TIMEOUT(window->text("stateLabel"), u"Connected"_s, 30000);
        QTRY_VERIFY(window->shows(u"Connected again"_s));
        QVERIFY(!window->isVisible("bannerLabel"));
    }
    QTRY_COMPARE(m_host->people().size(), 3);
    QVERIFY(m_bob->act({ "click", "sendButton" }));
    QTRY_VERIFY(m_host->shows(u"wait for me"_s));
    QTRY_VERIFY(m_eve->shows(u"wait for me"_s));
}

void tst_ChatGui::leaving()
{
    QVERIFY(m_eve->act({ "click", "leaveButton" }));
    QVERIFY(m_eve->isVisible("goButton"));
    QTRY_VERIFY(m_bob->shows(u"Eve 🦊 left"_s));
    QVERIFY(m_host->act({ "close" }));
    QTRY_VERIFY(m_bob->shows(u"The host has closed the chat. Reconnecting…"_s));
}

QTEST_GUILESS_MAIN(tst_ChatGui)
#include "tst_chat_gui.moc"
