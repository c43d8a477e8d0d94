package main

import (
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
)

// tally counts what was done, in the order in which each kind came up first.
type tally struct {
	mu     sync.Mutex
	kinds  []string
	counts map[string]int
}

func (t *tally) add(kind string, count int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	if _, known := t.counts[kind]; !known {
		t.kinds = append(t.kinds, kind)
	}
	t.counts[kind] += count
}

func (t *tally) one(kind string) { t.add(kind, 1) }

func (t *tally) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for _, count := range t.counts {
		sum += count
	}
	return sum
}

func (t *tally) print(w io.Writer, title string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\n", title)
	for _, kind := range t.kinds {
		fmt.Fprintf(table, "  %s\t%7d\n", kind, t.counts[kind])
	}
	return table.Flush()
}

// faults are the violations that were found. The first one ends the soak.
type faults struct {
	mu    sync.Mutex
	found []string
	first func() // called at the first one
}

const mostFaults = 50 // that are kept: one cause shows in many places

func (f *faults) add(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.found) < mostFaults {
		f.found = append(f.found, fmt.Sprintf(format, args...))
	}
	if f.first != nil {
		f.first()
	}
}

func (f *faults) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.found[:len(f.found):len(f.found)]
}
