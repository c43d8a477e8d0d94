package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// Why says why a job waits, for a program and in a sentence for a person. It speaks of what Next found when it was last
// asked. Both are empty for a job that does not wait.
func (s *Scheduler) Why(id string, now time.Time) (protocol.WaitReason, string) {
	w := s.queue.jobs[id]
	if w == nil {
		return "", ""
	}
	reason, message := s.why(w, now)
	if before := s.queue.position(w, now) - 1; before > 0 {
		message += "; " + count(before, "job is", "jobs are") + " before it"
	}
	return reason, message
}

// why looks at the obstacles in the order in which they would have to be cleared away.
func (s *Scheduler) why(w *waiting, now time.Time) (protocol.WaitReason, string) {
	limited := s.ownersAtLimit()
	switch {
	case s.paused:
		return protocol.WaitQueuePaused, "the queue is paused; it goes on with: scu queue resume"
	case w.NotBefore.After(now):
		return protocol.WaitBackoff, fmt.Sprintf("is tried again at %s, in %s",
			w.NotBefore.Format(time.RFC3339), w.NotBefore.Sub(now).Round(time.Second))
	case len(w.devices) == 0:
		return protocol.WaitMemory, fmt.Sprintf("asks for the device %q, but the devices are %s; add it to training.devices, or cancel the job and submit it for another",
			w.Device, enumerate(names(s.devices)))
	case w.running:
		return protocol.WaitTurn, "waits for the end of its last run, which is being stopped"
	case limited[w.Owner]:
		return protocol.WaitQuota, fmt.Sprintf("waits because its owner %s has %s running, and at most %d may at once",
			w.Owner, count(s.runningOf(w.Owner), "job", "jobs"), s.policy.OwnerRunning(w.Owner))
	case s.slotsTaken():
		return protocol.WaitTurn, fmt.Sprintf("waits for one of the running jobs to end: %s, and at most %d may at once (training.max_concurrent_jobs)",
			count(len(s.runs), "runs", "run"), s.policy.MaxRunning)
	}
	return w.whyNotPlaced()
}

// whyNotPlaced is about devices.
func (w *waiting) whyNotPlaced() (protocol.WaitReason, string) {
	if w.place() != nil {
		return protocol.WaitTurn, "starts when its turn comes"
	}
	for _, d := range w.devices {
		if d.fits(w) && !d.spares(w) {
			return protocol.WaitTurn, fmt.Sprintf("waits because %s is kept for %s, which is before it and needs %s there",
				d.Name, d.awaited.ID, formatBytes(d.awaited.Memory))
		}
	}
	d := w.nearest()
	message := fmt.Sprintf("waits for %s on %s, of which %s; %s the rest",
		formatBytes(w.Memory), d.Name, d.freeText(), d.runners("holds", "hold"))
	switch {
	case w.Memory > d.Memory:
		message = fmt.Sprintf("waits until nothing else runs on %s, because it needs %s and that has %s; %s there",
			d.Name, formatBytes(w.Memory), formatBytes(d.Memory), d.runners("runs", "run"))
	case d.takenWhole():
		message = fmt.Sprintf("waits for %s on %s, which %s has for itself", formatBytes(w.Memory), d.Name, d.runs[0].ID)
	}
	if others := len(w.devices) - 1; others > 0 {
		message += "; " + count(others, "other device has", "other devices have") + " no room for it either"
	}
	if d.held && d.awaited == w {
		message += "; nothing that would put it off is started there"
	}
	return protocol.WaitMemory, message
}

// nearest is the device that waits for w, or on which w will fit first.
func (w *waiting) nearest() *device {
	best := w.devices[0]
	for _, d := range w.devices {
		if d.awaited == w {
			return d
		}
		if d.distance(w) < best.distance(w) {
			best = d
		}
	}
	return best
}

func (d *device) freeText() string {
	if d.free() == 0 {
		return "none is free"
	}
	return formatBytes(d.free()) + " are free"
}

// runners is the jobs that run on d, with a verb for one and for many.
func (d *device) runners(one, many string) string {
	ids := make([]string, len(d.runs))
	for i, r := range d.runs {
		ids[i] = r.ID
	}
	if len(ids) == 1 {
		return ids[0] + " " + one
	}
	return enumerate(ids) + " " + many
}

func (s *Scheduler) runningOf(owner string) int {
	n := 0
	for _, r := range s.runs {
		if r.Owner == owner {
			n++
		}
	}
	return n
}

func names(devices []*device) []string {
	all := make([]string, len(devices))
	for i, d := range devices {
		all[i] = d.Name
	}
	return all
}

// maxNamed is how many things a sentence names before it counts the others.
const maxNamed = 4

// enumerate makes "a, b and c" of a list.
func enumerate(items []string) string {
	switch n := len(items); {
	case n == 0:
		return "none"
	case n == 1:
		return items[0]
	case n > maxNamed:
		return fmt.Sprintf("%s and %d others", strings.Join(items[:maxNamed-1], ", "), n-maxNamed+1)
	default:
		return strings.Join(items[:n-1], ", ") + " and " + items[n-1]
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// formatBytes is in GB or MB of 1000, with one decimal.
func formatBytes(n int64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
