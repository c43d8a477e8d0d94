package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// FileName is the file's name in the home.
const FileName = "config.yaml"

// Config is every setting. It is not changed once it is loaded, so it may be read by many.
type Config struct {
	Storage     Storage
	HuggingFace HuggingFace
	Training    Training
	Security    Security

	File     string   // that was looked for, whether it is there or not
	Warnings []string // for a person; nothing that keeps the configuration from being used

	places map[string]place // that the keys' values come from
}

// Storage is about the home's file system and the job store.
type Storage struct {
	MinFree      Bytes         // storage.min_free: below it no job starts, and running ones are paused
	MetricsAfter time.Duration // storage.metrics_after: since a job's end, before its metrics are thinned out; 0 means never
	MetricsRows  int           // storage.metrics_rows: that are left of a job's metrics then
}

// HuggingFace is how models and data sets are fetched from the Hugging Face Hub.
type HuggingFace struct {
	Token    Secret // huggingface.token; may be empty
	Endpoint string // huggingface.endpoint: a URL without a slash at its end
}

// Training is how jobs are queued and run.
type Training struct {
	Devices           []DeviceConfig // training.devices (restart): at least one, no name twice
	MaxConcurrentJobs int            // training.max_concurrent_jobs; 0 means as many as there are devices
	MaxQueuedJobs     int            // training.max_queued_jobs; 0 means no limit
	MaxRetries        int            // training.max_retries: automatic ones of a job
	RetryBackoff      time.Duration  // training.retry_backoff: before the first of them; it doubles with each
	RetryBackoffMax   time.Duration  // training.retry_backoff_max: at least RetryBackoff
	AgingInterval     time.Duration  // training.aging_interval: of waiting, for one priority more; 0 means that waiting does not count
	MaxJobTime        time.Duration  // training.max_job_time: of running; 0 means no limit
	WorkerSilence     time.Duration  // training.worker_silence: after which a worker counts as hung
	PauseGrace        time.Duration  // training.pause_grace: for a worker to write a checkpoint
	CancelGrace       time.Duration  // training.cancel_grace: for a worker to stop at the next step
}

// DeviceConfig is a device that jobs may run on.
type DeviceConfig struct {
	Name   string // cpu or cuda:N
	Memory Bytes  // that jobs may take of it in all; 0 means what it has
}

// Security is what jobs may ask for and how much they may take.
type Security struct {
	AllowedModels      []string // security.allowed_models: patterns; none means every model, see AllowsModel
	MaxModelParameters Count    // security.max_model_parameters; 0 means no limit
	Quotas             Quotas
}

// Quotas are limits by owner.
type Quotas struct {
	Default Quota            // security.quotas.default
	Owners  map[string]Quota // security.quotas.owners, with what is left out filled in from Default; see Of
}

// Quota is what one owner may have. 0 means no limit, in each field.
type Quota struct {
	MaxRunning int   // jobs at once
	MaxQueued  int   // jobs
	MaxDisk    Bytes // of adapters
}

// Load reads the configuration of a home. A home without the file has the defaults. environ is as os.Environ gives it. An
// error that is about what the file or a variable says is an *[Error].
func Load(home string, environ []string) (*Config, error) {
	path := filepath.Join(home, FileName)
	c, err := LoadFile(path, environ)
	if errors.Is(err, fs.ErrNotExist) {
		return load(path, nil, environ)
	}
	return c, err
}

// LoadFile is Load of a file that must be there.
func LoadFile(path string, environ []string) (*Config, error) {
	file, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return load(path, file, environ)
}

// load puts the layers over each other. file is nil where there is none.
func load(path string, file *document, environ []string) (*Config, error) {
	variables := variablesOf(environ)
	var problems problems
	settings := variables.settings(&problems)
	if file != nil {
		settings = append(file.settings(variables, &problems), settings...)
	}
	c := &Config{File: path, places: map[string]place{}}
	c.apply(settings, variables, &problems)
	if err := problems.err(); err != nil {
		return nil, err
	}
	c.check(&problems)
	if err := problems.err(); err != nil {
		return nil, err
	}
	if file != nil {
		c.Warnings = file.warnings(settings)
	}
	return c, nil
}

// setting is a value that somebody has set, still as text.
type setting struct {
	key     string
	owner   string   // whose quota it is, for a key below security.quotas.owners
	texts   []string // one, unless the key takes a list
	place   place
	literal bool // it holds no variable
}

// apply sets every key, to its default where nobody has set it. Of several settings of a key the last holds.
func (c *Config) apply(settings []setting, variables variables, problems *problems) {
	last := map[string]setting{}
	owners := map[string][]setting{}
	for _, s := range settings {
		if s.owner != "" {
			owners[s.owner] = append(owners[s.owner], s)
			continue
		}
		last[s.key] = s
	}
	for _, k := range keys {
		s, found := last[k.name]
		if !found {
			s = variables.defaultOf(k)
		}
		c.set(k, s, problems)
	}
	for owner, set := range owners {
		c.setOwner(owner, set, problems)
	}
}

func (c *Config) set(k key, s setting, problems *problems) {
	if err := k.set(c, s.texts); err != nil {
		problems.add(s.place, k.name, "%s", k.complaint(s.texts, err))
		return
	}
	c.places[k.name] = s.place
}

// setOwner sets the quota of one owner, over the default one.
func (c *Config) setOwner(owner string, settings []setting, problems *problems) {
	quota := c.Security.Quotas.Default
	rows := quotaKeys(ownersPrefix+owner, func(*Config) *Quota { return &quota })
	for _, s := range settings {
		for _, row := range rows {
			if row.name == s.key {
				c.set(row, s, problems)
			}
		}
	}
	if c.Security.Quotas.Owners == nil {
		c.Security.Quotas.Owners = map[string]Quota{}
	}
	c.Security.Quotas.Owners[owner] = quota
}

// check looks at what one value alone does not show.
func (c *Config) check(problems *problems) {
	t := &c.Training
	if t.RetryBackoffMax < t.RetryBackoff {
		const first, longest = "training.retry_backoff", "training.retry_backoff_max"
		at := c.places[longest]
		if at == (place{}) { // the default: what was set is the other one
			at = c.places[first]
		}
		problems.add(at, longest, "is %s; it must be at least %s, which is %s", formatDuration(t.RetryBackoffMax), first, formatDuration(t.RetryBackoff))
	}
	names := map[string]bool{}
	for _, device := range t.Devices {
		if names[device.Name] {
			problems.add(c.places[devicesKey], devicesKey, "names %s twice", device.Name)
		}
		names[device.Name] = true
	}
}
