// SPDX-License-Identifier: MIT
#include "widgets/application.h"

#include "widgets/icons.h"
#include "widgets/theme.h"

#include <QtCore/QLibraryInfo>
#include <QtCore/QLocale>
#include <QtCore/QSettings>
#include <QtCore/QTranslator>

using namespace Qt::StringLiterals;

void setUpApplication()
{
    QApplication::setOrganizationName(u"QtKcpNetwork"_s);
    QApplication::setApplicationName(u"chat-gui"_s);
    QApplication::setApplicationDisplayName(u"KCP Chat"_s);

    //! [translations]
    // Qt's own texts (dialogs), then ours: what is installed last is asked first.
    auto *qt = new QTranslator(qApp);
    if (qt->load(QLocale(), u"qtbase"_s, u"_"_s,
                 QLibraryInfo::path(QLibraryInfo::TranslationsPath)))
        QApplication::installTranslator(qt);
    auto *chat = new QTranslator(qApp);
    if (chat->load(QLocale(), u"chat"_s, u"_"_s, u":/i18n"_s))
        QApplication::installTranslator(chat);
    //! [translations]

    Theme::apply(
            Theme::Choice(QSettings().value("window/theme", int(Theme::FollowSystem)).toInt()));
    QApplication::setWindowIcon(icon(Symbol::Chat, Theme::current().accent));
}
