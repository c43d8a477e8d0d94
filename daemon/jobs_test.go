package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

func TestJobRunsToCompletion(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	job := mustCreate(t, client, spec(t, script{Steps: 20}))
	if job.Status.Final() || !regexp.MustCompile(`^tiny-[0-9a-f]{4}$`).MatchString(job.Name) || job.Config.LoraR != 8 {
		t.Errorf("created %+v", job)
	}
	done := mustWait(t, client, job.Name)
	if done.Status != protocol.StatusCompleted || done.Progress != 100 || done.Step != 20 || done.TotalSteps != 20 || done.Error != nil ||
		done.StartedAt == nil || done.CompletedAt == nil || done.EstimatedFinish != nil || done.Phase != "" {
		t.Errorf("completed job %+v", done.TrainingStatus)
	}
	if done.Plan.Reasons["lora_r"] == "" || done.Summary.Steps != 20 || done.Metrics.Step != 20 {
		t.Errorf("plan %+v, summary %+v, metrics %+v", done.Plan, done.Summary, done.Metrics)
	}
	if want := []string{"few rows", "model /models/Tiny.gguf on cpu"}; !slices.Equal(done.Logs, want) {
		t.Errorf("log lines %q, want %q", done.Logs, want)
	}
	adapter := done.Adapter
	if adapter == nil || adapter.ID != done.AdapterID || adapter.Name != job.Name || adapter.LocalPath != filepath.Join(d.home, "adapters", adapter.ID) ||
		adapter.TrainConfig.LoraR != 8 || adapter.SHA256 != "abc" {
		t.Fatalf("adapter %+v", adapter)
	}
	if _, err := os.Stat(filepath.Join(adapter.LocalPath, adapter.AdapterFiles[0])); err != nil {
		t.Error(err)
	}
	for _, key := range []string{adapter.ID, adapter.Name, job.JobID} {
		got, err := client.Adapter(t.Context(), key)
		if err != nil || got.ID != adapter.ID {
			t.Errorf("adapter by %s: %+v, %v", key, got, err)
		}
	}
	all, err := client.Adapters(t.Context())
	if err != nil || len(all.Adapters) != 1 {
		t.Errorf("adapters %+v, %v", all, err)
	}
	_, err = client.Cancel(t.Context(), job.JobID)
	wantCode(t, err, protocol.CodeConflict, job.JobID, "completed")
	events := allEvents(t, client, job.JobID)
	if last := events[len(events)-1]; last.Status == nil || last.Status.Status != protocol.StatusCompleted || last.Status.AdapterID != adapter.ID {
		t.Errorf("the last event is %+v", last)
	}
}

func TestHowJobsFail(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	tests := []struct {
		end  string
		code protocol.ErrorCode
		says []string
	}{
		{"fail", protocol.CodeNonFinite, []string{"not finite at step 3"}},
		{"crash", protocol.CodeWorkerCrashed, []string{"code 3", "the worker comes to its end"}},
		{"exit 0", protocol.CodeWorkerCrashed, []string{"without saying that it was done"}},
		{"lie", protocol.CodeInternal, []string{"adapter_config.json is not there"}},
		{"repeat", protocol.CodeInternal, []string{"step 2 after step 2"}},
		{"repeat, then done", protocol.CodeInternal, []string{"step 2 after step 2"}},
	}
	for _, test := range tests {
		job := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 2, End: test.end})).JobID)
		if job.Status != protocol.StatusFailed || job.Adapter != nil || job.AdapterID != "" {
			t.Errorf("%s: job %+v", test.end, job.TrainingStatus)
		}
		wantCode(t, job.Error, test.code, test.says...)
		_, err := client.Adapter(t.Context(), job.JobID)
		wantCode(t, err, protocol.CodeNotFound, "failed", "no adapter")
		logs, err := client.Logs(t.Context(), job.Name)
		told := len(logs.Lines) > 1 && strings.Contains(logs.Lines[0], "warning: few rows")
		if err != nil || !told && !strings.HasPrefix(test.end, "repeat") { // what comes with a step that is refused is not kept
			t.Errorf("%s: logs %+v, %v", test.end, logs, err)
		}
		if test.end == "crash" && logs.Lines[len(logs.Lines)-1] != "worker: the worker comes to its end" {
			t.Errorf("%s: logs %q", test.end, logs.Lines)
		}
	}
	left, err := os.ReadDir(filepath.Join(d.home, "adapters"))
	if err != nil || len(left) != 0 {
		t.Errorf("failed jobs left %v, %v", left, err)
	}
}

