package main

import (
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
