package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen. It is only ever used up by a failure.
const patience = 30 * time.Second

// TestMain lets the test binary be a worker or a daemon process when its first argument says so.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "fake-worker" {
		fakeWorker()
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == "daemon-process" {
		if err := Run(context.Background(), testOptions(os.Args[2])); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// fakePlanner accepts everything but data called "bad".
type fakePlanner struct{}

func (fakePlanner) Prepare(_ context.Context, _ string, spec protocol.JobSpec, _ string) (*plan.Prepared, *protocol.Error) {
	if filepath.Base(spec.TrainData) == "bad" {
		return nil, protocol.NewError(protocol.CodeDatasetInvalid, "row 1 of %s has no usable field", spec.TrainData)
	}
	var s script
	text, err := os.ReadFile(spec.TrainData)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return nil, protocol.NewError(protocol.CodeDatasetInvalid, "%v", err)
	}
	parameters := int64(1_000_000)
	if strings.HasSuffix(spec.BaseModel, "-3B") {
		parameters = 3_000_000_000
	}
	return &plan.Prepared{
		ModelPath: "/models/" + spec.BaseModel, Config: protocol.SCUConfig{LoraR: 8, GradAccum: 3, TargetModules: []string{"q_proj"}},
		Reasons: map[string]string{"lora_r": "the default"}, MemoryBytes: cmp.Or(s.Estimate, 100), Parameters: parameters,
	}, nil
}

func (fakePlanner) Estimate(_ context.Context, _ string, _ protocol.JobSpec, _ string) (*protocol.Plan, *protocol.Error) {
	return &protocol.Plan{TotalSteps: 77}, nil
}

func testOptions(home string) Options {
	settings, err := config.Load(home, nil)
	if err != nil {
		panic(err)
	}
	settings.Storage.MinFree = 1 << 20
	settings.Training.RetryBackoff = time.Millisecond
	return Options{
		Home: home, Version: "1.2.3", BuildID: "test", Planner: fakePlanner{}, Config: settings,
		Devices: []schedule.Device{{Name: "cpu", Kind: "cpu", Memory: 1 << 30}},
		Launcher: &supervise.Local{
			Command: []string{os.Args[0], "fake-worker"}, LogDir: LogsDirectory(home), LocksDir: LocksDirectory(home),
			Env: []string{"GORACE=atexit_sleep_ms=0"}, // the race detector would make each worker a second slower
		},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// shortHome is a home whose path leaves room for the socket's name.
func shortHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "scu")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return home
}

// testDaemon is a daemon in this process.
type testDaemon struct {
	home   string
	cancel context.CancelFunc
	ended  chan error
	stop   func() error // ends it as SIGTERM would, and waits
}

func startDaemon(t *testing.T, o Options) *testDaemon {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d := &testDaemon{home: o.Home, cancel: cancel, ended: make(chan error, 1)}
	go func() { d.ended <- Run(ctx, o) }()
	d.stop = sync.OnceValue(func() error {
		cancel()
		return d.wait()
	})
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	})
	return d
}

func (d *testDaemon) wait() error {
	select {
	case err := <-d.ended:
		d.ended <- err
		return err
	case <-time.After(patience):
		return errors.New("the daemon does not end")
	}
}

