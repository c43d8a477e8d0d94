package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func TestStanding(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status protocol.TrainingStatus
		want   string
	}{
		"running": {protocol.TrainingStatus{Status: protocol.StatusRunning, Phase: protocol.PhaseTraining}, "training"},
		"its turn": {protocol.TrainingStatus{Status: protocol.StatusQueued, Waiting: &protocol.Waiting{
			Reason: protocol.WaitTurn, Message: "2 jobs are before it",
		}}, "queued"},
		"backoff": {protocol.TrainingStatus{Status: protocol.StatusQueued, Waiting: &protocol.Waiting{
			Reason: protocol.WaitBackoff, Message: "at step 3 the worker died; it goes on in 30s",
		}}, "queued: at step 3 the worker died; it goes on in 30s"},
		"paused": {protocol.TrainingStatus{Name: "mine", Status: protocol.StatusPaused, Waiting: &protocol.Waiting{
			Reason: protocol.WaitUser, Message: "paused by scu",
		}}, "paused by scu; it goes on with: scu resume mine"},
		"no space": {protocol.TrainingStatus{Status: protocol.StatusPaused, Waiting: &protocol.Waiting{
			Reason: protocol.WaitDisk, Message: "the disk is full",
		}}, "paused: the disk is full"},
		"failed": {protocol.TrainingStatus{Status: protocol.StatusFailed, Error: protocol.NewError(protocol.CodeInternal, "it broke")}, "failed: it broke"},
	}
	for name, c := range cases {
		if got := (&State{Status: c.status}).standing(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestLinesOfAJobThatIsPutOff follows a job that is paused when it is first seen, goes on, crashes and goes on again.
func TestLinesOfAJobThatIsPutOff(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	lines := NewLines(&out, false)
	state := func(status protocol.Status, waiting *protocol.Waiting) {
		lines.Event("j", protocol.JobEvent{Type: protocol.EventState, CreatedAt: time.Unix(0, 0), Status: &protocol.TrainingStatus{
			JobID: "j", Name: "mine", Status: status, Step: 2, TotalSteps: 8, Waiting: waiting,
		}})
	}
	lines.Begin(&protocol.Job{TrainingStatus: protocol.TrainingStatus{
		JobID: "j", Name: "mine", Status: protocol.StatusPaused, Step: 2, TotalSteps: 8,
		Waiting: &protocol.Waiting{Reason: protocol.WaitDisk, Message: "the disk is full"},
	}})
	state(protocol.StatusQueued, nil)
	state(protocol.StatusRunning, nil)
	state(protocol.StatusQueued, &protocol.Waiting{Reason: protocol.WaitBackoff, Message: "the worker died"})
	state(protocol.StatusRunning, nil)
	const want = "paused  2/8\npaused: the disk is full\nqueued\nrunning\nqueued: the worker died\nrunning\n"
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}
