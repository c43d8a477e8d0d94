package protocol

import (
	"encoding/json"
	"time"
)

// ClientInfo names the program that connects.
type ClientInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	BuildID string `json:"build_id,omitempty"`
	PID     int    `json:"pid,omitempty"`
}

// ServerInfo names the daemon. InstanceID changes with every start of it.
type ServerInfo struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	BuildID    string `json:"build_id"`
	InstanceID string `json:"instance_id"`
}

// InitializeParams opens a connection; it must be the first request.
type InitializeParams struct {
	Client          ClientInfo `json:"client"`
	ProtocolVersion int        `json:"protocol_version"`
}

// Capabilities says which methods this daemon serves.
type Capabilities struct {
	Methods       []string `json:"methods"`
	Notifications []string `json:"notifications"`
}

// WireLimits says what the daemon accepts.
type WireLimits struct {
	MaxFrameBytes    int `json:"max_frame_bytes"`
	MaxListLimit     int `json:"max_list_limit"`
	MaxConcurrent    int `json:"max_concurrent_calls"` // of one connection
	MaxSubscriptions int `json:"max_subscriptions"`    // of one connection
}

// InitializeResult answers InitializeParams.
type InitializeResult struct {
	Server          ServerInfo   `json:"server"`
	ProtocolVersion int          `json:"protocol_version"`
	Capabilities    Capabilities `json:"capabilities"`
	Limits          WireLimits   `json:"limits"`
	Notice          string       `json:"notice,omitempty"` // e.g. that the client is of another build
}

// CreateParams asks for a job; the result is a [Job]. With DryRun nothing is stored and the result is a [Plan].
type CreateParams struct {
	JobSpec
	DryRun bool `json:"dry_run,omitempty"`
}

// IDParams names a job or an adapter by its id or its name.
type IDParams struct {
	ID string `json:"id"`
}

// ListParams filters jobs. Cursor is the next_cursor of the page before; the newest job comes first.
type ListParams struct {
	Status Status `json:"status,omitempty"`
	Name   string `json:"name,omitempty"`
	Model  string `json:"model,omitempty"`
	Limit  int    `json:"limit,omitempty"` // 100 when 0
	Cursor string `json:"cursor,omitempty"`
}

// ListResult is one page of jobs.
type ListResult struct {
	Jobs       []TrainingStatus `json:"jobs"`
	NextCursor string           `json:"next_cursor,omitempty"`
}

// WaitParams waits until the job is final or the time is over, whichever is first.
type WaitParams struct {
	ID             string  `json:"id"`
	TimeoutSeconds float64 `json:"timeout_seconds,omitempty"` // 0 means no limit
}

// WaitResult is the job at the end of the wait; TimedOut says it is not final.
type WaitResult struct {
	Job      Job  `json:"job"`
	TimedOut bool `json:"timed_out"`
}

// MetricsParams asks for the steps From to To, both included; 0 leaves an end open.
type MetricsParams struct {
	ID    string `json:"id"`
	From  int    `json:"from,omitempty"`
	To    int    `json:"to,omitempty"`
	Limit int    `json:"limit,omitempty"` // rows; 0 means 10,000; more rows: ask again from the last step + 1
}

// MetricsResult is one row a step, in order.
type MetricsResult struct {
	JobID   string            `json:"job_id"`
	Metrics []TrainingMetrics `json:"metrics"`
	More    bool              `json:"more"`
}

// EventType says what a JobEvent tells.
type EventType string

// The types of event. A state event is never dropped.
const (
	EventState   EventType = "state"   // status, phase, error or adapter changed: Status is set
	EventPlan    EventType = "plan"    // the worker has resolved the plan: Plan is set
	EventMetrics EventType = "metrics" // a step is done: Metrics is set
	EventEval    EventType = "eval"    // a pass over the held-out rows: Eval is set
	EventLog     EventType = "log"     // a line for a person: Message is set
	EventWarning EventType = "warning" // likewise, and it wants attention
)

// Evaluation is a pass over the held-out rows.
type Evaluation struct {
	Step         int   `json:"step" msgpack:"step"` // optimizer steps done before it
	DataBPT      Float `json:"data_bpt" msgpack:"data_bpt"`
	TargetTokens int   `json:"target_tokens" msgpack:"target_tokens"`
}

