package daemon

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

const (
	defaultListLimit = 100
	statusLogLines   = 10 // of a job's newest log lines in its status
)

// findJob looks for a job by id or name.
func (d *daemon) findJob(ctx context.Context, idOrName string) (*store.Record, error) {
	if idOrName == "" {
		return nil, missingField("id", "the id or the name of a job")
	}
	record, err := d.store.Job(ctx, idOrName)
	if errors.Is(err, store.ErrNotFound) {
		return nil, protocol.NewError(protocol.CodeNotFound, "no job has the id or name %q", idOrName).WithHint("see them all with: scu jobs")
	}
	return record, err
}

// statusOf adds to a job's status what the store does not know.
func (d *daemon) statusOf(record *store.Record) protocol.TrainingStatus {
	status := record.Job.TrainingStatus
	switch status.Status {
	case protocol.StatusFailed, protocol.StatusPaused:
		status.ResumableFrom = d.resumableFrom(status.JobID)
	case protocol.StatusRunning:
		status.Waiting = d.whyStanding()
	case protocol.StatusQueued:
		d.addQueue(&status)
	}
	return status
}

// addQueue says where a queued job stands, and why it does not run unless the store says so.
func (d *daemon) addQueue(status *protocol.TrainingStatus) {
	d.mu.Lock()
	position := d.queue.Position(status.JobID, time.Now())
	d.mu.Unlock()
	if position > 0 {
		status.QueuePosition = &position
	}
	if status.Waiting == nil || status.Waiting.Until != nil && status.Waiting.Until.Before(time.Now()) {
		status.Waiting = d.whyWaiting(status.JobID)
	}
}

// jobOf adds the log lines and the adapter as well.
func (d *daemon) jobOf(ctx context.Context, record *store.Record) (*protocol.Job, error) {
	job := record.Job
	job.TrainingStatus = d.statusOf(record)
	messages, err := d.store.Messages(ctx, job.JobID, statusLogLines)
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		job.Logs = append(job.Logs, message.Message)
	}
	if job.Status == protocol.StatusCompleted {
		job.Adapter, err = d.store.AdapterOf(ctx, job.JobID)
		if err != nil && !errors.Is(err, store.ErrNotFound) { // somebody may have deleted it
			return nil, err
		}
	}
	return &job, nil
}

func (d *daemon) getJob(ctx context.Context, _ *rpc.Session, params *protocol.IDParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	return d.jobOf(ctx, record)
}

// listJobs answers job/list. The cursor of a page is the sequence of its last job.
func (d *daemon) listJobs(ctx context.Context, _ *rpc.Session, params *protocol.ListParams) (any, error) {
	if err := params.Validate(); err != nil {
		return nil, err
	}
	filter := store.Filter{Status: params.Status, Name: params.Name, Model: params.Model, Limit: params.Limit}
	if filter.Limit == 0 {
		filter.Limit = defaultListLimit
	}
	if params.Cursor != "" {
		before, err := strconv.ParseInt(params.Cursor, 10, 64)
		if err != nil || before < 1 {
			return nil, protocol.NewError(protocol.CodeInvalidConfig, "cursor %q is not one that job/list has given", params.Cursor).
				WithHint("use the next_cursor of the page before, or none")
		}
		filter.Before = before
	}
	filter.Limit++ // one more tells whether there is another page
	records, err := d.store.Jobs(ctx, filter)
	if err != nil {
		return nil, err
	}
	result := protocol.ListResult{Jobs: []protocol.TrainingStatus{}}
	if len(records) == filter.Limit {
		records = records[:len(records)-1]
		result.NextCursor = fmt.Sprint(records[len(records)-1].Sequence)
	}
	for _, record := range records {
		result.Jobs = append(result.Jobs, d.statusOf(record))
	}
	return &result, nil
}
