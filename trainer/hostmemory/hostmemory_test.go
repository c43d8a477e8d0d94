package hostmemory_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/shannon-labs/scu/trainer/hostmemory"
	"github.com/shannon-labs/scu/trainer/model"
)

// The tests take memory as XLA does, through buffers of its device. They look at the whole process, so none is parallel.

func openDevice(t *testing.T) compute.Backend {
	t.Helper()
	plugin, err := model.FindPlugin("cpu", filepath.Join(os.Getenv("SCU_HOME"), "pjrt"))
	if err != nil {
		t.Skipf("%v; install it with scu setup", err)
	}
	backend, err := model.OpenDevice(plugin)
	if err != nil {
		t.Fatal(err)
	}
	return backend
}

// onDevice copies size bytes to the device. What it copies is the same for all, so that Go's own memory stays as it is.
func onDevice(t *testing.T, backend compute.Backend, size int) compute.Buffer {
	t.Helper()
	buffer, err := backend.BufferFromFlatData(0, copied[:size/4], shapes.Make(dtypes.Float32, size/4))
	if err != nil {
		t.Fatal(err)
	}
	return buffer
}

var copied = func() []float32 {
	values := make([]float32, 256*mega/4)
	for i := range values { // every page is there from the start
		values[i] = 1
	}
	return values
}()

func finalize(t *testing.T, buffer compute.Buffer) {
	t.Helper()
	if err := buffer.Finalize(); err != nil {
		t.Error(err)
	}
}

const mega = 1 << 20

// Small buffers are freed between others that stay, so that the C library cannot give them back by itself.
func TestReclaimGivesSmallPiecesBack(t *testing.T) {
	const (
		count, size = 2048, 64 << 10 // below what the C library maps by itself
		freed       = count / 16 * 15 * size
	)
	backend := openDevice(t)
	buffers := make([]compute.Buffer, count)
	for i := range buffers {
		buffers[i] = onDevice(t, backend, size)
	}
	for i, buffer := range buffers {
		if i%16 == 0 {
			defer finalize(t, buffer)
		} else {
			finalize(t, buffer)
		}
	}
	before := resident(t)
	hostmemory.Reclaim()
	if after := resident(t); before-after < freed/2 {
		t.Errorf("of %d bytes that were freed, %d were given back", freed, before-after)
	}
}

func TestALargeBlockIsKeptUntilReclaimed(t *testing.T) {
	const size = 256 * mega
	backend := openDevice(t)
	hostmemory.Reclaim()
	empty := resident(t)
	finalize(t, onDevice(t, backend, size))
	if grown := resident(t) - empty; grown < size*3/4 {
		t.Fatalf("%d bytes are held after a block of %d was freed", grown, size)
	}
	before := pageFaults(t)
	finalize(t, onDevice(t, backend, size-mega))       // another that fits
	if faults := pageFaults(t) - before; faults > 64 { // huge pages would have been 128 of them, small ones 65,000
		t.Errorf("the block that was kept had %d page faults", faults)
	}
	hostmemory.Reclaim()
	if kept := resident(t) - empty; kept > size/4 {
		t.Errorf("%d bytes are still held", kept)
	}
}

// Blocks of other sizes than those before take their place, and do not come on top of them.
func TestKeptBlocksDoNotAddUp(t *testing.T) {
	const most = 128 * mega
	backend := openDevice(t)
	hostmemory.Reclaim()
	empty := resident(t)
	for size := 16 * mega; size <= most; size += size / 4 { // no block is taken for the next
		for range 2 {
			finalize(t, onDevice(t, backend, size))
		}
	}
	if grown := resident(t) - empty; grown > most*9/8+16*mega {
		t.Errorf("%d bytes are held where %d were in use at once", grown, most)
	}
	hostmemory.Reclaim()
}

func TestARefusedAllocationIsCounted(t *testing.T) {
	if os.Getenv("SCU_TEST_REFUSED") == "" {
		runAlone(t, "SCU_TEST_REFUSED=1")
		return
	}
	backend := openDevice(t)
	finalize(t, onDevice(t, backend, mega)) // whatever is needed at first
	if failures := hostmemory.Failures(); failures != 0 {
		t.Fatalf("%d failures at first", failures)
	}
	limit := syscall.Rlimit{Cur: uint64(addressSpace(t) + 64*mega), Max: ^uint64(0)}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.BufferFromFlatData(0, copied, shapes.Make(dtypes.Float32, len(copied))); err == nil {
		t.Error("a block beyond the limit was had")
	}
	if hostmemory.Failures() == 0 {
		t.Error("no failure was counted")
	}
}

// resident is what the process holds, in bytes.
func resident(t *testing.T) int { return pages(t, 1) * os.Getpagesize() }

// addressSpace is what the process has mapped, in bytes.
func addressSpace(t *testing.T) int { return pages(t, 0) * os.Getpagesize() }

// pages is a field of statm, see proc_pid_statm(5).
func pages(t *testing.T, field int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	count, err := strconv.Atoi(string(bytes.Fields(text)[field]))
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func pageFaults(t *testing.T) int64 {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Minflt
}

// runAlone runs the test that calls it again in a process of its own, with a setting in its environment.
func runAlone(t *testing.T, setting string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), setting)
	if output, err := command.CombinedOutput(); err != nil || !bytes.Contains(output, []byte("--- PASS")) {
		t.Errorf("%v\n%s", err, output)
	}
}

// A program's temporaries are freed by another thread than the one that runs the next program.
func TestAwaitingWhatAnotherThreadFrees(t *testing.T) {
	backend := openDevice(t)
	before := hostmemory.Used()
	buffer := onDevice(t, backend, 64*mega)
	if used := hostmemory.Used() - before; used < 64*mega {
		t.Fatalf("a block of %d bytes counts as %d", 64*mega, used)
	}
	began := time.Now()
	hostmemory.Await(before, 20*time.Millisecond)
	if waited := time.Since(began); waited < 20*time.Millisecond || hostmemory.Used() == before {
		t.Errorf("waited %s for a block that stays", waited)
	}
	freed := make(chan struct{})
	go func() {
		defer close(freed)
		finalize(t, buffer)
	}()
	hostmemory.Await(before, time.Minute)
	if used := hostmemory.Used(); used > before {
		t.Errorf("%d bytes more than before are in use", used-before)
	}
	<-freed
}
