package store

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// at is a time so many seconds after an arbitrary one.
func at(seconds int) time.Time { return time.Unix(1_000_000+int64(seconds), 0).UTC() }

// openWithClock opens a store whose time is what the test says.
func openWithClock(t *testing.T) (*Store, *time.Time) {
	t.Helper()
	s := openTest(t)
	clock := at(0)
	s.now = func() time.Time { return clock }
	return s, &clock
}

func TestUsageOfEachRun(t *testing.T) {
	t.Parallel()
	s, clock := openWithClock(t)
	alice := newJob("a", "a")
	alice.Owner = "alice"
	mustCreate(t, s, alice)
	reach(t, s, "b", protocol.StatusRunning) // 0 to 5
	*clock = at(5)
	if err := attempts[fail](t, s, "b"); err != nil {
		t.Fatal(err)
	}
	*clock = at(10)
	mustStart(t, s, "a") // 10 to 30
	frames := stepFrames(1, 3)
	for i := range frames {
		frames[i].Metrics.Tokens = 10
	}
	frames = append(frames, frame.Event{Memory: &frame.Memory{Bytes: 500}}, frame.Event{Memory: &frame.Memory{Bytes: 400}})
	if err := s.RecordFrames(t.Context(), "a", frames); err != nil {
		t.Fatal(err)
	}
	*clock = at(30)
	if err := attempts[requeue](t, s, "a"); err != nil {
		t.Fatal(err)
	}
	*clock = at(40)
	if _, err := s.StartJob(t.Context(), "a", Start{AdapterID: "a2", Device: "cuda:0", ReservedBytes: 400}); err != nil { // from 40 on
		t.Fatal(err)
	}
	if err := s.RecordFrames(t.Context(), "a", stepFrames(4, 2)); err != nil {
		t.Fatal(err)
	}
	*clock = at(60)

	since := func(seconds int) *time.Time { at := at(seconds); return &at }
	for _, test := range []struct {
		query        UsageQuery
		want, totals string
	}{
		{UsageQuery{Limit: 10}, "a2 a1 b1", "alice 2 runs 1 jobs 40s 5 steps 30 tokens; local 1 runs 1 jobs 5s 0 steps 0 tokens; "},
		{UsageQuery{Limit: 1}, "a2", "alice 2 runs 1 jobs 40s 5 steps 30 tokens; local 1 runs 1 jobs 5s 0 steps 0 tokens; "},
		{UsageQuery{Limit: 10, Since: since(5)}, "a2 a1", "alice 2 runs 1 jobs 40s 5 steps 30 tokens; "}, // it ended just then
		{UsageQuery{Limit: 10, Since: since(4)}, "a2 a1 b1", "alice 2 runs 1 jobs 40s 5 steps 30 tokens; local 1 runs 1 jobs 5s 0 steps 0 tokens; "},
		{UsageQuery{Limit: 10, Since: since(29), Until: since(40)}, "a1", "alice 1 runs 1 jobs 20s 3 steps 30 tokens; "},
		{UsageQuery{Limit: 10, Since: since(30), Until: since(39)}, "", ""},
		{UsageQuery{Limit: 10, Since: since(1000)}, "a2", "alice 1 runs 1 jobs 20s 2 steps 0 tokens; "}, // it is still open
	} {
		runs, totals, err := s.Usage(t.Context(), test.query)
		if err != nil {
			t.Fatal(err)
		}
		got, sums := "", ""
		for i, run := range runs {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprint(run.JobID, run.Attempt)
		}
		for _, total := range totals {
			sums += fmt.Sprintf("%s %d runs %d jobs %gs %d steps %d tokens; ", total.Owner, total.Runs, total.Jobs, total.Seconds, total.Steps, total.Tokens)
		}
		if got != test.want || sums != test.totals {
			t.Errorf("%+v: %q, %q", test.query, got, sums)
		}
	}
	runs, _, err := s.Usage(t.Context(), UsageQuery{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	if r := runs[0]; r.EndedAt != nil || r.Outcome != "" || r.Device != "cuda:0" || r.Seconds != 20 || r.PeakMemoryBytes != 0 {
		t.Errorf("the open run: %+v", r)
	}
	if r := runs[1]; r.EndedAt == nil || !r.EndedAt.Equal(at(30)) || r.Outcome != "queued" || r.Device != "cpu" || r.Steps != 3 || r.Tokens != 30 || r.PeakMemoryBytes != 500 {
		t.Errorf("the first run: %+v", r)
	}
	if r := runs[2]; r.Outcome != "failed" || r.Name != "b" || r.Seconds != 5 {
		t.Errorf("the other job's run: %+v", r)
	}
	mustBeSound(t, s)
}

// TestRunOfADeadDaemonEndsWithItsLastEvent lets a week pass between the death of one daemon and the next.
func TestRunOfADeadDaemonEndsWithItsLastEvent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "scu.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return at(0) }
	for _, id := range []string{"metrics", "log", "nothing"} {
		reach(t, s, id, protocol.StatusRunning)
	}
	step := stepFrame(1)
	step.Metrics.CreatedAt = at(100)
	if err := s.RecordFrames(t.Context(), "metrics", []frame.Event{step}); err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return at(50) }
	if err := s.RecordFrames(t.Context(), "log", []frame.Event{{Log: &frame.Log{Message: "x"}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path, Options{})
	const week = 7 * 24 * 3600
	s.openedAt = at(week)
	s.now = func() time.Time { return at(week) }
	for id, seconds := range map[string]float64{"metrics": 100, "log": 50, "nothing": 0} {
		told := []frame.Event{{Log: &frame.Log{Message: "the daemon has died"}}} // which is not a sign of life
		if err := errors.Join(s.RecordFrames(t.Context(), id, told), attempts[requeue](t, s, id)); err != nil {
			t.Fatal(err)
		}
		mustStart(t, s, id) // its next run is this daemon's
		s.now = func() time.Time { return at(week + 3) }
		if err := attempts[requeue](t, s, id); err != nil {
			t.Fatal(err)
		}
		s.now = func() time.Time { return at(week) }
		runs, _, err := s.Usage(t.Context(), UsageQuery{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range runs {
			if want := map[int]float64{1: seconds, 2: 3}[run.Attempt]; run.JobID == id && run.Seconds != want {
				t.Errorf("%s: run %d took %g s, want %g", id, run.Attempt, run.Seconds, want)
			}
		}
	}
}

func TestDeviceUse(t *testing.T) {
	t.Parallel()
	s, clock := openWithClock(t)
	*clock = at(100)
	insert := func(job, device string, began int, ended any) {
		t.Helper()
		outcome := any(nil)
		if seconds, ok := ended.(int); ok {
			ended, outcome = micros(at(seconds)), "failed"
		}
		if _, err := s.write.Exec(`INSERT INTO usage (job_id, name, owner, device, attempt, began_at, ended_at, outcome) VALUES (?, '', '', ?, 1, ?, ?, ?)`,
			job, device, micros(at(began)), ended, outcome); err != nil {
			t.Fatal(err)
		}
	}
	insert("1", "cuda:0", 0, 10)
	insert("2", "cuda:0", 5, 20)  // overlaps the first
	insert("3", "cuda:0", 12, 15) // inside the second
	insert("4", "cuda:0", 20, 21) // touches it
	insert("5", "cuda:0", 90, nil)
	insert("6", "cpu", 0, 4)
	for _, test := range []struct {
		since int
		want  map[string]DeviceUse
	}{
		{-100, map[string]DeviceUse{"cuda:0": {31, 10 + 15 + 3 + 1 + 10, 5}, "cpu": {4, 4, 1}}},
		{4, map[string]DeviceUse{"cuda:0": {27, 6 + 15 + 3 + 1 + 10, 5}}},
		{14, map[string]DeviceUse{"cuda:0": {17, 6 + 1 + 1 + 10, 4}}},
		{95, map[string]DeviceUse{"cuda:0": {5, 5, 1}}},
		{200, map[string]DeviceUse{}},
	} {
		got, err := s.DeviceUse(t.Context(), at(test.since))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(test.want) {
			t.Errorf("since %d: %+v, want %+v", test.since, got, test.want)
		}
		for device, want := range test.want {
			if use := got[device]; use.Runs != want.Runs || math.Abs(use.BusySeconds-want.BusySeconds)+math.Abs(use.JobSeconds-want.JobSeconds) > 1e-6 {
				t.Errorf("since %d, %s: %+v, want %+v", test.since, device, use, want)
			}
		}
	}
}

func TestRunTimeSumsWhatHasEnded(t *testing.T) {
	t.Parallel()
	s, clock := openWithClock(t)
	reach(t, s, "j", protocol.StatusQueued)
	for i, want := range []time.Duration{0, 5 * time.Second, 12 * time.Second} {
		if got, err := s.RunTime(t.Context(), "j"); err != nil || got != want {
			t.Errorf("after %d runs: %v, %v; want %v", i, got, err, want)
		}
		mustStart(t, s, "j")
		*clock = clock.Add(time.Duration(5+2*i) * time.Second)
		if err := attempts[requeue](t, s, "j"); err != nil {
			t.Fatal(err)
		}
		*clock = clock.Add(time.Minute)
	}
}
