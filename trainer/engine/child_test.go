package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// What a child process is to do stands in its environment.
const (
	childJob       = "SCU_TEST_CHILD_JOB" // the file of the job that it is to train
	memoryHeadroom = "SCU_TEST_HEADROOM"  // how many bytes of address space it may map once training begins
)

// toldLine is what a child prints of what its job tells, as a line of JSON.
type toldLine struct {
	Metrics *protocol.TrainingMetrics `json:",omitempty"`
	Plan    *protocol.Plan            `json:",omitempty"`
	Warning string                    `json:",omitempty"`
	Failure string                    `json:",omitempty"`
}

func parseTold(t *testing.T, line []byte) toldLine {
	t.Helper()
	var told toldLine
	if err := json.Unmarshal(line, &told); err != nil {
		t.Fatalf("the child said %q", line)
	}
	return told
}

// startChild trains a job in a process of its own, which prints a toldLine for whatever it tells.
func startChild(t *testing.T, job Job, environment ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	command.Env = append(append(os.Environ(), childJob+"="+path), environment...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	return command, lines
}

// childRecorder prints what a job tells.
type childRecorder struct {
	headroom int64 // 0 means no limit
	limit    func(headroom int64, on bool) error
}

func (c *childRecorder) print(line toldLine) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

// Phase limits the memory of training alone: a compiler that runs out of it takes its process down.
func (c *childRecorder) Phase(phase protocol.Phase) {
	if c.headroom == 0 {
		return
	}
	if err := c.limit(c.headroom, phase == protocol.PhaseTraining); err != nil {
		panic(err)
	}
}
func (c *childRecorder) Progress(protocol.Phase, float64) {}
func (c *childRecorder) Plan(plan *protocol.Plan)         { c.print(toldLine{Plan: plan}) }
func (c *childRecorder) Step(m *protocol.TrainingMetrics) { c.print(toldLine{Metrics: m}) }
func (c *childRecorder) Evaluated(protocol.Evaluation)    {}
func (c *childRecorder) Memory(int64)                     {}
func (c *childRecorder) Sync(context.Context) error       { return nil }
func (c *childRecorder) Log(message string, warning bool) {
	if warning {
		c.print(toldLine{Warning: message})
	}
}

// TestChild is not a test: it is what a child process runs.
func TestChild(t *testing.T) {
	path := os.Getenv(childJob)
	if path == "" {
		t.Skip("for child processes of other tests")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var job Job
	if err := json.Unmarshal(text, &job); err != nil {
		t.Fatal(err)
	}
	told := &childRecorder{limit: limitMemory}
	if headroom := os.Getenv(memoryHeadroom); headroom != "" {
		if told.headroom, err = strconv.ParseInt(headroom, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Train(t.Context(), job, told); err != nil {
		told.print(toldLine{Failure: err.Error()})
	}
	os.Exit(0) // the framework's own lines would follow
}