// JobEvent is one thing that happened to a job. Cursor counts the job's events from 1 without a gap.
type JobEvent struct {
	Cursor    int64            `json:"cursor"`
	JobID     string           `json:"job_id"`
	Type      EventType        `json:"type"`
	Status    *TrainingStatus  `json:"status,omitempty"`
	Plan      *Plan            `json:"plan,omitempty"`
	Metrics   *TrainingMetrics `json:"metrics,omitempty"`
	Eval      *Evaluation      `json:"eval,omitempty"`
	Message   string           `json:"message,omitempty"`
	CreatedAt time.Time        `json:"created_at"`
}

// EventsParams asks for the events of a job after a cursor.
type EventsParams struct {
	ID    string `json:"id"`
	After int64  `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"` // 1,000 when 0
}

// EventsResult is a page of events in order; Cursor is the last one's, or After when there is none.
type EventsResult struct {
	Events []JobEvent `json:"events"`
	Cursor int64      `json:"cursor"`
}

// LogsResult is the log lines of a job, oldest first.
type LogsResult struct {
	Lines []string `json:"lines"`
}

// SubscribeParams asks to be told what happens to a job. After, when given, is the cursor of the last event the
// client has; otherwise events begin after the snapshot's.
type SubscribeParams struct {
	ID    string `json:"id"`
	After *int64 `json:"after,omitempty"`
}

// SubscribeResult is the job as it stands at Cursor. Events follow from the next cursor on, or from the one after
// SubscribeParams.After when that was given.
type SubscribeResult struct {
	SubscriptionID string `json:"subscription_id"`
	Snapshot       Job    `json:"snapshot"`
	Cursor         int64  `json:"cursor"`
}

// UnsubscribeParams ends a subscription.
type UnsubscribeParams struct {
	SubscriptionID string `json:"subscription_id"`
}

// JobEventParams are the params of a job/event notification.
type JobEventParams struct {
	SubscriptionID string   `json:"subscription_id"`
	Event          JobEvent `json:"event"`
}

// LaggedParams are the params of a job/lagged notification: the subscription fell too far behind and is closed. Cursor is
// the last event it was sent; subscribing again after it loses nothing.
type LaggedParams struct {
	SubscriptionID string `json:"subscription_id"`
	Cursor         int64  `json:"cursor"`
}

// SetPriorityParams gives a job that has not ended another priority.
type SetPriorityParams struct {
	ID       string `json:"id"`
	Priority int    `json:"priority"`
}

// DeleteJobParams removes a job that has ended, with its events, metrics, log and checkpoints. A job that has an adapter
// is refused unless WithAdapter is set, which removes that too.
type DeleteJobParams struct {
	ID          string `json:"id"`
	WithAdapter bool   `json:"with_adapter,omitempty"`
}

// DeleteResult says what was removed.
type DeleteResult struct {
	ID         string `json:"id"`          // of the job or the adapter
	FreedBytes int64  `json:"freed_bytes"` // of files; the job store keeps its size and uses the space again
}

// QueueStatus is how the queue stands. Waiting is in the order in which the jobs would start now.
type QueueStatus struct {
	Paused        bool     `json:"paused"`
	Running       []string `json:"running"` // ids
	Waiting       []string `json:"waiting"` // ids
	MaxConcurrent int      `json:"max_concurrent_jobs"`
	MaxQueued     int      `json:"max_queued_jobs"`
}

// DeviceListParams say over which time utilisation is measured: since Since, or over the last day when it is nil.
type DeviceListParams struct {
	Since *time.Time `json:"since,omitempty"`
}

// DeviceListResult is every device that jobs may run on, in the order of the configuration.
type DeviceListResult struct {
	Since   time.Time `json:"since"` // since when utilisation is measured
	Devices []Device  `json:"devices"`
}

// Device is a device, who holds it, and how busy it was. Its memory is what jobs may take in all.
type Device struct {
	Name          string      `json:"name"` // such as cpu or cuda:0
	Kind          string      `json:"kind"` // cpu or cuda
	MemoryBytes   int64       `json:"memory_bytes"`
	ReservedBytes int64       `json:"reserved_bytes"`
	Jobs          []DeviceJob `json:"jobs"`
	BusySeconds   float64     `json:"busy_seconds"` // in which at least one job ran
	Utilization   float64     `json:"utilization"`  // BusySeconds as a share of the time looked at, 0 to 1
	JobSeconds    float64     `json:"job_seconds"`  // summed over jobs, so that two at once count twice
	Runs          int         `json:"runs"`         // that were on it in that time
}

