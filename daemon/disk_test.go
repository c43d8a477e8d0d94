package daemon

import (
	"sync/atomic"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// disk is a file system whose free space a test decides.
type disk struct{ free atomic.Int64 }

func (d *disk) freeBytes(string) (int64, error) { return d.free.Load(), nil }

func TestAFullDiskPausesJobsUntilThereIsSpace(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Storage.MinFree = 1000
	var disk disk
	disk.free.Store(5000)
	o.FreeBytes = disk.freeBytes
	startDaemon(t, o)
	client := connect(t, o.Home)
	running := mustCreate(t, client, spec(t, script{Steps: 9, StandAt: 4}))
	awaitStep(t, client, running.JobID, 4)
	queued := mustCreate(t, client, spec(t, script{Steps: 2}))

	disk.free.Store(10)
	awaitEvent(t, client, running.JobID, func(e protocol.JobEvent) bool { return e.Status != nil && e.Status.Status == protocol.StatusPaused })
	paused, err := client.Job(t.Context(), running.JobID)
	if err != nil || paused.Waiting == nil || paused.Waiting.Reason != protocol.WaitDisk {
		t.Fatalf("%+v, %v", paused, err)
	}
	wantSays(t, paused.Waiting.Message, "MB free", "goes on by itself")
	if waits, err := client.Job(t.Context(), queued.JobID); err != nil || waits.Waiting == nil || waits.Waiting.Reason != protocol.WaitDisk || waits.Attempts != 0 {
		t.Errorf("the queued job: %+v, %v", waits, err)
	}
	if status, err := client.DaemonStatus(t.Context()); err != nil || !status.DiskLow || status.DiskFreeBytes != 10 {
		t.Errorf("%+v, %v", status, err)
	}
	_, err = client.CreateJob(t.Context(), spec(t, script{}))
	wantCode(t, err, protocol.CodeOutOfDisk, "MB free")

	disk.free.Store(5000)
	for _, job := range []*protocol.Job{running, queued} {
		if done := mustWait(t, client, job.JobID); done.Status != protocol.StatusCompleted {
			t.Errorf("%+v", done.TrainingStatus)
		}
	}
	wantStepsOnce(t, allEvents(t, client, running.JobID), 9)
}

func TestAJobPausedForDiskOutlivesItsDaemon(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Storage.MinFree = 1000
	var disk disk
	disk.free.Store(5000)
	o.FreeBytes = disk.freeBytes
	d := startDaemon(t, o)
	client := connect(t, o.Home)
	// One that the worker itself finds the disk full for, and one that somebody pauses besides.
	job := mustCreate(t, client, spec(t, script{Steps: 5, StandAt: 2}))
	awaitStep(t, client, job.JobID, 2)
	disk.free.Store(0)
	awaitEvent(t, client, job.JobID, func(e protocol.JobEvent) bool { return e.Status != nil && e.Status.Status == protocol.StatusPaused })
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	disk.free.Store(5000)
	startDaemon(t, o)
	client = connect(t, o.Home)
	if done := mustWait(t, client, job.JobID); done.Status != protocol.StatusCompleted {
		t.Errorf("%+v", done.TrainingStatus)
	}
}

func TestAJobThatSomebodyPausedStaysPausedWhenThereIsSpace(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Storage.MinFree = 1000
	var disk disk
	disk.free.Store(5000)
	o.FreeBytes = disk.freeBytes
	startDaemon(t, o)
	client := connect(t, o.Home)
	job := mustCreate(t, client, spec(t, script{Steps: 5, StandAt: 2}))
	awaitStep(t, client, job.JobID, 2)
	disk.free.Store(0)
	awaitEvent(t, client, job.JobID, func(e protocol.JobEvent) bool { return e.Status != nil && e.Status.Status == protocol.StatusPaused })
	if paused, err := client.Pause(t.Context(), job.JobID); err != nil || paused.Waiting.Reason != protocol.WaitUser {
		t.Fatalf("%+v, %v", paused, err)
	}
	disk.free.Store(5000)
	other := spec(t, script{Steps: 1})
	var done *protocol.Job
	for done == nil { // refused until the daemon has seen the space
		if created, err := client.CreateJob(t.Context(), other); err == nil {
			done = mustWait(t, client, created.JobID)
		}
	}
	if now, err := client.Job(t.Context(), job.JobID); err != nil || now.Status != protocol.StatusPaused {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestAWorkerThatFindsNoSpaceIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	var disk disk
	disk.free.Store(4 << 20)
	o.FreeBytes = disk.freeBytes
	startDaemon(t, o)
	client := connect(t, o.Home)
	s := spec(t, script{Steps: 5, CheckpointEvery: 2, DiskFullAt: 4})
	job := mustCreate(t, client, s)
	awaitEvent(t, client, job.JobID, func(e protocol.JobEvent) bool { return e.Status != nil && e.Status.Status == protocol.StatusPaused })
	if paused, err := client.Job(t.Context(), job.JobID); err != nil || paused.Status != protocol.StatusPaused || paused.Waiting.Reason != protocol.WaitDisk {
		t.Fatalf("%+v, %v", paused, err)
	}
	disk.free.Store(8 << 20)
	done := mustWait(t, client, job.JobID)
	if done.Status != protocol.StatusCompleted || len(starts(t, s)) != 2 {
		t.Errorf("after %d workers: %+v", len(starts(t, s)), done.TrainingStatus)
	}
	wantStepsOnce(t, allEvents(t, client, done.JobID), 5)
}
