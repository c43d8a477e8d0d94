package schedule

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The simulation lets jobs come, run for a time that the scheduler does not know, and end. Times are real ones, so that
// 10,000 jobs of an hour take a fraction of a second.

const simulatedJobs = 10_000

// workload is what comes in a simulation, in the order of arrival.
type workload struct {
	jobs     []Job
	duration map[string]time.Duration
}

// drawWorkload makes jobs of 1 to 24 GB and 2 minutes to 4 hours, most of them small and short. They all come within a
// second when hours is 0, else over so many hours.
func drawWorkload(seed uint64, n int, hours float64) *workload {
	random := rand.New(rand.NewPCG(seed, 5))
	load := &workload{duration: map[string]time.Duration{}}
	arrivals := make([]float64, n)
	for i := range arrivals {
		arrivals[i] = random.Float64() * max(1, hours*3600)
	}
	slices.Sort(arrivals)
	for i, arrival := range arrivals {
		job := Job{
			ID: fmt.Sprintf("job-%d", i), Priority: random.IntN(5) - 2, Sequence: int64(i), Device: "cuda",
			Since:  start.Add(time.Duration(arrival * float64(time.Second))),
			Memory: int64(math.Exp(random.Float64()*math.Log(24)) * gb),
		}
		load.jobs = append(load.jobs, job)
		load.duration[job.ID] = time.Duration(math.Exp(math.Log(2)+random.Float64()*math.Log(120)) * float64(time.Minute))
	}
	return load
}

// ending is a run that ends.
type ending struct {
	at     time.Time
	id     string
	device int
	memory int64
}

type endings []ending

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e endings) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *endings) Push(x any)        { *e = append(*e, x.(ending)) }
func (e *endings) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// replay runs a workload to its end: it tells what comes and what ends, in the order of time, and after each moment's
// news asks for what starts. It returns the time of the last end.
func (l *workload) replay(add func(Job), end func(ending), startAll func(now time.Time, started func(ending))) time.Time {
	var running endings
	coming, now := l.jobs, start
	for len(coming) > 0 || len(running) > 0 {
		if len(running) == 0 || len(coming) > 0 && coming[0].Since.Before(running[0].at) {
			now = coming[0].Since
		} else {
			now = running[0].at
		}
		for len(coming) > 0 && !coming[0].Since.After(now) {
			add(coming[0])
			coming = coming[1:]
		}
		for len(running) > 0 && !running[0].at.After(now) {
			end(heap.Pop(&running).(ending))
		}
		startAll(now, func(e ending) {
			e.at = now.Add(l.duration[e.id])
			heap.Push(&running, e)
		})
	}
	return now
}

// simulated is what the scheduler made of a workload.
type simulated struct {
	started  map[string]time.Time
	makespan time.Duration
	together int // the most jobs that were on one device at once
}

// simulate runs a workload under the scheduler, and checks at every moment that no device is over-committed.
func (l *workload) simulate(t *testing.T, devices []Device, policy Policy) *simulated {
	t.Helper()
	scheduler := New(devices, policy)
	result := &simulated{started: map[string]time.Time{}}
	end := l.replay(scheduler.Add,
		func(e ending) { scheduler.Release(e.id) },
		func(now time.Time, started func(ending)) {
			for {
				placement, ok := scheduler.Next(now)
				if !ok {
					break
				}
				if _, again := result.started[placement.ID]; again {
					t.Fatalf("%s was started twice", placement.ID)
				}
				result.started[placement.ID] = now
				started(ending{id: placement.ID})
			}
			for _, use := range scheduler.Use() {
				sum := int64(0)
				for _, r := range use.Jobs {
					sum += r.Reserved
				}
				if sum != use.Reserved || sum > use.Memory {
					t.Fatalf("%s: its jobs hold %d bytes, %d are reserved, it has %d", use.Name, sum, use.Reserved, use.Memory)
				}
				result.together = max(result.together, len(use.Jobs))
			}
		})
	if len(result.started) != len(l.jobs) {
		t.Fatalf("%d of %d jobs were started", len(result.started), len(l.jobs))
	}
	result.makespan = end.Sub(start)
	return result
}

// longestTurn checks that no job starves: once every job before it in the order has started, it starts within the
// policy's aging and one longest run. It returns the longest that any job took from then on.
func (l *workload) longestTurn(t *testing.T, policy Policy, result *simulated) (longest, bound time.Duration) {
	t.Helper()
	bound = policy.Aging
	for _, d := range l.duration {
		bound = max(bound, policy.Aging+d)
	}
	order := make([]*waiting, len(l.jobs))
	for i, job := range l.jobs {
		order[i] = &waiting{Job: job, rank: policy.rank(job)}
	}
	slices.SortFunc(order, byRank)
	front := start // when everything before has started
	for _, w := range order {
		turn := front
		if w.Since.After(turn) {
			turn = w.Since
		}
		started := result.started[w.ID]
		longest = max(longest, started.Sub(turn))
		if started.After(turn.Add(bound)) {
			t.Errorf("%s (priority %d, %s) came at %v, its turn at %v, and it started at %v: more than %v later",
				w.ID, w.Priority, formatBytes(w.Memory), w.Since.Sub(start), turn.Sub(start), started.Sub(start), bound)
		}
		if started.After(front) {
			front = started
		}
	}
	return longest, bound
}

// TestSimulation is the promise of the package on 10,000 jobs and 4 devices: no over-commit at any moment, no
// starvation, and the work done within 10 % of the best of many list schedules, some of which know how long each job takes.
func TestSimulation(t *testing.T) {
	t.Parallel()
	alike := []Device{{"cuda:0", "cuda", 24 * gb}, {"cuda:1", "cuda", 24 * gb}, {"cuda:2", "cuda", 24 * gb}, {"cuda:3", "cuda", 24 * gb}}
	unlike := []Device{{"cuda:0", "cuda", 16 * gb}, {"cuda:1", "cuda", 24 * gb}, {"cuda:2", "cuda", 48 * gb}, {"cuda:3", "cuda", 80 * gb}}
	tests := []struct {
		name    string
		devices []Device
		hours   float64
		aging   time.Duration
	}{
		{"a burst on four alike", alike, 0, time.Hour},
		{"more than four alike can do", alike, 500, time.Hour},
		{"about what four alike can do", alike, 1200, time.Hour},
		{"a burst on unlike ones, slow aging", unlike, 0, 12 * time.Hour},
		{"unlike ones, fast aging", unlike, 500, 5 * time.Minute},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(i + 1)
			load := drawWorkload(seed, simulatedJobs, test.hours)
			policy := Policy{Aging: test.aging}
			result := load.simulate(t, test.devices, policy)
			if result.together < 2 {
				t.Error("no device ever had two jobs")
			}
			longest, bound := load.longestTurn(t, policy, result)
			best, name := load.bestListSchedule(seed, test.devices)
			ratio := float64(result.makespan) / float64(best)
			t.Logf("seed %d: makespan %.1f h, the best list schedule %.1f h (%s), ratio %.4f; up to %d jobs on a device; longest from turn to start %.2f h, bound %.2f h",
				seed, result.makespan.Hours(), best.Hours(), name, ratio, result.together, longest.Hours(), bound.Hours())
			if ratio > 1.10 {
				t.Errorf("the makespan is %.4f times that of the best list schedule", ratio)
			}
		})
	}
}
