package main

import (
	"os"
	"testing"
)

func TestTicksAreReadFromTheKernelsLines(t *testing.T) {
	t.Parallel()
	busy, err := busyTicks([]byte("cpu  10 20 30 4000 5000 60 70 80 900 1000\ncpu0 1 2 3 4 5 6 7 8 9 10\n"))
	if err != nil || busy != 10+20+30+60+70+80 {
		t.Errorf("%d ticks are busy (%v)", busy, err)
	}
	own, err := processTicks([]byte("42 (a) name) S 1 42 42 0 -1 4194304 100 0 0 0 123 45 6 7 20 0 1 0 99 100 200"))
	if err != nil || own != 123+45 {
		t.Errorf("the process has %d ticks (%v)", own, err)
	}
	for _, broken := range []string{"", "cpu 1 2", "intr 1 2 3 4 5 6 7 8 9", "cpu 1 2 3 4 5 x 7 8 9"} {
		if ticks, err := busyTicks([]byte(broken)); err == nil {
			t.Errorf("%q has %d busy ticks", broken, ticks)
		}
	}
	for _, broken := range []string{"", "42 (name) S 1", "1 (a) 0 0 0 0 0 0 0 0 0 0 0 x 0"} {
		if ticks, err := processTicks([]byte(broken)); err == nil {
			t.Errorf("%q has %d ticks", broken, ticks)
		}
	}
}

// What this process itself does is not what others do.
func TestOwnWorkIsCountedApart(t *testing.T) {
	t.Parallel()
	stat := func() int64 {
		text, err := os.ReadFile("/proc/self/stat")
		if err != nil {
			t.Fatal(err)
		}
		ticks, err := processTicks(text)
		if err != nil {
			t.Fatal(err)
		}
		return ticks
	}
	c, err := watchContention()
	if err != nil {
		t.Fatal(err)
	}
	for begin := stat(); stat() < begin+5; { // reading it is work enough
	}
	if _, own, err := c.ticks(); err != nil || own < c.own+5 {
		t.Errorf("own ticks went from %d to %d (%v)", c.own, own, err)
	}
	if share, err := c.others(); err != nil || share < 0 || share > 1.1 {
		t.Errorf("others took %g of the machine (%v)", share, err)
	}
}
