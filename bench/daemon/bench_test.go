package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
)

// TestMain lets the test binary be a daemon or a worker of the benchmark.
func TestMain(m *testing.M) {
	if takeRole(os.Args[1:]) {
		return
	}
	os.Exit(m.Run())
}

const modelOfTests = "../../trainer/oracle/testdata/untied/model"

// TestBigStoreIsAStore holds a store that was multiplied against the store's own rules, and reads it.
func TestBigStoreIsAStore(t *testing.T) {
	t.Parallel()
	const jobs, rows = 7, 30
	o := &options{jobs: jobs, rowsOfJob: rows, cache: t.TempDir()}
	path, err := bigStore(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := store.Check(t.Context(), path); err != nil || len(problems) > 0 {
		t.Fatalf("%q, %v", problems, err)
	}
	s, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	records, err := s.Jobs(t.Context(), store.Filter{Limit: 100})
	if err != nil || len(records) != jobs {
		t.Fatalf("%d jobs, %v", len(records), err)
	}
	for _, record := range records {
		metrics, err := s.Metrics(t.Context(), record.Job.JobID, 0, 0, 2*rows)
		if err != nil || len(metrics) != rows || record.Job.Step != rows || record.Job.Status != protocol.StatusCompleted {
			t.Errorf("%s is %s at step %d with %d rows: %v", record.Job.Name, record.Job.Status, record.Job.Step, len(metrics), err)
		}
		events, err := s.Events(t.Context(), record.Job.JobID, 0, 2*rows)
		if err != nil || len(events) != rows+3 || events[len(events)-1].Status == nil {
			t.Errorf("%s has %d events, %v", record.Job.Name, len(events), err)
		}
	}
	again, err := bigStore(t.Context(), o)
	if err != nil || again != path {
		t.Errorf("made again: %s, %v", again, err)
	}
	kept, err := filepath.Glob(filepath.Join(o.cache, "*"))
	if err != nil || !slices.Contains(kept, path) {
		t.Errorf("kept: %q, %v", kept, err)
	}
}

// TestQuick sees that everything can be measured.
func TestQuick(t *testing.T) {
	t.Parallel()
	o, err := parseOptions([]string{"-quick", "-submissions", "64", "-stretch", "300ms", "-model", modelOfTests, "-cache", t.TempDir()}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	o.rounds = 2
	results, err := measureAll(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := results.print(&table); err != nil {
		t.Fatal(err)
	}
	for _, f := range results.Figures {
		if median, lowest, highest := f.spread(); len(f.Values) != o.rounds && !strings.Contains(f.Name, "the most") || lowest <= 0 || lowest > median || median > highest {
			t.Errorf("%+v", f)
		}
	}
	for _, part := range []string{"create", "status of running jobs: p99", "metrics of 10 workers", "start, to the first answer", "memory, idle", "fdatasync"} {
		if !strings.Contains(table.String(), part) {
			t.Errorf("the table lacks %q:\n%s", part, table.String())
		}
	}
	if results.Rows == 0 {
		t.Error("no rows were counted")
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var values []time.Duration
	for i := range 100 {
		values = append(values, time.Duration(100-i))
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.01: 1, 0.5: 50, 0.99: 99, 0.995: 100, 1: 100} {
		if got := quantile(values, share); got != want {
			t.Errorf("the quantile %g is %d, want %d", share, got, want)
		}
	}
	if got := quantile(values[:1], 0.99); got != 100 {
		t.Errorf("of one value: %d", got)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	var r results
	for _, value := range []float64{3, 1, 8} {
		r.add("few", "ms", value, 3)
		r.addAtLeast("many", "/s", value, 4)
		r.add("any", "ms", value, 0)
	}
	want := map[string][2]string{"few": {"≤ 3", "yes"}, "many": {"≥ 4", "NO"}, "any": {"", ""}}
	for _, f := range r.Figures {
		median, lowest, highest := f.spread()
		goal, met := f.verdict()
		if median != 3 || lowest != 1 || highest != 8 || want[f.Name] != [2]string{goal, met} {
			t.Errorf("%s: %g, %g to %g, %q %q", f.Name, median, lowest, highest, goal, met)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"-rounds", "0"}, {"-jobs", "0"}, {"-submissions", "3"}, {"-jobs", "10", "-rows", "5"}, {"more"}, {"-model", "nowhere"}} {
		if _, err := parseOptions(append([]string{"-model", modelOfTests}, arguments...), &bytes.Buffer{}); err == nil {
			t.Errorf("%q was accepted", arguments)
		}
	}
}
