package daemon

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"golang.org/x/sys/unix"
)

// watchProcess returns a function that waits for a process's end, whoever its parent is.
func watchProcess(t *testing.T, pid string) (awaitEnd func()) {
	t.Helper()
	number, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	process, err := unix.PidfdOpen(number, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(process) })
	return func() {
		t.Helper()
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, int(patience.Milliseconds()))
			if err == unix.EINTR {
				continue
			}
			if n != 1 || err != nil {
				t.Fatalf("process %s does not end: %v", pid, err)
			}
			return
		}
	}
}

// TestDaemonKilledAndRestarted kills -9 a daemon with one job running and more waiting.
func TestDaemonKilledAndRestarted(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	process := daemonProcess(t, home)
	client := connect(t, home)
	before := client.Server().Server.InstanceID
	done := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 5})).JobID)
	runningSpec := spec(t, script{Steps: 60, StandAt: 45, CheckpointEvery: 20})
	running := mustCreate(t, client, runningSpec)
	waitingSpec := spec(t, script{Steps: 2})
	waiting := mustCreate(t, client, waitingSpec)
	awaitStep(t, client, running.JobID, 45)
	eventsBefore := allEvents(t, client, running.JobID)
	awaitWorkerEnd := watchProcess(t, starts(t, runningSpec)[0])
	if err := os.Mkdir(filepath.Join(home, "adapters", ".tmp-stray"), 0o700); err != nil {
		t.Fatal(err)
	}

	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait() // it says "signal: killed"
	awaitWorkerEnd()

	daemonProcess(t, home)
	client = connect(t, home)
	if after := client.Server().Server.InstanceID; after == before {
		t.Errorf("the instance is still %s", after)
	}
	if job := mustWait(t, client, done.JobID); job.Status != protocol.StatusCompleted || job.Adapter == nil {
		t.Errorf("the completed job is %+v", job.TrainingStatus)
	}
	resumed := mustWait(t, client, running.JobID)
	if resumed.Status != protocol.StatusCompleted || resumed.Attempts != 2 {
		t.Errorf("the running job is %+v", resumed.TrainingStatus)
	}
	if job := mustWait(t, client, waiting.JobID); job.Status != protocol.StatusCompleted || job.Step != 2 {
		t.Errorf("the waiting job is %+v", job.TrainingStatus)
	}
	if a, b := starts(t, runningSpec), starts(t, waitingSpec); len(a) != 2 || len(b) != 1 {
		t.Errorf("runners: %v and %v, want two, one after the other, and one", a, b)
	}
	eventsAfter := allEvents(t, client, running.JobID)
	if !slices.EqualFunc(eventsBefore, eventsAfter[:len(eventsBefore)], func(a, b protocol.JobEvent) bool { return a.Cursor == b.Cursor && a.Type == b.Type }) {
		t.Errorf("%d events before are not the first of %d after", len(eventsBefore), len(eventsAfter))
	}
	told := eventsAfter[len(eventsBefore)]
	wantSays(t, told.Message, "the daemon stopped while the job was at step 45; it goes on from the checkpoint of step 40")
	wantStepsOnce(t, eventsAfter, 60)
	left, err := filepath.Glob(filepath.Join(home, "adapters", ".tmp-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("unfinished adapters are left: %v, %v", left, err)
	}
	if _, err := client.Shutdown(t.Context(), "now"); err != nil {
		t.Error(err)
	}
}

