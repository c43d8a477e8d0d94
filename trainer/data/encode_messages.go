package data

import (
	"errors"
	"strings"
	"unicode"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// errNoTemplate is what a conversation meets in a model without a chat template.
var errNoTemplate = errors.New(`the model has no chat template, so a row with messages cannot be encoded; use rows with "prompt" and "completion", or a model that has a template (an instruct model)`)

// EncodePrompt encodes a conversation and what comes before the assistant's next
// turn: the tokens after which a model writes its answer.
func (e *Encoder) EncodePrompt(messages []Message) ([]int32, error) {
	if e.template == nil {
		return nil, errNoTemplate
	}
	rendered, err := e.template.render(messages, true)
	if err != nil {
		return nil, err
	}
	return e.tokenizer.Encode(rendered, false), nil
}

// encodeMessages renders the conversation and encodes it once, without adding a
// BOS: the template writes its own.
func (e *Encoder) encodeMessages(messages []Message) ([]int32, []bool, error) {
	if e.template == nil {
		return nil, nil, errNoTemplate
	}
	rendered, err := e.template.render(messages, false)
	if err != nil {
		return nil, nil, err
	}
	tokens, spans := e.tokenizer.EncodeSpans(rendered, false)
	target := make([]bool, len(tokens))
	special := e.specialSpans(tokens, spans)
	if e.options.TrainOn == TrainAll {
		for i := range target {
			target[i] = true
		}
	} else {
		turns, err := e.assistantTurns(messages, rendered, special)
		if err != nil {
			return nil, nil, err
		}
		markTargets(target, spans, turns)
	}
	if e.endsOpen(messages, rendered, special) {
		tokens, target = append(tokens, e.options.EOS), append(target, true)
	}
	return tokens, target, nil
}

// endsOpen reports whether the conversation ends with an assistant's turn behind
// which the template writes no special token. A model that is trained on such turns
// never learns to end one, so that EOS has to be added.
func (e *Encoder) endsOpen(messages []Message, rendered string, special []tokenizer.Span) bool {
	if e.options.EOS < 0 || len(messages) == 0 || messages[len(messages)-1].Role != "assistant" {
		return false
	}
	end := len(strings.TrimRightFunc(rendered, unicode.IsSpace))
	return len(special) == 0 || special[len(special)-1].End < end
}

// markTargets marks the tokens that share at least one byte with a turn. Both
// lists are in order.
func markTargets(target []bool, tokens []tokenizer.Span, turns []tokenizer.Span) {
	next := 0
	for i, token := range tokens {
		for next < len(turns) && turns[next].End <= token.Start {
			next++
		}
		if next == len(turns) {
			return
		}
		target[i] = token.Start < turns[next].End && token.End > turns[next].Start && token.End > token.Start
	}
}
