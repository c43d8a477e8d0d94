package daemon

import (
	"database/sql"
	"testing"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
)

// TestALockedStoreLosesNothing locks the job store as a person's sqlite3 shell can, for longer than a write waits for it: what
// cannot be done is refused, and what runs and waits goes on afterwards.
func TestALockedStoreLosesNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes as long as a write waits")
	}
	d, client := startAndConnect(t)
	s, open := gated(t, script{Steps: 3})
	running := mustCreate(t, client, s)
	waiting := mustCreate(t, client, spec(t, script{Steps: 2}))
	awaitStep(t, client, running.JobID, 3)
	unlock := lockStore(t, d.home)
	open() // the worker comes to its end, which cannot be stored
	_, err := client.Cancel(t.Context(), waiting.JobID)
	wantCode(t, err, protocol.CodeConflict, "locked")
	unlock()
	for _, job := range []*protocol.Job{running, waiting} {
		if done := mustWait(t, client, job.JobID); done.Status != protocol.StatusCompleted || done.Attempts != 1 {
			t.Errorf("job %+v", done.TrainingStatus)
		}
	}
	wantStepsOnce(t, allEvents(t, client, running.JobID), 3)
}

// TestAStoreThatIsLockedAtTheStartIsWaitedFor lets a daemon begin that has a job to take over and cannot write so.
func TestAStoreThatIsLockedAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes as long as a write waits")
	}
	home := shortHome(t)
	jobs, err := store.Open(t.Context(), StorePath(home), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := jobs.CreateJob(t.Context(), store.NewJob{ID: "job-lost", Name: "lost", Owner: localOwner, Device: "cpu", Spec: spec(t, script{Steps: 2})}); err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.StartJob(t.Context(), "job-lost", store.Start{AdapterID: "adapter-lost", Device: "cpu"}); err != nil {
		t.Fatal(err)
	}
	if err := jobs.Close(); err != nil {
		t.Fatal(err)
	}
	unlock := lockStore(t, home)
	startDaemon(t, testOptions(home))
	client := connect(t, home)
	if job, err := client.Job(t.Context(), "job-lost"); err != nil || job.Status != protocol.StatusRunning {
		t.Errorf("%+v, %v", job, err)
	}
	unlock()
	if done := mustWait(t, client, "job-lost"); done.Status != protocol.StatusCompleted || done.Attempts != 2 {
		t.Errorf("%+v", done.TrainingStatus)
	}
}

// lockStore opens a transaction that lets nobody else write until the function that is returned is called.
func lockStore(t *testing.T, home string) (unlock func()) {
	t.Helper()
	database, err := sql.Open("sqlite3", StorePath(home)+"?_txlock=exclusive&_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	transaction, err := database.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := transaction.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}
