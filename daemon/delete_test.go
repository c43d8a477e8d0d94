package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
)

func TestDeletingAJobLeavesNothingOfIt(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	failed := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 4, CheckpointEvery: 2, End: "fail"})).JobID)
	done := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 4})).JobID)
	running, open := gated(t, script{Steps: 1})
	living := mustCreate(t, client, running)

	_, err := client.DeleteJob(t.Context(), living.JobID, false)
	wantCode(t, err, protocol.CodeConflict, "only a job that has ended", "scu cancel")
	_, err = client.DeleteJob(t.Context(), done.JobID, false)
	wantCode(t, err, protocol.CodeConflict, done.Adapter.ID, "--with-adapter")
	for _, params := range []protocol.DeleteJobParams{{ID: failed.Name}, {ID: done.JobID, WithAdapter: true}} {
		if result, err := client.DeleteJob(t.Context(), params.ID, params.WithAdapter); err != nil || result.FreedBytes == 0 {
			t.Errorf("%+v gave %+v, %v", params, result, err)
		}
		_, err := client.Job(t.Context(), params.ID)
		wantCode(t, err, protocol.CodeNotFound)
	}
	open()
	mustWait(t, client, living.JobID)
	for _, id := range []string{failed.JobID, done.JobID, done.Adapter.ID} {
		if left, err := filepath.Glob(filepath.Join(d.home, "*", id+"*")); err != nil || len(left) > 0 {
			t.Errorf("of %s are left %q, %v", id, left, err)
		}
	}
}

func TestDeletingAnAdapterKeepsItsJob(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	done := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 4})).JobID)
	if result, err := client.DeleteAdapter(t.Context(), done.Name); err != nil || result.ID != done.Adapter.ID || result.FreedBytes != 2 {
		t.Errorf("%+v, %v", result, err)
	}
	if job, err := client.Job(t.Context(), done.JobID); err != nil || job.Status != protocol.StatusCompleted || job.Adapter != nil {
		t.Errorf("%+v, %v", job, err)
	}
	_, err := client.DeleteAdapter(t.Context(), done.Name)
	wantCode(t, err, protocol.CodeNotFound)
	if left, err := os.ReadDir(filepath.Join(d.home, "adapters")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestOnlyRemainsAreRemoved leaves what a daemon's death in the middle of a removal leaves, and things that nobody has begun to
// remove: those of jobs and adapters that the store does not know may be known to another one, of which this is a copy.
func TestOnlyRemainsAreRemoved(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	gone := []string{
		"checkpoints/.tmp-Xjob-cccccccccccccccc", "adapters/.tmp-adapter-dddddddddddddddd",
		"adapters/.tmp-deleted-adapter-aaaaaaaaaaaaaaaa", "adapters/adapter-aaaaaaaaaaaaaaaa",
	}
	kept := []string{"checkpoints/job-aaaaaaaaaaaaaaaa", "adapters/adapter-bbbbbbbbbbbbbbbb", "adapters/my-adapter", "logs/job-aaaaaaaaaaaaaaaa.log", "logs/notes.log"}
	for _, name := range append(gone, kept...) {
		if err := os.MkdirAll(filepath.Join(home, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d := startDaemon(t, testOptions(home))
	connect(t, home)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	for _, name := range kept {
		if _, err := os.Stat(filepath.Join(home, name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range gone {
		if _, err := os.Stat(filepath.Join(home, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestADeletionGoesOnWithTheNextDaemon stops it where it is marked, and no more.
func TestADeletionGoesOnWithTheNextDaemon(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	failed := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 4, CheckpointEvery: 2, End: "fail"})).JobID)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	jobs, err := store.Open(t.Context(), StorePath(d.home), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(jobs.BeginDeletion(t.Context(), failed.JobID), jobs.Close()); err != nil {
		t.Fatal(err)
	}
	d = startDaemon(t, testOptions(d.home))
	client = connect(t, d.home)
	for { // in the background, which the daemon's end would break off
		_, err := client.Job(t.Context(), failed.JobID)
		if err != nil {
			wantCode(t, err, protocol.CodeNotFound)
			break
		}
	}
	if left, err := filepath.Glob(filepath.Join(d.home, "*", failed.JobID+"*")); err != nil || len(left) > 0 {
		t.Errorf("left are %q, %v", left, err)
	}
}

func TestAStoreThatIsTakenAwayIsNoticed(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 1})).JobID)
	if err := os.Rename(StorePath(d.home), StorePath(d.home)+".mine"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		_, err := client.CreateJob(t.Context(), spec(t, script{Steps: 1}))
		var refused *protocol.Error // before it is noticed a call may fail otherwise
		if errors.As(err, &refused) && strings.Contains(refused.Message, "removed or replaced") {
			wantCode(t, err, protocol.CodeInternal, "scu daemon stop --now")
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("jobs are taken all the same")
		}
	}
}
