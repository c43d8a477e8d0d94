package schedule

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// need is a job that asks for gigabytes of a device.
func need(id, device string, gigabytes float64) Job {
	return Job{ID: id, Owner: "local", Since: start, Device: device, Memory: int64(gigabytes * gb)}
}

// addAll adds jobs as ones that came after all others.
func addAll(s *Scheduler, jobs ...Job) {
	last := int64(0)
	for _, w := range s.queue.jobs {
		last = max(last, w.Sequence)
	}
	for _, r := range s.runs {
		last = max(last, r.Sequence)
	}
	for i, job := range jobs {
		job.Sequence = last + int64(i) + 1
		s.Add(job)
	}
}

// useOf is "device reserved[job reserved …]" in GB for each device in use.
func useOf(s *Scheduler) string {
	var all []string
	for _, use := range s.Use() {
		if len(use.Jobs) == 0 && use.Reserved == 0 {
			continue
		}
		text := fmt.Sprintf("%s %g[", use.Name, float64(use.Reserved)/gb)
		for i, job := range use.Jobs {
			text += fmt.Sprintf("%s%s %g", strings.Repeat(", ", min(i, 1)), job.ID, float64(job.Reserved)/gb)
		}
		all = append(all, text+"]")
	}
	return strings.Join(all, ", ")
}

func TestPlacement(t *testing.T) {
	t.Parallel()
	pool := []Device{{"cuda:0", "cuda", 24 * gb}, {"cuda:1", "cuda", 48 * gb}, {"cuda:2", "cuda", 24 * gb}, {"cpu", "cpu", 8 * gb}}
	tests := []struct {
		name string
		jobs []Job
		want string
	}{
		{"by name", []Job{need("a", "cuda:2", 1)}, "[a@cuda:2]"},
		{"by kind, the tightest of idle ones", []Job{need("a", "cuda", 1)}, "[a@cuda:0]"},
		{"only where it fits", []Job{need("a", "cuda", 40)}, "[a@cuda:1]"},
		{"no device of that name", []Job{need("a", "cuda:7", 1), need("b", "rocm", 1), need("c", "", 1)}, "[]"},
		{"fewest jobs, then the tightest", []Job{need("a", "cuda", 1), need("b", "cuda", 1), need("c", "cuda", 1), need("d", "cuda", 1)},
			"[a@cuda:0 b@cuda:2 c@cuda:1 d@cuda:0]"},
		{"two on one device", []Job{need("a", "cpu", 4), need("b", "cpu", 4), need("c", "cpu", 0.001)}, "[a@cpu b@cpu]"},
		{"one that needs nothing, on a full device", []Job{need("a", "cpu", 8), need("b", "cpu", 0)}, "[a@cpu b@cpu]"},
		{"a smaller one behind is let through", []Job{need("a", "cpu", 5), need("b", "cpu", 6), need("c", "cpu", 3)}, "[a@cpu c@cpu]"},
		{"kinds do not hold each other up", []Job{need("a", "cpu", 8), need("b", "cpu", 8), need("c", "cuda", 8)}, "[a@cpu c@cuda:0]"},
		{"larger than every device: the largest, alone", []Job{need("a", "cuda", 50), need("b", "cuda:1", 0), need("c", "cuda", 1)}, "[a@cuda:1 c@cuda:0]"},
		{"larger than the device named", []Job{need("a", "cuda:0", 30), need("b", "cuda:0", 1)}, "[a@cuda:0]"},
		{"alone means that it waits for others", []Job{need("a", "cpu", 0), need("b", "cpu", 9)}, "[a@cpu]"},
		{"less than nothing is nothing", []Job{need("a", "cpu", -5), need("b", "cpu", 8)}, "[a@cpu b@cpu]"},
		{"as much as can be said", []Job{{ID: "a", Device: "cpu", Memory: math.MaxInt64}, need("b", "cpu", 1)}, "[a@cpu]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := New(pool, Policy{Aging: time.Hour})
			addAll(s, test.jobs...)
			if got := startAll(s, start); got != test.want {
				t.Errorf("%s started, want %s", got, test.want)
			}
		})
	}
}

