package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/bench/soak/powercut"
	"github.com/shannon-labs/scu/protocol"
)

// fate is what befalls the daemon and its workers, one blow after the other. It alone starts and ends daemons.
type fate struct {
	caller
	random *rand.Rand
	daemon *daemonProcess
}

// A blow is something that befalls them. It reports whether the daemon is dead afterwards.
type blow struct {
	name   string
	weight int
	strike func(*fate, context.Context) (dead bool, err error)
}

var blows = []blow{
	{"daemon killed", 6, (*fate).killDaemon},
	{"daemon killed right after a create was acknowledged", 5, (*fate).killAfterCreate},
	{"a worker killed", 10, (*fate).killWorker},
	{"daemon and workers killed", 5, (*fate).killBoth},
	{"a worker frozen", 1, (*fate).freezeWorker},
	{"daemon ended by SIGTERM", 2, (*fate).terminate},
	{"daemon ended by shutdown now", 2, (*fate).shutDownNow},
	{"daemon ended by shutdown when drained", 1, (*fate).shutDownDrained},
	{"power cut", 8, (*fate).cutPower},
}

// rage strikes until ctx ends or so many blows were struck; 0 means no bound. A daemon is there when it begins and when it
// returns without an error.
func (f *fate) rage(ctx context.Context, rounds int) error {
	total := 0
	for _, b := range blows {
		total += b.weight
	}
	for round := 0; ctx.Err() == nil && (rounds == 0 || round < rounds); round++ {
		rest(ctx, time.Duration(f.random.Int64N(int64(f.soak.tempo.mostPeace))))
		drawn := f.random.IntN(total)
		for _, b := range blows {
			if drawn -= b.weight; drawn < 0 {
				if err := f.suffer(ctx, b); err != nil {
					return fmt.Errorf("%s: %w", b.name, err)
				}
				break
			}
		}
	}
	return nil
}

// suffer lets a blow fall, and brings everything back to life. What was begun is brought to its end whatever ctx says.
func (f *fate) suffer(ctx context.Context, b blow) error {
	if f.daemon.hasEnded() {
		return fmt.Errorf("the daemon has ended by itself: %v (see %s)", f.daemon.err, f.soak.ground.log)
	}
	if b.name == "power cut" && f.soak.machine == nil {
		return nil
	}
	f.soak.note("%s", b.name)
	dead, err := b.strike(f, ctx)
	if err != nil || !dead {
		return err
	}
	f.soak.tally.one(b.name)
	return f.revive(context.WithoutCancel(ctx))
}

func (f *fate) killDaemon(context.Context) (bool, error) { return true, f.daemon.kill() }

// createPatience is how long a blow waits for somebody to create a job.
const createPatience = time.Second

func (f *fate) killAfterCreate(ctx context.Context) (bool, error) {
	select {
	case <-f.soak.acknowledged:
		return true, f.daemon.kill()
	case <-time.After(createPatience):
	case <-ctx.Done():
	}
	return false, nil
}

// someWorker is any worker process, or none.
func (f *fate) someWorker() (process, bool, error) {
	workers, err := f.soak.ground.processes(roleWorker)
	if err != nil || len(workers) == 0 {
		return process{}, false, err
	}
	return workers[f.random.IntN(len(workers))], true, nil
}

func (f *fate) signalWorker(what string, signal unix.Signal) (bool, error) {
	worker, found, err := f.someWorker()
	if err != nil || !found {
		return false, err
	}
	f.soak.tally.one(what)
	return false, f.soak.ground.signal(worker, signal)
}

func (f *fate) killWorker(context.Context) (bool, error) {
	return f.signalWorker("a worker killed", unix.SIGKILL)
}

// freezeWorker stops a worker without ending it: it falls silent.
func (f *fate) freezeWorker(context.Context) (bool, error) {
	return f.signalWorker("a worker frozen", unix.SIGSTOP)
}

// killBoth kills the daemon and its workers, in an arbitrary order.
func (f *fate) killBoth(context.Context) (bool, error) {
	victims, err := f.soak.ground.processes(roleDaemon, roleWorker)
	if err != nil {
		return false, err
	}
	f.random.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	for _, victim := range victims {
		if err := f.soak.ground.signal(victim, unix.SIGKILL); err != nil {
			return false, err
		}
	}
	return true, f.daemon.kill()
}

func (f *fate) terminate(context.Context) (bool, error) {
	if err := f.daemon.command.Process.Signal(unix.SIGTERM); err != nil {
		return false, err
	}
	return true, f.endGently()
}

func (f *fate) shutDownNow(ctx context.Context) (bool, error) {
	return f.shutDown(ctx, protocol.ShutdownNow)
}

func (f *fate) shutDownDrained(ctx context.Context) (bool, error) {
	return f.shutDown(ctx, protocol.ShutdownDrained)
}

func (f *fate) shutDown(ctx context.Context, when string) (bool, error) {
	var result protocol.ShutdownResult
	if f.call(context.WithoutCancel(ctx), protocol.MethodDaemonShutdown, protocol.ShutdownParams{When: when}, &result) == refused {
		f.soak.faults.add("shutdown %s was refused: %s", when, f.refusal)
	}
	return true, f.endGently()
}

// endGently waits for a daemon that was asked to end. It leaves no process and nothing half-written behind.
func (f *fate) endGently() error {
	if err := f.daemon.awaitEnd(); err != nil {
		f.soak.faults.add("a daemon that was asked to end: %v (see %s)", err, f.soak.ground.log)
		return f.daemon.kill()
	}
	left, err := f.soak.ground.processes()
	if err != nil {
		return err
	}
	if len(left) > 0 {
		f.soak.faults.add("a daemon that was asked to end has left %v", left)
	}
	return nil
}

// cutPower kills everything at once and takes from the disk what was not synced.
func (f *fate) cutPower(context.Context) (bool, error) {
	if err := f.soak.ground.killAll(); err != nil {
		return false, err
	}
	<-f.daemon.ended
	if err := f.soak.machine.Watched(); err != nil {
		return false, err
	}
	loss := powercut.AnyLoss(f.random)
	lost, err := f.soak.machine.Cut(f.random, loss)
	if err != nil {
		return false, err
	}
	f.soak.note("  lost %s of %d operations of the job store that were not synced, %d bytes", loss, lost.Operations, lost.Bytes)
	f.soak.tally.add("operations of the job store that a power cut met before they were synced", lost.Operations)
	return true, f.soak.ground.loseFiles(f.random, !f.soak.options.real, &f.soak.tally)
}
