package daemon

import (
	"sync/atomic"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// disk is a file system whose free space a test decides.
type disk struct{ free atomic.Int64 }

// plenty is free at the start of a test.
const plenty = 4 << 20

// onDisk makes options of a daemon whose home is on a disk with plenty of space.
func onDisk(t *testing.T) (*disk, Options) {
	t.Helper()
	d := &disk{}
	d.free.Store(plenty)
	o := testOptions(shortHome(t))
	o.FreeBytes = func(string) (int64, error) { return d.free.Load(), nil }
	return d, o
}

// standing submits a job whose first worker stands still after a step.
func standing(t *testing.T, client *rpc.Client, step int) *protocol.Job {
	t.Helper()
	job := mustCreate(t, client, spec(t, script{Steps: 9, StandAt: step}))
	awaitStep(t, client, job.JobID, step)
	return job
}

func awaitPause(t *testing.T, client *rpc.Client, id string) *protocol.Job {
	t.Helper()
	awaitEvent(t, client, id, func(e protocol.JobEvent) bool { return e.Status != nil && e.Status.Status == protocol.StatusPaused })
	job, err := client.Job(t.Context(), id)
	if err != nil || job.Waiting == nil || job.Waiting.Reason != protocol.WaitDisk {
		t.Fatalf("paused for want of space: %+v, %v", job, err)
	}
	return job
}

func TestAFullDiskPausesJobsUntilThereIsSpace(t *testing.T) {
	t.Parallel()
	disk, o := onDisk(t)
	startDaemon(t, o)
	client := connect(t, o.Home)
	running := standing(t, client, 4)
	queued := mustCreate(t, client, spec(t, script{Steps: 2}))

	disk.free.Store(10)
	paused := awaitPause(t, client, running.JobID)
	wantSays(t, paused.Waiting.Message, "MB free", "goes on by itself")
	if waits, err := client.Job(t.Context(), queued.JobID); err != nil || waits.Waiting == nil || waits.Waiting.Reason != protocol.WaitDisk || waits.Attempts != 0 {
		t.Errorf("the queued job: %+v, %v", waits, err)
	}
	if status, err := client.DaemonStatus(t.Context()); err != nil || !status.DiskLow || status.DiskFreeBytes != 10 {
		t.Errorf("%+v, %v", status, err)
	}
	_, err := client.CreateJob(t.Context(), spec(t, script{}))
	wantCode(t, err, protocol.CodeOutOfDisk, "MB free")

	disk.free.Store(plenty)
	for _, job := range []*protocol.Job{running, queued} {
		if done := mustWait(t, client, job.JobID); done.Status != protocol.StatusCompleted {
			t.Errorf("%+v", done.TrainingStatus)
		}
	}
	wantStepsOnce(t, allEvents(t, client, running.JobID), 9)
}

func TestAJobPausedForDiskOutlivesItsDaemon(t *testing.T) {
	t.Parallel()
	disk, o := onDisk(t)
	d := startDaemon(t, o)
	client := connect(t, o.Home)
	job := standing(t, client, 2)
	disk.free.Store(0)
	awaitPause(t, client, job.JobID)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	disk.free.Store(plenty)
	startDaemon(t, o)
	client = connect(t, o.Home)
	if done := mustWait(t, client, job.JobID); done.Status != protocol.StatusCompleted {
		t.Errorf("%+v", done.TrainingStatus)
	}
}

func TestAJobThatSomebodyPausedStaysPausedWhenThereIsSpace(t *testing.T) {
	t.Parallel()
	disk, o := onDisk(t)
	startDaemon(t, o)
	client := connect(t, o.Home)
	job := standing(t, client, 2)
	disk.free.Store(0)
	awaitPause(t, client, job.JobID)
	if paused, err := client.Pause(t.Context(), job.JobID); err != nil || paused.Waiting.Reason != protocol.WaitUser {
		t.Fatalf("%+v, %v", paused, err)
	}
	disk.free.Store(plenty)
	other := standing(t, client, 1) // it runs once the daemon has seen the space
	if now, err := client.Job(t.Context(), job.JobID); err != nil || now.Status != protocol.StatusPaused {
		t.Errorf("%+v, %v", now, err)
	}
	if _, err := client.Cancel(t.Context(), other.JobID); err != nil {
		t.Error(err)
	}
}

func TestAWorkerThatFindsNoSpaceIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	disk, o := onDisk(t)
	startDaemon(t, o)
	client := connect(t, o.Home)
	s := spec(t, script{Steps: 5, CheckpointEvery: 2, DiskFullAt: 4})
	job := mustCreate(t, client, s)
	awaitPause(t, client, job.JobID)
	disk.free.Store(2 * plenty)
	done := mustWait(t, client, job.JobID)
	if done.Status != protocol.StatusCompleted || len(starts(t, s)) != 2 {
		t.Errorf("after %d workers: %+v", len(starts(t, s)), done.TrainingStatus)
	}
	wantStepsOnce(t, allEvents(t, client, done.JobID), 5)
}
