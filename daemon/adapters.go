package daemon

import (
	"context"
	"errors"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// getAdapter answers adapter/get.
func (d *daemon) getAdapter(ctx context.Context, _ *rpc.Session, params *protocol.IDParams) (any, error) {
	adapter, err := d.findAdapter(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	return adapter, nil
}

// findAdapter looks for an adapter. The id may be an adapter's or a job's, or the name that both have.
func (d *daemon) findAdapter(ctx context.Context, id string) (*protocol.AdapterArtifact, error) {
	if id == "" {
		return nil, missingField("id", "the id or the name of an adapter or of the job that made it")
	}
	adapter, err := d.store.Adapter(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return adapter, err
	}
	record, err := d.store.Job(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, protocol.NewError(protocol.CodeNotFound, "no adapter and no job has the id or name %q", id).
			WithHint("see them all with: scu adapters")
	}
	if err != nil {
		return nil, err
	}
	adapter, err = d.store.AdapterOf(ctx, record.Job.JobID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, withoutAdapter(record)
	}
	return adapter, err
}

func withoutAdapter(record *store.Record) error {
	job := &record.Job
	missing := protocol.NewError(protocol.CodeNotFound, "job %s is %s and has no adapter", job.JobID, job.Status)
	if job.Status.Final() {
		return missing.WithHint("see why with: scu status %s", job.JobID)
	}
	missing.Retryable = true
	return missing.WithHint("wait for it with: scu watch %s", job.JobID)
}

func (d *daemon) listAdapters(ctx context.Context, _ *rpc.Session, _ *none) (any, error) {
	adapters, err := d.store.Adapters(ctx)
	if err != nil {
		return nil, err
	}
	return &protocol.AdapterListResult{Adapters: adapters}, nil
}
