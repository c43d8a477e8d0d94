package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

// withoutTime is what a run told, but for the fields that no two runs share.
func withoutTime(t *testing.T, steps []*protocol.TrainingMetrics, evaluations []protocol.Evaluation) []string {
	t.Helper()
	var told []string
	add := func(value any) {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, string(text))
	}
	for _, step := range steps {
		m := *step
		m.TokensPerSecond, m.EtaMinutes, m.DeviceMemoryBytes, m.CreatedAt = 0, 0, 0, time.Time{}
		add(m)
	}
	for _, evaluation := range evaluations {
		add(evaluation)
	}
	return told
}

// since is what a run told after a step.
func since(told *recorder, step int) ([]*protocol.TrainingMetrics, []protocol.Evaluation) {
	var evaluations []protocol.Evaluation
	for _, e := range told.evaluations {
		if e.Step > step || step == 0 {
			evaluations = append(evaluations, e)
		}
	}
	return told.steps[step:], evaluations
}

// compared are the figures of a summary that two equal runs share.
func compared(result *Result) protocol.RunSummary {
	summary := result.Summary
	summary.TokensPerSecond, summary.TrainSeconds, summary.PeakMemoryBytes = 0, 0, 0
	return summary
}

// resumedRun is a run that was never interrupted, with its checkpoint after every step.
type resumedRun struct {
	job         Job
	told        *recorder
	result      *Result
	checkpoints string
}

// again is the same job with a place of its own for its checkpoints and its adapter.
func (r *resumedRun) again(t *testing.T) Job {
	job := r.job
	job.Checkpoints, job.Output = filepath.Join(t.TempDir(), "checkpoints"), filepath.Join(t.TempDir(), "adapter")
	return job
}

// cutAt leaves a job the checkpoints up to a step, as if it had been killed there.
func (r *resumedRun) cutAt(t *testing.T, job Job, steps ...int) {
	t.Helper()
	for _, step := range steps {
		name := fmt.Sprintf("step-%08d", step)
		if err := os.CopyFS(filepath.Join(job.Checkpoints, name), os.DirFS(filepath.Join(r.checkpoints, name))); err != nil {
			t.Fatal(err)
		}
	}
}

// check runs the job on from the checkpoint of a step and holds everything it does against the run never interrupted.
func (r *resumedRun) check(t *testing.T, job Job, step int) *recorder {
	t.Helper()
	result, told := mustTrain(t, job)
	wantSteps, wantEvaluations := since(r.told, step)
	got, want := withoutTime(t, told.steps, told.evaluations), withoutTime(t, wantSteps, wantEvaluations)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after step %d it told\n%s\nwant\n%s", step, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !bytes.Equal(readWeights(t, job.Output), readWeights(t, r.job.Output)) {
		t.Error("the adapter is another one")
	}
	if got, want := compared(result), compared(r.result); !reflect.DeepEqual(got, want) {
		t.Errorf("summary %+v, want %+v", got, want)
	}
	plan := *told.plan
	plan.Config.CheckpointEvery = r.told.plan.Config.CheckpointEvery // this setting may change
	if !reflect.DeepEqual(&plan, r.told.plan) {
		t.Errorf("plan %+v, want %+v", plan, r.told.plan)
	}
	return told
}

// interrupted are settings with something of everything that a checkpoint carries: several epochs, accumulation, dropout,
// the controller, a centre, evaluations, and a best adapter that is not the last.
var interrupted = map[string]any{
	"max_steps": 9, "eval_every": 2, "checkpoint_every": 1, "keep_checkpoints": 100, "lora_dropout": 0.1, "prior_center": "init",
	"deadband": 1e-6, "target_s": 0.001, "adapter_from": "best", "schedule": "cosine", "learning_rate": 0.1,
}

