package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/plan"
	"github.com/shannon-labs/scu/trainer/scu"
)

func TestTrainingLowersTheLossOnHeldOutRows(t *testing.T) {
	job := tinyJob(t, map[string]any{"max_steps": 30, "eval_every": 10})
	result, told := mustTrain(t, job)
	before, after := *result.Summary.BaseValDataBPT, *result.Summary.ValDataBPT
	if !(after < 0.9*before) {
		t.Errorf("held-out DataBPT went from %.3f to %.3f", before, after)
	}
	if len(told.steps) != 30 || told.steps[29].Step != 30 {
		t.Errorf("%d steps were told, want 30", len(told.steps))
	}
	var steps []int
	for _, e := range told.evaluations {
		steps = append(steps, e.Step)
	}
	if !slices.Equal(steps, []int{0, 10, 20, 30}) || told.steps[9].ValDataBPT == nil || told.steps[8].ValDataBPT != nil {
		t.Errorf("evaluated after the steps %v, want 0 10 20 30", steps)
	}
	want := []protocol.Phase{protocol.PhaseTokenizing, protocol.PhaseLoading, protocol.PhaseCompiling, protocol.PhaseEvaluating, protocol.PhaseTraining}
	if !slices.Equal(told.phases[:5], want) || told.phases[len(told.phases)-1] != protocol.PhaseSaving {
		t.Errorf("phases %v", told.phases)
	}
	if last := told.steps[29].ValDataBPT; last == nil || *last != after || result.Summary.EndedBy != protocol.EndedBySteps || result.Summary.AdapterStep != 30 {
		t.Errorf("the last step says %v bits, the summary %+v", last, result.Summary)
	}
	if result.Summary.ReloadMaxAbsDiff != 0 || result.Saved.SizeBytes == 0 || len(result.Saved.SHA256) != 64 {
		t.Errorf("saved %+v", result.Saved)
	}
}

// Each step's figures follow from the definitions, and λ from the controller.
func TestMetricsFollowTheDefinitions(t *testing.T) {
	job := tinyJob(t, map[string]any{"deadband": 0.0001})
	_, told := mustTrain(t, job)
	config := &told.plan.Config
	controller, err := scu.NewController(plan.ControllerParameters(config))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range told.steps {
		if float64(m.LambdaValue) != controller.State().Lambda {
			t.Errorf("step %d: λ is %v, want %v", m.Step, m.LambdaValue, controller.State().Lambda)
		}
		if got, want := float64(m.SRatio), scu.Ratio(float64(m.DataBPT), float64(m.ParamBPT)); got != want {
			t.Errorf("step %d: S is %v, want %v", m.Step, got, want)
		}
		objective := (float64(m.DataBPT) + float64(m.LambdaValue*m.ParamBPT)) * math.Ln2
		if math.Abs(float64(m.Loss)-objective) > 1e-9 {
			t.Errorf("step %d: the objective is %v, want %v", m.Step, m.Loss, objective)
		}
		if err := controller.Step(float64(m.SRatio)); err != nil {
			t.Fatal(err)
		}
		if float64(m.Integral) != controller.State().Integral || float64(m.SSmoothed) != controller.State().Smoothed {
			t.Errorf("step %d: I %v and Ŝ %v, want %+v", m.Step, m.Integral, m.SSmoothed, controller.State())
		}
		if m.TargetTokens <= 0 || m.Tokens < m.TargetTokens || !(m.GradNorm > 0) {
			t.Errorf("step %d: %+v", m.Step, m)
		}
	}
	// Training begins at the target, but for the draw of A and of the first batch.
	if s := float64(told.steps[0].SRatio); math.Abs(s/config.TargetS-1) > 0.3 || math.Abs(told.plan.PredictedStartS/config.TargetS-1) > 1e-6 {
		t.Errorf("S begins at %g, predicted %g, target %g", s, told.plan.PredictedStartS, config.TargetS)
	}
	// At step 1 the adapter is as it was made, so Σw² is what its seed gives.
	squares := 0.0
	for _, w := range initialAdapterOf(t, job) {
		squares += float64(w) * float64(w)
	}
	prior := scu.Prior{Sigma: config.PriorSigma, TargetTokens: told.plan.TargetTokens}
	if got, want := float64(told.steps[0].ParamBPT), prior.BitsPerToken(squares); math.Abs(got/want-1) > 1e-6 {
		t.Errorf("ParamBPT of step 1 is %v, want %v", got, want)
	}
}

