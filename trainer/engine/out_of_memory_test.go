package engine

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// limitMemory makes the system refuse what this process maps beyond the headroom, in bytes, or lifts that limit again.
func limitMemory(headroom int64, on bool) error {
	limit := syscall.Rlimit{Cur: math.MaxUint64, Max: math.MaxUint64}
	if on {
		limit.Cur = uint64(processMemory("VmSize:") + headroom)
	}
	return syscall.Setrlimit(syscall.RLIMIT_AS, &limit)
}

// longRows writes rows of text that fill blocks of hundreds of tokens.
func longRows(t *testing.T, count int) string {
	t.Helper()
	var lines strings.Builder
	for i := range count {
		fmt.Fprintf(&lines, `{"text":"%s"}`+"\n", strings.Repeat(fmt.Sprintf("%c%c ", 'a'+i%20, 'b'+i%7), 60+i%20))
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A step that does not fit the memory that the system gives is taken in smaller parts, and is the same step.
func TestOutOfMemoryMakesThePartsSmaller(t *testing.T) {
	job := tinyJob(t, map[string]any{"micro_batch": 32, "grad_accum": 1, "max_steps": 2, "block_size": 256, "packing": "off", "val_fraction": 0.2})
	job.TrainData = longRows(t, 46)
	_, whole := mustTrain(t, job)

	job.Output = filepath.Join(t.TempDir(), "adapter")
	command, lines := startChild(t, job, memoryHeadroom+"="+fmt.Sprint(50<<20))
	var steps []*protocol.TrainingMetrics
	var plan *protocol.Plan
	var warnings []string
	for lines.Scan() {
		switch told := parseTold(t, lines.Bytes()); {
		case told.Metrics != nil:
			steps = append(steps, told.Metrics)
		case told.Plan != nil:
			plan = told.Plan
		case told.Warning != "":
			warnings = append(warnings, told.Warning)
		case told.Failure != "":
			t.Errorf("the child failed: %s", told.Failure)
		}
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(steps) != 2 || plan == nil || plan.Config.MicroBatch >= 32 || plan.Config.MicroBatch*plan.Config.GradAccum != 32 {
		t.Fatalf("%d steps, with the plan %+v", len(steps), plan)
	}
	if !strings.Contains(strings.Join(warnings, "\n"), "micro_batch goes from 32 to 16 and grad_accum from 1 to 2") {
		t.Errorf("told %q", warnings)
	}
	for i, m := range steps {
		want := whole.steps[i]
		if m.TargetTokens != want.TargetTokens || math.Abs(float64(m.DataBPT/want.DataBPT)-1) > 1e-5 || math.Abs(float64(m.GradNorm/want.GradNorm)-1) > 1e-4 {
			t.Errorf("step %d: %v bits and gradient norm %v over %d targets, in one part %v and %v over %d",
				m.Step, m.DataBPT, m.GradNorm, m.TargetTokens, want.DataBPT, want.GradNorm, want.TargetTokens)
		}
	}
}

func TestTheWayDownEndsWithGradientCheckpointing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rows int
		on   bool
		want []fit
	}{
		{6, false, []fit{{2, false}, {4, false}, {8, false}, {8, true}}},
		{1, false, []fit{{1, true}}},
		{2, true, []fit{{2, true}}},
		{1, true, nil},
	} {
		var got []fit
		for f, found := (fit{1, c.on}).smaller(c.rows); found; f, found = f.smaller(c.rows) {
			got = append(got, f)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d rows, checkpointing %v: %v, want %v", c.rows, c.on, got, c.want)
		}
	}
}

func TestAnotherErrorIsNotTakenForOutOfMemory(t *testing.T) {
	t.Parallel()
	r := &run{observer: &recorder{}}
	if err := r.fitOnDevice(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := r.fitOnDevice(t.Context(), io.ErrUnexpectedEOF); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v", err)
	}
}

// Where the device has lost the adapter with its memory, the last checkpoint takes its place.
func TestAStateThatIsLostComesFromTheLastCheckpoint(t *testing.T) {
	job := tinyJob(t, map[string]any{"max_steps": 9})
	job.Checkpoints = filepath.Join(t.TempDir(), "checkpoints")
	told := &recorder{}
	training := startTraining(t, job, told)
	if err := training.writeCheckpoint(); err != nil {
		t.Fatal(err)
	}
	want, err := training.optimizer.State()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := training.step(t.Context()); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("RESOURCE_EXHAUSTED: made up")
	if err := training.makeRoom(t.Context(), cause); err != nil || training.steps != 1 || training.fit.parts != 2 {
		t.Fatalf("with the adapter still there: step %d in %d parts, %v", training.steps, training.fit.parts, err)
	}
	training.optimizer.Adapter().Close()
	if err := training.makeRoom(t.Context(), cause); err != nil {
		t.Fatal(err)
	}
	if got, err := training.optimizer.State(); err != nil || !reflect.DeepEqual(got, want) || training.steps != 0 || !training.fit.gradCheckpointing {
		t.Errorf("at step %d with %+v, %v", training.steps, training.fit, err)
	}
	if last := told.warnings[len(told.warnings)-1]; !strings.Contains(last, "checkpoint of step 0") {
		t.Errorf("warned %q", told.warnings)
	}
	if err := training.makeRoom(t.Context(), cause); err == nil || !strings.Contains(err.Error(), "block_size") {
		t.Errorf("when nothing smaller is left: %v", err)
	}
}
