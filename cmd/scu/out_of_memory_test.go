package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/plan"
)

// squeezedMemory holds a worker of the tiny model with its daemon.
const squeezedMemory = 1 << 30

// TestAJobGoesOnWhereTheKernelKilledItsWorker runs the real daemon and the real worker where memory runs out: without
// anybody's doing the job goes on from its checkpoint in smaller micro-batches, to the same end.
func TestAJobGoesOnWhereTheKernelKilledItsWorker(t *testing.T) {
	if os.Getenv(model.PluginVariable) == "" {
		t.Skipf("%s names no directory with the XLA plugin; run the tests with: make test", model.PluginVariable)
	}
	t.Run("by the kernel", func(t *testing.T) {
		group, err := limitMemory(t, squeezedMemory)
		if err != nil {
			t.Skipf("this system lets nobody limit memory here: %v", err)
		}
		j := startSqueezed(t, "scu", "daemon", "--foreground")
		group.add(t, j.daemon.Process)
		undisturbed := j.undisturbed(t)
		j.train(t, "squeezed")
		j.awaitStep(t, 50)
		signalWorker(t, j.home, syscall.SIGSTOP) // so that it is not done before
		j.signalDaemon(t, syscall.SIGSTOP)       // so that no other follows before there is memory again
		group.squeeze(t, squeezedMemory)
		j.signalDaemon(t, syscall.SIGCONT)
		j.check(t, undisturbed, []int{4, 2})
	})
	t.Run("as if by the kernel", func(t *testing.T) {
		j := startSqueezed(t, "believing daemon")
		undisturbed := j.undisturbed(t)
		j.train(t, "squeezed")
		j.awaitStep(t, 50)
		kill(t, j.home)
		await(t, j.client, "squeezed", func(e protocol.JobEvent) bool { // the one that follows compiles
			return e.Status != nil && e.Status.Phase == protocol.PhaseCompiling && e.Status.Step >= 50
		})
		kill(t, j.home)
		j.check(t, undisturbed, []int{4, 2, 1})
	})
}

// squeezed is a daemon whose job is disturbed.
type squeezed struct {
	home, rows, model string
	daemon            *exec.Cmd
	client            *rpc.Client
}

func startSqueezed(t *testing.T, role string, arguments ...string) *squeezed {
	t.Helper()
	j := &squeezed{home: newHome(t), rows: writeRows(t, 40), model: oracle.Load(t, "untied").ModelDirectory}
	j.daemon = exec.Command(os.Args[0], arguments...)
	j.daemon.Env = append(os.Environ(), roleVariable+"="+role, "SCU_HOME="+j.home, "GORACE=atexit_sleep_ms=0")
	if err := j.daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, signal := range []syscall.Signal{syscall.SIGCONT, syscall.SIGTERM} {
			_ = j.daemon.Process.Signal(signal) // it may have ended
		}
		if err := j.daemon.Wait(); err != nil {
			t.Errorf("the daemon: %v", err)
		}
	})
	j.client = connectTo(t, j.home)
	return j
}

