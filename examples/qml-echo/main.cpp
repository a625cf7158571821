// SPDX-License-Identifier: MIT
#include <QtGui/QGuiApplication>
#include <QtQml/QQmlApplicationEngine>

int main(int argc, char **argv)
{
    QGuiApplication application(argc, argv);
    QQmlApplicationEngine engine;
#ifdef KCPNETWORK_QML_IMPORT_PATH // only when the module is not installed where Qt looks for it
    engine.addImportPath(QStringLiteral(KCPNETWORK_QML_IMPORT_PATH));
#endif
    engine.load(QUrl(QStringLiteral("qrc:/qt/qml/QmlEcho/Main.qml")));
    return engine.rootObjects().isEmpty() ? 1 : application.exec();
}
