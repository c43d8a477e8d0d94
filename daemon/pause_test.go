package daemon

import (
	"os"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestARunningJobIsPausedAndGoesOn(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s := spec(t, script{Steps: 20, StandAt: 8})
	job := mustCreate(t, client, s)
	awaitStep(t, client, job.JobID, 8)
	paused, err := client.Pause(t.Context(), job.Name)
	if err != nil || paused.Status != protocol.StatusPaused || paused.Waiting == nil || paused.Waiting.Reason != protocol.WaitUser {
		t.Fatalf("paused: %+v, %v", paused, err)
	}
	if paused.ResumableFrom == nil || *paused.ResumableFrom != 8 || paused.Step != 8 {
		t.Errorf("resumable from %v at step %d", paused.ResumableFrom, paused.Step)
	}
	again, err := client.Pause(t.Context(), job.JobID)
	if err != nil || again.Status != protocol.StatusPaused {
		t.Errorf("pausing a paused job: %+v, %v", again, err)
	}
	_, err = client.Retry(t.Context(), job.JobID)
	wantCode(t, err, protocol.CodeConflict, "is paused", "scu resume")

	// It stays paused through the daemon's end and comes back under the next one.
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, testOptions(d.home))
	client = connect(t, d.home)
	if job, err := client.Job(t.Context(), job.JobID); err != nil || job.Status != protocol.StatusPaused {
		t.Fatalf("after a restart: %+v, %v", job, err)
	}
	if resumed, err := client.Resume(t.Context(), job.JobID); err != nil || resumed.Status != protocol.StatusQueued || resumed.Waiting != nil && resumed.Waiting.Reason == protocol.WaitUser {
		t.Fatalf("resumed: %+v, %v", resumed, err)
	}
	done := mustWait(t, client, job.JobID)
	if done.Status != protocol.StatusCompleted || done.Step != 20 || done.Attempts != 2 || len(starts(t, s)) != 2 {
		t.Errorf("in the end: %+v after %d workers", done.TrainingStatus, len(starts(t, s)))
	}
	wantStepsOnce(t, allEvents(t, client, job.JobID), 20)
	_, err = client.Resume(t.Context(), job.JobID)
	wantCode(t, err, protocol.CodeConflict, "is completed")
	_, err = client.Pause(t.Context(), job.JobID)
	wantCode(t, err, protocol.CodeConflict, "nothing to pause")
}

func TestAQueuedJobIsPausedAndCancelled(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	if _, err := client.QueuePause(t.Context()); err != nil {
		t.Fatal(err)
	}
	job := mustCreate(t, client, spec(t, script{Steps: 1}))
	if paused, err := client.Pause(t.Context(), job.JobID); err != nil || paused.Status != protocol.StatusPaused {
		t.Fatalf("%+v, %v", paused, err)
	}
	if _, err := client.QueueResume(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 1})).JobID)
	if other.Status != protocol.StatusCompleted {
		t.Errorf("the job after it: %+v", other.TrainingStatus)
	}
	if job, err := client.Job(t.Context(), job.JobID); err != nil || job.Status != protocol.StatusPaused || job.Attempts != 0 {
		t.Errorf("the paused job: %+v, %v", job, err)
	}
	if cancelled, err := client.Cancel(t.Context(), job.JobID); err != nil || cancelled.Status != protocol.StatusCancelled {
		t.Errorf("%+v, %v", cancelled, err)
	}
}

