package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/shannon-labs/scu/protocol"
)

// NewJob is a job to be queued.
type NewJob struct {
	ID          string
	Name        string
	Owner       string // who the job is charged to
	Spec        protocol.JobSpec
	ModelPath   string
	Device      string // the kind or the name of the device that it must run on
	MemoryBytes int64  // of the device's, as estimated
	Config      protocol.SCUConfig
	Reasons     map[string]string
}

// CreateJob queues a job and returns it once it is on disk. If the specification's request id is known, it returns the
// job of that request, and created is false. A name that a living job has gives a [*NameTakenError], a request id that
// came with another specification a [*RequestReusedError].
func (s *Store) CreateJob(ctx context.Context, n NewJob) (record *Record, created bool, err error) {
	err = s.writer.submit(ctx, func(ctx context.Context, tx transaction) (changed string, err error) {
		record, err = findRequest(ctx, tx, n.Spec)
		if !errors.Is(err, ErrNotFound) {
			return "", err
		}
		if err := checkNameFree(ctx, tx, n.Name); err != nil {
			return "", err
		}
		created = true
		record, err = s.insertJob(ctx, tx, n)
		return n.ID, err
	})
	if err != nil {
		return nil, false, s.explain("add a job", err)
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
	record, err := oneRecord(ctx, from, `WHERE j.request_id = `+textParameter, spec.RequestID)
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
func checkNameFree(ctx context.Context, tx transaction, name string) error {
	taken := NameTakenError{Name: name}
	err := tx.QueryRowContext(ctx, `SELECT id, status FROM jobs WHERE name = ? AND completed_at IS NULL`, name).
		Scan(&taken.JobID, &taken.Status)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return &taken
}

// firstCursor is that of the event that tells of a job's creation.
const firstCursor = 1

// insertJob adds a job and its first event: that it is queued.
func (s *Store) insertJob(ctx context.Context, tx transaction, n NewJob) (*Record, error) {
	if n.Reasons == nil {
		n.Reasons = map[string]string{}
	}
	var texts [3]string
	for i, value := range []any{n.Spec, n.Config, n.Reasons} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encode %T: %w", value, err)
		}
		texts[i] = string(text)
	}
	now := micros(s.now())
	_, err := tx.ExecContext(ctx, `
INSERT INTO jobs (id, name, request_id, status, priority, base_model, model_path, train_data, val_data, spec, config, reasons, created_at,
	owner, wanted_device, memory_bytes, queued_at, last_cursor)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, n.Name, textOrNull(n.Spec.RequestID), protocol.StatusQueued, n.Spec.Priority, n.Spec.BaseModel, n.ModelPath,
		n.Spec.TrainData, n.Spec.ValData, texts[0], texts[1], texts[2], now, n.Owner, n.Device, n.MemoryBytes, now, firstCursor)
	if err != nil {
		return nil, err
	}
	record, err := oneRecord(ctx, tx, whereID, n.ID)
	if err != nil {
		return nil, err
	}
	c := &change{ctx: ctx, store: s, tx: tx, record: record, now: record.Job.CreatedAt}
	record.LastCursor = firstCursor - 1
	return record, c.tellState()
}
