// SPDX-License-Identifier: MIT

// bench_kcpgo is kcp-go as a candidate of the benchmarks: bench_kcpgo ROLE [OPTION...], with the
// roles of bench_peer. Without encryption and FEC.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	kcp "github.com/xtaci/kcp-go"
)

const socketBuffer = 4 << 20

var (
	port       = flag.Int("port", 0, "of the server")
	mtu        = flag.Int("mtu", 1400, "bytes")
	window     = flag.Int("window", 1024, "segments, of both directions")
	interval   = flag.Int("interval", 10, "milliseconds")
	resend     = flag.Int("resend", 2, "")
	stream     = flag.Bool("stream", true, "")
	writeDelay = flag.Bool("write-delay", false, "flush in intervals only")
	ackNoDelay = flag.Bool("ack-no-delay", false, "flush ACKs for each datagram")
	chunk      = flag.Int("chunk", 65536, "bytes that a source writes in one call")
	message    = flag.Int("message", 64, "bytes of an echo")
	inFlight   = flag.Int("in-flight", 1, "echoes")
	count      = flag.Uint64("count", 0, "echoes until the client ends; 0 = never")
	check      = flag.Bool("check", false, "compare every byte with what was sent")
)

func configure(session *kcp.UDPSession) {
	session.SetMtu(*mtu)
	session.SetStreamMode(*stream)
	session.SetNoDelay(1, *interval, *resend, 1)
	session.SetWindowSize(*window, *window)
	session.SetWriteDelay(*writeDelay)
	session.SetACKNoDelay(*ackNoDelay)
}

func serve(handle func(*kcp.UDPSession)) error {
	listener, err := kcp.ListenWithOptions("127.0.0.1:0", nil, 0, 0)
	if err != nil {
		return err
	}
	listener.SetReadBuffer(socketBuffer)
	listener.SetWriteBuffer(socketBuffer)
	fmt.Printf("port %d\n", listener.Addr().(*net.UDPAddr).Port)
	for {
		session, err := listener.AcceptKCP()
		if err != nil {
			return err
		}
		configure(session)
		add(&counters.connections, 1)
		go handle(session)
	}
}

func dial() (*kcp.UDPSession, error) {
	session, err := kcp.DialWithOptions(fmt.Sprintf("127.0.0.1:%d", *port), nil, 0, 0)
	if err != nil {
		return nil, err
	}
	session.SetReadBuffer(socketBuffer)
	session.SetWriteBuffer(socketBuffer)
	configure(session)
	return session, nil
}

// The bytes of a stream by their position, as in ../peer/work.cpp.
const period, longest = 1000003, 1 << 20

func pattern() []byte {
	filled := make([]byte, period+longest)
	state := uint32(1)
	for i := range filled {
		state = state*1664525 + 1013904223
		if i < period {
			filled[i] = byte(state >> 24)
		} else {
			filled[i] = filled[i-period]
		}
	}
	return filled
}

func sink(session *kcp.UDPSession) {
	expected := pattern()
	buffer := make([]byte, 65536)
	position := 0
	for {
		n, err := session.Read(buffer)
		if err != nil {
			return
		}
		if *check && string(buffer[:n]) != string(expected[position:position+n]) {
			add(&counters.wrong, uint64(n))
		}
		position = (position + n) % period
		add(&counters.bytes, uint64(n))
	}
}

func source() error {
	session, err := dial()
	if err != nil {
		return err
	}
	data := pattern()
	for position := 0; ; {
		if _, err := session.Write(data[position : position+*chunk]); err != nil {
			return err
		}
		if *check {
			position = (position + *chunk) % period
		}
	}
}

func echoServer(session *kcp.UDPSession) {
	buffer := make([]byte, 4096)
	for {
		n, err := session.Read(buffer)
		if err != nil {
			return
		}
		if _, err := session.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// Sends a message for each one that came back.
func echoClient() error {
	session, err := dial()
	if err != nil {
		return err
	}
	out := make([]byte, *message)
	in := make([]byte, 65536)
	sentAt := make([]time.Time, *inFlight)
	var sent, back uint64
	partial := 0
	for {
		for ; sent < back+uint64(*inFlight) && (*count == 0 || sent < *count); sent++ {
			binary.LittleEndian.PutUint64(out, sent)
			sentAt[sent%uint64(*inFlight)] = time.Now()
			if _, err := session.Write(out); err != nil {
				return err
			}
		}
		n, err := session.Read(in)
		if err != nil {
			return err
		}
		now := time.Now()
		for partial += n; partial >= *message; partial -= *message {
			recordLatency(uint64(now.Sub(sentAt[back%uint64(*inFlight)])))
			back++
			if back == *count {
				return nil
			}
		}
	}
}

func run(role string) error {
	switch role {
	case "sink":
		return serve(sink)
	case "source":
		return source()
	case "echo-server":
		return serve(echoServer)
	case "echo-client":
		return echoClient()
	}
	return fmt.Errorf("unknown role %q", role)
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: bench_kcpgo sink|source|echo-server|echo-client [OPTION...]")
		os.Exit(2)
	}
	flag.CommandLine.Parse(os.Args[2:])
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "bench_kcpgo:", err)
		os.Exit(1)
	}
}
