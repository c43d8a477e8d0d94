package schedule

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

const gb = 1_000_000_000

// start is when the fake clock of the tests begins.
var start = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

// cpu is a job without needs, which came a number of seconds after start.
func cpu(id string, priority int, sequence int64) Job {
	return Job{ID: id, Owner: "local", Priority: priority, Sequence: sequence, Since: at(time.Duration(sequence) * time.Second), Device: "cpu"}
}

func notBefore(job Job, d time.Duration) Job {
	job.NotBefore = at(d)
	return job
}

var oneCPU = []Device{{"cpu", "cpu", 8 * gb}}

func TestOrder(t *testing.T) {
	t.Parallel()
	aging := Policy{Aging: 10 * time.Second}
	tests := []struct {
		name   string
		policy Policy
		jobs   []Job
		want   string
	}{
		{"empty", aging, nil, "[]"},
		{"first in, first out", aging, []Job{cpu("a", 0, 1), cpu("b", 0, 2), cpu("c", 0, 3)}, "[a b c]"},
		{"added out of order, as after a restart", aging, []Job{cpu("c", 0, 3), cpu("a", 0, 1), cpu("b", 0, 2)}, "[a b c]"},
		{"at the same moment", aging, []Job{
			{ID: "b", Sequence: 2, Since: start}, {ID: "a", Sequence: 1, Since: start}, {ID: "c", Sequence: 3, Since: start},
		}, "[a b c]"},
		{"a higher priority passes", aging, []Job{cpu("a", 0, 1), cpu("b", 5, 2), cpu("c", -1, 3), cpu("d", 5, 4)}, "[b d a c]"},
		{"waiting is worth priorities", aging, []Job{cpu("a", 0, 0), cpu("just before", 1, 9), cpu("just after", 1, 11)}, "[just before a just after]"},
		{"as much waiting as priority: the older one", aging, []Job{cpu("young", 1, 10), cpu("old", 0, 0)}, "[old young]"},
		{"three priorities are worth three times", aging, []Job{cpu("a", 0, 0), cpu("b", 3, 29), cpu("c", 3, 31)}, "[b a c]"},
		{"without aging", Policy{}, []Job{cpu("a", 0, 0), cpu("b", 1, 1_000_000), cpu("c", 1, 1_000_001)}, "[b c a]"},
		{"aging so slow that it never counts", Policy{Aging: 1<<63 - 1}, []Job{cpu("a", -100, 0), cpu("b", 100, 1), cpu("c", 100, 2)}, "[b c a]"},
		{"the same job twice", aging, []Job{cpu("a", 0, 1), cpu("a", 5, 2)}, "[a]"},
		{"not before a time", aging, []Job{notBefore(cpu("late", 9, 1), 100*time.Second), notBefore(cpu("later", 9, 2), 200*time.Second), cpu("a", 0, 3)}, "[a late later]"},
		{"a time that has come", aging, []Job{cpu("a", 0, 1), notBefore(cpu("b", 0, 2), 50*time.Second), cpu("c", 0, 3)}, "[a b c]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			now := at(50 * time.Second)
			s := New(oneCPU, test.policy)
			for _, job := range test.jobs {
				s.Add(job)
			}
			if got := fmt.Sprint(s.Waiting(now)); got != test.want {
				t.Errorf("%s waits, want %s", got, test.want)
			}
			checkPositions(t, s, now)
			s.Next(at(-time.Hour)) // wakes nobody, and starts the first that has no time
			checkPositions(t, s, now)
			s.queue.wake(now)
			checkPositions(t, s, now)
		})
	}
}

// checkPositions compares each job's position with the list of all.
func checkPositions(t interface {
	Helper()
	Fatalf(string, ...any)
}, s *Scheduler, now time.Time) {
	t.Helper()
	for i, id := range s.Waiting(now) {
		if got := s.Position(id, now); got != i+1 {
			t.Fatalf("the position of %s is %d, want %d", id, got, i+1)
		}
	}
	if got := s.Position("nobody", now); got != 0 {
		t.Fatalf("a job that is not there has the position %d", got)
	}
}

// startAll starts what may start, and returns "job@device" for each.
func startAll(s *Scheduler, now time.Time) string {
	started := []string{}
	for {
		p, ok := s.Next(now)
		if !ok {
			return fmt.Sprint(started)
		}
		started = append(started, p.ID+"@"+p.Device)
	}
}

func TestRunningLimits(t *testing.T) {
	t.Parallel()
	owned := func(id, owner string, sequence int64) Job {
		job := cpu(id, 0, sequence)
		job.Owner = owner
		return job
	}
	jobs := []Job{owned("a1", "ann", 1), owned("a2", "ann", 2), owned("a3", "ann", 3), owned("b1", "bob", 4), owned("b2", "bob", 5)}
	onlyAnn := func(owner string) int { return map[string]int{"ann": 1}[owner] }
	tests := []struct {
		name          string
		policy        Policy
		first, second string // what starts, and what starts when the first of those has ended
	}{
		{"no limits", Policy{}, "[a1@cpu a2@cpu a3@cpu b1@cpu b2@cpu]", "[]"},
		{"in all", Policy{MaxRunning: 2}, "[a1@cpu a2@cpu]", "[a3@cpu]"},
		{"one owner, who holds up nobody else", Policy{OwnerRunning: onlyAnn}, "[a1@cpu b1@cpu b2@cpu]", "[a2@cpu]"},
		{"both", Policy{MaxRunning: 2, OwnerRunning: onlyAnn}, "[a1@cpu b1@cpu]", "[a2@cpu]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := New(oneCPU, test.policy)
			for _, job := range jobs {
				s.Add(job)
			}
			if got := startAll(s, start); got != test.first {
				t.Errorf("%s started, want %s", got, test.first)
			}
			s.Release("a1")
			if got := startAll(s, start); got != test.second {
				t.Errorf("then %s started, want %s", got, test.second)
			}
		})
	}
}

