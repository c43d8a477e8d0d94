// Command soak torments the daemon for minutes: users ask for jobs and for everything that can be asked of them, while
// daemons and workers are killed, frozen, stopped and cut off from power at any moment. It checks that nothing that was
// acknowledged is lost. `make soak` runs it.
//
// # Who takes part
//
// The driver, which is this program, holds the users (actor.go), the fate that strikes (fate.go) and the ledger of what the
// daemon has acknowledged (ledger.go). The daemon is the real one, in a process of its own, with its real store, scheduler
// and supervision. Its workers are this program too (worker.go): they take steps of milliseconds, and do with frames,
// checkpoints and adapters what a worker must. With -real the daemon and the workers are those of bin/scu, and they train.
//
// # What must hold
//
// After each start of a daemon and at the end: every job that was acknowledged is there, as it was asked for. What was final
// stays as it was, is told by one event, and nothing comes after it unless somebody asks for the job again; what was
// cancelled does not run again; what was paused stays paused. The events of a job count 1, 2, 3 … and so do its steps, each
// with the number that belongs to it, read in pages or by a subscriber. No job has two workers at once, as the workers'
// own journals show (journal.go), and no process outlives its daemon for longer than it takes the next one to start. An
// adapter that is listed lies there whole, came to what its steps come to, wherever they were taken up again, and there is no
// other. Nothing half-written stays. The store agrees with its own rules, and the accounts with the jobs.
//
// # Power cuts
//
// Killing a process does not show whether what was acknowledged had been synced: package powercut does, for the job store.
// What Go code writes it does not reach, so directories that are not whole are torn, and names that no worker knows to be
// synced may be lost (files.go).
//
// # A seed
//
// Everything that is drawn comes from one seed, which is printed. What happens in between is a matter of timing, so a seed
// makes a fault likely to come again, and not certain. After a fault the soak's files are kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if takeRole(os.Args[1:]) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// errUsage is a command line that the flag package has complained about already.
var errUsage = errors.New("called wrongly")

// errFaults ends a soak that has found faults, and printed them.
var errFaults = errors.New("what must hold does not")

func run(ctx context.Context, arguments []string, output io.Writer) error {
	o, err := parseOptions(arguments, os.Stderr)
	if err != nil {
		return err
	}
	g, err := newGround()
	if err != nil {
		return err
	}
	s, err := newSoak(ctx, o, g, output)
	if err == nil {
		err = s.run(ctx)
	}
	if err != nil {
		fmt.Fprintf(output, "the files are in %s\n", g.directory)
	}
	return errors.Join(err, s.clear(err != nil))
}

// options are the command line.
type options struct {
	seed     uint64
	duration time.Duration // of torment
	rounds   int           // of it; 0 means as long as duration says
	actors   int
	powerCut bool
	lie      bool // the disk lies, so that a power cut loses what was acknowledged
	real     bool
	verbose  bool
	keep     bool
}

func parseOptions(arguments []string, complaints io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench/soak", flag.ContinueOnError)
	flags.SetOutput(complaints)
	flags.Uint64Var(&o.seed, "seed", rand.Uint64(), "of everything that is drawn (default any)")
	flags.DurationVar(&o.duration, "duration", 3*time.Minute, "of the torment; everything is settled and looked at after it")
	flags.IntVar(&o.rounds, "rounds", 0, "blows that fall, at most; 0 means that only -duration counts")
	flags.IntVar(&o.actors, "users", 6, "that make calls side by side")
	flags.BoolVar(&o.powerCut, "power-cut", true, "cut the power now and then, for which gcc is needed")
	flags.BoolVar(&o.lie, "lying-disk", false, "let the disk say that it has synced what it has not: the soak must find faults then")
	flags.BoolVar(&o.real, "real", false, "torment bin/scu with its real trainer on a tiny model; see make soak-real")
	flags.BoolVar(&o.verbose, "v", false, "tell of each blow")
	flags.BoolVar(&o.keep, "keep", false, "keep the files even where there is no fault")
	if err := flags.Parse(arguments); err != nil {
		return nil, errors.Join(errUsage, err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("there is no argument %q; see -help", flags.Arg(0))
	}
	if o.actors < 1 || o.duration <= 0 || o.rounds < 0 {
		return nil, errors.New("-users and -duration must be above 0, and -rounds not below")
	}
	return o, nil
}