func initialAdapterOf(t *testing.T, job Job) []float32 {
	t.Helper()
	adapter, err := lora.Load(mustTrainOnce(t, job), archOf(t, job))
	if err != nil {
		t.Fatal(err)
	}
	return adapter.Layout.Initial(job.Config.InitSeed)
}

func readWeights(t *testing.T, directory string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(directory, lora.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestTheSameSeedGivesTheSameAdapterAndAnotherDoesNot(t *testing.T) {
	first := readWeights(t, mustTrainOnce(t, tinyJob(t, nil)))
	if !bytes.Equal(first, readWeights(t, mustTrainOnce(t, tinyJob(t, nil)))) {
		t.Error("the same job gave another adapter")
	}
	if bytes.Equal(first, readWeights(t, mustTrainOnce(t, tinyJob(t, map[string]any{"seed": 43})))) {
		t.Error("another seed gave the same adapter")
	}
}

func mustTrainOnce(t *testing.T, job Job) string {
	t.Helper()
	if _, err := os.Stat(job.Output); err != nil {
		mustTrain(t, job)
	}
	return job.Output
}

// A prior that is only added to the reported loss leaves the adapter as it is whatever λ; ours is in the gradient.
func TestLambdaChangesTheAdapter(t *testing.T) {
	weak := readWeights(t, mustTrainOnce(t, tinyJob(t, map[string]any{"scu_mode": "fixed", "lambda_init": 1e-4})))
	strong := readWeights(t, mustTrainOnce(t, tinyJob(t, map[string]any{"scu_mode": "fixed", "lambda_init": 1e6})))
	if bytes.Equal(weak, strong) {
		t.Error("λ = 1e-4 and λ = 1e6 gave the same adapter")
	}
}

func TestModesLogTheSameMetrics(t *testing.T) {
	for mode, lambda := range map[string]float64{"pi": 1, "fixed": 0.25, "off": 0} {
		_, told := mustTrain(t, tinyJob(t, map[string]any{"scu_mode": mode, "lambda_init": max(lambda, 0.25), "max_steps": 2}))
		for _, m := range told.steps {
			if mode != "pi" && float64(m.LambdaValue) != lambda {
				t.Errorf("%s: λ is %v, want %v", mode, m.LambdaValue, lambda)
			}
			if !(m.SRatio > 0) || !(m.SSmoothed > 0) || !(m.ParamBPT > 0) {
				t.Errorf("%s: %+v", mode, m)
			}
		}
	}
}

// Packed or not, the same rows in one step have the same loss and move the adapter alike.
func TestPackingChangesNothingButTheSpeed(t *testing.T) {
	settings := map[string]any{"max_steps": 1, "grad_accum": 1000, "micro_batch": 4, "lora_dropout": 0}
	_, packed := mustTrain(t, tinyJob(t, settings))
	settings["packing"] = "off"
	_, unpacked := mustTrain(t, tinyJob(t, settings))
	a, b := packed.steps[0], unpacked.steps[0]
	if a.TargetTokens != b.TargetTokens || a.TargetTokens != packed.plan.TargetTokens {
		t.Fatalf("%d and %d target tokens, want all %d", a.TargetTokens, b.TargetTokens, packed.plan.TargetTokens)
	}
	if math.Abs(float64(a.DataBPT/b.DataBPT)-1) > 1e-5 || math.Abs(float64(a.GradNorm/b.GradNorm)-1) > 1e-4 {
		t.Errorf("packed %v and %v, unpacked %v and %v", a.DataBPT, a.GradNorm, b.DataBPT, b.GradNorm)
	}
}

// Accumulated micro-batches are the large batch, though they hold different numbers of targets.
func TestAccumulationEqualsTheLargeBatch(t *testing.T) {
	settings := map[string]any{"max_steps": 1, "lora_dropout": 0, "micro_batch": 1, "grad_accum": 1000}
	_, small := mustTrain(t, tinyJob(t, settings))
	settings["micro_batch"], settings["grad_accum"] = 1000, 1
	_, large := mustTrain(t, tinyJob(t, settings))
	a, b := small.steps[0], large.steps[0]
	if math.Abs(float64(a.DataBPT/b.DataBPT)-1) > 1e-5 || math.Abs(float64(a.GradNorm/b.GradNorm)-1) > 1e-5 {
		t.Errorf("accumulated %v and %v, at once %v and %v", a.DataBPT, a.GradNorm, b.DataBPT, b.GradNorm)
	}
}

func TestCancelLeavesNothingOnDisk(t *testing.T) {
	job := tinyJob(t, map[string]any{"max_steps": 1000})
	ctx, cancel := context.WithCancel(t.Context())
	told := &recorder{onStep: func(step int) {
		if step == 3 {
			cancel()
		}
	}}
	if _, err := Train(ctx, job, told); !errors.Is(err, context.Canceled) {
		t.Fatalf("the job ended with %v", err)
	}
	if len(told.steps) != 3 {
		t.Errorf("%d steps were taken after all", len(told.steps))
	}
	if entries, err := os.ReadDir(filepath.Dir(job.Output)); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

func TestGoingOnFromAnAdapter(t *testing.T) {
	job := tinyJob(t, nil)
	_, first := mustTrain(t, job)
	again := tinyJob(t, map[string]any{"lora_dropout": 0})
	again.InitAdapter, again.TrainData = job.Output, job.TrainData
	_, second := mustTrain(t, again)
	if s := float64(second.steps[0].SRatio); math.Abs(s/second.plan.Config.TargetS-1) > 0.3 {
		t.Errorf("S begins at %g, want about the target %g", s, second.plan.Config.TargetS)
	}
	if !(second.steps[0].DataBPT < first.steps[0].DataBPT) || second.evaluations[0].DataBPT != first.evaluations[0].DataBPT {
		t.Errorf("begins at %v bits, the first run at %v; base %v and %v", second.steps[0].DataBPT, first.steps[0].DataBPT,
			second.evaluations[0].DataBPT, first.evaluations[0].DataBPT)
	}
	other := tinyJob(t, map[string]any{"lora_r": 2})
	other.InitAdapter = job.Output
	_, err := Train(t.Context(), other, &recorder{})
	var failure *protocol.Error
	if !errors.As(err, &failure) || failure.Code != protocol.CodeInvalidConfig {
		t.Errorf("another rank: %v", err)
	}
}

// An adapter of each kind is gone on from: with a learning rate of 0 the run ends where the first one did.
func TestGoingOnFromEveryKindOfAdapter(t *testing.T) {
	for _, kind := range []string{"use_rslora", "use_dora"} {
		job := tinyJob(t, map[string]any{kind: true, "max_steps": 3, "lora_dropout": 0})
		first, told := mustTrain(t, job)
		if !(*first.Summary.ValDataBPT < *first.Summary.BaseValDataBPT) || math.Abs(float64(told.steps[0].SRatio)/told.plan.Config.TargetS-1) > 0.3 {
			t.Errorf("%s: %+v", kind, first.Summary)
		}
		again := tinyJob(t, map[string]any{kind: true, "max_steps": 1, "learning_rate": 0, "prior_center": "init"})
		again.InitAdapter, again.TrainData = job.Output, job.TrainData
		second, told := mustTrain(t, again)
		if *second.Summary.ValDataBPT != *first.Summary.ValDataBPT || *second.Summary.BaseValDataBPT != *first.Summary.BaseValDataBPT {
			t.Errorf("%s: from %v bits to %v, gone on from %v to %v", kind, *first.Summary.BaseValDataBPT, *first.Summary.ValDataBPT,
				*second.Summary.BaseValDataBPT, *second.Summary.ValDataBPT)
		}
		if told.steps[0].ParamBPT != 0 {
			t.Errorf("%s: centred on where it begins, the prior costs %v", kind, told.steps[0].ParamBPT)
		}
		if !bytes.Equal(readWeights(t, job.Output), readWeights(t, again.Output)) {
			t.Errorf("%s: the adapter moved", kind)
		}
	}
}

func TestANonFiniteLossStopsTheJobAndSaysWhere(t *testing.T) {
	job := tinyJob(t, map[string]any{"learning_rate": 10, "max_steps": 50, "lora_alpha": 1e38, "non_finite_limit": 2})
	job.Checkpoints = filepath.Join(t.TempDir(), "checkpoints")
	told := &recorder{}
	_, err := Train(t.Context(), job, told)
	var failure *protocol.Error
	if !errors.As(err, &failure) || failure.Code != protocol.CodeNonFinite || failure.Hint == "" || !strings.Contains(failure.Message, " of "+job.TrainData) {
		t.Errorf("the job ended with %v", err)
	}
	text, err := os.ReadFile(filepath.Join(job.Checkpoints, nonFiniteFile))
	if err != nil {
		t.Fatal(err)
	}
	var report nonFiniteReport
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Steps) != 2 || report.Steps[1].Step != report.Steps[0].Step+1 || len(report.Steps[0].Rows[job.TrainData]) == 0 || report.Hint == "" {
		t.Errorf("recorded %s", text)
	}
	first := fmt.Sprintf("rows %d", report.Steps[0].Rows[job.TrainData][0])
	if !slices.ContainsFunc(told.warnings, func(w string) bool { return strings.Contains(w, first) }) {
		t.Errorf("warned %q, without %q", told.warnings, first)
	}
	if _, err := os.Stat(job.Output); err == nil {
		t.Error("an adapter was saved")
	}
}

// However the rows are held out, and whatever adapter a run begins with, S begins at its target.
func TestSBeginsAtItsTarget(t *testing.T) {
	first := tinyJob(t, nil)
	mustTrain(t, first)
	for name, change := range map[string]func(*Job){
		"nothing held out":                 func(j *Job) { j.Config.ValFraction = 0 },
		"one row held out":                 func(j *Job) { j.Config.ValFraction = 1e-9 },
		"gone on from, nothing held out":   func(j *Job) { j.InitAdapter, j.Config.ValFraction = first.Output, 0 },
		"gone on from, some rows held out": func(j *Job) { j.InitAdapter = first.Output },
	} {
		job := tinyJob(t, map[string]any{"max_steps": 1, "grad_accum": 1000, "lora_dropout": 0})
		change(&job)
		_, told := mustTrain(t, job)
		if s, target := float64(told.steps[0].SRatio), told.plan.Config.TargetS; math.Abs(s/target-1) > 0.15 {
			t.Errorf("%s: S begins at %g, want about %g", name, s, target)
		}
	}
}

func TestNonFiniteStepsAreCountedAlikeInEveryMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{protocol.ModePI, protocol.ModeFixed, protocol.ModeOff} {
		config := &protocol.SCUConfig{Mode: mode, NonFiniteLimit: 3}
		run := func(total int, finite string) error {
			training := &training{run: &run{plan: &protocol.Plan{TotalSteps: total}, observer: &recorder{}}, config: config}
			for step, mark := range finite {
				metrics := &protocol.TrainingMetrics{Step: step + 1, SRatio: 0.01}
				if mark == 'x' {
					metrics.SRatio = protocol.NaN()
				}
				if err := training.control(metrics, false, nil); err != nil {
					return err
				}
			}
			return nil
		}
		if err := run(12, "xx.xx.xx.xx."); err != nil {
			t.Errorf("%s: scattered steps ended the run: %v", mode, err)
		}
		if run(12, "..xxx") == nil {
			t.Errorf("%s: three in a row did not end the run", mode)
		}
		if run(2, "xx") == nil {
			t.Errorf("%s: a run without one finite step was taken for trained", mode)
		}
	}
}

// damage makes a weight of a model infinite: in float32, the exponent's bits alone.
func damage(t *testing.T, directory string) {
	t.Helper()
	path := filepath.Join(directory, "model.safetensors")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[len(content)-4:], []byte{0, 0, 0x80, 0x7f})
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeTrainedIsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.jsonl")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Job)
		code   protocol.ErrorCode
	}{
		"no model":        {func(j *Job) { j.Model = "/nowhere" }, protocol.CodeModelNotFound},
		"damaged model":   {func(j *Job) { damage(t, j.Model) }, protocol.CodeModelUnsupported},
		"no data":         {func(j *Job) { j.TrainData = "/nowhere.jsonl" }, protocol.CodeDatasetInvalid},
		"empty data":      {func(j *Job) { j.TrainData = empty }, protocol.CodeDatasetInvalid},
		"all cut away":    {func(j *Job) { j.Config.BlockSize = 3 }, protocol.CodeDatasetInvalid},
		"no plugin":       {func(j *Job) { j.Device = "cuda" }, protocol.CodeDeviceNotFound},
		"no such device":  {func(j *Job) { j.Device = "abacus" }, protocol.CodeDeviceNotFound},
		"no such adapter": {func(j *Job) { j.InitAdapter = "/nowhere" }, protocol.CodeInvalidConfig},
	} {
		job := tinyJob(t, nil)
		c.change(&job)
		_, err := Train(t.Context(), job, &recorder{})
		var failure *protocol.Error
		if !errors.As(err, &failure) || failure.Code != c.code {
			t.Errorf("%s: %v, want code %s", name, err, c.code)
		}
	}
}
