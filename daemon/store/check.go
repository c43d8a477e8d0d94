package store

import (
	"context"
	"errors"
	"fmt"
)

// maxProblems is how many problems of one kind are listed.
const maxProblems = 20

// Check looks for damage in the database at path, and for rows that contradict each other, and returns what it finds, for
// people. It changes nothing, and works while a daemon has the database open. A damaged database gives problems; the error says
// why the check itself could not be made or finished. A schema of another version than this program's gives an error too, after
// what SQLite itself can check.
func Check(ctx context.Context, path string) (problems []string, err error) {
	database, err := openReadOnly(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	s := &Store{path: path, read: database}
	for _, check := range []func(context.Context) ([]string, error){s.checkIntegrity, s.checkReferences, s.checkSchemaVersion, s.checkInvariants, s.checkRecords} {
		found, err := check(ctx)
		problems = append(problems, found...)
		if err == nil {
			continue
		}
		if err = s.explain("check the database", err); errors.Is(err, ErrDamaged) {
			return append(problems, err.Error()), nil
		}
		return problems, err
	}
	return problems, nil
}

// checkIntegrity is SQLite's own check of pages, indexes and constraints.
func (s *Store) checkIntegrity(ctx context.Context) ([]string, error) {
	problems, err := s.list(ctx, fmt.Sprintf(`PRAGMA integrity_check(%d)`, maxProblems), "")
	if len(problems) == 1 && problems[0] == "ok" {
		problems = nil
	}
	for i := range problems {
		problems[i] = "the file is damaged: " + problems[i]
	}
	return problems, err
}

func (s *Store) checkReferences(ctx context.Context) ([]string, error) {
	return s.list(ctx, `SELECT DISTINCT "table" || ' names a row of ' || parent || ' that is not there' FROM pragma_foreign_key_check`, "")
}

func (s *Store) checkSchemaVersion(ctx context.Context) ([]string, error) {
	migrations, err := loadMigrations(migrationFiles)
	if err != nil {
		return nil, err
	}
	found, known := 0, len(migrations)
	if err := s.read.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&found); err != nil {
		return nil, err
	}
	switch {
	case found > known:
		return nil, &NewerSchemaError{Path: s.path, Found: found, Known: known}
	case found < known:
		return nil, fmt.Errorf("the schema has version %d, and only version %d can be checked whole: start the daemon once, which brings it up to date", found, known)
	}
	return nil, nil
}

// invariants are what must hold beyond what constraints guard. Each query selects the jobs that break it.
var invariants = []struct{ problem, query string }{
	{"has a completion time and is not in a final state, or the other way round", `
SELECT id FROM jobs WHERE (completed_at IS NOT NULL) <> (status IN ('completed', 'failed', 'cancelled'))`},
	{"has the name of another living job", `
SELECT id FROM jobs WHERE completed_at IS NULL AND name IN (SELECT name FROM jobs WHERE completed_at IS NULL GROUP BY name HAVING count(*) > 1)`},
	{"has a newest event that is not the last one that was numbered", `
SELECT id FROM jobs WHERE deleting = 0 AND last_cursor <> max(
	coalesce((SELECT max(cursor) FROM events WHERE job_id = jobs.id), 0), coalesce((SELECT max(cursor) FROM training_metrics WHERE job_id = jobs.id), 0))`},
	{"lacks events, or has more than were numbered", `
SELECT id FROM jobs WHERE deleting = 0 AND thin_every = 0 AND last_cursor <>
	(SELECT count(*) FROM events WHERE job_id = jobs.id) + (SELECT count(*) FROM training_metrics WHERE job_id = jobs.id)`},
	{"has two events with one number", `
SELECT DISTINCT e.job_id AS id FROM events AS e JOIN training_metrics AS m ON m.job_id = e.job_id AND m.cursor = e.cursor`},
	{"is in another state than its newest state event tells", `
SELECT id FROM jobs WHERE deleting = 0 AND status IS NOT (
	SELECT payload ->> 'status' FROM events WHERE job_id = jobs.id AND type = 'state' ORDER BY cursor DESC LIMIT 1)`},
	{"is in a final state, which is not its last event", `
SELECT id FROM jobs WHERE deleting = 0 AND completed_at IS NOT NULL AND NOT EXISTS (
	SELECT 1 FROM events WHERE job_id = jobs.id AND cursor = last_cursor AND type = 'state')`},
	{"has another step than its last metrics", `
SELECT id FROM jobs WHERE deleting = 0 AND step <> coalesce((SELECT max(step) FROM training_metrics WHERE job_id = jobs.id), 0)`},
	{"has an adapter and is not completed", `
SELECT j.id FROM jobs AS j JOIN adapters AS a ON a.job_id = j.id WHERE j.status <> 'completed' OR j.adapter_id IS NOT a.id`},
	{"names an adapter that is not there", `
SELECT id FROM jobs WHERE status = 'completed' AND adapter_id IS NOT NULL AND adapter_id NOT IN (SELECT id FROM adapters)`},
	{"runs, and no usage is counted", `
SELECT id FROM jobs WHERE status = 'running' AND NOT EXISTS (SELECT 1 FROM usage WHERE job_id = jobs.id AND attempt = attempts AND ended_at IS NULL)`},
	{"does not run, and usage is counted", `
SELECT u.job_id AS id FROM usage AS u LEFT JOIN jobs AS j ON j.id = u.job_id WHERE u.ended_at IS NULL AND j.status IS NOT 'running'`},
	{"does not run, and is still to be stopped", `
SELECT id FROM jobs WHERE status <> 'running' AND (cancel_requested_at IS NOT NULL OR pause_requested IS NOT NULL)`},
	{"is paused, and nothing says why", `
SELECT id FROM jobs WHERE status = 'paused' AND waiting IS NULL`},
}

func (s *Store) checkInvariants(ctx context.Context) ([]string, error) {
	var problems []string
	for _, invariant := range invariants {
		found, err := s.list(ctx, `SELECT 'job ' || id || ? FROM (`+invariant.query+`) LIMIT `+fmt.Sprint(maxProblems), " "+invariant.problem)
		if err != nil {
			return problems, err
		}
		problems = append(problems, found...)
	}
	return problems, nil
}

// checkRecords decodes every job.
func (s *Store) checkRecords(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, selectRecords)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var problems []string
	for rows.Next() && len(problems) < maxProblems {
		if _, err := scanRecord(rows); err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems, rows.Err()
}

// list runs a query that selects one text, with one argument unless that is empty.
func (s *Store) list(ctx context.Context, query, argument string) ([]string, error) {
	var args []any
	if argument != "" {
		args = append(args, argument)
	}
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, scanText)
}
