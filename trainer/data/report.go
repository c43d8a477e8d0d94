package data

import (
	"errors"
	"fmt"
)

// Report counts what encoding made of a set of rows.
type Report struct {
	Rows         int // rows given
	Samples      int // samples kept; all have targets
	Tokens       int // tokens of the samples kept
	TargetTokens int // target tokens of the samples kept: N of one pass over them
	Longest      int // tokens of the longest row, before cutting

	Truncated int // rows cut at the block size
	Dropped   int // rows left out because they were longer
	Split     int // rows cut into several samples

	// WithoutTargets counts rows left out because no target is left in them;
	// FirstWithoutTargets names the first few.
	WithoutTargets      int
	FirstWithoutTargets []RowRef
	// TargetsCutAway counts those among them that had targets before cutting.
	TargetsCutAway int

	// Rows with targets that have nothing but white space for a text, for a prompt or
	// a user's turn, and for an answer: a completion or an assistant's turn.
	BlankTexts, BlankPrompts, BlankAnswers Tally
}

// shownRows is how many row numbers a report lists.
const shownRows = 10

func (r *Report) count(whole Sample, fate fate) {
	r.Rows++
	r.Longest = max(r.Longest, len(whole.Tokens))
	switch fate {
	case truncated:
		r.Truncated++
	case dropped:
		r.Dropped++
	case splitUp:
		r.Split++
	}
}

func (r *Report) withoutTargets(whole Sample) {
	r.WithoutTargets++
	if len(r.FirstWithoutTargets) < shownRows {
		r.FirstWithoutTargets = append(r.FirstWithoutTargets, RowRef{whole.File, whole.Number})
	}
	if whole.Targets() > 0 {
		r.TargetsCutAway++
	}
}

// add counts what became of further rows.
func (r *Report) add(more Report) {
	r.Rows += more.Rows
	r.Samples += more.Samples
	r.Tokens += more.Tokens
	r.TargetTokens += more.TargetTokens
	r.Longest = max(r.Longest, more.Longest)
	r.Truncated += more.Truncated
	r.Dropped += more.Dropped
	r.Split += more.Split
	r.WithoutTargets += more.WithoutTargets
	r.FirstWithoutTargets = append(r.FirstWithoutTargets, more.FirstWithoutTargets[:min(len(more.FirstWithoutTargets), shownRows-len(r.FirstWithoutTargets))]...)
	r.TargetsCutAway += more.TargetsCutAway
	r.BlankTexts.addAll(more.BlankTexts)
	r.BlankPrompts.addAll(more.BlankPrompts)
	r.BlankAnswers.addAll(more.BlankAnswers)
}

// Warnings says what was cut, left out or is doubtful of the rows called name, one line each.
func (r Report) Warnings(name string, blockSize int) []string {
	var warnings []string
	add := func(count int, what string) {
		if count > 0 {
			warnings = append(warnings, fmt.Sprintf("%d of %d %s rows %s", count, r.Rows, name, what))
		}
	}
	add(r.Truncated, fmt.Sprintf("were longer than block_size %d and cut", blockSize))
	add(r.Dropped, fmt.Sprintf("were longer than block_size %d and dropped", blockSize))
	add(r.WithoutTargets, fmt.Sprintf("have no target token and are left out (the first: %s)", nameRows(r.FirstWithoutTargets)))
	tell := func(t Tally, what string) { add(t.Rows, fmt.Sprintf("%s (the first: %s)", what, nameRows(t.First))) }
	tell(r.BlankTexts, "have a text of white space alone")
	tell(r.BlankPrompts, "have an empty prompt or user turn")
	tell(r.BlankAnswers, "have an empty answer, which teaches the model to say nothing")
	return warnings
}

// noTargets explains why nothing is left to train on. Causes can mix; each that
// occurs is said with its count.
func (e *Encoder) noTargets(r Report) error {
	if r.Rows == 0 {
		return errors.New("there are no rows to train on; give a data file with at least one row")
	}
	message := fmt.Sprintf("no target token is left in %d rows:", r.Rows)
	if r.Dropped > 0 {
		message += fmt.Sprintf(" %d are longer than block_size %d and dropped (the longest row has %d tokens; raise block_size, or set overlong to %s);", r.Dropped, e.options.BlockSize, r.Longest, Truncate)
	}
	if r.TargetsCutAway > 0 {
		message += fmt.Sprintf(" %d have all their targets cut away at block_size %d (the longest row has %d tokens; raise block_size);", r.TargetsCutAway, e.options.BlockSize, r.Longest)
	}
	if bare := r.WithoutTargets - r.TargetsCutAway; bare > 0 {
		message += fmt.Sprintf(" %d hold nothing that train_on %q takes (an assistant turn, a completion, or a text of more than one token; set train_on to %s or check the rows);", bare, e.options.TrainOn, TrainAll)
	}
	if len(r.FirstWithoutTargets) > 0 {
		message += fmt.Sprintf(" the first without a target: %s;", nameRows(r.FirstWithoutTargets))
	}
	return errors.New(message[:len(message)-1])
}
