package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

// A run begins smaller than the one that the system killed, and no smaller than it must.
func TestARunBeginsSmallerThanTheOneThatWasKilled(t *testing.T) {
	t.Parallel()
	job := tinyJob(t, map[string]any{"micro_batch": 4, "grad_accum": 3, "packing": "off", "val_fraction": 0.0})
	for name, c := range map[string]struct {
		before     Before
		saved      *checkpoint.State
		want       fit
		micro      int
		accumulate int
		says       string // the one warning; empty for none
	}{
		"the first":                      {Before{}, nil, fit{1, false}, 4, 3, ""},
		"after a kill":                   {Before{OutOfMemory: "it was killed"}, nil, fit{2, false}, 2, 6, "because memory ran out: micro_batch goes from 4 to 2 and grad_accum from 3 to 6"},
		"after another":                  {Before{Parts: 2, OutOfMemory: "it was killed"}, nil, fit{4, false}, 1, 12, "micro_batch goes from 2 to 1 and grad_accum from 6 to 12"},
		"with an older checkpoint":       {Before{Parts: 2, OutOfMemory: "it was killed"}, &checkpoint.State{Parts: 1}, fit{4, false}, 1, 12, "micro_batch goes from 2 to 1"},
		"with a checkpoint of then":      {Before{Parts: 2, OutOfMemory: "it was killed"}, &checkpoint.State{Parts: 2}, fit{4, false}, 1, 12, "micro_batch goes from 2 to 1"},
		"with a smaller checkpoint":      {Before{Parts: 1, OutOfMemory: "it was killed"}, &checkpoint.State{Parts: 2}, fit{2, false}, 2, 6, ""},
		"the smallest micro-batch":       {Before{Parts: 4, OutOfMemory: "it was killed"}, nil, fit{4, true}, 1, 12, "grad_checkpointing goes from off to on"},
		"not killed, come down before":   {Before{Parts: 2}, nil, fit{2, false}, 2, 6, ""},
		"not killed, with checkpointing": {Before{Parts: 1, GradCheckpointing: true}, &checkpoint.State{Parts: 4}, fit{4, true}, 1, 12, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := &recorder{}
			r := &run{job: job, observer: told}
			t.Cleanup(r.close)
			r.job.Before = c.before
			if c.saved != nil {
				r.saved = &checkpoint.Checkpoint{State: *c.saved}
			}
			if err := r.prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			config := told.plan.Config
			if r.fit != c.want || config.MicroBatch != c.micro || config.GradAccum != c.accumulate || config.GradCheckpointing != c.want.gradCheckpointing {
				t.Errorf("begins with %+v: %+v", r.fit, config)
			}
			if reason := told.plan.Reasons["micro_batch"]; (c.want.parts > 1) != strings.Contains(reason, "did not fit") {
				t.Errorf("the reason is %q", reason)
			}
			warned := slices.ContainsFunc(told.warnings, func(w string) bool { return strings.Contains(w, "memory") })
			if warned != (c.says != "") || c.says != "" && !strings.Contains(strings.Join(told.warnings, "\n"), c.says) {
				t.Errorf("warned %q", told.warnings)
			}
		})
	}
}

func TestAKilledRunThatCannotBeSmallerSaysWhatToDo(t *testing.T) {
	t.Parallel()
	r := &run{job: tinyJob(t, map[string]any{"micro_batch": 2, "packing": "off"}), observer: &recorder{}}
	t.Cleanup(r.close)
	r.job.Before = Before{Parts: 2, GradCheckpointing: true, OutOfMemory: "it was killed"}
	var failure *protocol.Error
	if err := r.prepare(t.Context()); !errors.As(err, &failure) || failure.Code != protocol.CodeOutOfMemory || !strings.Contains(failure.Hint, "block_size") || !strings.Contains(failure.Message, "one block at a time") || !strings.Contains(failure.Message, "it was killed") {
		t.Errorf("got %v", err)
	}
}
