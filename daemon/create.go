package daemon

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
)

const (
	maxSpecBytes = 64 << 10 // of a specification in JSON; whole jobs have to fit into a frame
	nameAttempts = 10       // at finding a name that no living job has
)

// createJob answers job/create: with a Job that is on disk, or in a dry run with a Plan.
func (d *daemon) createJob(ctx context.Context, _ *rpc.Session, params *protocol.CreateParams) (any, error) {
	spec := params.JobSpec
	if err := checkSpec(spec); err != nil {
		return nil, err
	}
	if err := d.checkModel(spec.BaseModel); err != nil {
		return nil, err
	}
	if params.DryRun {
		_, kind, err := d.chooseDevice(spec.Device)
		if err != nil {
			return nil, err
		}
		estimate, failure := d.options.Planner.Estimate(ctx, d.options.Home, spec, kind)
		if failure != nil {
			return nil, failure
		}
		return estimate, nil
	}
	if err := d.beginCreating(); err != nil {
		return nil, err
	}
	defer d.endCreating()
	record, err := d.store.FindRequest(ctx, spec)
	if errors.Is(err, store.ErrNotFound) {
		record, err = d.planAndQueue(ctx, spec)
	}
	if err != nil {
		return nil, err
	}
	return d.jobOf(ctx, record)
}

func checkSpec(spec protocol.JobSpec) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return protocol.NewError(protocol.CodeInvalidConfig, "the specification cannot be stored: %v", err)
	}
	if len(text) > maxSpecBytes {
		return protocol.NewError(protocol.CodeInvalidConfig, "the specification has %d bytes; at most %d are taken", len(text), maxSpecBytes)
	}
	return nil
}

func (d *daemon) planAndQueue(ctx context.Context, spec protocol.JobSpec) (*store.Record, error) {
	device, kind, err := d.chooseDevice(spec.Device)
	if err != nil {
		return nil, err
	}
	if err := d.checkDisk(); err != nil {
		return nil, err
	}
	if err := d.checkDiskQuota(ctx, localOwner); err != nil {
		return nil, err
	}
	if err := d.takeRoom(localOwner); err != nil {
		return nil, err
	}
	defer d.giveRoom(localOwner)
	prepared, failure := d.options.Planner.Prepare(ctx, d.options.Home, spec, kind)
	if failure != nil {
		return nil, failure
	}
	if err := d.checkSize(prepared); err != nil {
		return nil, err
	}
	record, created, err := d.storeJob(ctx, spec, device, prepared)
	if err != nil {
		return nil, err
	}
	if created {
		d.enqueue(record)
		d.logger.Info("job queued", "job", record.Job.JobID, "name", record.Job.Name, "model", spec.BaseModel)
	}
	return record, nil
}

// storeJob finds a name for a job that has none; that may take more than one attempt.
func (d *daemon) storeJob(ctx context.Context, spec protocol.JobSpec, device string, prepared *plan.Prepared) (record *store.Record, created bool, err error) {
	for range nameAttempts {
		name := spec.AdapterName
		if name == "" {
			name = deriveName(spec.BaseModel)
		}
		record, created, err = d.store.CreateJob(ctx, store.NewJob{
			ID: newID("job"), Name: name, Owner: localOwner, Spec: spec, ModelPath: prepared.ModelPath, Device: device,
			Config: prepared.Config, Reasons: prepared.Reasons, MemoryBytes: prepared.MemoryBytes,
		})
		var taken *store.NameTakenError
		if spec.AdapterName != "" || !errors.As(err, &taken) {
			break
		}
	}
	return record, created, err
}
