// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	kcp "github.com/xtaci/kcp-go"
)

func runClient(arguments []string) error {
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	stream := flags.Bool("stream", false, "stream mode")
	messages := flags.Bool("messages", false,
		"every write is one message of several fragments, and must come back as one")
	chunk := flags.Int("chunk", 64<<10, "bytes of one write")
	name := flags.String("file", "", "what to send")
	timeout := flags.Duration("timeout", 60*time.Second, "until everything is back")
	flags.Parse(arguments)
	if flags.NArg() != 1 || *chunk <= 0 || *name == "" || *stream && *messages {
		flags.Usage()
		os.Exit(2)
	}
	data, err := os.ReadFile(*name)
	if err != nil {
		return err
	}

	time.AfterFunc(*timeout, func() {
		fmt.Fprintln(os.Stderr, "kcpgo: not everything came back in", *timeout)
		os.Exit(1)
	})
	var back []byte
	start := time.Now()
	if *messages {
		back, err = exchangeMessages(flags.Arg(0), data, *chunk)
	} else {
		back, err = exchangeStream(flags.Arg(0), data, *chunk, *stream)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d bytes in %.3f s\n", len(back), time.Since(start).Seconds())
	fmt.Printf("sha256 %x\n", sha256.Sum256(back))
	if !bytes.Equal(data, back) {
		return errors.New("what came back differs")
	}
	fmt.Println("identical")
	return nil
}

// kcp-go's own session. It cuts a write at the MSS, so that each segment is a message of its own
// when stream mode is off.
func exchangeStream(address string, data []byte, chunk int, stream bool) ([]byte, error) {
	conn, err := kcp.DialWithOptions(address, nil, 0, 0)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetReadBuffer(socketBuffer)
	conn.SetWriteBuffer(socketBuffer)
	configure(conn, stream)

	written := make(chan error, 1)
	go func() {
		for rest := data; len(rest) > 0; {
			n := chunk
			if n > len(rest) {
				n = len(rest)
			}
			if _, err := conn.Write(rest[:n]); err != nil {
				written <- err
				return
			}
			rest = rest[n:]
		}
		written <- nil
	}()

	back := make([]byte, len(data))
	if _, err := io.ReadFull(conn, back); err != nil {
		return nil, err
	}
	return back, <-written
}
