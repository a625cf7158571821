// SPDX-License-Identifier: MIT
#ifndef CHAT_STARTPAGE_H
#define CHAT_STARTPAGE_H

#include <QtWidgets/QWidget>

class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QStackedWidget;

// Where to, and as whom. Remembers what was entered last.
class StartPage : public QWidget
{
    Q_OBJECT
public:
    static constexpr quint16 DefaultPort = 7788;

    explicit StartPage(QWidget *parent = nullptr);

    void setBusy(bool busy);
    void showError(const QString &text);

    // "host", "host:port", "address", "[address]:port". Returns whether it is one of them.
    static bool parseAddress(const QString &text, QString *host, quint16 *port);

Q_SIGNALS:
    void hostRequested(quint16 port, const QString &name);
    void joinRequested(const QString &host, quint16 port, const QString &name);

protected:
    void showEvent(QShowEvent *event) override;

private:
    QWidget *makeCard();
    QWidget *makeSegments();
    void updateMode();
    void go();
    void load();
    void save() const;

    QPushButton *m_joinSegment = nullptr;
    QPushButton *m_hostSegment = nullptr;
    QLineEdit *m_name = nullptr;
    QLineEdit *m_address = nullptr;
    QSpinBox *m_port = nullptr;
    QLabel *m_whereLabel = nullptr;
    QStackedWidget *m_where = nullptr;
    QLabel *m_hint = nullptr;
    QLabel *m_error = nullptr;
    QPushButton *m_go = nullptr;
    bool m_busy = false;
};

#endif // CHAT_STARTPAGE_H
