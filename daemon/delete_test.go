package daemon

import (
	"os"
	"path/filepath"
	"testing"

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

// TestFilesWithoutARowAreRemoved leaves what a deletion that was broken off leaves, and things that are not ours.
func TestFilesWithoutARowAreRemoved(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	gone := []string{
		"checkpoints/job-aaaaaaaaaaaaaaaa", "checkpoints/.tmp-job-cccccccccccccccc",
		"adapters/.tmp-deleted-adapter-aaaaaaaaaaaaaaaa", "adapters/adapter-aaaaaaaaaaaaaaaa", "logs/job-aaaaaaaaaaaaaaaa.log.1",
	}
	kept := []string{"checkpoints/mine", "adapters/my-adapter", "adapters/adapter-bbbbbbbbbbbbbbbb", "logs/notes.log"}
	for _, name := range append(gone, kept...) {
		if err := os.MkdirAll(filepath.Join(home, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d := startDaemon(t, testOptions(home))
	client := connect(t, home)
	job := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 1})).JobID)
	if err := d.stop(); err != nil { // waits for the sweep, which its end does not break off in the middle
		t.Fatal(err)
	}
	kept = append(kept, "logs/"+job.JobID+".log", "adapters/"+job.Adapter.ID)
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
