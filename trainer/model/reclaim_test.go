package model

import (
	"bytes"
	"os"
	"strconv"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
)

// Small buffers are freed between others that stay, so that the C library cannot give them back by itself. Other tests
// must not run meanwhile.
func TestReclaimGivesFreedMemoryBack(t *testing.T) {
	const (
		count, values = 2048, 16 << 10 // 64 KiB each, below what the C library maps by itself
		freed         = count / 16 * 15 * values * 4
	)
	backend := openTestBackend(t)
	buffers := make([]*tensors.Tensor, count)
	for i := range buffers {
		buffers[i] = tensors.FromFlatDataAndDimensions(make([]float32, values), values)
		if err := buffers[i].ToDevice(backend, 0); err != nil {
			t.Fatal(err)
		}
	}
	for i, buffer := range buffers {
		if i%16 == 0 {
			defer buffer.MustFinalizeAll()
		} else {
			buffer.MustFinalizeAll()
		}
	}
	before := residentBytes(t)
	reclaim()
	if after := residentBytes(t); before-after < freed/2 {
		t.Errorf("of %d bytes that were freed, %d were given back", freed, before-after)
	}
}

func residentBytes(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