func TestResizeAndRelease(t *testing.T) {
	t.Parallel()
	steps := []struct {
		name string
		do   func(s *Scheduler)
		use  string
	}{
		{"reserved as estimated", func(s *Scheduler) { addAll(s, need("a", "cpu", 4), need("b", "cpu", 3)) }, "cpu 7[a 4, b 3]"},
		{"measured to be less, so that another fits", func(s *Scheduler) { s.Resize("a", 2*gb); addAll(s, need("c", "cpu", 3)) }, "cpu 8[a 2, b 3, c 3]"},
		{"measured to be more than there is", func(s *Scheduler) { s.Resize("b", 9*gb) }, "cpu 14[a 2, b 9, c 3]"},
		{"nothing more is placed, not even what needs nothing", func(s *Scheduler) { addAll(s, need("d", "cpu", 0)) }, "cpu 14[a 2, b 9, c 3]"},
		{"nor while it is still too much", func(s *Scheduler) { s.Release("c") }, "cpu 11[a 2, b 9]"},
		{"until it fits again", func(s *Scheduler) { s.Release("a"); s.Resize("b", 8*gb) }, "cpu 8[b 8, d 0]"},
		{"less than nothing", func(s *Scheduler) { s.Resize("b", -1) }, "cpu 0[b 0, d 0]"},
		{"who does not run", func(s *Scheduler) { s.Resize("a", gb); s.Release("a"); s.Release("nobody") }, "cpu 0[b 0, d 0]"},
		{"more than can be summed", func(s *Scheduler) { s.Resize("b", math.MaxInt64); s.Resize("d", math.MaxInt64) },
			"cpu 2.251799813685248e+06[b 1.125899906842624e+06, d 1.125899906842624e+06]"},
		{"all ended", func(s *Scheduler) { s.Release("b"); s.Release("d") }, ""},
		{"larger than the device", func(s *Scheduler) { addAll(s, need("e", "cpu", 20), need("f", "cpu", 2)) }, "cpu 8[e 8]"},
		{"which was an error", func(s *Scheduler) { s.Resize("e", 6*gb) }, "cpu 8[e 6, f 2]"},
	}
	s := New(oneCPU, Policy{Aging: time.Hour})
	for _, step := range steps {
		step.do(s)
		startAll(s, start)
		if got := useOf(s); got != step.use {
			t.Fatalf("%s: in use is %s, want %s", step.name, got, step.use)
		}
	}
}

