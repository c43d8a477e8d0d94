package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/config.md anew")

func TestPendingUntilRestart(t *testing.T) {
	t.Parallel()
	running := mustLoad(t, "training:\n  devices: [cpu]\n  max_retries: 1\n")
	loaded := mustLoad(t, "training:\n  max_retries: 2\n  devices: [cuda:0=1 GiB, cpu]\n")
	for _, v := range loaded.Values(running) {
		switch v.Key {
		case devicesKey:
			want := []any{[]string{"cpu"}, "config.yaml:2", []string{"cuda:0=1 GiB", "cpu"}}
			if got := []any{v.Value, v.Origin, v.Pending}; !reflect.DeepEqual(got, want) {
				t.Errorf("the devices are shown as %q, want %q", got, want)
			}
		case "training.max_retries":
			if v.Value != 2 || v.Pending != nil {
				t.Errorf("the retries, which change at once, are shown as %+v", v)
			}
		default:
			if v.Pending != nil {
				t.Errorf("%+v is pending", v)
			}
		}
	}
	for _, v := range running.Values(nil) {
		if v.Pending != nil {
			t.Errorf("%+v is pending where nothing was loaded since", v)
		}
	}
}

// What is shown is what the file would hold: read again, it is the same configuration.
func TestShownValuesAreReadable(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "storage:\n  min_free: 1234567 B\ntraining:\n  devices: [cuda:3=7 GiB]\n  max_job_time: 1d1h1m1s\nsecurity:\n  allowed_models: [a, b*]\n  max_model_parameters: 1.5B\n")
	var environ []string
	for _, v := range c.Values(nil) {
		k := keyOf(v.Key)
		if k.secret {
			continue
		}
		text := fmt.Sprint(v.Value)
		if items, is := v.Value.([]string); is {
			text = strings.Join(items, ",")
		}
		environ = append(environ, k.variable()+"="+text)
	}
	again, err := Load(t.TempDir(), environ)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := settingsOf(again), settingsOf(c); !reflect.DeepEqual(got, want) {
		t.Errorf("read again it is %+v\nwant %+v", got, want)
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	const token = "hf_verysecret"
	c := mustLoad(t, "huggingface:\n  token: ${HF_TOKEN}\n", "HF_TOKEN="+token)
	if c.HuggingFace.Token.Reveal() != token {
		t.Fatalf("the token is %q", c.HuggingFace.Token.Reveal())
	}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&shown, verb+"\n", c)
		fmt.Fprintf(&shown, verb+"\n", c.HuggingFace)
		fmt.Fprintf(&shown, verb+"\n", c.HuggingFace.Token)
	}
	slog.New(slog.NewTextHandler(&shown, nil)).Info("told", "token", c.HuggingFace.Token, "all", c.HuggingFace)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("told", "token", c.HuggingFace.Token, "all", c.HuggingFace)
	for _, value := range []any{c, c.Values(nil)} {
		if err := json.NewEncoder(&shown).Encode(value); err != nil {
			t.Fatal(err)
		}
	}
	hex := fmt.Sprintf("%x", token)
	if strings.Contains(shown.String(), token) || strings.Contains(shown.String(), hex) || !strings.Contains(shown.String(), `"set"`) {
		t.Errorf("shown: %s", shown.String())
	}
	if unset := mustLoad(t, "huggingface:\n  token: ${HF_TOKEN}\n"); unset.HuggingFace.Token.String() != "not set" {
		t.Errorf("without the variable the token is %s", unset.HuggingFace.Token)
	}
}

func TestHubEnvironment(t *testing.T) {
	t.Parallel()
	with := HuggingFace{Token: NewSecret("hf_abc"), Endpoint: "https://hub"}
	if got, want := with.Environment(), []string{"HF_ENDPOINT=https://hub", "HF_TOKEN=hf_abc"}; !reflect.DeepEqual(got, want) {
		t.Errorf("with a token: %q", got)
	}
	without := HuggingFace{Endpoint: "https://hub"}
	if got, want := without.Environment(), []string{"HF_ENDPOINT=https://hub"}; !reflect.DeepEqual(got, want) {
		t.Errorf("without one: %q", got)
	}
}

func TestAllowsModel(t *testing.T) {
	t.Parallel()
	cases := []struct {
		patterns []string
		names    []string
		want     bool
	}{
		{nil, []string{"anything"}, true},
		{[]string{"SmolLM2-*"}, []string{"SmolLM2-135M"}, true},
		{[]string{"SmolLM2-*"}, []string{"SmolLM2-135M/x"}, false},
		{[]string{"SmolLM2-*"}, []string{"xSmolLM2-135M"}, false},
		{[]string{"a", "/models/*"}, []string{"given", "/models/found"}, true},
		{[]string{"a"}, nil, false},
	}
	for _, c := range cases {
		if got := (Security{AllowedModels: c.patterns}).AllowsModel(c.names...); got != c.want {
			t.Errorf("%q allows %q: %t", c.patterns, c.names, got)
		}
	}
}

// Each line of the example can be used: with all of them, the configuration is the default one.
func TestExampleUncommented(t *testing.T) {
	t.Parallel()
	var lines []string
	used := 0
	for line := range strings.Lines(Example()) {
		before, after, commented := strings.Cut(line, "#")
		if commented && strings.TrimSpace(before) == "" && !strings.HasPrefix(after, " ") {
			line = before + after
			used++
		}
		if _, nested, is := strings.Cut(line, "#  "); is { // below a single owner
			line = "      " + nested
		}
		lines = append(lines, line)
	}
	if used != len(keys)+1 {
		t.Errorf("%d lines can be used, want one for each of the %d settings and one for the owners", used, len(keys))
	}
	c := mustLoad(t, strings.Join(lines, ""))
	if quota, found := c.Security.Quotas.Owners[exampleOwner]; !found || quota != (Quota{}) {
		t.Errorf("the owners are %+v", c.Security.Quotas.Owners)
	}
	c.Security.Quotas.Owners = nil
	if got, want := settingsOf(c), settingsOf(mustLoad(t, "")); !reflect.DeepEqual(got, want) {
		t.Errorf("the example is %+v\nwant %+v", got, want)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	const path = "../../docs/config.md"
	if *update {
		if err := os.WriteFile(path, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != Markdown() {
		t.Error("docs/config.md is not what the table says: run go test ./daemon/config -run TestPage -update")
	}
}
