package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad: no text makes the reader panic, every refusal names the file or its line, and what is taken shows only values
// that are in range.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "---\n", Example(), "training:\n  devices: [cuda:0, cpu=2 GiB]\n", "a: &x [*x]\n", "training: {max_retries: ${A}}\n", "? x\n: y\n",
		"security:\n  quotas:\n    owners:\n      a.b: {max_disk: 1 GB}\n      '': {max_running: 1}\n", "storage:\n\tmin_free: 1 GB\n", "\xef\xbb\xbftraining:\n", "%YAML 1.2\n---\n",
		"training:\n  max_retries: |\n    3\n", "training:\n  retry_backoff: 1h\n---\n",
	} {
		f.Add(seed)
	}
	directory := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(directory, FileName)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadFile(path, []string{"A=1"})
		if err != nil {
			var known *Error
			if !errors.As(err, &known) || len(known.Problems) == 0 {
				t.Fatalf("refused without a problem: %v", err)
			}
			for _, p := range known.Problems {
				if !strings.HasPrefix(p.Place, path) || p.Message == "" {
					t.Errorf("problem %+v", p)
				}
			}
			return
		}
		if tr := c.Training; len(tr.Devices) == 0 || tr.MaxRetries < 0 || tr.MaxRetries > 100 || tr.RetryBackoffMax < tr.RetryBackoff || tr.WorkerSilence <= 0 {
			t.Errorf("taken: %+v", tr)
		}
		for _, v := range c.Values(nil) {
			if v.Origin == "" || v.Key == "" {
				t.Errorf("shown: %+v", v)
			}
		}
	})
}
