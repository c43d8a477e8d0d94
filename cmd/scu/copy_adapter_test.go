package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestCopyAdapterRefusals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		alter func(*protocol.AdapterArtifact)
		want  string
	}{
		"altered weights":        {func(a *protocol.AdapterArtifact) { a.SHA256 = strings.Repeat("0", 64) }, "altered since"},
		"a file that is lost":    {func(a *protocol.AdapterArtifact) { a.AdapterFiles = append(a.AdapterFiles, "gone.json") }, "has lost its file"},
		"a file outside":         {func(a *protocol.AdapterArtifact) { a.AdapterFiles = append(a.AdapterFiles, "../secret") }, "outside its directory"},
		"the directory's parent": {func(a *protocol.AdapterArtifact) { a.AdapterFiles = append(a.AdapterFiles, "..") }, "outside its directory"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, parent := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(source, weightsFile), []byte(pretendedWeights), 0o600); err != nil {
				t.Fatal(err)
			}
			adapter := &protocol.AdapterArtifact{Name: "a", LocalPath: source, AdapterFiles: []string{weightsFile}, SHA256: sumOf(pretendedWeights)}
			c.alter(adapter)
			err := copyAdapter(t.Context(), adapter, filepath.Join(parent, "out"), false)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want one with %q", err, c.want)
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestCopyAdapterIntoAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	source, output := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "adapter_config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	adapter := &protocol.AdapterArtifact{Name: "a", LocalPath: source, AdapterFiles: []string{"adapter_config.json"}}
	if err := copyAdapter(t.Context(), adapter, output, false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(output, "adapter_config.json")); errors.Is(err, os.ErrNotExist) {
		t.Error("the file is not there")
	}
}
