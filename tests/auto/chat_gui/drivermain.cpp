// SPDX-License-Identifier: MIT
#include "driver.h"

#include "widgets/application.h"
#include "widgets/mainwindow.h"

int main(int argc, char *argv[])
{
    QApplication app(argc, argv);
    setUpApplication();
    MainWindow window;
    window.resize(880, 640);
    window.show();
    new Driver(&window);
    return app.exec();
}
