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

func TestResolveData(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	if err := os.MkdirAll("rows/local", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"":                          "",
		"train.jsonl":               filepath.Join(here, "train.jsonl"),
		"rows/*.csv":                filepath.Join(here, "rows", "*.csv"),
		"rows/local":                filepath.Join(here, "rows", "local"),
		"rows/missing.jsonl":        filepath.Join(here, "rows", "missing.jsonl"),
		"owner/name":                "hf://datasets/owner/name",
		"hf://datasets/owner/name":  "hf://datasets/owner/name",
		"https://example.org/a.csv": "https://example.org/a.csv",
	} {
		if got, err := resolveData(name); err != nil || got != want {
			t.Errorf("%q becomes %q, %v; want %q", name, got, err, want)
		}
	}
}
