package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// parsePreTokenizer reads the pre_tokenizer section.
func parsePreTokenizer(raw json.RawMessage) (preTokenizer, error) {
	steps, err := flatten(raw, "pre_tokenizer", "pretokenizers")
	if err != nil {
		return preTokenizer{}, err
	}
	var pre preTokenizer
	for _, step := range steps {
		kind, err := componentType(step)
		if err != nil {
			return preTokenizer{}, fmt.Errorf("pre_tokenizer: %w", err)
		}
		if pre.byteLevel {
			return preTokenizer{}, errors.New("pre_tokenizer: ByteLevel must be the last step, and the only ByteLevel; other orders are not supported")
		}
		if err := pre.addStep(kind, step); err != nil {
			return preTokenizer{}, err
		}
	}
	return pre, nil
}

func (p *preTokenizer) addStep(kind string, raw json.RawMessage) error {
	var step preTokenizerStep
	var err error
	switch kind {
	case "null":
		return nil
	case "ByteLevel":
		err = p.addByteLevel(raw)
	case "Digits":
		step, err = parseDigits(raw)
	case "Metaspace":
		step, err = parseMetaspace(raw)
	case "Punctuation":
		step, err = parsePunctuation(raw)
	case "Split":
		step, err = parseSplit(raw)
	case "Whitespace":
		step, err = splitWords, noOptions(raw)
	case "WhitespaceSplit":
		step, err = splitWhitespace, noOptions(raw)
	default:
		return notSupported("pre_tokenizer", kind, "ByteLevel", "Digits", "Metaspace", "Punctuation", "Split", "Whitespace", "WhitespaceSplit", "Sequence", "null")
	}
	if err != nil {
		return fmt.Errorf("pre_tokenizer %s: %w", kind, err)
	}
	if step != nil {
		p.steps = append(p.steps, step)
	}
	return nil
}

// byteLevelFile is a ByteLevel, which is a pre-tokenizer, a post-processor and a decoder.
type byteLevelFile struct {
	Type           string `json:"type"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	TrimOffsets    *bool  `json:"trim_offsets"` // of no effect here: spans are never trimmed
	UseRegex       *bool  `json:"use_regex"`    // true where it is missing
}

func (p *preTokenizer) addByteLevel(raw json.RawMessage) error {
	var file byteLevelFile
	if err := decodeStrict(raw, &file); err != nil {
		return err
	}
	if file.AddPrefixSpace == nil {
		return errors.New("add_prefix_space is missing; set it to true or false")
	}
	p.byteLevel = true
	if *file.AddPrefixSpace {
		p.steps = append(p.steps, prefixSpace{})
	}
	if file.UseRegex == nil || *file.UseRegex {
		p.steps = append(p.steps, splitter(splitGPT2))
	}
	return nil
}

func parseDigits(raw json.RawMessage) (preTokenizerStep, error) {
	var file struct {
		Type             string `json:"type"`
		IndividualDigits *bool  `json:"individual_digits"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return nil, err
	}
	if file.IndividualDigits == nil {
		return nil, errors.New("individual_digits is missing; set it to true or false")
	}
	if *file.IndividualDigits {
		return splitter(splitDigit), nil
	}
	return splitter(splitDigitRuns), nil
}

// parseMetaspace reads a Metaspace, which is a pre-tokenizer and a decoder. Older files say add_prefix_space; newer ones
// prepend_scheme.
func parseMetaspace(raw json.RawMessage) (metaspace, error) {
	var file struct {
		Type           string         `json:"type"`
		Replacement    string         `json:"replacement"`
		AddPrefixSpace *bool          `json:"add_prefix_space"`
		PrependScheme  *prependScheme `json:"prepend_scheme"`
		Split          *bool          `json:"split"`   // true where it is missing
		Text           *string        `json:"str_rep"` // the replacement once more, in older files
	}
	if err := decodeStrict(raw, &file); err != nil {
		return metaspace{}, err
	}
	parsed := metaspace{replacement: file.Replacement, scheme: prependAlways, split: file.Split == nil || *file.Split}
	if file.PrependScheme != nil {
		parsed.scheme = *file.PrependScheme
	}
	if file.AddPrefixSpace != nil && !*file.AddPrefixSpace {
		if file.PrependScheme != nil && parsed.scheme != prependNever {
			return metaspace{}, fmt.Errorf("add_prefix_space is false, but prepend_scheme is %q; remove one of them", parsed.scheme)
		}
		parsed.scheme = prependNever
	}
	switch {
	case utf8.RuneCountInString(parsed.replacement) != 1:
		return metaspace{}, errors.New("want a replacement of one character")
	case !slices.Contains([]prependScheme{prependAlways, prependFirst, prependNever}, parsed.scheme):
		return metaspace{}, fmt.Errorf("prepend_scheme %q is not supported; supported: always, first, never", parsed.scheme)
	}
	return parsed, nil
}

func parsePunctuation(raw json.RawMessage) (preTokenizerStep, error) {
	var file struct {
		Type     string             `json:"type"`
		Behavior *delimiterBehavior `json:"behavior"` // Isolated where it is missing
	}
	if err := decodeStrict(raw, &file); err != nil {
		return nil, err
	}
	behavior := delimiterIsolated
	if file.Behavior != nil {
		behavior = *file.Behavior
	}
	return delimiterSplit{find: findRunes(isPunctuation), behavior: behavior}, behavior.check()
}

func (b delimiterBehavior) check() error {
	if !slices.Contains(delimiterBehaviors, b) {
		return fmt.Errorf("behavior %q is not supported; supported: %v", b, delimiterBehaviors)
	}
	return nil
}

// patterns are the regular expressions that there is a splitter for.
var patterns = map[string]splitter{
	patternGPT2:   splitGPT2,
	patternLlama3: splitLlama3,
	patternQwen2:  splitQwen2,
	patternTekken: splitTekken,
}

func parseSplit(raw json.RawMessage) (preTokenizerStep, error) {
	var file struct {
		Type     string            `json:"type"`
		Pattern  patternFile       `json:"pattern"`
		Behavior delimiterBehavior `json:"behavior"`
		Invert   *bool             `json:"invert"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return nil, err
	}
	if err := file.Behavior.check(); err != nil {
		return nil, err
	}
	if file.Invert == nil {
		return nil, errors.New("invert is missing; set it to true or false")
	}
	if err := file.Pattern.check(); err != nil {
		return nil, err
	}
	cut := delimiterSplit{invert: *file.Invert, behavior: file.Behavior}
	if file.Pattern.Regex == nil {
		cut.find = findText(*file.Pattern.String)
		return cut, nil
	}
	split, ok := patterns[*file.Pattern.Regex]
	if !ok {
		return nil, fmt.Errorf("pattern %q is not supported; supported: those of GPT-2, Llama 3, Qwen2 and Tekken, and patterns of kind String", *file.Pattern.Regex)
	}
	// The matches cover the text, so where nothing is merged they are the parts.
	if cut.behavior == delimiterIsolated || cut.behavior == delimiterRemoved && cut.invert {
		return split, nil
	}
	cut.find = func(text string) (start, end int) { return 0, split(text) }
	return cut, nil
}
