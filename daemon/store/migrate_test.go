package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// oldRows fills the first schema with rows of each kind: a job in each of the states that there were, and what they have made.
// Jobs have the name of their state.
const oldRows = `
INSERT INTO api_keys VALUES ('key', 'alice', 'hash', 1, NULL);
WITH states (name, started, completed, cancel) AS (VALUES ('queued', NULL, NULL, NULL), ('running', 20, NULL, 25), ('completed', 20, 40, NULL),
	('failed', 20, 40, NULL), ('cancelled', 20, 40, 30))
INSERT INTO jobs (id, name, status, step, priority, base_model, model_path, train_data, spec, config, reasons, warnings, adapter_id,
	created_at, started_at, completed_at, cancel_requested_at, last_cursor)
SELECT name, name, name, iif(started IS NULL, 0, 2), 3, 'm', '/m', '/d', '{"base_model":"m","train_data":"/d"}', '{"lora_r":8}', '{"lora_r":"why"}', '[]',
	iif(started IS NULL, NULL, 'adapter-' || name), 10, started, completed, cancel, iif(started IS NULL, 1, 5)
FROM states;
INSERT INTO events SELECT id, 1, 'state', '{"status":"queued"}', 10 FROM jobs;
INSERT INTO events SELECT id, 2, 'state', '{"status":"running"}', 20 FROM jobs WHERE started_at IS NOT NULL;
INSERT INTO training_metrics (job_id, step, cursor, loss, tokens, target_tokens, device_memory_bytes, non_finite, created_at)
SELECT id, n.step, n.step + 2, 0.5, 100, 90, 0, 0, 20 + n.step FROM jobs, (SELECT 1 AS step UNION ALL SELECT 2) AS n WHERE started_at IS NOT NULL;
INSERT INTO events SELECT id, 5, 'state', json_object('status', status), 40 FROM jobs WHERE completed_at IS NOT NULL;
INSERT INTO events SELECT id, 5, 'log', '"cancelled by somebody"', 25 FROM jobs WHERE status = 'running';
INSERT INTO adapters VALUES ('adapter-completed', 'completed', 'completed', '/adapters/x', '', 'm', '{}', '{}', '["a"]', 77, 'sum', 40);
INSERT INTO usage VALUES ('failed', 'key', 'cpu', 0.000005, 200, 40);
`

// writeOldSchema makes a database as the program of a version of the schema left it.
func writeOldSchema(t *testing.T, path string, migrations []migration, version int) {
	t.Helper()
	database, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{`CREATE TABLE schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)`}
	for _, m := range migrations[:version] {
		statements = append(statements, m.sql, fmt.Sprintf(`INSERT INTO schema_version VALUES (%d, '%s', 0)`, m.version, m.name))
		if m.version == 1 { // the rows are as old as can be
			statements = append(statements, oldRows)
		}
	}
	for _, statement := range statements {
		if _, err := database.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestEveryOlderSchemaMigrates opens a database as each earlier version of the program left it.
func TestEveryOlderSchemaMigrates(t *testing.T) {
	t.Parallel()
	migrations, err := loadMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	for version := 1; version < len(migrations); version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "scu.db")
			writeOldSchema(t, path, migrations, version)
			s := openAt(t, path, Options{})
			mustBeSound(t, s)
			checkOldJobs(t, s)
			checkOldUsage(t, s)
			if err := s.DeleteAdapter(t.Context(), "adapter-completed"); err != nil {
				t.Error(err)
			}
			for _, next := range []struct {
				do action
				id string
			}{{start, "queued"}, {requeue, "running"}, {retry, "failed"}, {retry, "cancelled"}, {remove, "completed"}} {
				if err := attempts[next.do](t, s, next.id); err != nil {
					t.Errorf("%s: %v", next.id, err)
				}
			}
			mustBeSound(t, s)
		})
	}
}

func checkOldJobs(t *testing.T, s *Store) {
	t.Helper()
	for _, status := range []protocol.Status{protocol.StatusQueued, protocol.StatusRunning, protocol.StatusCompleted, protocol.StatusFailed, protocol.StatusCancelled} {
		r, err := s.Job(t.Context(), string(status))
		if err != nil {
			t.Fatal(err)
		}
		job := r.Job
		ran := status != protocol.StatusQueued
		if job.Status != status || job.Config.LoraR != 8 || job.Spec.TrainData != "/d" || job.Priority != 3 || r.Owner != "local" || r.Device != "" ||
			r.Reasons["lora_r"] != "why" || !r.QueuedAt.Equal(time.UnixMicro(10)) || (job.Attempts == 1) != ran || (job.Metrics != nil) != ran ||
			r.CancelRequested != (status == protocol.StatusRunning) {
			t.Errorf("%s: %+v", status, r)
		}
		want := 1
		if ran {
			want = 5
		}
		if events := allEvents(t, s, string(status), 2); len(events) != want {
			t.Errorf("%s: %d events", status, len(events))
		}
	}
	adapter, err := s.Adapter(t.Context(), "completed")
	if err != nil || adapter.SizeBytes != 77 || len(adapter.AdapterFiles) != 1 {
		t.Errorf("adapter %+v, %v", adapter, err)
	}
	if bytes, err := s.AdapterBytes(t.Context(), "local"); err != nil || bytes != 77 {
		t.Errorf("adapters of local have %d bytes, %v", bytes, err)
	}
}

// checkOldUsage finds the row that was there, and an open one of the job that ran.
func checkOldUsage(t *testing.T, s *Store) {
	t.Helper()
	runs, _, err := s.Usage(t.Context(), UsageQuery{Limit: 10})
	if err != nil || len(runs) != 2 {
		t.Fatalf("usage %+v, %v", runs, err)
	}
	old, open := runs[0], runs[1]
	if old.JobID != "failed" || old.Owner != "alice" || old.Device != "cpu" || old.Tokens != 200 || old.Steps != 2 || old.Outcome != "failed" ||
		old.Attempt != 1 || !old.BeganAt.Equal(time.UnixMicro(35)) || !old.EndedAt.Equal(time.UnixMicro(40)) {
		t.Errorf("the row that was there: %+v", old)
	}
	if open.JobID != "running" || open.EndedAt != nil || open.Tokens != 200 || open.Steps != 2 || open.Attempt != 1 || !open.BeganAt.Equal(time.UnixMicro(20)) {
		t.Errorf("the open row: %+v", open)
	}
}
