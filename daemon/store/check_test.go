package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// filled makes a store with a job in each state.
func filled(t *testing.T) *Store {
	t.Helper()
	s := openTest(t)
	for _, status := range protocol.Statuses {
		reach(t, s, string(status), status)
	}
	if err := s.RecordFrames(t.Context(), "running", stepFrames(1, 3)); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCheckFindsEachContradiction breaks one thing at a time, by hand, where constraints let it, while the store is open.
func TestCheckFindsEachContradiction(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ breakage, problem string }{
		{`DELETE FROM events WHERE job_id = 'running' AND cursor = 1`, "job running lacks events"},
		{`DELETE FROM training_metrics WHERE job_id = 'running' AND step = 2`, "job running lacks events"},
		{`UPDATE jobs SET last_cursor = last_cursor + 1 WHERE id = 'running'`, "job running has a newest event that is not the last"},
		{`UPDATE training_metrics SET cursor = 2 WHERE step = 2`, "job running has two events with one number"},
		{`UPDATE jobs SET step = 2 WHERE id = 'running'`, "job running has another step than its last metrics"},
		{`UPDATE jobs SET status = 'failed' WHERE id = 'cancelled'`, "job cancelled is in another state"},
		{`INSERT INTO events VALUES ('failed', 4, 'log', '"x"', 0); UPDATE jobs SET last_cursor = 4 WHERE id = 'failed'`, "job failed is in a final state, which is not its last event"},
		{`UPDATE adapters SET job_id = 'failed'`, "job failed has an adapter and is not completed"},
		{`UPDATE adapters SET id = 'other'`, "job completed names an adapter that is not there"},
		{`DELETE FROM usage WHERE job_id = 'running'`, "job running runs, and no usage is counted"},
		{`UPDATE usage SET ended_at = NULL, outcome = NULL WHERE job_id = 'failed'`, "job failed does not run, and usage is counted"},
		{`UPDATE jobs SET pause_requested = '{}' WHERE id = 'queued'`, "job queued does not run, and is still to be stopped"},
		{`UPDATE jobs SET waiting = NULL WHERE id = 'paused'`, "job paused is paused, and nothing says why"},
		{`UPDATE jobs SET spec = '[1]' WHERE id = 'queued'`, "decode job queued"},
		{`PRAGMA ignore_check_constraints = ON; UPDATE jobs SET completed_at = NULL WHERE id = 'failed'`, "job failed has a completion time and is not"},
		{`DROP INDEX jobs_living_name; UPDATE jobs SET name = 'paused' WHERE id = 'queued'`, "job queued has the name of another living job"},
		{`PRAGMA foreign_keys = OFF; INSERT INTO events VALUES ('nobody', 1, 'log', '"x"', 0)`, "events names a row of jobs that is not there"},
	} {
		t.Run(test.problem, func(t *testing.T) {
			t.Parallel()
			s := filled(t)
			mustBeSound(t, s)
			if _, err := s.write.Exec(test.breakage); err != nil {
				t.Fatal(err)
			}
			problems, err := Check(t.Context(), s.path)
			if err != nil || !strings.Contains(strings.Join(problems, "\n"), test.problem) {
				t.Errorf("found %q, %v", problems, err)
			}
		})
	}
}

func TestCheckOfDamagedFiles(t *testing.T) {
	t.Parallel()
	s := filled(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	damage := func(change func([]byte) []byte) string {
		path := filepath.Join(t.TempDir(), "scu.db")
		if err := os.WriteFile(path, change(append([]byte{}, whole...)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, path := range map[string]string{
		"no database": damage(func([]byte) []byte { return []byte(strings.Repeat("x", 5000)) }),
		"cut off":     damage(func(b []byte) []byte { return b[:len(b)/2] }),
		"overwritten": damage(func(b []byte) []byte {
			for i := 2 * 4096; i < len(b); i++ {
				b[i] ^= 0x55
			}
			return b
		}),
	} {
		problems, err := Check(t.Context(), path)
		if err != nil || len(problems) == 0 || !strings.Contains(problems[0], "damaged") {
			t.Errorf("%s: %q, %v", name, problems, err)
		}
	}
	if _, err := Check(t.Context(), filepath.Join(t.TempDir(), "scu.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestCheckOfOtherSchemas(t *testing.T) {
	t.Parallel()
	migrations, err := loadMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "scu.db")
	writeOldSchema(t, old, migrations, 2)
	if problems, err := Check(t.Context(), old); err == nil || !strings.Contains(err.Error(), "has version 2") || len(problems) > 0 {
		t.Errorf("an older one: %q, %v", problems, err)
	}
	s := openTest(t)
	if _, err := s.write.Exec(`INSERT INTO schema_version VALUES (99, 'from the future', 0)`); err != nil {
		t.Fatal(err)
	}
	var newer *NewerSchemaError
	if _, err := Check(t.Context(), s.path); !errors.As(err, &newer) {
		t.Errorf("a newer one: %v", err)
	}
}
