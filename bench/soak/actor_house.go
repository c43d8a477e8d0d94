package main

import (
	"context"
	"errors"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// subscribeTime is how long an actor listens to a job.
const subscribeTime = 200 * time.Millisecond

// subscribe listens to a job from the last event that is known on. What is told must be what the pages tell.
func (a *actor) subscribe(ctx context.Context) {
	e := a.pick()
	if e == nil {
		return
	}
	defer e.mu.Unlock()
	if a.client == nil && !a.look(ctx, e) || e.known.deleting {
		return
	}
	subscription, err := a.client.Subscribe(ctx, e.id, &e.history.cursor)
	if err != nil {
		a.judge(ctx, protocol.MethodJobSubscribe, e.id, err)
		return
	}
	defer subscription.Close()
	limited, cancel := context.WithTimeout(ctx, subscribeTime)
	defer cancel()
	for {
		event, err := subscription.Next(limited)
		if err != nil {
			if errors.Is(err, rpc.ErrDisconnected) {
				a.close()
			}
			break
		}
		for _, fault := range e.history.add(event, e.cost()) {
			a.soak.faults.add("%s, as a subscriber is told: %s", e, fault)
		}
	}
	a.soak.tally.one("subscribed")
}

func (a *actor) setPriority(ctx context.Context) {
	e := a.pick()
	if e == nil {
		return
	}
	defer e.mu.Unlock()
	priority := a.random.IntN(11) - 5
	var status protocol.TrainingStatus
	switch a.call(ctx, protocol.MethodJobSetPriority, protocol.SetPriorityParams{ID: e.id, Priority: priority}, &status) {
	case answered:
		if status.Priority != priority {
			a.soak.faults.add("%s was given the priority %d and has %d", e, priority, status.Priority)
		}
		e.known.learn(&status, a.instance())
		a.soak.tally.one("priority set")
	case refused:
		a.soak.tally.one("refused: priority set")
		a.checkRefusal(e, "priority set")
	case lost:
		e.known.unsure = true
	}
}

// remove deletes a job that has ended, with its adapter.
func (a *actor) remove(ctx context.Context) {
	e := a.pick()
	if e == nil {
		return
	}
	defer e.mu.Unlock()
	if (e.known.final == "" && !e.known.deleting) || e.known.deleted {
		return
	}
	a.delete(ctx, e)
}

// delete asks for the end of a job that has ended. Once that was asked for, only the end is certain.
func (c *caller) delete(ctx context.Context, e *entry) outcome {
	before := e.known.deleting
	e.known.deleting = true
	var result protocol.DeleteResult
	o := c.call(ctx, protocol.MethodJobDelete, protocol.DeleteJobParams{ID: e.id, WithAdapter: true}, &result)
	switch {
	case o == answered || o == refused && before && c.refusal == protocol.CodeNotFound:
		e.known.deleted = true
		c.soak.tally.one("deleted")
	case o == refused && e.known.final == "" && c.refusal == protocol.CodeConflict:
		e.known.deleting = false // it lives, so the deletion whose answer was lost had not begun
	case o == refused:
		c.soak.faults.add("%s was %s, and cannot be deleted: %s", e, e.known.final, c.refusal)
	}
	return o
}

func (a *actor) pauseQueue(ctx context.Context)  { a.setQueue(ctx, protocol.MethodQueuePause, true) }
func (a *actor) resumeQueue(ctx context.Context) { a.setQueue(ctx, protocol.MethodQueueResume, false) }

// setQueue pauses or resumes the queue. What was acknowledged holds until somebody says otherwise.
func (a *actor) setQueue(ctx context.Context, method string, paused bool) {
	q := &a.soak.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	var status protocol.QueueStatus
	switch a.call(ctx, method, nil, &status) {
	case answered:
		q.unsure, q.paused = false, paused
		if status.Paused != paused {
			a.soak.faults.add("%s was answered, and the queue's being paused is %v", method, status.Paused)
		}
		a.soak.tally.one(map[bool]string{true: "queue paused", false: "queue resumed"}[paused])
	default:
		q.unsure = true
	}
}

// list reads a page of jobs, newest first, none twice.
func (a *actor) list(ctx context.Context) {
	var page protocol.ListResult
	if a.call(ctx, protocol.MethodJobList, protocol.ListParams{Limit: 50}, &page) != answered {
		return
	}
	seen := map[string]bool{}
	for _, job := range page.Jobs {
		if seen[job.JobID] {
			a.soak.faults.add("job %s is listed twice", job.JobID)
		}
		seen[job.JobID] = true
	}
	a.soak.tally.one("listed")
}

// devices looks whether more was given away of a device than it has.
func (a *actor) devices(ctx context.Context) {
	var list protocol.DeviceListResult
	if a.call(ctx, protocol.MethodDeviceList, protocol.DeviceListParams{}, &list) != answered {
		return
	}
	running := 0
	for _, device := range list.Devices {
		sum := int64(0)
		for _, job := range device.Jobs {
			sum += job.ReservedBytes
		}
		if sum != device.ReservedBytes || sum > device.MemoryBytes {
			a.soak.faults.add("device %s has %d bytes, of which %d are reserved, for jobs that take %d", device.Name, device.MemoryBytes, device.ReservedBytes, sum)
		}
		running += len(device.Jobs)
	}
	if running > maxConcurrentJobs && !a.soak.options.real {
		a.soak.faults.add("%d jobs run at once; the limit is %d", running, maxConcurrentJobs)
	}
	a.soak.tally.one("devices read")
}
