package data

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// assistantTurns returns, in order, the byte spans of the rendered conversation
// that are targets: what the assistant says in each turn, with the end-of-turn
// token behind it. special is where the special tokens of rendered lie.
func (e *Encoder) assistantTurns(messages []Message, rendered string, special []tokenizer.Span) ([]tokenizer.Span, error) {
	first := 0
	if e.options.TrainOn == TrainLastAssistant {
		for i, message := range messages {
			if message.Role == "assistant" {
				first = i
			}
		}
	}
	var turns []tokenizer.Span
	for i := first; i < len(messages); i++ {
		if messages[i].Role != "assistant" {
			continue
		}
		turn, err := e.assistantTurn(messages, i, rendered, special)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		if last := len(turns) - 1; last >= 0 && turn.Start < turns[last].End {
			return nil, fmt.Errorf("message %d: the chat template writes the assistant turns out of order, so their tokens cannot be told apart", i+1)
		}
		turns = append(turns, turn)
	}
	return turns, nil
}

// specialSpans returns where the special tokens of an encoding lie.
func (e *Encoder) specialSpans(tokens []int32, spans []tokenizer.Span) []tokenizer.Span {
	var special []tokenizer.Span
	for i, id := range tokens {
		if e.tokenizer.IsSpecial(id) && spans[i].End > spans[i].Start {
			special = append(special, spans[i])
		}
	}
	return special
}

// assistantTurn finds the target span of one turn.
//
// Templates say nothing of where a turn lies, so it is found by rendering the
// conversation in other ways. What the template writes up to the assistant's
// turn, generation prompt included, is what the model sees before it speaks;
// what it writes up to the turn's end bounds the turn. Both must be prefixes of
// the whole. Where they are not (templates that treat the last turn apart, or
// that have no generation prompt) the content itself is located instead.
func (e *Encoder) assistantTurn(messages []Message, i int, rendered string, special []tokenizer.Span) (tokenizer.Span, error) {
	if turn, bounded := e.turnByPrefix(messages, i, rendered); bounded {
		content := e.contentWithin(messages, i, rendered, turn)
		// A special token before the content begins a header, not what is said.
		if _, header := firstWithin(special, turn.Start, content.Start); !header {
			return tokenizer.Span{Start: turn.Start, End: endOfTurn(rendered, turn, content, special)}, nil
		}
	}
	content, err := e.contentByMarker(messages, i, rendered)
	if err != nil {
		return tokenizer.Span{}, err
	}
	start := e.spokenFrom(messages, i, rendered, content.Start, special)
	if end, ok := specialBehind(rendered, content.End, special); ok {
		return tokenizer.Span{Start: start, End: end}, nil
	}
	return tokenizer.Span{Start: start, End: content.End}, nil
}

// contentWithin locates the content of message i in its turn. It is an empty span
// behind the turn's first byte when the template has changed the content.
func (e *Encoder) contentWithin(messages []Message, i int, rendered string, turn tokenizer.Span) tokenizer.Span {
	text, content := rendered[turn.Start:turn.End], messages[i].Content
	if strings.TrimSpace(content) == "" { // it is everywhere
		if found, err := e.contentByMarker(messages, i, rendered); err == nil && found.Start >= turn.Start && found.End <= turn.End {
			return found
		}
		return tokenizer.Span{Start: turn.Start + 1, End: turn.Start + 1}
	}
	for _, candidate := range []string{content, strings.TrimSpace(content)} { // templates often trim it
		if at := strings.Index(text, candidate); at >= 0 {
			return tokenizer.Span{Start: turn.Start + at, End: turn.Start + at + len(candidate)}
		}
	}
	return tokenizer.Span{Start: turn.Start + 1, End: turn.Start + 1}
}

// endOfTurn is the end of the first special token behind the content. Some
// templates leave it out behind the last turn, so that it lies outside of what
// bounds the turn; and some write none.
func endOfTurn(rendered string, turn, content tokenizer.Span, special []tokenizer.Span) int {
	if end, ok := firstWithin(special, content.End, turn.End); ok {
		return end
	}
	if end, ok := specialBehind(rendered, content.End, special); ok {
		return end
	}
	text := strings.TrimRightFunc(rendered[turn.Start:turn.End], unicode.IsSpace)
	return max(turn.Start+len(text), content.End)
}