func TestCancelQueuedAndRunning(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	running := mustCreate(t, client, spec(t, script{Steps: 3, Forget: true}))
	awaitStep(t, client, running.JobID, 3)
	queuedSpec := spec(t, script{})
	queued := mustCreate(t, client, queuedSpec)
	behind := mustCreate(t, client, spec(t, script{}))
	if queued.QueuePosition == nil || *queued.QueuePosition != 1 || behind.QueuePosition == nil || *behind.QueuePosition != 2 {
		t.Errorf("queue positions %v, %v", queued.QueuePosition, behind.QueuePosition)
	}
	_, err := client.Adapter(t.Context(), running.JobID)
	wantCode(t, err, protocol.CodeNotFound, "running")

	status, err := client.Cancel(t.Context(), queued.Name)
	if err != nil || status.Status != protocol.StatusCancelled || status.CompletedAt == nil {
		t.Fatalf("cancel a queued job: %+v, %v", status, err)
	}
	if pids := starts(t, queuedSpec); pids != nil {
		t.Errorf("the cancelled job ran as %v", pids)
	}
	status, err = client.Cancel(t.Context(), running.Name)
	if err != nil || status.Status != protocol.StatusCancelled || status.Step != 3 {
		t.Fatalf("cancel a running job: %+v, %v", status, err)
	}
	wantCode(t, status.Error, protocol.CodeCancelled, "a test")
	_, err = client.Cancel(t.Context(), running.JobID)
	wantCode(t, err, protocol.CodeConflict, "cancelled")
	if job := mustWait(t, client, behind.JobID); job.Status != protocol.StatusCompleted {
		t.Errorf("the job behind is %+v", job.TrainingStatus)
	}
	left, err := os.ReadDir(filepath.Join(d.home, "adapters"))
	if err != nil || len(left) != 1 {
		t.Errorf("adapters %v, %v; want just the completed job's", left, err)
	}
}

func TestPriorityRunsFirst(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	first, open := gated(t, script{})
	mustCreate(t, client, first)
	low := mustCreate(t, client, spec(t, script{}))
	urgentSpec := spec(t, script{})
	urgentSpec.Priority = 5
	urgent := mustCreate(t, client, urgentSpec)
	open()
	a, b := mustWait(t, client, urgent.JobID), mustWait(t, client, low.JobID)
	if !a.StartedAt.Before(*b.StartedAt) {
		t.Errorf("priority 5 started at %v, priority 0 at %v", a.StartedAt, b.StartedAt)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	good := spec(t, script{Forget: true})
	good.AdapterName = "mine"
	job := mustCreate(t, client, good)

	relative := good
	relative.TrainData = "train.jsonl"
	bad := good
	bad.TrainData = "/data/bad"
	huge := good
	huge.Tags = []string{strings.Repeat("x", maxSpecBytes)}
	tests := []struct {
		name string
		call func() error
		code protocol.ErrorCode
		says string
	}{
		{"a living job's name", func() error { _, err := client.CreateJob(t.Context(), good); return err }, protocol.CodeConflict, job.JobID},
		{"a relative path", func() error { _, err := client.CreateJob(t.Context(), relative); return err }, protocol.CodeInvalidConfig, "train.jsonl"},
		{"what the planner refuses", func() error { _, err := client.CreateJob(t.Context(), bad); return err }, protocol.CodeDatasetInvalid, "row 1"},
		{"a huge specification", func() error { _, err := client.CreateJob(t.Context(), huge); return err }, protocol.CodeInvalidConfig, "bytes"},
		{"an unknown job", func() error { _, err := client.Job(t.Context(), "nobody"); return err }, protocol.CodeNotFound, "nobody"},
		{"no id", func() error { _, err := client.Job(t.Context(), ""); return err }, protocol.CodeInvalidConfig, "id is missing"},
		{"an unknown adapter", func() error { _, err := client.Adapter(t.Context(), "nobody"); return err }, protocol.CodeNotFound, "nobody"},
		{"an unknown field", func() error {
			return client.Call(t.Context(), protocol.MethodJobGet, map[string]any{"id": "x", "idd": 1}, nil)
		}, protocol.CodeInvalidConfig, "idd"},
		{"an unknown status", func() error {
			_, err := client.Jobs(t.Context(), protocol.ListParams{Status: "asleep"})
			return err
		}, protocol.CodeInvalidConfig, "asleep"},
		{"a made-up cursor", func() error {
			_, err := client.Jobs(t.Context(), protocol.ListParams{Cursor: "x"})
			return err
		}, protocol.CodeInvalidConfig, "cursor"},
		{"too many metrics", func() error {
			_, err := client.Metrics(t.Context(), protocol.MetricsParams{ID: job.JobID, Limit: 10_001})
			return err
		}, protocol.CodeInvalidConfig, "10000"},
		{"a cursor of the future", func() error {
			after := int64(1 << 40)
			_, err := client.Subscribe(t.Context(), job.JobID, &after)
			return err
		}, protocol.CodeInvalidConfig, "after"},
		{"a shutdown at no known time", func() error { _, err := client.Shutdown(t.Context(), "later"); return err }, protocol.CodeInvalidConfig, "later"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantCode(t, test.call(), test.code, test.says) })
	}
	if err := client.Call(t.Context(), "job/dance", nil, nil); err == nil || !strings.Contains(err.Error(), "-32601") {
		t.Errorf("an unknown method gave %v", err)
	}
	list, err := client.Jobs(t.Context(), protocol.ListParams{})
	if err != nil || len(list.Jobs) != 1 {
		t.Errorf("refused jobs are stored: %+v, %v", list, err)
	}
}

