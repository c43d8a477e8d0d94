package daemon

import (
	"strconv"
	"testing"
	"time"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/protocol"
	"golang.org/x/sys/unix"
)

func TestACrashedJobGoesOnFromItsCheckpoint(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	s := spec(t, script{Steps: 9, CheckpointEvery: 2, CrashAt: []int{3, 6}})
	done := mustWait(t, client, mustCreate(t, client, s).JobID)
	if done.Status != protocol.StatusCompleted || done.Attempts != 3 || len(starts(t, s)) != 3 {
		t.Fatalf("after %d workers: %+v", len(starts(t, s)), done.TrainingStatus)
	}
	events := allEvents(t, client, done.JobID)
	wantStepsOnce(t, events, 9)
	var reasons []string
	for _, event := range events {
		if event.Status != nil && event.Status.Waiting != nil {
			reasons = append(reasons, event.Status.Waiting.Message)
		}
	}
	if len(reasons) != 2 {
		t.Fatalf("waited for %q", reasons)
	}
	for i, says := range []string{"goes on from the checkpoint of step 2", "goes on from the checkpoint of step 6"} {
		wantSays(t, reasons[i], says, "exited with code 3", "retry "+strconv.Itoa(i+1)+" of 3")
	}
	usage, err := client.Usage(t.Context(), protocol.UsageParams{})
	if err != nil || len(usage.Runs) != 3 || len(usage.Totals) != 1 || usage.Totals[0].Steps != 9 || usage.Totals[0].Jobs != 1 {
		t.Errorf("usage %+v, %v", usage, err)
	}
	_ = d
}

func TestACrashThatRepeatsItselfEndsTheJob(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	s := spec(t, script{Steps: 9, CheckpointEvery: 2, CrashAt: []int{5, 5, 5}})
	failed := mustWait(t, client, mustCreate(t, client, s).JobID)
	if failed.Status != protocol.StatusFailed || len(starts(t, s)) != 2 {
		t.Fatalf("after %d workers: %+v", len(starts(t, s)), failed.TrainingStatus)
	}
	wantCode(t, failed.Error, protocol.CodeWorkerCrashed, "twice in the same way", "exited with code 3", "it broke at step 5")
	if failed.ResumableFrom == nil || *failed.ResumableFrom != 4 {
		t.Errorf("resumable from %v", failed.ResumableFrom)
	}
	// Somebody who asks for it gets another two attempts.
	if _, err := client.Retry(t.Context(), failed.JobID); err != nil {
		t.Fatal(err)
	}
	if done := mustWait(t, client, failed.JobID); done.Status != protocol.StatusCompleted || done.Attempts != 4 {
		t.Errorf("tried again: %+v", done.TrainingStatus)
	}
}

func TestRetriesAreLimitedAndPutOff(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Training.MaxRetries = 2
	startDaemon(t, o)
	client := connect(t, o.Home)
	s := spec(t, script{Steps: 9, CrashAt: []int{1, 2, 3, 4}})
	failed := mustWait(t, client, mustCreate(t, client, s).JobID)
	if failed.Status != protocol.StatusFailed || len(starts(t, s)) != 3 {
		t.Fatalf("after %d workers: %+v", len(starts(t, s)), failed.TrainingStatus)
	}
	wantCode(t, failed.Error, protocol.CodeWorkerCrashed, "after 2 retries")
}

func TestAJobInBackoffSaysSoAndCanBeCancelled(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Training.RetryBackoff = time.Hour
	o.Config.Training.RetryBackoffMax = time.Hour
	startDaemon(t, o)
	client := connect(t, o.Home)
	job := mustCreate(t, client, spec(t, script{Steps: 3, CrashAt: []int{2}}))
	awaitEvent(t, client, job.JobID, func(e protocol.JobEvent) bool {
		return e.Status != nil && e.Status.Waiting != nil && e.Status.Waiting.Reason == protocol.WaitBackoff
	})
	now, err := client.Job(t.Context(), job.JobID)
	if err != nil || now.Status != protocol.StatusQueued || now.Waiting == nil || now.Waiting.Until == nil || time.Until(*now.Waiting.Until) < 59*time.Minute {
		t.Errorf("%+v, %v", now, err)
	}
	if cancelled, err := client.Cancel(t.Context(), job.JobID); err != nil || cancelled.Status != protocol.StatusCancelled {
		t.Errorf("%+v, %v", cancelled, err)
	}
}

func TestAKilledWorkerIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	s := spec(t, script{Steps: 12, CheckpointEvery: 5, StandAt: 8})
	job := mustCreate(t, client, s)
	awaitStep(t, client, job.JobID, 8)
	pid, err := strconv.Atoi(starts(t, s)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	done := mustWait(t, client, job.JobID)
	if done.Status != protocol.StatusCompleted || done.Attempts != 2 {
		t.Errorf("%+v", done.TrainingStatus)
	}
	wantStepsOnce(t, allEvents(t, client, job.JobID), 12)
}

func TestBackoffDoublesUpToItsLimit(t *testing.T) {
	t.Parallel()
	settings := config.Training{RetryBackoff: 10 * time.Second, RetryBackoffMax: time.Minute}
	for retries, want := range []time.Duration{10, 20, 40, 60, 60} {
		if got := backoff(settings, retries); got != want*time.Second {
			t.Errorf("after %d retries %s, want %s", retries, got, want*time.Second)
		}
	}
	if got := backoff(settings, 1<<30); got != time.Minute {
		t.Errorf("after very many retries %s", got)
	}
}

func TestAJobThatRunsTooLongIsStopped(t *testing.T) {
	t.Parallel()
	o := testOptions(shortHome(t))
	o.Config.Training.MaxJobTime = 300 * time.Millisecond
	startDaemon(t, o)
	client := connect(t, o.Home)
	failed := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 20, StandAt: 4})).JobID)
	if failed.Status != protocol.StatusFailed || failed.ResumableFrom == nil {
		t.Errorf("%+v", failed.TrainingStatus)
	}
	wantCode(t, failed.Error, protocol.CodeTimeLimit, "training.max_job_time")
}
