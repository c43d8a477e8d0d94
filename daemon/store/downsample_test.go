package store

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// longJob makes a failed job with so many steps, of which 7 was evaluated and 13 is not finite.
func longJob(t *testing.T, s *Store, id string, steps int) {
	t.Helper()
	reach(t, s, id, protocol.StatusRunning)
	frames := stepFrames(1, steps)
	validation := protocol.Float(1)
	frames[6].Metrics.ValDataBPT = &validation
	frames[12].Metrics.Loss = protocol.Float(math.NaN())
	if err := s.RecordFrames(t.Context(), id, frames); err != nil {
		t.Fatal(err)
	}
	if err := attempts[fail](t, s, id); err != nil {
		t.Fatal(err)
	}
}

func stepsOf(t *testing.T, s *Store, id string) (steps []int) {
	t.Helper()
	rows, err := s.Metrics(t.Context(), id, 0, 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		steps = append(steps, row.Step)
	}
	return steps
}

// cursorsGrow reads all events in pages, as a subscriber does, and returns how many there are.
func cursorsGrow(t *testing.T, s *Store, id string) (count int) {
	t.Helper()
	for cursor := int64(0); ; {
		events, err := s.Events(t.Context(), id, cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			if event.Cursor <= cursor {
				t.Fatalf("cursor %d after %d", event.Cursor, cursor)
			}
			cursor = event.Cursor
			count++
		}
		if len(events) < 7 {
			return count
		}
	}
}

func TestDownsampleKeepsWhatMatters(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	longJob(t, s, "long", 101)
	longJob(t, s, "short", 20)
	mustCreate(t, s, newJob("running", "running"))
	mustStart(t, s, "running")
	if err := s.RecordFrames(t.Context(), "running", stepFrames(1, 101)); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.Downsample(t.Context(), Retention{Before: time.Now().Add(-time.Hour), Rows: 20}); err != nil || removed != 0 {
		t.Fatalf("of jobs that are not old: %d, %v", removed, err)
	}
	later := Retention{Before: time.Now().Add(time.Hour), Rows: 20}
	removed, err := s.Downsample(t.Context(), later)
	want := []int{1, 7, 8, 13, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 101}
	if got := stepsOf(t, s, "long"); err != nil || !slices.Equal(got, want) || removed != int64(101-len(want)) {
		t.Errorf("%d removed, %v; left %v", removed, err, got)
	}
	for id, want := range map[string]int{"short": 20, "running": 101} {
		if got := stepsOf(t, s, id); len(got) != want {
			t.Errorf("of the %s one %v are left", id, got)
		}
	}
	if count := cursorsGrow(t, s, "long"); count != len(want)+3 {
		t.Errorf("%d events are left", count)
	}
	if record, err := s.Job(t.Context(), "long"); err != nil || record.Job.Metrics == nil || record.Job.Metrics.Step != 101 {
		t.Errorf("%+v, %v", record, err)
	}
	mustBeSound(t, s)
	if ids, err := s.thinnable(t.Context(), later); err != nil || len(ids) != 0 {
		t.Errorf("%v would be looked at again, %v", ids, err)
	}
	if _, err := s.Downsample(t.Context(), Retention{Rows: 1}); err == nil {
		t.Error("one row is too few, and was taken")
	}
}

// expiring is a context that ends after so many looks at it.
type expiring struct {
	context.Context
	looks int
}

func (e *expiring) Err() error {
	if e.looks--; e.looks < 0 {
		return context.Canceled
	}
	return nil
}

// TestDownsampleGoesOn breaks off after each of its transactions, and has the next call finish.
func TestDownsampleGoesOn(t *testing.T) {
	t.Parallel()
	const steps, rows = 3*chunkRows + 5, 100
	later := Retention{Before: time.Now().Add(time.Hour), Rows: rows}
	whole := openTest(t)
	longJob(t, whole, "j", steps)
	if _, err := whole.Downsample(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	want := stepsOf(t, whole, "j")
	if len(want) > rows+4 {
		t.Fatalf("%d rows are left", len(want))
	}
	for looks, finished := 0, false; !finished; looks++ {
		s := openTest(t)
		longJob(t, s, "j", steps)
		_, err := s.Downsample(&expiring{context.WithoutCancel(t.Context()), looks}, later)
		switch finished = err == nil; {
		case finished && looks < 6: // to begin, four parts, and to end
			t.Errorf("it took %d transactions", looks)
		case !finished && !errors.Is(err, context.Canceled):
			t.Fatal(err)
		}
		mustBeSound(t, s)
		cursorsGrow(t, s, "j")
		if _, err := s.Downsample(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		if got := stepsOf(t, s, "j"); !slices.Equal(got, want) {
			t.Errorf("broken off after %d, and finished: %d rows, want %d", looks, len(got), len(want))
		}
	}
}

func TestJobThatRunsAgainIsThinnedAgain(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	longJob(t, s, "j", 100)
	later := Retention{Before: time.Now().Add(time.Hour), Rows: 20}
	if _, err := s.Downsample(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(attempts[retry](t, s, "j"), attempts[start](t, s, "j"), s.RecordFrames(t.Context(), "j", stepFrames(101, 200))); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.Downsample(t.Context(), later); err != nil || removed != 0 {
		t.Fatalf("while it runs: %d, %v", removed, err)
	}
	if err := attempts[fail](t, s, "j"); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.Downsample(t.Context(), later); err != nil || removed == 0 {
		t.Fatalf("%d, %v", removed, err)
	}
	if got, want := stepsOf(t, s, "j"), []int{1, 7, 13, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 272, 288, 300}; !slices.Equal(got, want) {
		t.Errorf("left %v", got)
	}
	cursorsGrow(t, s, "j")
	mustBeSound(t, s)
}
