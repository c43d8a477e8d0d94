package main

import (
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func status(s protocol.Status, change ...func(*protocol.TrainingStatus)) protocol.TrainingStatus {
	job := protocol.TrainingStatus{Status: s, Step: 5, Attempts: 2, Priority: 1}
	if s.Final() {
		at := time.Unix(1000, 0)
		job.CompletedAt = &at
	}
	for _, c := range change {
		c(&job)
	}
	return job
}

func TestWhatIsKnownHolds(t *testing.T) {
	t.Parallel()
	const before, after = "daemon-1", "daemon-2"
	known := func(change func(*knowledge)) knowledge {
		k := knowledge{priority: 1, attempts: 2, step: 5, instance: before}
		change(&k)
		return k
	}
	nothing := known(func(*knowledge) {})
	completed := known(func(k *knowledge) { k.final, k.completedAt = protocol.StatusCompleted, time.Unix(1000, 0) })
	cancelled := known(func(k *knowledge) { k.cancelled = true })
	paused := known(func(k *knowledge) { k.paused = true })
	cases := map[string]struct {
		known    knowledge
		job      protocol.TrainingStatus
		instance string
		want     string // in the one fault; empty means none
	}{
		"as it was":                           {nothing, status(protocol.StatusRunning), after, ""},
		"a final state stays":                 {completed, status(protocol.StatusCompleted), after, ""},
		"a final state is lost":               {completed, status(protocol.StatusQueued), after, "it was completed, which is final, and is queued"},
		"a final state is made anew":          {completed, status(protocol.StatusCompleted, func(j *protocol.TrainingStatus) { *j.CompletedAt = time.Unix(2000, 0) }), after, "and again at"},
		"an end without its time":             {nothing, status(protocol.StatusFailed, func(j *protocol.TrainingStatus) { j.CompletedAt = nil }), after, "its end is <nil>"},
		"a cancellation is still under way":   {cancelled, status(protocol.StatusRunning), before, ""},
		"a cancellation is forgotten":         {cancelled, status(protocol.StatusRunning), after, "its cancellation was acknowledged, and it is running"},
		"a cancelled job waits again":         {cancelled, status(protocol.StatusQueued), before, "its cancellation was acknowledged, and it is queued"},
		"a cancelled job ended by itself":     {cancelled, status(protocol.StatusCompleted), after, ""},
		"a pause is forgotten":                {paused, status(protocol.StatusQueued), after, "it was paused, nobody has resumed it, and it is queued"},
		"a pause is kept":                     {paused, status(protocol.StatusPaused), after, ""},
		"a priority is forgotten":             {nothing, status(protocol.StatusQueued, func(j *protocol.TrainingStatus) { j.Priority = 0 }), after, "its priority was set to 1 and is 0"},
		"a run is forgotten":                  {nothing, status(protocol.StatusQueued, func(j *protocol.TrainingStatus) { j.Attempts = 1 }), after, "it was started 2 times, and now 1 times"},
		"a step is forgotten":                 {nothing, status(protocol.StatusQueued, func(j *protocol.TrainingStatus) { j.Step = 4 }), after, "it was at step 5 and is at step 4"},
		"a deleted job is there":              {known(func(k *knowledge) { k.deleted = true }), status(protocol.StatusFailed), after, "it is there again"},
		"after a lost answer nothing is sure": {known(func(k *knowledge) { k.paused = true; k.lost() }), status(protocol.StatusQueued, func(j *protocol.TrainingStatus) { j.Priority = 3 }), after, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults := c.known.check(&c.job, c.instance)
			if c.want == "" && len(faults) > 0 || c.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], c.want)) {
				t.Errorf("faults %q, want %q", faults, c.want)
			}
		})
	}
}

func stateEvent(cursor int64, s protocol.Status) protocol.JobEvent {
	return protocol.JobEvent{Cursor: cursor, Type: protocol.EventState, Status: &protocol.TrainingStatus{Status: s}}
}

func stepEvent(cursor int64, step int) protocol.JobEvent {
	return protocol.JobEvent{Cursor: cursor, Type: protocol.EventMetrics, Metrics: &protocol.TrainingMetrics{Step: step, DataBPT: costOfTests(step)}}
}

func costOfTests(step int) protocol.Float { return protocol.Float(step) / 7 }

