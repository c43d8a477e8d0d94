package plan

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/scu"
)

var planner = NewPlanner()

// writeRows writes a file and returns its path.
func writeRows(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func textRows(count int) string {
	var rows strings.Builder
	for i := range count {
		fmt.Fprintf(&rows, `{"text":"row %d says %s"}`+"\n", i, strings.Repeat("words ", 1+i%7))
	}
	return rows.String()
}

func tinySpec(t *testing.T, overrides map[string]any) protocol.JobSpec {
	t.Helper()
	return protocol.JobSpec{
		BaseModel: oracle.Load(t, "untied").ModelDirectory, TrainData: writeRows(t, "rows.jsonl", textRows(60)), ConfigOverrides: overrides,
	}
}

func TestDefaultsFollowTheModelsSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parameters   int64
		targetS      float64
		rank         int
		learningRate float64
	}{
		{1_000_000, 0.005, 8, 1e-4},
		{135_000_000, 0.005, 8, 1e-4},
		{360_000_000, 0.008, 8, 8e-5},
		{1_100_000_000, 0.01, 16, 5e-5},
		{3_200_000_000, 0.02, 32, 3e-5},
		{8_000_000_000, 0.03, 64, 2e-5},
		{70_000_000_000, 0.04, 64, 1e-5},
	} {
		config, reasons, failure := resolve(protocol.JobSpec{}, situation{modules: []string{"q_proj"}, parameters: c.parameters, dataBytes: 1 << 30, context: 4096, device: "cuda"})
		if failure != nil {
			t.Fatal(failure)
		}
		if config.TargetS != c.targetS || config.LoraR != c.rank || config.LearningRate != c.learningRate || config.LoraAlpha != 2*float64(c.rank) {
			t.Errorf("%d parameters: %+v", c.parameters, config)
		}
		if reasons["target_s"] == "" || reasons["lora_r"] == "" {
			t.Errorf("%d parameters: no reasons in %v", c.parameters, reasons)
		}
		if failure := check(&config); failure != nil {
			t.Errorf("%d parameters: the defaults are refused: %v", c.parameters, failure)
		}
	}
}

func TestSmallDataSetsGetASmallerTargetAndRank(t *testing.T) {
	t.Parallel()
	config, _, failure := resolve(protocol.JobSpec{}, situation{modules: []string{"q_proj"}, parameters: 7e9, dataBytes: 100_000, context: 4096, device: "cpu"})
	if failure != nil {
		t.Fatal(failure)
	}
	if config.TargetS != 0.021 || config.LoraR != 16 || config.LoraAlpha != 32 || config.Epochs != 3 || config.MicroBatch != 1 {
		t.Errorf("%+v", config)
	}
}

func TestPresetsSetTheTarget(t *testing.T) {
	t.Parallel()
	for preset, want := range presets {
		config, _, failure := resolve(protocol.JobSpec{}, situation{modules: []string{"q_proj"}, parameters: 1e9, dataBytes: 1 << 30, context: 4096, device: "cuda", preset: preset})
		if failure != nil || config.TargetS != want {
			t.Errorf("%s: S* is %g (%v), want %g", preset, config.TargetS, failure, want)
		}
	}
	if _, _, failure := resolve(protocol.JobSpec{}, situation{modules: []string{"q_proj"}, parameters: 1e9, preset: "magic", context: 64}); failure == nil || !strings.Contains(failure.Hint, "instruction") {
		t.Errorf("an unknown preset: %v", failure)
	}
}

func TestOverridesTakeTheTypesThatJSONAndShellsGive(t *testing.T) {
	t.Parallel()
	spec := tinySpec(t, map[string]any{
		"lora_r": float64(4), "learning_rate": 1e-3, "target_modules": "q_proj, v_proj", "scu_mode": "fixed", "prior_sigma": "auto", "max_steps": 7,
	})
	prepared, failure := planner.Prepare(t.Context(), t.TempDir(), spec, DeviceCPU)
	if failure != nil {
		t.Fatal(failure)
	}
	c := prepared.Config
	if c.LoraR != 4 || c.LoraAlpha != 8 || c.LearningRate != 1e-3 || strings.Join(c.TargetModules, " ") != "q_proj v_proj" || c.Mode != "fixed" || c.PriorSigma != 0 || c.MaxSteps != 7 {
		t.Errorf("%+v", c)
	}
	if prepared.Reasons["lora_r"] != "as asked for" || prepared.Reasons["lora_alpha"] == "" {
		t.Errorf("reasons %v", prepared.Reasons)
	}
}

func TestWrongSettingsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]any{
		"lora_r": 0, "lora_alpha": -1, "lora_dropout": 1.0, "target_modules": "q_proj,head", "learning_rate": -1, "schedule": "zigzag",
		"warmup_ratio": 2, "weight_decay": -1, "max_grad_norm": -1, "micro_batch": 0, "grad_accum": 0, "block_size": 1, "packing": "maybe",
		"overlong": "explode", "train_on": "nothing", "val_fraction": 1, "epochs": -1, "max_steps": -1, "eval_every": -1, "precision": "f8",
		"scu_mode": "pid", "target_s": 0, "kp": -1, "ki": -1, "deadband": -1, "lambda_init": 5, "lambda_min": 0, "prior_sigma": -1,
		"prior_center": "left", "non_finite_limit": 0, "seed": "abc",
	} {
		_, failure := planner.Prepare(t.Context(), t.TempDir(), tinySpec(t, map[string]any{key: value}), DeviceCPU)
		if failure == nil || failure.Code != protocol.CodeInvalidConfig || !strings.Contains(failure.Message, key) {
			t.Errorf("%s = %v: %v", key, value, failure)
		}
	}
	for key, want := range map[string]string{"learning_rte": "did you mean learning_rate?", "lora_R": "did you mean lora_r?", "lr": "", "lore": "", "batch": ""} {
		_, failure := planner.Prepare(t.Context(), t.TempDir(), tinySpec(t, map[string]any{key: 1}), DeviceCPU)
		if failure == nil || !strings.Contains(failure.Hint, "he settings are adapter_from, ") {
			t.Errorf("%s: %v", key, failure)
			continue
		}
		if suggested := strings.Contains(failure.Hint, "did you mean"); suggested != (want != "") || !strings.HasPrefix(failure.Hint, want) {
			t.Errorf("the hint for %s is %q", key, failure.Hint)
		}
	}
	_, failure := planner.Prepare(t.Context(), t.TempDir(), tinySpec(t, map[string]any{"lora_r": nil}), DeviceCPU)
	if failure == nil {
		t.Error("a null setting was accepted")
	}
	_, failure = planner.Prepare(t.Context(), t.TempDir(), tinySpec(t, map[string]any{"block_size": 100_000}), DeviceCPU)
	if failure == nil || !strings.Contains(failure.Message, "256") {
		t.Errorf("a block beyond the model's context: %v", failure)
	}
}

// Where λ is constant, the bounds of the controller do not matter.
func TestAFixedLambdaMayBeAnyNumber(t *testing.T) {
	t.Parallel()
	for _, lambda := range []float64{0, 1e-4, 1e6} {
		if _, failure := planner.Prepare(t.Context(), t.TempDir(), tinySpec(t, map[string]any{"scu_mode": "fixed", "lambda_init": lambda}), DeviceCPU); failure != nil {
			t.Errorf("λ = %g: %v", lambda, failure)
		}
	}
}

func TestModelsAreFoundByPathAndByName(t *testing.T) {
	t.Parallel()
	home, spec := t.TempDir(), tinySpec(t, nil)
	if err := os.CopyFS(filepath.Join(home, "models", "tiny"), os.DirFS(spec.BaseModel)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{spec.BaseModel, "tiny"} {
		spec.BaseModel = name
		if _, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU); failure != nil {
			t.Errorf("%s: %v", name, failure)
		}
	}
	for _, name := range []string{"absent", "/nowhere/model", "../models/tiny", "tiny/..", ""} {
		spec.BaseModel = name
		_, failure := planner.Prepare(t.Context(), home, spec, DeviceCPU)
		if failure == nil || failure.Code != protocol.CodeModelNotFound || !strings.Contains(failure.Hint, "tiny") {
			t.Errorf("%q: %v", name, failure)
		}
	}
	if _, failure := planner.Prepare(t.Context(), t.TempDir(), spec, DeviceCPU); failure == nil || !strings.Contains(failure.Hint, "scu setup") {
		t.Errorf("nothing installed: %v", failure)
	}
}

func TestBadRowsAreRefusedBeforeTheJobIsQueued(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":         "",
		"no field":      `{"text":"fine"}` + "\n" + `{"question":"why?","reply":"because"}`,
		"not JSON":      `{"text":`,
		"not an object": `["text"]`,
	} {
		spec := tinySpec(t, nil)
		spec.TrainData = writeRows(t, "rows.jsonl", content)
		_, failure := planner.Prepare(t.Context(), t.TempDir(), spec, DeviceCPU)
		if failure == nil || failure.Code != protocol.CodeDatasetInvalid || !strings.Contains(failure.Message, spec.TrainData) {
			t.Errorf("%s: %v", name, failure)
		}
		if name == "no field" && (!strings.Contains(failure.Message, "row 2") || !strings.Contains(failure.Message, "question")) {
			t.Errorf("%s: %v", name, failure)
		}
	}
	spec := tinySpec(t, nil)
	spec.ValData = filepath.Join(t.TempDir(), "absent.jsonl")
	if _, failure := planner.Prepare(t.Context(), t.TempDir(), spec, DeviceCPU); failure == nil || failure.Code != protocol.CodeDatasetInvalid {
		t.Errorf("absent held-out rows: %v", failure)
	}
}

