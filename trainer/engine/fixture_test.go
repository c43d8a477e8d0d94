package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/plan"
)

// recorder keeps what a job tells.
type recorder struct {
	phases      []protocol.Phase
	plan        *protocol.Plan
	steps       []*protocol.TrainingMetrics
	evaluations []protocol.Evaluation
	warnings    []string
	logs        []string // the other lines
	memory      []int64
	order       []string // "step 3", "evaluated 3", … as they came
	onStep      func(step int)
	onPhase     func(phases []protocol.Phase)
	onSync      func() error
}

func (r *recorder) Plan(plan *protocol.Plan)         { r.plan = plan }
func (r *recorder) Progress(protocol.Phase, float64) {}
func (r *recorder) Memory(bytes int64)               { r.memory = append(r.memory, bytes) }

func (r *recorder) Sync(ctx context.Context) error {
	if r.onSync != nil {
		return r.onSync()
	}
	return ctx.Err()
}

func (r *recorder) Evaluated(e protocol.Evaluation) {
	r.evaluations = append(r.evaluations, e)
	r.order = append(r.order, fmt.Sprint("evaluated ", e.Step))
}

func (r *recorder) Phase(phase protocol.Phase) {
	r.phases = append(r.phases, phase)
	if r.onPhase != nil {
		r.onPhase(r.phases)
	}
}

func (r *recorder) Step(metrics *protocol.TrainingMetrics) {
	r.steps = append(r.steps, metrics)
	r.order = append(r.order, fmt.Sprint("step ", metrics.Step))
	if r.onStep != nil {
		r.onStep(metrics.Step)
	}
}

func (r *recorder) Log(message string, warning bool) {
	if warning {
		r.warnings = append(r.warnings, message)
		return
	}
	r.logs = append(r.logs, message)
}

// pluginDir is where the XLA plugin is: the tests need the real one.
func pluginDir(t testing.TB) string {
	t.Helper()
	if home := os.Getenv("SCU_HOME"); home != "" {
		return filepath.Join(home, "pjrt")
	}
	user, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(user, ".scu", "pjrt")
}

// writeRows writes a file of conversations of which each answer follows from its question.
func writeRows(t testing.TB, count int) string {
	t.Helper()
	var lines strings.Builder
	for i := range count {
		fmt.Fprintf(&lines, `{"messages":[{"role":"user","content":"say %c"},{"role":"assistant","content":"%s"}]}`+"\n",
			'a'+i%20, strings.Repeat(string(rune('a'+i%20)), 3+i%4))
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tinyJob is a job on a random model of the oracle, small enough for a test, with some settings changed.
func tinyJob(t testing.TB, overrides map[string]any) Job {
	t.Helper()
	model := oracle.Load(t, "untied").ModelDirectory
	settings := map[string]any{
		"precision": "f32", "lora_r": 4, "block_size": 64, "micro_batch": 2, "grad_accum": 2, "max_steps": 6,
		"learning_rate": 5e-3, "val_fraction": 0.2, "lora_dropout": 0.1,
	}
	for key, value := range overrides {
		settings[key] = value
	}
	rows := writeRows(t, 40)
	prepared, failure := plan.NewPlanner().Prepare(t.Context(), t.TempDir(),
		protocol.JobSpec{BaseModel: model, TrainData: rows, ConfigOverrides: settings}, plan.DeviceCPU)
	if failure != nil {
		t.Fatal(failure)
	}
	return Job{
		Model: prepared.ModelPath, ModelName: model, TrainData: rows, Output: filepath.Join(t.TempDir(), "adapter"),
		Device: "cpu", PluginDir: pluginDir(t), Config: prepared.Config, Reasons: prepared.Reasons,
	}
}

func mustTrain(t testing.TB, job Job) (*Result, *recorder) {
	t.Helper()
	told := &recorder{}
	result, err := Train(t.Context(), job, told)
	if err != nil {
		t.Fatal(err)
	}
	return result, told
}

// startTraining brings a job to where its first step is due.
func startTraining(t *testing.T, job Job, observer Observer) *training {
	t.Helper()
	r := newRun(job, observer)
	r.stopsWithoutMemory = false
	t.Cleanup(r.close)
	plugin, err := findPlugin(job.Device, job.PluginDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.openCheckpoints(); err != nil {
		t.Fatal(err)
	}
	if err := r.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.load(plugin); err != nil {
		t.Fatal(err)
	}
	if err := r.measureStart(t.Context()); err != nil {
		t.Fatal(err)
	}
	started, err := newTraining(r)
	if err != nil {
		t.Fatal(err)
	}
	started.began = time.Now()
	return started
}
