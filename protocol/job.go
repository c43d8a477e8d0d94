package protocol

import (
	"encoding/json"
	"math"
	"time"
)

// Status is where a job stands. The last three are final.
type Status string

// The states of a job.
const (
	StatusQueued    Status = "queued"
	StatusRunning   Status = "running"
	StatusPaused    Status = "paused"
	StatusCompleted Status = "completed"
	StatusFailed    Status = "failed"
	StatusCancelled Status = "cancelled"
)

// Statuses lists every state, in the order of a job's life.
var Statuses = []Status{StatusQueued, StatusRunning, StatusPaused, StatusCompleted, StatusFailed, StatusCancelled}

// Final reports whether a job in this state will never leave it.
func (s Status) Final() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCancelled
}

// Phase is what a running job is doing.
type Phase string

// The phases of a running job.
const (
	PhaseLoading       Phase = "loading"
	PhaseTokenizing    Phase = "tokenizing"
	PhaseCompiling     Phase = "compiling"
	PhaseTraining      Phase = "training"
	PhaseEvaluating    Phase = "evaluating"
	PhaseCheckpointing Phase = "checkpointing"
	PhaseSaving        Phase = "saving"
	PhaseUploading     Phase = "uploading"
)

// JobSpec is what a user asks for. BaseModel and TrainData are enough; the rest has defaults.
type JobSpec struct {
	BaseModel       string         `json:"base_model"`             // an installed name, a directory or a GGUF file
	TrainData       string         `json:"train_data"`             // an absolute path as the daemon sees it (a file, a directory, a glob), https://… or hf://datasets/…
	ValData         string         `json:"val_data,omitempty"`     // held-out rows; none means a split of TrainData
	ValFraction     *float64       `json:"val_fraction,omitempty"` // of the rows of TrainData, 0 to below 1
	TargetS         *float64       `json:"target_s,omitempty"`
	AdapterName     string         `json:"adapter_name,omitempty"` // unique among living jobs
	Preset          string         `json:"preset,omitempty"`
	InitAdapter     string         `json:"init_adapter,omitempty"`     // a PEFT directory to go on from
	ConfigOverrides map[string]any `json:"config_overrides,omitempty"` // keys of SCUConfig
	Priority        int            `json:"priority,omitempty"`         // -100 to 100; higher runs first
	Device          string         `json:"device,omitempty"`           // a kind such as cuda, or one device such as cuda:1; none: the first kind that is configured
	Tags            []string       `json:"tags,omitempty"`
	AutoUpload      bool           `json:"auto_upload,omitempty"`
	RequestID       string         `json:"request_id,omitempty"` // the same one again returns the same job
}

// TrainingStatus is a job as a person follows it.
type TrainingStatus struct {
	JobID           string           `json:"job_id"`
	Name            string           `json:"name"`
	Status          Status           `json:"status"`
	Phase           Phase            `json:"phase,omitempty"`
	PhaseProgress   float64          `json:"phase_progress,omitempty"` // percent of the phase; 0 where it is not known
	Progress        float64          `json:"progress"`                 // percent of the job, 0 to 100
	Step            int              `json:"step"`                     // optimizer steps done
	TotalSteps      int              `json:"total_steps,omitempty"`
	CreatedAt       time.Time        `json:"created_at"`
	StartedAt       *time.Time       `json:"started_at,omitempty"`
	CompletedAt     *time.Time       `json:"completed_at,omitempty"` // set exactly when the status is final
	EstimatedFinish *time.Time       `json:"estimated_finish,omitempty"`
	Metrics         *TrainingMetrics `json:"metrics,omitempty"` // the latest step's
	Logs            []string         `json:"logs,omitempty"`    // the last few lines
	Error           *Error           `json:"error,omitempty"`
	Waiting         *Waiting         `json:"waiting,omitempty"`             // why a job that is queued or paused does not run
	QueuePosition   *int             `json:"queue_position,omitempty"`      // 1 is next
	ResumableFrom   *int             `json:"resumable_from_step,omitempty"` // the step of the last checkpoint of a job that can be tried again
	AdapterID       string           `json:"adapter_id,omitempty"`
	Priority        int              `json:"priority,omitempty"`
	Device          string           `json:"device,omitempty"`   // that the job runs on, or last ran on
	Attempts        int              `json:"attempts,omitempty"` // how often it was started
}

// WaitReason is what a job waits for, for programs.
type WaitReason string

