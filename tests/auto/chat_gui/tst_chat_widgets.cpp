// SPDX-License-Identifier: MIT
#include "server/chatserver.h"
#include "widgets/bubble.h"
#include "widgets/chatpage.h"
#include "widgets/icons.h"
#include "widgets/inputedit.h"
#include "widgets/mainwindow.h"
#include "widgets/messageview.h"
#include "widgets/startpage.h"
#include "widgets/theme.h"
#include "widgets/thumbnail.h"
#include "widgets/words.h"

#include <QtCore/QBuffer>
#include <QtCore/QDataStream>
#include <QtCore/QSettings>
#include <QtCore/QTemporaryDir>
#include <QtCore/QTranslator>
#include <QtGui/QPainter>
#include <QtTest/QSignalSpy>
#include <QtTest/QTest>
#include <QtWidgets/QAbstractButton>
#include <QtWidgets/QApplication>
#include <QtWidgets/QLabel>
#include <QtWidgets/QScrollBar>

#include <cmath>

using namespace Qt::StringLiterals;

class tst_ChatWidgets : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void contrast();
    void htmlIsText();
    void links_data();
    void links();
    void clickOnALink();
    void narrowAndLong();
    void initialsOfNames();
    void addresses_data();
    void addresses();
    void inputGrows();
    void followsTheNewest();
    void heightsFollowTheMessages();
    void showsWhatWasSent();
    void oldMessagesGo();
    void pictures();
    void picturesOneByOne();
    void bombs_data();
    void bombs();
    void minimumSize();
    void hostileWords();
    void translations();

private:
    QTemporaryDir m_folder;
};

static MessageModel::Message text(const QString &text, bool isOwn = false)
{
    MessageModel::Message message;
    message.name = u"Ann"_s;
    message.text = text;
    message.isOwn = isOwn;
    message.time = 1700000000000;
    return message;
}

static QImage painted(const Bubble &bubble, int width)
{
    QImage image(width, qMin(bubble.height(), 2000), QImage::Format_ARGB32_Premultiplied);
    image.fill(Theme::current().window);
    QPainter painter(&image);
    bubble.paint(&painter, false);
    return image;
}

void tst_ChatWidgets::initTestCase()
{
    QSettings::setDefaultFormat(QSettings::IniFormat);
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_folder.path());
    QApplication::setOrganizationName(u"QtKcpNetworkTest"_s);
    QApplication::setApplicationName(u"chat"_s);
    Theme::apply(Theme::Light);
}

