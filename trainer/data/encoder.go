package data

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// Tokenizer is what encoding needs of a tokenizer; *tokenizer.Tokenizer has it.
type Tokenizer interface {
	Encode(text string, addSpecial bool) []int32
	EncodeSpans(text string, addSpecial bool) ([]int32, []tokenizer.Span)
	IsSpecial(id int32) bool
}

// Values of EncoderOptions.Overlong: what happens to a sample that is longer
// than the block.
const (
	// Truncate keeps the first BlockSize tokens.
	Truncate = "truncate"
	// Drop leaves the sample out.
	Drop = "drop"
	// SplitBlocks cuts a text row into consecutive blocks. Each block but the
	// first begins with the last token of the one before, as context only, so that
	// every token of the row but its first stays a target exactly once. Rows of
	// the other kinds are truncated: their later blocks would lack the prompt.
	SplitBlocks = "split"
)

// Values of EncoderOptions.TrainOn: which tokens the loss is on.
const (
	// TrainAuto follows the kind of the row: all of a text, the completion of a
	// prompt, every assistant turn of a conversation.
	TrainAuto = "auto"
	// TrainAll takes every token but the first.
	TrainAll = "all"
	// TrainCompletion and TrainAssistant take completions and assistant turns, and
	// nothing of a text row.
	TrainCompletion = "completion"
	TrainAssistant  = "assistant"
	// TrainLastAssistant is TrainAssistant with only the last assistant turn of a
	// conversation.
	TrainLastAssistant = "last_assistant"
)

// EncoderOptions says how rows become samples.
type EncoderOptions struct {
	// ChatTemplate is the model's Jinja template, or "" when it has none. It is
	// needed for messages rows only; instruction rows use it when it is there.
	ChatTemplate string
	// BOS and EOS are token ids, -1 where the model has none. A text or a
	// completion ends with EOS; BOS begins a row only where the tokenizer's own
	// post-processor puts it.
	BOS, EOS int32
	// BOSToken and EOSToken are their text, as templates see it; "" is undefined.
	BOSToken, EOSToken string
	// BlockSize is the greatest number of tokens of a sample, at least 2.
	BlockSize int
	// Overlong is Truncate, Drop or SplitBlocks; "" is Truncate.
	Overlong string
	// TrainOn is one of the Train values; "" is TrainAuto.
	TrainOn string
	// Now is what a template's strftime_now formats; zero is the time of
	// NewEncoder. It is one time for all rows, so that a day's end in the middle
	// of a data set changes nothing.
	Now time.Time
}

// Sample is one sequence that the model is trained on.
type Sample struct {
	Row    int    // index of the row in the slice given to EncodeAll; 0 from Encode
	File   string // the row's File and Number, for messages to the user
	Number int
	Tokens []int32 // at least one, at most BlockSize
	Target []bool  // Target[i]: the loss is on predicting Tokens[i]; Target[0] is false
}

// Targets counts the target tokens of a sample.
func (s Sample) Targets() int {
	n := 0
	for _, target := range s.Target {
		if target {
			n++
		}
	}
	return n
}

// Encoder turns rows into samples. It is safe for concurrent use if its
// tokenizer is.
type Encoder struct {
	tokenizer Tokenizer
	options   EncoderOptions
	template  *chatTemplate // nil without one
	prefix    []int32       // what the post-processor puts before a text
	addsEOS   bool          // whether it puts EOS behind it
}

