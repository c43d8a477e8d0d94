package daemon

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// accumulations are what the plans of a job told, without repeats, and its warnings.
func accumulations(t *testing.T, events []protocol.JobEvent) (told []int, warnings []string, steps int) {
	t.Helper()
	for _, event := range events {
		switch {
		case event.Plan != nil:
			told = append(told, event.Plan.Config.GradAccum)
		case event.Type == protocol.EventWarning:
			warnings = append(warnings, event.Message)
		case event.Metrics != nil:
			if steps++; event.Metrics.Step != steps {
				t.Errorf("step %d, want %d", event.Metrics.Step, steps)
			}
		}
	}
	return told, warnings, steps
}

func TestAWorkerWithoutMemoryIsFollowedByASmallerOne(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s := spec(t, script{Steps: 9, NeedsParts: 4})
	done := mustWait(t, client, mustCreate(t, client, s).JobID)
	if done.Status != protocol.StatusCompleted || done.Adapter == nil || len(starts(t, s)) != 3 || done.Config.GradAccum != 12 {
		t.Fatalf("after %d workers: %+v with %+v", len(starts(t, s)), done.TrainingStatus, done.Config)
	}
	told, warnings, steps := accumulations(t, allEvents(t, client, done.JobID))
	if !slices.Equal(told, []int{3, 6, 12}) || steps != 9 {
		t.Errorf("plans with grad_accum %d, %d steps", told, steps)
	}
	warnings = slices.DeleteFunc(warnings, func(w string) bool { return w == "few rows" })
	if len(warnings) != 2 || !strings.HasPrefix(warnings[0], "after step 2 the worker died because memory ran out") || !strings.HasPrefix(warnings[1], "after step 4 ") ||
		!strings.Contains(warnings[0], "begins anew") {
		t.Errorf("warned %q", warnings)
	}
	if left, err := filepath.Glob(filepath.Join(d.home, "adapters", ".tmp-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestAJobEndsWhereNothingSmallerIsLeft(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s := spec(t, script{Steps: 20, NeedsParts: 8})
	failed := mustWait(t, client, mustCreate(t, client, s).JobID)
	if failed.Status != protocol.StatusFailed || failed.Error.Code != protocol.CodeOutOfMemory || failed.Error.Hint != "lower block_size" || len(starts(t, s)) != 4 {
		t.Fatalf("after %d workers: %+v, %v", len(starts(t, s)), failed.TrainingStatus, failed.Error)
	}
	// It is not begun anew as large as it was first, not even by another daemon.
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, testOptions(d.home))
	client = connect(t, d.home)
	if _, err := client.Retry(t.Context(), failed.JobID); err != nil {
		t.Fatal(err)
	}
	again := mustWait(t, client, failed.JobID)
	told, _, steps := accumulations(t, allEvents(t, client, failed.JobID))
	if again.Error.Code != protocol.CodeOutOfMemory || !slices.Equal(told, []int{3, 6, 12, 12}) || steps != 8 {
		t.Errorf("tried again: %v, plans with grad_accum %d, %d steps", again.Error, told, steps)
	}
}

// dyingLauncher starts workers without a process, all of which die because memory ran out.
type dyingLauncher struct {
	held bool                  // they die only when they are told to stop
	fit  func(worker int) *int // the grad_accum of the plan that a worker tells first; nil for no plan

	mu     sync.Mutex
	starts []frame.Start
}

func (l *dyingLauncher) Launch(context.Context, supervise.Order) (supervise.Process, error) {
	ours, theirs := net.Pipe()
	p := &dyingProcess{stream: ours, dead: make(chan struct{})}
	go func() {
		defer close(p.dead)
		defer theirs.Close()
		l.live(frame.NewReader(theirs), frame.NewWriter(theirs))
	}()
	return p, nil
}

// live is a worker's life up to its death.
func (l *dyingLauncher) live(orders *frame.Reader, events *frame.Writer) {
	var order frame.Order
	if orders.Read(&order) != nil {
		return
	}
	l.mu.Lock()
	l.starts = append(l.starts, *order.Start)
	accumulation := l.fit(len(l.starts))
	l.mu.Unlock()
	said := frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseLoading}}
	if accumulation != nil {
		config := order.Start.Config
		config.GradAccum = *accumulation
		said = frame.Event{Plan: &protocol.Plan{Config: config}}
	}
	if events.Write(&said) == nil && l.held {
		_ = orders.Read(&order)
	}
}

type dyingProcess struct {
	stream net.Conn
	dead   chan struct{}
}

func (p *dyingProcess) Stream() net.Conn { return p.stream }
func (p *dyingProcess) Terminate()       {}
func (p *dyingProcess) Kill()            {}

func (p *dyingProcess) Wait() supervise.Exit {
	<-p.dead
	return supervise.Exit{Code: 2, MemoryLine: "memory ran out"}
}

// startDying starts a daemon whose workers die.
func startDying(t *testing.T, l *dyingLauncher) (*testDaemon, protocol.JobSpec) {
	t.Helper()
	o := testOptions(shortHome(t))
	o.Launcher = l
	return startDaemon(t, o), spec(t, script{})
}

func TestWorkersThatDoNotGetSmallerAreNotStartedForEver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fit     func(worker int) *int
		workers int
	}{
		"that tell nothing":                {func(int) *int { return nil }, 2},
		"that keep to what was ordered":    {func(int) *int { return new(3) }, 2},
		"that get smaller once":            {func(worker int) *int { return new(3 * min(worker, 2)) }, 3},
		"that get smaller without an end":  {func(worker int) *int { return new(3 * worker) }, mostDeaths},
		"that get smaller and then larger": {func(worker int) *int { return new([]int{3, 12, 6}[worker-1]) }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &dyingLauncher{fit: c.fit}
			d, s := startDying(t, l)
			client := connect(t, d.home)
			failed := mustWait(t, client, mustCreate(t, client, s).JobID)
			if failed.Status != protocol.StatusFailed || failed.Error.Code != protocol.CodeOutOfMemory {
				t.Errorf("ended as %+v, %v", failed.TrainingStatus, failed.Error)
			}
			if len(l.starts) != c.workers {
				t.Errorf("%d workers, want %d", len(l.starts), c.workers)
			}
			for i, start := range l.starts {
				if (start.Before.OutOfMemory != "") != (i > 0) {
					t.Errorf("worker %d was told %+v", i+1, start.Before)
				}
			}
		})
	}
}

// A worker that dies while it is told to stop is followed by no other.
func TestNoWorkerFollowsOnceTheJobIsToStop(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(t *testing.T, d *testDaemon, cancel func()){
		"cancelled":       func(_ *testing.T, _ *testDaemon, cancel func()) { cancel() },
		"the daemon ends": func(t *testing.T, d *testDaemon, _ func()) { _ = d.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &dyingLauncher{held: true, fit: func(int) *int { return nil }}
			d, s := startDying(t, l)
			client := connect(t, d.home)
			job := mustCreate(t, client, s)
			awaitEvent(t, client, job.JobID, func(e protocol.JobEvent) bool { return e.Status != nil && e.Status.Phase == protocol.PhaseLoading })
			stop(t, d, func() {
				if _, err := client.Cancel(t.Context(), job.JobID); err != nil {
					t.Error(err)
				}
				if ended := mustWait(t, client, job.JobID); ended.Status != protocol.StatusCancelled {
					t.Errorf("ended as %+v", ended.TrainingStatus)
				}
			})
			if err := d.stop(); err != nil {
				t.Error(err)
			}
			if len(l.starts) != 1 {
				t.Errorf("%d workers", len(l.starts))
			}
		})
	}
}
