package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestResolveModel(t *testing.T) {
	home, here := t.TempDir(), t.TempDir()
	t.Chdir(here)
	for _, directory := range []string{filepath.Join(home, "models", "installed"), "installed", "local", "org/model"} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]string{
		"installed":     "installed", // though a directory of that name is here
		"./installed":   filepath.Join(here, "installed"),
		"local":         filepath.Join(here, "local"),
		"org/model":     filepath.Join(here, "org", "model"),
		"org/elsewhere": "org/elsewhere",
		"unknown":       "unknown",
		"missing.gguf":  filepath.Join(here, "missing.gguf"),
		"../up":         filepath.Join(filepath.Dir(here), "up"),
		"/abs/model":    "/abs/model",
	}
	for model, want := range cases {
		if got, err := resolveModel(home, model); err != nil || got != want {
			t.Errorf("%q becomes %q, %v; want %q", model, got, err, want)
		}
	}
}
