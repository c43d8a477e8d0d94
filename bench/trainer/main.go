// Command trainer measures the product's training step against the same step by PEFT and PyTorch, on one machine, and
// prints how quick and how large each is. `make bench-trainer` runs it. It is a benchmark and no test: it says what falls
// short of the goals, and fails only when it cannot measure.
//
// # What is compared
//
// Both arms take whole optimizer steps on the same base model, batches, adapter (rank 16, alpha 32, every linear layer,
// no dropout), precision, AdamW and clipping by the global norm. Ours is the path of trainer/engine's step, with masks,
// the prior and the controller in; ours.go is the one file that knows the training engine. pytorch_arm.py is the other
// arm; its head says which of PyTorch's settings are used, namely the quickest of the common ones.
//
// Before anything is timed both compute the loss and the gradient of the first batch at the same adapter. When these
// differ by more than rounding explains, the run ends: timings of two different computations say nothing.
//
// # How it is measured
//
// Each arm is a process of its own that does what it is asked on its standard input (protocol.go) and sleeps otherwise.
// The arms take turns, ours and then PyTorch's, each for the same number of steps; the first turn of each is dropped. The
// speed is the median over the turns of the ratio of neighbours, so that a machine that slows down or speeds up as a whole
// does little harm. A busy machine still does: PyTorch's threads wait for each other actively, and lose many times over
// when another process takes a core. The load average at the start is printed for that reason.
//
// Memory is the most that a process held resident, as the kernel counts it: over its whole life, and since the model was
// loaded. Each case has fresh processes.
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
	"syscall"
	"time"
)

// armArgument makes this program our arm and not the driver.
const armArgument = "arm"

func main() {
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

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 1 && arguments[0] == armArgument {
		return serve(os.Stdin, os.Stdout)
	}
	o, err := parseOptions(arguments, os.Stderr)
	if err != nil {
		return err
	}
	results, err := measureAll(ctx, o, os.Stderr)
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

// options are the command line.
type options struct {
	cases                  []benchCase
	rounds                 int           // turns of each arm that count
	turn                   time.Duration // at least how long a turn of the quicker arm lasts
	model, text, python    string
	pytorchHugePages, json bool
}

func parseOptions(arguments []string, complaints io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench/trainer", flag.ContinueOnError)
	flags.SetOutput(complaints)
	names := flags.String("cases", "all", "comma-separated `names` of cases: "+caseNames())
	quick := flags.Bool("quick", false, "only see that everything works: one case, two turns of one step; its figures mean little")
	flags.IntVar(&o.rounds, "rounds", 7, "turns of each arm that count")
	flags.DurationVar(&o.turn, "turn", 3*time.Second, "at least how long a turn of the quicker arm lasts")
	flags.StringVar(&o.model, "model", "", "base model: a path or the `name` of an installed one (default what scu setup installs)")
	flags.StringVar(&o.text, "text", "README.md", "`file` whose text the batches are made of")
	flags.StringVar(&o.python, "python", "", "`interpreter` that has the modules of requirements.txt (default one made under SCU_HOME)")
	flags.BoolVar(&o.pytorchHugePages, "pytorch-huge-pages", false, "give PyTorch the C library's huge pages too, which it does not have by default")
	flags.BoolVar(&o.json, "json", false, "print every number as JSON on standard output, and the table on standard error")
	if err := flags.Parse(arguments); err != nil {
		return nil, errors.Join(errUsage, err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("there is no argument %q; see -help", flags.Arg(0))
	}
	if *quick {
		o.rounds, o.turn = 2, 0
		if *names == "all" {
			*names = benchCases[0].Name
		}
	}
	if o.rounds < 1 {
		return nil, fmt.Errorf("-rounds is %d; it must be at least 1", o.rounds)
	}
	var err error
	o.cases, err = selectCases(*names)
	return o, err
}