// WCAG 2
static double luminance(const QColor &color)
{
    const auto channel = [](double value) {
        return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * channel(color.redF()) + 0.7152 * channel(color.greenF())
            + 0.0722 * channel(color.blueF());
}

static double contrastOf(const QColor &a, const QColor &b)
{
    const double x = luminance(a);
    const double y = luminance(b);
    return (qMax(x, y) + 0.05) / (qMin(x, y) + 0.05);
}

void tst_ChatWidgets::contrast()
{
    QCOMPARE(qRound(contrastOf(Qt::black, Qt::white)), 21);
    for (const Theme &theme : { Theme::light(), Theme::dark() }) {
        const QList<QPair<QColor, QColor>> pairs{
            { theme.text, theme.window },
            { theme.text, theme.surface },
            { theme.text, theme.otherBubble },
            { theme.secondary, theme.window },
            { theme.secondary, theme.surface },
            { theme.secondary, theme.otherBubble },
            { theme.accentText, theme.window },
            { theme.accentText, theme.otherBubble },
            { theme.onAccent, theme.accent },
            { theme.onOwnBubble, theme.ownBubble },
            { theme.onOwnBubbleSecondary, theme.ownBubble },
            { theme.danger, theme.surface },
            { theme.warning, theme.surface },
        };
        for (const auto &[foreground, background] : pairs) {
            QVERIFY2(contrastOf(foreground, background) >= 4.5,
                     qPrintable(u"%1 on %2: %3"_s.arg(foreground.name(), background.name())
                                        .arg(contrastOf(foreground, background))));
        }
        for (const char *name : { "Ann", "Bob", "Eve", "Zoë", "a", "b", "c", "d", "e", "f", "g" }) {
            const QString person = QString::fromUtf8(name);
            QVERIFY(contrastOf(Qt::white, theme.avatar(person)) >= 4.5);
            QVERIFY(contrastOf(theme.nameColor(person), theme.otherBubble) >= 4.5);
        }
    }
}

// What is painted for HTML is as wide as its characters, and no link comes of it.
void tst_ChatWidgets::htmlIsText()
{
    const QString html = u"<h1>big</h1><img src=\"file:///etc/passwd\"><a href=\"x:y\">link</a>"_s;
    const auto message = text(html);
    const Bubble bubble(message, QApplication::font(), 800);
    const int plain = Bubble(text(u"big link"_s), QApplication::font(), 800).bubbleRect().width();
    QVERIFY(bubble.bubbleRect().width() > 2 * plain);
    for (int y = 0; y < bubble.height(); y += 3) {
        for (int x = 0; x < 800; x += 3)
            QCOMPARE(bubble.linkAt(QPointF(x, y)), QString());
    }
}

void tst_ChatWidgets::links_data()
{
    QTest::addColumn<QString>("line");
    QTest::addColumn<QString>("link");
    QTest::newRow("alone") << u"https://qt.io/a?b=c&d#e"_s << u"https://qt.io/a?b=c&d#e"_s;
    QTest::newRow("in a sentence") << u"see http://qt.io."_s << u"http://qt.io"_s;
    QTest::newRow("in brackets") << u"(https://qt.io/x)"_s << u"https://qt.io/x"_s;
    QTest::newRow("in HTML") << u"<a href=\"https://qt.io\">"_s << u"https://qt.io"_s;
    QTest::newRow("upper case") << u"HTTPS://QT.IO"_s << u"HTTPS://QT.IO"_s;
    QTest::newRow("script") << u"javascript:alert(1)"_s << QString();
    QTest::newRow("file") << u"file:///etc/passwd"_s << QString();
    QTest::newRow("nothing behind it") << u"https://"_s << QString();
}

void tst_ChatWidgets::links()
{
    QFETCH(QString, line);
    QFETCH(QString, link);
    const auto message = text(line);
    const Bubble bubble(message, QApplication::font(), 800);
    QString found;
    for (int y = 0; y < bubble.height() && found.isEmpty(); y += 2) {
        for (int x = 0; x < 800 && found.isEmpty(); x += 2)
            found = bubble.linkAt(QPointF(x, y));
    }
    QCOMPARE(found, link);
}

void tst_ChatWidgets::clickOnALink()
{
    MessageModel model;
    MessageView view(&model);
    view.resize(500, 300);
    model.addText(u"Ann"_s, u"https://www.qt.io/product"_s, 1);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QSignalSpy activated(&view, &MessageView::linkActivated);
    const QModelIndex index = model.index(0);
    const Bubble bubble(model.message(index), view.font(), view.viewport()->width());
    const QPoint middle(bubble.bubbleRect().left() + 40, bubble.bubbleRect().center().y() + 6);
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {},
                      view.visualRect(index).topLeft() + middle);
    QCOMPARE(activated.size(), 1);
    QCOMPARE(activated.first().first().toString(), u"https://www.qt.io/product"_s);
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, QPoint(490, 290)); // beside it
    QCOMPARE(activated.size(), 1);
}

// Nothing is wider than the view, and nothing takes for ever.
void tst_ChatWidgets::narrowAndLong()
{
    for (const int width : { 200, 360, 1000 }) {
        for (const QString &line :
             { QString(4000, u'W'), QString(60, u'\n') + u"x"_s, QString(1, u'i'),
               u"עברית "_s.repeated(300), u"👨‍👩‍👧‍👦"_s.repeated(300),
               u"e"_s + QString(3999, QChar(0x301)) }) {
            for (const bool isOwn : { false, true }) {
                const auto message = text(line, isOwn);
                const Bubble bubble(message, QApplication::font(), width);
                QVERIFY(bubble.bubbleRect().left() >= 0);
                QVERIFY(bubble.bubbleRect().right() < width);
                QVERIFY(bubble.height() >= bubble.bubbleRect().height());
                QVERIFY(!painted(bubble, width).isNull());
            }
        }
    }
    auto message = text(QString());
    message.kind = MessageModel::File;
    message.transfer.name = QString(120, u'W');
    message.transfer.state = FileTransfers::Running;
    message.thumbnail = QImage(280, 1, QImage::Format_RGB32);
    const Bubble bubble(message, QApplication::font(), 360);
    QVERIFY(bubble.bubbleRect().right() < 360);
    QVERIFY(!painted(bubble, 360).isNull());
}

