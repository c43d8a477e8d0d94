package engine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// With a learning rate of 0 no evaluation is better than the first, so patience ends the run.
func TestTrainingStopsEarlyAndKeepsTheBest(t *testing.T) {
	job := tinyJob(t, map[string]any{"learning_rate": 0, "max_steps": 50, "eval_every": 2, "early_stop_patience": 2})
	job.Checkpoints = filepath.Join(t.TempDir(), "checkpoints")
	result, told := mustTrain(t, job)
	s := result.Summary
	if s.EndedBy != protocol.EndedByEarlyStop || s.Steps != 6 || s.AdapterStep != 2 || *s.ValDataBPT != told.evaluations[1].DataBPT {
		t.Errorf("ended by %s after %d steps with the adapter of step %d and %v bits", s.EndedBy, s.Steps, s.AdapterStep, *s.ValDataBPT)
	}
	want := []string{"evaluated 0", "step 1", "step 2", "evaluated 2", "step 3", "step 4", "evaluated 4", "step 5", "step 6", "evaluated 6"}
	if !slices.Equal(told.order, want) {
		t.Errorf("told %q", told.order)
	}
	for _, m := range told.steps {
		if evaluated := m.ValDataBPT != nil; evaluated != (m.Step%2 == 0) {
			t.Errorf("step %d has the cost of held-out rows: %v", m.Step, evaluated)
		}
	}
	// B is still zero, so the adapter that was saved changes nothing, and that is no error.
	if s.LogitChange != 0 || s.ReloadLogitDiff != 0 {
		t.Errorf("logits changed by %v, after reloading by %v", s.LogitChange, s.ReloadLogitDiff)
	}
	if again := saveAgain(t, job, result); len(again.order) != 0 { // all of it was told
		t.Errorf("gone on from the last step, it told %q", again.order)
	}
}

// saveAgain runs a finished job on from its last checkpoint, as if it had been killed while it saved, to the same end.
func saveAgain(t *testing.T, job Job, want *Result) *recorder {
	t.Helper()
	first := readWeights(t, job.Output)
	job.Output = filepath.Join(t.TempDir(), "again")
	result, told := mustTrain(t, job)
	if !bytes.Equal(readWeights(t, job.Output), first) {
		t.Error("the adapter is another one")
	}
	if got, want := compared(result), compared(want); !reflect.DeepEqual(got, want) {
		t.Errorf("summary %+v, want %+v", got, want)
	}
	return told
}

func TestTheTimeLimitEndsTrainingAndTheAdapterIsSaved(t *testing.T) {
	job := tinyJob(t, map[string]any{"max_steps": 50, "time_limit_minutes": 1e-6})
	job.Checkpoints = filepath.Join(t.TempDir(), "checkpoints")
	result, told := mustTrain(t, job)
	s := result.Summary
	if s.EndedBy != protocol.EndedByTimeLimit || s.Steps != 1 || s.AdapterStep != 1 || told.steps[0].ValDataBPT == nil || told.steps[0].EtaMinutes != 0 {
		t.Errorf("summary %+v, step %+v", s, told.steps[0])
	}
	if !(s.LogitChange > 0) || !(s.ReloadLogitDiff <= reloadTolerance) {
		t.Errorf("logits changed by %v, after reloading by %v", s.LogitChange, s.ReloadLogitDiff)
	}
	again := saveAgain(t, job, result)
	if !slices.Equal(again.order, []string{"step 1", "evaluated 1"}) || !reflect.DeepEqual(withoutTime(t, again.steps, again.evaluations), withoutTime(t, told.steps, told.evaluations[1:])) {
		t.Errorf("gone on from the last step, it told %q", again.order)
	}
	job.Output, job.Config.TimeLimitMinutes = filepath.Join(t.TempDir(), "longer"), 0
	ctx, cancel := context.WithCancel(t.Context())
	longer := &recorder{onStep: func(step int) {
		if step == 2 {
			cancel()
		}
	}}
	if _, err := Train(ctx, job, longer); !errors.Is(err, context.Canceled) || !slices.Equal(longer.order, []string{"step 1", "step 2"}) {
		t.Errorf("without the limit it went on to %q and ended with %v", longer.order, err)
	}
}

func TestSettingsThatNeedHeldOutRowsAreRefusedWithout(t *testing.T) {
	for _, settings := range []map[string]any{
		{"early_stop_patience": 2, "adapter_from": "last", "eval_every": 1}, {"adapter_from": "best", "eval_every": 1},
	} {
		job := tinyJob(t, settings)
		job.Config.ValFraction = 0
		if _, err := Train(t.Context(), job, &recorder{}); err == nil || !strings.Contains(err.Error(), "held-out rows") {
			t.Errorf("%v: %v", settings, err)
		}
	}
}

// A directory that checkpoints can no longer be written to costs the checkpoints and not the run.
func TestCheckpointsThatCannotBeWrittenDoNotEndTheRun(t *testing.T) {
	job := tinyJob(t, map[string]any{"max_steps": 4, "checkpoint_every": 1})
	job.Checkpoints = filepath.Join(t.TempDir(), "checkpoints")
	told := &recorder{}
	told.onStep = func(step int) {
		if step == 2 {
			if err := os.RemoveAll(job.Checkpoints); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Train(t.Context(), job, told); err != nil {
		t.Fatal(err)
	}
	complaints := slices.DeleteFunc(told.warnings, func(w string) bool { return !strings.Contains(w, "write the checkpoint") })
	if len(told.steps) != 4 || len(complaints) != 1 || !strings.Contains(complaints[0], "step 2") {
		t.Errorf("%d steps, warned %q", len(told.steps), complaints)
	}
}

// λ at its bound and S far from its target all along: the run ends with a warning of each.
func TestControlThatDoesNotWorkIsToldOf(t *testing.T) {
	_, told := mustTrain(t, tinyJob(t, map[string]any{"max_steps": 3, "prior_sigma": 1e-4, "lambda_init": 2, "lambda_max": 2}))
	all := strings.Join(told.warnings, "\n")
	if !strings.Contains(all, "S never came to its target") || !strings.Contains(all, "λ stood at its bound 2 for the last 3 of 3 steps") {
		t.Errorf("warned %q", told.warnings)
	}
}

// Each seed changes what it is for, and that alone.
func TestSeedsAreApart(t *testing.T) {
	first := func(settings map[string]any) *protocol.TrainingMetrics {
		all := map[string]any{"max_steps": 1, "prior_sigma": 0.1, "grad_accum": 1}
		for key, value := range settings {
			all[key] = value
		}
		job := tinyJob(t, all)
		job.ValData = writeRows(t, 3) // so that no seed parts the rows
		_, told := mustTrain(t, job)
		return told.steps[0]
	}
	plain := first(nil)
	for key, want := range map[string][3]bool{ // which of the batch, the first weights and the gradient change
		"data_seed": {true, false, true}, "init_seed": {false, true, true}, "dropout_seed": {false, false, true},
	} {
		m := first(map[string]any{key: 7})
		// At step 1 B is zero, so that the loss depends on the rows alone.
		got := [3]bool{m.DataBPT != plain.DataBPT, m.ParamBPT != plain.ParamBPT, m.GradNorm != plain.GradNorm}
		if got != want {
			t.Errorf("%s changes the batch, the first weights, the gradient: %v, want %v", key, got, want)
		}
	}
}
