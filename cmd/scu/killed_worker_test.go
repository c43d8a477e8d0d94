package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/engine"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/oracle"
)

// TestADisturbedWorkerGoesOn runs the real daemon and the real worker on a tiny model: jobs whose worker is killed, told to
// end or paused end with the very adapter of a job that nobody disturbed, and tell each step once.
func TestADisturbedWorkerGoesOn(t *testing.T) {
	if os.Getenv(model.PluginVariable) == "" {
		t.Skipf("%s names no directory with the XLA plugin; run the tests with: make test", model.PluginVariable)
	}
	j := startDisturbed(t)
	undisturbed := decode[protocol.Job](t, j.train(t, "undisturbed", "--wait"))
	j.killLate(t)
	j.killEarly(t)
	j.terminate(t)
	j.pause(t)

	done := decode[[]protocol.AdapterArtifact](t, scu(t, j.home, "adapters", "--json").expect(t, 0, ""))
	if len(done) != 5 {
		t.Errorf("there are %d adapters", len(done))
	}
	for _, adapter := range done {
		if adapter.SHA256 != undisturbed.Adapter.SHA256 {
			t.Errorf("%s has the adapter %s, want %s", adapter.Name, adapter.SHA256, undisturbed.Adapter.SHA256)
		}
		steps := decode[[]protocol.TrainingMetrics](t, scu(t, j.home, "metrics", "--json", adapter.Name).expect(t, 0, ""))
		if len(steps) != 150 || steps[149].Step != 150 {
			t.Errorf("%s told %d steps", adapter.Name, len(steps))
		}
	}
	// A command that loads the model itself.
	score := decode[engine.Score](t, scu(t, j.home, "eval", "--json", "--model", j.model, "--adapter", "late", "--data", j.rows).expect(t, 0, ""))
	if score.Rows != 40 || !(score.DataBPT > 0) {
		t.Errorf("eval gave %+v", score)
	}
}

// disturbed is a daemon whose workers are disturbed.
type disturbed struct {
	home, rows, model string
	client            *rpc.Client
}

