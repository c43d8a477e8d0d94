package plan

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
)

// smolLM2 is the architecture of the model that was measured.
const smolLM2 = `{"model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
	"num_key_value_heads": 3, "vocab_size": 49152, "max_position_embeddings": 8192, "tie_word_embeddings": true, "rms_norm_eps": 1e-5}`

// newWorkload is that of a job with these settings.
func newWorkload(t *testing.T, config, device string, settings map[string]any, dataBytes int64) *workload {
	t.Helper()
	arch, err := architecture.Parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	resolved, _, failure := resolve(protocol.JobSpec{ConfigOverrides: settings}, situation{
		parameters: arch.Parameters(), dataBytes: dataBytes, context: arch.ContextLength, modules: arch.ModuleNames(), device: device,
	})
	if failure != nil {
		t.Fatal(failure)
	}
	layout, err := lora.NewLayout(arch, AdapterConfig(&resolved))
	if err != nil {
		t.Fatal(err)
	}
	return &workload{architecture: &arch, layout: layout, config: &resolved, device: device, batch: largestBatch(&resolved), dataBytes: dataBytes}
}

// The file is what bench/memory prints, whose documentation has the command.
func TestTheEstimateAgainstWhatWasMeasured(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "memory.json"))
	if err != nil {
		t.Fatal(err)
	}
	var measured []struct {
		Name     string
		Settings map[string]any
		Data     int64 `json:"data_bytes"`
		Peak     int64 `json:"peak_bytes"`
	}
	if err := json.Unmarshal(text, &measured); err != nil {
		t.Fatal(err)
	}
	if len(measured) < 10 {
		t.Errorf("only %d cases were measured", len(measured))
	}
	for _, m := range measured {
		estimate := newWorkload(t, smolLM2, DeviceCPU, m.Settings, m.Data).memory()
		ratio := float64(estimate) / float64(m.Peak)
		t.Logf("%-26s %5.0f MB measured, %5.0f MB estimated: %.2f", m.Name, float64(m.Peak)/1e6, float64(estimate)/1e6, ratio)
		if ratio < 0.95 || ratio > 1.25 {
			t.Errorf("%s: the estimate is %.2f of what was measured", m.Name, ratio)
		}
	}
}

func TestWhatMemoryDependsOn(t *testing.T) {
	t.Parallel()
	estimate := func(device string, more map[string]any) int64 {
		settings := map[string]any{"precision": "f32", "micro_batch": 2, "block_size": 1024, "lora_r": 16}
		for key, value := range more {
			settings[key] = value
		}
		return newWorkload(t, smolLM2, device, settings, 1<<20).memory()
	}
	plain := estimate(DeviceCPU, nil)
	for name, c := range map[string]struct {
		settings map[string]any
		more     bool
	}{
		"half precision":       {map[string]any{"precision": "bf16"}, false},
		"checkpointing":        {map[string]any{"grad_checkpointing": true}, false},
		"fewer rows":           {map[string]any{"micro_batch": 1}, false},
		"shorter rows":         {map[string]any{"block_size": 512}, false},
		"fewer modules":        {map[string]any{"target_modules": "q_proj"}, false},
		"no dropout":           {map[string]any{"lora_dropout": 0}, false},
		"a larger rank":        {map[string]any{"lora_r": 64}, true},
		"magnitudes":           {map[string]any{"use_dora": true}, true},
		"more rows":            {map[string]any{"micro_batch": 4}, true},
		"longer rows":          {map[string]any{"block_size": 2048}, true},
		"accumulation is free": {map[string]any{"grad_accum": 64}, false},
	} {
		if got := estimate(DeviceCPU, c.settings); c.more && got <= plain || !c.more && got > plain || name != "accumulation is free" && got == plain {
			t.Errorf("%s: %d, and %d without", name, got, plain)
		}
	}
	if got := estimate(DeviceCUDA, nil); got >= plain {
		t.Errorf("a GPU need not hold the process and the rows: %d against %d", got, plain)
	}
	w := newWorkload(t, smolLM2, DeviceCPU, map[string]any{"block_size": 1024, "micro_batch": 4}, 1<<20)
	shapes := []data.Shape{{Rows: 4, Length: 64, Capacity: 64}, {Rows: 4, Length: 512, Capacity: 2048}, {Rows: 4, Length: 128, Capacity: 512}}
	whole := w.memory()
	w.batch = shapes[1]
	if got := w.memoryOf(shapes); got != w.memory() || got >= whole {
		t.Errorf("of these batches the largest takes %d, of the settings %d", got, whole)
	}
}

// What a window hides is not kept.
func TestWindowsSpareMemory(t *testing.T) {
	t.Parallel()
	settings := map[string]any{"block_size": 2048}
	whole := newWorkload(t, smolLM2, DeviceCPU, settings, 1<<20)
	windowed := newWorkload(t, smolLM2, DeviceCPU, settings, 1<<20)
	windowed.architecture.Windows = make([]int, windowed.architecture.Layers)
	windowed.architecture.Windows[3] = 256
	// Sixteen blocks of 128 queries: the last of n sees 128·n keys, or with the window the 384 that its first query reaches.
	cells := int64(128 * (128*16*17/2 - (128 + 256 + 14*384)))
	if got, want := float64(whole.memory()-windowed.memory()), float64(cells*9*whole.operandBytes())*6/5*9/8*margin; math.Abs(got/want-1) > 1e-3 {
		t.Errorf("a window of 256 spares %.0f bytes, want %.0f", got, want)
	}
}

func TestPreparedJobsSayWhatTheyTake(t *testing.T) {
	t.Parallel()
	spec := tinySpec(t, map[string]any{"block_size": 64})
	prepared, failure := planner.Prepare(t.Context(), t.TempDir(), spec, DeviceCPU)
	if failure != nil {
		t.Fatal(failure)
	}
	plan, failure := planner.Estimate(t.Context(), t.TempDir(), spec, DeviceCPU)
	if failure != nil {
		t.Fatal(failure)
	}
	if prepared.Parameters != plan.BaseParameters || plan.MemoryBytes <= cpuProcess || plan.MemoryBytes > prepared.MemoryBytes {
		t.Errorf("prepared %d parameters and %d bytes, planned %d and %d", prepared.Parameters, prepared.MemoryBytes, plan.BaseParameters, plan.MemoryBytes)
	}
}
