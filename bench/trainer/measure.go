package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// What every case has in common.
const (
	rank         = 16
	alpha        = 32
	learningRate = 1e-4
	maxGradNorm  = 1
)

// results are everything that was measured.
type results struct {
	Machine  *machine     `json:"machine"`
	Ours     []string     `json:"ours"`    // versions
	PyTorch  []string     `json:"pytorch"` // versions
	Settings settings     `json:"settings"`
	Cases    []caseResult `json:"cases"`
}

// settings are those that hold for every case.
type settings struct {
	Model            string  `json:"model"`
	Rank             int     `json:"rank"`
	Alpha            float64 `json:"alpha"`
	MaxGradNorm      float64 `json:"max_grad_norm"`
	Rounds           int     `json:"rounds"`
	PyTorchHugePages bool    `json:"pytorch_huge_pages"`
}

// caseResult is what was measured in one case. Seconds are of each step, turn by turn.
type caseResult struct {
	benchCase
	LossDifference     float64     `json:"loss_difference"` // at the start, relative
	GradientDifference float64     `json:"gradient_difference"`
	Ours               [][]float64 `json:"ours_seconds"`
	PyTorch            [][]float64 `json:"pytorch_seconds"`
	Update             [][]float64 `json:"ours_update_seconds"` // what of Ours the optimizer and the controller took
	Others             float64     `json:"others"`              // share of the machine's processors that others took in these turns
	OursMemory         memory      `json:"ours_peak_bytes"`
	PyTorchMemory      memory      `json:"pytorch_peak_bytes"`
	// Ours again, with the controller on and off in turn; only where CompareModes says so.
	Controlled   [][]float64 `json:"controlled_seconds,omitempty"`
	Uncontrolled [][]float64 `json:"uncontrolled_seconds,omitempty"`
}

// driver measures case after case.
type driver struct {
	options *options
	inputs  *inputs
	self    string // this program's file
	results *results
	log     io.Writer
}

func measureAll(ctx context.Context, o *options, log io.Writer) (*results, error) {
	where, err := describeMachine() // before our own work counts as load
	if err != nil {
		return nil, err
	}
	if where.Load > idleLoad {
		fmt.Fprintf(log, "the machine is busy: its load average is %.2f, so these figures will not be worth much\n", where.Load)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	in, err := prepare(ctx, o, log)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(in.scratch)
	d := &driver{options: o, inputs: in, self: self, log: log, results: &results{Machine: where, Settings: settings{
		Model: in.model, Rank: rank, Alpha: alpha, MaxGradNorm: maxGradNorm, Rounds: o.rounds, PyTorchHugePages: o.pytorchHugePages,
	}}}
	return d.results, d.measureCases(ctx)
}

func (d *driver) measureCases(ctx context.Context) error {
	for i, c := range d.options.cases {
		fmt.Fprintf(d.log, "case %d of %d: %s\n", i+1, len(d.options.cases), c.Name)
		began := time.Now()
		result, err := d.measure(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
		d.results.Cases = append(d.results.Cases, *result)
		fmt.Fprintf(d.log, "  %s times PyTorch's speed; took %s\n", result.speed().format("%.2f"), time.Since(began).Round(time.Second))
	}
	return nil
}

// measure runs one case with fresh processes.
func (d *driver) measure(ctx context.Context, c benchCase) (result *caseResult, err error) {
	directory, err := os.MkdirTemp(d.inputs.scratch, c.Name+"-")
	if err != nil {
		return nil, err
	}
	setup := &setup{
		Model: d.inputs.model, PyTorchModel: d.inputs.pytorchModel, Precision: c.Precision, Threads: runtime.NumCPU(),
		Rank: rank, Alpha: alpha, LearningRate: learningRate, MaxGradNorm: maxGradNorm,
		Batches: c.batches(d.inputs.text), FirstTarget: c.FirstTarget,
		Adapter: filepath.Join(directory, "adapter"), Gradient: filepath.Join(directory, "gradient"),
	}
	ours, err := startArm(ctx, "scu", os.Environ(), d.self, armArgument)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ours.close()) }()
	pytorch, err := startArm(ctx, "PyTorch", d.pytorchEnvironment(), d.inputs.python, d.inputs.script)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pytorch.close()) }()

	result = &caseResult{benchCase: c}
	if err := d.compareStart(ours, pytorch, setup, result); err != nil {
		return nil, err
	}
	steps, err := d.warmUp(ours, pytorch)
	if err != nil {
		return nil, err
	}
	if err := d.takeTurns(ours, pytorch, steps, result); err != nil {
		return nil, err
	}
	// The steps above are all that memory is asked for.
	if result.OursMemory, err = ours.memory(); err != nil {
		return nil, err
	}
	if result.PyTorchMemory, err = pytorch.memory(); err != nil {
		return nil, err
	}
	if c.CompareModes {
		err = d.compareModes(ours, steps, result)
	}
	return result, err
}

// pytorchEnvironment keeps transformers and PEFT from asking a hub about a model that is on disk.
func (d *driver) pytorchEnvironment() []string {
	environment := append(os.Environ(), "HF_HUB_OFFLINE=1")
	if d.options.pytorchHugePages {
		environment = append(environment, "GLIBC_TUNABLES=glibc.malloc.hugetlb=1")
	}
	return environment
}
