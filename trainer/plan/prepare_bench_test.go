package plan

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/oracle"
)

// BenchmarkPrepare measures what a job costs that resembles the one before, as the next of a burst does, and what the first
// one costs. SCU_HOME's default model is used where there is one.
func BenchmarkPrepare(b *testing.B) {
	home := os.Getenv("SCU_HOME")
	model := DefaultModel
	if _, failure := FindModel(home, model); failure != nil {
		model = oracle.Load(b, "untied").ModelDirectory
	}
	rows := filepath.Join(b.TempDir(), "rows.jsonl")
	if err := os.WriteFile(rows, []byte(textRows(1000)), 0o600); err != nil {
		b.Fatal(err)
	}
	spec := protocol.JobSpec{BaseModel: model, TrainData: rows, ConfigOverrides: map[string]any{"lora_r": 8, "max_steps": 10}}
	prepare := func(b *testing.B, planner *Planner) {
		if _, failure := planner.Prepare(b.Context(), home, spec, DeviceCPU); failure != nil {
			b.Fatal(failure)
		}
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			prepare(b, NewPlanner())
		}
	})
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		planner := NewPlanner()
		prepare(b, planner)
		for b.Loop() {
			prepare(b, planner)
		}
	})
}
