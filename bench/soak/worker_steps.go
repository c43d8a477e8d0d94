package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"github.com/shannon-labs/scu/trainer/checkpoint"
	"github.com/shannon-labs/scu/trainer/durable"
)

const tokensOfStep = 10

// train takes the steps that are left.
func (w *worker) train() error {
	for w.step < w.script.Steps {
		time.Sleep(w.script.Pace) // the work of a step
		if err := w.takeStep(); err != nil {
			return err
		}
		if every := w.script.CheckpointEvery; every > 0 && w.step%every == 0 {
			if err := w.writeCheckpoint(); err != nil {
				return err
			}
		}
		if err := w.trip(); err != nil {
			return err
		}
		if w.pausing.Load() && !w.script.DeafToPause {
			return w.pause()
		}
	}
	return nil
}

func (w *worker) takeStep() error {
	w.step++
	w.weight = nextWeight(w.weight, w.step)
	if err := w.journal.note(wordStep, w.step); err != nil {
		return err
	}
	if w.step == 1 && w.script.MemoryAtStep1 > 0 {
		w.say(frame.Event{Memory: &frame.Memory{Bytes: w.script.MemoryAtStep1}})
	}
	if w.step <= w.start.Told {
		return nil // it is known, and comes out the same
	}
	if every := w.script.LogEvery; every > 0 && w.step%every == 0 {
		w.say(frame.Event{Log: &frame.Log{Message: fmt.Sprintf("step %d", w.step)}})
	}
	w.say(frame.Event{Metrics: &protocol.TrainingMetrics{
		Step: w.step, DataBPT: w.script.costAt(w.step), Tokens: tokensOfStep, TargetTokens: tokensOfStep, EtaMinutes: 1, CreatedAt: time.Now().UTC(),
	}})
	return nil
}

// trip is what goes wrong after a step.
func (w *worker) trip() error {
	if w.attempt <= len(w.script.CrashAt) && w.step == w.script.CrashAt[w.attempt-1] {
		fmt.Fprintf(os.Stderr, "worker %d breaks, as its script says\n", w.attempt)
		os.Exit(exitCrashed)
	}
	if w.attempt > 1 {
		return nil
	}
	switch w.step {
	case w.script.HangAt:
		time.Sleep(time.Hour) // the daemon ends it long before
	case w.script.FailAt:
		w.say(frame.Event{Failed: protocol.NewError(protocol.CodeNonFinite, "the loss is not finite at step %d, as the script says", w.step)})
		if err := w.journal.note(wordEnd, "failed"); err != nil {
			return err
		}
		return errEnded
	}
	return nil
}

func (w *worker) pause() error {
	if err := w.writeCheckpoint(); err != nil {
		return err
	}
	w.say(frame.Event{Paused: &frame.Paused{Step: w.step}})
	if err := w.journal.note(wordEnd, "paused"); err != nil {
		return err
	}
	return errEnded
}

// writeCheckpoint waits until everything that was told is stored, since a checkpoint may not be ahead of that.
func (w *worker) writeCheckpoint() error {
	w.say(frame.Event{Sync: &frame.Sync{}})
	<-w.stored
	weight := []float32{float32(w.weight)}
	if err := w.checkpoints.Write(&checkpoint.Checkpoint{
		State:   checkpoint.State{Step: w.step, TotalSteps: w.script.Steps, TargetTokens: 100, Parts: 1, PriorSigma: 0.5},
		Vectors: checkpoint.Vectors{Adapter: weight, First: weight, Second: weight},
	}, 2); err != nil {
		return err
	}
	return w.journal.note(wordCheckpoint, w.step)
}

// The files of an adapter. The second makes the directory take longer to become whole.
const (
	adapterWeights = "adapter_model.safetensors"
	adapterConfig  = "adapter_config.json"
)

// finish makes the adapter and says the last word.
func (w *worker) finish() error {
	w.say(frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseSaving}})
	temporary := filepath.Join(filepath.Dir(w.start.Output), durable.TemporaryPrefix+filepath.Base(w.start.Output))
	if err := os.Mkdir(temporary, 0o700); err != nil {
		return err
	}
	weights := fmt.Appendf(nil, "%d\n", w.weight)
	for _, file := range []struct {
		name    string
		content []byte
	}{{adapterWeights, weights}, {adapterConfig, []byte("{}\n")}} {
		if err := durable.WriteBytes(filepath.Join(temporary, file.name), file.content); err != nil {
			return err
		}
		time.Sleep(w.script.SaveTime)
	}
	if err := durable.Rename(temporary, w.start.Output); err != nil {
		return err
	}
	if err := w.journal.note(wordSaved, filepath.Base(w.start.Output)); err != nil {
		return err
	}
	w.say(frame.Event{Done: &frame.Done{
		Summary: protocol.RunSummary{Steps: w.step, TargetTokens: 100, FinalS: protocol.NaN()},
		Files:   []string{adapterWeights, adapterConfig}, SizeBytes: int64(len(weights) + 3), SHA256: fmt.Sprint(w.weight),
	}})
	return nil
}