func startDisturbed(t *testing.T) *disturbed {
	t.Helper()
	j := &disturbed{home: newHome(t), rows: writeRows(t, 40), model: oracle.Load(t, "untied").ModelDirectory}
	if err := os.WriteFile(filepath.Join(j.home, "config.yaml"), []byte("training:\n  retry_backoff: 20ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { scu(t, j.home, "daemon", "stop", "--now") })
	scu(t, j.home, "jobs").expect(t, 0, "") // starts the daemon
	var err error
	if j.client, err = rpc.Connect(t.Context(), rpc.Options{Home: j.home, Client: clientInfo()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.client.Close() })
	return j
}

func (j *disturbed) train(t *testing.T, name string, more ...string) outcomeOf {
	t.Helper()
	arguments := []string{"train", "--json", "--base-model", j.model, "--dataset", j.rows, "--name", name,
		"--set", "max_steps=150", "--set", "checkpoint_every=20", "--set", "block_size=32", "--set", "precision=f32", "--set", "eval_every=50"}
	return scu(t, j.home, append(arguments, more...)...).expect(t, 0, "")
}

func (j *disturbed) status(t *testing.T, name string) protocol.TrainingStatus {
	t.Helper()
	return decode[protocol.TrainingStatus](t, scu(t, j.home, "status", "--json", name).expect(t, 0, ""))
}

func atStep(step int) func(protocol.JobEvent) bool {
	return func(e protocol.JobEvent) bool { return e.Metrics != nil && e.Metrics.Step >= step }
}

// killLate kills a worker in its steps, and the one that follows it by itself while that compiles. That is twice the same
// without a step between, so the job waits to be asked for.
func (j *disturbed) killLate(t *testing.T) {
	t.Helper()
	j.train(t, "late")
	await(t, j.client, "late", atStep(50))
	kill(t, j.home)
	await(t, j.client, "late", func(e protocol.JobEvent) bool {
		return e.Status != nil && e.Status.Phase == protocol.PhaseCompiling && e.Status.Step >= 50
	})
	kill(t, j.home)
	scu(t, j.home, "watch", "late").expect(t, 1, "")
	failed := j.status(t, "late")
	if failed.Status != protocol.StatusFailed || failed.Error.Code != protocol.CodeWorkerCrashed || !strings.Contains(failed.Error.Hint, "scu retry") {
		t.Fatalf("after the kills: %+v, %v", failed, failed.Error)
	}
	if failed.ResumableFrom == nil || *failed.ResumableFrom < 20 || failed.Attempts != 2 {
		t.Fatalf("after the kills: %+v", failed)
	}
	scu(t, j.home, "retry", "late").expect(t, 0, "")
	scu(t, j.home, "watch", "late").expect(t, 0, "")
}

// killEarly kills a worker before anything is kept, and after the first plan, whose prior is not the one that training begins
// with.
func (j *disturbed) killEarly(t *testing.T) {
	t.Helper()
	j.train(t, "early")
	await(t, j.client, "early", func(e protocol.JobEvent) bool { return e.Plan != nil })
	kill(t, j.home)
	scu(t, j.home, "watch", "early").expect(t, 0, "")
}

// terminate does to a worker what a system that shuts down does to all processes. It is no crash.
func (j *disturbed) terminate(t *testing.T) {
	t.Helper()
	j.train(t, "terminated")
	await(t, j.client, "terminated", atStep(50))
	signalWorker(t, j.home, syscall.SIGTERM)
	scu(t, j.home, "watch", "terminated").expect(t, 0, "")
	if status := j.status(t, "terminated"); status.Attempts != 2 {
		t.Errorf("it was started %d times", status.Attempts)
	}
	await(t, j.client, "terminated", func(e protocol.JobEvent) bool {
		if e.Status != nil && e.Status.Waiting != nil && e.Status.Waiting.Reason == protocol.WaitBackoff {
			t.Errorf("it counted as a crash: %+v", e.Status.Waiting)
		}
		return e.Status != nil && e.Status.Status.Final()
	})
}

// pause pauses a job, which goes on where it was.
func (j *disturbed) pause(t *testing.T) {
	t.Helper()
	j.train(t, "paused")
	await(t, j.client, "paused", atStep(50))
	scu(t, j.home, "pause", "paused").expect(t, 0, "")
	paused := j.status(t, "paused")
	if paused.Status != protocol.StatusPaused || paused.ResumableFrom == nil || *paused.ResumableFrom < 50 || *paused.ResumableFrom != paused.Step {
		t.Fatalf("paused it is %+v", paused)
	}
	scu(t, j.home, "resume", "paused").expect(t, 0, "")
	scu(t, j.home, "watch", "paused").expect(t, 0, "")
}

// writeRows writes a file of rows of text.
func writeRows(t *testing.T, count int) string {
	t.Helper()
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, "{\"text\": \"row %d says one thing and another\"}\n", i*i)
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// await follows a job from its beginning until an event is the wanted one.
func await(t *testing.T, client *rpc.Client, name string, wanted func(protocol.JobEvent) bool) {
	t.Helper()
	beginning := int64(0)
	subscription, err := client.Subscribe(t.Context(), name, &beginning)
	if err != nil {
		t.Fatal(err)
	}
	for {
		event, err := subscription.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wanted(event) {
			return
		}
	}
}

// kill ends the one worker of a home's daemon with SIGKILL.
func kill(t *testing.T, home string) {
	t.Helper()
	signalWorker(t, home, syscall.SIGKILL)
}

// signalWorker sends a signal to the one worker of a home's daemon.
func signalWorker(t *testing.T, home string, signal syscall.Signal) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	reached := 0
	for _, path := range processes {
		arguments, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(string(arguments), "\x00worker\x00") {
			continue
		}
		environment, err := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if err != nil || !strings.Contains("\x00"+string(environment), "\x00SCU_HOME="+home+"\x00") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, signal); err != nil {
			t.Fatal(err)
		}
		reached++
	}
	if reached != 1 {
		t.Fatalf("%d workers got the signal %v, want one", reached, signal)
	}
}
