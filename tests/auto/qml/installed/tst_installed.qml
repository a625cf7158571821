// SPDX-License-Identifier: MIT
import QtQml
import QtTest
import QtKcpNetwork

TestCase {
    id: test
    name: "Installed"

    KcpServer {
        id: server
        host: "127.0.0.1"
        active: true
        onClientConnected: client => {
            client.messageReceived.connect(message => client.sendMessage("echo " + message))
        }
    }
    KcpSocket {
        id: socket
        property string answer
        host: "127.0.0.1"
        port: server.serverPort
        active: server.listening
        onConnected: socket.sendMessage("hello")
        onMessageReceived: message => socket.answer = message
    }

    function test_echo() {
        tryCompare(socket, "answer", "echo hello")
        verify(socket.statistics.bytesSent > 0)
    }
}
