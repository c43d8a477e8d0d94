package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shannon-labs/scu/bench/soak/powercut"
)

// soak is one run of the program.
type soak struct {
	options       *options
	output        io.Writer
	ground        *ground
	machine       *powercut.Machine // nil where the power is not cut
	daemonCommand []string
	tempo         tempo
	began         time.Time

	ledger       ledger
	tally        tally
	faults       faults
	startTimes   durations
	invented     atomic.Int64
	acknowledged chan struct{} // takes a word after each acknowledged creation, if somebody waits for it

	queue struct {
		mu     sync.Mutex
		paused bool // as acknowledged
		unsure bool
	}
}

// newSoak prepares a soak on a ground. It returns one that can be cleared, whatever the error.
func newSoak(ctx context.Context, o *options, g *ground, output io.Writer) (*soak, error) {
	s := &soak{options: o, output: output, ground: g, acknowledged: make(chan struct{}), began: time.Now(), tempo: quick}
	executable, err := os.Executable()
	if err != nil {
		return s, err
	}
	s.daemonCommand = []string{executable, roleDaemon, g.home}
	if o.real {
		s.tempo = slow
		if err := s.prepareReal(); err != nil {
			return s, err
		}
	}
	if o.powerCut {
		library, err := powercut.Build(ctx, g.power)
		if err != nil {
			return s, err
		}
		s.machine = &powercut.Machine{Library: library, Database: g.database(), State: g.power, IgnoreSync: o.lie}
	}
	return s, nil
}

// run torments, settles and audits.
func (s *soak) run(ctx context.Context) error {
	fmt.Fprintf(s.output, "seed %d, in %s\nagain with: %s\n", s.options.seed, s.ground.directory, s.again())
	f := &fate{caller: caller{soak: s, name: "the soak's inspector"}, random: s.random(0)}
	defer f.close()
	var err error
	if f.daemon, err = s.startDaemon(); err != nil {
		return err
	}
	if f.client, err = s.awaitReady(ctx, f.daemon); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{f.torment, f.settle, f.audit} {
		if err = part(ctx); err != nil || len(s.faults.list()) > 0 {
			break
		}
	}
	return errors.Join(s.report(), err, ctx.Err())
}

// torment lets users and fate loose until the time is over or something is wrong.
func (f *fate) torment(ctx context.Context) error {
	s := f.soak
	ctx, cancel := context.WithCancel(ctx) // and not a deadline, which calls would report as their own
	defer cancel()
	defer time.AfterFunc(s.options.duration, cancel).Stop()
	s.faults.first = cancel
	var users sync.WaitGroup
	for number := range s.options.actors {
		users.Go(func() {
			a := &actor{caller: caller{soak: s, name: fmt.Sprintf("user %d", number+1)}, random: s.random(uint64(number) + 1)}
			a.live(ctx)
		})
	}
	err := f.rage(ctx, s.options.rounds)
	cancel()
	users.Wait()
	return err
}

// random is a source of its own for each who draws.
func (s *soak) random(who uint64) *rand.Rand { return rand.New(rand.NewPCG(s.options.seed, who)) }

// acknowledge tells who waits for it that a job has just been acknowledged.
func (s *soak) acknowledge() {
	select {
	case s.acknowledged <- struct{}{}:
	default:
	}
}

func (s *soak) note(format string, args ...any) {
	if s.options.verbose {
		fmt.Fprintf(s.output, "%7.2fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// again is the command that does the same once more.
func (s *soak) again() string {
	command := []string{"go run ./bench/soak", fmt.Sprintf("-seed %d -duration %s -users %d", s.options.seed, s.options.duration, s.options.actors)}
	for flag, set := range map[string]bool{"-power-cut=false": !s.options.powerCut, "-lying-disk": s.options.lie, "-real": s.options.real} {
		if set {
			command = append(command, flag)
		}
	}
	if s.options.rounds > 0 {
		command = append(command, fmt.Sprintf("-rounds %d", s.options.rounds))
	}
	return strings.Join(command, " ")
}

func (s *soak) report() error {
	fmt.Fprintf(s.output, "%d jobs, %d things done in %s\n", len(s.ledger.all()), s.tally.total(), time.Since(s.began).Round(time.Second))
	if err := s.tally.print(s.output, "done, and seen"); err != nil {
		return err
	}
	if starts := s.startTimes.sorted(); len(starts) > 0 {
		fmt.Fprintf(s.output, "from a daemon's start to its first answer: median %s, longest %s, of %d\n",
			starts[len(starts)/2].Round(time.Millisecond), starts[len(starts)-1].Round(time.Millisecond), len(starts))
	}
	found := s.faults.list()
	for _, fault := range found {
		fmt.Fprintln(s.output, "FAULT:", fault)
	}
	if len(found) > 0 {
		fmt.Fprintf(s.output, "again with: %s\n", s.again())
		return errFaults
	}
	return nil
}

// clear ends what is left, and removes the files unless somebody has to look at them.
func (s *soak) clear(failed bool) error {
	if err := s.ground.killAll(); err != nil || failed || s.options.keep {
		return err
	}
	return os.RemoveAll(s.ground.directory)
}

// durations are gathered from several sides.
type durations struct {
	mu  sync.Mutex
	all []time.Duration
}

func (d *durations) add(t time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, t)
}

func (d *durations) sorted() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.all))
}
