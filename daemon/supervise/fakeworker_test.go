package supervise

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"go.uber.org/goleak"
)

// TestMain lets the test binary be the worker, or the parent of one, when its first argument says so.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "fake-worker" {
		fakeWorker(os.Args[2])
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == "fake-daemon" {
		fakeDaemon(os.Args[2], len(os.Args) > 3)
	}
	goleak.VerifyTestMain(m)
}

// killCountVariable names the file in which a test lets the kernel count.
const killCountVariable = "SCU_TEST_KILL_COUNT"

// countKill does what the kernel does before it kills for want of memory.
func countKill() {
	if err := os.WriteFile(os.Getenv(killCountVariable), []byte("oom_kill 4\n"), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(5)
	}
}

// fakeWorker behaves in one of the ways that a worker can.
func fakeWorker(behaviour string) {
	stream := os.NewFile(frame.Descriptor, "the stream")
	orders, events := frame.NewReader(stream), frame.NewWriter(stream)
	say := func(event frame.Event) {
		if err := events.Write(&event); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(9)
		}
	}
	var order frame.Order
	if err := orders.Read(&order); err != nil || order.Start == nil {
		fmt.Fprintln(os.Stderr, "no start order:", err)
		os.Exit(8)
	}
	switch behaviour {
	case "done":
		say(frame.Event{Heartbeat: &frame.Heartbeat{}})
		say(frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseTraining}})
		say(frame.Event{Log: &frame.Log{Message: order.Start.JobID + " " + os.Getenv("EXTRA")}})
		say(frame.Event{Done: &frame.Done{SHA256: "abc"}})
	case "failed":
		say(frame.Event{Failed: protocol.NewError(protocol.CodeDatasetInvalid, "row 3 is empty")})
		os.Exit(1)
	case "exit 3":
		for i := range 100 {
			fmt.Fprintf(os.Stderr, "line %d\n", i)
		}
		os.Exit(3)
	case "exit 0":
	case "panic":
		panic("the tensor has no shape")
	case "sigterm itself":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		select {}
	case "sigkill itself":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "counted sigkill itself":
		countKill()
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "counted exit 3":
		countKill()
		os.Exit(3)
	case "abort for memory", "abort for want of a thread", "abort":
		switch behaviour {
		case "abort for memory":
			fmt.Fprintln(os.Stderr, "LLVM ERROR: out of memory\nAllocation failed")
		case "abort for want of a thread":
			fmt.Fprintln(os.Stderr, "F0000 00:00:00 1 env.cc:93] Check failed: ret == 0 (11 vs. 0) Thread tf_xla-cpu-codegen creation via pthread_create() failed.")
		case "abort":
			fmt.Fprintln(os.Stderr, "F0000 00:00:00 1 some.cc:1] Check failed: a == b")
		}
		for range 20 { // whose stacks come after it
			go block()
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
		select {}
	case "done without memory":
		fmt.Fprintln(os.Stderr, "scu: out of memory: an allocation of 7 bytes failed")
		say(frame.Event{Done: &frame.Done{SHA256: "abc"}})
	case "exit 0 without memory":
		fmt.Fprintln(os.Stderr, "scu: out of memory: an allocation of 7 bytes failed")
	case "score":
		score, err := os.ReadFile("/proc/self/oom_score_adj")
		if err != nil {
			os.Exit(5)
		}
		say(frame.Event{Log: &frame.Log{Message: strings.TrimSpace(string(score))}})
	case "garbage":
		_, _ = stream.Write([]byte{0xc1, 0xc1, 0xc1})
		block()
	case "silent":
		block()
	case "obey":
		say(frame.Event{Log: &frame.Log{Message: "ready"}})
		if err := orders.Read(&order); err != nil || order.Cancel == nil {
			os.Exit(7)
		}
		say(frame.Event{Failed: protocol.NewError(protocol.CodeCancelled, "%s", order.Cancel.Reason)})
	case "pauses":
		say(frame.Event{Log: &frame.Log{Message: "ready"}})
		order = frame.Order{}
		if err := orders.Read(&order); err != nil || order.Pause == nil {
			os.Exit(7)
		}
		say(frame.Event{Log: &frame.Log{Message: order.Pause.Reason}})
		say(frame.Event{Paused: &frame.Paused{Step: 7}})
	case "cannot pause":
		say(frame.Event{Log: &frame.Log{Message: "ready"}})
		order = frame.Order{}
		if err := orders.Read(&order); err != nil || order.Pause == nil {
			os.Exit(7)
		}
		say(frame.Event{Failed: protocol.NewError(protocol.CodeCancelled, "nothing is kept")})
	case "pauses only when cancelled":
		say(frame.Event{Log: &frame.Log{Message: "ready"}})
		for order = (frame.Order{}); order.Cancel == nil; {
			if err := orders.Read(&order); err != nil {
				os.Exit(7)
			}
		}
		say(frame.Event{Paused: &frame.Paused{Step: 7}})
	case "fails when it is to pause":
		say(frame.Event{Log: &frame.Log{Message: "ready"}})
		order = frame.Order{}
		if err := orders.Read(&order); err != nil || order.Pause == nil {
			os.Exit(7)
		}
		say(frame.Event{Failed: protocol.NewError(protocol.CodeNonFinite, "the loss is not finite")})
	case "pauses by itself":
		say(frame.Event{Paused: &frame.Paused{Step: 3}})
	case "syncs":
		for n := range 3 {
			say(frame.Event{Log: &frame.Log{Message: fmt.Sprint("step ", n)}})
			say(frame.Event{Sync: &frame.Sync{}})
			order = frame.Order{}
			if err := orders.Read(&order); err != nil || order.Stored == nil {
				os.Exit(7)
			}
		}
		say(frame.Event{Done: &frame.Done{SHA256: "abc"}})
	case "mute":
		if err := stream.Close(); err != nil {
			os.Exit(7)
		}
		block()
	case "dies in a frame", "dies with orders unread":
		if behaviour == "dies in a frame" {
			_, _ = stream.Write([]byte{0x81, 0xa3})
		} else {
			say(frame.Event{Log: &frame.Log{Message: "ready"}})
			order = frame.Order{}
			if err := orders.Read(&order); err != nil || order.Stored == nil { // one of two
				os.Exit(7)
			}
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "device":
		say(frame.Event{Log: &frame.Log{Message: os.Getenv("VISIBLE") + " " + os.Getenv("EXTRA")}})
	case "needs sigterm":
		say(frame.Event{Log: &frame.Log{Message: "ready"}})
		block()
	case "needs sigkill":
		signal.Ignore(syscall.SIGTERM)
		say(frame.Event{Log: &frame.Log{Message: "ready"}})
		block()
	case "linger":
		signal.Ignore(syscall.SIGTERM)
		say(frame.Event{Done: &frame.Done{SHA256: "abc"}})
		block()
	case "grandchild":
		startGrandchild(stream, false)
		say(frame.Event{Done: &frame.Done{SHA256: "abc"}})
	case "grandchild of its own session":
		signal.Ignore(syscall.SIGTERM)
		pid := startGrandchild(stream, true)
		say(frame.Event{Log: &frame.Log{Message: fmt.Sprint(pid)}})
		if os.Getenv("EXTRA") == "stay" {
			block()
		}
		say(frame.Event{Done: &frame.Done{SHA256: "abc"}})
	default:
		fmt.Fprintln(os.Stderr, "unknown behaviour", behaviour)
		os.Exit(6)
	}
}

