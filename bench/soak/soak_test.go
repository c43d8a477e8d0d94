package main

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the test binary be a daemon or a worker of the soak.
func TestMain(m *testing.M) {
	if takeRole(os.Args[1:]) {
		return
	}
	os.Exit(m.Run())
}

// TestSoak is a short soak. `make soak` is a long one.
func TestSoak(t *testing.T) {
	t.Parallel()
	var output bytes.Buffer
	if err := run(t.Context(), []string{"-seed", "20", "-duration", "8s", "-v"}, &output); err != nil {
		t.Fatalf("%v\n%s", err, output.String())
	}
	for _, done := range []string{"created", "daemon killed", "steps stored", "job store checked"} {
		if !strings.Contains(output.String(), done) {
			t.Errorf("nothing was %s:\n%s", done, output.String())
		}
	}
}

// TestSoakNoticesALyingDisk shows that the soak would see a commit that was acknowledged and not synced: a disk that says
// it has synced what it has not loses jobs in a power cut.
func TestSoakNoticesALyingDisk(t *testing.T) {
	t.Parallel()
	for range 3 { // a power cut may by luck lose nothing
		var output bytes.Buffer
		err := run(t.Context(), []string{"-duration", "10s", "-v", "-lying-disk"}, &output)
		if err == nil {
			continue
		}
		damaged := errors.Is(err, errDaemonEnded) // a store that was lost in parts may not open
		if !damaged && !slices.ContainsFunc(signsOfLoss, func(sign string) bool { return strings.Contains(output.String(), sign) }) {
			t.Fatalf("the soak failed for another reason: %v\n%s", err, output.String())
		}
		return
	}
	t.Error("a disk that lies goes unnoticed")
}

// signsOfLoss are what the soak says when something is gone that was acknowledged.
var signsOfLoss = []string{
	"was acknowledged and is not there", "was told and is not there any more", "which is final, and is", "it was paused, nobody has resumed it",
	"its cancellation was acknowledged", "it was at step", "it was started", "the queue's being paused was acknowledged", "its priority was set to",
	"cannot be read: not_found", "was refused because it is not there", "the job store of a dead daemon: ",
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"-users", "0"}, {"-duration", "0s"}, {"-rounds", "-1"}, {"more"}, {"-seed", "x"}} {
		if _, err := parseOptions(arguments, &bytes.Buffer{}); err == nil {
			t.Errorf("%q was accepted", arguments)
		}
	}
}
