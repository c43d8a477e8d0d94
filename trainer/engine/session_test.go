package engine

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/weights"
)

func archOf(t *testing.T, job Job) architecture.Config {
	t.Helper()
	source, err := weights.Open(job.Model)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	return source.Config
}

func openSession(t *testing.T, job Job, adapter string) *Session {
	t.Helper()
	session, err := Open(SessionOptions{Model: job.Model, Adapter: adapter, Device: "cpu", PluginDir: job.PluginDir, Precision: protocol.PrecisionF32})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	return session
}

// Scoring held-out rows from the files gives what the job itself measured.
func TestScoreAgreesWithTheJob(t *testing.T) {
	job := tinyJob(t, map[string]any{"max_steps": 10})
	job.ValData = writeRows(t, 17)
	result, _ := mustTrain(t, job)
	for what, c := range map[string]struct {
		adapter string
		want    *protocol.Float
	}{"base": {"", result.Summary.BaseValDataBPT}, "adapted": {job.Output, result.Summary.ValDataBPT}} {
		score, err := openSession(t, job, c.adapter).Score(t.Context(), job.ValData, ScoreOptions{TrainOn: protocol.TrainOnAuto, PerRow: true})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(score.DataBPT/float64(*c.want)-1) > 1e-5 || score.TargetTokens != result.Summary.ValTargetTokens || score.Rows != 17 {
			t.Errorf("%s: %+v, want %v bits over %d targets", what, score, *c.want, result.Summary.ValTargetTokens)
		}
		nll, targets := 0.0, 0
		for i, row := range score.PerRow {
			if row.Row != i+1 {
				t.Errorf("%s: row %d is called %d", what, i+1, row.Row)
			}
			nll, targets = nll+row.NLL, targets+row.TargetTokens
		}
		if math.Abs(nll-score.NLL) > 1e-9 || targets != score.TargetTokens {
			t.Errorf("%s: the rows add up to %g over %d, want %g over %d", what, nll, targets, score.NLL, score.TargetTokens)
		}
	}
}

// An adapter that has learnt its rows answers as they do; the base does not.
func TestGenerateWithAndWithoutTheAdapter(t *testing.T) {
	job := tinyJob(t, map[string]any{"max_steps": 150, "lora_r": 8, "lora_dropout": 0})
	mustTrain(t, job)
	session := openSession(t, job, job.Output)
	question := []data.Message{{Role: "user", Content: "say c"}}
	adapted, err := session.Generate(t.Context(), question, 12, true)
	if err != nil {
		t.Fatal(err)
	}
	base, err := session.Generate(t.Context(), question, 12, false)
	if err != nil {
		t.Fatal(err)
	}
	if adapted == base || len(adapted) < 3 || adapted[:3] != "ccc" {
		t.Errorf("with the adapter %q, without %q", adapted, base)
	}
}

func TestOpenRefusesWhatIsNotThere(t *testing.T) {
	job := tinyJob(t, nil)
	for name, o := range map[string]SessionOptions{
		"model":     {Model: "/nowhere", Device: "cpu", PluginDir: job.PluginDir, Precision: "f32"},
		"adapter":   {Model: job.Model, Adapter: t.TempDir(), Device: "cpu", PluginDir: job.PluginDir, Precision: "f32"},
		"device":    {Model: job.Model, Device: "tpu", PluginDir: job.PluginDir, Precision: "f32"},
		"precision": {Model: job.Model, Device: "cpu", PluginDir: job.PluginDir, Precision: "f8"},
	} {
		if session, err := Open(o); err == nil {
			session.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

func TestScoreRefusesRowsItCannotRead(t *testing.T) {
	job := tinyJob(t, nil)
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(`{"wrong":"field"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openSession(t, job, "").Score(t.Context(), path, ScoreOptions{TrainOn: "auto"}); err == nil {
		t.Error("scored")
	}
}
