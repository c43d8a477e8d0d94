package protocol

// The words that some settings of [SCUConfig] take.
const (
	ModePI    = "pi"    // λ follows the controller
	ModeFixed = "fixed" // λ stays at lambda_init
	ModeOff   = "off"   // λ is 0

	CenterZero = "zero" // the prior pulls weights to 0, as published
	CenterInit = "init" // the prior pulls weights to where they began

	PrecisionF32  = "f32"
	PrecisionBF16 = "bf16"

	ScheduleLinear   = "linear"
	ScheduleCosine   = "cosine"
	ScheduleConstant = "constant"

	PackingOn  = "on"
	PackingOff = "off"

	OverlongTruncate = "truncate"
	OverlongDrop     = "drop"
	OverlongSplit    = "split"

	TrainOnAuto          = "auto"
	TrainOnAll           = "all"
	TrainOnCompletion    = "completion"
	TrainOnAssistant     = "assistant"
	TrainOnLastAssistant = "last_assistant"

	AdapterLast = "last" // the weights after the last step
	AdapterBest = "best" // the weights that cost least on the held-out rows

	CheckpointNever = -1 // of checkpoint_every
)

// SCUConfig holds every setting of a training run, resolved: nothing in it is "automatic" any more once a plan has
// filled it, but prior_sigma, which stays 0 until the number of target tokens is known.
type SCUConfig struct {
	// The controller. See trainer/scu for the law.
	Mode        string  `json:"scu_mode" msgpack:"scu_mode"`
	TargetS     float64 `json:"target_s" msgpack:"target_s"`
	Kp          float64 `json:"kp" msgpack:"kp"`
	Ki          float64 `json:"ki" msgpack:"ki"`
	Deadband    float64 `json:"deadband" msgpack:"deadband"`
	LambdaInit  float64 `json:"lambda_init" msgpack:"lambda_init"`
	LambdaMin   float64 `json:"lambda_min" msgpack:"lambda_min"`
	LambdaMax   float64 `json:"lambda_max" msgpack:"lambda_max"`
	PriorSigma  float64 `json:"prior_sigma" msgpack:"prior_sigma"` // standard deviation of the prior; 0 means automatic
	PriorCenter string  `json:"prior_center" msgpack:"prior_center"`

	// The adapter.
	LoraR         int      `json:"lora_r" msgpack:"lora_r"`
	LoraAlpha     float64  `json:"lora_alpha" msgpack:"lora_alpha"`
	LoraDropout   float64  `json:"lora_dropout" msgpack:"lora_dropout"`     // modules that read the same input share a mask; PEFT draws one for each
	TargetModules []string `json:"target_modules" msgpack:"target_modules"` // ends of the names of the model's linear layers
	UseRSLora     bool     `json:"use_rslora" msgpack:"use_rslora"`         // scale by lora_alpha/√lora_r
	UseDora       bool     `json:"use_dora" msgpack:"use_dora"`             // weight-decomposed: a magnitude for every output besides

	// The optimizer: AdamW on the adapter's weights.
	LearningRate float64 `json:"learning_rate" msgpack:"learning_rate"`
	Schedule     string  `json:"schedule" msgpack:"schedule"`
	WarmupRatio  float64 `json:"warmup_ratio" msgpack:"warmup_ratio"`
	WeightDecay  float64 `json:"weight_decay" msgpack:"weight_decay"`
	MaxGradNorm  float64 `json:"max_grad_norm" msgpack:"max_grad_norm"` // 0 means no clipping
	MicroBatch   int     `json:"micro_batch" msgpack:"micro_batch"`     // blocks in one pass of the model
	GradAccum    int     `json:"grad_accum" msgpack:"grad_accum"`       // micro-batches in one optimizer step
	// GradCheckpointing computes each block a second time in the backward pass instead of keeping what it made: less memory, more time.
	GradCheckpointing bool `json:"grad_checkpointing" msgpack:"grad_checkpointing"`

	// The data.
	BlockSize   int     `json:"block_size" msgpack:"block_size"` // tokens
	Packing     string  `json:"packing" msgpack:"packing"`
	Overlong    string  `json:"overlong" msgpack:"overlong"`
	TrainOn     string  `json:"train_on" msgpack:"train_on"`
	ValFraction float64 `json:"val_fraction" msgpack:"val_fraction"`
	// Fields names the fields of a row where they are not called as usual: {"prompt": "question", "completion": "answer"}.
	Fields map[string]string `json:"fields,omitempty" msgpack:"fields"`
	// DocumentSeparator parts the documents of a text file; empty means runs of blank lines.
	DocumentSeparator string `json:"document_separator,omitempty" msgpack:"document_separator"`

	// The length of the run.
	Epochs           float64 `json:"epochs" msgpack:"epochs"`
	MaxSteps         int     `json:"max_steps" msgpack:"max_steps"`                   // optimizer steps, whatever epochs says; 0 means as epochs says
	TimeLimitMinutes float64 `json:"time_limit_minutes" msgpack:"time_limit_minutes"` // of training; then the adapter is saved as it stands; 0 means none

	// What is kept on the way.
	EvalEvery         int    `json:"eval_every" msgpack:"eval_every"`                   // optimizer steps; 0 means before and after only
	EarlyStopPatience int    `json:"early_stop_patience" msgpack:"early_stop_patience"` // evaluations without a new best one after which training ends; 0 means never
	AdapterFrom       string `json:"adapter_from" msgpack:"adapter_from"`               // which weights become the adapter
	CheckpointEvery   int    `json:"checkpoint_every" msgpack:"checkpoint_every"`       // optimizer steps; 0 means every few minutes
	KeepCheckpoints   int    `json:"keep_checkpoints" msgpack:"keep_checkpoints"`       // the last few, besides the best

	Precision      string `json:"precision" msgpack:"precision"` // of the frozen base; adapters are float32
	NonFiniteLimit int    `json:"non_finite_limit" msgpack:"non_finite_limit"`

	// Seed is where the other seeds come from unless they are set: of the order of the rows and their split, of the
	// adapter's first weights, and of dropout.
	Seed        int64 `json:"seed" msgpack:"seed"`
	DataSeed    int64 `json:"data_seed" msgpack:"data_seed"`
	InitSeed    int64 `json:"init_seed" msgpack:"init_seed"`
	DropoutSeed int64 `json:"dropout_seed" msgpack:"dropout_seed"`
}