func (j *squeezed) signalDaemon(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := j.daemon.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func (j *squeezed) train(t *testing.T, name string, more ...string) outcomeOf {
	t.Helper()
	arguments := []string{"train", "--json", "--base-model", j.model, "--dataset", j.rows, "--name", name, "--set", "max_steps=150", "--set", "micro_batch=4",
		"--set", "grad_accum=2", "--set", "checkpoint_every=20", "--set", "block_size=32", "--set", "precision=f32", "--set", "eval_every=50"}
	return scu(t, j.home, append(arguments, more...)...).expect(t, 0, "")
}

func (j *squeezed) undisturbed(t *testing.T) *protocol.AdapterArtifact {
	t.Helper()
	return decode[protocol.Job](t, j.train(t, "undisturbed", "--wait")).Adapter
}

func (j *squeezed) awaitStep(t *testing.T, step int) {
	t.Helper()
	await(t, j.client, "squeezed", func(e protocol.JobEvent) bool { return e.Metrics != nil && e.Metrics.Step >= step })
}

// check waits for the job's end and holds it against the undisturbed one. microBatches are those of the plans, one a worker.
func (j *squeezed) check(t *testing.T, undisturbed *protocol.AdapterArtifact, microBatches []int) {
	t.Helper()
	scu(t, j.home, "watch", "squeezed").expect(t, 0, "")
	done, err := j.client.Job(t.Context(), "squeezed")
	if err != nil {
		t.Fatal(err)
	}
	last := microBatches[len(microBatches)-1]
	if done.Status != protocol.StatusCompleted || done.Config.MicroBatch != last || done.Config.GradAccum != 8/last {
		t.Fatalf("ended as %+v with %+v", done.TrainingStatus, done.Config)
	}
	told, plans := "", []int{}
	for _, event := range j.events(t) {
		if event.Type == protocol.EventWarning {
			told += event.Message + "\n"
		}
		if event.Plan != nil && (len(plans) == 0 || event.Plan.Config.MicroBatch != plans[len(plans)-1]) {
			plans = append(plans, event.Plan.Config.MicroBatch)
		}
	}
	for _, part := range []string{"the kernel killed the worker", "goes on from the checkpoint of step", "micro_batch goes from 4 to 2 and grad_accum from 2 to 4"} {
		if !strings.Contains(told, part) {
			t.Errorf("told %q, which does not say %q", told, part)
		}
	}
	if len(plans) != len(microBatches) {
		t.Errorf("the plans had micro-batches of %d, want %d", plans, microBatches)
	}
	steps := decode[[]protocol.TrainingMetrics](t, scu(t, j.home, "metrics", "--json", "squeezed").expect(t, 0, ""))
	if len(steps) != 150 || steps[149].Step != 150 {
		t.Errorf("%d steps were told", len(steps))
	}
	j.compare(t, undisturbed, done.AdapterID)
}

// events are those of the job.
func (j *squeezed) events(t *testing.T) (all []protocol.JobEvent) {
	t.Helper()
	for {
		page, err := j.client.Events(t.Context(), protocol.EventsParams{ID: "squeezed", After: int64(len(all))})
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page.Events...); len(page.Events) == 0 {
			return all
		}
	}
}

// compare holds an adapter, weight by weight, and what it costs, against the undisturbed one.
func (j *squeezed) compare(t *testing.T, undisturbed *protocol.AdapterArtifact, id string) {
	t.Helper()
	adapter, err := j.client.Adapter(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	source, failure := plan.OpenModel(j.model)
	if failure != nil {
		t.Fatal(failure)
	}
	defer source.Close()
	want, err := lora.Load(undisturbed.LocalPath, source.Config)
	if err != nil {
		t.Fatal(err)
	}
	got, err := lora.Load(adapter.LocalPath, source.Config)
	if err != nil {
		t.Fatal(err)
	}
	furthest, largest := 0.0, 0.0
	for i := range want.Values {
		furthest = max(furthest, math.Abs(float64(got.Values[i]-want.Values[i])))
		largest = max(largest, math.Abs(float64(want.Values[i])))
	}
	t.Logf("weights up to %g differ by at most %g; DataBPT %v and %v", largest, furthest, *undisturbed.Metrics.ValDataBPT, *adapter.Metrics.ValDataBPT)
	if !(furthest <= 1e-5) || !(math.Abs(float64(*adapter.Metrics.ValDataBPT / *undisturbed.Metrics.ValDataBPT)-1) <= 1e-5) {
		t.Errorf("the weights differ by up to %g, and the costs are %v and %v", furthest, *adapter.Metrics.ValDataBPT, *undisturbed.Metrics.ValDataBPT)
	}
}

// believingDaemon is the real daemon, to which each worker that was killed has died because memory ran out: for systems
// where a test cannot make the kernel kill it.
func believingDaemon() error {
	home, err := rpc.Home()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	settings, err := loadConfig(home)
	if err != nil {
		return err
	}
	local := &supervise.Local{Command: []string{os.Args[0], "worker"}, Env: []string{roleVariable + "=scu"}, LogDir: daemon.LogsDirectory(home), LocksDir: daemon.LocksDirectory(home)}
	return daemon.Run(ctx, daemon.Options{
		Home: home, Version: version, BuildID: buildID(), Planner: plan.NewPlanner(), Config: settings,
		Devices:  []schedule.Device{{Name: "cpu", Kind: "cpu", Memory: 64 << 30}},
		Launcher: believingLauncher{local}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

type believingLauncher struct{ supervise.Launcher }

func (l believingLauncher) Launch(ctx context.Context, order supervise.Order) (supervise.Process, error) {
	process, err := l.Launcher.Launch(ctx, order)
	return believedProcess{process}, err
}

type believedProcess struct{ supervise.Process }

func (p believedProcess) Wait() supervise.Exit {
	exit := p.Process.Wait()
	exit.KernelKilled = exit.Signal == syscall.SIGKILL
	return exit
}
