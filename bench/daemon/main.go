// Command daemon measures how quick and how large the daemon is, on one machine, and prints a table beside the goals.
// `make bench-daemon` runs it. It is a benchmark and no test: it says what falls short, and fails only when it cannot measure,
// or when something that was acknowledged is not there afterwards.
//
// # What is measured
//
// The daemon is the real one, in a process of its own, with its store on the disk of $TMPDIR, its planner on a real
// model's files (a tiny one) and real rows. Only its workers pretend (worker.go): they send metrics at the speed that is asked for
// and compute nothing.
//
// A burst of creations comes from many connections at once, each of which asks for the next job when it has its answer; a
// creation is answered when the job is planned and synced to disk. Status is job/get, of jobs that run, from connections
// side by side, while ten jobs stream metrics and ten subscribers follow them. Rows are counted in the store when the
// daemon has ended. A start is from the process's beginning to the first answer. The store of ten thousand jobs and ten million
// rows is made once and kept (bigstore.go).
//
// # How far to trust it
//
// All processes share the machine: the clients and workers of the benchmark take a good part of it. The goals are held on
// an idle machine with two cores. What a sync costs there is printed, since it bounds everything that is durable; the files of
// the big store are in the page cache when a daemon starts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if takeRole(os.Args[1:]) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errUsage is a command line that the flag package has complained about already.
var errUsage = errors.New("called wrongly")

// options are the command line.
type options struct {
	rounds      int
	jobs        int // of the big store
	rowsOfJob   int
	submissions int // of a burst
	connections int
	stretch     time.Duration // of a measurement of rows
	model       string
	cache       string
	json        bool
}

func parseOptions(arguments []string, complaints io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench/daemon", flag.ContinueOnError)
	flags.SetOutput(complaints)
	quick := flags.Bool("quick", false, "only see that everything works: one round, a small store; its figures mean little")
	flags.IntVar(&o.rounds, "rounds", 5, "of each measurement")
	flags.IntVar(&o.jobs, "jobs", 10_000, "in the big store")
	rows := flags.Int("rows", 10_000_000, "of metrics in the big store")
	flags.IntVar(&o.submissions, "submissions", 1000, "of a burst")
	flags.IntVar(&o.connections, "connections", 32, "that submit")
	flags.DurationVar(&o.stretch, "stretch", 5*time.Second, "over which metrics are counted, a round")
	flags.StringVar(&o.model, "model", "trainer/oracle/testdata/untied/model", "`directory` of the base model")
	flags.StringVar(&o.cache, "cache", "", "`directory` in which the big store is kept (default one in the user's cache)")
	flags.BoolVar(&o.json, "json", false, "print every number as JSON on standard output, and the table on standard error")
	if err := flags.Parse(arguments); err != nil {
		return nil, errors.Join(errUsage, err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("there is no argument %q; see -help", flags.Arg(0))
	}
	if *quick {
		o.rounds, o.jobs, *rows, o.stretch = 1, 100, 10_000, time.Second
	}
	if o.rounds < 1 || o.jobs < 1 || o.submissions < o.connections || o.connections < 1 {
		return nil, errors.New("-rounds, -jobs and -connections must be above 0, and -submissions at least -connections")
	}
	if o.rowsOfJob = *rows / o.jobs; o.rowsOfJob < 1 {
		return nil, errors.New("-rows must be at least -jobs")
	}
	return o, o.resolvePaths()
}

func (o *options) resolvePaths() error {
	if o.cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find the user's cache: %w; name a directory with -cache", err)
		}
		o.cache = filepath.Join(user, "scu-bench")
	}
	var err error
	if o.model, err = filepath.Abs(o.model); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(o.model, "config.json")); err != nil {
		return fmt.Errorf("no model is at -model: %w; run this from the repository's root", err)
	}
	return nil
}

func run(ctx context.Context, arguments []string) error {
	o, err := parseOptions(arguments, os.Stderr)
	if err != nil {
		return err
	}
	results, err := measureAll(ctx, o)
	if err != nil {
		return err
	}
	table := io.Writer(os.Stdout)
	if o.json {
		table = os.Stderr
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(results); err != nil {
			return err
		}
	}
	return results.print(table)
}
