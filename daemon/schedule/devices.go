package schedule

import (
	"cmp"
	"slices"
)

// Device is what jobs run on.
type Device struct {
	Name   string // such as cpu or cuda:0
	Kind   string // such as cpu or cuda
	Memory int64  // bytes that jobs may take in all
}

// DeviceUse is a device and what is reserved on it. That is more than its memory when jobs take more than was estimated.
type DeviceUse struct {
	Device
	Reserved int64
	Jobs     []Reservation // the oldest run first
}

// Reservation is what a running job takes of its device.
type Reservation struct {
	ID       string
	Reserved int64
}

// device is a device with what runs on it and who waits for it.
type device struct {
	Device
	runs     []*run // the oldest first
	reserved int64  // their sum

	// As Next found it when it was last asked:
	awaited *waiting // the first in the order that fits nowhere, and will here the soonest
	held    bool     // what awaited needs is not given to jobs behind it
}

// run is a job that was started and not released.
type run struct {
	Job
	device   *device
	reserved int64
	beside   *waiting // the job that the device was held for when this one was started
	alone    bool     // it was said to be larger than the device, and nothing runs beside it until it is measured
}

// maxBytes bounds every amount of memory (a pebibyte), so that sums of them cannot overflow.
const maxBytes = 1 << 50

func clampBytes(n int64) int64 { return min(max(n, 0), maxBytes) }

// eligible is the devices that a job may be placed on: of those that it asks for the ones that are large enough, or the
// largest ones if none is. The result is in the order of the configuration, and empty when it asks for a device that is
// not there.
func eligible(devices []*device, job Job) []*device {
	var wanted []*device
	largest := int64(0)
	for _, d := range devices {
		if job.Device == d.Name || job.Device == d.Kind {
			wanted = append(wanted, d)
			largest = max(largest, d.Memory)
		}
	}
	return slices.DeleteFunc(wanted, func(d *device) bool { return d.Memory < min(job.Memory, largest) })
}

// fits reports whether w can run on d beside what runs there.
func (d *device) fits(w *waiting) bool {
	if w.Memory > d.Memory {
		return len(d.runs) == 0
	}
	return !d.takenWhole() && d.reserved+w.Memory <= d.Memory
}

// spares reports whether w can run on d without putting off the job that d is held for: whether that one will fit beside w
// and those that were let through before, once what ran already when d was first held has ended.
func (d *device) spares(w *waiting) bool {
	if !d.held {
		return true
	}
	taken := d.awaited.Memory
	for _, r := range d.runs {
		if r.beside == d.awaited {
			taken += r.reserved
		}
	}
	return taken+w.Memory <= d.Memory
}

func (d *device) takenWhole() bool { return len(d.runs) == 1 && d.runs[0].alone }

// free is what may be reserved yet, in bytes.
func (d *device) free() int64 { return max(0, d.Memory-d.reserved) }

// distance is how long w, which does not fit on d now, has to wait until it does, in mean times that a run has left. The
// runs are taken to be of the same size, and each to be as likely as another to end at any moment: with n of them the
// first ends after 1/n, the second 1/(n-1) later, and so on.
func (d *device) distance(w *waiting) float64 {
	runs := len(d.runs)
	ends := runs
	if w.Memory <= d.Memory && !d.takenWhole() {
		lacking := d.reserved + w.Memory - d.Memory
		mean := max(1, d.reserved/int64(runs))
		ends = int(min(int64(runs), (lacking+mean-1)/mean))
	}
	total := 0.0
	for i := range ends {
		total += 1 / float64(runs-i)
	}
	return total
}

// start reserves memory for a job.
func (s *Scheduler) start(w *waiting, d *device) Placement {
	s.queue.remove(w)
	r := &run{Job: w.Job, device: d, reserved: min(w.Memory, d.Memory), alone: w.Memory > d.Memory}
	if d.held {
		r.beside = d.awaited
	}
	d.runs = append(d.runs, r)
	d.reserved += r.reserved
	s.runs = append(s.runs, r)
	return Placement{Job: w.Job, Device: d.Name, Reserved: r.reserved}
}

// Resize sets what a running job takes of its device, in bytes, to what it was measured to take. That may be more than is
// free, and more than the device has. A job that does not run stays as it is.
func (s *Scheduler) Resize(id string, bytes int64) {
	r := s.running(id)
	if r == nil {
		return
	}
	bytes = clampBytes(bytes)
	r.device.reserved += bytes - r.reserved
	r.reserved = bytes
	r.alone = false
}

// Release frees what a running job has reserved, when its run has ended. A job that does not run stays as it is.
func (s *Scheduler) Release(id string) {
	r := s.running(id)
	if r == nil {
		return
	}
	isRun := func(other *run) bool { return other == r }
	s.runs = slices.DeleteFunc(s.runs, isRun)
	r.device.runs = slices.DeleteFunc(r.device.runs, isRun)
	r.device.reserved -= r.reserved
	if w := s.queue.jobs[id]; w != nil {
		w.running = false
	}
}

func (s *Scheduler) running(id string) *run {
	at := slices.IndexFunc(s.runs, func(r *run) bool { return r.ID == id })
	if at < 0 {
		return nil
	}
	return s.runs[at]
}

// Use is what is reserved on every device, in the order of the configuration.
func (s *Scheduler) Use() []DeviceUse {
	all := make([]DeviceUse, len(s.devices))
	for i, d := range s.devices {
		all[i] = DeviceUse{Device: d.Device, Reserved: d.reserved, Jobs: make([]Reservation, len(d.runs))}
		for j, r := range d.runs {
			all[i].Jobs[j] = Reservation{ID: r.ID, Reserved: r.reserved}
		}
	}
	return all
}

// compareRoom puts the device first that a job is better placed on: with fewer jobs, then with less memory free.
func compareRoom(a, b *device) int {
	return cmp.Or(cmp.Compare(len(a.runs), len(b.runs)), cmp.Compare(a.free(), b.free()))
}
