package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// load writes a file into a new home and loads it.
func loadText(t *testing.T, text string, environ ...string) (*Config, error) {
	t.Helper()
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, FileName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(home, environ)
	if (c == nil) == (err == nil) {
		t.Fatalf("a configuration (%t) with the error %v", c != nil, err)
	}
	return c, err
}

func mustLoad(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	c, err := loadText(t, text, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settingsOf is a configuration without where it came from.
func settingsOf(c *Config) Config {
	return Config{Storage: c.Storage, HuggingFace: c.HuggingFace, Training: c.Training, Security: c.Security}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	want := Config{
		Storage:     Storage{MinFree: 500e6, MetricsAfter: 90 * day, MetricsRows: 1000},
		HuggingFace: HuggingFace{Endpoint: "https://huggingface.co"},
		Training: Training{
			Devices: []DeviceConfig{{Name: "cpu"}}, MaxQueuedJobs: 10000, MaxRetries: 3, RetryBackoff: 30 * time.Second,
			RetryBackoffMax: 10 * time.Minute, AgingInterval: 10 * time.Minute, WorkerSilence: 2 * time.Minute,
			PauseGrace: time.Minute, CancelGrace: 20 * time.Second,
		},
		Security: Security{AllowedModels: []string{}},
	}
	missing, err := Load(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	loaded := map[string]*Config{"no file": missing}
	for name, text := range map[string]string{
		"empty": "", "comments": "# nothing\n\n", "an empty document": "---\n", "empty sections": "training:\nsecurity:\n  quotas:\n    default:\n    owners:\n",
		"the example": Example(),
	} {
		loaded[name] = mustLoad(t, text)
	}
	for name, c := range loaded {
		if got := settingsOf(c); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
storage:
  min_free: 2 GiB
  metrics_after: 1w
  metrics_rows: 500
huggingface:
  token: ${TOKEN}
  endpoint: http://localhost:8080/
training:
  devices: [cuda:0, "cuda:1=20 GiB", cpu]
  max_concurrent_jobs: 4
  max_queued_jobs: 0
  max_retries: "2"
  retry_backoff: 500ms
  retry_backoff_max: 1d12h
  aging_interval: 0
  max_job_time: 12h
  worker_silence: 1.5m
  pause_grace: 90s
  cancel_grace: 5s
security:
  allowed_models:
    - SmolLM2-*
    - /models/${WHICH}/*
    - literal-$${WHICH}
  max_model_parameters: 1.5B
  quotas:
    owners:
      alice@example.com: {max_running: 0, max_disk: 1 GB}
      bob: {}
    default: {max_running: 2, max_queued: 100}
`, "TOKEN= hf_abc ", "WHICH=small")
	want := Config{
		Storage:     Storage{MinFree: 2 << 30, MetricsAfter: 7 * day, MetricsRows: 500},
		HuggingFace: HuggingFace{Token: NewSecret("hf_abc"), Endpoint: "http://localhost:8080"},
		Training: Training{
			Devices:           []DeviceConfig{{Name: "cuda:0"}, {Name: "cuda:1", Memory: 20 << 30}, {Name: "cpu"}},
			MaxConcurrentJobs: 4, MaxRetries: 2, RetryBackoff: 500 * time.Millisecond, RetryBackoffMax: 36 * time.Hour,
			MaxJobTime: 12 * time.Hour, WorkerSilence: 90 * time.Second, PauseGrace: 90 * time.Second, CancelGrace: 5 * time.Second,
		},
		Security: Security{
			AllowedModels: []string{"SmolLM2-*", "/models/small/*", "literal-${WHICH}"}, MaxModelParameters: 1_500_000_000,
			Quotas: Quotas{
				Default: Quota{MaxRunning: 2, MaxQueued: 100},
				Owners: map[string]Quota{
					"alice@example.com": {MaxRunning: 0, MaxQueued: 100, MaxDisk: 1e9},
				},
			},
		},
	}
	if got := settingsOf(c); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	for owner, want := range map[string]int{"alice@example.com": 0, "bob": 2, "carol": 2} {
		if got := c.Security.Quotas.Of(owner).MaxRunning; got != want {
			t.Errorf("%s may run %d, want %d", owner, got, want)
		}
	}
}

// Every problem is told with its place and, where there is one, the right name.
func TestProblemsOfTheFile(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text string
		want []string // the lines of the error, from the file's name on
	}{
		"a misspelt key":      {"training:\n  max_concurent_jobs: 4\n", []string{":2: training.max_concurent_jobs is not a setting; did you mean training.max_concurrent_jobs?"}},
		"a misspelt section":  {"traning:\n  max_retries: 4\n", []string{":1: traning is not a setting; did you mean training?"}},
		"in another section":  {"training:\n  min_free: 4 GB\n", []string{":2: training.min_free is not a setting; did you mean storage.min_free?"}},
		"nothing like it":     {"colour: green\n", []string{":1: colour is not a setting; `scu config show` lists them"}},
		"a misspelt quota":    {"security:\n  quotas:\n    owners:\n      a.b:\n        max_runing: 1\n", []string{":5: security.quotas.owners.a.b.max_runing is not a setting; did you mean security.quotas.owners.a.b.max_running?"}},
		"with dots":           {"training.max_retries: 3\n", []string{":1: training.max_retries is written with dots"}},
		"twice":               {"training:\n  max_retries: 1\n  max_retries: 2\n", []string{":3: training.max_retries stands on line 2 already"}},
		"a section twice":     {"training:\n  max_retries: 1\ntraining:\n  max_retries: 2\n", []string{":3: training stands on line 1 already"}},
		"not a number":        {"training:\n  max_retries: four\n", []string{`:2: training.max_retries is "four": that is not a whole number; it must be a whole number from 0 to 100`}},
		"a fraction":          {"training:\n  max_retries: 1.5\n", []string{`:2: training.max_retries is "1.5"`}},
		"too large":           {"training:\n  max_retries: 101\n", []string{":2: training.max_retries is \"101\": that is out of range"}},
		"negative":            {"training:\n  max_retries: -1\n", []string{":2: training.max_retries is \"-1\": that is out of range"}},
		"without a unit":      {"storage:\n  min_free: 500\n", []string{`:2: storage.min_free is "500": that is not a size with a unit; it must be a size with its unit, such as 500 MB or 2 GiB`}},
		"without a time unit": {"training:\n  pause_grace: 90\n", []string{`:2: training.pause_grace is "90": that is not a time with a unit`}},
		"a list for a number": {"training:\n  max_retries: [1]\n", []string{":2: training.max_retries must be a whole number"}},
		"no value":            {"training:\n  max_retries:\n", []string{":2: training.max_retries must be a whole number"}},
		"a mapping for a key": {"training:\n  max_retries: {a: 1}\n", []string{":2: training.max_retries must be a whole number"}},
		"a section's value":   {"training: 4\n", []string{":1: training must hold settings"}},
		"a list at the root":  {"- a\n", []string{":1: must hold settings"}},
		"a word at the root":  {"word\n", []string{":1: must hold settings"}},
		"an unknown device":   {"training:\n  devices: [cpu, gpu]\n", []string{`:2: training.devices is "cpu, gpu": "gpu": there is no device of that name`}},
		"no device":           {"training:\n  devices: []\n", []string{`:2: training.devices is "": at least 1 is needed`}},
		"a device twice":      {"training:\n  devices: [cpu, cuda:0, cpu=1 GB]\n", []string{":2: training.devices names cpu twice"}},
		"no memory":           {"training:\n  devices: [cuda:0=0]\n", []string{":2: training.devices is", "of no use"}},
		"a bad pattern":       {"security:\n  allowed_models: ['[']\n", []string{":2: security.allowed_models is"}},
		"an address":          {"huggingface:\n  endpoint: huggingface.co\n", []string{":2: huggingface.endpoint is \"huggingface.co\": scheme or host are missing"}},
		"plain http":          {"huggingface:\n  endpoint: http://hub.example\n", []string{":2: huggingface.endpoint is \"http://hub.example\": anyone on the way"}},
		"a user":              {"huggingface:\n  endpoint: https://me:secret@hub\n", []string{":2: huggingface.endpoint is not usable: a user, a query or a fragment"}},
		"backoffs":            {"training:\n  retry_backoff: 1h\n", []string{":2: training.retry_backoff_max is 10m; it must be at least training.retry_backoff, which is 1h"}},
		"an unset variable":   {"training:\n  max_retries: ${NOT_SET}\n", []string{":2: training.max_retries names ${NOT_SET}, a variable that is not set"}},
		"another token":       {"huggingface:\n  token: ${NOT_SET}\n", []string{":2: huggingface.token names ${NOT_SET}"}},
		"a broken reference":  {"huggingface:\n  token: \"${\"\n", []string{`:2: huggingface.token has "${", which is not of the form ${NAME}`}},
		"a shell's reference": {"huggingface:\n  endpoint: ${A:-b}\n", []string{":2: huggingface.endpoint has \"${A:-b}\""}},
		"a token with spaces": {"huggingface:\n  token: hf abc\n", []string{":2: huggingface.token is not usable: it holds spaces"}},
		"two documents":       {"training:\n---\ntraining:\n", []string{":2: a second document begins"}},
		"a tab":               {"training:\n\tmax_retries: 1\n", []string{":2: the line is indented with a tab"}},
		"no YAML":             {"training:\n  devices: [cpu\nstorage:\n", []string{":3: this is not YAML"}},
		"a broken second one": {"training:\n---\n[\n", []string{"this is not YAML"}},
		"an alias":            {"training:\n  max_retries: &a 1\n  max_queued_jobs: *a\n", []string{":2: training.max_retries uses an anchor", ":3: training.max_queued_jobs uses an anchor"}},
		"a merge":             {"training:\n  <<: {max_retries: 1}\n", []string{":2: training.<< is not a setting"}},
		"a tag":               {"training:\n  max_retries: !!int 1\n", []string{":2: training.max_retries has a tag, !!int"}},
		"a list as a name":    {"? [a]\n: 1\n", []string{":1: holds a name that is not a word"}},
		"several problems": {"a: 1\ntraining:\n  max_retries: x\n  b: 2\n", []string{
			":1: a is not a setting", ":3: training.max_retries", ":4: training.b is not a setting",
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := loadText(t, c.text)
			var known *Error
			if !errors.As(err, &known) {
				t.Fatalf("got %v, want an *Error", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant %s", err, want)
				}
			}
			if len(known.Problems) != strings.Count(err.Error(), "\n")+1 || !strings.Contains(known.Problems[0].Place, FileName) {
				t.Errorf("the problems are %+v", known.Problems)
			}
		})
	}
}

func TestOrderOfProblems(t *testing.T) {
	t.Parallel()
	_, err := loadText(t, "b: 1\na: 2\n", "SCU_TRAINING_B=1", "SCU_TRAINING_A=1")
	var known *Error
	if !errors.As(err, &known) || len(known.Problems) != 4 {
		t.Fatalf("got %v", err)
	}
	for n, want := range []string{"$SCU_TRAINING_A", "$SCU_TRAINING_B", ":1", ":2"} {
		if !strings.HasSuffix(known.Problems[n].Place, want) {
			t.Errorf("problem %d is of %s, want %s", n, known.Problems[n].Place, want)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	if _, err := LoadFile(filepath.Join(t.TempDir(), "missing.yaml"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that must be there gave %v", err)
	}
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, FileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(home, nil); err == nil || !strings.Contains(err.Error(), home) {
		t.Errorf("a directory gave %v", err)
	}
	if _, err := loadText(t, strings.Repeat("# comment\n", maxFileBytes/10+1)); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("a large file gave %v", err)
	}
}

func TestWarningAboutReadableSecret(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text string
		mode fs.FileMode
		want bool
	}{
		"readable, with a secret":   {"huggingface:\n  token: hf_abc\n", 0o644, true},
		"private":                   {"huggingface:\n  token: hf_abc\n", 0o600, false},
		"the secret is elsewhere":   {"huggingface:\n  token: ${HF_TOKEN}\n", 0o644, false},
		"no secret":                 {"training:\n  max_retries: 1\n", 0o644, false},
		"readable by the group":     {"huggingface:\n  token: hf_abc\n", 0o640, true},
		"partly a variable, listed": {"huggingface:\n  token: hf_${HF_TOKEN}\n", 0o644, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), FileName)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			loaded, err := LoadFile(path, []string{"HF_TOKEN=hf_abc"})
			if err != nil {
				t.Fatal(err)
			}
			warned := len(loaded.Warnings) == 1 && strings.Contains(loaded.Warnings[0], "chmod 600 "+path)
			if warned != c.want || strings.Contains(strings.Join(loaded.Warnings, ""), "hf_abc") {
				t.Errorf("the warnings are %q", loaded.Warnings)
			}
		})
	}
}