// TestRecoveryOfEveryLivingState writes what a dead daemon may have left and lets a new one find it.
func TestRecoveryOfEveryLivingState(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	jobs, err := store.Open(t.Context(), filepath.Join(home, "scu.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"job-told-to-stop", "job-told-to-pause", "job-almost-done"} {
		if _, _, err := jobs.CreateJob(t.Context(), store.NewJob{ID: id, Name: id, Owner: localOwner, Device: "cpu", Spec: spec(t, script{})}); err != nil {
			t.Fatal(err)
		}
		if _, err := jobs.StartJob(t.Context(), id, store.Start{AdapterID: "adapter-of-" + id, Device: "cpu"}); err != nil {
			t.Fatal(err)
		}
		// The worker has renamed its directory, and the daemon died before it could write the row.
		if err := os.MkdirAll(filepath.Join(home, "adapters", "adapter-of-"+id), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := jobs.RequestCancel(t.Context(), "job-told-to-stop", protocol.NewError(protocol.CodeCancelled, "enough")); err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.RequestPause(t.Context(), "job-told-to-pause", protocol.Waiting{Reason: protocol.WaitUser, Message: "a pause"}); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Close(); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, testOptions(home))
	client := connect(t, home)
	if job, err := client.Job(t.Context(), "job-told-to-pause"); err != nil || job.Status != protocol.StatusPaused || job.Waiting == nil || job.Waiting.Message != "a pause" {
		t.Errorf("the job that was told to pause is %+v, %v", job, err)
	}
	if job := mustWait(t, client, "job-told-to-stop"); job.Status != protocol.StatusCancelled || job.Error.Code != protocol.CodeCancelled {
		t.Errorf("the job that was told to stop is %+v", job.TrainingStatus)
	}
	done := mustWait(t, client, "job-almost-done")
	if done.Status != protocol.StatusCompleted || done.Attempts != 2 {
		t.Fatalf("the job without daemon is %+v", done.TrainingStatus)
	}
	if left, err := os.ReadDir(filepath.Join(home, "adapters")); err != nil || len(left) != 1 || left[0].Name() != done.Adapter.ID {
		t.Errorf("directories without a row are left: %v, %v", left, err)
	}
}

func TestEndStopsWorkersAndKeepsTheQueue(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *testDaemon, *rpc.Client){
		"its context ends": func(t *testing.T, d *testDaemon, _ *rpc.Client) {},
		"shutdown now": func(t *testing.T, d *testDaemon, client *rpc.Client) {
			result, err := client.Shutdown(t.Context(), "now")
			if err != nil || len(result.WaitingFor) != 1 {
				t.Errorf("shutdown gave %+v, %v", result, err)
			}
			if err := d.wait(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, client := startAndConnect(t)
			runningSpec := spec(t, script{Steps: 2, StandAt: 1})
			running := mustCreate(t, client, runningSpec)
			awaitStep(t, client, running.JobID, 1)
			waiting := mustCreate(t, client, spec(t, script{}))
			awaitWorkerEnd := watchProcess(t, starts(t, runningSpec)[0])
			follower, err := client.Subscribe(t.Context(), running.JobID, nil)
			if err != nil {
				t.Fatal(err)
			}
			end(t, d, client)
			if err := d.stop(); err != nil {
				t.Fatal(err)
			}
			awaitWorkerEnd()
			read(t, follower, follower.Result.Cursor, func(e protocol.JobEvent) bool { // fails unless it is seen
				return e.Status != nil && e.Status.Status == protocol.StatusQueued
			})

			startDaemon(t, testOptions(d.home))
			again := connect(t, d.home)
			if done := mustWait(t, again, running.JobID); done.Status != protocol.StatusCompleted || done.Attempts != 2 {
				t.Errorf("the running job is %+v", done.TrainingStatus)
			}
			wantStepsOnce(t, allEvents(t, again, running.JobID), 2)
			if job := mustWait(t, again, waiting.JobID); job.Status != protocol.StatusCompleted {
				t.Errorf("the waiting job is %+v", job.TrainingStatus)
			}
		})
	}
}

func TestShutdownWhenIdle(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s, open := gated(t, script{})
	job := mustCreate(t, client, s)
	result, err := client.Shutdown(t.Context(), "")
	if err != nil || len(result.WaitingFor) != 1 || result.WaitingFor[0] != job.JobID {
		t.Fatalf("shutdown gave %+v, %v", result, err)
	}
	_, err = client.CreateJob(t.Context(), spec(t, script{}))
	wantCode(t, err, protocol.CodeConflict, "shutting down")
	follower, err := client.Subscribe(t.Context(), job.JobID, nil)
	if err != nil {
		t.Fatal(err)
	}
	open()
	completed := false
	if _, ended := read(t, follower, follower.Result.Cursor, func(e protocol.JobEvent) bool {
		completed = completed || e.Status != nil && e.Status.Status == protocol.StatusCompleted
		return false
	}); !ended || !completed {
		t.Errorf("the job's completion was not seen")
	}
	if err := d.wait(); err != nil {
		t.Error(err)
	}
}

func TestStatusAndSecondDaemon(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	mustWait(t, client, mustCreate(t, client, spec(t, script{})).JobID)
	status, err := client.DaemonStatus(t.Context())
	if err != nil || status.PID != os.Getpid() || status.Version != "1.2.3" || status.Home != d.home || status.Socket != rpc.SocketPath(d.home) ||
		status.Jobs[protocol.StatusCompleted] != 1 || status.Jobs[protocol.StatusQueued] != 0 || status.UptimeSeconds <= 0 {
		t.Errorf("status %+v, %v", status, err)
	}
	var running *rpc.AlreadyRunningError
	if err := Run(t.Context(), testOptions(d.home)); !errors.As(err, &running) {
		t.Errorf("a second daemon ended with %v", err)
	}
	if _, err := client.DaemonStatus(t.Context()); err != nil {
		t.Errorf("the first daemon suffered: %v", err)
	}
}

func TestUnusableStoreIsExplained(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	path := filepath.Join(home, "scu.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("this is no database\n"), 500), 0o600); err != nil {
		t.Fatal(err)
	}
	err := Run(t.Context(), testOptions(home))
	if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged store: %v", err)
	}
	if err := Run(t.Context(), testOptions(home)); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("the first failure did not let go of the home: %v", err)
	}
}

func TestClientThatVanishesLeavesNothing(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s, open := gated(t, script{Steps: 300})
	job := mustCreate(t, client, s)
	subscription, err := client.Subscribe(t.Context(), job.JobID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := subscription.Next(t.Context()); err == nil || errors.Is(err, io.EOF) {
		for err == nil { // what had come before it was closed
			_, err = subscription.Next(t.Context())
		}
	}
	open()
	if job := mustWait(t, connect(t, d.home), job.JobID); job.Status != protocol.StatusCompleted {
		t.Errorf("the job is %+v", job.TrainingStatus)
	}
}
