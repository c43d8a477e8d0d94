package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestParseSettings(t *testing.T) {
	t.Parallel()
	cases := map[string]any{
		"lora_r=16":                     int64(16),
		"seed=-3":                       int64(-3),
		"learning_rate=1e-4":            1e-4,
		"kp=.5":                         0.5,
		"grad_checkpointing=true":       true,
		"grad_checkpointing=false":      false,
		"scu_mode=fixed":                "fixed",
		"prior_sigma=auto":              "auto",
		"target_modules=q_proj, v_proj": []string{"q_proj", "v_proj"},
		"target_modules=q_proj":         []string{"q_proj"},
		"kp=NaN":                        "NaN",
		"kp=-Inf":                       "-Inf",
		"kp=1e999":                      "1e999",
		"document_separator=a=b":        "a=b",
		" block_size = 128 ":            int64(128),
		"schedule=":                     "",
	}
	for argument, want := range cases {
		settings, err := parseSettings([]string{argument})
		if err != nil {
			t.Errorf("%q: %v", argument, err)
			continue
		}
		key, _, _ := strings.Cut(argument, "=")
		if got := settings[strings.TrimSpace(key)]; !reflect.DeepEqual(got, want) {
			t.Errorf("%q gives %#v, want %#v", argument, got, want)
		}
	}
}

// FuzzParseSettings wants every value that is taken to be one that JSON can carry.
func FuzzParseSettings(f *testing.F) {
	for _, seed := range []string{"a=1", "a=1e400", "a=nan", "target_modules=,,", "=", "a", "a=0x1p-2", "a=1_000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, argument string) {
		settings, err := parseSettings([]string{argument})
		if err != nil {
			return
		}
		if len(settings) != 1 {
			t.Fatalf("%q gives %d settings", argument, len(settings))
		}
		if _, err := json.Marshal(settings); err != nil {
			t.Fatalf("%q: %v", argument, err)
		}
	})
}
