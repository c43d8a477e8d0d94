package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

func TestPersistOutlastsWhatPasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full := fmt.Errorf("record progress: %w", store.ErrDiskFull)
		locked := fmt.Errorf("start a job: %w", store.ErrUnavailable)
		broken := errors.New("broken")
		for _, test := range []struct {
			name     string
			answers  []error // of the store; the last one holds
			patience time.Duration
			want     error
			attempts int
		}{
			{"a sound disk", []error{nil}, time.Minute, nil, 1},
			{"space returns", []error{full, full, full, nil}, time.Minute, nil, 4},
			{"who has locked it lets go", []error{locked, locked, nil}, time.Minute, nil, 3},
			{"another failure is not repeated", []error{full, broken}, time.Minute, broken, 2},
			{"without patience there is one attempt", []error{full}, 0, store.ErrDiskFull, 1},
			{"patience ends", []error{full}, 200 * time.Millisecond, store.ErrDiskFull, 3}, // at 0, 50 and 150 ms
		} {
			patience, cancel := context.WithTimeout(context.Background(), test.patience)
			attempts := 0
			err := (&daemon{logger: slog.New(slog.DiscardHandler)}).persist(patience, func(ctx context.Context) error {
				if ctx.Err() != nil {
					t.Errorf("%s: an attempt is broken off", test.name)
				}
				attempts++
				return test.answers[min(attempts, len(test.answers))-1]
			})
			cancel()
			if !errors.Is(err, test.want) || attempts != test.attempts {
				t.Errorf("%s: %v after %d attempts, want %v after %d", test.name, err, attempts, test.want, test.attempts)
			}
		}
	})
}

func TestStoreErrorsBecomeRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		code protocol.ErrorCode
		says string
	}{
		{&store.TransitionError{JobID: "job-1", From: protocol.StatusFailed, To: protocol.StatusCancelled}, protocol.CodeConflict, "job-1 is failed"},
		{&store.TransitionError{JobID: "job-1", From: protocol.StatusCompleted, Action: "given another priority"}, protocol.CodeConflict, "job-1 is completed and cannot be given another priority"},
		{&store.NameTakenError{Name: "n", JobID: "job-1", Status: protocol.StatusRunning}, protocol.CodeConflict, "scu cancel job-1"},
		{&store.RequestReusedError{RequestID: "r", JobID: "job-1"}, protocol.CodeConflict, "job-1"},
		{store.ErrDiskFull, protocol.CodeOutOfDisk, "the disk is full"},
		{store.ErrUnavailable, protocol.CodeConflict, "at the moment"},
		{store.ErrDamaged, protocol.CodeInternal, "damaged"},
	} {
		wantCode(t, refusal(fmt.Errorf("do it: %w", test.err)), test.code, test.says)
	}
	plain := errors.New("a bug")
	if got := refusal(plain); got != plain {
		t.Errorf("a bug became %v", got)
	}
	if got := asProtocolError(plain); got.Code != protocol.CodeInternal {
		t.Errorf("a bug became %+v", got)
	}
}

func TestGatherTakesWhatIsThere(t *testing.T) {
	t.Parallel()
	events := make(chan frame.Event, 2*maxBatch)
	for range maxBatch + 10 {
		events <- frame.Event{Heartbeat: &frame.Heartbeat{}}
	}
	close(events)
	if batch := gather(<-events, events); len(batch) != maxBatch {
		t.Errorf("the first batch has %d frames, want %d", len(batch), maxBatch)
	}
	if batch := gather(<-events, events); len(batch) != 10 {
		t.Errorf("the last batch has %d frames, want 10", len(batch))
	}
}
