package engine

import (
	"testing"

	"github.com/shannon-labs/scu/trainer/plan"
)

func TestMemoryIsToldOnceStepsRunAndAsItGrows(t *testing.T) {
	t.Parallel()
	result, told := mustTrain(t, tinyJob(t, map[string]any{"max_steps": 4}))
	if len(told.memory) == 0 {
		t.Fatal("nothing was told")
	}
	for i, bytes := range told.memory {
		if i > 0 && bytes <= told.memory[i-1]+told.memory[i-1]/10 {
			t.Errorf("told are %d and then %d, which is no tenth more", told.memory[i-1], bytes)
		}
	}
	first, last := told.memory[0], told.memory[len(told.memory)-1]
	if first < 1<<20 || last > PeakResidentBytes() || result.Summary.PeakMemoryBytes > last+last/10 {
		t.Errorf("told are %d to %d, and the process held %d at most", first, last, result.Summary.PeakMemoryBytes)
	}
}

func TestTheMemoryOfOtherDevicesIsNotMadeUp(t *testing.T) {
	t.Parallel()
	told := &recorder{}
	r := &run{job: Job{Device: plan.DeviceCUDA}, observer: told}
	r.tellMemory()
	if len(told.memory) != 0 {
		t.Errorf("told %d", told.memory)
	}
}
