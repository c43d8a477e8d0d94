package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// On the CPU a step that does not fit the memory that the system gives ends the job, which says what would fit.
func TestOutOfMemoryOnTheCPUEndsTheJob(t *testing.T) {
	job := tinyJob(t, map[string]any{"micro_batch": 32, "grad_accum": 1, "max_steps": 2, "block_size": 256, "packing": "off", "val_fraction": 0.2})
	job.TrainData = longRows(t, 46)
	command, lines := startChild(t, job, memoryHeadroom+"="+fmt.Sprint(20<<20))
	failure := ""
	for lines.Scan() {
		failure += parseTold(t, lines.Bytes()).Failure
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"out of memory", "micro_batch 32", "micro_batch=16", "grad_accum=2"} {
		if !strings.Contains(failure, part) {
			t.Errorf("it failed with %q, which does not say %q", failure, part)
		}
	}
	if _, err := os.Stat(job.Output); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an adapter was left: %v", err)
	}
}

// In parts, a step is the same step.
func TestAStepInPartsIsTheSameStep(t *testing.T) {
	job := tinyJob(t, map[string]any{"micro_batch": 32, "grad_accum": 1, "max_steps": 2, "block_size": 256, "packing": "off", "val_fraction": 0.2})
	job.TrainData = longRows(t, 46)
	var first *protocol.TrainingMetrics
	for _, parts := range []int{1, 2, 4} {
		training := startTraining(t, job, &recorder{})
		training.fit.parts = parts
		m, err := training.step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = m
		}
		if m.TargetTokens != first.TargetTokens || math.Abs(float64(m.DataBPT/first.DataBPT)-1) > 1e-5 || math.Abs(float64(m.GradNorm/first.GradNorm)-1) > 1e-4 {
			t.Errorf("in %d parts %v bits and gradient norm %v, whole %v and %v", parts, m.DataBPT, m.GradNorm, first.DataBPT, first.GradNorm)
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
	if err := training.writeCheckpoint(t.Context()); err != nil {
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