void tst_ChatWidgets::initialsOfNames()
{
    QCOMPARE(initials(u"Ada Lovelace"_s), u"AL"_s);
    QCOMPARE(initials(u"bob"_s), u"B"_s);
    QCOMPARE(initials(u"李雷"_s), u"李"_s);
    QCOMPARE(initials(u"👩‍🚀 Eve"_s), u"👩‍🚀"_s);
    QCOMPARE(initials(QString()), u"?"_s);
}

void tst_ChatWidgets::addresses_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("host"); // empty: it is no address
    QTest::addColumn<int>("port");
    QTest::newRow("both") << u" example.org:1234 "_s << u"example.org"_s << 1234;
    QTest::newRow("name") << u"example.org"_s << u"example.org"_s << 7788;
    QTest::newRow("IPv6") << u"[fe80::1]:99"_s << u"fe80::1"_s << 99;
    QTest::newRow("IPv6 without port") << u"[::1]"_s << u"::1"_s << 7788;
    QTest::newRow("bare IPv6") << u"fe80::1:2"_s << u"fe80::1:2"_s << 7788;
    for (const char *bad :
         { "", ":", "a:", ":1", "a:0", "a:65536", "a:x", "[::1", "[::1]x", "a b" })
        QTest::newRow(bad) << QString::fromLatin1(bad) << QString() << 0;
}

void tst_ChatWidgets::addresses()
{
    QFETCH(QString, text);
    QFETCH(QString, host);
    QFETCH(int, port);
    QString parsedHost;
    quint16 parsedPort = 0;
    QCOMPARE(StartPage::parseAddress(text, &parsedHost, &parsedPort), !host.isEmpty());
    if (!host.isEmpty()) {
        QCOMPARE(parsedHost, host);
        QCOMPARE(int(parsedPort), port);
    }
}

void tst_ChatWidgets::inputGrows()
{
    InputEdit input;
    input.resize(200, 40);
    input.show();
    QSignalSpy submitted(&input, &InputEdit::submitted);
    const int one = input.height();
    QTest::keyClicks(&input, u"one"_s);
    QTest::keyClick(&input, Qt::Key_Return, Qt::ShiftModifier);
    QTest::keyClicks(&input, u"two"_s);
    QCOMPARE(input.toPlainText(), u"one\ntwo"_s);
    const int two = input.height();
    QVERIFY(two > one);
    QCOMPARE(submitted.size(), 0);
    QTest::keyClick(&input, Qt::Key_Return);
    QCOMPARE(submitted.size(), 1);
    input.setPlainText(u"line\n"_s.repeated(50));
    QVERIFY(input.height() <= one * 6);
    input.clear();
    QCOMPARE(input.height(), one);
}

void tst_ChatWidgets::followsTheNewest()
{
    MessageModel model;
    MessageView view(&model);
    view.resize(400, 300);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    for (int i = 0; i < 50; ++i)
        model.addText(u"Ann"_s, u"line %1"_s.arg(i), 1);
    QScrollBar *bar = view.verticalScrollBar();
    QTRY_VERIFY(bar->maximum() > 0 && bar->value() == bar->maximum());
    view.resize(250, 200);
    QTRY_COMPARE(bar->value(), bar->maximum());

    int last = -1; // until nothing is laid out any more
    QTRY_VERIFY(std::exchange(last, bar->maximum()) == bar->maximum());
    QCoreApplication::processEvents();
    bar->setValue(10); // the person reads what was before
    model.addText(u"Ann"_s, u"one more"_s, 1);
    const int maximum = bar->maximum();
    QTRY_VERIFY(bar->maximum() > maximum);
    QCOMPARE(bar->value(), 10);
}

void tst_ChatWidgets::heightsFollowTheMessages()
{
    MessageModel model;
    MessageView view(&model);
    view.resize(400, 300);
    const auto isRight = [&] {
        for (int row = 0; row < model.rowCount(); ++row) {
            const QModelIndex index = model.index(row);
            const int width = view.viewport()->width();
            if (view.heightOf(index) != Bubble(model.message(index), view.font(), width).height()
                || view.sizeHintForIndex(index).height() != view.heightOf(index))
                return false;
        }
        return true;
    };
    FileTransfers::Transfer transfer;
    transfer.number = 1;
    transfer.name = u"picture.png"_s;
    transfer.state = FileTransfers::Running;
    model.addText(u"Ann"_s, u"word "_s.repeated(50), 1);
    model.addFile(u"Ann"_s, transfer, 1);
    QVERIFY(isRight());
    const int running = view.heightOf(model.index(1));
    transfer.state = FileTransfers::Failed;
    model.setTransfer(transfer);
    QVERIFY(isRight());
    QVERIFY(view.heightOf(model.index(1)) != running);
    const int failed = view.heightOf(model.index(1));
    model.setThumbnail(1, QImage(100, 100, QImage::Format_RGB32));
    QVERIFY(isRight());
    QVERIFY(view.heightOf(model.index(1)) > failed);

    const int wide = view.heightOf(model.index(0));
    view.resize(250, 300);
    view.viewport()->resize(250, 300);
    QVERIFY(isRight());
    QVERIFY(view.heightOf(model.index(0)) > wide);
    QFont large = view.font();
    large.setPointSizeF(2 * large.pointSizeF());
    view.setFont(large);
    QVERIFY(isRight());
    for (int i = 0; i < 1000; ++i) // the first ones go
        model.addText(u"Ann"_s, u"x"_s.repeated(i), 1);
    QVERIFY(isRight());
    model.clear();
    model.addText(u"Ann"_s, u"anew"_s, 1);
    QVERIFY(isRight());
}

