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

// TestAKilledWorkerGoesOn runs the real daemon and the real worker on a tiny model: a job whose worker is killed and that
// is tried again ends with the very adapter of a job that nobody disturbed, and tells each step once.
func TestAKilledWorkerGoesOn(t *testing.T) {
	if os.Getenv(model.PluginVariable) == "" {
		t.Skipf("%s names no directory with the XLA plugin; run the tests with: make test", model.PluginVariable)
	}
	home := newHome(t)
	t.Cleanup(func() { scu(t, home, "daemon", "stop", "--now") })
	rows := writeRows(t, 40)
	train := func(name string, more ...string) outcomeOf {
		arguments := []string{"train", "--json", "--base-model", oracle.Load(t, "untied").ModelDirectory, "--dataset", rows, "--name", name,
			"--set", "max_steps=150", "--set", "checkpoint_every=20", "--set", "block_size=32", "--set", "precision=f32", "--set", "eval_every=50"}
		return scu(t, home, append(arguments, more...)...).expect(t, 0, "")
	}
	undisturbed := decode[protocol.Job](t, train("undisturbed", "--wait"))

	client, err := rpc.Connect(t.Context(), rpc.Options{Home: home, Client: clientInfo()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// killed ends the worker at an event, and returns how the job stands then.
	killed := func(name string, at func(protocol.JobEvent) bool) protocol.TrainingStatus {
		t.Helper()
		await(t, client, name, at)
		kill(t, home)
		scu(t, home, "watch", name).expect(t, 1, "")
		failed := decode[protocol.TrainingStatus](t, scu(t, home, "status", "--json", name).expect(t, 0, ""))
		if failed.Status != protocol.StatusFailed || failed.Error.Code != protocol.CodeWorkerCrashed || !strings.Contains(failed.Error.Hint, "scu retry") {
			t.Fatalf("after the kill: %+v, %v", failed, failed.Error)
		}
		return failed
	}
	train("late")
	late := killed("late", func(e protocol.JobEvent) bool { return e.Metrics != nil && e.Metrics.Step >= 50 })
	if late.ResumableFrom == nil || *late.ResumableFrom < 20 {
		t.Fatalf("after the kill: %+v", late)
	}
	scu(t, home, "retry", "late").expect(t, 0, "scu watch late")
	// And while the one that goes on compiles.
	compiling := func(e protocol.JobEvent) bool {
		return e.Status != nil && e.Status.Phase == protocol.PhaseCompiling && e.Status.Step >= 50
	}
	killed("late", compiling)
	scu(t, home, "retry", "late").expect(t, 0, "")
	scu(t, home, "watch", "late").expect(t, 0, "")

	// Before anything is kept, and after the first plan, whose prior is not the one that training begins with.
	train("early")
	if early := killed("early", func(e protocol.JobEvent) bool { return e.Plan != nil }); early.ResumableFrom != nil {
		t.Errorf("after the kill: %+v", early)
	}
	scu(t, home, "retry", "early").expect(t, 0, "")
	scu(t, home, "watch", "early").expect(t, 0, "")

	done := decode[[]protocol.AdapterArtifact](t, scu(t, home, "adapters", "--json").expect(t, 0, ""))
	for _, adapter := range done {
		if adapter.SHA256 != undisturbed.Adapter.SHA256 {
			t.Errorf("%s has the adapter %s, want %s", adapter.Name, adapter.SHA256, undisturbed.Adapter.SHA256)
		}
	}
	// A command that loads the model itself.
	score := decode[engine.Score](t, scu(t, home, "eval", "--json", "--model", oracle.Load(t, "untied").ModelDirectory, "--adapter", "late", "--data", rows).expect(t, 0, ""))
	if score.Rows != 40 || !(score.DataBPT > 0) {
		t.Errorf("eval gave %+v", score)
	}
	steps := decode[[]protocol.TrainingMetrics](t, scu(t, home, "metrics", "--json", "late").expect(t, 0, ""))
	if len(done) != 3 || len(steps) != 150 || steps[149].Step != 150 {
		t.Errorf("%d adapters, %d steps", len(done), len(steps))
	}
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
