package supervise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/daemon/logfile"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// launched is what a test starts a worker with; l needs neither command nor directories.
type launched struct {
	Local
	Limits
}

func launch(t *testing.T, l launched, behaviour string) *Worker {
	t.Helper()
	l.Command = []string{os.Args[0], "fake-worker", behaviour}
	l.LogDir, l.LocksDir = t.TempDir(), t.TempDir()
	l.Env = append(l.Env, "GORACE=atexit_sleep_ms=0") // the race detector would make each worker a second slower
	worker, err := Start(t.Context(), &l.Local, Order{JobID: "job-1", Device: "cpu"}, frame.Start{JobID: "job-1"}, l.Limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		worker.Cancel("the test is over")
		worker.Wait()
		if left, err := os.ReadDir(l.LocksDir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return worker
}

func drain(worker *Worker) (events []frame.Event) {
	for event := range worker.Events() {
		events = append(events, event)
	}
	return events
}

func TestDoneWorker(t *testing.T) {
	t.Parallel()
	worker := launch(t, launched{Local: Local{Env: []string{"EXTRA=more"}}}, "done")
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
	short := Limits{SilenceLimit: 300 * time.Millisecond}
	quick := Limits{CancelGrace: time.Millisecond, TermGrace: time.Millisecond}
	tests := []struct {
		behaviour string
		limits    Limits
		kind      Kind
		code      protocol.ErrorCode
		says      []string
	}{
		{"failed", Limits{}, Failed, protocol.CodeDatasetInvalid, []string{"row 3 is empty"}},
		{"exit 3", Limits{}, Crashed, protocol.CodeWorkerCrashed, []string{"code 3", "line 88\n", "line 99"}},
		{"exit 0", Limits{}, Crashed, protocol.CodeWorkerCrashed, []string{"without saying that it was done"}},
		{"panic", Limits{}, Crashed, protocol.CodeWorkerCrashed, []string{"code 2", "panic: the tensor has no shape", "goroutine"}},
		{"sigterm itself", Limits{}, Crashed, protocol.CodeWorkerCrashed, []string{"signal: terminated"}},
		{"sigkill itself", Limits{}, Crashed, protocol.CodeWorkerCrashed, []string{"SIGKILL", "memory"}},
		{"garbage", Limits{}, Crashed, protocol.CodeWorkerCrashed, []string{"unreadable"}},
		{"silent", short, Lost, protocol.CodeWorkerCrashed, []string{"no sign of life for 300ms"}},
		{"linger", quick, Done, "", nil},
		{"mute", quick, Crashed, protocol.CodeWorkerCrashed, []string{"closed its stream"}},
		{"dies in a frame", Limits{}, Crashed, protocol.CodeWorkerCrashed, []string{"SIGKILL"}},
		{"grandchild", Limits{}, Done, "", nil},
		{"grandchild of its own session", Limits{}, Done, "", nil},
		{"pauses by itself", Limits{}, Paused, "", nil},
	}
	for _, test := range tests {
		t.Run(test.behaviour, func(t *testing.T) {
			t.Parallel()
			worker := launch(t, launched{Limits: test.limits}, test.behaviour)
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
	tests := map[string]Limits{
		"obey":          {CancelGrace: long, TermGrace: long},
		"needs sigterm": {CancelGrace: 20 * time.Millisecond, TermGrace: long},
		"needs sigkill": {CancelGrace: 20 * time.Millisecond, TermGrace: 20 * time.Millisecond},
	}
	for behaviour, limits := range tests {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			worker := launch(t, launched{Limits: limits}, behaviour)
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

func TestLaunchErrors(t *testing.T) {
	t.Parallel()
	start := func(ctx context.Context, l *Local) error {
		_, err := Start(ctx, l, Order{JobID: "j"}, frame.Start{JobID: "j"}, Limits{})
		return err
	}
	none := filepath.Join(t.TempDir(), "none")
	missing := &Local{Command: []string{filepath.Join(t.TempDir(), "no-such-program")}, LogDir: t.TempDir(), LocksDir: t.TempDir()}
	err := start(t.Context(), missing)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("a missing program gave %v", err)
	}
	if failure := LaunchFailure(err); failure.Kind != Crashed || !failure.Error.Retryable || !strings.Contains(failure.Error.Message, "no-such-program") || failure.Crash == "" {
		t.Errorf("it is told as %+v", failure)
	}
	if left, err := os.ReadDir(missing.LocksDir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := start(t.Context(), &Local{Command: []string{os.Args[0]}, LogDir: none, LocksDir: t.TempDir()}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "j.log") {
		t.Errorf("a missing log directory gave %v", err)
	}
	if err := start(t.Context(), &Local{Command: []string{os.Args[0]}, LogDir: t.TempDir(), LocksDir: none}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "j.lock") {
		t.Errorf("a missing directory of locks gave %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := start(over, missing); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended gave %v", err)
	}
}

func TestAWorkerIsKeptToItsDevice(t *testing.T) {
	t.Parallel()
	local := Local{Env: []string{"EXTRA=more", "VISIBLE=all"}, DeviceEnv: func(device string) []string { return []string{"VISIBLE=only " + device} }}
	events := drain(launch(t, launched{Local: local}, "device"))
	if len(events) != 1 || events[0].Log.Message != "only cpu more" {
		t.Errorf("the worker saw %+v", events)
	}
}

func TestAWorkerWaitsForWhatItHasTold(t *testing.T) {
	t.Parallel()
	worker := launch(t, launched{}, "syncs")
	var order []string
	for event := range worker.Events() {
		switch {
		case event.Log != nil:
			order = append(order, event.Log.Message)
		case event.Sync != nil:
			order = append(order, "sync")
			worker.Stored()
		}
	}
	if got := strings.Join(order, ","); got != "step 0,sync,step 1,sync,step 2,sync" {
		t.Errorf("it said %s", got)
	}
	if outcome := worker.Wait(); outcome.Kind != Done {
		t.Errorf("outcome %+v (%v)", outcome, outcome.Error)
	}
}

// A worker that dies with orders unread resets its stream, which is no fault of what it has sent.
func TestADeathWithOrdersUnreadIsToldAsItIs(t *testing.T) {
	t.Parallel()
	worker := launch(t, launched{}, "dies with orders unread")
	<-worker.Events() // it is ready
	worker.Stored()
	worker.Stored()
	drain(worker)
	if outcome := worker.Wait(); outcome.Kind != Crashed || !strings.Contains(outcome.Error.Message, "SIGKILL") {
		t.Errorf("outcome %+v (%v)", outcome, outcome.Error)
	}
}

func TestLogFileIsBoundedAndKeepsTheEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "job.log")
	const limit = 1000
	out, err := logfile.Open(path, logfile.Options{MaxBytes: limit, Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	log := &logFile{out: out}
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
		if err != nil || info.Size() > limit+maxLineBytes || info.Mode().Perm() != 0o600 {
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
	if err := log.out.Close(); err != nil {
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
