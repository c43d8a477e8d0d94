package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/cpu"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/scu"
)

// sizeDefaults are the settings that go with a model's size.
type sizeDefaults struct {
	billions     float64
	targetS      float64
	rank         int
	microBatch   int // on an accelerator
	learningRate float64
}

// bySize is ordered by size; a model takes the row that is nearest on a logarithmic scale. The values are those of the
// published defaults.
var bySize = []sizeDefaults{
	{0.1, 0.005, 8, 8, 1e-4},
	{0.3, 0.008, 8, 8, 8e-5},
	{1, 0.01, 16, 4, 5e-5},
	{3, 0.02, 32, 2, 3e-5},
	{7, 0.03, 64, 1, 2e-5},
	{13, 0.04, 64, 1, 1e-5},
}

// presets are targets of S by kind of task.
var presets = map[string]float64{"instruction": 0.008, "domain_adaptation": 0.015, "general": 0.01}

const (
	smallSetTokens = 1_000_000 // below it a data set is small
	bytesPerToken  = 4         // of English prose, to guess the tokens of a file from its size
	wantedSteps    = 50        // optimizer steps that a run should have before it accumulates gradients

	mostAccumulated = 4 // micro-batches in a step, unless more are asked for
)

// situation is what defaults depend on.
type situation struct {
	parameters int64        // of the base model
	dataBytes  int64        // of the training rows' file
	context    int          // longest sequence of the model, in tokens
	modules    []string     // of its linear layers, as target_modules names them
	initial    *lora.Config // of the adapter that the job goes on from, or nil
	device     string       // cpu or cuda
	preset     string       // or empty
}

// defaults fills every setting, and gives the reason of those that depend on the situation.
func defaults(s situation) (protocol.SCUConfig, map[string]string, *protocol.Error) {
	size := nearestSize(s.parameters)
	law := scu.Defaults(size.targetS)
	sizeReason := fmt.Sprintf("the default for models of about %g billion parameters", size.billions)
	reasons := map[string]string{"target_s": sizeReason, "lora_r": sizeReason, "learning_rate": sizeReason}
	c := protocol.SCUConfig{
		Mode: protocol.ModePI, TargetS: size.targetS, Kp: law.Kp, Ki: law.Ki, Deadband: law.Deadband,
		LambdaInit: law.InitialLambda, LambdaMin: law.LambdaMin, LambdaMax: law.LambdaMax, PriorCenter: protocol.CenterZero,
		LoraR: size.rank, LoraDropout: 0.05, TargetModules: slices.Clone(s.modules),
		LearningRate: size.learningRate, Schedule: protocol.ScheduleLinear, WarmupRatio: 0.1, MaxGradNorm: 1,
		MicroBatch: size.microBatch,
		BlockSize:  min(1024, s.context), Packing: protocol.PackingOn, Overlong: protocol.OverlongTruncate, TrainOn: protocol.TrainOnAuto,
		ValFraction: 0.05, Epochs: 1, AdapterFrom: protocol.AdapterLast, KeepCheckpoints: 2, NonFiniteLimit: law.NonFiniteLimit, Seed: 42,
	}
	if err := applyPreset(&c, s.preset, reasons); err != nil {
		return c, nil, err
	}
	tokens := s.dataBytes / bytesPerToken
	if tokens < smallSetTokens {
		c.TargetS = math.Round(c.TargetS*0.7*1e6) / 1e6 // 0.0035, not 0.0034999999999999996
		c.LoraR = min(c.LoraR, 16)
		c.Epochs = 3
		small := fmt.Sprintf("the data set is small (about %d tokens)", tokens)
		reasons["target_s"] += ", times 0.7 since " + small
		reasons["epochs"] = small
	}
	onDevice(&c, s.device, reasons)
	return c, reasons, nil
}

// derive fills the settings that follow from others, unless they were chosen themselves.
func derive(c *protocol.SCUConfig, s situation, chosen map[string]any, reasons map[string]string) {
	free := func(key string) bool { _, asked := chosen[key]; return !asked }
	if free("lora_alpha") {
		c.LoraAlpha = 2 * float64(c.LoraR)
		reasons["lora_alpha"] = "twice lora_r"
	}
	if s.initial != nil {
		follow(c, s.initial, free, reasons)
	}
	if free("grad_accum") {
		tokens := s.dataBytes / bytesPerToken
		c.GradAccum = accumulation(*c, tokens)
		reasons["grad_accum"] = fmt.Sprintf("up to %d, as long as about %d tokens give %d steps or more", mostAccumulated, tokens, wantedSteps)
	}
	if free("adapter_from") && c.EarlyStopPatience > 0 {
		c.AdapterFrom = protocol.AdapterBest
		reasons["adapter_from"] = "training stops early, some evaluations after the best one"
	}
	for key, seed := range map[string]*int64{"data_seed": &c.DataSeed, "init_seed": &c.InitSeed, "dropout_seed": &c.DropoutSeed} {
		if free(key) {
			*seed = c.Seed
		}
	}
}

// follow takes the adapter's shape from the one that the job goes on from.
func follow(c *protocol.SCUConfig, initial *lora.Config, free func(string) bool, reasons map[string]string) {
	for key, take := range map[string]func(){
		"lora_r":         func() { c.LoraR = initial.Rank },
		"lora_alpha":     func() { c.LoraAlpha = initial.Alpha },
		"use_rslora":     func() { c.UseRSLora = initial.RankStabilized },
		"use_dora":       func() { c.UseDora = initial.DoRA },
		"target_modules": func() { c.TargetModules = slices.Clone(initial.Modules) },
	} {
		if free(key) {
			take()
			reasons[key] = "that of the adapter which the job goes on from"
		}
	}
}

func nearestSize(parameters int64) sizeDefaults {
	nearest, distance := bySize[0], math.Inf(1)
	for _, row := range bySize {
		if d := math.Abs(math.Log(float64(parameters) / (row.billions * 1e9))); d < distance {
			nearest, distance = row, d
		}
	}
	return nearest
}

func applyPreset(c *protocol.SCUConfig, preset string, reasons map[string]string) *protocol.Error {
	if preset == "" {
		return nil
	}
	target, found := presets[preset]
	if !found {
		return protocol.NewError(protocol.CodeInvalidConfig, "there is no preset %q", preset).
			WithHint("use one of instruction, domain_adaptation, general")
	}
	c.TargetS = target
	reasons["target_s"] = "the preset " + strings.ReplaceAll(preset, "_", " ")
	return nil
}

// onDevice sets what depends on the device: how much it can hold at once, and which arithmetic it does well.
func onDevice(c *protocol.SCUConfig, device string, reasons map[string]string) {
	c.Precision = protocol.PrecisionBF16
	if device != "cpu" {
		reasons["precision"] = "accelerators multiply in bfloat16"
		return
	}
	c.MicroBatch = 1
	reasons["micro_batch"] = "a processor gains nothing from more than one block at a time"
	if cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16 {
		reasons["precision"] = "this processor multiplies in bfloat16"
		return
	}
	c.Precision = protocol.PrecisionF32
	reasons["precision"] = "this processor does not multiply in bfloat16"
}

// accumulation is how many micro-batches a step takes, so that a small data set still gives a fair number of steps.
func accumulation(c protocol.SCUConfig, tokens int64) int {
	microBatches := float64(tokens) * c.Epochs / float64(max(1, c.MicroBatch)*max(1, c.BlockSize))
	return max(1, min(mostAccumulated, int(microBatches/wantedSteps)))
}
