package config

import "time"

const (
	devicesKey   = "training.devices"
	ownersKey    = "security.quotas.owners"
	ownersPrefix = ownersKey + "."
)

const day = 24 * time.Hour

// keys is the table of settings, in the order in which they are shown. Quotas of single owners have the rows of
// quotaKeys and are not in it.
var keys = append([]key{
	{
		name: "storage.min_free", fallback: "500 MB",
		value: size(func(c *Config) *Bytes { return &c.Storage.MinFree }),
		doc:   "Free space that the home's file system must keep. Below it no job is taken or started, and running jobs are paused until there is more.",
	},
	{
		name: "storage.metrics_after", fallback: "90d",
		value: duration(func(c *Config) *time.Duration { return &c.Storage.MetricsAfter }, 0, 100*365*day),
		doc:   "How long after a job's end its metrics keep every step. After that they are thinned out to storage.metrics_rows. 0: they are kept for good.",
	},
	{
		name: "storage.metrics_rows", fallback: "1000",
		value: number(func(c *Config) *int { return &c.Storage.MetricsRows }, 10, 1_000_000),
		doc:   "Steps of a job whose metrics are left when they are thinned out.",
	},
	{
		name: "huggingface.token", fallback: "${HF_TOKEN}", mayBeUnset: "HF_TOKEN", secret: true,
		value: secret(func(c *Config) *Secret { return &c.HuggingFace.Token }),
		doc:   "Authorizes at the Hugging Face Hub, for models and data sets that are private or gated. It is never shown or logged.",
	},
	{
		name: "huggingface.endpoint", fallback: "${HF_ENDPOINT}", mayBeUnset: "HF_ENDPOINT", otherwise: "https://huggingface.co",
		value: address(func(c *Config) *string { return &c.HuggingFace.Endpoint }),
		doc:   "Address of the Hugging Face Hub, or of a mirror.",
	},
	{
		name: devicesKey, fallback: "cpu", restart: true,
		value: several(func(c *Config) *[]DeviceConfig { return &c.Training.Devices }, parseDevice, DeviceConfig.String,
			"devices, each cpu or cuda:N, with =SIZE behind it where jobs may take only so much of its memory: cuda:0=20 GiB", 1),
		doc: "Devices that jobs run on. The kind of the first is what a job gets that asks for none.",
	},
	{
		name: "training.max_concurrent_jobs", fallback: "0",
		value: number(func(c *Config) *int { return &c.Training.MaxConcurrentJobs }, 0, 1000),
		doc:   "Jobs that run at once, on all devices together. 0: as many as there are devices.",
	},
	{
		name: "training.max_queued_jobs", fallback: "10000",
		value: number(func(c *Config) *int { return &c.Training.MaxQueuedJobs }, 0, 1_000_000),
		doc:   "Jobs that wait at once; more are refused. 0: no limit.",
	},
	{
		name: "training.max_retries", fallback: "3",
		value: number(func(c *Config) *int { return &c.Training.MaxRetries }, 0, 100),
		doc:   "How often a job whose worker crashed is tried again by itself, from its last checkpoint. One that crashes the same way twice without getting on is not.",
	},
	{
		name: "training.retry_backoff", fallback: "30s",
		value: duration(func(c *Config) *time.Duration { return &c.Training.RetryBackoff }, 0, day),
		doc:   "Wait before the first such retry. It doubles with each.",
	},
	{
		name: "training.retry_backoff_max", fallback: "10m",
		value: duration(func(c *Config) *time.Duration { return &c.Training.RetryBackoffMax }, 0, 7*day),
		doc:   "The longest wait before a retry.",
	},
	{
		name: "training.aging_interval", fallback: "10m",
		value: duration(func(c *Config) *time.Duration { return &c.Training.AgingInterval }, 0, 365*day),
		doc:   "A job that has waited this long counts as one priority higher, so that none waits for ever. 0: waiting does not count.",
	},
	{
		name: "training.max_job_time", fallback: "0",
		value: duration(func(c *Config) *time.Duration { return &c.Training.MaxJobTime }, 0, 10*365*day),
		doc:   "How long a job may run, summed over its runs; then it fails. 0: no limit.",
	},
	{
		name: "training.worker_silence", fallback: "2m",
		value: duration(func(c *Config) *time.Duration { return &c.Training.WorkerSilence }, 20*time.Second, day),
		doc:   "A worker that says nothing for so long counts as hung and is ended.",
	},
	{
		name: "training.pause_grace", fallback: "1m",
		value: duration(func(c *Config) *time.Duration { return &c.Training.PauseGrace }, time.Second, day),
		doc:   "Time for a worker that is paused, also when the daemon ends, to write a checkpoint. Then it is ended.",
	},
	{
		name: "training.cancel_grace", fallback: "20s",
		value: duration(func(c *Config) *time.Duration { return &c.Training.CancelGrace }, 0, day),
		doc:   "Time for a worker whose job is cancelled to stop at the next step. Then it is ended.",
	},
	{
		name: "security.allowed_models", fallback: "",
		value: several(func(c *Config) *[]string { return &c.Security.AllowedModels }, parsePattern, textOf, "patterns, in which * stands for anything but a slash: smollm2-*", 0),
		doc:   "Base models that jobs may use, by the name or path that they are asked for with. None: every model.",
	},
	{
		name: "security.max_model_parameters", fallback: "0",
		value: count(func(c *Config) *Count { return &c.Security.MaxModelParameters }),
		doc:   "The largest base model that jobs may use. 0: no limit.",
	},
}, quotaKeys("security.quotas.default", func(c *Config) *Quota { return &c.Security.Quotas.Default })...)

// quotaKeys are the rows of one quota.
func quotaKeys(prefix string, quota func(*Config) *Quota) []key {
	return []key{
		{
			name: prefix + ".max_running", fallback: "0",
			value: number(func(c *Config) *int { return &quota(c).MaxRunning }, 0, 1000),
			doc:   "Jobs of one owner that run at once. 0: no limit.",
		},
		{
			name: prefix + ".max_queued", fallback: "0",
			value: number(func(c *Config) *int { return &quota(c).MaxQueued }, 0, 1_000_000),
			doc:   "Jobs of one owner that wait at once. 0: no limit.",
		},
		{
			name: prefix + ".max_disk", fallback: "0",
			value: size(func(c *Config) *Bytes { return &quota(c).MaxDisk }),
			doc:   "What the adapters of one owner may take together. 0: no limit.",
		},
	}
}