// specialBehind returns the end of a special token that follows at once, but for
// spaces. Without a bound, only such a one is surely the turn's own: one on a later
// line may well begin the next turn.
func specialBehind(rendered string, at int, special []tokenizer.Span) (end int, ok bool) {
	gap := rendered[at:]
	next := at + len(gap) - len(strings.TrimLeft(gap, " "))
	return firstWithin(special, next, next+1)
}

// spokenFrom returns where the assistant begins to speak, whose content begins at
// content. Spaces before it are its own, as they are where a prefix ends without
// them. So is what stands between the generation prompt and the content (some
// templates write empty thoughts there) if no special token is in it.
func (e *Encoder) spokenFrom(messages []Message, i int, rendered string, content int, special []tokenizer.Span) int {
	spaces := len(strings.TrimRight(rendered[:content], " "))
	prompt := e.generationPrompt(messages[:i])
	at := strings.LastIndex(rendered[:content], prompt)
	if prompt == "" || at < 0 {
		return spaces
	}
	start := at + len(prompt)
	if _, found := firstWithin(special, start, content); found {
		return spaces
	}
	return start
}

// generationPrompt is what the template writes before an assistant's turn, or ""
// where it writes nothing.
func (e *Encoder) generationPrompt(messages []Message) string {
	without, err := e.template.render(messages, false)
	if err != nil {
		return ""
	}
	with, err := e.template.render(messages, true)
	if err != nil || !strings.HasPrefix(with, without) {
		return ""
	}
	return with[len(without):]
}

// turnByPrefix returns the span between the generation prompt before message i
// and the end of message i, if both are prefixes of the whole rendering.
func (e *Encoder) turnByPrefix(messages []Message, i int, rendered string) (tokenizer.Span, bool) {
	before, err := e.template.render(messages[:i], true)
	if err != nil {
		return tokenizer.Span{}, false
	}
	silent, err := e.template.render(messages[:i], false)
	if err != nil || len(silent) >= len(before) && !e.contentFollows(messages, i, before, rendered) {
		return tokenizer.Span{}, false
	}
	through, err := e.template.render(messages[:i+1], false)
	if err != nil || len(before) > len(through) {
		return tokenizer.Span{}, false
	}
	if !strings.HasPrefix(rendered, before) || !strings.HasPrefix(rendered, through) {
		return tokenizer.Span{}, false
	}
	return tokenizer.Span{Start: len(before), End: len(through)}, true
}

// contentFollows tells a template that needs no generation prompt (the content
// comes next, perhaps behind spaces) from one that merely lacks it, where the
// header of the turn would be taken for a part of it.
func (e *Encoder) contentFollows(messages []Message, i int, before, rendered string) bool {
	if !strings.HasPrefix(rendered, before) {
		return false
	}
	content, err := e.contentByMarker(messages, i, rendered)
	return err == nil && content.Start >= len(before) && strings.TrimSpace(rendered[len(before):content.Start]) == ""
}

// firstWithin returns the end of the first span that begins in [from, to).
func firstWithin(spans []tokenizer.Span, from, to int) (end int, ok bool) {
	at, _ := slices.BinarySearchFunc(spans, from, func(s tokenizer.Span, from int) int { return s.Start - from })
	if at < len(spans) && spans[at].Start < to {
		return spans[at].End, true
	}
	return 0, false
}

var errTurnNotFound = errors.New("the assistant's text cannot be found in what the chat template renders, so it is not known which tokens to train on; " +
	`use train_on "all", or rows with "prompt" and "completion"`)

// contentByMarker renders the conversation again with a marker in place of the
// content of message i. What stands around the marker also stands around the
// content, if the template does not look into the content.
func (e *Encoder) contentByMarker(messages []Message, i int, rendered string) (tokenizer.Span, error) {
	marker := "ASSISTANTTURN"
	for strings.Contains(rendered, marker) {
		marker += "X"
	}
	replaced := slices.Clone(messages)
	replaced[i].Content = marker
	marked, err := e.template.render(replaced, false)
	if err != nil || strings.Count(marked, marker) != 1 {
		return tokenizer.Span{}, errTurnNotFound
	}
	before, after, _ := strings.Cut(marked, marker)
	if len(before)+len(after) > len(rendered) || !strings.HasPrefix(rendered, before) || !strings.HasSuffix(rendered, after) {
		return tokenizer.Span{}, errTurnNotFound
	}
	return tokenizer.Span{Start: len(before), End: len(rendered) - len(after)}, nil
}
