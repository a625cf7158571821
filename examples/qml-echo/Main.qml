// SPDX-License-Identifier: MIT
import QtQuick
import QtQuick.Controls.Fusion
import QtQuick.Layouts
import QtKcpNetwork

ApplicationWindow {
    id: window

    readonly property var statuses: [qsTr("Connecting"), qsTr("Connected"), qsTr("Closing"),
        qsTr("Not connected"), socket.errorString]
    readonly property var colors: ["#b26a00", "#1a7f4b", "#b26a00", "#5c6877", "#c62f2f"]

    width: 400; height: 480; minimumWidth: 320; minimumHeight: 320
    visible: true
    title: qsTr("Echo over KCP")

    //! [server]
    KcpServer {
        id: server
        host: "127.0.0.1"
        active: true
        onClientConnected: client => {
            client.messageReceived.connect(message => client.sendMessage(message))
        }
    }
    //! [server]
    //! [socket]
    KcpSocket {
        id: socket
        host: host.text
        port: Number(port.text)
        preset: KcpSocket.Fast
        active: toggle.checked && server.listening
        onMessageReceived: message => messages.append({ text: message, own: false })
    }
    //! [socket]
    ListModel { id: messages }
    Action {
        id: send
        text: qsTr("Send")
        enabled: socket.status === KcpSocket.Open && input.text
        onTriggered: {
            socket.sendMessage(input.text)
            messages.append({ text: input.text, own: true })
            input.clear()
        }
    }

    header: Pane {
        GridLayout {
            anchors.fill: parent
            columns: 3; columnSpacing: 8
            TextField { id: host; text: server.host; enabled: !toggle.checked; Layout.fillWidth: true }
            TextField { id: port; text: server.serverPort; enabled: host.enabled; Layout.preferredWidth: 72 }
            Switch { id: toggle; objectName: "toggle"; checked: true }
            Label {
                objectName: "status"
                Layout.columnSpan: 3; Layout.fillWidth: true
                text: "\u25cf " + window.statuses[socket.status]
                color: window.colors[socket.status]
                elide: Text.ElideRight
            }
        }
    }
    ListView {
        id: view
        objectName: "view"
        anchors.fill: parent; anchors.margins: 9
        model: messages
        spacing: 6
        clip: true
        onCountChanged: view.positionViewAtEnd()
        delegate: Label {
            id: bubble
            required property bool own
            required text
            x: bubble.own ? ListView.view.width - width : 0
            width: Math.min(implicitWidth, ListView.view.width * 0.8)
            padding: 8; leftPadding: 12; rightPadding: 12
            textFormat: Text.PlainText
            color: bubble.own ? "white" : "#1d2733"
            wrapMode: Text.Wrap
            background: Rectangle { radius: 10; color: bubble.own ? "#2f6fde" : "#dde3ec" }
        }
    }
    footer: Pane {
        GridLayout {
            anchors.fill: parent
            columns: 2; columnSpacing: 8
            TextField {
                id: input
                objectName: "input"
                Layout.fillWidth: true
                placeholderText: qsTr("Type a message")
                focus: true
                onAccepted: send.trigger()
            }
            Button { action: send }
            //! [statistics]
            Label {
                objectName: "statistics"
                Layout.columnSpan: 2
                text: qsTr("Round trip %1 ms, %2 bytes out, %3 in")
                    .arg(socket.statistics.smoothedRtt.toFixed(1))
                    .arg(socket.statistics.bytesSent).arg(socket.statistics.bytesReceived)
            }
            //! [statistics]
        }
    }
}