func TestHistories(t *testing.T) {
	t.Parallel()
	queued, running, completed, failed := protocol.StatusQueued, protocol.StatusRunning, protocol.StatusCompleted, protocol.StatusFailed
	wrongCost := stepEvent(3, 1)
	wrongCost.Metrics.DataBPT++
	cases := map[string]struct {
		events []protocol.JobEvent
		want   string // in the one fault; empty means none
	}{
		"a life":                  {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, running), stepEvent(3, 1), stepEvent(4, 2), stateEvent(5, completed)}, ""},
		"two lives":               {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, running), stepEvent(3, 1), stateEvent(4, failed), stateEvent(5, queued), stateEvent(6, running), stepEvent(7, 2)}, ""},
		"another phase":           {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, running), stateEvent(3, running)}, ""},
		"a cursor is missing":     {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(3, running)}, "event 3: it comes after event 1"},
		"a cursor comes twice":    {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(1, running)}, "event 1: it comes after event 1"},
		"a step is missing":       {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, running), stepEvent(3, 2)}, "step 2 comes after step 0"},
		"a step comes twice":      {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, running), stepEvent(3, 1), stepEvent(4, 1)}, "step 1 comes after step 1"},
		"a step is another's":     {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, running), wrongCost}, "which is not its own"},
		"a step of a queued job":  {[]protocol.JobEvent{stateEvent(1, queued), stepEvent(2, 1)}, "step 1 comes while the job is queued"},
		"a final state twice":     {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, failed), stateEvent(3, failed)}, "comes after the job was failed"},
		"a line after the end":    {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, failed), {Cursor: 3, Type: protocol.EventLog}}, "a log event comes after the job was failed"},
		"a completed job anew":    {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, running), stateEvent(3, completed), stateEvent(4, queued)}, `was "completed" and became queued`},
		"a move that is no move":  {[]protocol.JobEvent{stateEvent(1, queued), stateEvent(2, completed)}, `was "queued" and became completed`},
		"a state without a state": {[]protocol.JobEvent{{Cursor: 1, Type: protocol.EventState}}, "has no status"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, faults := history{}, []string(nil)
			for _, event := range c.events {
				faults = append(faults, h.add(event, costOfTests)...)
			}
			if c.want == "" && len(faults) > 0 || c.want != "" && (len(faults) == 0 || !strings.Contains(faults[0], c.want)) {
				t.Errorf("faults %q, want %q", faults, c.want)
			}
		})
	}
}

func TestJournalsShowWhoWasAlive(t *testing.T) {
	t.Parallel()
	begin := func(pid int) line { return line{pid, wordBegin, "0"} }
	step := func(pid int) line { return line{pid, wordStep, "1"} }
	cases := map[string]struct {
		lines    []line
		workers  int
		overlaps int
	}{
		"nobody":                 {nil, 0, 0},
		"one after the other":    {[]line{begin(1), step(1), step(1), begin(2), step(2)}, 2, 0},
		"one after the next":     {[]line{begin(1), begin(2), step(1)}, 3, 1},
		"a worker met another":   {[]line{begin(1), begin(2), {2, wordOverlap, "1"}}, 2, 1},
		"one that did not begin": {[]line{begin(1), begin(2), begin(3), step(3)}, 3, 0},
	}
	for name, c := range cases {
		workers, overlaps := lives(c.lines)
		if len(workers) != c.workers || len(overlaps) != c.overlaps {
			t.Errorf("%s: %d workers, overlaps %q", name, len(workers), overlaps)
		}
	}
}

// A journal is read as it was written.
func TestJournalRoundTrip(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	j, err := openJournal(directory, "job-x")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{wordBegin, wordFrom, wordStep, wordStep, wordCheckpoint} {
		if err := j.note(word, 7); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := readJournal(directory, "job-x")
	if err != nil {
		t.Fatal(err)
	}
	workers, _ := lives(lines)
	if len(workers) != 1 || workers[0] != (life{pid: j.pid, from: 7, steps: 2, checkpoints: 1}) {
		t.Errorf("%+v", workers)
	}
	if lines, err := readJournal(directory, "job-y"); lines != nil || err != nil {
		t.Errorf("a journal that is not there: %v, %v", lines, err)
	}
}

// Whoever skips a step or takes one twice comes to another number.
func TestWeightsTellTheirSteps(t *testing.T) {
	t.Parallel()
	s := &script{Seed: 12345}
	right := s.weightAfter(3)
	first := s.weightAfter(1)
	if skipped := nextWeight(first, 3); skipped == right {
		t.Error("a step that was left out does not show")
	}
	if twice := nextWeight(nextWeight(nextWeight(first, 2), 2), 3); twice == right {
		t.Error("a step that was taken twice does not show")
	}
	if again := nextWeight(nextWeight(first, 2), 3); again != right {
		t.Error("a run that went on comes to another number")
	}
	if float32(right) != float32(uint32(float32(right))) || right >= weightRange {
		t.Error("a float32 does not hold the number")
	}
}
