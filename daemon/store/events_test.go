package store

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

func stepFrame(step int) frame.Event {
	return frame.Event{Metrics: &protocol.TrainingMetrics{Step: step, DataBPT: 2.5, EtaMinutes: 3, CreatedAt: time.Now()}}
}

// stepFrames are the metrics of so many steps in a row.
func stepFrames(first, count int) []frame.Event {
	frames := make([]frame.Event, count)
	for i := range frames {
		frames[i] = stepFrame(first + i)
	}
	return frames
}

// allEvents reads a job's events in pages of a size, and fails on a gap or a repeat.
func allEvents(t *testing.T, s *Store, id string, page int) []protocol.JobEvent {
	t.Helper()
	var all []protocol.JobEvent
	for {
		events, err := s.Events(context.Background(), id, int64(len(all)), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			all = append(all, event)
			if event.Cursor != int64(len(all)) {
				t.Fatalf("event %d has cursor %d", len(all), event.Cursor)
			}
		}
		if len(events) < page {
			return all
		}
	}
}

func TestFramesBecomeEventsAndStatus(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	mustCreate(t, s, newJob("j", "n"))
	mustStart(t, s, "j")
	validation := protocol.Float(math.NaN())
	frames := []frame.Event{
		{Phase: &frame.Phase{Phase: protocol.PhaseLoading}},
		{Plan: &protocol.Plan{Config: protocol.SCUConfig{LoraR: 8, PriorSigma: 0.5}, TotalSteps: 10, TargetTokens: 1000}},
		{Phase: &frame.Phase{Phase: protocol.PhaseTraining}},
		stepFrame(1),
		{Log: &frame.Log{Message: "hello"}},
		{Metrics: &protocol.TrainingMetrics{Step: 2, DataBPT: protocol.NaN(), Loss: protocol.Float(math.Inf(1)), LambdaValue: 0.25,
			ValDataBPT: &validation, NonFinite: true, Tokens: 7, EtaMinutes: protocol.NaN(), CreatedAt: time.UnixMicro(1234567).UTC()}},
		{Eval: &protocol.Evaluation{Step: 2, DataBPT: 1.5, TargetTokens: 9}},
		{Eval: &protocol.Evaluation{Step: 2, DataBPT: 1.5, TargetTokens: 9}}, // by a worker that goes on from a checkpoint
		{Log: &frame.Log{Message: "careful", Warning: true}},
	}
	if err := s.RecordFrames(t.Context(), "j", frames); err != nil {
		t.Fatal(err)
	}
	want := []protocol.EventType{"state", "state", "state", "plan", "state", "metrics", "log", "metrics", "eval", "warning"}
	for page := 1; page <= 11; page++ {
		events := allEvents(t, s, "j", page)
		if len(events) != len(want) {
			t.Fatalf("%d events in pages of %d, want %d", len(events), page, len(want))
		}
		for i, event := range events {
			if event.Type != want[i] {
				t.Errorf("event %d is %s, want %s", i+1, event.Type, want[i])
			}
		}
	}
	events := allEvents(t, s, "j", 100)
	if plan := events[3].Plan; plan == nil || plan.Reasons["lora_r"] == "" {
		t.Errorf("the plan has lost the reasons: %+v", plan)
	}
	if status := events[4].Status; status == nil || status.Phase != protocol.PhaseTraining || status.TotalSteps != 10 {
		t.Errorf("state event %+v", status)
	}
	m := events[7].Metrics
	if !math.IsNaN(float64(m.DataBPT)) || !math.IsInf(float64(m.Loss), 1) || m.LambdaValue != 0.25 || m.ValDataBPT == nil ||
		m.ValDataBPT.Finite() || !m.NonFinite || m.Tokens != 7 || !m.CreatedAt.Equal(time.UnixMicro(1234567)) {
		t.Errorf("metrics %+v", m)
	}
	if events[5].Metrics.ValDataBPT != nil {
		t.Errorf("a step without evaluation has %v", *events[5].Metrics.ValDataBPT)
	}
	record, err := s.Job(t.Context(), "j")
	if err != nil {
		t.Fatal(err)
	}
	job := record.Job
	if job.Step != 2 || job.TotalSteps != 10 || job.Metrics == nil || job.Metrics.Step != 2 || job.Config.PriorSigma != 0.5 ||
		record.Ordered.PriorSigma != 0 || job.EstimatedFinish != nil || job.Progress <= progressTraining || job.Progress >= progressSaving {
		t.Errorf("job %+v", job)
	}
}