void tst_ChatWidgets::showsWhatWasSent()
{
    ChatServer server;
    QVERIFY(server.listen(QHostAddress(QHostAddress::LocalHost), 0));
    ChatClient ann, bob;
    ChatPage page(&ann);
    ann.join(u"127.0.0.1"_s, server.port(), u"Ann"_s);
    bob.join(u"127.0.0.1"_s, server.port(), u"Bob"_s);
    QTRY_VERIFY(ann.state() == ChatClient::Online && bob.state() == ChatClient::Online);
    QSignalSpy heard(&bob, &ChatClient::said);
    page.findChild<InputEdit *>(u"inputEdit"_s)
            ->setPlainText(u" turned \u202e\n"_s + u"line\n"_s.repeated(100));
    page.findChild<QAbstractButton *>(u"sendButton"_s)->click();
    QTRY_COMPARE(heard.size(), 1);
    const auto *model = page.findChild<MessageModel *>();
    const QString shown = model->index(model->rowCount() - 1).data().toString();
    QCOMPARE(shown, heard.first().first().value<ChatClient::Line>().text);
    QCOMPARE(shown.count(u'\n'), Chat::MaxLines - 1);
}

void tst_ChatWidgets::oldMessagesGo()
{
    MessageModel model;
    for (int i = 0; i < 1200; ++i)
        model.addText(u"Ann"_s, QString::number(i), 1);
    QCOMPARE(model.rowCount(), 1000);
    QCOMPARE(model.index(0).data().toString(), u"200"_s);
    model.setDelivery(4711, MessageModel::Delivered, 1); // long gone
}

void tst_ChatWidgets::pictures()
{
    QImage image(2000, 1000, QImage::Format_RGB32);
    image.fill(Qt::red);
    const QString path = m_folder.filePath(u"picture"_s); // the name says nothing
    QVERIFY(image.save(path, "PNG"));
    const QImage thumbnail = loadThumbnail(path, 2);
    QCOMPARE(thumbnail.size(), QSize(560, 280));
    QCOMPARE(thumbnail.deviceIndependentSize(), QSizeF(280, 140));
    QImage small(20, 10, QImage::Format_RGB32);
    small.fill(Qt::blue);
    QVERIFY(small.save(path, "PNG"));
    QCOMPARE(loadThumbnail(path, 1).size(), QSize(20, 10)); // not blown up

    QImage loaded;
    loadThumbnailLater(path, 1, this, [&](const QImage &image) { loaded = image; });
    QTRY_COMPARE(loaded.size(), QSize(20, 10));
    bool called = false;
    {
        QObject receiver;
        loadThumbnailLater(path, 1, &receiver, [&](const QImage &) { called = true; });
    }
    loaded = QImage();
    loadThumbnailLater(path, 1, this, [&](const QImage &image) { loaded = image; });
    QTRY_VERIFY(!loaded.isNull());
    QVERIFY(!called);
}

