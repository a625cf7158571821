// SPDX-License-Identifier: MIT
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"hash"
	"os"
	"os/signal"
	"sync"
	"syscall"

	kcp "github.com/xtaci/kcp-go"
)

// A peer says nothing when it ends, so what came is told when the server is stopped.
type echoSession struct {
	mu       sync.Mutex
	remote   string
	received int64
	digest   hash.Hash
}

func runServer(arguments []string) error {
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	stream := flags.Bool("stream", false, "stream mode")
	listen := flags.String("listen", "127.0.0.1:0", "the address to listen on")
	flags.Parse(arguments)

	listener, err := kcp.ListenWithOptions(*listen, nil, 0, 0)
	if err != nil {
		return err
	}
	defer listener.Close()
	listener.SetReadBuffer(socketBuffer)
	listener.SetWriteBuffer(socketBuffer)
	fmt.Printf("Listening on %s (kcp-go)\n", listener.Addr())

	var mu sync.Mutex
	var sessions []*echoSession
	go func() {
		for {
			conn, err := listener.AcceptKCP()
			if err != nil {
				return
			}
			configure(conn, *stream)
			session := &echoSession{remote: conn.RemoteAddr().String(), digest: sha256.New()}
			mu.Lock()
			sessions = append(sessions, session)
			mu.Unlock()
			go session.echo(conn)
		}
	}()

	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGTERM, syscall.SIGINT)
	<-stopped
	mu.Lock()
	defer mu.Unlock()
	for _, session := range sessions {
		session.print()
	}
	return nil
}

func configure(conn *kcp.UDPSession, stream bool) {
	conn.SetStreamMode(stream)
	conn.SetNoDelay(1, interval, fastResend, 1)
	conn.SetWindowSize(window, window)
	conn.SetMtu(mtu)
	conn.SetWriteDelay(false)
}

func (s *echoSession) echo(conn *kcp.UDPSession) {
	buffer := make([]byte, readBufferSize)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.received += int64(n)
		s.digest.Write(buffer[:n])
		s.mu.Unlock()
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (s *echoSession) print() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf("%s: %d bytes, sha256 %x\n", s.remote, s.received, s.digest.Sum(nil))
}
