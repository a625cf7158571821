// SPDX-License-Identifier: MIT
package main

import (
	"math/bits"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const latencyBuckets = 2048

// The layout of bench::Counters, see ../shared/counters.h.
type counterFile struct {
	bytes, messages, connections, heap, heapReports, wrong, ready uint64
	latency                                                       [latencyBuckets]uint64
}

var counters = openCounters(os.Getenv("KCPNETWORK_BENCH_COUNTERS"))

func openCounters(name string) *counterFile {
	if name == "" {
		return new(counterFile)
	}
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	memory, err := syscall.Mmap(int(file.Fd()), 0, int(unsafe.Sizeof(counterFile{})),
		syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*counterFile)(unsafe.Pointer(&memory[0]))
}

func add(counter *uint64, value uint64) { atomic.AddUint64(counter, value) }

func recordLatency(nanoseconds uint64) {
	width := bits.Len64(nanoseconds)
	bucket := 0
	if width > 8 {
		bucket = (width-9)<<6 + int(nanoseconds>>(width-7)&63)
	}
	if bucket >= latencyBuckets {
		bucket = latencyBuckets - 1
	}
	add(&counters.latency[bucket], 1)
	add(&counters.messages, 1)
}
