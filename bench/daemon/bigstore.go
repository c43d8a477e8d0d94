package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/mattn/go-sqlite3" // the database/sql driver "sqlite3"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// The big store is made of one job that goes through the store's own methods, from which SQL makes the others: copies
// with ids and names of their own, and with so many rows of metrics. So it has whatever columns the store's schema has.

// bigStore returns the path of a store of so many jobs, which it makes where it is not kept yet.
func bigStore(ctx context.Context, o *options) (string, error) {
	version, err := schemaVersion(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(o.cache, fmt.Sprintf("jobs-%d-rows-%d-schema-%d.db", o.jobs, o.jobs*o.rowsOfJob, version))
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	fmt.Fprintf(os.Stderr, "making a store of %d jobs and %d rows of metrics, which takes some minutes; it is kept as %s\n", o.jobs, o.jobs*o.rowsOfJob, path)
	began := time.Now()
	if err := os.MkdirAll(o.cache, 0o700); err != nil {
		return "", err
	}
	making := path + ".making"
	if err := os.RemoveAll(making); err != nil {
		return "", err
	}
	if err := makeTemplate(ctx, making); err != nil {
		return "", err
	}
	if err := multiply(ctx, making, o); err != nil {
		return "", fmt.Errorf("multiply a job: %w", err)
	}
	fmt.Fprintf(os.Stderr, "made in %s\n", time.Since(began).Round(time.Second))
	return path, os.Rename(making, path)
}

// schemaVersion is that of this program's store: an older file would be migrated while a start is measured.
func schemaVersion(ctx context.Context) (version int, err error) {
	directory, err := os.MkdirTemp("", "schema")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(directory)
	path := filepath.Join(directory, "scu.db")
	empty, err := store.Open(ctx, path, store.Options{})
	if err != nil {
		return 0, err
	}
	if err := empty.Close(); err != nil {
		return 0, err
	}
	pool, err := sql.Open("sqlite3", path)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	return version, pool.QueryRowContext(ctx, `SELECT max(version) FROM schema_version`).Scan(&version)
}

// The template's ids. They have the form of real ones.
const (
	templateJob     = "job-aaaaaaaaaaaaaaaa"
	templateAdapter = "adapter-aaaaaaaaaaaaaaaa"
)

// makeTemplate makes a store of one job that is completed, with one row of metrics.
func makeTemplate(ctx context.Context, path string) error {
	s, err := store.Open(ctx, path, store.Options{})
	if err != nil {
		return err
	}
	err = func() error {
		spec := protocol.JobSpec{BaseModel: "smollm2-135m-instruct", TrainData: "/data/train.jsonl", AdapterName: "template", Tags: []string{"big store"}}
		if _, _, err := s.CreateJob(ctx, store.NewJob{ID: templateJob, Name: "template", Owner: "local", Spec: spec, ModelPath: "/models/m", Device: "cpu"}); err != nil {
			return err
		}
		if _, err := s.StartJob(ctx, templateJob, store.Start{AdapterID: templateAdapter, Device: "cpu"}); err != nil {
			return err
		}
		if err := s.RecordFrames(ctx, templateJob, []frame.Event{{Metrics: metricsOf(1)}}); err != nil {
			return err
		}
		_, err := s.CompleteJob(ctx, templateJob, protocol.AdapterArtifact{
			ID: templateAdapter, JobID: templateJob, Name: "template", LocalPath: "/adapters/template", BaseModel: spec.BaseModel,
			AdapterFiles: []string{"adapter_model.safetensors"}, SizeBytes: 1 << 20, SHA256: "template",
		})
		return err
	}()
	return errors.Join(err, s.Close())
}

// multiply makes so many jobs of the template.
func multiply(ctx context.Context, path string, o *options) error {
	pool, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=OFF&_synchronous=OFF")
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	m := &multiplier{ctx: ctx, pool: pool, jobs: o.jobs}
	rows := o.rowsOfJob
	const jobID = `'job-' || printf('%016d', n)`
	// The metrics of a job come between its start and its end, whose cursor they push on.
	cursor := fmt.Sprintf(`CASE WHEN t.cursor > 3 THEN t.cursor + %d ELSE t.cursor END`, rows-1)
	m.copy("jobs", map[string]string{
		"sequence": "n + 1", "id": jobID, "name": `'big-' || n`, "request_id": "NULL", "adapter_id": `'adapter-' || printf('%016d', n)`,
		"step": fmt.Sprint(rows), "total_steps": fmt.Sprint(rows), "last_cursor": fmt.Sprintf("t.last_cursor + %d", rows-1),
	}, "")
	m.copy("adapters", map[string]string{"id": `'adapter-' || printf('%016d', n)`, "job_id": jobID, "name": `'big-' || n`}, "")
	m.copy("events", map[string]string{"job_id": jobID, "cursor": cursor}, "")
	m.copy("usage", map[string]string{"id": "n + 1", "job_id": jobID, "name": `'big-' || n`, "steps": fmt.Sprint(rows)}, "")
	m.copy("training_metrics", map[string]string{"job_id": jobID, "step": "s", "cursor": "s + 2"},
		fmt.Sprintf(` CROSS JOIN (WITH RECURSIVE steps(s) AS (SELECT 1 UNION ALL SELECT s + 1 FROM steps WHERE s < %d) SELECT s FROM steps)`, rows))
	m.removeTemplate()
	return m.err
}

// multiplier keeps the first error.
type multiplier struct {
	ctx  context.Context
	pool *sql.DB
	jobs int
	err  error
}

func (m *multiplier) do(statement string, args ...any) {
	if m.err == nil {
		if _, err := m.pool.ExecContext(m.ctx, statement, args...); err != nil {
			m.err = fmt.Errorf("%s: %w", statement, err)
		}
	}
}

// copy makes of each of the template's rows in a table one a job, numbered by n, with some columns changed.
func (m *multiplier) copy(table string, changed map[string]string, with string) {
	columns := m.columns(table)
	var values []string
	for _, column := range columns {
		if expression, found := changed[column]; found {
			values = append(values, expression)
			continue
		}
		values = append(values, "t."+column)
	}
	own := "job_id"
	if table == "jobs" {
		own = "id"
	}
	m.do(fmt.Sprintf(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)
INSERT INTO %s (%s) SELECT %s FROM numbers CROSS JOIN %s AS t%s WHERE t.%s = ?`,
		m.jobs, table, strings.Join(columns, ", "), strings.Join(values, ", "), table, with, own), templateJob)
}

func (m *multiplier) columns(table string) (columns []string) {
	if m.err != nil {
		return nil
	}
	rows, err := m.pool.QueryContext(m.ctx, `SELECT name FROM pragma_table_info(?)`, table)
	if err != nil {
		m.err = err
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if m.err = rows.Scan(&name); m.err != nil {
			return nil
		}
		columns = append(columns, name)
	}
	m.err = rows.Err()
	return columns
}

// removeTemplate leaves the copies.
func (m *multiplier) removeTemplate() {
	for _, table := range slices.Backward([]string{"jobs", "adapters", "events", "usage", "training_metrics"}) {
		column := "job_id"
		if table == "jobs" {
			column = "id"
		}
		m.do(fmt.Sprintf(`DELETE FROM %s WHERE %s = ?`, table, column), templateJob)
	}
}
