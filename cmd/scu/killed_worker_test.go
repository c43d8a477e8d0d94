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
	rows := filepath.Join(t.TempDir(), "rows.jsonl")
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, "{\"text\": \"row %d says one thing and another\"}\n", i*i)
	}
	if err := os.WriteFile(rows, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	train := func(name string, more ...string) outcomeOf {
		arguments := []string{"train", "--json", "--base-model", oracle.Load(t, "untied").ModelDirectory, "--dataset", rows, "--name", name,
			"--set", "max_steps=150", "--set", "checkpoint_every=20", "--set", "block_size=32", "--set", "precision=f32", "--set", "eval_every=50"}
		return scu(t, home, append(arguments, more...)...).expect(t, 0, "")
	}
	undisturbed := decode[protocol.Job](t, train("undisturbed", "--wait"))

	train("killed")
	client, err := rpc.Connect(t.Context(), rpc.Options{Home: home, Client: clientInfo()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	beginning := int64(0)
	subscription, err := client.Subscribe(t.Context(), "killed", &beginning)
	if err != nil {
		t.Fatal(err)
	}
	for step := 0; step < 50; {
		event, err := subscription.Next(t.Context())
		if err != nil {
			t.Fatalf("after step %d: %v", step, err)
		}
		if event.Metrics != nil {
			step = event.Metrics.Step
		}
	}
	kill(t, home)
	scu(t, home, "watch", "killed").expect(t, 1, "")
	failed := decode[protocol.TrainingStatus](t, scu(t, home, "status", "--json", "killed").expect(t, 0, ""))
	if failed.Status != protocol.StatusFailed || failed.Error.Code != protocol.CodeWorkerCrashed || failed.ResumableFrom == nil || *failed.ResumableFrom < 20 {
		t.Fatalf("after the kill: %+v, %v", failed, failed.Error)
	}
	scu(t, home, "retry", "killed").expect(t, 0, "scu watch killed")
	scu(t, home, "watch", "killed").expect(t, 0, "")

	done := decode[[]protocol.AdapterArtifact](t, scu(t, home, "adapters", "--json").expect(t, 0, ""))
	for _, adapter := range done {
		if adapter.SHA256 != undisturbed.Adapter.SHA256 {
			t.Errorf("%s has the adapter %s, want %s", adapter.Name, adapter.SHA256, undisturbed.Adapter.SHA256)
		}
	}
	steps := decode[[]protocol.TrainingMetrics](t, scu(t, home, "metrics", "--json", "killed").expect(t, 0, ""))
	if len(done) != 2 || len(steps) != 150 || steps[149].Step != 150 {
		t.Errorf("%d adapters, %d steps", len(done), len(steps))
	}
}

// kill ends the one worker of a home's daemon with SIGKILL.
func kill(t *testing.T, home string) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
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
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		killed++
	}
	if killed != 1 {
		t.Fatalf("%d workers were killed, want one", killed)
	}
}
