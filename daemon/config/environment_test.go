package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestEnvironmentOverFile(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "training:\n  max_retries: 1\n  max_queued_jobs: 7\nsecurity:\n  quotas:\n    owners:\n      bob: {max_disk: 1 GB}\n",
		"SCU_TRAINING_MAX_RETRIES=2", "SCU_TRAINING_DEVICES=cuda:0, cpu=2 GiB", "SCU_TRAINING_MAX_JOB_TIME=1d", "SCU_STORAGE_MIN_FREE=1GB",
		"SCU_HUGGINGFACE_TOKEN=hf_abc", "HF_TOKEN=other", "HF_ENDPOINT=https://mirror.example/", "SCU_SECURITY_ALLOWED_MODELS=",
		"SCU_SECURITY_QUOTAS_DEFAULT_MAX_RUNNING=3",
		"SCU_HOME=/somewhere", "SCU_TEST_TRAINING=x", "SCU_ELSE=x", "PATH=/bin", "malformed")
	if tr := c.Training; tr.MaxRetries != 2 || tr.MaxQueuedJobs != 7 || tr.MaxJobTime != 24*time.Hour ||
		!reflect.DeepEqual(tr.Devices, []DeviceConfig{{Name: "cuda:0"}, {Name: "cpu", Memory: 2 << 30}}) {
		t.Errorf("training is %+v", tr)
	}
	if c.Storage.MinFree != 1e9 || c.HuggingFace.Token.Reveal() != "hf_abc" || c.HuggingFace.Endpoint != "https://mirror.example" {
		t.Errorf("storage is %+v, the token %q, the endpoint %s", c.Storage, c.HuggingFace.Token.Reveal(), c.HuggingFace.Endpoint)
	}
	if q := c.Security.Quotas; q.Of("bob") != (Quota{MaxRunning: 3, MaxDisk: 1e9}) {
		t.Errorf("bob's quota is %+v: the default one from the environment holds for what the file leaves out", q.Of("bob"))
	}
	want := map[string]string{
		"training.max_retries": "$SCU_TRAINING_MAX_RETRIES", "training.max_queued_jobs": "config.yaml:3", "training.pause_grace": "default",
		"huggingface.token": "$SCU_HUGGINGFACE_TOKEN", "huggingface.endpoint": "$HF_ENDPOINT", "security.quotas.owners.bob.max_disk": "config.yaml:7",
	}
	for _, v := range c.Values(nil) {
		if origin, listed := want[v.Key]; listed && v.Origin != origin {
			t.Errorf("%s comes from %s, want %s", v.Key, v.Origin, origin)
		}
		delete(want, v.Key)
	}
	if len(want) > 0 {
		t.Errorf("not shown: %v", want)
	}
}

func TestProblemsOfVariables(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"SCU_TRAINING_MAX_CONCURENT_JOBS=4":            "$SCU_TRAINING_MAX_CONCURENT_JOBS: there is no setting of this name; did you mean SCU_TRAINING_MAX_CONCURRENT_JOBS?",
		"SCU_TRANING_MAX_RETRIES=4":                    "did you mean SCU_TRAINING_MAX_RETRIES?",
		"SCU_STORAGE_X=4":                              "$SCU_STORAGE_X: there is no setting of this name; `scu config show` lists them",
		"SCU_TRAINING_MAX_RETRIES=":                    `$SCU_TRAINING_MAX_RETRIES: training.max_retries is "": that is not a whole number`,
		"SCU_TRAINING_MAX_RETRIES=${N}":                `$SCU_TRAINING_MAX_RETRIES: training.max_retries is "${N}"`,
		"SCU_TRAINING_DEVICES=":                        "$SCU_TRAINING_DEVICES: training.devices is \"\": at least 1",
		"SCU_SECURITY_QUOTAS_OWNERS_BOB_MAX_RUNNING=1": "in config.yaml only",
		"SCU_HUGGINGFACE_TOKEN=hf abc":                 "huggingface.token is not usable",
		"HF_ENDPOINT=nowhere":                          "$HF_ENDPOINT: huggingface.endpoint is \"nowhere\"",
	}
	for variable, want := range cases {
		t.Run(variable, func(t *testing.T) {
			t.Parallel()
			_, err := Load(t.TempDir(), []string{variable, "N=1"})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if strings.Contains(err.Error(), "hf abc") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	variables := variables{"A": "one", "B": "", "C": "${A}"}
	cases := map[string]struct {
		want  string
		found bool
		bad   bool
	}{
		"plain":            {"plain", false, false},
		"":                 {"", false, false},
		"${A}":             {"one", true, false},
		"x${A}y${A}z":      {"xoneyonez", true, false},
		"${B}":             {"", true, false},
		"${C}":             {"${A}", true, false}, // once is enough
		"$${A}":            {"${A}", false, false},
		"$$${A}":           {"$${A}", false, false},
		"$A $ $$":          {"$A $ $$", false, false},
		"$${":              {"${", false, false},
		"${D}":             {"", true, true},
		"${}":              {"", true, true},
		"${A":              {"", true, true},
		"${1}":             {"", true, true},
		"${D} and $${A}":   {"", true, true},
		"${UNSET_IS_FINE}": {"", true, false},
	}
	for text, c := range cases {
		got, found, err := variables.expand(text, key{mayBeUnset: "UNSET_IS_FINE"})
		if (err != nil) != c.bad || found != c.found || (err == nil && got != c.want) {
			t.Errorf("%q gave %q, %t, %v", text, got, found, err)
		}
	}
}

// The names of variables tell keys apart, also from a misspelling's point of view.
func TestVariablesAreUnique(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, k := range keys {
		if other, taken := names[k.variable()]; taken {
			t.Errorf("%s and %s share %s", k.name, other, k.variable())
		}
		names[k.variable()] = k.name
	}
}
