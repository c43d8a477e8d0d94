package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// Every typed method sends its method's name and params and reads its result.
func TestClientMethods(t *testing.T) {
	t.Parallel()
	type sent struct {
		method string
		params string
	}
	requests := make(chan sent, 1)
	results := map[string]any{
		protocol.MethodJobCreate:      protocol.Job{Spec: protocol.JobSpec{BaseModel: "created"}},
		protocol.MethodJobGet:         protocol.Job{TrainingStatus: protocol.TrainingStatus{JobID: "j"}},
		protocol.MethodJobList:        protocol.ListResult{NextCursor: "n"},
		protocol.MethodJobWait:        protocol.WaitResult{TimedOut: true},
		protocol.MethodJobCancel:      protocol.TrainingStatus{Status: protocol.StatusCancelled},
		protocol.MethodJobRetry:       protocol.TrainingStatus{Attempts: 2},
		protocol.MethodJobPause:       protocol.TrainingStatus{Status: protocol.StatusPaused},
		protocol.MethodJobResume:      protocol.TrainingStatus{Status: protocol.StatusQueued},
		protocol.MethodJobSetPriority: protocol.TrainingStatus{Priority: -5},
		protocol.MethodJobDelete:      protocol.DeleteResult{FreedBytes: 7},
		protocol.MethodJobMetrics:     protocol.MetricsResult{Metrics: []protocol.TrainingMetrics{{Step: 4, Loss: protocol.NaN()}}},
		protocol.MethodJobEvents:      protocol.EventsResult{Cursor: 8},
		protocol.MethodJobLogs:        protocol.LogsResult{Lines: []string{"l"}},
		protocol.MethodAdapterList:    protocol.AdapterListResult{Adapters: []protocol.AdapterArtifact{{ID: "a"}}},
		protocol.MethodAdapterGet:     protocol.AdapterArtifact{ID: "b"},
		protocol.MethodAdapterDelete:  protocol.DeleteResult{ID: "b"},
		protocol.MethodQueueStatus:    protocol.QueueStatus{MaxQueued: 4},
		protocol.MethodQueuePause:     protocol.QueueStatus{Paused: true},
		protocol.MethodQueueResume:    protocol.QueueStatus{Waiting: []string{"q"}},
		protocol.MethodDeviceList:     protocol.DeviceListResult{Devices: []protocol.Device{{Name: "cpu"}}},
		protocol.MethodUsageList:      protocol.UsageResult{Totals: []protocol.UsageTotal{{Owner: "o"}}},
		protocol.MethodDaemonConfig:   protocol.ConfigResult{File: "f"},
		protocol.MethodDaemonStatus:   protocol.StatusResult{PID: 3},
		protocol.MethodDaemonShutdown: protocol.ShutdownResult{WaitingFor: []string{"w"}},
	}
	c := startServer(t, &Server{}, func(_ context.Context, _ *Session, method string, params json.RawMessage) (any, error) {
		requests <- sent{method, string(params)}
		return results[method], nil
	}).connect(t)
	ctx := context.Background()
	spec := protocol.JobSpec{BaseModel: "m", TrainData: "/d"}
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		method, params string
		call           func() (any, error)
		want           func(any) bool
	}{
		{protocol.MethodJobCreate, `{"base_model":"m","train_data":"/d"}`, func() (any, error) { return c.CreateJob(ctx, spec) },
			func(r any) bool { return r.(*protocol.Job).Spec.BaseModel == "created" }},
		{protocol.MethodJobCreate, `{"base_model":"m","train_data":"/d","dry_run":true}`, func() (any, error) { return c.PlanJob(ctx, spec) },
			func(r any) bool { return r.(*protocol.Plan) != nil }},
		{protocol.MethodJobGet, `{"id":"x"}`, func() (any, error) { return c.Job(ctx, "x") },
			func(r any) bool { return r.(*protocol.Job).JobID == "j" }},
		{protocol.MethodJobList, `{"limit":2}`, func() (any, error) { return c.Jobs(ctx, protocol.ListParams{Limit: 2}) },
			func(r any) bool { return r.(*protocol.ListResult).NextCursor == "n" }},
		{protocol.MethodJobWait, `{"id":"x","timeout_seconds":1.5}`, func() (any, error) { return c.Wait(ctx, "x", 1500*time.Millisecond) },
			func(r any) bool { return r.(*protocol.WaitResult).TimedOut }},
		{protocol.MethodJobCancel, `{"id":"x"}`, func() (any, error) { return c.Cancel(ctx, "x") },
			func(r any) bool { return r.(*protocol.TrainingStatus).Status == protocol.StatusCancelled }},
		{protocol.MethodJobRetry, `{"id":"x"}`, func() (any, error) { return c.Retry(ctx, "x") },
			func(r any) bool { return r.(*protocol.TrainingStatus).Attempts == 2 }},
		{protocol.MethodJobPause, `{"id":"x"}`, func() (any, error) { return c.Pause(ctx, "x") },
			func(r any) bool { return r.(*protocol.TrainingStatus).Status == protocol.StatusPaused }},
		{protocol.MethodJobResume, `{"id":"x"}`, func() (any, error) { return c.Resume(ctx, "x") },
			func(r any) bool { return r.(*protocol.TrainingStatus).Status == protocol.StatusQueued }},
		{protocol.MethodJobSetPriority, `{"id":"x","priority":-5}`, func() (any, error) { return c.SetPriority(ctx, "x", -5) },
			func(r any) bool { return r.(*protocol.TrainingStatus).Priority == -5 }},
		{protocol.MethodJobDelete, `{"id":"x"}`, func() (any, error) { return c.DeleteJob(ctx, "x", false) },
			func(r any) bool { return r.(*protocol.DeleteResult).FreedBytes == 7 }},
		{protocol.MethodJobDelete, `{"id":"x","with_adapter":true}`, func() (any, error) { return c.DeleteJob(ctx, "x", true) },
			func(r any) bool { return r.(*protocol.DeleteResult).FreedBytes == 7 }},
		{protocol.MethodJobMetrics, `{"id":"x","from":2}`, func() (any, error) { return c.Metrics(ctx, protocol.MetricsParams{ID: "x", From: 2}) },
			func(r any) bool {
				m := r.(*protocol.MetricsResult).Metrics[0]
				return m.Step == 4 && !m.Loss.Finite() && m.NonFinite
			}},
		{protocol.MethodJobEvents, `{"id":"x","after":7}`, func() (any, error) { return c.Events(ctx, protocol.EventsParams{ID: "x", After: 7}) },
			func(r any) bool { return r.(*protocol.EventsResult).Cursor == 8 }},
		{protocol.MethodJobLogs, `{"id":"x"}`, func() (any, error) { return c.Logs(ctx, "x") },
			func(r any) bool { return r.(*protocol.LogsResult).Lines[0] == "l" }},
		{protocol.MethodAdapterList, ``, func() (any, error) { return c.Adapters(ctx) },
			func(r any) bool { return r.(*protocol.AdapterListResult).Adapters[0].ID == "a" }},
		{protocol.MethodAdapterGet, `{"id":"x"}`, func() (any, error) { return c.Adapter(ctx, "x") },
			func(r any) bool { return r.(*protocol.AdapterArtifact).ID == "b" }},
		{protocol.MethodAdapterDelete, `{"id":"x"}`, func() (any, error) { return c.DeleteAdapter(ctx, "x") },
			func(r any) bool { return r.(*protocol.DeleteResult).ID == "b" }},
		{protocol.MethodQueueStatus, ``, func() (any, error) { return c.QueueStatus(ctx) },
			func(r any) bool { return r.(*protocol.QueueStatus).MaxQueued == 4 }},
		{protocol.MethodQueuePause, ``, func() (any, error) { return c.QueuePause(ctx) },
			func(r any) bool { return r.(*protocol.QueueStatus).Paused }},
		{protocol.MethodQueueResume, ``, func() (any, error) { return c.QueueResume(ctx) },
			func(r any) bool { return r.(*protocol.QueueStatus).Waiting[0] == "q" }},
		{protocol.MethodDeviceList, `{}`, func() (any, error) { return c.Devices(ctx, time.Time{}) },
			func(r any) bool { return r.(*protocol.DeviceListResult).Devices[0].Name == "cpu" }},
		{protocol.MethodDeviceList, `{"since":"2026-01-02T03:04:05Z"}`, func() (any, error) { return c.Devices(ctx, since) },
			func(r any) bool { return r.(*protocol.DeviceListResult).Devices[0].Name == "cpu" }},
		{protocol.MethodUsageList, `{"since":"2026-01-02T03:04:05Z","limit":2}`,
			func() (any, error) { return c.Usage(ctx, protocol.UsageParams{Since: &since, Limit: 2}) },
			func(r any) bool { return r.(*protocol.UsageResult).Totals[0].Owner == "o" }},
		{protocol.MethodDaemonConfig, ``, func() (any, error) { return c.Config(ctx) },
			func(r any) bool { return r.(*protocol.ConfigResult).File == "f" }},
		{protocol.MethodDaemonStatus, ``, func() (any, error) { return c.DaemonStatus(ctx) },
			func(r any) bool { return r.(*protocol.StatusResult).PID == 3 }},
		{protocol.MethodDaemonShutdown, `{"when":"drained"}`, func() (any, error) { return c.Shutdown(ctx, protocol.ShutdownDrained) },
			func(r any) bool { return r.(*protocol.ShutdownResult).WaitingFor[0] == "w" }},
	} {
		result, err := test.call()
		if err != nil {
			t.Fatalf("%s: %v", test.method, err)
		}
		if got := receive(t, requests, "the request"); got.method != test.method || got.params != test.params {
			t.Errorf("sent %s %s, want %s %s", got.method, got.params, test.method, test.params)
		}
		if !test.want(result) {
			t.Errorf("%s: the result is %+v", test.method, result)
		}
	}
}