// NewEncoder checks the options and parses the chat template. A template that
// does not parse, or that cannot render a plain conversation exactly as Jinja
// would, is an error; leave ChatTemplate empty where no row needs it.
func NewEncoder(tok Tokenizer, options EncoderOptions) (*Encoder, error) {
	if options.Overlong == "" {
		options.Overlong = Truncate
	}
	if options.TrainOn == "" {
		options.TrainOn = TrainAuto
	}
	if options.Now.IsZero() {
		options.Now = time.Now()
	}
	if options.BlockSize < 2 {
		return nil, fmt.Errorf("block_size is %d; it must be at least 2: one token to read and one to predict", options.BlockSize)
	}
	if err := oneOf("overlong", options.Overlong, Truncate, Drop, SplitBlocks); err != nil {
		return nil, err
	}
	if err := oneOf("train_on", options.TrainOn, TrainAuto, TrainAll, TrainCompletion, TrainAssistant, TrainLastAssistant); err != nil {
		return nil, err
	}
	e := &Encoder{tokenizer: tok, options: options}
	e.detectSpecial()
	if options.ChatTemplate != "" {
		template, err := newChatTemplate(options)
		if err != nil {
			return nil, err
		}
		e.template = template
	}
	return e, nil
}

func oneOf(option, value string, accepted ...string) error {
	if slices.Contains(accepted, value) {
		return nil
	}
	return fmt.Errorf("%s is %q; accepted: %s", option, value, strings.Join(accepted, ", "))
}

// detectSpecial learns from an empty text what the post-processor adds. A lone
// token that is both BOS and EOS (GPT-2 has one for both) counts as BOS.
func (e *Encoder) detectSpecial() {
	added := e.tokenizer.Encode("", true)
	if last := len(added) - 1; last >= 0 && added[last] == e.options.EOS && (last > 0 || e.options.EOS != e.options.BOS) {
		e.addsEOS = true
		added = added[:last]
	}
	e.prefix = added
}

// encodeWhole encodes a row without regard to the block size.
func (e *Encoder) encodeWhole(row Row) (Sample, error) {
	var tokens []int32
	var target []bool
	var err error
	switch row.Kind {
	case Text:
		tokens, target = e.encodeText(row.Text)
	case PromptCompletion:
		tokens, target = e.encodePromptCompletion(row.Prompt, row.Completion)
	case Instruction:
		if e.template == nil {
			tokens, target = e.encodePromptCompletion(row.Prompt, row.Completion)
			break
		}
		tokens, target, err = e.encodeMessages([]Message{{Role: "user", Content: row.Prompt}, {Role: "assistant", Content: row.Completion}})
	case Messages:
		tokens, target, err = e.encodeMessages(row.Messages)
	default:
		err = fmt.Errorf("unknown kind of row %q", row.Kind)
	}
	if err == nil && len(tokens) == 0 {
		err = errors.New("the row encodes to no tokens: it holds no text that the tokenizer knows, and the model has no end-of-sequence token; remove the row")
	}
	if err != nil {
		return Sample{}, &RowError{File: row.File, Number: row.Number, Err: err}
	}
	target[0] = false
	return Sample{File: row.File, Number: row.Number, Tokens: tokens, Target: target}, nil
}

func (e *Encoder) encodeText(text string) ([]int32, []bool) {
	tokens := e.tokenizer.Encode(text, true)
	if !e.addsEOS {
		tokens = e.appendEOS(tokens)
	}
	isTarget := e.options.TrainOn == TrainAuto || e.options.TrainOn == TrainAll
	return tokens, slices.Repeat([]bool{isTarget}, len(tokens))
}

func (e *Encoder) appendEOS(tokens []int32) []int32 {
	if e.options.EOS < 0 {
		return tokens
	}
	return append(tokens, e.options.EOS)
}

// encodePromptCompletion encodes the two parts apart, so that the completion's
// tokens are the same whatever the prompt ends with.
func (e *Encoder) encodePromptCompletion(prompt, completion string) ([]int32, []bool) {
	tokens := slices.Clone(e.prefix)
	tokens = append(tokens, e.tokenizer.Encode(prompt, false)...)
	start := len(tokens)
	tokens = append(tokens, e.tokenizer.Encode(completion, false)...)
	tokens = e.appendEOS(tokens)
	target := make([]bool, len(tokens))
	for i := range target {
		target[i] = i >= start || e.options.TrainOn == TrainAll
	}
	return tokens, target
}
