package daemon

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/plan"
)

// localOwner is who the jobs of the socket's user are charged to.
const localOwner = "local"

// maxConcurrent is how many jobs may run at once; unless that is set, one on each device.
func (d *daemon) maxConcurrent(c *config.Config) int {
	return cmp.Or(c.Training.MaxConcurrentJobs, len(d.options.Devices))
}

func (d *daemon) policyOf(c *config.Config) schedule.Policy {
	return schedule.Policy{
		MaxRunning: d.maxConcurrent(c), MaxQueued: c.Training.MaxQueuedJobs, Aging: c.Training.AgingInterval,
		OwnerRunning: func(owner string) int { return c.Security.Quotas.Of(owner).MaxRunning },
	}
}

// chooseDevice is the device, or the kind of device, that a job is planned for and has to run on.
func (d *daemon) chooseDevice(asked string) (device, kind string, err error) {
	if asked == "" {
		return d.options.Devices[0].Kind, d.options.Devices[0].Kind, nil
	}
	var names []string
	for _, have := range d.options.Devices {
		if asked == have.Name || asked == have.Kind {
			return asked, have.Kind, nil
		}
		names = append(names, have.Name)
	}
	return "", "", protocol.NewError(protocol.CodeDeviceNotFound, "there is no device %q here", asked).
		WithHint("use one of: %s", strings.Join(names, ", "))
}

func (d *daemon) kindOf(device string) string {
	for _, have := range d.options.Devices {
		if have.Name == device {
			return have.Kind
		}
	}
	return device
}

// checkModel refuses base models that the configuration does not allow, before anything of them is read.
func (d *daemon) checkModel(name string) error {
	security := d.config.Load().Security
	if security.AllowsModel(name) {
		return nil
	}
	return protocol.NewError(protocol.CodeNotAllowed, "the base model %q is not among those that security.allowed_models allows", name).
		WithHint("allowed are: %s", strings.Join(security.AllowedModels, ", "))
}

// checkSize refuses models that are larger than the configuration allows.
func (d *daemon) checkSize(prepared *plan.Prepared) error {
	most := int64(d.config.Load().Security.MaxModelParameters)
	if most == 0 || prepared.Parameters <= most {
		return nil
	}
	return protocol.NewError(protocol.CodeNotAllowed, "the base model has %d parameters; security.max_model_parameters allows %d", prepared.Parameters, most).
		WithHint("take a smaller base model, or have the limit raised in the daemon's configuration")
}

// checkDiskQuota refuses another job of an owner who has as much on disk as is allowed.
func (d *daemon) checkDiskQuota(ctx context.Context, owner string) error {
	most := int64(d.config.Load().Security.Quotas.Of(owner).MaxDisk)
	if most == 0 {
		return nil
	}
	used, err := d.store.AdapterBytes(ctx, owner)
	if err != nil {
		return err
	}
	if used >= most {
		return quotaExceeded("the adapters of %s take %.1f MB of disk; security.quotas allows %.1f MB", owner, float64(used)/1e6, float64(most)/1e6).
			WithHint("delete some that are not needed: scu delete --adapter NAME")
	}
	return nil
}

func quotaExceeded(format string, args ...any) *protocol.Error {
	refusal := protocol.NewError(protocol.CodeQuotaExceeded, format, args...)
	refusal.Retryable = true
	return refusal
}

// limitTime stops a run when its job has run for as long as is allowed, earlier runs included. The function that it returns
// calls that off.
func (d *daemon) limitTime(r *run) (callOff func()) {
	limit := d.config.Load().Training.MaxJobTime
	if limit <= 0 {
		return func() {}
	}
	before, err := d.store.RunTime(context.Background(), r.jobID)
	if err != nil {
		d.logger.Error("cannot read how long a job has run", "job", r.jobID, "error", err)
	}
	timer := time.AfterFunc(limit-before, func() {
		reason := protocol.NewError(protocol.CodeTimeLimit, "the job ran for %s in all, which is the limit that training.max_job_time sets", limit).
			WithHint("raise the limit and go on from the last checkpoint with: scu retry %s", r.jobID)
		reason.Retryable = true
		r.stop(toFail(reason))
	})
	return func() { timer.Stop() }
}

// takeRoom keeps a place in the queue for a job of an owner that is being made, or refuses it because there is none.
func (d *daemon) takeRoom(owner string) error {
	most := d.config.Load().Security.Quotas.Of(owner).MaxQueued
	d.mu.Lock()
	defer d.mu.Unlock()
	if waiting := d.queue.QueuedOf(owner) + d.promised[owner]; most > 0 && waiting >= most {
		return quotaExceeded("%s has %d jobs in the queue, which is the limit that security.quotas sets", owner, waiting).
			WithHint("wait until one of them runs, or cancel one: scu queue")
	}
	promised := 0
	for _, places := range d.promised {
		promised += places
	}
	if err := d.queue.Room(promised); err != nil {
		return err
	}
	d.promised[owner]++
	return nil
}

func (d *daemon) giveRoom(owner string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.promised[owner]--; d.promised[owner] == 0 {
		delete(d.promised, owner)
	}
}
