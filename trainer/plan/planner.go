package plan

import (
	"context"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/lora"
)

// Planner prepares and estimates jobs. Many jobs are made of the same few models and data sets, so it remembers what it has
// read of the last ones, for as long as their files are what they were: a job that resembles an earlier one takes a
// millisecond. Only what is read is remembered, never a decision. What comes from the network is asked for each time.
//
// It is safe for concurrent use. The zero value is not usable; see [NewPlanner].
type Planner struct {
	// Hub tells where the Hugging Face Hub is and what authorizes there, each time that something is fetched; either may be
	// "", which is $HF_ENDPOINT and $HF_TOKEN. Nil is both. It is set before the planner is used.
	Hub func() (endpoint, token string)

	models *recent[baseModel]
	data   *recent[int64] // bytes of a data set whose first rows can be read
}

// The kinds of device that jobs can be planned for.
const (
	DeviceCPU  = "cpu"
	DeviceCUDA = "cuda"
)

const (
	rememberedModels = 64  // an architecture takes a few KB
	rememberedData   = 512 // a number each
)

// NewPlanner makes a planner that remembers nothing yet.
func NewPlanner() *Planner {
	return &Planner{models: newRecent[baseModel](rememberedModels), data: newRecent[int64](rememberedData)}
}

func (p *Planner) hub() (endpoint, token string) {
	if p.Hub == nil {
		return "", ""
	}
	return p.Hub()
}

// Prepared is a job that can be queued: its model is there, its settings are resolved and its rows can be read.
type Prepared struct {
	ModelPath   string // an absolute directory or GGUF file
	Config      protocol.SCUConfig
	Reasons     map[string]string // by key of Config
	Parameters  int64             // of the base model
	MemoryBytes int64             // of the device, at the job's peak, as estimated for batches as large as the settings allow
}

// Prepare finds the base model, resolves the configuration and reads the first rows, so that what can be refused is
// refused before the job is queued. home is the state directory, deviceKind "cpu" or "cuda".
func (p *Planner) Prepare(ctx context.Context, home string, spec protocol.JobSpec, deviceKind string) (*Prepared, *protocol.Error) {
	draft, failure := p.draft(ctx, home, spec, deviceKind)
	if failure != nil {
		return nil, failure
	}
	return &draft.Prepared, nil
}

// draft is a prepared job with what it was prepared from.
type draft struct {
	Prepared
	workload workload
}

func (p *Planner) draft(ctx context.Context, home string, spec protocol.JobSpec, deviceKind string) (*draft, *protocol.Error) {
	if deviceKind != DeviceCPU && deviceKind != DeviceCUDA {
		return nil, protocol.NewError(protocol.CodeDeviceNotFound, "there is no kind of device %q", deviceKind).
			WithHint("use %s or %s", DeviceCPU, DeviceCUDA)
	}
	modelPath, failure := FindModel(home, spec.BaseModel)
	if failure != nil {
		return nil, failure
	}
	model, failure := p.baseModel(ctx, modelPath)
	if failure != nil {
		return nil, failure
	}
	adapter, failure := loadAdapter(spec.InitAdapter, model.architecture)
	if failure != nil {
		return nil, failure
	}
	d := &draft{Prepared: Prepared{ModelPath: modelPath, Parameters: model.parameters}}
	d.workload = workload{architecture: &model.architecture, config: &d.Config, device: deviceKind}
	if failure := p.settle(ctx, home, spec, d, adapter); failure != nil {
		return nil, failure
	}
	if adapter != nil {
		if failure := checkShape(spec.InitAdapter, adapter, model.architecture, &d.Config); failure != nil {
			return nil, failure
		}
	}
	var err error
	if d.workload.layout, err = lora.NewLayout(model.architecture, AdapterConfig(&d.Config)); err != nil {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "%v", err)
	}
	d.workload.batch = largestBatch(&d.Config)
	d.MemoryBytes = d.workload.memory()
	return d, nil
}

// settle resolves the configuration. It depends on the size of the data, whose reading depends on the configuration.
func (p *Planner) settle(ctx context.Context, home string, spec protocol.JobSpec, d *draft, adapter *lora.Adapter) (failure *protocol.Error) {
	arch := d.workload.architecture
	known := situation{
		parameters: d.Parameters, context: arch.ContextLength, modules: arch.ModuleNames(), device: d.workload.device, preset: spec.Preset,
	}
	if adapter != nil {
		known.initial = &adapter.Layout.Config
	}
	if d.Config, _, failure = resolve(spec, known); failure != nil {
		return failure
	}
	trainBytes, valBytes, failure := p.checkData(ctx, spec, &d.Config, CacheDirectory(home))
	if failure != nil {
		return failure
	}
	known.dataBytes, d.workload.dataBytes = trainBytes, trainBytes+valBytes
	if d.Config, d.Reasons, failure = resolve(spec, known); failure != nil {
		return failure
	}
	if spec.ValData == "" && d.Config.ValFraction == 0 && d.Config.AdapterFrom == protocol.AdapterBest {
		return protocol.NewError(protocol.CodeInvalidConfig, "adapter_from is best, as early_stop_patience makes it, but no rows are held out to tell which weights are").
			WithHint("give val_data or a val_fraction")
	}
	return nil
}
