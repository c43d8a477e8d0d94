package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A list schedule goes through the jobs that have come, in the order of its list, whenever something comes or ends, and
// starts each that fits. It is written apart from the scheduler, to compare with.

// bestListSchedule is the shortest makespan over several orders of the list.
func (l *workload) bestListSchedule(seed uint64, devices []Device) (best time.Duration, name string) {
	by := func(value func(Job) float64) []Job {
		list := slices.Clone(l.jobs)
		slices.SortStableFunc(list, func(a, b Job) int {
			if value(a) > value(b) {
				return -1
			}
			if value(a) < value(b) {
				return 1
			}
			return 0
		})
		return list
	}
	hours := func(j Job) float64 { return l.duration[j.ID].Hours() }
	lists := map[string][]Job{
		"first come first":     l.jobs,
		"longest first":        by(hours),
		"largest memory first": by(func(j Job) float64 { return float64(j.Memory) }),
		"largest area first":   by(func(j Job) float64 { return float64(j.Memory) * hours(j) }),
	}
	random := rand.New(rand.NewPCG(seed, 7))
	for i := range 3 {
		list := slices.Clone(l.jobs)
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		lists[fmt.Sprintf("random order %d", i)] = list
	}
	best = math.MaxInt64
	for order, list := range lists {
		if makespan := l.listSchedule(list, devices); makespan < best {
			best, name = makespan, order
		}
	}
	return best, name
}

func (l *workload) listSchedule(list []Job, devices []Device) time.Duration {
	index := map[string]int{}
	for i, job := range list {
		index[job.ID] = i
	}
	present := newMinimumTree(len(list))
	free := make([]int64, len(devices))
	for i, d := range devices {
		free[i] = d.Memory
	}
	end := l.replay(
		func(job Job) { present.set(index[job.ID], job.Memory) },
		func(e ending) { free[e.device] += e.memory },
		func(_ time.Time, started func(ending)) {
			for i := present.firstAtMost(slices.Max(free)); i >= 0; i = present.firstAtMost(slices.Max(free)) {
				job, at := list[i], tightest(free, list[i].Memory)
				free[at] -= job.Memory
				present.set(i, absent)
				started(ending{id: job.ID, device: at, memory: job.Memory})
			}
		})
	return end.Sub(start)
}

// tightest is the device with the least free memory that is enough.
func tightest(free []int64, need int64) int {
	best := -1
	for i, f := range free {
		if f >= need && (best < 0 || f < free[best]) {
			best = i
		}
	}
	return best
}

const absent = math.MaxInt64

// minimumTree finds the first of many values that is at most a limit: every node is the minimum of those below.
type minimumTree struct {
	leaves int
	nodes  []int64 // nodes[1] is the root, nodes[leaves:] are the values
}

func newMinimumTree(n int) *minimumTree {
	t := &minimumTree{leaves: 1}
	for t.leaves < n {
		t.leaves *= 2
	}
	t.nodes = slices.Repeat([]int64{absent}, 2*t.leaves)
	return t
}

func (t *minimumTree) set(i int, value int64) {
	i += t.leaves
	for t.nodes[i] = value; i > 1; i /= 2 {
		t.nodes[i/2] = min(t.nodes[i], t.nodes[i^1])
	}
}

// firstAtMost is the index of the first value that is at most limit, or -1.
func (t *minimumTree) firstAtMost(limit int64) int {
	if t.nodes[1] > limit {
		return -1
	}
	i := 1
	for i < t.leaves {
		i *= 2
		if t.nodes[i] > limit {
			i++
		}
	}
	return i - t.leaves
}
