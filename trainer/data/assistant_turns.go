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
// token behind it. tokens and spans are the encoding of rendered.
func (e *Encoder) assistantTurns(messages []Message, rendered string, tokens []int32, spans []tokenizer.Span) ([]tokenizer.Span, error) {
	special := e.specialSpans(tokens, spans)
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
	turn, bounded := e.turnByPrefix(messages, i, rendered)
	if bounded {
		contentEnd := turn.Start + contentEnd(rendered[turn.Start:turn.End], messages[i].Content)
		if end, ok := firstWithin(special, contentEnd, turn.End); ok {
			return tokenizer.Span{Start: turn.Start, End: end}, nil
		}
		text := strings.TrimRightFunc(rendered[turn.Start:turn.End], unicode.IsSpace)
		return tokenizer.Span{Start: turn.Start, End: turn.Start + len(text)}, nil
	}
	content, err := e.contentByMarker(messages, i, rendered)
	if err != nil {
		return tokenizer.Span{}, err
	}
	// Without a bound, only a special token next to the content is surely its own:
	// one on a later line may well begin the next turn.
	gap := rendered[content.End:]
	next := content.End + len(gap) - len(strings.TrimLeft(gap, " "))
	if end, ok := firstWithin(special, next, next+1); ok {
		return tokenizer.Span{Start: content.Start, End: end}, nil
	}
	return content, nil
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

// contentEnd returns where the content ends within a turn's text: templates
// often trim it. It is 0 when the template has changed the content otherwise.
func contentEnd(turn, content string) int {
	for _, candidate := range []string{content, strings.TrimSpace(content)} {
		if at := strings.Index(turn, candidate); at >= 0 {
			return at + len(candidate)
		}
	}
	return 0
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
