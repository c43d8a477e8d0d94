package schedule

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is what a scheduler should know, kept in the plainest way, with rules that are written down a second time.
type model struct {
	devices []Device
	policy  Policy
	paused  bool
	waiting map[string]modelWaiting
	running map[string]modelRun
}

type modelWaiting struct {
	Job
	added time.Time
}

type modelRun struct {
	Job
	device   string
	reserved int64
	alone    bool
}

// order is the waiting jobs by priority and what their waiting is worth at now; those that may not start yet come last.
func (m *model) order(now time.Time) []modelWaiting {
	jobs := []modelWaiting{}
	for _, w := range m.waiting {
		jobs = append(jobs, w)
	}
	worth := func(w modelWaiting) time.Duration { return time.Duration(w.Priority)*m.policy.Aging + now.Sub(w.Since) }
	slices.SortFunc(jobs, func(a, b modelWaiting) int {
		early, late := !a.NotBefore.After(now), !b.NotBefore.After(now)
		switch {
		case early != late:
			if early {
				return -1
			}
			return 1
		case !early && !a.NotBefore.Equal(b.NotBefore):
			return a.NotBefore.Compare(b.NotBefore)
		case worth(a) != worth(b):
			return int(worth(b) - worth(a))
		}
		return int(a.Sequence - b.Sequence)
	})
	return jobs
}

// fitting is the devices on which a job has room beside what runs there.
func (m *model) fitting(job Job) (names []string) {
	largest := int64(0)
	for _, d := range m.devices {
		if job.Device == d.Name || job.Device == d.Kind {
			largest = max(largest, d.Memory)
		}
	}
	for _, d := range m.devices {
		taken, runs, alone := int64(0), 0, false
		for _, r := range m.running {
			if r.device == d.Name {
				taken, runs, alone = taken+r.reserved, runs+1, alone || r.alone
			}
		}
		room := taken+job.Memory <= d.Memory && !alone
		if job.Memory > largest {
			room = d.Memory == largest && runs == 0
		}
		if (job.Device == d.Name || job.Device == d.Kind) && room {
			names = append(names, d.Name)
		}
	}
	return names
}

// stopped reports whether a job may not start for a reason of its own.
func (m *model) stopped(w modelWaiting, now time.Time) bool {
	mine := 0
	for _, r := range m.running {
		if r.Owner == w.Owner {
			mine++
		}
	}
	_, runs := m.running[w.ID]
	return w.NotBefore.After(now) || runs || mine >= m.policy.OwnerRunning(w.Owner)
}

// checkNext judges what Next gave. A job before the one that was given must be stopped or fit nowhere. A job that would
// fit and was not given must be behind one that fits nowhere, shares a device with it, and has been there for Aging.
func (m *model) checkNext(t *rapid.T, now time.Time, p Placement, ok bool) {
	if m.paused || len(m.running) >= m.policy.MaxRunning {
		if ok {
			t.Fatalf("%s was started though no job may be", p.ID)
		}
		return
	}
	overdue := map[string]bool{} // the devices that may be held
	for _, w := range m.order(now) {
		fitting := m.fitting(w.Job)
		if ok && w.ID == p.ID {
			if m.stopped(w, now) || !slices.Contains(fitting, p.Device) {
				t.Fatalf("%s must not start on %s; it fits on %v", p.ID, p.Device, fitting)
			}
			return
		}
		if m.stopped(w, now) {
			continue
		}
		for _, name := range fitting {
			if !overdue[name] {
				t.Fatalf("%s was passed over though it fits on %s", w.ID, name)
			}
		}
		for _, d := range m.devices {
			if (w.Device == d.Name || w.Device == d.Kind) && len(fitting) == 0 && now.Sub(w.added) >= m.policy.Aging {
				overdue[d.Name] = true
			}
		}
	}
	if ok {
		t.Fatalf("%s was started and did not wait", p.ID)
	}
}

// checkState compares what the scheduler says with the model.
func (m *model) checkState(t *rapid.T, s *Scheduler, now time.Time) {
	want := []string{}
	for _, w := range m.order(now) {
		want = append(want, w.ID)
	}
	if got := s.Waiting(now); !slices.Equal(got, want) {
		t.Fatalf("waiting are %v, want %v", got, want)
	}
	checkPositions(t, s, now)
	if len(s.Running()) != len(m.running) {
		t.Fatalf("running are %v, want %v", s.Running(), m.running)
	}
	for _, use := range s.Use() {
		sum := int64(0)
		for _, r := range use.Jobs {
			if own := m.running[r.ID]; own.device != use.Name || own.reserved != r.Reserved {
				t.Fatalf("%s says that %+v runs there; the model has %+v", use.Name, r, own)
			}
			sum += r.Reserved
		}
		if sum != use.Reserved {
			t.Fatalf("%s: %d bytes are reserved, and its jobs hold %d", use.Name, use.Reserved, sum)
		}
	}
	for id := range m.waiting {
		if reason, message := s.Why(id, now); reason == "" || message == "" {
			t.Fatalf("%s waits and nothing says why", id)
		}
	}
}

