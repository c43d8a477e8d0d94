package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// TestDaemonLife lets the first client start the real daemon, and ends it.
func TestDaemonLife(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	missing := scu(t, home, "daemon", "status", "--json").expect(t, exitFailed, "no daemon runs")
	if printed := decode[map[string]protocol.Error](t, missing); printed["error"].Code != codeDaemonNotRunning {
		t.Errorf("standard output is %s", missing.stdout)
	}
	scu(t, home, "daemon", "stop").expect(t, 0, "no daemon was running")

	t.Cleanup(func() { scu(t, home, "daemon", "stop", "--now") })
	if jobs := decode[[]protocol.TrainingStatus](t, scu(t, home, "jobs", "--json").expect(t, 0, "")); len(jobs) != 0 {
		t.Errorf("a new daemon has jobs: %+v", jobs)
	}
	first := decode[protocol.StatusResult](t, scu(t, home, "daemon", "status", "--json").expect(t, 0, ""))
	if first.Home != home || first.BuildID != buildID() {
		t.Errorf("the daemon is %+v", first)
	}
	again := decode[protocol.StatusResult](t, scu(t, home, "daemon", "start", "--json").expect(t, 0, ""))
	if again.PID != first.PID {
		t.Errorf("starting it again made process %d beside %d", again.PID, first.PID)
	}
	scu(t, home, "daemon", "--foreground").expect(t, exitFailed, "already serves")

	report := decode[stopReport](t, scu(t, home, "daemon", "stop", "--json").expect(t, 0, ""))
	if !report.Stopped || report.StatusResult == nil || report.PID != first.PID {
		t.Errorf("stop printed %+v", report)
	}
	scu(t, home, "daemon", "status").expect(t, exitFailed, "no daemon runs")
}

func TestDaemonStopWaitsForJobsUnlessNow(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	scu(t, home, trainArguments(modelSlow, "slow")...).expect(t, 0, "")
	report := decode[stopReport](t, scu(t, home, "daemon", "stop", "--json").expect(t, 0, ""))
	if report.Stopped || len(report.WaitingFor) != 1 {
		t.Errorf("stop printed %+v", report)
	}
	scu(t, home, "daemon", "stop", "--now").expect(t, 0, "has stopped")
	scu(t, home, "daemon", "status").expect(t, exitFailed, "no daemon runs")
}

// TestDaemonDrains lets the running job end and keeps the other one for the next daemon.
func TestDaemonDrains(t *testing.T) {
	t.Parallel()
	home, _ := startDaemon(t)
	scu(t, home, trainArguments(modelSlow, "runs")...).expect(t, 0, "")
	await(t, connectTo(t, home), "runs", func(e protocol.JobEvent) bool { return e.Metrics != nil })
	scu(t, home, trainArguments(modelSlow, "waits")...).expect(t, 0, "")
	scu(t, home, "queue", "pause").expect(t, 0, "")
	runs := decode[protocol.TrainingStatus](t, scu(t, home, "status", "runs", "--json").expect(t, 0, ""))
	report := decode[stopReport](t, scu(t, home, "daemon", "stop", "--drain", "--json").expect(t, 0, ""))
	if report.Stopped || !slices.Equal(report.WaitingFor, []string{runs.JobID}) {
		t.Errorf("stop printed %+v", report)
	}
	card := scu(t, home, "daemon", "status").expect(t, 0, "").stdout
	inOrder(t, card, "jobs", "1 queued, 1 running", "queue", "paused", "disk", "free", "ending", "when the jobs that run have ended")
	if waits := scu(t, home, "status", "waits").expect(t, 0, "").stdout; !strings.Contains(waits, "the daemon ends") {
		t.Errorf("status does not say what the job waits for:\n%s", waits)
	}
	scu(t, home, trainArguments(modelSlow, "late")...).expect(t, exitFailed, "takes no new jobs")
	scu(t, home, "cancel", "runs").expect(t, 0, "")
	if err := awaitStopped(t.Context(), report.PID); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { scu(t, home, "daemon", "stop", "--now") })
	left := decode[[]protocol.TrainingStatus](t, scu(t, home, "jobs", "--status", "queued", "--json").expect(t, 0, ""))
	if len(left) != 1 || left[0].Name != "waits" || left[0].Waiting.Reason != protocol.WaitQueuePaused {
		t.Errorf("the next daemon has %+v", left)
	}
}

// TestForegroundEndsBySIGTERM is what a service manager does.
func TestForegroundEndsBySIGTERM(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	foreground := command(t, home, "daemon", "--foreground")
	if err := foreground.Start(); err != nil {
		t.Fatal(err)
	}
	connectTo(t, home)
	if err := foreground.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := foreground.Wait(); err != nil {
		t.Errorf("the daemon ended with %v, want exit status 0", err)
	}
}