func TestMetricsByStep(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	mustCreate(t, s, newJob("j", "n"))
	mustStart(t, s, "j")
	for step := 1; step <= 9; step++ {
		if err := s.RecordFrames(t.Context(), "j", []frame.Event{stepFrame(step)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ from, to, limit, first, count int }{
		{0, 0, 100, 1, 9}, {4, 0, 100, 4, 6}, {0, 3, 100, 1, 3}, {4, 6, 100, 4, 3}, {2, 0, 2, 2, 2}, {10, 0, 5, 0, 0},
	} {
		got, err := s.Metrics(t.Context(), "j", test.from, test.to, test.limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != test.count || test.count > 0 && got[0].Step != test.first {
			t.Errorf("%+v gave %d rows: %+v", test, len(got), got)
		}
	}
}

func TestBatchIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	mustCreate(t, s, newJob("j", "n"))
	mustStart(t, s, "j")
	for name, batch := range map[string][]frame.Event{
		"a step repeated": {stepFrame(1), stepFrame(2), stepFrame(2)},
		"an empty frame":  {stepFrame(1), {}},
	} {
		if err := s.RecordFrames(t.Context(), "j", batch); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if events := allEvents(t, s, "j", 10); len(events) != 2 {
		t.Errorf("a refused batch left events %+v", events[2:])
	}
	record, err := s.Job(t.Context(), "j")
	if err != nil || record.Job.Step != 0 || record.Job.Metrics != nil {
		t.Errorf("a refused batch left %+v, %v", record.Job, err)
	}
}

func TestFinalStateIsTheLastEvent(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for _, final := range []protocol.Status{protocol.StatusCompleted, protocol.StatusFailed, protocol.StatusCancelled} {
		id := string(final)
		reach(t, s, id, final)
		if err := s.RecordFrames(t.Context(), id, []frame.Event{stepFrame(1)}); !errors.Is(err, ErrNotRunning) {
			t.Errorf("a %s job took frames: %v", final, err)
		}
		events := allEvents(t, s, id, 10)
		last := events[len(events)-1]
		if last.Type != protocol.EventState || last.Status.Status != final || last.Status.CompletedAt == nil {
			t.Errorf("%s: last event %+v", final, last)
		}
	}
}

// TestReadersNeverSeeAGap reads while batches are written: what is read must be a prefix of the events at any moment.
func TestReadersNeverSeeAGap(t *testing.T) {
	t.Parallel()
	changes := make(chan struct{}, 1)
	s := openAt(t, filepath.Join(t.TempDir(), "scu.db"), Options{Changed: func(string) {
		select {
		case changes <- struct{}{}:
		default:
		}
	}})
	mustCreate(t, s, newJob("j", "n"))
	mustStart(t, s, "j")
	var writer sync.WaitGroup
	writer.Go(func() {
		for step := 1; step <= 300; step += 3 {
			batch := []frame.Event{stepFrame(step), {Log: &frame.Log{Message: "x"}}, stepFrame(step + 1), stepFrame(step + 2)}
			if err := s.RecordFrames(context.Background(), "j", batch); err != nil {
				t.Error(err)
				break
			}
		}
		if _, err := s.FailJob(context.Background(), "j", protocol.NewError(protocol.CodeInternal, "enough")); err != nil {
			t.Error(err)
		}
	})
	cursor, final := int64(0), false
	for !final {
		events, err := s.Events(t.Context(), "j", cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events {
			if event.Cursor != cursor+1 {
				t.Fatalf("cursor %d after %d", event.Cursor, cursor)
			}
			cursor, final = event.Cursor, event.Type == protocol.EventState && event.Status.Status.Final()
		}
		if len(events) == 0 {
			<-changes
		}
	}
	writer.Wait()
	if cursor != 403 {
		t.Errorf("%d events, want 403", cursor)
	}
}

func TestProgressNeverFalls(t *testing.T) {
	t.Parallel()
	at := 0.0
	for _, next := range []struct {
		phase protocol.Phase
		step  int
	}{
		{protocol.PhaseLoading, 0}, {protocol.PhaseTokenizing, 0}, {protocol.PhaseCompiling, 0}, {protocol.PhaseEvaluating, 0},
		{protocol.PhaseTraining, 0}, {protocol.PhaseTraining, 5}, {protocol.PhaseCompiling, 5}, {protocol.PhaseTraining, 10}, {protocol.PhaseTraining, 12}, {protocol.PhaseSaving, 10},
	} {
		was := at
		if at = progress(at, next.phase, next.step, 10); at < was || at >= 100 {
			t.Errorf("%+v: from %g to %g", next, was, at)
		}
	}
	if at != progressSaving {
		t.Errorf("ended at %g", at)
	}
	if half := progress(0, protocol.PhaseTraining, 5, 10); half < 45 || half > 55 {
		t.Errorf("half of the steps are %g percent", half)
	}
}
