// SPDX-License-Identifier: MIT
import QtQuick
import QtTest
import KcpTest
import QtKcpNetwork

TestCase {
    id: test
    name: "Connection"

    Component { id: pairs; Pair {} }
    Component { id: cppPeers; CppPeer {} }
    Component {
        id: sockets
        KcpSocket {
            id: socket
            property var events: []
            host: "127.0.0.1"
            onStatusChanged: {
                const names = ["Connecting", "Open", "Closing", "Closed", "Error"]
                socket.events.push(names[socket.status])
            }
            onConnected: socket.events.push("connected")
            onDisconnected: socket.events.push("disconnected")
            onErrorOccurred: message => socket.events.push("error: " + message)
        }
    }
    Component { id: plainSockets; KcpSocket {} }
    Component {
        id: servers
        KcpServer { host: "127.0.0.1"; active: true }
    }
    Component { id: loaders; Loader {} }

    function test_defaults() {
        const socket = createTemporaryObject(plainSockets, test)
        compare(socket.host, "")
        compare(socket.port, 0)
        compare(socket.active, false)
        compare(socket.status, KcpSocket.Closed)
        compare(socket.errorString, "")
        compare(socket.preset, KcpSocket.Adaptive)
        compare(socket.messageType, KcpSocket.Text)
        compare(socket.statistics.bytesSent, 0)
    }

    function test_statusesAndSignals() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: peer.port })
        socket.active = true
        tryCompare(socket, "status", KcpSocket.Open)
        socket.close()
        compare(socket.active, false)
        compare(socket.status, KcpSocket.Closing)
        tryCompare(socket, "status", KcpSocket.Closed)
        compare(socket.events, ["Connecting", "Open", "connected", "Closing", "Closed",
                                "disconnected"])
        compare(socket.errorString, "")
    }

    function test_hostName() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test,
                                             { host: "localhost", port: peer.port, active: true })
        tryCompare(socket, "status", KcpSocket.Open)
    }

    function test_impossible_data() {
        return [
            { tag: "no host", host: "", port: 1, error: "Cannot connect: host is not set" },
            { tag: "no port", host: "127.0.0.1", port: 0,
              error: "Cannot connect to port 0: the range is 1 .. 65535" },
            { tag: "port", host: "127.0.0.1", port: 65536,
              error: "Cannot connect to port 65536: the range is 1 .. 65535" },
            { tag: "negative port", host: "127.0.0.1", port: -4,
              error: "Cannot connect to port -4: the range is 1 .. 65535" },
            { tag: "unknown host", host: "no such host", port: 1,
              error: "Host not found: no such host" }
        ]
    }

    function test_impossible(data) {
        const socket = createTemporaryObject(sockets, test,
                                             { host: data.host, port: data.port, active: true })
        tryCompare(socket, "status", KcpSocket.Error)
        compare(socket.errorString, data.error)
        tryVerify(() => socket.events.length === 3)
        compare(socket.events, ["Connecting", "Error", "error: " + data.error])
        compare(socket.active, true)
    }

    function test_refused() {
        const peer = createTemporaryObject(cppPeers, test)
        const port = peer.freePort()
        const socket = createTemporaryObject(sockets, test, { port: port, active: true })
        tryCompare(socket, "status", KcpSocket.Error)
        verify(socket.errorString.includes("127.0.0.1"), socket.errorString)
        verify(!socket.events.includes("disconnected"))

        // active is what is wanted, and a changed port is a new attempt
        socket.port = peer.port
        compare(socket.status, KcpSocket.Connecting)
        compare(socket.errorString, "")
        tryCompare(socket, "status", KcpSocket.Open)
    }

    function test_reactivate_data() {
        return [
            { tag: "active", again: socket => { socket.active = false; socket.active = true } },
            { tag: "open", again: socket => socket.open() }
        ]
    }

    function test_reactivate(data) {
        const peer = createTemporaryObject(cppPeers, test)
        const port = peer.freePort()
        const socket = createTemporaryObject(sockets, test, { port: port, active: true })
        tryCompare(socket, "status", KcpSocket.Error)
        const server = createTemporaryObject(servers, test, { port: port })
        tryCompare(server, "listening", true)
        data.again(socket)
        tryCompare(socket, "status", KcpSocket.Open)
        compare(socket.errorString, "")
    }

    function test_openWithoutActive() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: peer.port })
        socket.open()
        compare(socket.active, true)
        compare(socket.status, KcpSocket.Connecting)
        tryCompare(socket, "status", KcpSocket.Open)
    }

    function test_openInDisconnected() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: peer.port })
        socket.disconnected.connect(() => socket.open())
        socket.open()
        tryCompare(socket, "status", KcpSocket.Open)
        peer.closeConnection(0, "")
        tryCompare(peer, "connectionCount", 2)
        tryCompare(socket, "status", KcpSocket.Open)
        peer.abortConnection()
        tryCompare(peer, "connectionCount", 3)
        tryCompare(socket, "status", KcpSocket.Open)
    }

    function test_openWhileClosing() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: peer.port, active: true })
        tryCompare(socket, "status", KcpSocket.Open)
        verify(socket.sendMessage("A"))
        socket.close()
        socket.open()
        compare(socket.status, KcpSocket.Connecting)
        tryCompare(socket, "status", KcpSocket.Open)
        tryCompare(peer, "connectionCount", 2)
        tryCompare(peer, "received", "41") // what was sent before has arrived all the same
        compare(socket.events, ["Connecting", "Open", "connected", "Closing", "Closed",
                                "disconnected", "Connecting", "Open", "connected"])
    }

    function test_closeWhileConnecting() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: 1, active: true })
        socket.close()
        compare(socket.status, KcpSocket.Closed)
        compare(socket.events, ["Connecting", "Closed"])
        socket.port = peer.silentPort() // it is not wanted any more
        wait(0)
        compare(socket.status, KcpSocket.Closed)
        // and after the attempt has begun
        socket.active = true
        wait(0)
        socket.active = false
        compare(socket.status, KcpSocket.Closed)
        compare(socket.events, ["Connecting", "Closed", "Connecting", "Closed"])
    }

    function test_remoteClose() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: peer.port, active: true })
        tryCompare(peer, "connectionCount", 1)
        tryCompare(socket, "status", KcpSocket.Open)
        peer.closeConnection(3, "too loud")
        tryCompare(socket, "status", KcpSocket.Closed)
        compare(socket.events, ["Connecting", "Open", "connected", "Closed", "disconnected"])
        verify(socket.errorString.includes("too loud"), socket.errorString)
    }

    function test_remoteAbort() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: peer.port, active: true })
        tryCompare(peer, "connectionCount", 1)
        tryCompare(socket, "status", KcpSocket.Open)
        peer.abortConnection()
        tryCompare(socket, "status", KcpSocket.Error)
        compare(socket.events, ["Connecting", "Open", "connected", "Error",
                                "error: " + socket.errorString, "disconnected"])
    }

    // One new connection for all that changes in one go.
    function test_changeWhileActive() {
        const first = createTemporaryObject(cppPeers, test)
        const second = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: first.port, active: true })
        tryCompare(socket, "status", KcpSocket.Open)
        socket.host = "localhost"
        socket.port = first.freePort()
        socket.port = second.port
        compare(socket.status, KcpSocket.Connecting)
        tryCompare(socket, "status", KcpSocket.Open)
        tryCompare(second, "connectionCount", 1)
        compare(first.connectionCount, 1)
        compare(socket.events, ["Connecting", "Open", "connected", "Closed", "disconnected",
                                "Connecting", "Open", "connected"])
    }

    // What was sent to the old peer is delivered all the same.
    function test_changeDeliversWhatWasSent() {
        const first = createTemporaryObject(cppPeers, test)
        const second = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: first.port, active: true })
        tryCompare(socket, "status", KcpSocket.Open)
        verify(socket.sendMessage("A"))
        socket.port = second.port
        tryCompare(first, "received", "41")
        tryCompare(socket, "status", KcpSocket.Open)
        verify(socket.sendMessage("B"))
        tryCompare(second, "received", "42")
    }

    function test_presets_data() {
        return [
            { tag: "Default", preset: KcpSocket.Default, window: 32 },
            { tag: "Normal", preset: KcpSocket.Normal, window: 64 },
            { tag: "Fast", preset: KcpSocket.Fast, window: 128 },
            { tag: "Adaptive", preset: KcpSocket.Adaptive, window: 4096 }
        ]
    }

    function test_presets(data) {
        const pair = createTemporaryObject(pairs, test)
        pair.socket.preset = data.preset
        pair.server.preset = data.preset
        tryCompare(pair.socket, "status", KcpSocket.Open)
        compare(pair.accepted.preset, data.preset)
        pair.socket.sendMessage("hello")
        tryVerify(() => pair.messages.length === 1)
        pair.socket.preset = KcpSocket.Normal // while it is open
        pair.socket.sendMessage("hello")
        tryVerify(() => pair.messages.length === 2)
    }

    function test_destroyed_data() {
        return [{ tag: "Closed", wait: false }, { tag: "Open", wait: true }]
    }

    function test_destroyed(data) {
        const peer = createTemporaryObject(cppPeers, test)
        const loader = createTemporaryObject(loaders, test, { sourceComponent: sockets })
        const socket = loader.item
        socket.port = peer.port
        socket.active = true
        if (data.wait) {
            tryCompare(socket, "status", KcpSocket.Open)
            verify(socket.sendMessage("A"))
        }
        loader.sourceComponent = undefined
        if (data.wait)
            tryCompare(peer, "received", "41") // delivered in the background
    }

    function test_deletedInSignal_data() {
        return [
            { tag: "statusChanged" },
            { tag: "connected" },
            { tag: "messageReceived" },
            { tag: "datagramReceived" },
            { tag: "statisticsChanged" },
            { tag: "disconnected" },
            { tag: "errorOccurred" },
            { tag: "errorStringChanged" }
        ]
    }

    function test_deletedInSignal(data) {
        const peer = createTemporaryObject(cppPeers, test)
        const server = createTemporaryObject(servers, test)
        server.clientConnected.connect(client => {
            client.sendMessage("1")
            client.sendMessage("2")
            client.sendDatagram("3")
            client.sendDatagram("4")
            if (data.tag.startsWith("error"))
                client.close()
        })
        tryCompare(server, "listening", true)
        let deleted = false
        peer.deleted.connect(() => deleted = true)
        const socket = plainSockets.createObject(null,
                                                 { host: "127.0.0.1", port: server.serverPort })
        if (data.tag === "errorOccurred")
            socket.port = peer.freePort()
        if (data.tag === "disconnected")
            socket.messageReceived.connect(() => socket.close())
        peer.deleteInSignal(socket, data.tag)
        socket.active = true
        tryVerify(() => deleted)
    }
}