// What a job waits for.
const (
	WaitTurn        WaitReason = "turn"         // jobs before it in the queue, or running ones that leave no slot
	WaitMemory      WaitReason = "memory"       // no device has enough of it free
	WaitBackoff     WaitReason = "backoff"      // its worker crashed, and it is tried again at Until
	WaitQueuePaused WaitReason = "queue_paused" // scu queue resume
	WaitDraining    WaitReason = "draining"     // the daemon starts nothing more before it ends
	WaitUser        WaitReason = "user"         // somebody paused it
	WaitDisk        WaitReason = "disk"         // the file system is full; it goes on by itself when there is space again
	WaitQuota       WaitReason = "quota"        // its owner runs as many jobs as are allowed at once
)

// Waiting says why a living job does not run.
type Waiting struct {
	Reason  WaitReason `json:"reason"`
	Message string     `json:"message"`         // for a person
	Until   *time.Time `json:"until,omitempty"` // when that is known
}

// Job is a job whole: what was asked for, how it stands, and what came of it.
type Job struct {
	TrainingStatus
	Spec    JobSpec          `json:"spec"`
	Config  *SCUConfig       `json:"config,omitempty"`  // resolved; prior_sigma and N once the data is tokenised
	Summary *RunSummary      `json:"summary,omitempty"` // when completed
	Adapter *AdapterArtifact `json:"adapter,omitempty"` // when completed
	Plan    *Plan            `json:"plan,omitempty"`
}

// Plan is the resolved configuration of a job with what can be known before training starts.
type Plan struct {
	Config          SCUConfig         `json:"config" msgpack:"config"`
	Reasons         map[string]string `json:"reasons,omitempty" msgpack:"reasons"` // by key of Config
	Warnings        []string          `json:"warnings,omitempty" msgpack:"warnings"`
	BaseParameters  int64             `json:"base_parameters" msgpack:"base_parameters"`
	AdapterWeights  int64             `json:"adapter_weights" msgpack:"adapter_weights"` // trainable weights
	TrainRows       int               `json:"train_rows" msgpack:"train_rows"`
	ValRows         int               `json:"val_rows" msgpack:"val_rows"`
	RowForms        []string          `json:"row_forms,omitempty" msgpack:"row_forms"` // which fields the rows were made of, and how many rows
	TargetTokens    int               `json:"target_tokens" msgpack:"target_tokens"`   // N: of one pass over the training rows
	TotalSteps      int               `json:"total_steps" msgpack:"total_steps"`
	PredictedStartS float64           `json:"predicted_start_s" msgpack:"predicted_start_s"` // S at step 0, at AssumedDataBPT
	AssumedDataBPT  float64           `json:"assumed_data_bpt" msgpack:"assumed_data_bpt"`
	MemoryBytes     int64             `json:"memory_bytes,omitempty" msgpack:"memory_bytes"` // of the device, as estimated before the job runs
}

// TrainingMetrics is one optimizer step. Bits per token throughout, but Loss, which is nats per target token.
type TrainingMetrics struct {
	Step              int       `json:"step" msgpack:"step"` // 1 for the first optimizer step
	Epoch             float64   `json:"epoch" msgpack:"epoch"`
	DataBPT           Float     `json:"data_bpt" msgpack:"data_bpt"`
	ParamBPT          Float     `json:"param_bpt" msgpack:"param_bpt"`
	TotalBPT          Float     `json:"total_bpt" msgpack:"total_bpt"`
	SRatio            Float     `json:"s_ratio" msgpack:"s_ratio"`
	SSmoothed         Float     `json:"s_smoothed" msgpack:"s_smoothed"`
	LambdaValue       Float     `json:"lambda_value" msgpack:"lambda_value"` // used in this step
	Integral          Float     `json:"integral" msgpack:"integral"`
	LearningRate      Float     `json:"learning_rate" msgpack:"learning_rate"`
	Loss              Float     `json:"loss" msgpack:"loss"`           // the objective: CE + λ·prior, nats per target token
	GradNorm          Float     `json:"grad_norm" msgpack:"grad_norm"` // before clipping
	Tokens            int       `json:"tokens" msgpack:"tokens"`       // of this step, padding not counted
	TargetTokens      int       `json:"target_tokens" msgpack:"target_tokens"`
	TokensPerSecond   Float     `json:"tokens_per_second" msgpack:"tokens_per_second"`
	EtaMinutes        Float     `json:"eta_minutes" msgpack:"eta_minutes"`
	ValDataBPT        *Float    `json:"val_data_bpt,omitempty" msgpack:"val_data_bpt"`
	DeviceMemoryBytes int64     `json:"device_memory_bytes,omitempty" msgpack:"device_memory_bytes"` // on cpu the worker's resident memory; left out where the device does not tell
	NonFinite         bool      `json:"non_finite,omitempty" msgpack:"non_finite"`
	CreatedAt         time.Time `json:"created_at" msgpack:"created_at"`
}