func TestEstimateSettlesThePrior(t *testing.T) {
	t.Parallel()
	plan, failure := planner.Estimate(t.Context(), t.TempDir(), tinySpec(t, map[string]any{"lora_r": 4, "block_size": 64}), DeviceCPU)
	if failure != nil {
		t.Fatal(failure)
	}
	c := plan.Config
	if plan.TrainRows+plan.ValRows != 60 || plan.ValRows == 0 || plan.TargetTokens < 60 || plan.TotalSteps < 1 || c.PriorSigma <= 0 {
		t.Fatalf("%+v", plan)
	}
	if math.Abs(plan.PredictedStartS-c.TargetS) > 1e-9 {
		t.Errorf("an automatic prior begins at S %g, want the target %g", plan.PredictedStartS, c.TargetS)
	}
	// Three layers of seven matrices, each with E[ΣA²] = r/3.
	prior := scu.Prior{Sigma: c.PriorSigma, TargetTokens: plan.TargetTokens}
	if got := scu.Ratio(plan.AssumedDataBPT, prior.BitsPerToken(3*7*4.0/3)); math.Abs(got-plan.PredictedStartS) > 1e-9 {
		t.Errorf("S at step 0 is %g by hand and %g in the plan", got, plan.PredictedStartS)
	}
	if len(plan.Warnings) != 0 {
		t.Errorf("warnings %v", plan.Warnings)
	}
	if len(plan.RowForms) != 1 || plan.RowForms[0] != `60 rows: text from "text"` {
		t.Errorf("row forms %q", plan.RowForms)
	}
}

func TestAPlanTellsTheFormOfTextFiles(t *testing.T) {
	t.Parallel()
	spec := tinySpec(t, map[string]any{"block_size": 64})
	spec.TrainData = writeRows(t, "rows.txt", "one document\n\nand another\n")
	plan, failure := planner.Estimate(t.Context(), t.TempDir(), spec, DeviceCPU)
	if failure != nil {
		t.Fatal(failure)
	}
	if len(plan.RowForms) != 1 || plan.RowForms[0] != "2 rows: text from the documents of text files" {
		t.Errorf("row forms %q", plan.RowForms)
	}
}

func TestATargetOutOfReachIsAWarningThatSaysWhatWouldDo(t *testing.T) {
	t.Parallel()
	for _, sigma := range []float64{0.001, 1e5} {
		plan, failure := planner.Estimate(t.Context(), t.TempDir(), tinySpec(t, map[string]any{"prior_sigma": sigma, "max_steps": 3}), DeviceCPU)
		if failure != nil {
			t.Fatal(failure)
		}
		if len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "prior_sigma") {
			t.Errorf("σ = %g begins at S %g: warnings %q", sigma, plan.PredictedStartS, plan.Warnings)
		}
	}
}

func TestMaxStepsWinsOverEpochs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		overrides map[string]any
		want      int
	}{
		{map[string]any{"max_steps": 1000, "epochs": 1}, 1000},
		{map[string]any{"max_steps": 2, "epochs": 50}, 2},
		{map[string]any{"epochs": 0.001}, 1},
	} {
		plan, failure := planner.Estimate(t.Context(), t.TempDir(), tinySpec(t, c.overrides), DeviceCPU)
		if failure != nil || plan.TotalSteps != c.want {
			t.Errorf("%v: %+v (%v)", c.overrides, plan, failure)
		}
	}
}

func TestRowsCutOrLeftOutAreCountedInWarnings(t *testing.T) {
	t.Parallel()
	spec := tinySpec(t, map[string]any{"block_size": 12, "val_fraction": 0})
	spec.TrainData = writeRows(t, "rows.jsonl", `{"prompt":"a prompt that is longer than the block","completion":"x"}`+"\n"+`{"text":"a text that is longer than the block"}`+"\n")
	plan, failure := planner.Estimate(t.Context(), t.TempDir(), spec, DeviceCPU)
	if failure != nil {
		t.Fatal(failure)
	}
	all := strings.Join(plan.Warnings, "\n")
	for _, part := range []string{"2 of 2 training rows were longer", "1 of 2 training rows have no target", "no rows are held out"} {
		if !strings.Contains(all, part) {
			t.Errorf("the warnings do not say %q:\n%s", part, all)
		}
	}
}

