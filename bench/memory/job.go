package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/engine"
	"github.com/shannon-labs/scu/trainer/plan"
)

// measured is what came of a case.
type measured struct {
	jobCase
	Data           int64            `json:"data_bytes"`
	PeakBytes      int64            `json:"peak_bytes"`                // of the whole process, over its life
	EstimatedBytes int64            `json:"estimated_bytes,omitempty"` // by the plan; for the line on standard error
	Phases         map[string]int64 `json:"phases"`                    // the peak so far as each phase ended
}

// runCase runs the job of one case in this process.
func runCase(ctx context.Context, in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("read the case: %w", err)
	}
	directory, err := os.MkdirTemp("", "scu-memory-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	result := &measured{jobCase: o.Case}
	rows := filepath.Join(directory, "rows.jsonl")
	if result.Data, err = writeRows(rows, o.Case); err != nil {
		return err
	}
	spec := protocol.JobSpec{BaseModel: o.Model, TrainData: rows, ConfigOverrides: o.Case.Settings}
	prepared, failure := plan.NewPlanner().Prepare(ctx, o.Home, spec, plan.DeviceCPU)
	if failure != nil {
		return failure
	}
	result.EstimatedBytes = prepared.MemoryBytes
	job := engine.Job{
		Model: prepared.ModelPath, ModelName: o.Model, TrainData: rows, Output: filepath.Join(directory, "adapter"), Device: plan.DeviceCPU,
		PluginDir: pluginDirectory(o.Home), Config: prepared.Config, Reasons: prepared.Reasons, Checkpoints: filepath.Join(directory, "checkpoints"),
	}
	watch := &phases{peaks: map[string]int64{}}
	trained, err := engine.Train(ctx, job, watch)
	if err != nil {
		return err
	}
	watch.Phase("")
	result.PeakBytes, result.Phases = max(trained.Summary.PeakMemoryBytes, engine.PeakResidentBytes()), watch.peaks
	return json.NewEncoder(out).Encode(result)
}

// writeRows writes rows that fill at least the blocks of a case's steps, and a tenth more to hold out.
func writeRows(path string, c jobCase) (size int64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer file.Close() // a failure shows as rows that are cut off
	blocks := 2*2*c.Settings["micro_batch"].(float64) + 2
	wanted := max(c.Text, int(1.1*blocks*c.Settings["block_size"].(float64)*bytesPerToken))
	random := rand.New(rand.NewPCG(1, 2))
	buffered := bufio.NewWriter(file)
	for size < int64(wanted) {
		n, err := fmt.Fprintf(buffered, "{\"text\":%q}\n", words(random))
		if err != nil {
			return 0, err
		}
		size += int64(n)
	}
	return size, buffered.Flush()
}

// bytesPerToken is somewhat more than words have, so that there are tokens enough.
const bytesPerToken = 6

func words(random *rand.Rand) string {
	vocabulary := []string{"the", "river", "of", "time", "runs", "past", "an", "old", "mill", "and", "under", "bridges", "where", "children", "count", "boats"}
	text := "Once"
	for range 40 {
		text += " " + vocabulary[random.IntN(len(vocabulary))]
	}
	return text
}

// phases keeps how much memory had been held when each phase ended.
type phases struct {
	now   protocol.Phase
	peaks map[string]int64
}

func (p *phases) Phase(next protocol.Phase) {
	if p.now != "" {
		p.peaks[string(p.now)] = engine.PeakResidentBytes()
	}
	p.now = next
}

func (p *phases) Progress(protocol.Phase, float64) {}
func (p *phases) Plan(*protocol.Plan)              {}
func (p *phases) Step(*protocol.TrainingMetrics)   {}
func (p *phases) Evaluated(protocol.Evaluation)    {}
func (p *phases) Memory(int64)                     {}
func (p *phases) Sync(context.Context) error       { return nil }
func (p *phases) Log(message string, warning bool) {
	if warning {
		fmt.Fprintln(os.Stderr, message)
	}
}
