package store

import (
	"context"
	"database/sql"
	"errors"
)

const queuePaused = "queue_paused"

// QueuePaused reports whether somebody has paused the queue; it stays so when the daemon is started again.
func (s *Store) QueuePaused(ctx context.Context) (bool, error) {
	var paused bool
	err := s.read.QueryRowContext(ctx, `SELECT value = 'true' FROM settings WHERE key = ?`, queuePaused).Scan(&paused)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, s.explain("read whether the queue is paused", err)
	}
	return paused, nil
}

// SetQueuePaused pauses the queue or lets it go on.
func (s *Store) SetQueuePaused(ctx context.Context, paused bool) error {
	err := s.writer.submit(ctx, func(ctx context.Context, tx transaction) (string, error) {
		value := "false"
		if paused {
			value = "true"
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, queuePaused, value)
		return "", err
	})
	if err != nil {
		return s.explain("pause the queue or let it go on", err)
	}
	return nil
}