// DeviceJob is a job that runs on a device.
type DeviceJob struct {
	JobID         string `json:"job_id"`
	ReservedBytes int64  `json:"reserved_bytes"`
}

// UsageParams select runs that overlap a time; a nil end is open.
type UsageParams struct {
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`
	Limit int        `json:"limit,omitempty"` // runs; 100 when 0
}

// UsageResult is what runs have used, the newest first, and the sums of all that were selected, by owner.
type UsageResult struct {
	Runs   []UsageRecord `json:"runs"`
	Totals []UsageTotal  `json:"totals"`
}

// UsageRecord is one run of a job on a device.
type UsageRecord struct {
	JobID           string     `json:"job_id"`
	Name            string     `json:"name"`
	Owner           string     `json:"owner"`
	Device          string     `json:"device"`
	Attempt         int        `json:"attempt"` // 1 is the job's first run
	BeganAt         time.Time  `json:"began_at"`
	EndedAt         *time.Time `json:"ended_at,omitempty"` // nil while it runs
	Seconds         float64    `json:"seconds"`
	Steps           int        `json:"steps"`                       // optimizer steps that were new
	Tokens          int64      `json:"tokens"`                      // of those steps
	PeakMemoryBytes int64      `json:"peak_memory_bytes,omitempty"` // of the device, as the worker told
	Outcome         string     `json:"outcome,omitempty"`           // the job's state after it, or queued when it was to be tried again
}

// UsageTotal sums the runs of one owner.
type UsageTotal struct {
	Owner   string  `json:"owner"`
	Runs    int     `json:"runs"`
	Jobs    int     `json:"jobs"`
	Seconds float64 `json:"seconds"`
	Steps   int     `json:"steps"`
	Tokens  int64   `json:"tokens"`
}

// ConfigResult is the configuration that the daemon runs with.
type ConfigResult struct {
	File   string        `json:"file"` // that it was read from, whether there is one or not
	Values []ConfigValue `json:"values"`
}

// ConfigValue is one value of the configuration and where it came from. A secret's value is never shown.
type ConfigValue struct {
	Key     string `json:"key"`               // such as training.max_concurrent_jobs
	Value   any    `json:"value"`             // of a secret: "set" or "not set"
	Origin  string `json:"origin"`            // default, config.yaml:12, or $SCU_TRAINING_MAX_CONCURRENT_JOBS
	Pending any    `json:"pending,omitempty"` // the value that takes effect when the daemon is started again
}

// AdapterListResult is every adapter, the newest first.
type AdapterListResult struct {
	Adapters []AdapterArtifact `json:"adapters"`
}

// StatusResult is how the daemon stands.
type StatusResult struct {
	PID           int            `json:"pid"`
	Version       string         `json:"version"`
	BuildID       string         `json:"build_id"`
	InstanceID    string         `json:"instance_id"`
	Socket        string         `json:"socket"`
	Home          string         `json:"home"`
	StartedAt     time.Time      `json:"started_at"`
	UptimeSeconds float64        `json:"uptime"`
	Jobs          map[Status]int `json:"jobs"` // how many of each status
	QueuePaused   bool           `json:"queue_paused,omitempty"`
	Ending        string         `json:"ending,omitempty"`   // ShutdownNow, ShutdownDrained or ShutdownIdle, once it was asked to end
	DiskFreeBytes int64          `json:"disk_free_bytes"`    // of the home's file system
	DiskLow       bool           `json:"disk_low,omitempty"` // too little for jobs to run: they are paused until there is more
}

// When a daemon that is asked to end does so. In each case it takes no more jobs, and what is queued or paused then is
// found by the next daemon.
const (
	ShutdownNow     = "now"     // at once: running jobs write a checkpoint, and the next daemon goes on with them
	ShutdownDrained = "drained" // when the jobs that run have ended; no other is started
	ShutdownIdle    = "idle"    // when no job is queued or running
)

// ShutdownParams ends the daemon. When is ShutdownIdle if it is empty.
type ShutdownParams struct {
	When string `json:"when,omitempty"`
}

// ShutdownResult says what holds the daemon up.
type ShutdownResult struct {
	WaitingFor []string `json:"waiting_for,omitempty"` // ids of the jobs that it waits for
}

// CancelRequestParams names the call to end.
type CancelRequestParams struct {
	ID json.RawMessage `json:"id"` // a number or a string, as the call had it
}
