// SPDX-License-Identifier: MIT
// A KcpServer in a process of its own, so that it can be killed. It answers each line with its name
// and the client's port as it sees it; the program of the test is also the program of the servers.
#ifndef ECHOPROCESS_H
#define ECHOPROCESS_H

#include <QtCore/QProcess>

// The server's side. Says its port on standard output, ends its connections and itself when
// standard input ends.
int runServer(const QString &name);

// The test's side.
class EchoProcess
{
public:
    explicit EchoProcess(const QString &name);
    ~EchoProcess();

    bool start();
    bool isRunning() const { return m_process.state() == QProcess::Running; }
    QByteArray name() const { return m_name.toUtf8(); }
    quint16 port() const { return m_port; }

    void shutDown(); // as an administrator would: the clients are told
    void kill(); // as a crash would be

private:
    QString m_name;
    QProcess m_process;
    quint16 m_port = 0;
};

#endif // ECHOPROCESS_H