func TestClientErrors(t *testing.T) {
	t.Parallel()
	want := protocol.Error{Code: protocol.CodeConflict, Message: "m", Hint: "h", Retryable: true}
	c := startServer(t, &Server{}, func(_ context.Context, _ *Session, method string, _ json.RawMessage) (any, error) {
		if method == "refuse" {
			return nil, &want
		}
		return nil, ErrMethodNotFound
	}).connect(t)
	ctx := context.Background()
	var refused *protocol.Error
	if err := c.Call(ctx, "refuse", nil, nil); !errors.As(err, &refused) || *refused != want {
		t.Errorf("a refusal came as %v", err)
	}
	var call *CallError
	if err := c.Call(ctx, "nothing", nil, nil); !errors.As(err, &call) || call.Code != protocol.RPCMethodNotFound || call.Method != "nothing" {
		t.Errorf("an unknown method came as %v", err)
	}
	if err := c.Call(ctx, "giant", strings.Repeat("x", protocol.MaxFrameBytes), nil); err == nil || !strings.Contains(err.Error(), "the limit is") {
		t.Errorf("a giant request came as %v", err)
	}
	if err := c.Call(ctx, "bad", make(chan int), nil); err == nil {
		t.Error("params that cannot be encoded were sent")
	}
	if err := c.Call(ctx, "refuse", nil, nil); !errors.As(err, &refused) {
		t.Errorf("after its own mistakes the client got %v", err)
	}
}