func TestHeldOutRowsThatAreTrainedOnAreAWarning(t *testing.T) {
	t.Parallel()
	spec := tinySpec(t, nil)
	spec.ValData = spec.TrainData
	plan, failure := planner.Estimate(t.Context(), t.TempDir(), spec, DeviceCPU)
	if failure != nil {
		t.Fatal(failure)
	}
	if all := strings.Join(plan.Warnings, "\n"); !strings.Contains(all, "60 of 60 held-out rows are among the training rows") {
		t.Errorf("warnings: %s", all)
	}
}

func TestEveryTargetCutAwayIsAnError(t *testing.T) {
	t.Parallel()
	spec := tinySpec(t, map[string]any{"block_size": 4, "val_fraction": 0})
	spec.TrainData = writeRows(t, "rows.jsonl", `{"prompt":"a prompt that is longer than the block","completion":"x"}`)
	_, failure := planner.Estimate(t.Context(), t.TempDir(), spec, DeviceCPU)
	if failure == nil || failure.Code != protocol.CodeDatasetInvalid || !strings.Contains(failure.Message, "block_size") {
		t.Errorf("%v", failure)
	}
}

func TestSettingsThatFollowFromOthers(t *testing.T) {
	t.Parallel()
	with := func(overrides map[string]any) protocol.SCUConfig {
		t.Helper()
		s := situation{parameters: 1e9, dataBytes: 1 << 20, context: 4096, modules: []string{"q_proj"}, device: "cuda"}
		config, _, failure := resolve(protocol.JobSpec{ConfigOverrides: overrides}, s)
		if failure != nil {
			t.Fatal(failure)
		}
		return config
	}
	seeded := with(map[string]any{"seed": 7, "init_seed": 8})
	if seeded.DataSeed != 7 || seeded.InitSeed != 8 || seeded.DropoutSeed != 7 {
		t.Errorf("seeds %d, %d, %d", seeded.DataSeed, seeded.InitSeed, seeded.DropoutSeed)
	}
	if c := with(map[string]any{"early_stop_patience": 2, "eval_every": 10}); c.AdapterFrom != protocol.AdapterBest {
		t.Errorf("with early stopping the adapter is the %s one", c.AdapterFrom)
	}
	// 2²⁰ bytes in three epochs are 3·2²⁰/4 tokens: 768 blocks of 1024, 15 for each of 50 steps.
	if c := with(map[string]any{"micro_batch": 1}); c.GradAccum != 4 {
		t.Errorf("accumulation %d, want the most", c.GradAccum)
	}
	if c := with(map[string]any{"micro_batch": 5}); c.GradAccum != 3 {
		t.Errorf("accumulation %d with a larger micro-batch, want 3", c.GradAccum)
	}
	fields := with(map[string]any{"fields": "prompt: question, completion=answer"}).Fields
	if len(fields) != 2 || fields["prompt"] != "question" || fields["completion"] != "answer" {
		t.Errorf("fields %v", fields)
	}
}

func TestTheBestAdapterNeedsHeldOutRows(t *testing.T) {
	t.Parallel()
	_, failure := planner.Prepare(t.Context(), t.TempDir(), tinySpec(t, map[string]any{"early_stop_patience": 2, "eval_every": 10, "val_fraction": 0}), DeviceCPU)
	if failure == nil || failure.Code != protocol.CodeInvalidConfig || !strings.Contains(failure.Message, "held out") {
		t.Errorf("%v", failure)
	}
}

// The setting that was made is named, and not the one that follows from it.
func TestEarlyStoppingWithoutEvaluationsIsNamed(t *testing.T) {
	t.Parallel()
	for range 20 { // an order that changes from run to run would be seen
		_, failure := planner.Prepare(t.Context(), t.TempDir(), tinySpec(t, map[string]any{"early_stop_patience": 2}), DeviceCPU)
		if failure == nil || !strings.HasPrefix(failure.Message, "early_stop_patience needs evaluations") {
			t.Fatalf("%v", failure)
		}
	}
}

func TestFieldsAreNamedInPairsOfEitherSign(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string]string{
		"":                                       {},
		"prompt:question,completion:answer":      {"prompt": "question", "completion": "answer"},
		" prompt = question , completion=answer": {"prompt": "question", "completion": "answer"},
		"text:a=b":                               {"text": "a=b"},
		"text=a:b":                               {"text": "a:b"},
	} {
		if got, failure := ParseFields(text); failure != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, failure, want)
		}
	}
	for text, want := range map[string]string{"question": `"question", which is no pair`, "text:a,text=b": `"text" twice`} {
		if _, failure := ParseFields(text); failure == nil || !strings.Contains(failure.Message, want) || failure.Hint == "" {
			t.Errorf("%q: %v", text, failure)
		}
	}
}