// A job that is cancelled while its worker writes the checkpoint of a pause is cancelled.
func TestCancellingOverridesPausing(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s := spec(t, script{Steps: 5, StandAt: 3, DeafToPause: true})
	job := mustCreate(t, client, s)
	awaitStep(t, client, job.JobID, 3)
	paused := make(chan error, 1)
	other := connect(t, d.home)
	go func() {
		status, err := other.Pause(t.Context(), job.JobID)
		if err == nil && status.Status != protocol.StatusCancelled {
			t.Errorf("the pause was answered with %+v", status)
		}
		paused <- err
	}()
	awaitEvent(t, client, job.JobID, func(e protocol.JobEvent) bool { return e.Type == protocol.EventLog && e.Message == "paused by a test" })
	if cancelled, err := client.Cancel(t.Context(), job.JobID); err != nil || cancelled.Status != protocol.StatusCancelled {
		t.Errorf("%+v, %v", cancelled, err)
	}
	if err := <-paused; err != nil {
		t.Error(err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.home + "/checkpoints/" + job.JobID); !os.IsNotExist(err) {
		t.Errorf("checkpoints of a cancelled job: %v", err)
	}
}

func TestPrioritiesDecideAndCanBeChanged(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	if _, err := client.QueuePause(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, priority := range []int{0, 5, 0} {
		s := spec(t, script{Steps: 1})
		s.Priority = priority
		ids = append(ids, mustCreate(t, client, s).JobID)
	}
	status, err := client.SetPriority(t.Context(), ids[2], 50)
	if err != nil || status.Priority != 50 || status.QueuePosition == nil || *status.QueuePosition != 1 || status.Waiting.Reason != protocol.WaitQueuePaused {
		t.Errorf("%+v, %v", status, err)
	}
	_, err = client.SetPriority(t.Context(), ids[2], 101)
	wantCode(t, err, protocol.CodeInvalidConfig, "-100 to 100")
	queue, err := client.QueueResume(t.Context())
	if err != nil || queue.Paused || queue.MaxConcurrent != 1 {
		t.Fatalf("%+v, %v", queue, err)
	}
	var started []protocol.Job
	for _, i := range []int{2, 1, 0} {
		started = append(started, *mustWait(t, client, ids[i]))
	}
	for i := 1; i < len(started); i++ {
		if started[i].StartedAt.Before(*started[i-1].CompletedAt) {
			t.Errorf("job %d of the order began at %v, before the one ahead of it was done at %v", i, started[i].StartedAt, started[i-1].CompletedAt)
		}
	}
	_, err = client.SetPriority(t.Context(), ids[0], 3)
	wantCode(t, err, protocol.CodeConflict, "completed")
}

// wantStepsOnce checks that the events of a job tell each of so many steps once, in order.
func wantStepsOnce(t *testing.T, events []protocol.JobEvent, want int) {
	t.Helper()
	steps := 0
	for _, event := range events {
		if event.Metrics != nil {
			if steps++; event.Metrics.Step != steps {
				t.Errorf("step %d is told where step %d should be", event.Metrics.Step, steps)
			}
		}
	}
	if steps != want {
		t.Errorf("%d steps told, want %d", steps, want)
	}
}

func TestACancelledJobLeavesNoCheckpoints(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s := spec(t, script{Steps: 9, StandAt: 4})
	job := mustCreate(t, client, s)
	awaitStep(t, client, job.JobID, 4)
	if paused, err := client.Pause(t.Context(), job.JobID); err != nil || paused.ResumableFrom == nil {
		t.Fatalf("%+v, %v", paused, err)
	}
	if cancelled, err := client.Cancel(t.Context(), job.JobID); err != nil || cancelled.Status != protocol.StatusCancelled {
		t.Fatalf("%+v, %v", cancelled, err)
	}
	if _, err := os.Stat(d.home + "/checkpoints/" + job.JobID); !os.IsNotExist(err) {
		t.Errorf("checkpoints of a cancelled job: %v", err)
	}
	if _, err := client.Retry(t.Context(), job.JobID); err != nil {
		t.Fatal(err)
	}
	if done := mustWait(t, client, job.JobID); done.Status != protocol.StatusCompleted {
		t.Errorf("%+v", done.TrainingStatus)
	}
	wantStepsOnce(t, allEvents(t, client, job.JobID), 9)
}