// block is forever to a test, and not to a forgotten process.
func block() {
	time.Sleep(5 * time.Minute)
}

// startGrandchild starts a process that holds all that its parent does, and returns its number. In a session of its own
// the signals to the worker's group do not reach it.
func startGrandchild(stream *os.File, ownSession bool) int {
	child := exec.Command("sleep", "1000")
	child.Stderr = os.Stderr
	child.ExtraFiles = []*os.File{stream, os.NewFile(frame.Descriptor+1, "the lock")}
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: ownSession}
	if err := child.Start(); err != nil {
		os.Exit(7)
	}
	return child.Process.Pid
}

// fakeDaemon launches a worker that ignores everything, tells its process id and that of the process it has started, and
// waits to be killed.
func fakeDaemon(directory string, surviving bool) {
	local := Local{Command: []string{os.Args[0], "fake-worker", "grandchild of its own session"}, LogDir: directory, LocksDir: directory, Env: []string{"EXTRA=stay"}, survivesItsOwner: surviving}
	process, err := local.Launch(context.Background(), Order{JobID: "j"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := frame.NewWriter(process.Stream()).Write(&frame.Order{Start: &frame.Start{JobID: "j"}}); err != nil {
		os.Exit(1)
	}
	var event frame.Event
	if err := frame.NewReader(process.Stream()).Read(&event); err != nil || event.Log == nil {
		os.Exit(1)
	}
	fmt.Println(process.(*child).command.Process.Pid, event.Log.Message)
	_, _ = io.Copy(io.Discard, os.Stdin)
	block()
}
