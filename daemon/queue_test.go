package daemon

import (
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestAPausedQueueStaysPausedAndJobsThatRunGoOn(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s, open := gated(t, script{Steps: 2})
	running := mustCreate(t, client, s)
	awaitStep(t, client, running.JobID, 2)
	queue, err := client.QueuePause(t.Context())
	if err != nil || !queue.Paused || len(queue.Running) != 1 {
		t.Fatalf("%+v, %v", queue, err)
	}
	waits := mustCreate(t, client, spec(t, script{Steps: 1}))
	open()
	if done := mustWait(t, client, running.JobID); done.Status != protocol.StatusCompleted {
		t.Errorf("%+v", done.TrainingStatus)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, testOptions(d.home))
	client = connect(t, d.home)
	if status, err := client.DaemonStatus(t.Context()); err != nil || !status.QueuePaused {
		t.Errorf("%+v, %v", status, err)
	}
	if job, err := client.Job(t.Context(), waits.JobID); err != nil || job.Waiting == nil || job.Waiting.Reason != protocol.WaitQueuePaused {
		t.Errorf("%+v, %v", job, err)
	}
	if _, err := client.QueueResume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if done := mustWait(t, client, waits.JobID); done.Status != protocol.StatusCompleted {
		t.Errorf("%+v", done.TrainingStatus)
	}
}

func TestADrainedDaemonLeavesItsQueueToTheNext(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s, open := gated(t, script{Steps: 2})
	running := mustCreate(t, client, s)
	awaitStep(t, client, running.JobID, 2)
	waits := mustCreate(t, client, spec(t, script{Steps: 1}))
	left, err := client.Shutdown(t.Context(), protocol.ShutdownDrained)
	if err != nil || len(left.WaitingFor) != 1 || left.WaitingFor[0] != running.JobID {
		t.Fatalf("%+v, %v", left, err)
	}
	if job, err := client.Job(t.Context(), waits.JobID); err != nil || job.Waiting == nil || job.Waiting.Reason != protocol.WaitDraining {
		t.Errorf("%+v, %v", job, err)
	}
	_, err = client.CreateJob(t.Context(), spec(t, script{}))
	wantCode(t, err, protocol.CodeConflict, "shutting down")
	open()
	if err := d.wait(); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, testOptions(d.home))
	client = connect(t, d.home)
	for _, id := range []string{running.JobID, waits.JobID} {
		if done := mustWait(t, client, id); done.Status != protocol.StatusCompleted || done.Attempts != 1 {
			t.Errorf("%+v", done.TrainingStatus)
		}
	}
}