func TestAResumedRunEqualsOneNeverInterrupted(t *testing.T) {
	r := &resumedRun{job: tinyJob(t, interrupted), checkpoints: filepath.Join(t.TempDir(), "checkpoints")}
	r.job.Checkpoints = r.checkpoints
	r.result, r.told = mustTrain(t, r.job)
	if r.result.Summary.AdapterStep == 9 || r.told.steps[8].Epoch < 2 || r.told.steps[8].LambdaValue == 1 {
		t.Fatalf("the run does not show what it should: best step %d, %v epochs, λ %v", r.result.Summary.AdapterStep, r.told.steps[8].Epoch, r.told.steps[8].LambdaValue)
	}
	t.Run("without checkpoints", func(t *testing.T) {
		job := r.again(t)
		job.Checkpoints = ""
		r.check(t, job, 0)
	})
	for _, cut := range []int{1, 6} {
		t.Run(fmt.Sprint("from step ", cut), func(t *testing.T) {
			job := r.again(t)
			r.cutAt(t, job, cut)
			told := r.check(t, job, cut)
			if len(told.logs) == 0 || !strings.Contains(told.logs[0], fmt.Sprintf("checkpoint of step %d of 9", cut)) {
				t.Errorf("told %q", told.logs)
			}
		})
	}
	t.Run("a damaged checkpoint", func(t *testing.T) {
		job := r.again(t)
		r.cutAt(t, job, 3, 7)
		if err := os.Truncate(filepath.Join(job.Checkpoints, "step-00000007", "vectors.safetensors"), 100); err != nil {
			t.Fatal(err)
		}
		if told := r.check(t, job, 3); len(told.warnings) == 0 || !strings.Contains(told.warnings[0], "step 7 is damaged") {
			t.Errorf("warned %q", told.warnings)
		}
	})
	t.Run("paused", func(t *testing.T) {
		job := r.again(t)
		job.Config.CheckpointEvery = protocol.CheckpointNever
		ctx, cancel := context.WithCancelCause(t.Context())
		first := &recorder{onStep: func(step int) {
			if step == 4 {
				cancel(ErrPause)
			}
		}}
		_, err := Train(ctx, job, first)
		var paused *PausedError
		if !errors.As(err, &paused) || paused.Step != 4 || len(first.steps) != 4 {
			t.Fatalf("ended with %v after %d steps", err, len(first.steps))
		}
		r.check(t, job, 4)
	})
	t.Run("ended in the last evaluation", func(t *testing.T) {
		job := r.again(t)
		r.cutAt(t, job, 8)
		ctx, cancel := context.WithCancel(t.Context())
		first := &recorder{onPhase: func(phases []protocol.Phase) {
			if slices.Equal(phases[max(0, len(phases)-2):], []protocol.Phase{protocol.PhaseCheckpointing, protocol.PhaseEvaluating}) {
				cancel()
			}
		}}
		if _, err := Train(ctx, job, first); !errors.Is(err, context.Canceled) || len(first.steps) != 0 {
			t.Fatalf("ended with %v after %d steps", err, len(first.steps))
		}
		latest, found, err := checkpoint.Latest(job.Checkpoints)
		if err != nil || !found || latest.Step != 9 {
			t.Fatalf("the latest checkpoint is %+v, %v, %v", latest, found, err)
		}
		told := r.check(t, job, 8)
		if slices.Contains(told.phases, protocol.PhaseCheckpointing) {
			t.Error("the last checkpoint was written again")
		}
	})
	t.Run("killed", func(t *testing.T) {
		job := r.again(t)
		killAt(t, job, 6)
		latest, found, err := checkpoint.Latest(job.Checkpoints)
		if err != nil || !found || latest.Step < 5 {
			t.Fatalf("the latest checkpoint is %+v, %v, %v", latest, found, err)
		}
		r.check(t, job, latest.Step)
	})
	t.Run("what has changed is refused", func(t *testing.T) { r.checkRefusals(t) })
	t.Run("no room for a checkpoint", func(t *testing.T) { r.checkNoRoomForCheckpoint(t) })
	t.Run("no room for the adapter", func(t *testing.T) { r.checkNoRoomForAdapter(t) })
	t.Run("kept before a checkpoint", func(t *testing.T) { r.checkSync(t) })
}

// checkRefusals changes what a run follows from, one thing at a time.
func (r *resumedRun) checkRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Job)
		told   []string
	}{
		"a setting":  {func(j *Job) { j.Config.LoraAlpha = 9 }, []string{"lora_alpha was 8 and is 9"}},
		"the length": {func(j *Job) { j.Config.MaxSteps = 20 }, []string{"max_steps was 9 and is 20", "total steps was 9 and is 20"}},
		"the data":   {func(j *Job) { j.TrainData = writeRows(t, 39) }, []string{"training rows was", "samples, SHA-256"}},
		"a seed":     {func(j *Job) { j.Config.DropoutSeed = 7 }, []string{"dropout_seed was 42 and is 7"}},
		"the device": {func(j *Job) { changeIdentity(t, j.Checkpoints, "device", "cuda") }, []string{`device was "cuda" and is "cpu"`}},
	} {
		job := r.again(t)
		r.cutAt(t, job, 5)
		c.change(&job)
		_, err := Train(t.Context(), job, &recorder{})
		var failure *protocol.Error
		if !errors.As(err, &failure) || failure.Code != protocol.CodeInvalidConfig || failure.Hint == "" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, told := range c.told {
			if !strings.Contains(failure.Message, told) {
				t.Errorf("%s: %q does not say %q", name, failure.Message, told)
			}
		}
	}
}

// changeIdentity writes the newest checkpoint of a directory again, as that of another run.
func changeIdentity(t *testing.T, path, name string, value any) {
	t.Helper()
	directory, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	saved, _, err := directory.Newest()
	if err != nil {
		t.Fatal(err)
	}
	saved.State.Identity.Set(name, value)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if directory, err = checkpoint.Open(path); err != nil {
		t.Fatal(err)
	}
	if err := directory.Write(saved, 1); err != nil {
		t.Fatal(err)
	}
}

// What memory demanded stays; what was only asked for can be asked off.
func TestGradientCheckpointingGoesOnWhereItWasNeeded(t *testing.T) {
	training := startTraining(t, tinyJob(t, nil), &recorder{})
	for _, c := range []struct{ asked, on, askedAgain, want bool }{
		{false, false, false, false}, {true, true, false, false}, {true, true, true, true}, {false, true, false, true}, {false, true, true, true},
	} {
		training.job.Config.GradCheckpointing, training.fit.gradCheckpointing = c.asked, c.on
		saved, err := training.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if got := newFit(&protocol.SCUConfig{GradCheckpointing: c.askedAgain}, saved); got.gradCheckpointing != c.want {
			t.Errorf("%+v: it goes on with %+v", c, got)
		}
	}
}

// killAt trains a job in a process of its own and kills that when it has told a step.
func killAt(t *testing.T, job Job, step int) {
	t.Helper()
	command, lines := startChild(t, job)
	for lines.Scan() {
		if told := parseTold(t, lines.Bytes()); told.Metrics != nil && told.Metrics.Step == step {
			break
		}
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil {
		t.Fatal("the child was not killed")
	}
	if _, err := os.Stat(job.Output); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the child had saved its adapter: %v", err)
	}
}
