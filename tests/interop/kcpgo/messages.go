// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"math/rand"
	"net"
	"sync"
	"time"

	kcp "github.com/xtaci/kcp-go"
)

// A KCP conversation over kcp-go's protocol engine alone: unlike a session it passes whole
// messages, which travel as several fragments.
type messageConn struct {
	mu      sync.Mutex
	changed *sync.Cond
	engine  *kcp.KCP
	socket  *net.UDPConn
}

func dialMessages(address string) (*messageConn, error) {
	remote, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	socket, err := net.DialUDP("udp", nil, remote)
	if err != nil {
		return nil, err
	}
	socket.SetReadBuffer(socketBuffer)
	socket.SetWriteBuffer(socketBuffer)

	rand.Seed(time.Now().UnixNano())
	conn := &messageConn{socket: socket}
	conn.changed = sync.NewCond(&conn.mu)
	conn.engine = kcp.NewKCP(rand.Uint32(), func(buffer []byte, size int) {
		if size > 0 {
			socket.Write(buffer[:size])
		}
	})
	conn.engine.SetMtu(mtu)
	conn.engine.NoDelay(1, interval, fastResend, 1)
	conn.engine.WndSize(window, window)
	go conn.receiveLoop()
	go conn.updateLoop()
	return conn, nil
}

func (c *messageConn) receiveLoop() {
	buffer := make([]byte, 1500)
	for {
		n, err := c.socket.Read(buffer)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.engine.Input(buffer[:n], true, true)
		c.changed.Broadcast()
		c.mu.Unlock()
	}
}

func (c *messageConn) updateLoop() {
	for range time.Tick(interval * time.Millisecond) {
		c.mu.Lock()
		c.engine.Update()
		c.changed.Broadcast()
		c.mu.Unlock()
	}
}

func (c *messageConn) send(message []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.engine.WaitSnd() >= window {
		c.changed.Wait()
	}
	if status := c.engine.Send(message); status < 0 {
		return fmt.Errorf("a message of %d bytes was not accepted: %d", len(message), status)
	}
	return nil
}

func (c *messageConn) receive() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.engine.PeekSize() < 0 {
		c.changed.Wait()
	}
	message := make([]byte, c.engine.PeekSize())
	c.engine.Recv(message)
	return message
}

func exchangeMessages(address string, data []byte, chunk int) ([]byte, error) {
	conn, err := dialMessages(address)
	if err != nil {
		return nil, err
	}
	defer conn.socket.Close()

	sizes := make(chan int, len(data)/chunk+1)
	written := make(chan error, 1)
	go func() {
		for rest := data; len(rest) > 0; {
			n := chunk
			if n > len(rest) {
				n = len(rest)
			}
			sizes <- n
			if err := conn.send(rest[:n]); err != nil {
				written <- err
				return
			}
			rest = rest[n:]
		}
		written <- nil
	}()

	back := make([]byte, 0, len(data))
	for len(back) < len(data) {
		message := conn.receive()
		if sent := <-sizes; sent != len(message) {
			return nil, fmt.Errorf("a message of %d bytes came back with %d", sent, len(message))
		}
		back = append(back, message...)
	}
	return back, <-written
}