func TestClientGivesUpACall(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 1)
	cancelled := make(chan error, 1)
	c := startServer(t, &Server{}, func(ctx context.Context, session *Session, method string, _ json.RawMessage) (any, error) {
		if method != "wait" {
			return nil, nil
		}
		entered <- struct{}{}
		<-ctx.Done()
		cancelled <- session.Context().Err()
		return nil, ctx.Err()
	}).connect(t)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- c.Call(ctx, "wait", nil, nil) }()
	receive(t, entered, "the call")
	cancel()
	if err := receive(t, result, "the end of the call"); !errors.Is(err, context.Canceled) {
		t.Errorf("the call gave %v", err)
	}
	if err := receive(t, cancelled, "the cancellation"); err != nil {
		t.Errorf("the call ended with its session (%v), not alone", err)
	}
	if err := c.Call(ctx, "quick", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a call with an ended context gave %v", err)
	}
	if err := c.Call(context.Background(), "quick", nil, nil); err != nil {
		t.Errorf("the next call gave %v", err)
	}
}

func TestClientManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	c := startServer(t, &Server{}, echo).connect(t)
	var group sync.WaitGroup
	for n := range 100 {
		group.Go(func() {
			var got protocol.IDParams
			want := protocol.IDParams{ID: fmt.Sprint(n)}
			if err := c.Call(context.Background(), "echo", want, &got); err != nil || got != want {
				t.Errorf("call %d got %+v, %v", n, got, err)
			}
		})
	}
	group.Wait()
}

func TestClientLosesTheDaemon(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	// A daemon that shakes hands, takes one call, and dies.
	listener, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	died := make(chan error, 1)
	go func() { died <- dieAfterOneCall(listener.socket) }()
	c, err := Connect(context.Background(), Options{Home: home})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Call(context.Background(), "m", nil, nil); !errors.Is(err, ErrDisconnected) || !strings.Contains(err.Error(), "scu status") {
		t.Errorf("the call of a dead daemon gave %v", err)
	}
	if err := receive(t, died, "the daemon's death"); err != nil {
		t.Fatal(err)
	}
	if err := c.Call(context.Background(), "m", nil, nil); !errors.Is(err, ErrDisconnected) {
		t.Errorf("the next call gave %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func dieAfterOneCall(listener net.Listener) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	reader := newFrameReader(conn)
	if _, err := reader.next(); err != nil {
		return err
	}
	if _, err := conn.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":{"protocol_version":1}}` + "\n")); err != nil {
		return err
	}
	if _, err := reader.next(); err != nil {
		return err
	}
	return conn.Close()
}

func TestClientClosed(t *testing.T) {
	t.Parallel()
	server := startServer(t, &Server{}, echo)
	c := server.connect(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Call(context.Background(), "m", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a call of a closed client gave %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("a second Close gave %v", err)
	}
	receive(t, server.handler.closed, "Closed")
}

// Whatever a false daemon writes, the client ends with an error and does not hang.
func FuzzClientReads(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":{"protocol_version":1}}` + "\n"))
	f.Add([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"full"}}` + "\n"))
	f.Add([]byte(`{"jsonrpc":"2.0","method":"job/event","params":{"subscription_id":"s"}}` + "\n"))
	f.Add([]byte("Content-Length: 2\r\n\r\n[]"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		near, far := net.Pipe()
		c := newClient(near)
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = newFrameReader(far).next()
			_, _ = far.Write(stream)
			_ = far.Close()
		}()
		var result any
		err := c.Call(context.Background(), "m", nil, &result)
		if err == nil && !strings.Contains(string(stream), "result") {
			t.Errorf("%q was taken for a result", stream)
		}
		_ = c.Close()
		<-written
	})
}
