package store

import (
	"context"
	"errors"
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// jobKeys are the ways to find a job, in the order in which they are tried.
var jobKeys = []string{
	whereID,
	`WHERE j.name = ` + textParameter + ` AND j.completed_at IS NULL`, // there is at most one
	`WHERE j.name = ` + textParameter + ` ORDER BY j.sequence DESC LIMIT 1`,
}

// Job returns the job with an id, or the living one with a name, or the newest one with it, or [ErrNotFound].
func (s *Store) Job(ctx context.Context, idOrName string) (*Record, error) {
	for _, key := range jobKeys {
		record, err := oneRecord(ctx, s.read, key, idOrName)
		switch {
		case err == nil:
			return record, nil
		case !errors.Is(err, ErrNotFound):
			return nil, s.explain("look for a job", err)
		}
	}
	return nil, s.explain("look for a job", ErrNotFound)
}

// A Filter selects jobs. Zero fields select all.
type Filter struct {
	Status protocol.Status
	Name   string
	Model  string // as the user named it
	Before int64  // only jobs with a smaller sequence
	Limit  int    // at most so many; it must be positive
}

// Jobs returns the jobs that a filter selects, the newest first.
func (s *Store) Jobs(ctx context.Context, f Filter) ([]*Record, error) {
	var where []string
	var args []any
	add := func(condition string, arg any) {
		where, args = append(where, condition), append(args, arg)
	}
	if f.Status != "" {
		add(`j.status = ?`, f.Status)
	}
	if f.Name != "" {
		add(`j.name = ?`, f.Name)
	}
	if f.Model != "" {
		add(`j.base_model = ?`, f.Model)
	}
	if f.Before > 0 {
		add(`j.sequence < ?`, f.Before)
	}
	clauses := ""
	if len(where) > 0 {
		clauses = `WHERE ` + strings.Join(where, ` AND `)
	}
	all, err := records(ctx, s.read, clauses+` ORDER BY j.sequence DESC LIMIT ?`, append(args, f.Limit)...)
	if err != nil {
		return nil, s.explain("list jobs", err)
	}
	return all, nil
}

// Living returns every job in a state that is not final, the oldest first, with what it takes to put it into the queue. There
// may be thousands, so specification, configuration, reasons, plan and metrics are left out, which take most of the time.
func (s *Store) Living(ctx context.Context) ([]*Record, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+jobColumns+` FROM jobs AS j WHERE j.status IN ('queued', 'running', 'paused') ORDER BY j.sequence`)
	if err != nil {
		return nil, s.explain("list living jobs", err)
	}
	all, err := scanAll(rows, scanLiving)
	if err != nil {
		return nil, s.explain("list living jobs", err)
	}
	return all, nil
}

// Counts returns how many jobs are in each state; states without jobs are there with 0.
func (s *Store) Counts(ctx context.Context) (map[protocol.Status]int, error) {
	counts := map[protocol.Status]int{}
	for _, status := range protocol.Statuses {
		counts[status] = 0
	}
	rows, err := s.read.QueryContext(ctx, `SELECT status, count(*) FROM jobs GROUP BY status`)
	if err != nil {
		return nil, s.explain("count jobs", err)
	}
	defer rows.Close()
	for rows.Next() {
		var status protocol.Status
		var count int
		if err := rows.Scan(&status, &count); err != nil {
			return nil, s.explain("count jobs", err)
		}
		counts[status] = count
	}
	if err := rows.Err(); err != nil {
		return nil, s.explain("count jobs", err)
	}
	return counts, nil
}
