package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

const (
	maxMetricsLimit = 10_000 // rows of at most about 600 bytes: what a frame can hold
	maxPageBytes    = protocol.MaxFrameBytes / 2
	maxLogLines     = 1000
	maxOutputBytes  = 64 << 10 // of the end of what a worker printed
)

func (d *daemon) jobMetrics(ctx context.Context, _ *rpc.Session, params *protocol.MetricsParams) (any, error) {
	limit := params.Limit
	switch {
	case params.From < 0 || params.To < 0:
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "from is %d and to is %d; steps are counted from 1", params.From, params.To)
	case limit < 0 || limit > maxMetricsLimit:
		return nil, outOfRange("limit", limit, 0, maxMetricsLimit)
	case limit == 0:
		limit = maxMetricsLimit
	}
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	rows, err := d.store.Metrics(ctx, record.Job.JobID, params.From, params.To, limit+1)
	if err != nil {
		return nil, err
	}
	more := len(rows) > limit
	return &protocol.MetricsResult{JobID: record.Job.JobID, Metrics: rows[:min(limit, len(rows))], More: more}, nil
}

func (d *daemon) jobEvents(ctx context.Context, _ *rpc.Session, params *protocol.EventsParams) (any, error) {
	limit := params.Limit
	switch {
	case params.After < 0:
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "after is %d; it must be the cursor of an event, or 0", params.After)
	case limit < 0 || limit > protocol.MaxListLimit:
		return nil, outOfRange("limit", limit, 0, protocol.MaxListLimit)
	case limit == 0:
		limit = protocol.MaxListLimit
	}
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	events, err := d.store.Events(ctx, record.Job.JobID, params.After, limit)
	if err != nil {
		return nil, err
	}
	events = fitting(events)
	result := protocol.EventsResult{Events: events, Cursor: params.After}
	if len(events) > 0 {
		result.Cursor = events[len(events)-1].Cursor
	}
	return &result, nil
}

// fitting cuts a page where it could outgrow a frame; the reader goes on from the last cursor. Only messages can be
// long: JSON makes up to six bytes of one, and the rest of an event is bounded.
func fitting(events []protocol.JobEvent) []protocol.JobEvent {
	bytes := 0
	for i, event := range events {
		bytes += 1024 + 6*len(event.Message)
		if event.Status != nil && event.Status.Error != nil {
			bytes += 6 * len(event.Status.Error.Message)
		}
		if bytes > maxPageBytes && i > 0 {
			return events[:i]
		}
	}
	return events
}

// jobLogs answers job/logs: the job's log and warning events, and after them the end of what its worker printed, which
// is mostly of interest after a crash.
func (d *daemon) jobLogs(ctx context.Context, _ *rpc.Session, params *protocol.IDParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	messages, err := d.store.Messages(ctx, record.Job.JobID, maxLogLines)
	if err != nil {
		return nil, err
	}
	lines := []string{}
	for _, message := range newestFitting(messages) {
		line := message.CreatedAt.Format(time.RFC3339) + " "
		if message.Type == protocol.EventWarning {
			line += "warning: "
		}
		lines = append(lines, line+message.Message)
	}
	output, err := lastOutput(filepath.Join(LogsDirectory(d.options.Home), record.Job.JobID+".log"))
	if err != nil {
		return nil, err
	}
	return &protocol.LogsResult{Lines: append(lines, output...)}, nil
}

// newestFitting drops the oldest messages if all of them could outgrow a frame.
func newestFitting(messages []protocol.JobEvent) []protocol.JobEvent {
	bytes := 0
	for i := len(messages) - 1; i >= 0; i-- {
		if bytes += 64 + 6*len(messages[i].Message); bytes > maxPageBytes {
			return messages[i+1:]
		}
	}
	return messages
}

// lastOutput returns the last lines of a worker's log file; a job that never ran has none.
func lastOutput(path string) ([]string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the worker's log: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the worker's log: %w", err)
	}
	start := max(0, info.Size()-maxOutputBytes)
	text, err := io.ReadAll(io.NewSectionReader(file, start, maxOutputBytes))
	if err != nil {
		return nil, fmt.Errorf("read the worker's log %s: %w", path, err)
	}
	if len(text) == 0 {
		return nil, nil
	}
	lines := strings.Split(strings.TrimRight(strings.ToValidUTF8(string(text), "\uFFFD"), "\n"), "\n")
	if start > 0 {
		lines = lines[1:] // it begins in the middle
	}
	for i := range lines {
		lines[i] = "worker: " + lines[i]
	}
	return lines, nil
}