// MarshalJSON sets non_finite when any number is NaN or infinite.
func (m TrainingMetrics) MarshalJSON() ([]byte, error) {
	type plain TrainingMetrics
	m.NonFinite = m.NonFinite || m.hasNonFinite()
	return json.Marshal(plain(m))
}

func (m *TrainingMetrics) hasNonFinite() bool {
	all := []Float{m.DataBPT, m.ParamBPT, m.TotalBPT, m.SRatio, m.SSmoothed, m.LambdaValue, m.Integral,
		m.LearningRate, m.Loss, m.GradNorm, m.TokensPerSecond, m.EtaMinutes}
	if m.ValDataBPT != nil {
		all = append(all, *m.ValDataBPT)
	}
	for _, f := range all {
		if !f.Finite() {
			return true
		}
	}
	return false
}

// What ended a run: RunSummary.EndedBy.
const (
	EndedBySteps     = "steps"
	EndedByTimeLimit = "time_limit"
	EndedByEarlyStop = "early_stop"
)

// RunSummary is what a finished run measured.
type RunSummary struct {
	Steps            int     `json:"steps" msgpack:"steps"`
	TargetTokens     int     `json:"target_tokens" msgpack:"target_tokens"`             // N
	BaseValDataBPT   *Float  `json:"base_val_data_bpt,omitempty" msgpack:"base_val"`    // held-out, the base model alone
	ValDataBPT       *Float  `json:"val_data_bpt,omitempty" msgpack:"val"`              // held-out, after training
	ValTargetTokens  int     `json:"val_target_tokens,omitempty" msgpack:"val_targets"` // of the held-out rows
	FinalS           Float   `json:"final_s_ratio" msgpack:"final_s"`
	FinalSSmoothed   Float   `json:"final_s_smoothed" msgpack:"final_s_smoothed"`
	TargetS          float64 `json:"target_s" msgpack:"target_s"`
	FinalLambda      Float   `json:"final_lambda" msgpack:"final_lambda"`
	PriorSigma       float64 `json:"prior_sigma" msgpack:"prior_sigma"`
	TokensPerSecond  Float   `json:"tokens_per_second" msgpack:"tokens_per_second"` // over the training steps, evaluation and compilation not counted
	TrainSeconds     float64 `json:"train_seconds" msgpack:"train_seconds"`
	PeakMemoryBytes  int64   `json:"peak_memory_bytes" msgpack:"peak_memory_bytes"` // of the worker process, resident on the host whatever the device
	NonFiniteSteps   int     `json:"non_finite_steps" msgpack:"non_finite_steps"`
	RowsTruncated    int     `json:"rows_truncated" msgpack:"rows_truncated"`
	RowsWithoutLoss  int     `json:"rows_without_targets" msgpack:"rows_without_targets"`
	ReloadMaxAbsDiff Float   `json:"reload_max_abs_diff" msgpack:"reload_max_abs_diff"` // saved weights read back against those trained
	ReloadLogitDiff  Float   `json:"reload_logit_diff" msgpack:"reload_logit_diff"`     // of the adapter read back against the trained one: the largest, as a share of the largest logit
	LogitChange      Float   `json:"logit_change" msgpack:"logit_change"`               // by which the adapter moves a logit at most, as a share of the largest one
	EndedBy          string  `json:"ended_by" msgpack:"ended_by"`                       // EndedBySteps, EndedByTimeLimit or EndedByEarlyStop
	AdapterStep      int     `json:"adapter_step" msgpack:"adapter_step"`               // the step whose weights were saved: the last, or the best
}

// AdapterArtifact is a finished adapter: a directory in PEFT's layout, and what made it.
type AdapterArtifact struct {
	ID           string     `json:"id"`
	JobID        string     `json:"job_id"`
	Name         string     `json:"name"`
	LocalPath    string     `json:"local_path"`
	HubModelID   string     `json:"hub_model_id,omitempty"`
	BaseModel    string     `json:"base_model"`
	TrainConfig  SCUConfig  `json:"train_config"`
	Metrics      RunSummary `json:"metrics"`
	CreatedAt    time.Time  `json:"created_at"`
	AdapterFiles []string   `json:"adapter_files"` // names inside LocalPath
	SizeBytes    int64      `json:"size_bytes"`
	SHA256       string     `json:"sha256"` // of adapter_model.safetensors
}

// NaN is a Float that travels as null: a number that is not known.
func NaN() Float { return Float(math.NaN()) }
