// SPDX-License-Identifier: MIT
// A server that echoes bytes as they are, and a socket that is connected to it.
import QtQml
import QtKcpNetwork

QtObject {
    id: pair

    property KcpSocket accepted: null
    property int acceptedCount: 0
    property bool echo: true
    // what has come, in order
    property var messages: []
    property var datagrams: []
    property var errors: []

    readonly property KcpServer server: KcpServer {
        host: "127.0.0.1"
        active: true
        onClientConnected: client => {
            pair.accepted = client
            ++pair.acceptedCount
            client.messageType = KcpSocket.Binary
            client.messageReceived.connect(message => {
                if (pair.echo)
                    client.sendMessage(message)
            })
            client.datagramReceived.connect(payload => client.sendDatagram(payload))
        }
    }
    readonly property KcpSocket socket: KcpSocket {
        host: "127.0.0.1"
        port: pair.server.serverPort
        active: pair.server.listening
        onMessageReceived: message => pair.messages.push(message)
        onDatagramReceived: payload => pair.datagrams.push(payload)
        onErrorOccurred: message => pair.errors.push(message)
    }
}
