package daemon

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// call is one method's handler, with its params still encoded.
type call func(d *daemon, ctx context.Context, session *rpc.Session, params json.RawMessage) (any, error)

// methods are what the daemon serves, beside initialize, which is the transport's.
var methods = map[string]call{
	protocol.MethodJobCreate:      decoding((*daemon).createJob),
	protocol.MethodJobGet:         decoding((*daemon).getJob),
	protocol.MethodJobList:        decoding((*daemon).listJobs),
	protocol.MethodJobWait:        decoding((*daemon).waitForJob),
	protocol.MethodJobCancel:      decoding((*daemon).cancelJob),
	protocol.MethodJobRetry:       decoding((*daemon).retryJob),
	protocol.MethodJobPause:       decoding((*daemon).pauseJob),
	protocol.MethodJobResume:      decoding((*daemon).resumeJob),
	protocol.MethodJobSetPriority: decoding((*daemon).setPriority),
	protocol.MethodJobDelete:      decoding((*daemon).deleteJob),
	protocol.MethodJobMetrics:     decoding((*daemon).jobMetrics),
	protocol.MethodJobEvents:      decoding((*daemon).jobEvents),
	protocol.MethodJobLogs:        decoding((*daemon).jobLogs),
	protocol.MethodJobSubscribe:   decoding((*daemon).subscribe),
	protocol.MethodJobUnsubscribe: decoding((*daemon).unsubscribe),
	protocol.MethodAdapterGet:     decoding((*daemon).getAdapter),
	protocol.MethodAdapterList:    decoding((*daemon).listAdapters),
	protocol.MethodAdapterDelete:  decoding((*daemon).deleteAdapter),
	protocol.MethodQueueStatus:    decoding((*daemon).queueStatus),
	protocol.MethodQueuePause:     decoding((*daemon).pauseQueue),
	protocol.MethodQueueResume:    decoding((*daemon).resumeQueue),
	protocol.MethodDeviceList:     decoding((*daemon).listDevices),
	protocol.MethodUsageList:      decoding((*daemon).listUsage),
	protocol.MethodDaemonStatus:   decoding((*daemon).status),
	protocol.MethodDaemonShutdown: decoding((*daemon).shutdown),
	protocol.MethodDaemonConfig:   decoding((*daemon).showConfig),
}

// none are the params of a method that takes none.
type none struct{}

func methodNames() []string { return slices.Sorted(maps.Keys(methods)) }

// decoding adapts a handler of typed params.
func decoding[Params any](handle func(*daemon, context.Context, *rpc.Session, *Params) (any, error)) call {
	return func(d *daemon, ctx context.Context, session *rpc.Session, raw json.RawMessage) (any, error) {
		params, err := rpc.DecodeParams[Params](raw)
		if err != nil {
			return nil, err
		}
		result, err := handle(d, ctx, session, params)
		if err != nil {
			return nil, refusal(err)
		}
		return result, nil
	}
}

// Handle implements [rpc.Handler].
func (d *daemon) Handle(ctx context.Context, session *rpc.Session, method string, params json.RawMessage) (any, error) {
	handle, known := methods[method]
	if !known {
		return nil, rpc.ErrMethodNotFound
	}
	d.farewell.enter()
	defer d.farewell.leave()
	return handle(d, ctx, session, params)
}

// Closed implements [rpc.Handler].
func (d *daemon) Closed(session *rpc.Session) { d.followers.forget(session.ID()) }
