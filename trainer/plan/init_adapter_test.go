package plan

import (
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/oracle"
)

func TestAnInitialAdapterGivesItsShape(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "untied")
	prepare := func(directory string, overrides map[string]any) (*Prepared, *protocol.Error) {
		spec := tinySpec(t, overrides)
		spec.BaseModel, spec.InitAdapter = c.ModelDirectory, directory
		return planner.Prepare(t.Context(), t.TempDir(), spec, DeviceCPU)
	}
	prepared, failure := prepare(c.DoRA.AdapterDirectory, map[string]any{"block_size": 32})
	if failure != nil {
		t.Fatal(failure)
	}
	if config := prepared.Config; config.LoraR != 4 || config.LoraAlpha != 8 || !config.UseDora || config.UseRSLora || prepared.Reasons["use_dora"] == "" {
		t.Errorf("%+v", config)
	}
	_, failure = prepare(c.DoRA.AdapterDirectory, map[string]any{"block_size": 32, "use_dora": false})
	if failure == nil || !strings.Contains(failure.Message, "has use_dora true, but this job has use_dora false") {
		t.Errorf("%v", failure)
	}
	_, failure = prepare(c.SubsetAdapterDirectory, map[string]any{"block_size": 32, "lora_r": 8, "target_modules": "all-linear"})
	if failure == nil || !strings.Contains(failure.Message, "lora_r 4") || !strings.Contains(failure.Message, "lora_r 8") || !strings.Contains(failure.Message, "down_proj") {
		t.Errorf("%v", failure)
	}
}
