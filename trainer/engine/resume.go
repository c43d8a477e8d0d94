package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/plan"
)

// mayChange lists the settings that may differ when a run goes on. They say when it is looked at, kept or ended, and not
// what a step does; gradient checkpointing changes a step's memory and time, and its figures by rounding only. The
// length of the run may not change: the learning rate of every step follows from it.
var mayChange = []string{
	"time_limit_minutes", "checkpoint_every", "keep_checkpoints", "eval_every", "early_stop_patience", "adapter_from",
	"non_finite_limit", "grad_checkpointing",
}

// identify names everything that the run follows from: the settings, the base model, the device, the rows as tokenised,
// and what the plan made of them. Another device rounds otherwise, so a run that changed over would be neither's.
func (r *run) identify(set *plan.Set) (checkpoint.Identity, error) {
	identity := checkpoint.Identity{}
	text, err := json.Marshal(&r.job.Config)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &identity); err != nil {
		return nil, err
	}
	for _, key := range mayChange {
		delete(identity, key)
	}
	fingerprint, err := r.source.Fingerprint()
	if err != nil {
		return nil, err
	}
	identity.Set("base model", fingerprint)
	identity.Set("device", r.job.Device)
	identity.Set("init adapter", r.job.InitAdapter)
	identity.Set("training rows", describeSamples(set.Train))
	identity.Set("held-out rows", describeSamples(set.Val))
	identity.Set("target tokens", r.plan.TargetTokens)
	identity.Set("total steps", r.plan.TotalSteps)
	return identity, nil
}

// describeSamples identifies tokenised rows, in their order, by their number and by what is in them.
func describeSamples(samples []data.Sample) string {
	digest := sha256.New()
	for _, sample := range samples {
		addSample(digest, sample)
	}
	return fmt.Sprintf("%d samples, SHA-256 %s", len(samples), hex.EncodeToString(digest.Sum(nil))[:16])
}

func addSample(digest hash.Hash, sample data.Sample) {
	buffer := make([]byte, 0, 8+5*len(sample.Tokens))
	buffer = binary.LittleEndian.AppendUint64(buffer, uint64(len(sample.Tokens)))
	for i, token := range sample.Tokens {
		buffer = binary.LittleEndian.AppendUint32(buffer, uint32(token))
		target := byte(0)
		if sample.Target[i] {
			target = 1
		}
		buffer = append(buffer, target)
	}
	digest.Write(buffer)
}

// checkIdentity refuses to go on where something that the run follows from has changed.
func (r *run) checkIdentity() error {
	if r.saved == nil {
		return nil
	}
	state := &r.saved.State
	if changes := state.Identity.Changes(r.identity); len(changes) > 0 {
		var told []string
		for _, change := range changes {
			told = append(told, change.String())
		}
		return protocol.NewError(protocol.CodeInvalidConfig, "the job cannot go on from its checkpoint of step %d: %s", state.Step, strings.Join(told, "; ")).
			WithHint("put back what has changed and try again, or submit a new job")
	}
	if size := len(r.saved.Vectors.Adapter); size != r.layout.Size {
		return fmt.Errorf("the checkpoint of step %d holds %d adapter weights, but this job has %d", state.Step, size, r.layout.Size)
	}
	if state.Build != r.job.Build {
		r.observer.Log(fmt.Sprintf("the checkpoint was written by another build of scu (%s); the steps from here on are those of this one (%s)", state.Build, r.job.Build), true)
	}
	r.measured = measured{startCost: state.Measured.StartCost, startSquares: state.Measured.StartSquares, base: toFloat(state.Measured.BaseDataBPT)}
	r.observer.Log(fmt.Sprintf("going on from the checkpoint of step %d of %d", state.Step, state.TotalSteps), false)
	return nil
}

// restoreOptimizer puts the optimizer where the checkpoint has it.
func (r *run) restoreOptimizer() error {
	if r.saved == nil {
		return nil
	}
	v := &r.saved.Vectors
	return r.optimizer.Restore(model.OptimizerState{Adapter: v.Adapter, First: v.First, Second: v.Second, Steps: r.saved.State.OptimizerSteps})
}

// restore puts the loop where a checkpoint has it.
func (t *training) restore(c *checkpoint.Checkpoint) error {
	s := &c.State
	t.steps, t.epoch, t.taken, t.dealt = s.Step, s.Epoch, s.MicroBatches, nil
	t.counters = s.Counters
	t.nonFinite = slices.DeleteFunc(t.nonFinite, func(n nonFiniteStep) bool { return n.Step > s.Step })
	t.best = nil
	if s.Best != nil {
		t.best = &bestAdapter{Best: *s.Best, values: c.Vectors.Best}
		if s.Best.Step == s.Step {
			t.best.values = c.Vectors.Adapter
		}
		t.best.values = slices.Clone(t.best.values)
	}
	t.last = s.Last
	if t.controller != nil {
		if s.Controller == nil {
			return fmt.Errorf("the checkpoint of step %d has no state of the controller", s.Step)
		}
		return t.controller.Restore(*s.Controller)
	}
	return nil
}

// snapshot is what restore takes, with the vectors.
func (t *training) snapshot() (*checkpoint.Checkpoint, error) {
	vectors, err := t.optimizer.State()
	if err != nil {
		return nil, err
	}
	t.counters.Seconds = t.elapsed().Seconds()
	c := &checkpoint.Checkpoint{
		State: checkpoint.State{
			Build: t.job.Build, Identity: t.identity, Step: t.steps, OptimizerSteps: vectors.Steps, Epoch: t.epoch, MicroBatches: t.taken,
			TotalSteps: t.plan.TotalSteps, WarmupSteps: t.schedule.warmup, PriorSigma: t.prior.Sigma, TargetTokens: t.prior.TargetTokens,
			Parts: t.fit.parts, GradCheckpointing: t.fit.gradCheckpointing && !t.job.Config.GradCheckpointing,
			Measured: checkpoint.Measured{BaseDataBPT: toNumber(t.measured.base), StartCost: t.measured.startCost, StartSquares: t.measured.startSquares},
			Counters: t.counters, Last: t.last, Untold: untoldOf(t.untold),
		},
		Vectors: checkpoint.Vectors{Adapter: vectors.Adapter, First: vectors.First, Second: vectors.Second},
	}
	if t.plan.Config.PriorCenter == protocol.CenterInit {
		if c.Vectors.Center, err = t.optimizer.Center(); err != nil {
			return nil, err
		}
	}
	if t.controller != nil {
		state := t.controller.State()
		c.State.Controller = &state
	}
	if t.best != nil {
		c.State.Best = &t.best.Best
		if t.best.Step != t.steps {
			c.Vectors.Best = t.best.values
		}
	}
	return c, nil
}

func toFloat(n *checkpoint.Number) *protocol.Float {
	if n == nil {
		return nil
	}
	f := protocol.Float(*n)
	return &f
}

func toNumber(f *protocol.Float) *checkpoint.Number {
	if f == nil {
		return nil
	}
	n := checkpoint.Number(*f)
	return &n
}
