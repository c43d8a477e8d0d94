package plan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
)

// Prepared is a job that can be queued: its model is there, its settings are resolved and its rows can be read.
type Prepared struct {
	ModelPath string // an absolute directory or GGUF file
	Config    protocol.SCUConfig
	Reasons   map[string]string // by key of Config
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
	prepared := &Prepared{ModelPath: modelPath}
	known := situation{
		parameters: source.Config.Parameters(), context: source.Config.ContextLength,
		modules: source.Config.ModuleNames(), device: p.Device, preset: spec.Preset,
	}
	var adapter *lora.Adapter
	if spec.InitAdapter != "" {
		var err error
		if adapter, err = lora.Load(spec.InitAdapter, source.Config); err != nil {
			return nil, protocol.NewError(protocol.CodeInvalidConfig, "init_adapter: %v", err)
		}
		known.initial = &adapter.Layout.Config
	}
	// Once for what says how to read the rows, and again when it is known how many bytes they have.
	if prepared.Config, _, failure = resolve(spec, known); failure != nil {
		return nil, failure
	}
	if known.dataBytes, failure = checkRows(ctx, spec, &prepared.Config, CacheDirectory(home)); failure != nil {
		return nil, failure
	}
	if prepared.Config, prepared.Reasons, failure = resolve(spec, known); failure != nil {
		return nil, failure
	}
	if _, err := source.Config.MatchModules(prepared.Config.TargetModules); err != nil {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
	}
	if spec.ValData == "" && prepared.Config.ValFraction == 0 && prepared.Config.AdapterFrom == protocol.AdapterBest {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "adapter_from is best, as early_stop_patience makes it, but no rows are held out to tell which weights are").
			WithHint("give val_data or a val_fraction")
	}
	if adapter != nil {
		if failure := checkShape(spec.InitAdapter, adapter, source.Config, &prepared.Config); failure != nil {
			return nil, failure
		}
	}
	return prepared, nil
}

// LoadInitAdapter reads the adapter that a job goes on from, whose shape must be that of the job's configuration.
func LoadInitAdapter(directory string, arch architecture.Config, config *protocol.SCUConfig) (*lora.Adapter, *protocol.Error) {
	adapter, err := lora.Load(directory, arch)
	if err != nil {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "init_adapter: %v", err)
	}
	if failure := checkShape(directory, adapter, arch, config); failure != nil {
		return nil, failure
	}
	return adapter, nil
}

// checkShape refuses an adapter that does not have the shape of a job's configuration.
func checkShape(directory string, adapter *lora.Adapter, arch architecture.Config, config *protocol.SCUConfig) *protocol.Error {
	layout, err := lora.NewLayout(arch, AdapterConfig(config))
	if err != nil {
		return protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
	}
	have, want := adapter.Layout, layout
	if !slices.Equal(have.Slots, want.Slots) || math.Abs(have.Config.Scale()/want.Config.Scale()-1) > 1e-6 {
		ours, theirs := differences(want.Config, have.Config)
		return protocol.NewError(protocol.CodeInvalidConfig, "the adapter %s has %s, but this job has %s", directory, theirs, ours).
			WithHint("leave these settings out, and they follow the adapter")
	}
	return nil
}

// differences lists the settings in which two adapters differ, with the values of each.
func differences(a, b lora.Config) (ofA, ofB string) {
	var as, bs []string
	add := func(key string, x, y any) {
		if !reflect.DeepEqual(x, y) {
			as, bs = append(as, fmt.Sprintf("%s %v", key, x)), append(bs, fmt.Sprintf("%s %v", key, y))
		}
	}
	add("lora_r", a.Rank, b.Rank)
	add("lora_alpha", a.Alpha, b.Alpha)
	add("use_rslora", a.RankStabilized, b.RankStabilized)
	add("use_dora", a.DoRA, b.DoRA)
	add("target_modules", a.Modules, b.Modules)
	return strings.Join(as, ", "), strings.Join(bs, ", ")
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
	if len(config.TargetModules) == 1 && config.TargetModules[0] == "all-linear" {
		config.TargetModules = slices.Clone(s.modules)
	}
	derive(&config, s, chosen, reasons)
	if failure := check(&config); failure != nil {
		return config, nil, failure
	}
	if config.BlockSize > s.context {
		return config, nil, protocol.NewError(protocol.CodeInvalidConfig, "block_size is %d, but the model was made for %d tokens", config.BlockSize, s.context).
			WithHint("set block_size to at most %d", s.context)
	}
	return config, reasons, nil
}

// checkRows reads the first rows of the data and returns how many bytes there are to train on.
func checkRows(ctx context.Context, spec protocol.JobSpec, config *protocol.SCUConfig, cacheDir string) (trainBytes int64, failure *protocol.Error) {
	options, failure := ReadOptions(config, cacheDir)
	if failure != nil {
		return 0, failure
	}
	for i, name := range []string{spec.TrainData, spec.ValData} {
		if name == "" {
			continue
		}
		reader, err := data.Open(ctx, name, options)
		if err != nil {
			return 0, invalidData(err)
		}
		count := 0
		for _, err := range reader.Rows(ctx) {
			if err != nil {
				return 0, invalidData(err)
			}
			if count++; count == checkedRows {
				break
			}
		}
		if i == 0 {
			for _, file := range reader.Files() {
				trainBytes += file.Size
			}
		}
	}
	return trainBytes, nil
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
