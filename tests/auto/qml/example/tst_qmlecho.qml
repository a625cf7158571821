// SPDX-License-Identifier: MIT
// Drives the example qml-echo as a person would.
import QtQuick
import QtTest
import "../../../../examples/qml-echo"

Item {
    Main {
        id: window

        TestCase {
            name: "QmlEcho"
            when: window.active

            function type(input, text) {
                input.forceActiveFocus()
                for (const character of text)
                    keyClick(character)
            }

            function texts(view) {
                return Array.from({ length: view.count }, (_, i) => view.itemAtIndex(i).text)
            }

            function test_conversation() {
                const view = findChild(window, "view")
                const status = findChild(window, "status")
                const statistics = findChild(window, "statistics")
                const input = findChild(window, "input")
                const toggle = findChild(window, "toggle")
                tryCompare(status, "text", "\u25cf Connected")

                for (const text of ["hello", "how far is it", "there and back in no time"]) {
                    const count = view.count
                    type(input, text)
                    keyClick(Qt.Key_Return)
                    tryCompare(view, "count", count + 2)
                    tryVerify(() => view.itemAtIndex(count + 1) !== null)
                    compare(input.text, "")
                }
                compare(texts(view), ["hello", "hello", "how far is it", "how far is it",
                                      "there and back in no time", "there and back in no time"])
                // own words at the right, the echo at the left
                compare(view.itemAtIndex(1).x, 0)
                verify(view.itemAtIndex(0).x > view.width / 2)
                tryVerify(() => /^Round trip \d+\.\d ms, [1-9]/.test(statistics.text))
                // the picture of the documentation
                grabImage(window.contentItem.parent).save("qml-echo.png")

                mouseClick(toggle)
                tryCompare(status, "text", "\u25cf Not connected")
                type(input, "nobody hears")
                keyClick(Qt.Key_Return)
                compare(view.count, 6)
                compare(input.text, "nobody hears")
                mouseClick(toggle)
                tryCompare(status, "text", "\u25cf Connected")
                input.forceActiveFocus()
                keyClick(Qt.Key_Return)
                tryCompare(view, "count", 8)
            }
        }
    }
}
