package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/shannon-labs/scu/protocol"
)

// metricsColumns are the columns of training_metrics (as m) in the order of [metricsRow].
const metricsColumns = `m.step, m.cursor, m.epoch, m.data_bpt, m.param_bpt, m.total_bpt, m.s_ratio, m.s_smoothed, m.lambda_value, m.integral,
	m.learning_rate, m.loss, m.grad_norm, m.tokens, m.target_tokens, m.tokens_per_second, m.eta_minutes, m.val_data_bpt,
	m.device_memory_bytes, m.non_finite, m.created_at`

// metricsRow scans metricsColumns; in an outer join all of them may be NULL.
type metricsRow struct {
	step, cursor, tokens, targetTokens, memory, created sql.NullInt64
	nonFinite                                           sql.NullBool
	validation                                          sql.NullFloat64
	epoch                                               protocol.Float
	metrics                                             protocol.TrainingMetrics
}

func (r *metricsRow) targets() []any {
	m := &r.metrics
	return []any{&r.step, &r.cursor, float{&r.epoch}, float{&m.DataBPT}, float{&m.ParamBPT}, float{&m.TotalBPT}, float{&m.SRatio},
		float{&m.SSmoothed}, float{&m.LambdaValue}, float{&m.Integral}, float{&m.LearningRate}, float{&m.Loss}, float{&m.GradNorm},
		&r.tokens, &r.targetTokens, float{&m.TokensPerSecond}, float{&m.EtaMinutes}, &r.validation, &r.memory, &r.nonFinite, &r.created}
}

// valueOrNil returns a copy of the metrics, or nil when the row was all NULL.
func (r *metricsRow) valueOrNil() *protocol.TrainingMetrics {
	if !r.step.Valid {
		return nil
	}
	m := r.metrics
	m.Step, m.Epoch = int(r.step.Int64), float64(r.epoch)
	m.Tokens, m.TargetTokens, m.DeviceMemoryBytes = int(r.tokens.Int64), int(r.targetTokens.Int64), r.memory.Int64
	m.ValDataBPT, m.NonFinite, m.CreatedAt = floatOrNil(r.validation), r.nonFinite.Bool, fromMicros(r.created.Int64)
	return &m
}

// insertMetrics adds the metrics of a step, which is an event of its job too, at the next cursor.
func (c *change) insertMetrics(m *protocol.TrainingMetrics) error {
	_, err := c.tx.ExecContext(c.ctx, `
INSERT INTO training_metrics (job_id, step, cursor, epoch, data_bpt, param_bpt, total_bpt, s_ratio, s_smoothed, lambda_value, integral,
	learning_rate, loss, grad_norm, tokens, target_tokens, tokens_per_second, eta_minutes, val_data_bpt, device_memory_bytes, non_finite, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.record.Job.JobID, m.Step, c.nextCursor(), m.Epoch, float64(m.DataBPT), float64(m.ParamBPT), float64(m.TotalBPT), float64(m.SRatio),
		float64(m.SSmoothed), float64(m.LambdaValue), float64(m.Integral), float64(m.LearningRate), float64(m.Loss), float64(m.GradNorm),
		m.Tokens, m.TargetTokens, float64(m.TokensPerSecond), float64(m.EtaMinutes), optionalFloat(m.ValDataBPT), m.DeviceMemoryBytes,
		m.NonFinite, micros(m.CreatedAt))
	return err
}

// Metrics returns at most limit rows of a job with from ≤ step ≤ to, in the order of steps; to 0 means no end.
func (s *Store) Metrics(ctx context.Context, jobID string, from, to, limit int) ([]protocol.TrainingMetrics, error) {
	if to == 0 {
		to = math.MaxInt
	}
	rows, err := selectMetrics(ctx, s.read, `m.job_id = `+textParameter+` AND m.step BETWEEN ? AND ? ORDER BY m.step LIMIT ?`, jobID, from, to, limit)
	if err != nil {
		return nil, s.explain(fmt.Sprintf("read metrics of job %s", jobID), err)
	}
	metrics := make([]protocol.TrainingMetrics, len(rows))
	for i := range rows {
		metrics[i] = *rows[i].valueOrNil()
	}
	return metrics, nil
}

func selectMetrics(ctx context.Context, from queryer, where string, args ...any) ([]metricsRow, error) {
	rows, err := from.QueryContext(ctx, `SELECT `+metricsColumns+` FROM training_metrics AS m WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, func(rows *sql.Rows) (row metricsRow, err error) {
		err = rows.Scan(row.targets()...)
		return row, err
	})
}
