package plan

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/weights"
)

// Prepared is a job that can be queued: its model is there, its settings are resolved and its rows can be read.
type Prepared struct {
	ModelPath string // an absolute directory or GGUF file
	Config    protocol.SCUConfig
	Reasons   map[string]string // by key of Config
	Warnings  []string
}

// Planner prepares and estimates jobs for one kind of device, "cpu" or "cuda".
type Planner struct{ Device string }

// checkedRows is how many rows of a file are read before a job is queued. Most files are shorter; the rest of a longer
// one is checked when the job begins.
const checkedRows = 20_000

// Prepare finds the base model, resolves the configuration and reads the first rows, so that what can be refused is
// refused before the job is queued.
func (p Planner) Prepare(ctx context.Context, home string, spec protocol.JobSpec) (*Prepared, *protocol.Error) {
	modelPath, failure := FindModel(home, spec.BaseModel)
	if failure != nil {
		return nil, failure
	}
	source, failure := OpenModel(modelPath)
	if failure != nil {
		return nil, failure
	}
	defer source.Close()
	for _, path := range []string{spec.TrainData, spec.ValData} {
		if path != "" {
			if failure := checkRows(ctx, path); failure != nil {
				return nil, failure
			}
		}
	}
	prepared := &Prepared{ModelPath: modelPath}
	prepared.Config, prepared.Reasons, failure = resolve(spec, situation{
		parameters: source.Config.Parameters(), dataBytes: fileSize(spec.TrainData), context: source.Config.ContextLength,
		device: p.Device, preset: spec.Preset,
	})
	if failure != nil {
		return nil, failure
	}
	if spec.InitAdapter != "" {
		if _, failure := LoadInitAdapter(spec.InitAdapter, source.Config, &prepared.Config); failure != nil {
			return nil, failure
		}
	}
	return prepared, nil
}

// LoadInitAdapter reads the adapter that a job goes on from, whose shape must be that of the job's configuration.
func LoadInitAdapter(directory string, arch weights.Config, config *protocol.SCUConfig) (*lora.Adapter, *protocol.Error) {
	adapter, err := lora.Load(directory, arch)
	if err != nil {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "init_adapter: %v", err)
	}
	layout, err := lora.NewLayout(arch, AdapterConfig(config))
	if err != nil {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
	}
	have, want := adapter.Layout, layout
	if !slices.Equal(have.Slots, want.Slots) || math.Abs(have.Config.Scale()/want.Config.Scale()-1) > 1e-6 {
		return nil, protocol.NewError(protocol.CodeInvalidConfig,
			"the adapter %s has rank %d, alpha %g and modules %v, but this job has rank %d, alpha %g and modules %v", directory,
			have.Config.Rank, have.Config.Alpha, have.Config.Modules, want.Config.Rank, want.Config.Alpha, want.Config.Modules).
			WithHint("set lora_r, lora_alpha and target_modules to the adapter's")
	}
	return adapter, nil
}

// resolve fills the configuration: defaults, then what the specification names, then its overrides.
func resolve(spec protocol.JobSpec, s situation) (protocol.SCUConfig, map[string]string, *protocol.Error) {
	config, reasons, failure := defaults(s)
	if failure != nil {
		return config, nil, failure
	}
	chosen := map[string]any{}
	if spec.TargetS != nil {
		chosen["target_s"] = *spec.TargetS
	}
	if spec.ValFraction != nil {
		chosen["val_fraction"] = *spec.ValFraction
	}
	for key, value := range spec.ConfigOverrides {
		chosen[key] = value
	}
	if failure := override(&config, chosen); failure != nil {
		return config, nil, failure
	}
	for key := range chosen {
		reasons[key] = "as asked for"
	}
	if _, ranked := chosen["lora_r"]; ranked {
		if _, scaled := chosen["lora_alpha"]; !scaled {
			config.LoraAlpha = 2 * float64(config.LoraR)
			reasons["lora_alpha"] = "twice lora_r"
		}
	}
	if failure := check(&config); failure != nil {
		return config, nil, failure
	}
	if config.BlockSize > s.context {
		return config, nil, protocol.NewError(protocol.CodeInvalidConfig, "block_size is %d, but the model was made for %d tokens", config.BlockSize, s.context).
			WithHint("set block_size to at most %d", s.context)
	}
	return config, reasons, nil
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0 // checkRows has read it, so it was there a moment ago; a size of 0 only makes the set small
	}
	return info.Size()
}

func checkRows(ctx context.Context, path string) *protocol.Error {
	// What is read here is read again when the job begins, and opening a pipe could wait for ever.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return protocol.NewError(protocol.CodeDatasetInvalid, "data file %s is not a regular file", path).WithHint("write the rows to a file first")
	}
	count := 0
	for _, err := range data.Read(path) {
		if err != nil {
			return invalidData(err)
		}
		if count++; count == checkedRows || ctx.Err() != nil {
			break
		}
	}
	return nil
}

func invalidData(err error) *protocol.Error {
	var known *protocol.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return protocol.NewError(protocol.CodeCancelled, "%v", err)
	}
	return protocol.NewError(protocol.CodeDatasetInvalid, "%v", err)
}
