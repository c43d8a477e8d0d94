package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
	"github.com/shannon-labs/scu/trainer/data"
)

// nonFiniteFile lies among the checkpoints and holds every step whose loss or gradient was not finite, with its rows.
const nonFiniteFile = "non_finite.json"

// namedRows is how many rows a message names.
const namedRows = 20

type nonFiniteStep struct {
	Step     int               `json:"step"`
	DataBPT  checkpoint.Number `json:"data_bpt"`
	GradNorm checkpoint.Number `json:"grad_norm"`
	Rows     map[string][]int  `json:"rows"` // numbers, by file
}

type nonFiniteReport struct {
	Hint  string          `json:"hint"`
	Steps []nonFiniteStep `json:"steps"`
}

const nonFiniteHint = "lower learning_rate, or set precision=f32; if the same rows come up again, look at them"

// countNonFinite tells of a step whose S or gradient is not finite, and ends the run at a row of them, whatever the mode,
// or when no step of the whole run was finite.
func (t *training) countNonFinite(m *protocol.TrainingMetrics, microBatches []data.MicroBatch) error {
	t.counters.NonFinite++
	t.counters.InARow++
	var rows []data.RowRef
	for _, micro := range microBatches {
		rows = append(rows, t.trainFeed.RowNumbers(micro)...)
	}
	t.recordNonFinite(m, rows)
	t.observer.Log(fmt.Sprintf("step %d: the loss or its gradient is not finite; the adapter and λ stay as they were; %s", m.Step, nameRows(rows, namedRows)), true)
	if t.counters.InARow >= t.config.NonFiniteLimit {
		return nonFinite(m.Step, fmt.Errorf("the loss or its gradient was not finite in %d steps in a row, the last one with %s", t.counters.InARow, nameRows(rows, namedRows)))
	}
	if t.counters.NonFinite == t.plan.TotalSteps {
		return nonFinite(m.Step, errors.New("no step had a finite loss and gradient, so nothing was trained"))
	}
	return nil
}

func nonFinite(step int, cause error) error {
	return protocol.NewError(protocol.CodeNonFinite, "training stopped at step %d: %v", step, cause).WithHint(nonFiniteHint)
}

// recordNonFinite writes the step's rows among the checkpoints. A file that cannot be written is told of; the log has the
// first rows anyway.
func (t *training) recordNonFinite(m *protocol.TrainingMetrics, rows []data.RowRef) {
	if t.checkpoints == nil {
		return
	}
	step := nonFiniteStep{Step: m.Step, DataBPT: checkpoint.Number(m.DataBPT), GradNorm: checkpoint.Number(m.GradNorm), Rows: map[string][]int{}}
	for _, row := range rows {
		step.Rows[row.File] = append(step.Rows[row.File], row.Number)
	}
	t.nonFinite = append(t.nonFinite, step)
	text, err := json.MarshalIndent(nonFiniteReport{nonFiniteHint, t.nonFinite}, "", "  ")
	if err == nil {
		err = t.checkpoints.directory.WriteFile(nonFiniteFile, append(text, '\n'))
	}
	if err != nil {
		t.observer.Log(fmt.Sprintf("the rows of step %d could not be recorded: %v", m.Step, err), true)
	}
}

// readNonFinite takes over what an earlier process recorded of the steps up to the checkpoint.
func (t *training) readNonFinite() {
	path := filepath.Join(t.checkpoints.directory.Path(), nonFiniteFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	var report nonFiniteReport
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil {
		t.observer.Log(fmt.Sprintf("what was recorded of steps that were not finite cannot be read: %v", err), true)
		return
	}
	t.nonFinite = slices.DeleteFunc(report.Steps, func(s nonFiniteStep) bool { return s.Step > t.steps })
}

// nameRows lists rows by file, the first few of them: "rows 3, 7 of a.jsonl; row 1 of b.jsonl".
func nameRows(rows []data.RowRef, most int) string {
	var files []string
	for start := 0; start < min(len(rows), most); {
		end := start
		var numbers []string
		for end < min(len(rows), most) && rows[end].File == rows[start].File {
			numbers = append(numbers, strconv.Itoa(rows[end].Number))
			end++
		}
		files = append(files, fmt.Sprintf("rows %s of %s", strings.Join(numbers, ", "), rows[start].File))
		start = end
	}
	if more := len(rows) - most; more > 0 {
		files = append(files, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(files, "; ")
}