func TestPriorityAndPolicyChange(t *testing.T) {
	t.Parallel()
	s := New(oneCPU, Policy{Aging: 10 * time.Second})
	for _, job := range []Job{cpu("a", 0, 1), cpu("b", 0, 2), notBefore(cpu("late", 0, 3), time.Hour)} {
		s.Add(job)
	}
	check := func(want string) {
		t.Helper()
		if got := fmt.Sprint(s.Waiting(start)); got != want {
			t.Errorf("%s waits, want %s", got, want)
		}
		checkPositions(t, s, start)
	}
	s.SetPriority("b", 1)
	s.SetPriority("late", 2)
	s.SetPriority("nobody", 3)
	check("[b a late]")
	s.Add(cpu("c", 2, 30))
	check("[b a c late]")
	s.SetPolicy(Policy{Aging: 20 * time.Second})
	check("[b c a late]")
	s.SetPolicy(Policy{})
	check("[c b a late]")
	s.SetPriority("c", 0)
	check("[b a c late]")
}

func TestRemove(t *testing.T) {
	t.Parallel()
	s := New(oneCPU, Policy{})
	for _, job := range []Job{cpu("a", 0, 1), cpu("b", 0, 2), notBefore(cpu("late", 0, 3), time.Hour)} {
		s.Add(job)
	}
	s.Next(start)
	for _, step := range []struct {
		id   string
		want bool
	}{{"a", false}, {"b", true}, {"b", false}, {"late", true}, {"nobody", false}} {
		if got := s.Remove(step.id); got != step.want {
			t.Errorf("Remove(%s) is %v", step.id, got)
		}
	}
	if got := fmt.Sprint(s.Waiting(start), s.Running()); got != "[] [a]" {
		t.Errorf("waiting and running are %s", got)
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	s := New(oneCPU, Policy{MaxQueued: 2, MaxRunning: 1})
	if err := s.Room(0); err != nil {
		t.Errorf("an empty queue: %v", err)
	}
	s.Add(cpu("a", 0, 1))
	s.Add(notBefore(cpu("b", 0, 2), time.Hour))
	s.Add(cpu("c", 0, 3)) // is taken, as after a restart
	var full *QueueFullError
	if err := s.Room(0); !errors.As(err, &full) || full.Limit != 2 || full.Queued != 3 {
		t.Errorf("three wait: %v", err)
	}
	if mine, theirs := s.QueuedOf("local"), s.QueuedOf("ann"); mine != 3 || theirs != 0 {
		t.Errorf("%d of local wait, %d of ann", mine, theirs)
	}
	s.Next(start)
	if s.Room(0) == nil {
		t.Error("two wait, and there is room")
	}
	s.Remove("b")
	if err := s.Room(0); err != nil {
		t.Errorf("one waits: %v", err)
	}
	if s.Room(1) == nil {
		t.Error("one waits and another place is promised, and there is room")
	}
	s.SetPolicy(Policy{})
	if err := s.Room(0); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	s := New(oneCPU, Policy{})
	s.Add(cpu("a", 0, 1))
	s.Pause(true)
	if got := startAll(s, start); got != "[]" {
		t.Errorf("%s started in a paused queue", got)
	}
	s.Pause(false)
	if got := startAll(s, start); got != "[a@cpu]" {
		t.Errorf("%s started after the pause", got)
	}
}

func TestNotBefore(t *testing.T) {
	t.Parallel()
	s := New(oneCPU, Policy{})
	s.Add(notBefore(cpu("a", 9, 1), time.Minute))
	s.Add(notBefore(cpu("b", 0, 2), time.Second))
	s.Add(cpu("c", 0, 3))
	steps := []struct {
		now     time.Duration
		started string
		wake    time.Duration // 0: never
	}{
		{0, "[c@cpu]", time.Second},
		{time.Second - 1, "[]", time.Second},
		{time.Second, "[b@cpu]", time.Minute},
		{time.Hour, "[a@cpu]", 0},
	}
	for _, step := range steps {
		if got := startAll(s, at(step.now)); got != step.started {
			t.Errorf("at %v %s started, want %s", step.now, got, step.started)
		}
		wake, ok := s.Wake(at(step.now))
		if ok != (step.wake > 0) || ok && !wake.Equal(at(step.wake)) {
			t.Errorf("at %v wake at %v, %v; want %v", step.now, wake.Sub(start), ok, step.wake)
		}
	}
	s.Add(notBefore(cpu("d", 0, 4), time.Minute))
	s.Position("d", at(time.Hour)) // does not make anybody forget to ask Next
	if wake, ok := s.Wake(at(time.Hour)); !ok || !wake.Equal(at(time.Hour)) {
		t.Errorf("a job that is due does not wake at once, but at %v, %v", wake.Sub(start), ok)
	}
}

// TestAddWhileRunning is a job that is tried again before its last run is told to have ended: it is neither lost nor run
// twice at once.
func TestAddWhileRunning(t *testing.T) {
	t.Parallel()
	s := New(oneCPU, Policy{})
	s.Add(cpu("a", 0, 1))
	s.Next(start)
	s.Add(cpu("a", 0, 1))
	s.Add(cpu("b", 0, 2))
	if got := startAll(s, start); got != "[b@cpu]" {
		t.Errorf("%s started while a runs", got)
	}
	s.Release("a")
	s.Release("a")
	if got := startAll(s, start); got != "[a@cpu]" {
		t.Errorf("%s started after the run", got)
	}
	if got := fmt.Sprint(s.Running()); got != "[b a]" {
		t.Errorf("%s run", got)
	}
}