// connect waits until a daemon answers in a home.
func connect(t *testing.T, home string) *rpc.Client {
	t.Helper()
	client, err := rpc.Connect(t.Context(), rpc.Options{
		Home: home, Client: protocol.ClientInfo{Name: "a test"}, StartTimeout: patience,
		Start: func(context.Context, string) error { return nil }, // someone else has started it
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func startAndConnect(t *testing.T) (*testDaemon, *rpc.Client) {
	t.Helper()
	d := startDaemon(t, testOptions(shortHome(t)))
	return d, connect(t, d.home)
}

// daemonProcess starts a daemon as a process of its own.
func daemonProcess(t *testing.T, home string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0], "daemon-process", home)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

// script tells the fake worker what to do. It stands in the file that a job names as its training data.
type script struct {
	Steps           int    // metrics to send
	CheckpointEvery int    // steps; 0 means only when it is paused
	Estimate        int64  // of the memory that the job takes; 0 means 100 bytes
	Memory          int64  // told after the first step; 0 means that nothing is
	Gate            string // a fifo to open before the end: the test lets the worker go on by opening it too
	Forget          bool   // wait before the end until told to stop
	StandAt         int    // the job's first worker waits after this step until told to stop
	DeafToPause     bool   // only a cancel ends it
	NeedsParts      int    // in fewer, it dies for want of memory after two steps
	CrashAt         []int  // the steps after which the job's first, second … worker dies
	DiskFullAt      int    // the step after which the job's first worker finds no room on the disk
	FailFirst       bool   // without a step told by an earlier attempt, fail
	End             string // see fake.end; empty means done
}

// spec writes a script and returns a job that runs it.
func spec(t *testing.T, s script) protocol.JobSpec {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "script.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return protocol.JobSpec{BaseModel: "Tiny.gguf", TrainData: path}
}

// gated is a script whose worker waits for the function that is returned.
func gated(t *testing.T, s script) (protocol.JobSpec, func()) {
	t.Helper()
	s.Gate = filepath.Join(t.TempDir(), "gate")
	if err := unix.Mkfifo(s.Gate, 0o600); err != nil {
		t.Fatal(err)
	}
	return spec(t, s), func() {
		t.Helper()
		gate, err := os.OpenFile(s.Gate, os.O_WRONLY, 0) // waits for the worker
		if err != nil {
			t.Fatal(err)
		}
		_ = gate.Close()
	}
}

// starts are the process ids of the workers that have run a job.
func starts(t *testing.T, spec protocol.JobSpec) []string {
	t.Helper()
	text, err := os.ReadFile(spec.TrainData + ".starts")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

func mustCreate(t *testing.T, client *rpc.Client, spec protocol.JobSpec) *protocol.Job {
	t.Helper()
	job, err := client.CreateJob(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func mustWait(t *testing.T, client *rpc.Client, id string) *protocol.Job {
	t.Helper()
	result, err := client.Wait(t.Context(), id, patience)
	if err != nil {
		t.Fatal(err)
	}
	if result.TimedOut {
		t.Fatalf("job %s is still %s", id, result.Job.Status)
	}
	return &result.Job
}

// awaitEvent follows a job until an event fits.
func awaitEvent(t *testing.T, client *rpc.Client, id string, fits func(protocol.JobEvent) bool) {
	t.Helper()
	beginning := int64(0)
	subscription, err := client.Subscribe(t.Context(), id, &beginning)
	if err != nil {
		t.Fatal(err)
	}
	defer subscription.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		event, err := subscription.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for an event of job %s: %v", id, err)
		}
		if fits(event) {
			return
		}
	}
}

// awaitStep waits until a running job has stored a step.
func awaitStep(t *testing.T, client *rpc.Client, id string, step int) {
	t.Helper()
	awaitEvent(t, client, id, func(e protocol.JobEvent) bool { return e.Metrics != nil && e.Metrics.Step == step })
}

// allEvents reads every event of a job and fails on a gap or a repeat.
func allEvents(t *testing.T, client *rpc.Client, id string) []protocol.JobEvent {
	t.Helper()
	var all []protocol.JobEvent
	for {
		page, err := client.Events(t.Context(), protocol.EventsParams{ID: id, After: int64(len(all)), Limit: 7})
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range page.Events {
			all = append(all, event)
			if event.Cursor != int64(len(all)) {
				t.Fatalf("event %d of job %s has cursor %d", len(all), id, event.Cursor)
			}
		}
		if len(page.Events) == 0 {
			return all
		}
	}
}

// wantSays checks that a text says what it must.
func wantSays(t *testing.T, text string, says ...string) {
	t.Helper()
	for _, part := range says {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}

// wantCode checks that an error is a refusal of a kind that says what it must.
func wantCode(t *testing.T, err error, code protocol.ErrorCode, says ...string) {
	t.Helper()
	var refused *protocol.Error
	if !errors.As(err, &refused) || refused.Code != code {
		t.Errorf("got error %v, want code %s", err, code)
		return
	}
	wantSays(t, refused.Error(), says...)
}
