package schedule

import (
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func TestWhy(t *testing.T) {
	t.Parallel()
	one := []Device{{"cuda:0", "cuda", 8 * gb}}
	three := []Device{{"cuda:0", "cuda", 8 * gb}, {"cuda:1", "cuda", 8 * gb}, {"cuda:2", "cuda", 8 * gb}, {"cpu", "cpu", 16 * gb}}
	hour := Policy{Aging: time.Hour}
	tests := []struct {
		name    string
		devices []Device
		policy  Policy
		before  []Job              // come first, and start if they can
		job     Job                // is asked about
		change  func(s *Scheduler) // what happens then, or nil
		reason  protocol.WaitReason
		message string
	}{
		{name: "not enough memory", devices: one, policy: hour,
			before: []Job{need("job-x", "cuda", 4), need("job-y", "cuda", 2)}, job: need("job", "cuda:0", 6.1),
			reason: protocol.WaitMemory, message: "waits for 6.1 GB on cuda:0, of which 2.0 GB are free; job-x and job-y hold the rest"},
		{name: "one holds the rest, another is before", devices: one, policy: hour,
			before: []Job{need("job-x", "cuda", 7.75), need("job-y", "cuda", 2)}, job: need("job", "cuda:0", 0.5),
			reason: protocol.WaitMemory, message: "waits for 500.0 MB on cuda:0, of which 250.0 MB are free; job-x holds the rest; 1 job is before it"},
		{name: "many hold the rest", devices: one, policy: hour,
			before: []Job{need("a", "cuda", 1), need("b", "cuda", 1), need("c", "cuda", 1), need("d", "cuda", 1), need("e", "cuda", 1)}, job: need("job", "cuda", 7),
			reason: protocol.WaitMemory, message: "waits for 7.0 GB on cuda:0, of which 3.0 GB are free; a, b, c and 2 others hold the rest"},
		{name: "more is taken than there is", devices: one, policy: hour,
			before: []Job{need("job-x", "cuda", 4)}, job: need("job", "cuda", 5), change: func(s *Scheduler) { s.Resize("job-x", 9*gb) },
			reason: protocol.WaitMemory, message: "waits for 5.0 GB on cuda:0, of which none is free; job-x holds the rest"},
		{name: "the device that will have room first", devices: three, policy: hour,
			before: []Job{need("a", "cuda:0", 4), need("b", "cuda:0", 4), need("c", "cuda:1", 8), need("d", "cuda:2", 4), need("e", "cuda:2", 4)}, job: need("job", "cuda", 8),
			reason: protocol.WaitMemory, message: "waits for 8.0 GB on cuda:1, of which none is free; c holds the rest; 2 other devices have no room for it either"},
		{name: "one of two runs ends sooner than the only one", devices: three[:2], policy: hour,
			before: []Job{need("a", "cuda:0", 8), need("b", "cuda:1", 4), need("c", "cuda:1", 4)}, job: need("job", "cuda", 4),
			reason: protocol.WaitMemory, message: "waits for 4.0 GB on cuda:1, of which none is free; b and c hold the rest; 1 other device has no room for it either"},
		{name: "behind others that wait for every device", devices: three[:1], policy: hour,
			before: []Job{need("a", "cuda", 6), need("b", "cuda", 6)}, job: need("job", "cuda", 6),
			reason: protocol.WaitMemory, message: "waits for 6.0 GB on cuda:0, of which 2.0 GB are free; a holds the rest; 1 job is before it"},
		{name: "its device is held", devices: one, policy: Policy{},
			before: []Job{need("job-x", "cuda", 4)}, job: need("job", "cuda", 5),
			reason: protocol.WaitMemory, message: "waits for 5.0 GB on cuda:0, of which 4.0 GB are free; job-x holds the rest; nothing that would put it off is started there"},
		{name: "held for another", devices: one, policy: Policy{},
			before: []Job{need("job-x", "cuda", 4), need("large", "cuda", 5)}, job: need("job", "cuda", 4),
			reason: protocol.WaitTurn, message: "waits because cuda:0 is kept for large, which is before it and needs 5.0 GB there; 1 job is before it"},
		{name: "held for one that has left", devices: one, policy: Policy{},
			before: []Job{need("job-x", "cuda", 4), need("large", "cuda", 5)}, job: need("job", "cuda", 4), change: func(s *Scheduler) { s.Remove("large") },
			reason: protocol.WaitTurn, message: "starts when its turn comes"},
		{name: "larger than the device", devices: one, policy: hour,
			before: []Job{need("job-x", "cuda", 4)}, job: need("job", "cuda", 9),
			reason: protocol.WaitMemory, message: "waits until nothing else runs on cuda:0, because it needs 9.0 GB and that has 8.0 GB; job-x runs there"},
		{name: "behind one larger than the device", devices: one, policy: hour,
			before: []Job{need("job-x", "cuda", 9)}, job: need("job", "cuda", 1),
			reason: protocol.WaitMemory, message: "waits for 1.0 GB on cuda:0, which job-x has for itself"},
		{name: "no such device", devices: three, policy: hour, job: need("job", "cuda:7", 1),
			reason: protocol.WaitMemory, message: `asks for the device "cuda:7", but the devices are cuda:0, cuda:1, cuda:2 and cpu; add it to training.devices, or cancel the job and submit it for another`},
		{name: "no device at all", devices: nil, policy: hour, job: need("job", "cuda", 1),
			reason: protocol.WaitMemory, message: `asks for the device "cuda", but the devices are none; add it to training.devices, or cancel the job and submit it for another`},
		{name: "no slot", devices: oneCPU, policy: Policy{MaxRunning: 1},
			before: []Job{need("a", "cpu", 1), need("b", "cpu", 1), need("c", "cpu", 1)}, job: need("job", "cpu", 1),
			reason: protocol.WaitTurn, message: "waits for one of the running jobs to end: 1 runs, and at most 1 may at once (training.max_concurrent_jobs); 2 jobs are before it"},
		{name: "its owner's limit", devices: oneCPU, policy: Policy{OwnerRunning: func(string) int { return 1 }},
			before: []Job{need("a", "cpu", 1)}, job: need("job", "cpu", 1),
			reason: protocol.WaitQuota, message: "waits because its owner local has 1 job running, and at most 1 may at once"},
		{name: "to be tried again", devices: oneCPU, policy: hour, job: notBefore(need("job", "cpu", 1), 90*time.Second),
			reason: protocol.WaitBackoff, message: "is tried again at 2030-01-02T03:05:35Z, in 1m30s"},
		{name: "its last run has not ended", devices: oneCPU, policy: hour,
			before: []Job{need("job", "cpu", 1)}, job: need("job", "cpu", 1),
			reason: protocol.WaitTurn, message: "waits for the end of its last run, which is being stopped"},
		{name: "the queue is paused", devices: oneCPU, policy: hour,
			before: []Job{need("a", "cpu", 8), need("b", "cpu", 8)}, job: need("job", "cpu", 8), change: func(s *Scheduler) { s.Pause(true) },
			reason: protocol.WaitQueuePaused, message: "the queue is paused; it goes on with: scu queue resume; 1 job is before it"},
		{name: "nothing is in its way", devices: oneCPU, policy: hour,
			before: []Job{need("a", "cpu", 8)}, job: need("job", "cpu", 8), change: func(s *Scheduler) { s.Release("a") },
			reason: protocol.WaitTurn, message: "starts when its turn comes"},
		{name: "does not wait", devices: oneCPU, policy: hour, job: need("job", "cpu", 1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := New(test.devices, test.policy)
			addAll(s, test.before...)
			startAll(s, start)
			addAll(s, test.job)
			startAll(s, start)
			if test.change != nil {
				test.change(s)
			}
			if reason, message := s.Why(test.job.ID, start); reason != test.reason || message != test.message {
				t.Errorf("%s: %q\n    want %s: %q", reason, message, test.reason, test.message)
			}
		})
	}
}

func TestQueueFullMessage(t *testing.T) {
	t.Parallel()
	want := "the queue is full: 1 job waits, and at most 1 may (training.max_queued_jobs); submit the job again when some have started, or cancel one that waits"
	if got := (&QueueFullError{Limit: 1, Queued: 1}).Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
