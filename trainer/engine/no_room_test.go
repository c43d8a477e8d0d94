package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
	"github.com/shannon-labs/scu/trainer/durable"
)

// checkNoRoomForCheckpoint fills the file system after the checkpoint of step 7, once for a job that goes on, and once for one
// that is to pause then.
func (r *resumedRun) checkNoRoomForCheckpoint(t *testing.T) {
	for _, pausing := range []bool{false, true} {
		job := r.again(t)
		r.cutAt(t, job, 6)
		ctx, cancel := context.WithCancelCause(t.Context())
		told := &recorder{}
		told.onStep = func(step int) {
			if pausing && step == 8 {
				cancel(ErrPause)
			}
		}
		run := newRun(job, told)
		run.freeBytes = func(directory string) (int64, error) {
			if directory == job.Checkpoints && len(told.steps) == 2 {
				return durable.SpareBytes, nil
			}
			return durable.FreeBytes(directory)
		}
		_, err := run.end(ctx)
		var paused *PausedError
		switch {
		case pausing && (!errors.As(err, &paused) || paused.Step != 7):
			t.Errorf("paused with %v", err)
		case pausing && !slices.ContainsFunc(told.warnings, func(w string) bool { return strings.Contains(w, "go on from step 7") }):
			t.Errorf("warned %q", told.warnings)
		case !pausing:
			wantNoRoom(t, err, job.Checkpoints)
		}
		wantNames(t, job.Checkpoints, "step-00000006", "step-00000007")
		wantNames(t, filepath.Dir(job.Output))
		r.check(t, job, 7) // there is room again
	}
}

func (r *resumedRun) checkNoRoomForAdapter(t *testing.T) {
	job := r.again(t)
	r.cutAt(t, job, 8)
	run := newRun(job, &recorder{})
	run.freeBytes = func(directory string) (int64, error) {
		if directory == filepath.Dir(job.Output) {
			return durable.SpareBytes, nil
		}
		return durable.FreeBytes(directory)
	}
	_, err := run.end(t.Context())
	wantNoRoom(t, err, filepath.Dir(job.Output))
	wantNames(t, filepath.Dir(job.Output))
	if latest, found, err := checkpoint.Latest(job.Checkpoints); err != nil || !found || latest.Step != 9 {
		t.Errorf("the latest checkpoint is %+v, %v, %v", latest, found, err)
	}
	r.check(t, job, 8)
}

// checkSync sees that the observer has kept every step before the checkpoint that follows is there, and that one who cannot
// ends the job without it.
func (r *resumedRun) checkSync(t *testing.T) {
	lost := errors.New("the observer has lost its memory")
	job := r.again(t)
	r.cutAt(t, job, 6)
	told := &recorder{}
	syncs := 0
	told.onSync = func() error {
		syncs++
		latest, _, err := checkpoint.Latest(job.Checkpoints)
		if err != nil || latest.Step != 5+syncs || len(told.steps) != syncs {
			t.Errorf("at sync %d the latest checkpoint is %+v (%v), %d steps told", syncs, latest, err, len(told.steps))
		}
		if syncs == 2 {
			return lost
		}
		return nil
	}
	if _, err := Train(t.Context(), job, told); err == nil || !strings.Contains(err.Error(), lost.Error()) {
		t.Errorf("ended with %v", err)
	}
	wantNames(t, job.Checkpoints, "step-00000006", "step-00000007")
}

// wantNoRoom checks that an error tells of a full file system as who runs the job has to know it.
func wantNoRoom(t *testing.T, err error, path string) {
	t.Helper()
	var failure *protocol.Error
	if !errors.As(err, &failure) || failure.Code != protocol.CodeOutOfDisk || !failure.Retryable || failure.Hint == "" {
		t.Errorf("ended with %v", err)
		return
	}
	for _, part := range []string{path, "has 67.1 MB free", "are needed"} {
		if !strings.Contains(failure.Message, part) {
			t.Errorf("%q does not say %q", failure.Message, part)
		}
	}
}

// wantNames checks what is in a directory, which may be missing where nothing is wanted.
func wantNames(t *testing.T, directory string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("%s holds %q, want %q", directory, names, want)
	}
}
