package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/plan"
)

// writeConfig replaces the configuration of a home, in one step: a daemon may be reading it.
func writeConfig(t *testing.T, home, text string) {
	t.Helper()
	path := filepath.Join(home, config.FileName)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// configValue is one value of `scu config show --json`.
func configValue(t *testing.T, home, key string) protocol.ConfigValue {
	t.Helper()
	shown := decode[protocol.ConfigResult](t, scu(t, home, "config", "show", "--json").expect(t, 0, ""))
	for _, v := range shown.Values {
		if v.Key == key {
			return v
		}
	}
	t.Fatalf("%s is not among %+v", key, shown.Values)
	return protocol.ConfigValue{}
}

func TestConfigShowWithoutADaemon(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	writeConfig(t, home, "training:\n  max_retries: 7\nhuggingface:\n  token: hf_verysecret\n")
	shown := scu(t, home, "config", "show").expect(t, 0, "file: "+filepath.Join(home, config.FileName))
	for _, line := range [][]string{
		{"SETTING", "VALUE", "ORIGIN"}, {"training.max_retries", "7", "config.yaml:2"}, {"training.retry_backoff", "30s", "default"},
		{"training.devices", "[cpu]", "default"}, {"huggingface.token", "set", "config.yaml:4"},
	} {
		found := false
		for printed := range strings.Lines(shown.stdout) {
			found = found || strings.Join(strings.Fields(printed), "|") == strings.Join(line, "|")
		}
		if !found {
			t.Errorf("no line of %q in\n%s", line, shown.stdout)
		}
	}
	if strings.Contains(shown.stdout+shown.stderr, "hf_verysecret") {
		t.Errorf("the secret is shown: %s%s", shown.stdout, shown.stderr)
	}
	if v := configValue(t, home, "training.max_retries"); v.Value != 7.0 || v.Origin != "config.yaml:2" {
		t.Errorf("as JSON the value is %+v", v)
	}
	scu(t, home, "daemon", "status").expect(t, exitFailed, "no daemon runs") // showing has started none
}

func TestConfigDefaultFile(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	if printed := scu(t, home, "config", "show", "--default").expect(t, 0, ""); printed.stdout != config.Example() {
		t.Errorf("printed %s", printed.stdout)
	}
	scu(t, home, "config", "show", "--default", "--json").expect(t, exitUsage, "leave out --json")
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	scu(t, home, "config", "check").expect(t, 0, "has no errors") // there is no file
	writeConfig(t, home, "training:\n  max_retrys: 7\n")
	path := filepath.Join(home, config.FileName)
	scu(t, home, "config", "check").expect(t, exitFailed, path+":2: training.max_retrys is not a setting; did you mean training.max_retries?")
	printed := decode[map[string]protocol.Error](t, scu(t, home, "config", "check", "--json").expect(t, exitFailed, ""))
	if printed["error"].Code != protocol.CodeInvalidConfig {
		t.Errorf("the error is %+v", printed)
	}
	scu(t, home, "config", "show").expect(t, exitFailed, "did you mean")
	scu(t, home, "daemon", "--foreground").expect(t, exitFailed, "did you mean")

	other := filepath.Join(home, "other.yaml")
	scu(t, home, "config", "check", other).expect(t, exitFailed, "no such file")
	if err := os.WriteFile(other, []byte("huggingface:\n  token: hf_verysecret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	scu(t, home, "config", "check", other).expect(t, 0, "can be read by others")
	if report := decode[configReport](t, scu(t, home, "config", "check", other, "--json").expect(t, 0, "")); report.File != other || len(report.Warnings) != 1 {
		t.Errorf("the report is %+v", report)
	}
	scu(t, home, "config", "check", other, other).expect(t, exitUsage, "accepts at most 1 arg")
}

func TestConfigTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		want  string
	}{
		{[]string{"cpu", "cuda:0=1 GiB"}, "[cpu, cuda:0=1 GiB]"}, {[]any{"a", "b"}, "[a, b]"}, {[]any{}, "[]"}, {10000000.0, "10000000"}, {3, "3"}, {"30s", "30s"},
	} {
		if got := configText(c.value); got != c.want {
			t.Errorf("%s is printed %q, want %q", fmt.Sprintf("%#v", c.value), got, c.want)
		}
	}
}

// The Hub's token goes to workers by their environment, and to what plans jobs, from the configuration that holds then.
func TestHubTokenReachesWorkersAndPlans(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	writeConfig(t, home, "huggingface:\n  token: hf_first\n  endpoint: https://mirror.example\n")
	options, reloader, err := daemonOptions(t.Context(), home, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	launcher, planner := options.Launcher.(*supervise.Local), options.Planner.(*plan.Planner)
	reloads := make(chan *config.Config, 1)
	reloader.reloads = reloads
	for _, token := range []string{"hf_first", "hf_second"} {
		environment := launcher.DeviceEnv("cuda:1")
		for _, variable := range []string{"HF_TOKEN=" + token, "HF_ENDPOINT=https://mirror.example", "CUDA_VISIBLE_DEVICES=1"} {
			if !slices.Contains(environment, variable) {
				t.Errorf("a worker's environment lacks %s: %q", variable, environment)
			}
		}
		if endpoint, told := planner.Hub(); told != token || endpoint != "https://mirror.example" {
			t.Errorf("the planner asks %s with %s", endpoint, told)
		}
		writeConfig(t, home, "huggingface:\n  token: hf_second\n  endpoint: https://mirror.example\n")
		reloader.reload(t.Context())
		if next := <-reloads; next.HuggingFace.Token.Reveal() != "hf_second" {
			t.Errorf("the daemon is told of %s", next.HuggingFace.Endpoint)
		}
	}
}
