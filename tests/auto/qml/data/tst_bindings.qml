// SPDX-License-Identifier: MIT
import QtQuick
import QtTest
import KcpTest
import QtKcpNetwork

Item {
    id: top

    property bool wanted: false
    property int wantedPort: 0
    property string wantedHost: "127.0.0.1"

    CppPeer { id: first }
    CppPeer { id: second }

    KcpSocket {
        id: socket
        host: top.wantedHost
        port: top.wantedPort
        active: top.wanted
        preset: top.wantedPort === second.port ? KcpSocket.Fast : KcpSocket.Normal
    }
    KcpServer {
        id: server
        property int size: 0
        host: top.wantedHost
        active: top.wanted
        onClientConnected: client => client.messageReceived.connect(message => {
            server.size += message.length
        })
    }
    QtObject {
        id: view
        readonly property bool open: socket.status === KcpSocket.Open
        readonly property string text: socket.errorString || (view.open ? "open" : "not open")
        readonly property real sent: socket.statistics.bytesSent
        readonly property real received: socket.statistics.bytesReceived
        readonly property real rtt: socket.statistics.smoothedRtt
        property int sentChanges: 0
        onSentChanged: ++view.sentChanges
        readonly property int clients: server.connectionCount
        readonly property real serverReceived: server.statistics.bytesReceived
    }

    TestCase {
        name: "Bindings"

        function cleanup() {
            top.wanted = false
            top.wantedHost = "127.0.0.1"
            tryVerify(() => socket.status === KcpSocket.Closed || socket.status === KcpSocket.Error)
            top.wantedPort = 0
        }

        function test_follow() {
            top.wantedPort = first.port
            top.wanted = true
            tryVerify(() => view.open)
            compare(view.text, "open")
            compare(socket.preset, KcpSocket.Normal)
            top.wantedPort = second.port
            verify(!view.open)
            compare(socket.preset, KcpSocket.Fast)
            tryVerify(() => view.open)
            compare(second.connectionCount, 1)
            top.wanted = false
            tryCompare(socket, "status", KcpSocket.Closed)
            compare(view.text, "not open")
        }

        // The end of a connection does not break the bindings of the user.
        function test_surviveErrors() {
            top.wantedPort = first.freePort()
            top.wanted = true
            tryCompare(socket, "status", KcpSocket.Error)
            compare(view.text, socket.errorString)
            verify(view.text.length > 10)
            top.wantedPort = first.port
            tryVerify(() => view.open)
            first.abortConnection()
            tryCompare(socket, "status", KcpSocket.Error)
            compare(socket.active, true)
            top.wanted = false
            compare(socket.status, KcpSocket.Error) // remembered until it is wanted again
            top.wanted = true
            tryVerify(() => view.open)
        }

        function test_server() {
            top.wanted = true
            tryCompare(server, "listening", true)
            const port = server.serverPort
            top.wantedHost = "localhost"
            tryVerify(() => server.listening)
            top.wanted = false
            compare(server.listening, false)
            compare(server.serverPort, 0)
        }

        function test_statistics() {
            compare(socket.statistics.bytesInFlight, 0)
            top.wanted = true
            tryCompare(server, "listening", true)
            top.wantedPort = server.serverPort
            tryVerify(() => view.open)
            view.sentChanges = 0
            for (let i = 0; i < 200; ++i)
                socket.sendMessage("x".repeat(1000))
            tryVerify(() => server.size === 200000)
            tryVerify(() => view.sent > 200000)
            tryVerify(() => view.rtt > 0)
            verify(view.received > 0)
            verify(view.sentChanges < 50, "throttled, but changed " + view.sentChanges + " times")
            tryVerify(() => view.clients === 1)
            tryVerify(() => view.serverReceived > 200000)
            verify(server.statistics.connectionsAccepted >= 1)
            verify(socket.statistics.lossRate >= 0)
            verify(socket.statistics.segmentsSent > 100)
            // those of the last connection stay
            top.wanted = false
            tryVerify(() => socket.status === KcpSocket.Closed)
            verify(socket.statistics.bytesSent > 200000)
            compare(view.clients, 0)
        }
    }

    TestCase {
        name: "QmlTypes"

        Component {
            id: bindings
            Binding { property: "messageType"; value: KcpSocket.Binary }
        }

        // As any other property: a Binding sets and restores it.
        function test_bindingElement() {
            compare(socket.messageType, KcpSocket.Text)
            const binding = createTemporaryObject(bindings, top, { target: socket })
            compare(socket.messageType, KcpSocket.Binary)
            binding.when = false
            compare(socket.messageType, KcpSocket.Text)
        }

        function test_readOnly() {
            let refused = 0
            for (const name of ["status", "errorString", "statistics"]) {
                try {
                    socket[name] = 1
                } catch (error) {
                    ++refused
                }
            }
            compare(refused, 3)
        }
    }
}
