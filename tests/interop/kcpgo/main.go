// SPDX-License-Identifier: MIT

// kcpgo is the other side of the interoperability tests: an echo server and an echo client that
// speak KCP with kcp-go, without encryption and without FEC.
//
//	kcpgo server [-stream] [-listen address]
//	kcpgo client [-stream | -messages] [-chunk bytes] -file name address
package main

import (
	"fmt"
	"os"
)

// What both programs set; the other side of each test uses comparable values.
const (
	mtu            = 1400
	window         = 1024
	interval       = 10 // milliseconds
	fastResend     = 2
	socketBuffer   = 4 << 20
	readBufferSize = 64 << 10
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	var err error
	switch os.Args[1] {
	case "server":
		err = runServer(os.Args[2:])
	case "client":
		err = runClient(os.Args[2:])
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kcpgo:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: kcpgo server|client [options]; -h after it tells more")
	os.Exit(2)
}