func TestRequestIDIsIdempotent(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	s := spec(t, script{})
	s.RequestID = "once"
	first := mustCreate(t, client, s)
	mustWait(t, client, first.JobID)
	again := mustCreate(t, client, s)
	if again.JobID != first.JobID || again.Status != protocol.StatusCompleted {
		t.Errorf("the second call gave %+v", again.TrainingStatus)
	}
	if pids := starts(t, s); len(pids) != 1 {
		t.Errorf("the job ran as %v", pids)
	}
	s.Priority = 1
	_, err := client.CreateJob(t.Context(), s)
	wantCode(t, err, protocol.CodeConflict, "once", first.JobID)
}

func TestDryRunStoresNothing(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	estimate, err := client.PlanJob(t.Context(), spec(t, script{}))
	if err != nil || estimate.TotalSteps != 77 {
		t.Errorf("plan %+v, %v", estimate, err)
	}
	list, err := client.Jobs(t.Context(), protocol.ListParams{})
	if err != nil || len(list.Jobs) != 0 {
		t.Errorf("jobs %+v, %v", list, err)
	}
}

func TestWaitTimesOut(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	job := mustCreate(t, client, spec(t, script{Forget: true}))
	result, err := client.Wait(t.Context(), job.Name, 20*time.Millisecond)
	if err != nil || !result.TimedOut || result.Job.Status.Final() {
		t.Errorf("got %+v, %v", result, err)
	}
}

// TestManyClientsAtOnce submits from 32 connections at the same time. Every acknowledged job must be there, once, and
// run once.
func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	const clients, each = 32, 3
	o := testOptions(shortHome(t))
	o.Config.Training.MaxConcurrentJobs = 4
	startDaemon(t, o)
	connections := make([]*rpc.Client, clients)
	for i := range connections {
		connections[i] = connect(t, o.Home)
	}
	specs := make([]protocol.JobSpec, clients*each)
	for i := range specs {
		specs[i] = spec(t, script{Steps: 1})
		specs[i].AdapterName = fmt.Sprintf("job-number-%d", i)
	}
	var mu sync.Mutex
	ids := map[string]bool{}
	var all sync.WaitGroup
	for i, client := range connections {
		all.Go(func() {
			for k := range each {
				job, err := client.CreateJob(t.Context(), specs[i*each+k])
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				ids[job.JobID] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(ids) != len(specs) {
		t.Fatalf("%d ids for %d jobs", len(ids), len(specs))
	}
	listed, cursor := 0, ""
	for {
		page, err := connections[0].Jobs(t.Context(), protocol.ListParams{Limit: 10, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range page.Jobs {
			listed++
			if !ids[job.JobID] {
				t.Errorf("job %s is listed twice or was never acknowledged", job.JobID)
			}
			delete(ids, job.JobID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if listed != len(specs) {
		t.Errorf("%d jobs are listed, want %d", listed, len(specs))
	}
	for _, s := range specs {
		if job := mustWait(t, connections[0], s.AdapterName); job.Status != protocol.StatusCompleted {
			t.Errorf("%s is %s: %v", s.AdapterName, job.Status, job.Error)
		}
		if pids := starts(t, s); len(pids) != 1 {
			t.Errorf("%s ran as %v", s.AdapterName, pids)
		}
	}
}
