package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
)

func insertAdapter(c *change, a protocol.AdapterArtifact) error {
	var texts [3]string
	for i, value := range []any{a.TrainConfig, a.Metrics, a.AdapterFiles} {
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %T: %w", value, err)
		}
		texts[i] = string(text)
	}
	_, err := c.tx.ExecContext(c.ctx, `
INSERT INTO adapters (id, job_id, name, local_path, hub_model_id, base_model, train_config, metrics, adapter_files, size_bytes, sha256, created_at, owner)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.JobID, a.Name, a.LocalPath, a.HubModelID, a.BaseModel, texts[0], texts[1], texts[2], a.SizeBytes, a.SHA256, micros(a.CreatedAt), c.record.Owner)
	return err
}

// AdapterBytes is how much space an owner's adapters take.
func (s *Store) AdapterBytes(ctx context.Context, owner string) (int64, error) {
	var bytes int64
	if err := s.read.QueryRowContext(ctx, `SELECT coalesce(sum(size_bytes), 0) FROM adapters WHERE owner = ?`, owner).Scan(&bytes); err != nil {
		return 0, s.explain("sum the adapters of "+owner, err)
	}
	return bytes, nil
}

// Adapters returns every adapter, the newest first.
func (s *Store) Adapters(ctx context.Context) ([]protocol.AdapterArtifact, error) {
	return s.selectAdapters(ctx, `ORDER BY created_at DESC, id`)
}

// AdapterOf returns the adapter that a job has made, or [ErrNotFound].
func (s *Store) AdapterOf(ctx context.Context, jobID string) (*protocol.AdapterArtifact, error) {
	return s.oneAdapter(ctx, `WHERE job_id = ?`, jobID)
}

// Adapter returns the adapter with an id, or the newest one with a name, or [ErrNotFound].
func (s *Store) Adapter(ctx context.Context, idOrName string) (*protocol.AdapterArtifact, error) {
	adapter, err := s.oneAdapter(ctx, `WHERE id = ?`, idOrName)
	if errors.Is(err, ErrNotFound) {
		return s.oneAdapter(ctx, `WHERE name = ? ORDER BY created_at DESC LIMIT 1`, idOrName)
	}
	return adapter, err
}

func (s *Store) oneAdapter(ctx context.Context, clauses string, args ...any) (*protocol.AdapterArtifact, error) {
	all, err := s.selectAdapters(ctx, clauses, args...)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, ErrNotFound
	}
	return &all[0], nil
}

func (s *Store) selectAdapters(ctx context.Context, clauses string, args ...any) ([]protocol.AdapterArtifact, error) {
	rows, err := s.read.QueryContext(ctx, `
SELECT id, job_id, name, local_path, hub_model_id, base_model, train_config, metrics, adapter_files, size_bytes, sha256, created_at
FROM adapters `+clauses, args...)
	if err != nil {
		return nil, s.explain("read adapters", err)
	}
	defer rows.Close()
	adapters := []protocol.AdapterArtifact{}
	for rows.Next() {
		var a protocol.AdapterArtifact
		var config, metrics, files string
		var created int64
		if err := rows.Scan(&a.ID, &a.JobID, &a.Name, &a.LocalPath, &a.HubModelID, &a.BaseModel, &config, &metrics, &files, &a.SizeBytes, &a.SHA256, &created); err != nil {
			return nil, s.explain("read adapters", err)
		}
		a.CreatedAt = fromMicros(created)
		if err := errors.Join(json.Unmarshal([]byte(config), &a.TrainConfig), json.Unmarshal([]byte(metrics), &a.Metrics),
			json.Unmarshal([]byte(files), &a.AdapterFiles)); err != nil {
			return nil, fmt.Errorf("decode adapter %s: %w", a.ID, err)
		}
		adapters = append(adapters, a)
	}
	if err := rows.Err(); err != nil {
		return nil, s.explain("read adapters", err)
	}
	return adapters, nil
}
