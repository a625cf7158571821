// SPDX-License-Identifier: MIT
import QtQml
import QtTest
import KcpTest
import QtKcpNetwork

TestCase {
    id: test
    name: "Server"

    Component { id: pairs; Pair {} }
    Component { id: cppPeers; CppPeer {} }
    Component {
        id: sockets
        KcpSocket { host: "127.0.0.1" }
    }
    Component {
        id: servers
        KcpServer {
            id: server
            property var errors: []
            host: "127.0.0.1"
            onErrorOccurred: message => server.errors.push(message)
        }
    }
    Component { id: plainServers; KcpServer {} }

    function listeningServer() {
        const server = createTemporaryObject(servers, test, { active: true })
        tryCompare(server, "listening", true)
        return server
    }

    function test_defaults() {
        const server = createTemporaryObject(plainServers, test)
        compare(server.host, "")
        compare(server.port, 0)
        compare(server.active, false)
        compare(server.listening, false)
        compare(server.serverPort, 0)
        compare(server.errorString, "")
        compare(server.preset, KcpSocket.Adaptive)
    }

    function test_allAddresses() {
        const server = createTemporaryObject(plainServers, test, { active: true })
        tryCompare(server, "listening", true)
        const hosts = ["127.0.0.1", "localhost"]
        for (const host of hosts) {
            const socket = createTemporaryObject(sockets, test,
                    { host: host, port: server.serverPort, active: true })
            tryCompare(socket, "status", KcpSocket.Open)
        }
    }

    function test_ports() {
        const server = listeningServer()
        const port = server.serverPort
        verify(port > 0)
        compare(server.port, 0) // what was wanted
        server.active = false
        compare(server.listening, false)
        compare(server.serverPort, 0)
        server.port = port
        server.active = true
        tryCompare(server, "serverPort", port)
        compare(server.listening, true)
    }

    function test_impossible_data() {
        return [
            { tag: "name", properties: { host: "example.invalid" },
              error: "Cannot listen on \"example.invalid\": it is not an IP address" },
            { tag: "port", properties: { port: 70000 },
              error: "Cannot listen on port 70000: the range is 0 .. 65535" },
            { tag: "negative port", properties: { port: -1 },
              error: "Cannot listen on port -1: the range is 0 .. 65535" }
        ]
    }

    function test_impossible(data) {
        const server = createTemporaryObject(servers, test, data.properties)
        server.active = true
        tryVerify(() => server.errors.length === 1)
        compare(server.errors, [data.error])
        compare(server.errorString, data.error)
        compare(server.listening, false)
        // active is what is wanted: with possible values it listens
        server.host = "127.0.0.1"
        server.port = 0
        tryCompare(server, "listening", true)
        compare(server.errorString, "")
        compare(server.errors.length, 1)
    }

    function test_portInUse() {
        const first = listeningServer()
        const second = createTemporaryObject(servers, test,
                                             { port: first.serverPort, active: true })
        tryVerify(() => second.errors.length === 1)
        verify(second.errorString.length > 0)
        compare(second.listening, false)
        first.active = false
        second.active = false
        second.active = true
        tryCompare(second, "listening", true)
    }

    function test_changePortWhileListening() {
        const pair = createTemporaryObject(pairs, test)
        tryCompare(pair.socket, "status", KcpSocket.Open)
        const accepted = pair.accepted
        const first = pair.server.serverPort
        const peer = createTemporaryObject(cppPeers, test)
        const second = peer.freePort()
        // breaks the binding of the client to the server, to see that its connection lives on
        pair.socket.active = true
        pair.socket.port = first
        compare(pair.socket.status, KcpSocket.Open)
        pair.server.port = second
        compare(pair.server.listening, false)
        tryCompare(pair.server, "serverPort", second)
        compare(pair.socket.status, KcpSocket.Open)
        compare(accepted.status, KcpSocket.Open)
        pair.socket.sendMessage("alive")
        tryVerify(() => pair.messages.length === 1)
        // the new port serves
        const other = createTemporaryObject(sockets, test, { port: second, active: true })
        tryCompare(other, "status", KcpSocket.Open)
    }

    function test_acceptedSocket() {
        const pair = createTemporaryObject(pairs, test)
        tryCompare(pair.socket, "status", KcpSocket.Open)
        tryVerify(() => pair.accepted !== null)
        const accepted = pair.accepted
        compare(accepted.status, KcpSocket.Open)
        compare(accepted.active, true)
        compare(accepted.host, "127.0.0.1")
        verify(accepted.port > 0)
        ignoreWarning(/accepted by a server cannot connect anew/)
        accepted.port = 4711
        compare(accepted.status, KcpSocket.Open)
        accepted.close()
        compare(accepted.status, KcpSocket.Closing)
        ignoreWarning(/accepted by a server cannot connect anew/)
        accepted.open()
        tryCompare(pair.socket, "status", KcpSocket.Closed)
    }

    // An accepted socket lives as long as its connection, whoever remembers it.
    function test_acceptedSocketEnds() {
        const pair = createTemporaryObject(pairs, test)
        tryVerify(() => pair.accepted !== null)
        tryCompare(pair.socket, "status", KcpSocket.Open)
        let ended = 0
        pair.accepted.disconnected.connect(() => ++ended)
        gc()
        wait(0)
        verify(pair.accepted !== null)
        compare(pair.accepted.status, KcpSocket.Open)
        pair.socket.close()
        tryVerify(() => ended === 1)
        tryVerify(() => pair.accepted === null)
    }

    // Nobody but the connection holds these sockets.
    function test_garbageCollection() {
        const server = listeningServer()
        let count = 0
        server.clientConnected.connect(client => {
            client.messageReceived.connect(() => ++count)
        })
        const clients = []
        for (let i = 0; i < 5; ++i) {
            clients.push(createTemporaryObject(sockets, test,
                                               { port: server.serverPort, active: true }))
        }
        for (const client of clients)
            tryCompare(client, "status", KcpSocket.Open)
        gc()
        wait(0)
        gc()
        for (const client of clients)
            verify(client.sendMessage("x"))
        tryVerify(() => count === 5)
    }

    function test_acceptedSocketIsNotDestroyable() {
        const pair = createTemporaryObject(pairs, test)
        tryVerify(() => pair.accepted !== null)
        let text = ""
        try {
            pair.accepted.destroy()
        } catch (error) {
            text = String(error)
        }
        verify(text.includes("indestructible"), text)
        compare(pair.accepted.status, KcpSocket.Open)
    }

    function test_withoutHandler() {
        const server = listeningServer()
        const socket = createTemporaryObject(sockets, test,
                                             { port: server.serverPort, active: true })
        tryCompare(socket, "status", KcpSocket.Open)
        verify(socket.sendMessage("nobody listens"))
        socket.close()
        tryCompare(socket, "status", KcpSocket.Closed)
    }

    function test_closeInClientConnected() {
        const server = listeningServer()
        server.clientConnected.connect(client => {
            client.sendMessage("go away")
            client.close()
        })
        const socket = createTemporaryObject(sockets, test, { port: server.serverPort })
        const messages = []
        socket.messageReceived.connect(message => messages.push(message))
        socket.open()
        tryVerify(() => messages.length === 1)
        tryCompare(socket, "status", KcpSocket.Closed)
    }

    function test_stopInClientConnected() {
        const server = listeningServer()
        let accepted = null
        server.clientConnected.connect(client => {
            accepted = client
            server.active = false
        })
        const socket = createTemporaryObject(sockets, test,
                                             { port: server.serverPort, active: true })
        tryVerify(() => accepted !== null)
        compare(server.listening, false)
        // open connections live on
        const messages = []
        socket.messageReceived.connect(message => messages.push(message))
        tryCompare(socket, "status", KcpSocket.Open)
        accepted.sendMessage("still here")
        tryVerify(() => messages.length === 1)
    }

    function test_destroyInClientConnected() {
        const server = servers.createObject(null, { active: true })
        tryCompare(server, "listening", true)
        let disconnected = false
        server.clientConnected.connect(() => server.destroy())
        const socket = createTemporaryObject(sockets, test, { port: server.serverPort })
        socket.disconnected.connect(() => disconnected = true)
        socket.open()
        tryVerify(() => disconnected) // its socket is gone with the server
        compare(socket.status, KcpSocket.Closed)
    }

    function test_deletedInSignal_data() {
        return [
            { tag: "clientConnected" },
            { tag: "listeningChanged" },
            { tag: "serverPortChanged" },
            { tag: "errorOccurred" },
            { tag: "errorStringChanged" }
        ]
    }

    function test_deletedInSignal(data) {
        const peer = createTemporaryObject(cppPeers, test)
        let deleted = false
        peer.deleted.connect(() => deleted = true)
        const server = plainServers.createObject(null, { host: "127.0.0.1",
                port: data.tag.startsWith("error") ? peer.port : peer.freePort() })
        const socket = createTemporaryObject(sockets, test, { port: server.port })
        peer.deleteInSignal(server, data.tag)
        server.active = true
        wait(0)
        socket.active = data.tag === "clientConnected"
        tryVerify(() => deleted)
    }

    function test_acceptedDeletedInSignal_data() {
        return [{ tag: "messageReceived" }, { tag: "disconnected" }]
    }

    function test_acceptedDeletedInSignal(data) {
        const pair = createTemporaryObject(pairs, test)
        const peer = createTemporaryObject(cppPeers, test)
        let deleted = false
        peer.deleted.connect(() => deleted = true)
        tryVerify(() => pair.accepted !== null)
        tryCompare(pair.socket, "status", KcpSocket.Open)
        pair.echo = false
        peer.deleteInSignal(pair.accepted, data.tag)
        pair.socket.sendMessage("one")
        pair.socket.sendMessage("two")
        pair.socket.close()
        tryVerify(() => deleted)
        tryCompare(pair.socket, "status", KcpSocket.Closed)
    }

    function test_manySockets() {
        const server = listeningServer()
        const heard = {}
        server.clientConnected.connect(client => {
            client.messageReceived.connect(message => {
                heard[message] = (heard[message] ?? 0) + 1
                client.sendMessage("echo " + message)
            })
        })
        const count = 100
        let answers = 0
        let ended = 0
        const clients = []
        for (let i = 0; i < count; ++i) {
            const client = createTemporaryObject(sockets, test, { port: server.serverPort })
            client.connected.connect(() => client.sendMessage("client " + i))
            client.messageReceived.connect(message => {
                if (message === "echo client " + i)
                    ++answers
                client.close()
            })
            client.disconnected.connect(() => ++ended)
            client.active = true
            clients.push(client)
        }
        tryVerify(() => ended === count, 20000)
        compare(answers, count)
        compare(Object.keys(heard).length, count)
        for (const client of clients)
            compare(client.errorString, "")
    }

    // A client that wants its connection back whenever it is lost.
    function test_serverRestarts() {
        const server = listeningServer()
        const port = server.serverPort
        let accepted = null
        server.clientConnected.connect(client => accepted = client)
        const socket = createTemporaryObject(sockets, test, { port: port })
        let connections = 0
        socket.connected.connect(() => ++connections)
        socket.disconnected.connect(() => socket.open())
        socket.open()
        for (let i = 1; i <= 3; ++i) {
            tryVerify(() => connections === i)
            tryVerify(() => accepted !== null)
            server.active = false
            server.port = port
            server.active = true
            tryCompare(server, "listening", true)
            accepted.close()
            accepted = null
        }
        tryVerify(() => connections === 4)
    }
}
