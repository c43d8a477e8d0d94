package store

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// TestEveryOlderSchemaMigrates opens a database as each earlier version of the program left it, with a job in it.
func TestEveryOlderSchemaMigrates(t *testing.T) {
	t.Parallel()
	migrations, err := loadMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	for version := 1; version < len(migrations); version++ {
		path := filepath.Join(t.TempDir(), "scu.db")
		database, err := sql.Open("sqlite3", path)
		if err != nil {
			t.Fatal(err)
		}
		statements := []string{`CREATE TABLE schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)`}
		for _, m := range migrations[:version] {
			statements = append(statements, m.sql)
			if m.version == 1 { // the job is as old as can be
				statements = append(statements, `INSERT INTO jobs (id, name, status, base_model, model_path, train_data, spec, config, reasons, warnings, created_at)
					VALUES ('old', 'old', 'queued', 'm', '/m', '/d', '{"base_model":"m","train_data":"/d"}', '{"lora_r":8}', '{}', '[]', 1)`)
			}
		}
		for _, statement := range statements {
			if _, err := database.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range migrations[:version] {
			if _, err := database.Exec(`INSERT INTO schema_version VALUES (?, ?, 0)`, m.version, m.name); err != nil {
				t.Fatal(err)
			}
		}
		if err := database.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatalf("from version %d: %v", version, err)
		}
		record, err := s.StartJob(t.Context(), "old", "adapter")
		if err != nil || record.Job.Status != protocol.StatusRunning || record.Job.Config.LoraR != 8 {
			t.Errorf("from version %d: %+v, %v", version, record, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
