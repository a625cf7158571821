// SPDX-License-Identifier: MIT
import QtQml
import QtTest
import KcpTest
import QtKcpNetwork

TestCase {
    id: test
    name: "Messages"

    Component { id: pairs; Pair {} }
    Component {
        id: cppPeers
        CppPeer {}
    }
    Component {
        id: sockets
        KcpSocket { host: "127.0.0.1" }
    }

    function connectedPair() {
        const pair = createTemporaryObject(pairs, test)
        tryCompare(pair.socket, "status", KcpSocket.Open)
        return pair
    }

    function bytes(...values) {
        return new Uint8Array(values).buffer
    }

    function list(buffer) {
        verify(buffer instanceof ArrayBuffer, "an ArrayBuffer")
        return Array.from(new Uint8Array(buffer))
    }

    function test_text_data() {
        return [
            { tag: "ascii", text: "hello" },
            { tag: "empty", text: "" },
            { tag: "unicode", text: "Grüße, 世界 \u{1F600}" },
            { tag: "zero", text: "a\u0000b" },
            { tag: "long", text: "0123456789".repeat(30000) }
        ]
    }

    function test_text(data) {
        const pair = connectedPair()
        verify(pair.socket.sendMessage(data.text))
        tryVerify(() => pair.messages.length === 1)
        compare(typeof pair.messages[0], "string")
        compare(pair.messages[0], data.text)
    }

    function test_binary_data() {
        return [
            { tag: "buffer", sent: bytes(0, 1, 128, 255), expected: [0, 1, 128, 255] },
            { tag: "empty", sent: bytes(), expected: [] },
            { tag: "bytes", sent: new Uint8Array([7, 0, 200]), expected: [7, 0, 200] },
            { tag: "part", sent: new Uint8Array(bytes(1, 2, 3, 4), 1, 2), expected: [2, 3] },
            { tag: "words", sent: new Uint16Array([0x0201]), expected: [1, 2] },
            { tag: "view", sent: new DataView(bytes(1, 2, 3), 2), expected: [3] }
        ]
    }

    function test_binary(data) {
        const pair = connectedPair()
        pair.socket.messageType = KcpSocket.Binary
        verify(pair.socket.sendMessage(data.sent))
        tryVerify(() => pair.messages.length === 1)
        compare(list(pair.messages[0]), data.expected)
    }

    // Bytes travel, not types: the receiver says how it wants to see them.
    function test_receiverChoosesType() {
        const pair = connectedPair()
        pair.socket.sendMessage("é")
        tryVerify(() => pair.messages.length === 1)
        compare(pair.messages[0], "é")
        pair.socket.messageType = KcpSocket.Binary
        pair.socket.sendMessage("é")
        tryVerify(() => pair.messages.length === 2)
        compare(list(pair.messages[1]), [0xc3, 0xa9])
        pair.socket.messageType = KcpSocket.Text
        pair.socket.sendMessage(bytes(0xc3, 0xa9))
        tryVerify(() => pair.messages.length === 3)
        compare(pair.messages[2], "é")
    }

    function test_bytesThatAreNoText() {
        const pair = connectedPair()
        pair.socket.sendMessage(bytes(0x61, 0xff, 0x62))
        tryVerify(() => pair.messages.length === 1)
        compare(pair.messages[0], "a\ufffdb")
        compare(pair.socket.status, KcpSocket.Open)
    }

    function test_boundariesAndOrder() {
        const pair = connectedPair()
        const sent = []
        for (let i = 0; i < 500; ++i) {
            sent.push("message " + i)
            verify(pair.socket.sendMessage(sent[i]))
        }
        tryVerify(() => pair.messages.length === sent.length)
        compare(pair.messages, sent)
    }

    function test_refusedValues_data() {
        return [
            { tag: "number", value: 5 },
            { tag: "undefined", value: undefined },
            { tag: "null", value: null },
            { tag: "object", value: { buffer: 3 } },
            { tag: "array", value: [1, 2] },
            { tag: "function", value: () => "text" }
        ]
    }

    function test_refusedValues(data) {
        const pair = connectedPair()
        ignoreWarning(/sendMessage\(\) takes a string or an ArrayBuffer/)
        verify(!pair.socket.sendMessage(data.value))
        ignoreWarning(/sendDatagram\(\) takes a string or an ArrayBuffer/)
        verify(!pair.socket.sendDatagram(data.value))
        // nothing of it has left
        pair.socket.sendMessage("next")
        tryVerify(() => pair.messages.length === 1)
        compare(pair.messages[0], "next")
    }

    function test_invalidRange() {
        const pair = connectedPair()
        pair.socket.messageType = KcpSocket.Binary
        verify(pair.socket.sendMessage({ buffer: bytes(1, 2, 3), byteOffset: 1, byteLength: 99 }))
        tryVerify(() => pair.messages.length === 1)
        compare(list(pair.messages[0]), [2, 3])
    }

    function test_tooLarge() {
        const pair = connectedPair()
        ignoreWarning(/sendMessage\(\): A message of 20000000 bytes is larger than/)
        verify(!pair.socket.sendMessage(new ArrayBuffer(20000000)))
        compare(pair.socket.status, KcpSocket.Open)
        ignoreWarning(/sendDatagram\(\): A datagram of 5000 bytes is larger than/)
        verify(!pair.socket.sendDatagram(new ArrayBuffer(5000)))
        compare(pair.socket.status, KcpSocket.Open)
    }

    function test_datagram() {
        const pair = connectedPair()
        verify(pair.socket.sendDatagram("typing"))
        tryVerify(() => pair.datagrams.length === 1)
        compare(pair.datagrams[0], "typing")
        pair.socket.messageType = KcpSocket.Binary
        verify(pair.socket.sendDatagram(bytes(0, 255)))
        tryVerify(() => pair.datagrams.length === 2)
        compare(list(pair.datagrams[1]), [0, 255])
        compare(pair.messages.length, 0)
    }

    function test_notOpen() {
        const socket = createTemporaryObject(sockets, test)
        ignoreWarning(/sendMessage\(\): the socket is not open, its status is Closed/)
        verify(!socket.sendMessage("early"))
        ignoreWarning(/sendDatagram\(\): the socket is not open, its status is Closed/)
        verify(!socket.sendDatagram("early"))

        const pair = connectedPair()
        pair.socket.open() // is open: nothing happens
        compare(pair.socket.status, KcpSocket.Open)
        pair.socket.close()
        ignoreWarning(/sendMessage\(\): the socket is not open, its status is Closing/)
        verify(!pair.socket.sendMessage("late"))
    }

    function test_notOpenWhileConnecting() {
        const peer = createTemporaryObject(cppPeers, test)
        const socket = createTemporaryObject(sockets, test, { port: peer.port, active: true })
        compare(socket.status, KcpSocket.Connecting)
        ignoreWarning(/sendMessage\(\): the socket is not open, its status is Connecting/)
        verify(!socket.sendMessage("early"))
        tryCompare(socket, "status", KcpSocket.Open)
        verify(socket.sendMessage("in time"))
        tryCompare(peer, "received", "696e2074696d65")
    }

    // A C++ peer sees the bytes of the message and nothing else.
    function test_cppPeer() {
        const peer = createTemporaryObject(cppPeers, test)
        const messages = []
        const socket = createTemporaryObject(sockets, test, { port: peer.port, active: true })
        socket.messageReceived.connect(message => messages.push(message))
        tryCompare(socket, "status", KcpSocket.Open)
        verify(socket.sendMessage("aé"))
        tryCompare(peer, "received", "61c3a9")
        verify(socket.sendMessage(bytes(0, 254)))
        tryCompare(peer, "received", "00fe")
        peer.send("c3a9")
        tryVerify(() => messages.length === 1)
        compare(messages[0], "é")
    }

    // The last messages before the peer closes are heard.
    function test_messagesBeforeClose() {
        const pair = connectedPair()
        const socket = pair.socket
        let heard = -1
        socket.disconnected.connect(() => heard = pair.messages.length)
        pair.echo = false
        for (let i = 0; i < 50; ++i)
            verify(pair.accepted.sendMessage("message " + i))
        pair.accepted.close()
        tryVerify(() => heard >= 0)
        compare(heard, 50)
        compare(socket.status, KcpSocket.Closed)
        compare(pair.errors, [])
    }

    // What was sent before close() arrives.
    function test_sendAndClose() {
        const pair = connectedPair()
        const heard = []
        pair.accepted.messageReceived.connect(message => heard.push(message.byteLength))
        pair.echo = false
        verify(pair.socket.sendMessage(new ArrayBuffer(100000)))
        verify(pair.socket.sendMessage("end"))
        pair.socket.close()
        tryVerify(() => heard.length === 2)
        compare(heard, [100000, 3])
        tryCompare(pair.socket, "status", KcpSocket.Closed)
    }

    function test_closeInHandler() {
        const pair = connectedPair()
        let count = 0
        pair.socket.messageReceived.connect(() => {
            ++count
            pair.socket.close()
        })
        for (let i = 0; i < 20; ++i)
            pair.accepted.sendMessage("message")
        tryCompare(pair.socket, "status", KcpSocket.Closed)
        compare(count, 1)
    }
}
