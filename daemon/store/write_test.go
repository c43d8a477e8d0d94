package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/shannon-labs/scu/protocol"
)

// holdWriter keeps the writer busy with one write until release is called, so that a test can line up the rest of the batch
// behind it.
func holdWriter(t *testing.T, s *Store) (release func()) {
	t.Helper()
	s.writer.batchTime = time.Hour // however long the test takes to line up, it is one batch
	begun, hold, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = s.writer.submit(context.Background(), func(context.Context, transaction) (string, error) { // lost with the batch
			close(begun)
			<-hold
			return "", nil
		})
	}()
	<-begun
	return func() {
		close(hold)
		<-done
	}
}

// lineUp submits writes behind a writer that is held, one after the other, and returns their errors after release.
func lineUp(t *testing.T, s *Store, writes ...writeFunc) []error {
	t.Helper()
	release := holdWriter(t, s)
	errs := make([]error, len(writes))
	var all sync.WaitGroup
	for i, do := range writes {
		all.Go(func() { errs[i] = s.writer.submit(context.Background(), do) })
		awaitWaiting(s, i+1)
	}
	release()
	all.Wait()
	return errs
}

// awaitWaiting returns when so many writes wait.
func awaitWaiting(s *Store, count int) {
	for {
		s.writer.mu.Lock()
		waiting := len(s.writer.waiting)
		s.writer.mu.Unlock()
		if waiting >= count {
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

func setTo(key, value string) writeFunc {
	return func(ctx context.Context, tx transaction) (string, error) {
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES (?, ?)`, key, value)
		return "", err
	}
}

// settings reads what setTo has written and was committed.
func settings(t *testing.T, s *Store) string {
	t.Helper()
	var keys sql.NullString
	if err := s.read.QueryRow(`SELECT group_concat(key, ' ') FROM (SELECT key FROM settings ORDER BY key)`).Scan(&keys); err != nil {
		t.Fatal(err)
	}
	return keys.String
}

func TestWritesThatWaitShareATransaction(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	var inside string
	errs := lineUp(t, s, setTo("a", "1"), setTo("b", "1"), func(ctx context.Context, tx transaction) (string, error) {
		var count int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM settings`).Scan(&count)
		inside = fmt.Sprintf("%d inside, %q outside", count, settings(t, s))
		return "", err
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if inside != `2 inside, "" outside` {
		t.Errorf("the third write saw %s", inside)
	}
	if got := settings(t, s); got != "a b" {
		t.Errorf("committed %q", got)
	}
}

func TestOneFailureInABatchIsUndoneAlone(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	bad := errors.New("bad")
	errs := lineUp(t, s, setTo("a", "1"), func(ctx context.Context, tx transaction) (string, error) {
		if _, err := setTo("b", "1")(ctx, tx); err != nil {
			return "", err
		}
		return "", bad
	}, setTo("a", "2"), setTo("c", "1"))
	if errs[0] != nil || errs[1] != bad || errs[2] == nil || errs[3] != nil {
		t.Errorf("errors %v", errs)
	}
	if got := settings(t, s); got != "a c" {
		t.Errorf("committed %q, want a and c", got)
	}
}

// TestLostTransactionFailsTheWholeBatch stands for a full disk, after which SQLite may roll back by itself what other writes
// have done.
func TestLostTransactionFailsTheWholeBatch(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	mustCreate(t, s, newJob("job", "job"))
	full := sqlite3.Error{Code: sqlite3.ErrFull}
	refused := &TransitionError{JobID: "job"}
	errs := lineUp(t, s, setTo("a", "1"), func(context.Context, transaction) (string, error) {
		return "", refused
	}, func(ctx context.Context, tx transaction) (string, error) {
		if _, err := tx.ExecContext(ctx, `ROLLBACK`); err != nil {
			t.Error(err)
		}
		return "", fmt.Errorf("insert: %w", full)
	}, setTo("b", "1"))
	for i, err := range errs[:3] {
		if !errors.Is(s.explain("test", err), ErrDiskFull) {
			t.Errorf("write %d gave %v", i, err)
		}
	}
	if errs[3] != nil { // it came in the next transaction
		t.Error(errs[3])
	}
	if got := settings(t, s); got != "b" {
		t.Errorf("committed %q, want b alone", got)
	}
}

func TestFailedCommitFailsTheWholeBatch(t *testing.T) {
	t.Parallel()
	changes := 0
	s := openAt(t, filepath.Join(t.TempDir(), "scu.db"), Options{Changed: func(string) { changes++ }})
	errs := lineUp(t, s, func(ctx context.Context, tx transaction) (string, error) {
		_, err := setTo("a", "1")(ctx, tx)
		return "job", err
	}, func(ctx context.Context, tx transaction) (string, error) {
		if _, err := tx.ExecContext(ctx, `PRAGMA defer_foreign_keys = ON`); err != nil {
			return "", err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO events VALUES ('no-job', 1, 'log', '""', 0)`) // found out at the commit
		return "", err
	})
	for i, err := range errs {
		var sqlite sqlite3.Error
		if !errors.As(err, &sqlite) || sqlite.Code != sqlite3.ErrConstraint {
			t.Errorf("write %d gave %v", i, err)
		}
	}
	if got := settings(t, s); got != "" || changes != 0 {
		t.Errorf("committed %q and told %d changes", got, changes)
	}
	if err := s.SetQueuePaused(t.Context(), true); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestWriteOfACallerWhoHasGoneIsSkipped(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	release := holdWriter(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- s.writer.submit(ctx, setTo("skipped", "1")) }()
	awaitWaiting(s, 1)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) { // while the writer is still held
		t.Errorf("got %v", err)
	}
	release()
	if err := s.writer.submit(t.Context(), setTo("next", "1")); err != nil {
		t.Fatal(err)
	}
	if got := settings(t, s); got != "next" {
		t.Errorf("committed %q", got)
	}
	if err := s.writer.submit(ctx, setTo("late", "1")); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestWriteThatWasBegunIsFinished(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.writer.submit(ctx, func(inner context.Context, tx transaction) (string, error) {
		cancel()
		return setTo("begun", "1")(inner, tx)
	})
	if err != nil || settings(t, s) != "begun" {
		t.Errorf("%v; committed %q", err, settings(t, s))
	}
}

func TestCloseFinishesWhatWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "scu.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	release := holdWriter(t, s)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if _, _, err := s.CreateJob(context.Background(), newJob(fmt.Sprint(i), fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	awaitWaiting(s, 20)
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	release()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if _, _, err := s.CreateJob(t.Context(), newJob("late", "late")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	counts, err := openAt(t, path, Options{}).Counts(t.Context())
	if err != nil || counts[protocol.StatusQueued] != 20 {
		t.Errorf("%v, %v; want 20 queued", counts, err)
	}
}

// TestManyWritersAtOnce mixes creations, steps and refusals, and counts what must be there afterwards.
func TestManyWritersAtOnce(t *testing.T) {
	t.Parallel()
	const writers, steps = 16, 30
	s := openTest(t)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			id := fmt.Sprint("job-", i)
			if _, _, err := s.CreateJob(context.Background(), newJob(id, id)); err != nil {
				t.Error(err)
				return
			}
			if err := attempts[start](t, s, id); err != nil {
				t.Error(err)
			}
			for step := 1; step <= steps; step++ {
				if err := s.RecordFrames(context.Background(), id, stepFrames(step, 1)); err != nil {
					t.Error(err)
				}
				var taken *NameTakenError
				if _, _, err := s.CreateJob(context.Background(), newJob(id+"-again", id)); !errors.As(err, &taken) {
					t.Errorf("a taken name gave %v", err)
				}
			}
			if err := attempts[complete](t, s, id); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range writers {
		if events := allEvents(t, s, fmt.Sprint("job-", i), 100); len(events) != steps+3 {
			t.Errorf("job %d has %d events", i, len(events))
		}
	}
	mustBeSound(t, s)
}