// TestAgainstModel lives long random lives. It shows that no job is lost or run twice at once, that no device is
// over-committed by a placement, and that the order holds among the jobs that could start.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			devices: []Device{{"cuda:0", "cuda", 10}, {"cuda:1", "cuda", 16}, {"cpu", "cpu", 10}},
			policy: Policy{
				MaxRunning: rapid.IntRange(1, 8).Draw(t, "most running"),
				Aging:      time.Duration(rapid.IntRange(1, 10).Draw(t, "aging")) * time.Second,
			},
			waiting: map[string]modelWaiting{}, running: map[string]modelRun{},
		}
		ownerLimit := rapid.IntRange(1, 6).Draw(t, "most running of an owner")
		m.policy.OwnerRunning = func(string) int { return ownerLimit }
		s := New(m.devices, m.policy)
		now := start
		pick := func(ids []string) string {
			slices.Sort(ids)
			return rapid.SampledFrom(append(ids, "nobody")).Draw(t, "job")
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				sequence := rapid.Int64Range(0, 30).Draw(t, "sequence") // some wait or run already
				job := Job{
					ID: fmt.Sprint(sequence), Sequence: sequence, Since: now,
					Owner:    rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "owner"),
					Priority: rapid.IntRange(-2, 2).Draw(t, "priority"),
					Device:   rapid.SampledFrom([]string{"cuda", "cuda", "cuda:1", "cpu", "none"}).Draw(t, "device"),
					Memory:   rapid.Int64Range(0, 18).Draw(t, "memory"),
				}
				if rapid.IntRange(0, 4).Draw(t, "delayed") == 0 {
					job.NotBefore = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "delay")) * time.Second)
				}
				s.Add(job)
				if _, waits := m.waiting[job.ID]; !waits {
					m.waiting[job.ID] = modelWaiting{job, now}
				}
			},
			"remove": func(t *rapid.T) {
				id := pick(s.Waiting(now))
				_, want := m.waiting[id]
				if got := s.Remove(id); got != want {
					t.Fatalf("Remove(%s) is %v", id, got)
				}
				delete(m.waiting, id)
			},
			"next": func(t *rapid.T) {
				p, ok := s.Next(now)
				m.checkNext(t, now, p, ok)
				if ok {
					delete(m.waiting, p.ID)
					at := slices.IndexFunc(m.devices, func(d Device) bool { return d.Name == p.Device })
					memory := m.devices[at].Memory
					if want := min(p.Memory, memory); p.Reserved != want {
						t.Fatalf("%s reserved %d, want %d", p.ID, p.Reserved, want)
					}
					m.running[p.ID] = modelRun{p.Job, p.Device, p.Reserved, p.Memory > memory}
				}
			},
			"release": func(t *rapid.T) {
				id := pick(s.Running())
				s.Release(id)
				delete(m.running, id)
			},
			"resize": func(t *rapid.T) {
				id, bytes := pick(s.Running()), rapid.Int64Range(-2, 20).Draw(t, "bytes")
				s.Resize(id, bytes)
				if r, runs := m.running[id]; runs {
					r.reserved, r.alone = max(0, bytes), false
					m.running[id] = r
				}
			},
			"priority": func(t *rapid.T) {
				id, priority := pick(s.Waiting(now)), rapid.IntRange(-2, 2).Draw(t, "priority")
				s.SetPriority(id, priority)
				if w, waits := m.waiting[id]; waits {
					w.Priority = priority
					m.waiting[id] = w
				}
			},
			"pause": func(t *rapid.T) {
				m.paused = rapid.IntRange(0, 3).Draw(t, "paused") == 0
				s.Pause(m.paused)
			},
			"policy": func(t *rapid.T) {
				m.policy.Aging = time.Duration(rapid.IntRange(1, 10).Draw(t, "aging")) * time.Second
				s.SetPolicy(m.policy)
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 15).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) { m.checkState(t, s, now) },
		})
	})
}