// A PNG header that promises a picture; the rest is not needed to refuse it.
static QByteArray pngHeader(quint32 width, quint32 height)
{
    QByteArray chunk("IHDR");
    QDataStream stream(&chunk, QIODevice::WriteOnly | QIODevice::Append);
    stream << width << height;
    chunk += QByteArray::fromHex("0806000000");
    quint32 crc = 0xffffffff;
    for (const char byte : std::as_const(chunk)) {
        crc ^= quint8(byte);
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    QByteArray png = QByteArray::fromHex("89504e470d0a1a0a 0000000d") + chunk;
    QDataStream(&png, QIODevice::WriteOnly | QIODevice::Append) << ~crc;
    return png;
}

// In the order in which they have come: a second thread would overtake the large one.
void tst_ChatWidgets::picturesOneByOne()
{
    QImage image(4000, 4000, QImage::Format_RGB32);
    image.fill(Qt::red);
    const QString large = m_folder.filePath(u"large.png"_s);
    const QString small = m_folder.filePath(u"small.png"_s);
    QVERIFY(image.save(large) && image.copy(0, 0, 10, 10).save(small));
    QList<int> order;
    for (int i = 0; i < 5; ++i) {
        loadThumbnailLater(i == 0 ? large : small, 1, this, [&order, i](const QImage &thumbnail) {
            if (!thumbnail.isNull())
                order.append(i);
        });
    }
    QTRY_COMPARE(order, (QList<int>{ 0, 1, 2, 3, 4 }));
}

void tst_ChatWidgets::bombs_data()
{
    QTest::addColumn<QByteArray>("data");
    QTest::newRow("60000 x 60000") << pngHeader(60000, 60000);
    QTest::newRow("2^31 x 1") << pngHeader(0x7fffffff, 1);
    QTest::newRow("16000 x 16000") << pngHeader(16000, 16000);
    QTest::newRow("0 x 0") << pngHeader(0, 0);
    QTest::newRow("no pixels") << pngHeader(10, 10);
    QTest::newRow("SVG") << QByteArray("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" "
                                       "height=\"9\"><rect width=\"9\" height=\"9\"/></svg>");
    QTest::newRow("text") << QByteArray("P1 not a picture");
    QTest::newRow("nothing") << QByteArray();
    QTest::newRow("GIF header") << QByteArray("GIF89a\xff\xff\xff\xff\x80\x00\x00", 13);
}

void tst_ChatWidgets::bombs()
{
    QFETCH(QByteArray, data);
    QFile file(m_folder.filePath(u"bomb.png"_s));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(data);
    file.close();
    QVERIFY(loadThumbnail(file.fileName(), 1).isNull());
}

void tst_ChatWidgets::minimumSize()
{
    MainWindow window;
    window.resize(360, 480);
    window.show();
    QVERIFY(QTest::qWaitForWindowExposed(&window));
    QCOMPARE(window.size(), QSize(360, 480)); // nothing in it needs more
    window.host(0, u"Ann"_s);
    auto *view = window.findChild<MessageView *>();
    QTRY_VERIFY(view->isVisible());
    QCOMPARE(window.size(), QSize(360, 480));
    QVERIFY(view->width() >= 340);
    QVERIFY(!window.findChild<QWidget *>(u"peoplePanel"_s)->isVisible());
    window.resize(900, 600);
    QTRY_VERIFY(window.findChild<QWidget *>(u"peoplePanel"_s)->isVisible());
}

void tst_ChatWidgets::hostileWords()
{
    // Labels guess whether a text is HTML; with these they must not.
    MainWindow window;
    const auto labels = window.findChildren<QLabel *>();
    for (const char *name : { "errorLabel", "titleLabel", "typingLabel", "bannerLabel" }) {
        const auto *label = window.findChild<QLabel *>(QLatin1StringView(name));
        QVERIFY2(label && label->textFormat() == Qt::PlainText, name);
    }
    QCOMPARE(Words::leaving(u"%1 %2"_s, Chat::LeaveReason::Left), u"%1 %2 left"_s);
    FileTransfers::Transfer transfer;
    transfer.size = 5 * 1000 * 1000;
    transfer.done = 1;
    transfer.state = FileTransfers::Running;
    QCOMPARE(Words::transfer(transfer), u"1 bytes of 5.0 MB"_s);
}

void tst_ChatWidgets::translations()
{
#ifdef CHAT_HAS_TRANSLATIONS
    for (const auto &[language, expected] : { std::pair(u"de_AT"_s, u"%1 ist gegangen"_s),
                                              std::pair(u"zh_CN"_s, u"%1 离开了聊天"_s) }) {
        QTranslator translator;
        QVERIFY(translator.load(QLocale(language), u"chat"_s, u"_"_s, u":/i18n"_s));
        QCOMPARE(translator.translate("Words", "%1 left"), expected);
    }
#else
    QSKIP("Built without Qt's LinguistTools");
#endif
}

int main(int argc, char *argv[])
{
    qputenv("LC_ALL", "C.UTF-8");
    QApplication app(argc, argv);
    tst_ChatWidgets test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_chat_widgets.moc"
