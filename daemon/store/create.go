package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// NewJob is a job to be queued.
type NewJob struct {
	ID        string
	Name      string
	Spec      protocol.JobSpec
	ModelPath string
	Config    protocol.SCUConfig
	Reasons   map[string]string
}

// CreateJob queues a job and returns it once it is on disk. If the specification's request id is known, it returns the
// job of that request, and created is false. A name that a living job has gives a [*NameTakenError], a request id that
// came with another specification a [*RequestReusedError].
func (s *Store) CreateJob(ctx context.Context, n NewJob) (record *Record, created bool, err error) {
	err = inTransaction(ctx, s.write, func(tx *sql.Tx) error {
		record, err = findRequest(ctx, tx, n.Spec)
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := checkNameFree(ctx, tx, n.Name); err != nil {
			return err
		}
		created = true
		if err := insertJob(ctx, tx, n); err != nil {
			return err
		}
		record, err = tellCreation(ctx, tx, n)
		return err
	})
	if err != nil {
		return nil, false, s.explain("add a job", err)
	}
	if created {
		s.changed(n.ID)
	}
	return record, created, nil
}

// FindRequest returns the job that a request id has made, or [ErrNotFound]; see [Store.CreateJob].
func (s *Store) FindRequest(ctx context.Context, spec protocol.JobSpec) (*Record, error) {
	record, err := findRequest(ctx, s.read, spec)
	if err != nil {
		return nil, s.explain("look for a request", err)
	}
	return record, nil
}

func findRequest(ctx context.Context, from queryer, spec protocol.JobSpec) (*Record, error) {
	if spec.RequestID == "" {
		return nil, ErrNotFound
	}
	record, err := oneRecord(ctx, from, `WHERE j.request_id = ?`, spec.RequestID)
	if err != nil {
		return nil, err
	}
	same, err := sameSpec(record.Job.Spec, spec)
	if err != nil {
		return nil, err
	}
	if !same {
		return nil, &RequestReusedError{RequestID: spec.RequestID, JobID: record.Job.JobID}
	}
	return record, nil
}

// sameSpec compares what two specifications are in JSON, since one has been through it and the other may not have been.
func sameSpec(a, b protocol.JobSpec) (bool, error) {
	var plain [2]any
	for i, spec := range []protocol.JobSpec{a, b} {
		text, err := json.Marshal(spec)
		if err == nil {
			err = json.Unmarshal(text, &plain[i])
		}
		if err != nil {
			return false, fmt.Errorf("compare specifications: %w", err)
		}
	}
	return reflect.DeepEqual(plain[0], plain[1]), nil
}

// checkNameFree gives a better error than the unique index on names of living jobs, which guards the same thing.
func checkNameFree(ctx context.Context, tx *sql.Tx, name string) error {
	taken := NameTakenError{Name: name}
	err := tx.QueryRowContext(ctx, `SELECT id, status FROM jobs WHERE name = ? AND status IN ('queued', 'running', 'paused')`, name).
		Scan(&taken.JobID, &taken.Status)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return &taken
}

func insertJob(ctx context.Context, tx *sql.Tx, n NewJob) error {
	if n.Reasons == nil {
		n.Reasons = map[string]string{}
	}
	var texts [3]string
	for i, value := range []any{n.Spec, n.Config, n.Reasons} {
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %T: %w", value, err)
		}
		texts[i] = string(text)
	}
	_, err := tx.ExecContext(ctx, `
INSERT INTO jobs (id, name, request_id, status, priority, base_model, model_path, train_data, val_data, spec, config, reasons, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, n.Name, textOrNull(n.Spec.RequestID), protocol.StatusQueued, n.Spec.Priority, n.Spec.BaseModel, n.ModelPath,
		n.Spec.TrainData, n.Spec.ValData, texts[0], texts[1], texts[2], micros(time.Now()))
	return err
}

// tellCreation adds a new job's first event: that it is queued.
func tellCreation(ctx context.Context, tx *sql.Tx, n NewJob) (*Record, error) {
	record, err := oneRecord(ctx, tx, `WHERE j.id = ?`, n.ID)
	if err != nil {
		return nil, err
	}
	c := &change{ctx: ctx, tx: tx, record: record, now: record.Job.CreatedAt}
	if err := c.tellState(); err != nil {
		return nil, err
	}
	return record, record.save(ctx, tx)
}
