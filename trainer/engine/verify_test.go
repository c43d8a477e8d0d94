package engine

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/lora"
)

func TestASavedAdapterThatActsOtherwiseIsFound(t *testing.T) {
	job := tinyJob(t, nil)
	r := startTraining(t, job, &recorder{})
	fresh := r.layout.Initial(1)
	trained := slices.Clone(fresh)
	for i := r.layout.Slots[0].B; i < r.layout.Slots[0].B+8; i++ {
		trained[i] = 0.5
	}
	changed := func(by float32) []float32 {
		values := slices.Clone(trained)
		values[r.layout.Slots[0].B] += by
		return values
	}
	check := func(trained, reloaded []float32) (protocol.RunSummary, error) {
		var summary protocol.RunSummary
		err := r.checkReloaded(t.Context(), &lora.Adapter{Layout: r.layout, Values: trained}, &lora.Adapter{Layout: r.layout, Values: reloaded}, &summary)
		return summary, err
	}
	if summary, err := check(fresh, fresh); err != nil || summary.LogitChange != 0 {
		t.Errorf("an adapter that adds nothing: %v, %v", summary.LogitChange, err)
	}
	if summary, err := check(trained, slices.Clone(trained)); err != nil || !(summary.LogitChange > 1e-3) || summary.ReloadLogitDiff != 0 {
		t.Errorf("an adapter as it was saved: %v, %v, %v", summary.LogitChange, summary.ReloadLogitDiff, err)
	}
	stronger := *r.layout
	stronger.Config.Alpha *= 4
	var summary protocol.RunSummary
	err := r.checkReloaded(t.Context(), &lora.Adapter{Layout: r.layout, Values: trained}, &lora.Adapter{Layout: &stronger, Values: trained}, &summary)
	if err == nil || !strings.Contains(err.Error(), "other logits") {
		t.Errorf("another lora_alpha on disk: %v", err)
	}
	for name, reloaded := range map[string][]float32{
		"one weight off": changed(0.1), "not a number": changed(float32(math.NaN())), "without its B": fresh,
	} {
		if _, err := check(trained, reloaded); err == nil || !strings.Contains(err.Error(), "other logits") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
