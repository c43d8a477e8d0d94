package supervise

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"golang.org/x/sys/unix"
)

func launch(t *testing.T, l *Local, behaviour string) Worker {
	t.Helper()
	l.Command = []string{os.Args[0], "fake-worker", behaviour}
	l.LogDir = t.TempDir()
	l.Env = append(l.Env, "GORACE=atexit_sleep_ms=0") // the race detector would make each worker a second slower
	worker, err := l.Launch(t.Context(), frame.Start{JobID: "job-1"})
	if err != nil {
		t.Fatal(err)
	}
	return worker
}

func drain(worker Worker) (events []frame.Event) {
	for event := range worker.Events() {
		events = append(events, event)
	}
	return events
}

func TestDoneWorker(t *testing.T) {
	t.Parallel()
	worker := launch(t, &Local{Env: []string{"EXTRA=more"}}, "done")
	events := drain(worker)
	outcome := worker.Wait()
	if outcome.Kind != Done || outcome.Done.SHA256 != "abc" || outcome.Error != nil {
		t.Fatalf("outcome %+v", outcome)
	}
	if len(events) != 2 || events[0].Phase == nil || events[1].Log == nil {
		t.Fatalf("events %+v; want phase and log, without heartbeat and last word", events)
	}
	if got := events[1].Log.Message; got != "job-1 more" {
		t.Errorf("the worker saw %q", got)
	}
	worker.Cancel("too late") // must do nothing
}

func TestHowWorkersEnd(t *testing.T) {
	t.Parallel()
	short := Local{SilenceLimit: 300 * time.Millisecond}
	tests := []struct {
		behaviour string
		local     Local
		kind      Kind
		code      protocol.ErrorCode
		says      []string
	}{
		{"failed", Local{}, Failed, protocol.CodeDatasetInvalid, []string{"row 3 is empty"}},
		{"exit 3", Local{}, Crashed, protocol.CodeWorkerCrashed, []string{"code 3", "line 88\n", "line 99"}},
		{"exit 0", Local{}, Crashed, protocol.CodeWorkerCrashed, []string{"without saying that it was done"}},
		{"panic", Local{}, Crashed, protocol.CodeWorkerCrashed, []string{"code 2", "panic: the tensor has no shape", "goroutine"}},
		{"sigterm itself", Local{}, Crashed, protocol.CodeWorkerCrashed, []string{"signal: terminated"}},
		{"sigkill itself", Local{}, Crashed, protocol.CodeWorkerCrashed, []string{"SIGKILL", "memory"}},
		{"garbage", Local{}, Crashed, protocol.CodeWorkerCrashed, []string{"unreadable"}},
		{"silent", short, Lost, protocol.CodeWorkerCrashed, []string{"no sign of life for 300ms"}},
		{"linger", Local{CancelGrace: time.Millisecond, TermGrace: time.Millisecond}, Done, "", nil},
		{"grandchild", Local{}, Done, "", nil},
	}
	for _, test := range tests {
		t.Run(test.behaviour, func(t *testing.T) {
			t.Parallel()
			worker := launch(t, &test.local, test.behaviour)
			drain(worker)
			outcome := worker.Wait()
			if outcome.Kind != test.kind || outcome.LogErr != nil {
				t.Fatalf("outcome %+v (%v), want %s", outcome, outcome.Error, test.kind)
			}
			if test.code == "" {
				return
			}
			if outcome.Error == nil || outcome.Error.Code != test.code {
				t.Fatalf("error %+v, want %s", outcome.Error, test.code)
			}
			for _, part := range test.says {
				if !strings.Contains(outcome.Error.Error(), part) {
					t.Errorf("error %q does not say %q", outcome.Error, part)
				}
			}
			if strings.Contains(outcome.Error.Error(), "line 87") {
				t.Errorf("error repeats too much of the log: %q", outcome.Error)
			}
		})
	}
}

func TestCancelUsesAsMuchForceAsItNeeds(t *testing.T) {
	t.Parallel()
	const long = time.Minute // would fail the test by its time
	tests := map[string]Local{
		"obey":          {CancelGrace: long, TermGrace: long},
		"needs sigterm": {CancelGrace: 20 * time.Millisecond, TermGrace: long},
		"needs sigkill": {CancelGrace: 20 * time.Millisecond, TermGrace: 20 * time.Millisecond},
	}
	for behaviour, local := range tests {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			worker := launch(t, &local, behaviour)
			<-worker.Events() // it is ready
			begin := time.Now()
			worker.Cancel("the test wants it")
			worker.Cancel("again")
			drain(worker)
			if outcome := worker.Wait(); outcome.Kind != Cancelled {
				t.Errorf("outcome %+v (%v)", outcome, outcome.Error)
			}
			if took := time.Since(begin); took > long/2 {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestWorkerDiesWithItsDaemon kills -9 a process that has launched a worker, which ignores SIGTERM and the end of its
// orders, and sees the worker end.
func TestWorkerDiesWithItsDaemon(t *testing.T) {
	t.Parallel()
	daemon := exec.Command(os.Args[0], "fake-daemon", t.TempDir())
	daemon.Stderr = os.Stderr
	output, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	input, err := daemon.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	worker, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(worker)
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait() // it says "signal: killed"
	ready := []unix.PollFd{{Fd: int32(worker), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(ready, 20_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("the worker outlives its daemon: %d, %v", n, err)
		}
		return
	}
}

func TestLaunchErrors(t *testing.T) {
	t.Parallel()
	missing := &Local{Command: []string{filepath.Join(t.TempDir(), "no-such-program")}, LogDir: t.TempDir()}
	if _, err := missing.Launch(t.Context(), frame.Start{JobID: "j"}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("a missing program gave %v", err)
	}
	noLog := &Local{Command: []string{os.Args[0]}, LogDir: filepath.Join(t.TempDir(), "none")}
	if _, err := noLog.Launch(t.Context(), frame.Start{JobID: "j"}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "j.log") {
		t.Errorf("a missing log directory gave %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := missing.Launch(over, frame.Start{JobID: "j"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended gave %v", err)
	}
}

func TestLogFileIsBoundedAndKeepsTheEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "job.log")
	log, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	log.limit = 1000
	var printed bytes.Buffer
	fmt.Fprintln(&printed, "panic: early")
	for i := range 500 {
		fmt.Fprintf(&printed, "line %d\n", i)
	}
	printed.WriteString(strings.Repeat("y", 3*maxLineBytes)) // no end of line
	log.copyFrom(&printed)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	last := log.lastLines()
	if len(last) > keptLines+2 || last[0] != "panic: early" || !strings.HasPrefix(last[len(last)-1], "yyy") {
		t.Errorf("kept %q", last)
	}
	for _, line := range last {
		if len(line) > keptLineBytes+len("…") {
			t.Errorf("kept a line of %d bytes", len(line))
		}
	}
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		if err != nil || info.Size() > log.limit+maxLineBytes || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestUnwritableLogIsReportedAndDrained(t *testing.T) {
	t.Parallel()
	log, err := openLog(filepath.Join(t.TempDir(), "job.log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := log.file.Close(); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReader("one\ntwo\n")
	log.copyFrom(text)
	if text.Len() != 0 || len(log.lastLines()) != 2 {
		t.Errorf("%d bytes unread, kept %q", text.Len(), log.lastLines())
	}
	if err := log.Close(); err == nil || !strings.Contains(err.Error(), "job.log") {
		t.Errorf("close gave %v", err)
	}
}