// TestHolding follows large jobs that wait among small ones. A step is a time in minutes, what ends and what comes then,
// and what is to start.
func TestHolding(t *testing.T) {
	t.Parallel()
	type step struct {
		minute int
		ends   string
		comes  []Job
		want   string
	}
	two := []Device{{"cuda:0", "cuda", 24 * gb}, {"cuda:1", "cuda", 24 * gb}}
	tests := []struct {
		name    string
		devices []Device
		steps   []step
	}{
		{"small ones pass for as long as aging, then no longer", oneCPU, []step{
			{0, "", []Job{need("s1", "cpu", 4), need("large", "cpu", 8), need("s2", "cpu", 4)}, "[s1@cpu s2@cpu]"},
			{59, "s1", []Job{need("s3", "cpu", 4)}, "[s3@cpu]"},
			{60, "s2", []Job{need("s4", "cpu", 4)}, "[]"},
			{70, "s3", nil, "[large@cpu]"},
			{90, "large", nil, "[s4@cpu]"},
		}},
		{"the time counts from its turn, not from its coming", oneCPU, []step{
			{0, "", []Job{need("first", "cpu", 8), need("second", "cpu", 7), need("third", "cpu", 7), need("small", "cpu", 1)}, "[first@cpu]"},
			{50, "first", nil, "[second@cpu small@cpu]"},
			{70, "", []Job{need("s1", "cpu", 0.5)}, "[]"}, // the device is full
			{100, "small", nil, "[s1@cpu]"},               // third: since 50
			{110, "second", []Job{need("s2", "cpu", 1)}, "[third@cpu]"},
		}},
		{"what the large one leaves over is used", oneCPU, []step{
			{0, "", []Job{need("s1", "cpu", 4), need("large", "cpu", 5)}, "[s1@cpu]"},
			{60, "", []Job{need("s2", "cpu", 2), need("s3", "cpu", 2), need("s4", "cpu", 1)}, "[s2@cpu s4@cpu]"}, // 5 + 2 + 1 are 8
			{61, "s4", nil, "[]"},
			{62, "", []Job{need("s5", "cpu", 1)}, "[s5@cpu]"},
			{63, "s1", nil, "[large@cpu]"},
		}},
		{"the device is held where it will fit first", two, []step{
			{0, "", []Job{need("a", "cuda:0", 8), need("b", "cuda:0", 8), need("c", "cuda:0", 8), need("d", "cuda:1", 24), need("large", "cuda", 20)},
				"[a@cuda:0 b@cuda:0 c@cuda:0 d@cuda:1]"},
			{60, "a", []Job{need("s1", "cuda", 8)}, "[s1@cuda:0]"}, // cuda:1 is held: one run has to end there, and two on cuda:0
			{61, "d", []Job{need("s2", "cuda", 8)}, "[large@cuda:1]"},
		}},
		{"it stays with the device that was held for it", two, []step{
			{0, "", []Job{need("a", "cuda:0", 12), need("b", "cuda:0", 12), need("c", "cuda:1", 12), need("d", "cuda:1", 12), need("large", "cuda", 24)},
				"[a@cuda:0 b@cuda:0 c@cuda:1 d@cuda:1]"},
			{60, "", nil, "[]"}, // cuda:0 is held
			{61, "d", []Job{need("s1", "cuda", 6), need("s2", "cuda", 6)}, "[s1@cuda:1 s2@cuda:1]"},
			{62, "s1", []Job{need("s3", "cuda", 6)}, "[s3@cuda:1]"},
			{63, "a", []Job{need("s4", "cuda", 6)}, "[]"},
			{64, "b", nil, "[large@cuda:0]"},
			{65, "c", nil, "[s4@cuda:1]"},
		}},
		{"it starts elsewhere when there is room earlier", two, []step{
			{0, "", []Job{need("a", "cuda:0", 24), need("b", "cuda:1", 12), need("c", "cuda:1", 12), need("large", "cuda", 20)}, "[a@cuda:0 b@cuda:1 c@cuda:1]"},
			{60, "", nil, "[]"}, // cuda:0 is held
			{61, "b", nil, "[]"},
			{62, "c", nil, "[large@cuda:1]"},
			{63, "a", []Job{need("s1", "cuda", 24)}, "[s1@cuda:0]"}, // and nothing is held any more
		}},
		{"only one device is held at a time, but the second one's turn counts meanwhile", two, []step{
			{0, "", []Job{need("a", "cuda:0", 24), need("b", "cuda:1", 12), need("c", "cuda:1", 12), need("large", "cuda", 20), need("larger", "cuda", 24)},
				"[a@cuda:0 b@cuda:1 c@cuda:1]"},
			{60, "b", []Job{need("s1", "cuda", 12)}, "[s1@cuda:1]"},
			{61, "a", []Job{need("s2", "cuda", 4)}, "[large@cuda:0]"}, // which now is held again, for larger
			{62, "c", []Job{need("s3", "cuda", 12)}, "[s2@cuda:1]"},
			{63, "s2", nil, "[s3@cuda:1]"},
			{64, "large", nil, "[larger@cuda:0]"},
		}},
		{"one behind that waits for the same device changes nothing", two, []step{
			{0, "", []Job{need("s1", "cuda:0", 16), need("large", "cuda:0", 18), need("larger", "cuda:0", 24)}, "[s1@cuda:0]"},
			{60, "", []Job{need("s2", "cuda:0", 6)}, "[s2@cuda:0]"}, // beside large
			{61, "s1", nil, "[large@cuda:0]"},
		}},
		{"what was let through before the device was held ends some time too", oneCPU, []step{
			{0, "", []Job{need("s1", "cpu", 4), need("large", "cpu", 5), need("s2", "cpu", 2)}, "[s1@cpu s2@cpu]"},
			{60, "", []Job{need("s3", "cpu", 2)}, "[s3@cpu]"},
			{61, "s1", []Job{need("s4", "cpu", 2)}, "[]"}, // large does not fit beside s2 and s3 yet, and would not beside s3 and s4
			{62, "s2", nil, "[large@cpu]"},
		}},
		{"a higher priority passes a held device", oneCPU, []step{
			{0, "", []Job{need("s1", "cpu", 4), need("large", "cpu", 8), need("s2", "cpu", 4)}, "[s1@cpu s2@cpu]"},
			{60, "s1", []Job{{ID: "urgent", Priority: 5, Since: at(time.Hour), Device: "cpu", Memory: 4 * gb}}, "[urgent@cpu]"},
		}},
		{"larger than the device", oneCPU, []step{
			{0, "", []Job{need("s1", "cpu", 4), need("large", "cpu", 9), need("s2", "cpu", 4)}, "[s1@cpu s2@cpu]"},
			{60, "s1", []Job{need("s3", "cpu", 0)}, "[]"},
			{61, "s2", nil, "[large@cpu]"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := New(test.devices, Policy{Aging: time.Hour})
			for _, step := range test.steps {
				if step.ends != "" {
					s.Release(step.ends)
				}
				addAll(s, step.comes...)
				if got := startAll(s, at(time.Duration(step.minute)*time.Minute)); got != step.want {
					t.Fatalf("minute %d: %s started, want %s", step.minute, got, step.want)
				}
			}
		})
	}
}

func TestHoldingEndsWithItsJob(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(s *Scheduler){
		"removed":              func(s *Scheduler) { s.Remove("large") },
		"behind by priority":   func(s *Scheduler) { s.SetPriority("large", -1) },
		"its owner at a limit": func(s *Scheduler) { s.SetPolicy(Policy{OwnerRunning: func(string) int { return 1 }}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(oneCPU, Policy{}) // without aging a device is held at once
			small := need("small", "cpu", 4)
			small.Owner = "other"
			addAll(s, need("running", "cpu", 4), need("large", "cpu", 8), small)
			if got := startAll(s, start); got != "[running@cpu]" {
				t.Fatalf("%s started", got)
			}
			leave(s)
			if got := startAll(s, start); got != "[small@cpu]" {
				t.Errorf("%s started, want small", got)
			}
		})
	}
}
