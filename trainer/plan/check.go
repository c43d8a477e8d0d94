package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/scu"
)

// smallestSigma keeps σ² far from where it would vanish.
const smallestSigma = 1e-9

// check refuses settings that are out of range or contradict each other.
func check(c *protocol.SCUConfig) *protocol.Error {
	words := []struct {
		key, value string
		known      []string
	}{
		{"scu_mode", c.Mode, []string{protocol.ModePI, protocol.ModeFixed, protocol.ModeOff}},
		{"prior_center", c.PriorCenter, []string{protocol.CenterZero, protocol.CenterInit}},
		{"schedule", c.Schedule, []string{protocol.ScheduleLinear, protocol.ScheduleCosine, protocol.ScheduleConstant}},
		{"packing", c.Packing, []string{protocol.PackingOn, protocol.PackingOff}},
		{"overlong", c.Overlong, []string{protocol.OverlongTruncate, protocol.OverlongDrop, protocol.OverlongSplit}},
		{"precision", c.Precision, []string{protocol.PrecisionF32, protocol.PrecisionBF16}},
		{"adapter_from", c.AdapterFrom, []string{protocol.AdapterLast, protocol.AdapterBest}},
		{"train_on", c.TrainOn, []string{protocol.TrainOnAuto, protocol.TrainOnAll, protocol.TrainOnCompletion,
			protocol.TrainOnAssistant, protocol.TrainOnLastAssistant}},
	}
	for _, w := range words {
		if !slices.Contains(w.known, w.value) {
			return protocol.NewError(protocol.CodeInvalidConfig, "%s is %q; it must be one of %s", w.key, w.value, strings.Join(w.known, ", "))
		}
	}
	ranges := []struct {
		key      string
		value    float64
		low      float64
		high     float64
		openHigh bool
	}{
		{"prior_sigma", c.PriorSigma, 0, 1e6, false}, // 0 is automatic
		{"lora_r", float64(c.LoraR), 1, 1024, false},
		{"lora_dropout", c.LoraDropout, 0, 1, true},
		{"learning_rate", c.LearningRate, 0, 10, false},
		{"warmup_ratio", c.WarmupRatio, 0, 1, false},
		{"weight_decay", c.WeightDecay, 0, 10, false},
		{"max_grad_norm", c.MaxGradNorm, 0, 1e9, false},
		{"micro_batch", float64(c.MicroBatch), 1, 4096, false},
		{"grad_accum", float64(c.GradAccum), 1, 1 << 20, false},
		{"block_size", float64(c.BlockSize), 2, 1 << 20, false},
		{"val_fraction", c.ValFraction, 0, 1, true},
		{"epochs", c.Epochs, 0, 1e6, false},
		{"max_steps", float64(c.MaxSteps), 0, 1e9, false},
		{"time_limit_minutes", c.TimeLimitMinutes, 0, 1e9, false},
		{"eval_every", float64(c.EvalEvery), 0, 1e9, false},
		{"early_stop_patience", float64(c.EarlyStopPatience), 0, 1e9, false},
		{"checkpoint_every", float64(c.CheckpointEvery), protocol.CheckpointNever, 1e9, false},
		{"keep_checkpoints", float64(c.KeepCheckpoints), 1, 1000, false},
		{"non_finite_limit", float64(c.NonFiniteLimit), 1, 1e9, false},
	}
	for _, r := range ranges {
		if !(r.value >= r.low && r.value <= r.high) || r.openHigh && r.value == r.high {
			if r.openHigh {
				return protocol.NewError(protocol.CodeInvalidConfig, "%s is %s; it must be at least %s and below %s",
					r.key, number(r.value), number(r.low), number(r.high))
			}
			return protocol.NewError(protocol.CodeInvalidConfig, "%s is %s; it must lie between %s and %s",
				r.key, number(r.value), number(r.low), number(r.high))
		}
	}
	if c.PriorSigma != 0 && c.PriorSigma < smallestSigma {
		return protocol.NewError(protocol.CodeInvalidConfig, "prior_sigma is %s; it must be at least %s, or auto", number(c.PriorSigma), number(smallestSigma))
	}
	if c.Epochs == 0 && c.MaxSteps == 0 {
		return protocol.NewError(protocol.CodeInvalidConfig, "epochs and max_steps are both 0, so nothing would be trained").
			WithHint("set one of them")
	}
	for _, setting := range []struct {
		key  string
		used bool
	}{
		{"early_stop_patience", c.EarlyStopPatience > 0}, // first, since it makes adapter_from best unless that is set
		{"adapter_from", c.AdapterFrom == protocol.AdapterBest},
	} {
		if setting.used && c.EvalEvery == 0 {
			return protocol.NewError(protocol.CodeInvalidConfig, "%s needs evaluations while the model trains, but eval_every is 0", setting.key).
				WithHint("set eval_every to a number of steps")
		}
	}
	if err := AdapterConfig(c).Validate(); err != nil {
		return protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
	}
	return checkController(c)
}

// checkController holds the controller's constants to their ranges; where λ is constant only its own value matters.
func checkController(c *protocol.SCUConfig) *protocol.Error {
	if c.Mode == protocol.ModePI {
		if err := ControllerParameters(c).Validate(); err != nil {
			return protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
		}
		return nil
	}
	if !(c.LambdaInit >= 0) || math.IsInf(c.LambdaInit, 0) {
		return protocol.NewError(protocol.CodeInvalidConfig, "lambda_init is %s; it must be at least 0", number(c.LambdaInit))
	}
	if !(c.TargetS > 0 && c.TargetS < 1) {
		return protocol.NewError(protocol.CodeInvalidConfig, "target_s is %s; it must be above 0 and below 1", number(c.TargetS))
	}
	return nil
}

// AdapterConfig is the part of a configuration that shapes the adapter.
func AdapterConfig(c *protocol.SCUConfig) lora.Config {
	return lora.Config{
		Rank: c.LoraR, Alpha: c.LoraAlpha, RankStabilized: c.UseRSLora, DoRA: c.UseDora, Dropout: c.LoraDropout, Modules: c.TargetModules,
	}
}

// ControllerParameters is the part of a configuration that the controller follows.
func ControllerParameters(c *protocol.SCUConfig) scu.Parameters {
	p := scu.Defaults(c.TargetS)
	p.Kp, p.Ki, p.Deadband = c.Kp, c.Ki, c.Deadband
	p.LambdaMin, p.LambdaMax, p.InitialLambda = c.LambdaMin, c.LambdaMax, c.LambdaInit
	p.NonFiniteLimit = c.NonFiniteLimit
	return p
}

func number(x float64) string { return fmt.Sprintf("%.9g", x) }
