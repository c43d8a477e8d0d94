// Command memory measures how much of the CPU's memory jobs take at their peak, for the estimate of trainer/plan: its
// testdata/memory.json is what this program prints.
//
//	go run ./bench/memory > trainer/plan/testdata/memory.json
//
// Each case is a job of two optimizer steps, run by trainer/engine as a worker runs it, in a process of its own: the
// largest resident memory of a process is over its whole life. The rows are random words that fill every block, with a
// target at each token, and enough to hold two blocks out. A case takes from half a minute to ten minutes on two cores,
// and as much memory as it finds.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
)

// jobArgument makes this program the process of one case, which it reads as JSON.
const jobArgument = "job"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench/memory:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 1 && arguments[0] == jobArgument {
		return runCase(ctx, os.Stdin, os.Stdout)
	}
	flags := flag.NewFlagSet("bench/memory", flag.ContinueOnError)
	names := flags.String("cases", "all", "comma-separated `names` of cases: "+strings.Join(caseNames(), ", "))
	model := flags.String("model", plan.DefaultModel, "base model: a `path` or the name of an installed one")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	home, err := rpc.Home()
	if err != nil {
		return err
	}
	path, failure := plan.FindModel(home, *model)
	if failure != nil {
		return failure
	}
	var results []*measured
	for _, c := range cases {
		if *names != "all" && !slices.Contains(strings.Split(*names, ","), c.Name) {
			continue
		}
		result, err := measure(ctx, order{Home: home, Model: path, Case: c})
		if err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
		fmt.Fprintf(os.Stderr, "%-22s %6.0f MB at the peak, %6.0f MB estimated\n", c.Name, float64(result.PeakBytes)/1e6, float64(result.EstimatedBytes)/1e6)
		result.EstimatedBytes = 0 // what is kept are facts
		results = append(results, result)
	}
	return write(os.Stdout, results)
}

// order is what the process of a case is told.
type order struct {
	Home, Model string
	Case        jobCase
}

// measure runs one case in a process of its own.
func measure(ctx context.Context, o order) (*measured, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, executable, jobArgument)
	command.Stdin, command.Stderr = strings.NewReader(string(text)), os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, err
	}
	result := &measured{}
	return result, json.Unmarshal(output, result)
}

// write prints results, one a line.
func write(out io.Writer, results []*measured) error {
	separator := "[\n"
	for _, result := range results {
		text, err := json.Marshal(result)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s  %s", separator, text); err != nil {
			return err
		}
		separator = ",\n"
	}
	_, err := fmt.Fprintln(out, "\n]")
	return err
}

func pluginDirectory(home string) string { return filepath.Join(home, "pjrt") }
