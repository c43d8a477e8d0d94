package main

import (
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// TestPauseAndResume also follows the jobs, which goes on over every pause.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	ask := func(arguments ...string) outcomeOf { return scu(t, home, arguments...).expect(t, 0, "") }
	ask(trainArguments(modelSlow, "first")...)
	ask(trainArguments(modelSlow, "second")...)
	client := connectTo(t, home)
	await(t, client, "first", func(e protocol.JobEvent) bool { return e.Metrics != nil })

	// There is one device: first runs and second waits. Of three names the good two are done, and the third is told.
	both := decode[[]answer[protocol.TrainingStatus]](t, scu(t, home, "pause", "first", "nobody", "second", "--json").expect(t, exitFailed, `"nobody"`))
	if len(both) != 3 || both[1].Error.Code != protocol.CodeNotFound || both[1].Result != nil {
		t.Fatalf("pause printed %+v", both)
	}
	for _, n := range []int{0, 2} {
		if paused := both[n].Result; paused.Status != protocol.StatusPaused || paused.Waiting.Reason != protocol.WaitUser || paused.Name != both[n].Name {
			t.Errorf("pause printed %+v", paused)
		}
	}
	if card := ask("status", "first").stdout; !strings.Contains(card, "paused by scu") || !strings.Contains(card, "scu resume first begins anew") {
		t.Errorf("status does not say who paused the job, and how it goes on:\n%s", card)
	}
	if table := ask("jobs").stdout; strings.Count(table, "scu resume") != 2 {
		t.Errorf("jobs does not say how the two go on:\n%s", table)
	}
	scu(t, home, "retry", "first").expect(t, exitFailed, "hint: go on with: scu resume")

	watching := startFollowing(t, command(t, home, "watch", "first"))
	watching.awaitLine(t, "paused by scu; it goes on with: scu resume first")
	ask("resume", "first")
	watching.awaitLine(t, "step 2/3")
	scu(t, home, "pause", "first").expect(t, 0, "has no checkpoint; it begins anew with: scu resume first")
	watching.awaitLine(t, "paused by scu; it goes on with: scu resume first")
	scu(t, home, "cancel", "first", "second").expect(t, 0, "second is cancelled")
	if exit := watching.exit(t); exit != exitInterrupted {
		t.Errorf("watch ended with %d", exit)
	}
	several := scu(t, home, "resume", "first", "second").expect(t, exitFailed, "2 of 2 failed")
	if strings.Count(several.stderr, "scu retry") != 2 {
		t.Errorf("resume does not say how cancelled jobs go on:\n%s", several.stderr)
	}
}

// TestTrainWaitOverACrash waits for a job whose first worker dies. The queue stands still until the command follows.
func TestTrainWaitOverACrash(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t, "SCU_TRAINING_RETRY_BACKOFF=1ms")
	scu(t, home, "queue", "pause").expect(t, 0, "")
	waiting := startFollowing(t, command(t, home, trainArguments(modelFragile, "mine", "--wait")...))
	waiting.awaitLine(t, "queued, number 1: the queue is paused")
	scu(t, home, "queue", "resume").expect(t, 0, "")
	for _, line := range []string{"step 1/3", "queued: at step 1 the worker exited with code 3", "step 3/3", "mine completed"} {
		waiting.awaitLine(t, line)
	}
	if exit := waiting.exit(t); exit != 0 {
		t.Errorf("train --wait ended with %d", exit)
	}
	status := decode[protocol.TrainingStatus](t, scu(t, home, "status", "mine", "--json").expect(t, 0, ""))
	if status.Attempts != 2 || status.Waiting != nil {
		t.Errorf("the job is %+v", status)
	}
}

// TestBackoffIsShown looks at a job that waits to be tried again.
func TestBackoffIsShown(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t, "SCU_TRAINING_RETRY_BACKOFF=5m")
	scu(t, home, trainArguments(modelFragile, "mine")...).expect(t, 0, "")
	await(t, connectTo(t, home), "mine", func(e protocol.JobEvent) bool {
		return e.Status != nil && e.Status.Waiting != nil && e.Status.Waiting.Reason == protocol.WaitBackoff
	})
	for _, verb := range []string{"status", "jobs", "queue"} {
		if shown := scu(t, home, verb).expect(t, 0, "").stdout; !strings.Contains(shown, "the worker exited with code 3") {
			t.Errorf("%s does not say what the job waits for:\n%s", verb, shown)
		}
	}
	if card := scu(t, home, "status").expect(t, 0, "").stdout; !strings.Contains(card, "until") || !strings.Contains(card, ", in ") {
		t.Errorf("status does not say until when the job waits:\n%s", card)
	}
}
